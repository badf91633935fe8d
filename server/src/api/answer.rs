//! What is answered when something is wrong: a status, and a problem as JSON.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use outpost_schema::fault::Fault;
use outpost_sync::wire::Problem;

use crate::{
    error::Error,
    publish::{PublishError, Refusal},
};

/// A problem with the status it is answered with.
#[derive(Debug)]
pub struct Failure(pub StatusCode, pub Problem);

impl Failure {
    /// Something that is not there.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self(StatusCode::NOT_FOUND, Problem::new("not_found", format!("there is no {what} {name}; look at the list")))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.0.is_server_error() {
            tracing::error!(code = self.1.code, "{}", self.1.sentence);
        }
        (self.0, Json(self.1)).into_response()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = if matches!(error, Error::NoConnection(_)) {
            StatusCode::SERVICE_UNAVAILABLE
        } else if matches!(error, Error::NotFound { .. }) {
            StatusCode::NOT_FOUND
        } else if error.is_our_failure() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        Self(status, error.into())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, fault.into())
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let status = match &error {
            PublishError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            PublishError::Refused(refusal) => match refusal {
                Refusal::Fault(_) | Refusal::NotAPath(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refusal::NoProduct(_) | Refusal::NoCategory(_) => StatusCode::NOT_FOUND,
                Refusal::SkuTaken { .. }
                | Refusal::BarcodeTaken { .. }
                | Refusal::CategoryTaken { .. }
                | Refusal::InUse { .. } => StatusCode::CONFLICT,
            },
        };
        Self(status, error.into())
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), Problem::new("unreadable_body", rejection.body_text()))
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self(rejection.status(), Problem::new("unreadable_query", rejection.body_text()))
    }
}
