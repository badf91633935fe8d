//! Concerns for programs: `/v1/concerns`, what one touches, and how it is settled.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{id::ConcernId, settlement::Settlement};
use serde::Deserialize;
use uuid::Uuid;

use super::problem::Failure;
use crate::{
    db::office::{self, ConcernSeen, ConcernShown, ConcernsWanted},
    error::Error,
    server::Server,
    settle::{self, Settled, Unsettled, Wanted},
};

/// Concerns in one answer.
const CONCERNS_MAX: i64 = 10_000;

type Shared = State<Arc<Server>>;
type Answer<T> = Result<Json<T>, Failure>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/concerns", get(list))
        .route("/v1/concerns/{concern}", get(show))
        .route("/v1/concerns/{concern}/settle", post(settle_it))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    all: bool,
    /// An order, product, person, device or place.
    about: Option<Uuid>,
    limit: Option<i64>,
}

async fn list(State(server): Shared, asked: Result<Query<Asked>, QueryRejection>) -> Answer<Vec<ConcernSeen>> {
    let Query(Asked { all, about, limit }) = asked?;
    let limit = limit.unwrap_or(1_000).clamp(1, CONCERNS_MAX);
    let wanted = ConcernsWanted { with_closed: all, concern_id: None, about, limit };
    Ok(Json(server.db.snapshot(|tx| async move { office::concerns(&tx, wanted).await }).await?))
}

async fn show(State(server): Shared, Path(concern): Path<String>) -> Answer<ConcernShown> {
    let concern_id: ConcernId = concern.parse()?;
    let shown = server.db.snapshot(|tx| async move { office::show_concern(&tx, concern_id).await }).await?;
    Ok(Json(shown.ok_or(Error::NotFound { what: "concern", name: concern })?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettlementAsked {
    settlement_id: Uuid,
    settlement: Settlement,
    by: String,
    note: Option<String>,
    act: Option<String>,
}

async fn settle_it(
    State(server): Shared,
    Path(concern): Path<String>,
    body: Result<Json<SettlementAsked>, JsonRejection>,
) -> Answer<Settled> {
    let Json(SettlementAsked { settlement_id, settlement, by, note, act }) = body?;
    let wanted = Wanted { settlement_id, settlement, by, note, act };
    Ok(Json(settle::settle(&server, concern.parse()?, &wanted).await?))
}

impl From<Unsettled> for Failure {
    fn from(unsettled: Unsettled) -> Self {
        let status = match unsettled {
            Unsettled::Server(error) => return error.into(),
            Unsettled::NotPossible { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Unsettled::Over | Unsettled::IdTaken | Unsettled::InDoubt(_) => StatusCode::CONFLICT,
        };
        Self::new(status, unsettled.code(), unsettled.to_string())
    }
}
