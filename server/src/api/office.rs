//! What head office looks at, for programs: stock, orders, nodes, warehouses, totals.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    routing::get,
};
use outpost_schema::{
    clock::Timestamp,
    id::{OrderId, ProductId, WarehouseId},
    order::OrderStatus,
};
use outpost_sync::wire::HOLDS_PATH;
use serde::Deserialize;

use super::problem::Failure;
use crate::{
    db::{
        holds::{self, HoldShown, ListWanted},
        office::{self, NodeSeen, OrderSeen, OrdersWanted, ReturnSeen, StockSeen, StockWanted, Totals, WarehouseSeen},
    },
    grants::{self, KeptBack},
    server::Server,
};

/// Rows in one answer.
const ROWS_MAX: i64 = 10_000;

type Shared = State<Arc<Server>>;
type Answer<T> = Result<Json<T>, Failure>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// The routes of this page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/stock", get(stock))
        .route("/v1/orders", get(orders))
        .route("/v1/returns", get(returns))
        .route(HOLDS_PATH, get(held))
        .route("/v1/nodes", get(nodes))
        .route("/v1/kept-back", get(kept_back).put(keep_back))
        .route("/v1/warehouses", get(warehouses))
        .route("/v1/totals", get(totals))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockAsked {
    warehouse_id: Option<WarehouseId>,
    product_id: Option<ProductId>,
    after_product: Option<ProductId>,
    after_warehouse: Option<WarehouseId>,
    limit: Option<i64>,
}

async fn stock(State(server): Shared, asked: Asked<StockAsked>) -> Answer<Vec<StockSeen>> {
    let Query(asked) = asked?;
    let wanted = StockWanted {
        warehouse_id: asked.warehouse_id,
        product_id: asked.product_id,
        after: asked.after_product.zip(asked.after_warehouse),
        limit: asked.limit.unwrap_or(1_000).clamp(1, ROWS_MAX),
    };
    Ok(Json(server.db.snapshot(|tx| async move { office::stock(&tx, wanted).await }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrdersAsked {
    before: Option<OrderId>,
    status: Option<OrderStatus>,
    /// Only those whose goods are not there yet.
    #[serde(default)]
    awaiting: bool,
    limit: Option<i64>,
}

async fn orders(State(server): Shared, asked: Asked<OrdersAsked>) -> Answer<Vec<OrderSeen>> {
    let Query(OrdersAsked { before, status, awaiting, limit }) = asked?;
    let wanted = OrdersWanted { before, status, awaiting, limit: limit.unwrap_or(100).clamp(1, ROWS_MAX) };
    Ok(Json(server.db.snapshot(|tx| async move { office::orders(&tx, wanted).await }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldsAsked {
    warehouse_id: Option<WarehouseId>,
    product_id: Option<ProductId>,
    /// Only those that are past their time.
    #[serde(default)]
    over: bool,
    limit: Option<i64>,
}

async fn held(State(server): Shared, asked: Asked<HoldsAsked>) -> Answer<Vec<HoldShown>> {
    let Query(HoldsAsked { warehouse_id, product_id, over, limit }) = asked?;
    let wanted = ListWanted { warehouse_id, product_id, over, limit: limit.unwrap_or(1_000).clamp(1, ROWS_MAX) };
    let now = server.now();
    Ok(Json(server.db.snapshot(|tx| async move { holds::list(&tx, wanted, now).await }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnsAsked {
    limit: Option<i64>,
}

async fn returns(State(server): Shared, asked: Asked<ReturnsAsked>) -> Answer<Vec<ReturnSeen>> {
    let Query(ReturnsAsked { limit }) = asked?;
    let limit = limit.unwrap_or(100).clamp(1, ROWS_MAX);
    Ok(Json(server.db.snapshot(|tx| async move { office::returns(&tx, limit).await }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodesAsked {
    /// Sums of orders since this moment; since ever, if none is given.
    since: Option<Timestamp>,
}

async fn nodes(State(server): Shared, asked: Asked<NodesAsked>) -> Answer<Vec<NodeSeen>> {
    let since = asked?.0.since.unwrap_or(Timestamp::from_micros(0));
    let currency = server.currency;
    Ok(Json(server.db.snapshot(|tx| async move { office::nodes(&tx, since, currency).await }).await?))
}

async fn kept_back(State(server): Shared) -> Answer<KeptBack> {
    Ok(Json(grants::kept_back(&server).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptBackWanted {
    /// Where; everywhere, if none is named.
    warehouse_id: Option<WarehouseId>,
    /// Units of each stock row; as everywhere, if none are named for a warehouse.
    units: Option<i64>,
}

async fn keep_back(State(server): Shared, body: Result<Json<KeptBackWanted>, JsonRejection>) -> Answer<KeptBack> {
    let KeptBackWanted { warehouse_id, units } = body?.0;
    grants::keep_back(&server, warehouse_id, units).await?;
    kept_back(State(server)).await
}

async fn warehouses(State(server): Shared) -> Answer<Vec<WarehouseSeen>> {
    Ok(Json(server.db.snapshot(|tx| async move { office::warehouses(&tx).await }).await?))
}

async fn totals(State(server): Shared) -> Answer<Totals> {
    let currency = server.currency;
    Ok(Json(server.db.snapshot(|tx| async move { office::totals(&tx, currency).await }).await?))
}
