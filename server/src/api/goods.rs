//! Goods on the road and deliveries that are expected, for programs.

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
use outpost_schema::{
    delivery::Delivery,
    id::{ProductId, WarehouseId},
    stock::StockKey,
    transfer::Transfer,
};
use serde::{Deserialize, Serialize};

use super::problem::Failure;
use crate::{
    db::{deliveries as expected, transfers as stored},
    deliveries::{self, ClosedBy, Expected},
    server::Server,
    transfers::{self, GivenUp},
};

/// Rows in one answer.
const ROWS_MAX: i64 = 1_000;

type Shared = State<Arc<Server>>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/transfers", get(transfers_list))
        .route("/v1/transfers/{code}", get(transfer))
        .route("/v1/transfers/{code}/write-off", post(write_off))
        .route("/v1/deliveries", get(deliveries_list).post(expect))
        .route("/v1/deliveries/{delivery}", get(delivery))
        .route("/v1/deliveries/{delivery}/close", post(close))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAsked {
    /// What is over too.
    #[serde(default)]
    all: bool,
    /// Deliveries of one warehouse only.
    warehouse_id: Option<WarehouseId>,
    limit: Option<i64>,
}

type Asked = Result<Query<ListAsked>, QueryRejection>;

async fn transfers_list(State(server): Shared, asked: Asked) -> Result<Json<Vec<Transfer>>, Failure> {
    let Query(ListAsked { all, limit, .. }) = asked?;
    let limit = limit.unwrap_or(100).clamp(1, ROWS_MAX);
    Ok(Json(server.db.snapshot(|tx| async move { stored::list(&tx, all, limit).await }).await?))
}

async fn transfer(State(server): Shared, Path(code): Path<String>) -> Result<Json<Transfer>, Failure> {
    let code = code.as_str();
    Ok(Json(server.db.snapshot(|tx| async move { transfers::find(&tx, code).await }).await?))
}

/// Units of a product that were written off.
#[derive(Serialize)]
struct WrittenOff {
    product_id: ProductId,
    warehouse_id: WarehouseId,
    units: i64,
}

async fn write_off(
    State(server): Shared,
    Path(code): Path<String>,
    body: Body<GivenUp>,
) -> Result<Json<Vec<WrittenOff>>, Failure> {
    let lost = transfers::write_off(&server, &code, &body?.0).await?;
    let told = |(StockKey { product_id, warehouse_id }, units)| WrittenOff { product_id, warehouse_id, units };
    Ok(Json(lost.into_iter().map(told).collect()))
}

async fn deliveries_list(State(server): Shared, asked: Asked) -> Result<Json<Vec<Delivery>>, Failure> {
    let Query(ListAsked { all, warehouse_id, limit }) = asked?;
    let limit = limit.unwrap_or(100).clamp(1, ROWS_MAX);
    let looked = server.db.snapshot(|tx| async move { expected::list(&tx, warehouse_id, all, limit).await });
    Ok(Json(looked.await?))
}

async fn expect(State(server): Shared, body: Body<Expected>) -> Result<(StatusCode, Json<Delivery>), Failure> {
    Ok((StatusCode::CREATED, Json(deliveries::expect(&server, &body?.0).await?)))
}

async fn delivery(State(server): Shared, Path(name): Path<String>) -> Result<Json<Delivery>, Failure> {
    let name = name.as_str();
    Ok(Json(server.db.snapshot(|tx| async move { deliveries::find(&tx, name).await }).await?))
}

async fn close(
    State(server): Shared,
    Path(name): Path<String>,
    body: Body<ClosedBy>,
) -> Result<Json<Delivery>, Failure> {
    Ok(Json(deliveries::close(&server, &name, &body?.0).await?))
}
