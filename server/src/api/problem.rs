//! What is answered when something is wrong: a status and a [`Problem`] as JSON. What went wrong
//! inside is logged, once and here, and never shown.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use outpost_schema::fault::Fault;
use outpost_sync::wire::Problem;
use tokio_postgres::error::SqlState;

use crate::{
    error::Error,
    feed::{Unserved, lane::BUSY_SECONDS},
    hold,
};

/// Who finds the database away or a place taken asks again after this many seconds, not at once.
const RETRY_SECONDS: u16 = 2;

/// A problem with its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// What is wrong.
    pub problem: Problem,
}

impl Failure {
    /// A failure with this status, code and sentence.
    pub fn new(status: StatusCode, code: &str, sentence: impl Into<String>) -> Self {
        Self { status, problem: Problem::new(code, sentence) }
    }

    fn bad(problem: Problem) -> Self {
        Self { status: StatusCode::BAD_REQUEST, problem }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let is_line_full = self.problem.code == Unserved::BusyCatchingUp.code();
        let retry_after = if is_line_full { BUSY_SECONDS } else { RETRY_SECONDS };
        let mut response = (self.status, Json(self.problem)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
        }
        response
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, problem: fault.into() }
    }
}

/// A problem that [`outpost_sync::codec`] found in a body.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem.code.as_str() {
            "body_too_large" => Self { status: StatusCode::PAYLOAD_TOO_LARGE, problem },
            "unknown_encoding" => Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, problem },
            _ => Self::bad(problem),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Fault(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::UnknownNode => StatusCode::FORBIDDEN,
            Error::BrokenChain { .. } | Error::HoleMisfit => StatusCode::BAD_REQUEST,
            Error::NotYours => StatusCode::FORBIDDEN,
            Error::NoHole { .. } => StatusCode::CONFLICT,
            Error::TooMuch { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::NameTaken { .. }
            | Error::HomeTaken { .. }
            | Error::OtherCurrency { .. }
            | Error::LifeTaken
            | Error::StillOpen { .. } => StatusCode::CONFLICT,
            Error::Migrate(_)
            | Error::NoConnection(_)
            | Error::Db(_)
            | Error::CommitUnknown(_)
            | Error::ArchiveBehind { .. }
            | Error::RestoreUnfinished
            | Error::NoStandby { .. } => return ours(&error),
        };
        Self { status, problem: error.into() }
    }
}

/// What is told of an error that is our own.
pub fn ours(error: &Error) -> Failure {
    match error {
        Error::CommitUnknown(_) => {
            tracing::warn!("a commit's answer was lost: {error}");
            let sentence = "whether this was kept is not known, because head office's database went away; send it again, a repeat changes nothing";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "commit_unknown", sentence)
        }
        // The log says so once, when it begins and when it ends.
        Error::ArchiveBehind { .. } => Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string()),
        Error::NoConnection(_) | Error::Db(_) if is_away(error) => {
            tracing::warn!("the database is away: {error}");
            let sentence = "head office's database is away; nothing was changed, ask again in a moment";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_away", sentence)
        }
        Error::NoConnection(_)
        | Error::Db(_)
        | Error::Migrate(_)
        | Error::RestoreUnfinished
        | Error::NoStandby { .. }
        | Error::Fault(_)
        | Error::UnknownNode
        | Error::BrokenChain { .. }
        | Error::NotYours
        | Error::NoHole { .. }
        | Error::HoleMisfit
        | Error::TooMuch { .. }
        | Error::NotFound { .. }
        | Error::NameTaken { .. }
        | Error::HomeTaken { .. }
        | Error::LifeTaken
        | Error::StillOpen { .. }
        | Error::OtherCurrency { .. } => {
            tracing::error!("a request failed inside: {error}");
            let sentence = "head office failed at this; it is in its log, tell whoever looks after it";
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", sentence)
        }
    }
}

/// Whether Postgres could not be reached, is starting or stopping, or has no connection left.
fn is_away(error: &Error) -> bool {
    let Error::Db(error) = error else { return true };
    let away = [
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::TOO_MANY_CONNECTIONS,
    ];
    // Without a state the error is the client's own: a connection that broke, unless a value could not be read.
    error.code().map_or_else(|| !is_unreadable(error), |state| away.contains(&state))
}

/// Whether a row could not be read; the library gives this error no other mark.
fn is_unreadable(error: &tokio_postgres::Error) -> bool {
    !error.is_closed() && !std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

impl From<Unserved> for Failure {
    fn from(unserved: Unserved) -> Self {
        let status = match unserved {
            Unserved::Server(error) => return error.into(),
            Unserved::BadCursor(_) => StatusCode::BAD_REQUEST,
            Unserved::CursorAhead => StatusCode::CONFLICT,
            Unserved::TooLongAway | Unserved::OtherPlaces => StatusCode::GONE,
            Unserved::TooManyWaiting | Unserved::BusyCatchingUp => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, unserved.code(), unserved.to_string())
    }
}

impl From<hold::Unheld> for Failure {
    fn from(unheld: hold::Unheld) -> Self {
        let status = match &unheld {
            hold::Unheld::Failed(error) => return ours(error),
            hold::Unheld::TooManyWaiting | hold::Unheld::Recovering { .. } => StatusCode::SERVICE_UNAVAILABLE,
            hold::Unheld::UnknownHold | hold::Unheld::UnknownStock => StatusCode::NOT_FOUND,
            hold::Unheld::UnknownNode | hold::Unheld::Frozen | hold::Unheld::Suspended | hold::Unheld::Elsewhere => {
                StatusCode::FORBIDDEN
            }
            hold::Unheld::BadSeconds | hold::Unheld::BadLines => StatusCode::UNPROCESSABLE_ENTITY,
            hold::Unheld::NothingLeft { .. } | hold::Unheld::IdTaken | hold::Unheld::Closed => StatusCode::CONFLICT,
        };
        Self { status, problem: unheld.into() }
    }
}
