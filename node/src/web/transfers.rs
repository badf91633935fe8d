//! Goods on the road, and deliveries that are expected.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    catalogue::Warehouse,
    delivery::Delivery,
    id::{ProductId, WarehouseId},
    movement::{Received, Remark},
    op::Line,
    quantity::Amount,
    transfer::{CameLine, Transfer, TransferCode},
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    stock::AmountSaid,
    take::{Asked, Named, Said},
};
use crate::{
    error::{Error, Refused},
    transfers::{Coming, Sending},
};

/// A transfer and what it comes to, by places' names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransferShown {
    /// What is written on the boxes.
    pub code: String,
    /// Where it left, if that is known here.
    pub from: Option<String>,
    /// Where it goes, if that is known here.
    pub to: Option<String>,
    /// Units of each product on the road, or missing if it is complete.
    pub on_road: Vec<(ProductId, i64)>,
    /// Units that came beyond what was sent, as far as that is known here.
    pub excess: Vec<(ProductId, i64)>,
    /// All that is known of it.
    pub transfer: Transfer,
}

/// Goods that leave.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendSaid {
    /// Where they go.
    pub to: WarehouseId,
    /// What and how much.
    pub lines: Vec<AmountSaid>,
    /// Whether they leave though they are promised to others.
    #[serde(default)]
    pub anyway: bool,
    /// Who sends them.
    pub person: Option<String>,
    /// What else there is to know.
    pub note: Option<String>,
}

/// What came of a product.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameSaid {
    /// Of what.
    pub product_id: ProductId,
    /// How many, damaged ones too.
    pub came: Amount,
    /// How many of them came damaged.
    #[serde(default)]
    pub damaged: i64,
}

/// Goods that came.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArriveSaid {
    /// What and how much.
    pub lines: Vec<CameSaid>,
    /// Whether no more is to come.
    #[serde(default)]
    pub complete: bool,
    /// Who took them in.
    pub person: Option<String>,
    /// What else there is to know.
    pub note: Option<String>,
}

/// Who takes a receipt back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoSaid {
    /// Who.
    pub person: Option<String>,
    /// Why.
    pub note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAsked {
    #[serde(default)]
    all: bool,
    /// Only the one of this reference or id.
    name: Option<String>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/transfers", get(list).post(send))
        .route("/v1/transfers/{code}", get(one))
        .route("/v1/transfers/{code}/arrive", post(arrive))
        .route("/v1/deliveries", get(deliveries))
        .route("/v1/places", get(places))
        .route("/v1/stock/receive/undo", post(undo))
}

async fn list(State(app): State<Arc<App>>, Asked(asked): Asked<ListAsked>) -> Answer<Vec<TransferShown>> {
    let found = blocking(&app, move |app| {
        let found = app.node.transfers(asked.all)?;
        found.into_iter().map(|transfer| shown(app, transfer)).collect()
    });
    Ok(Json(found.await?))
}

async fn one(State(app): State<Arc<App>>, Named(code): Named<TransferCode>) -> Answer<TransferShown> {
    let found = blocking(&app, move |app| {
        let found = app.node.transfer(code.transfer_id())?.ok_or(Refused::UnknownTransfer { code })?;
        shown(app, found)
    });
    Ok(Json(found.await?))
}

async fn send(
    State(app): State<Arc<App>>,
    Said(said): Said<SendSaid>,
) -> Result<(StatusCode, Json<TransferShown>), Failed> {
    let SendSaid { to, lines, anyway, person, note } = said;
    let line = |said: AmountSaid| Line { product_id: said.product_id, amount: said.amount };
    let lines = lines.into_iter().map(line).collect();
    let sending = Sending { to_id: to, lines, anyway, remark: Remark { person, note } };
    let sent = blocking(&app, move |app| shown(app, app.node.send(&sending)?)).await?;
    Ok((StatusCode::CREATED, Json(sent)))
}

async fn arrive(
    State(app): State<Arc<App>>,
    Named(code): Named<TransferCode>,
    Said(said): Said<ArriveSaid>,
) -> Result<(StatusCode, Json<TransferShown>), Failed> {
    let ArriveSaid { lines, complete, person, note } = said;
    let line = |said: CameSaid| CameLine { product_id: said.product_id, came: said.came, damaged: said.damaged };
    let lines = lines.into_iter().map(line).collect();
    let coming = Coming { code, lines, complete, remark: Remark { person, note } };
    let come = blocking(&app, move |app| shown(app, app.node.arrive(&coming)?)).await?;
    Ok((StatusCode::CREATED, Json(come)))
}

async fn deliveries(State(app): State<Arc<App>>, Asked(asked): Asked<ListAsked>) -> Answer<Vec<Delivery>> {
    let found = blocking(&app, move |app| match asked.name {
        Some(name) => Ok(vec![app.node.delivery_named(&name)?]),
        None => app.node.deliveries(asked.all),
    });
    Ok(Json(found.await?))
}

/// Where goods can go.
async fn places(State(app): State<Arc<App>>) -> Answer<Vec<Warehouse>> {
    Ok(Json(blocking(&app, |app| app.node.warehouses()).await?))
}

async fn undo(
    State(app): State<Arc<App>>,
    Said(UndoSaid { person, note }): Said<UndoSaid>,
) -> Result<(StatusCode, Json<Received>), Failed> {
    let undone = blocking(&app, move |app| app.node.undo_receipt(&Remark { person, note })).await?;
    Ok((StatusCode::CREATED, Json(undone)))
}

fn shown(app: &App, transfer: Transfer) -> Result<TransferShown, Error> {
    let places = app.node.warehouses()?;
    let name = |id: WarehouseId| {
        let known = places.iter().find(|place| place.warehouse_id == id);
        known.map_or_else(|| id.to_string(), |place| place.name.clone())
    };
    let totals = transfer.totals();
    let units = |of: fn(outpost_schema::transfer::Totals) -> i64| {
        totals.iter().map(|(id, totals)| (*id, of(*totals))).filter(|(_, units)| *units > 0).collect()
    };
    Ok(TransferShown {
        code: transfer.code.to_string(),
        from: transfer.route.map(|route| name(route.from_id)),
        to: transfer.route.map(|route| name(route.to_id)),
        on_road: units(|of| of.on_road()),
        excess: units(|of| of.excess()),
        transfer,
    })
}
