//! What head office's own routes answer when something is wrong, as a [`Failure`].

use axum::{
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
};
use outpost_sync::wire::Problem;

use super::problem::Failure;
use crate::publish::{PublishError, Refusal};

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Failed(error) => error.into(),
            PublishError::Refused(refusal) => Self { status: status(&refusal), problem: Problem::from(refusal) },
        }
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Fault(_) | Refusal::NotAPath(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::NoProduct(_) | Refusal::NoCategory(_) => StatusCode::NOT_FOUND,
        Refusal::SkuTaken { .. }
        | Refusal::BarcodeTaken { .. }
        | Refusal::CategoryTaken { .. }
        | Refusal::InUse { .. } => StatusCode::CONFLICT,
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "unreadable_body", rejection.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "unreadable_query", rejection.body_text())
    }
}
