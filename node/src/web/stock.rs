//! Stock: looked at, received, counted, asked for and given back.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    id::{ProductId, WarehouseId},
    journal::Mark,
    op::{CountLine, Line},
    quantity::Amount,
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    take::{Asked, Nothing, Said},
};
use crate::{error::Error, stockroom::Seen};

/// A product's stock at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockShown {
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What people call that place.
    pub warehouse: Option<String>,
    /// Units on hand.
    pub quantity: i64,
    /// Of these, units spoken for.
    pub reserved_quantity: i64,
    /// Units that left although the book had none.
    pub owed: i64,
}

/// A product and how much of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountSaid {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
}

/// Goods that came in, are asked for or are given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoodsSaid {
    /// What and how much.
    pub lines: Vec<AmountSaid>,
}

/// "I saw 7" of one product.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenSaid {
    /// Of what.
    pub product_id: ProductId,
    /// How many were seen.
    pub counted: i64,
}

/// What somebody saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountSaid {
    /// Product by product.
    pub lines: Vec<SeenSaid>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProduct {
    product: ProductId,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/stock", get(look))
        .route("/v1/stock/receive", post(receive))
        .route("/v1/stock/count", post(count))
        .route("/v1/stock/ask", post(ask))
        .route("/v1/stock/give-back", post(give_back))
        .route("/v1/stock/give-back-all", post(give_back_all))
        .route("/v1/retire", post(retire))
}

async fn look(State(app): State<Arc<App>>, Asked(OfProduct { product }): Asked<OfProduct>) -> Answer<Vec<StockShown>> {
    let found = blocking(&app, move |app| {
        let places = app.node.warehouses()?;
        let name = |id| places.iter().find(|place| place.warehouse_id == id).map(|place| place.name.clone());
        let shown = app.node.stock_of(product)?.into_iter().map(|(key, level)| StockShown {
            product_id: key.product_id,
            warehouse_id: key.warehouse_id,
            warehouse: name(key.warehouse_id),
            quantity: level.quantity(),
            reserved_quantity: level.reserved(),
            owed: level.owed(),
        });
        Ok(shown.collect())
    });
    Ok(Json(found.await?))
}

async fn receive(app: State<Arc<App>>, goods: Said<GoodsSaid>) -> Result<(StatusCode, Json<Mark>), Failed> {
    noted(app, goods, |app, lines| app.node.receive(lines)).await
}

async fn ask(app: State<Arc<App>>, goods: Said<GoodsSaid>) -> Result<(StatusCode, Json<Mark>), Failed> {
    noted(app, goods, |app, lines| app.node.ask(lines)).await
}

async fn give_back(app: State<Arc<App>>, goods: Said<GoodsSaid>) -> Result<(StatusCode, Json<Mark>), Failed> {
    noted(app, goods, |app, lines| app.node.give_back(lines)).await
}

/// What a device gave back to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenBack {
    /// How many units.
    pub units: i64,
}

async fn give_back_all(State(app): State<Arc<App>>, Said(Nothing {}): Said<Nothing>) -> Answer<GivenBack> {
    Ok(Json(GivenBack { units: blocking(&app, |app| app.node.give_back_all()).await? }))
}

async fn retire(State(app): State<Arc<App>>, Said(Nothing {}): Said<Nothing>) -> Answer<GivenBack> {
    Ok(Json(GivenBack { units: blocking(&app, |app| app.node.retire()).await? }))
}

async fn noted(
    State(app): State<Arc<App>>,
    Said(goods): Said<GoodsSaid>,
    work: fn(&App, &[Line]) -> Result<Mark, Error>,
) -> Result<(StatusCode, Json<Mark>), Failed> {
    let line = |said: &AmountSaid| Line { product_id: said.product_id, amount: said.amount };
    let lines: Vec<Line> = goods.lines.iter().map(line).collect();
    let mark = blocking(&app, move |app| work(app, &lines)).await?;
    Ok((StatusCode::CREATED, Json(mark)))
}

async fn count(
    State(app): State<Arc<App>>,
    Said(said): Said<CountSaid>,
) -> Result<(StatusCode, Json<Vec<CountLine>>), Failed> {
    let seen = |line: &SeenSaid| Seen { product_id: line.product_id, counted: line.counted };
    let seen: Vec<Seen> = said.lines.iter().map(seen).collect();
    let moved = blocking(&app, move |app| app.node.count(&seen)).await?;
    Ok((StatusCode::CREATED, Json(moved)))
}
