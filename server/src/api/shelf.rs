//! Stock looked at closely, for programs: promises, movements, what runs low; and the rules of head office.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{delete, get},
};
use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, RuleId, WarehouseId},
    rule::{RuleSort, Says},
    stock::StockKey,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::problem::Failure;
use crate::{
    db::{
        rules::{self as kept, RuleSeen},
        shelf::{self, LowSeen, MovementPlace, MovementSeen, Promise},
    },
    error::Error,
    rules,
    server::Server,
};

/// Rows in one answer.
const ROWS_MAX: i64 = 10_000;

/// Rows in one answer, if nobody says how many.
const ROWS_USUAL: i64 = 1_000;

type Shared = State<Arc<Server>>;
type Answer<T> = Result<Json<T>, Failure>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/stock/promises", get(promises))
        .route("/v1/stock/movements", get(movements))
        .route("/v1/stock/low", get(low))
        .route("/v1/rules", get(list).put(lay_down))
        .route("/v1/rules/{rule}", delete(take_back))
}

fn rows(limit: Option<i64>) -> i64 {
    limit.unwrap_or(ROWS_USUAL).clamp(1, ROWS_MAX)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromisesAsked {
    product_id: ProductId,
    warehouse_id: Option<WarehouseId>,
    limit: Option<i64>,
}

async fn promises(State(server): Shared, asked: Asked<PromisesAsked>) -> Answer<Vec<Promise>> {
    let Query(PromisesAsked { product_id, warehouse_id, limit }) = asked?;
    let limit = rows(limit);
    let work = |tx| async move { shelf::promises(&tx, product_id, warehouse_id, limit).await };
    Ok(Json(server.db.snapshot(work).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MovementsAsked {
    product_id: ProductId,
    warehouse_id: Option<WarehouseId>,
    /// The place of the last one of the page before, as it was told.
    at: Option<Timestamp>,
    by: Option<Uuid>,
    seq: Option<i64>,
    line: Option<i32>,
    limit: Option<i64>,
}

async fn movements(State(server): Shared, asked: Asked<MovementsAsked>) -> Answer<Vec<MovementSeen>> {
    let Query(asked) = asked?;
    let MovementsAsked { product_id, warehouse_id, at, by, seq, line, limit } = asked;
    let place = at.zip(by).zip(seq.zip(line));
    let place = place.map(|((at, by), (seq, line))| MovementPlace { at, by, seq, line });
    let limit = rows(limit);
    let work = |tx| async move { shelf::movements(&tx, product_id, warehouse_id, place, limit).await };
    Ok(Json(server.db.snapshot(work).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LowAsked {
    warehouse_id: Option<WarehouseId>,
    after_product: Option<ProductId>,
    after_warehouse: Option<WarehouseId>,
    limit: Option<i64>,
}

async fn low(State(server): Shared, asked: Asked<LowAsked>) -> Answer<Vec<LowSeen>> {
    let Query(asked) = asked?;
    let after = asked.after_product.zip(asked.after_warehouse);
    let after = after.map(|(product_id, warehouse_id)| StockKey { product_id, warehouse_id });
    let (place, limit) = (asked.warehouse_id, rows(asked.limit));
    Ok(Json(server.db.snapshot(|tx| async move { shelf::low(&tx, place, after, limit).await }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesAsked {
    sort: Option<RuleSort>,
    after: Option<RuleId>,
    limit: Option<i64>,
}

async fn list(State(server): Shared, asked: Asked<RulesAsked>) -> Answer<Vec<RuleSeen>> {
    let Query(RulesAsked { sort, after, limit }) = asked?;
    let limit = rows(limit);
    Ok(Json(server.db.snapshot(|tx| async move { kept::list(&tx, sort, after, limit).await }).await?))
}

/// Lays rules down, all of them or none.
async fn lay_down(State(server): Shared, body: Result<Json<Vec<Says>>, JsonRejection>) -> Answer<Value> {
    let Json(says) = body?;
    Ok(Json(json!({ "changed": rules::lay_down(&server, &says).await? })))
}

async fn take_back(State(server): Shared, Path(rule): Path<String>) -> Result<StatusCode, Failure> {
    let rule_id: RuleId = rule.parse().map_err(Error::Fault)?;
    rules::take_back_one(&server, rule_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
