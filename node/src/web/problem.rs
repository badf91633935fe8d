//! What is wrong with a request, as JSON with the status that belongs to it.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use outpost_sync::wire::Problem;
use serde::Serialize;
use serde_json::Value;

use crate::{
    carried::NotCarried,
    error::{Error, Refused},
    shortage::Shortage,
};

/// A request that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// How HTTP calls it.
    pub status: StatusCode,
    /// What is wrong, for programs and people.
    pub problem: Problem,
    /// Figures of the case, and what can be done, for programs.
    pub detail: Option<Value>,
}

/// A problem as it is answered.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    problem: Problem,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Value>,
}

/// What a handler answers.
pub type Answer<T> = Result<Json<T>, Failed>;

impl Failed {
    /// A problem with its status.
    pub fn new(status: StatusCode, code: &str, sentence: impl Into<String>) -> Self {
        Self { status, problem: Problem::new(code, sentence), detail: None }
    }

    /// A sale that the allotment does not cover: why, and what can be done.
    pub fn shortage(shortage: &Shortage) -> Self {
        let refused = Refused::AllotmentSpent { product: shortage.product_id, left: shortage.left };
        let problem = Problem::new(refused.code(), shortage.sentence());
        Self { status: refusal(&refused), problem, detail: serde_json::to_value(shortage).ok() }
    }

    /// The line or the server is the reason.
    pub fn line(problem: Problem) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, problem, detail: None }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let status = status_of(&error);
        if status.is_server_error() {
            tracing::error!(code = error.code(), %error, "a request failed");
        }
        Self { status, problem: Problem::new(error.code(), error.to_string()), detail: None }
    }
}

impl From<NotCarried> for Failed {
    fn from(not: NotCarried) -> Self {
        let status = match not {
            NotCarried::Node(error) => return error.into(),
            NotCarried::File(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotCarried::OtherDevice | NotCarried::OtherLife | NotCarried::JournalOver => StatusCode::CONFLICT,
        };
        Self::new(status, not.code(), not.to_string())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self { status, problem, detail } = self;
        (status, Json(Told { problem, detail })).into_response()
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Fault(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Refused(refused) => refusal(refused),
        Error::NotJoined | Error::OtherCard => StatusCode::CONFLICT,
        Error::DiskFull | Error::NoRoomToMigrate { .. } => StatusCode::INSUFFICIENT_STORAGE,
        Error::BadFile(_) | Error::Busy | Error::ReadOnly | Error::Locked { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::MissingFolder { .. }
        | Error::Damaged { .. }
        | Error::NewerSchema { .. }
        | Error::ChangedMigration { .. }
        | Error::Files { .. }
        | Error::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refusal(refused: &Refused) -> StatusCode {
    match refused {
        Refused::NotCounted(not) if not.is_unknown() => StatusCode::NOT_FOUND,
        Refused::UnknownProduct { .. }
        | Refused::UnknownCustomer { .. }
        | Refused::UnknownAddress { .. }
        | Refused::UnknownOrder { .. }
        | Refused::UnknownCart { .. }
        | Refused::UnknownWarehouse { .. }
        | Refused::UnknownTransfer { .. }
        | Refused::UnknownDelivery { .. }
        | Refused::UnknownReceipt { .. }
        | Refused::UnknownReturn { .. } => StatusCode::NOT_FOUND,
        Refused::NoPrice { .. }
        | Refused::ProductTwice { .. }
        | Refused::TenderShort { .. }
        | Refused::TenderOver { .. }
        | Refused::CashShort { .. }
        | Refused::NegativeTender
        | Refused::RefundUnknown
        | Refused::OtherTender { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::AllotmentSpent { .. }
        | Refused::MoreThanOpen { .. }
        | Refused::RolledBack
        | Refused::Suspended
        | Refused::NotSuspended
        | Refused::NotLeft { .. }
        | Refused::EmailKnown { .. }
        | Refused::OtherWarehouse { .. }
        | Refused::BeyondFree { .. }
        | Refused::NothingToUndo
        | Refused::AlreadyThere { .. }
        | Refused::NotCounted(_)
        | Refused::NotHandedOver { .. }
        | Refused::MoreThanBought { .. }
        | Refused::NothingLeft
        | Refused::RefundTooMuch { .. }
        | Refused::RefundNeedsLine { .. } => StatusCode::CONFLICT,
    }
}
