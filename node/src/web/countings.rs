//! Countings: opened, counted in bin by bin, reviewed, counted again, approved.
//!
//! While somebody counts, no answer says how many there should be, unless the counting was opened so.

mod shown;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    count::Upto,
    counting::{CountingNumber, Terms, Tolerance},
    id::ProductId,
    op::CountLine,
    quantity::Amount,
};
use serde::{Deserialize, Serialize};

pub use self::shown::{CountingShown, CountingWhole, LookShown, NumbersShown, StandingShown, TallyShown, WhyShown};
use self::shown::{shown, whole};
use super::{
    App, blocking, marks,
    problem::{Answer, Failed},
    stock::SeenSaid,
    take::{Asked, Named, Nothing, Said},
};
use crate::{
    countings::{Approval, At, Opening, Scanned, Typed},
    stockroom::Seen,
};

/// A counting that is to be opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSaid {
    /// Who opens it.
    pub person: String,
    /// Where is counted.
    pub bins: Vec<String>,
    /// Whether those who count are not shown what the book says: if nothing is said, they are not.
    #[serde(default = "usually_blind")]
    pub blind: bool,
    /// So many units need no second count.
    pub tolerance_units: Option<i64>,
    /// Nor so many hundredths of what should be there.
    pub tolerance_percent: Option<i64>,
}

/// Somebody begins with a bin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinSaid {
    /// Where.
    pub bin: String,
    /// Who.
    pub person: String,
    /// How far other devices here are, as `GET /v1/mark` at each says; if nothing is said, they are asked.
    #[serde(default)]
    pub marks: Vec<Upto>,
}

/// Somebody scans something in a bin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanSaid {
    /// Where.
    pub bin: String,
    /// Who.
    pub person: String,
    /// What.
    pub product_id: ProductId,
    /// How many; one, if nothing is said.
    #[serde(default = "one_unit")]
    pub amount: Amount,
    /// How far other devices here are, as `GET /v1/mark` at each says.
    #[serde(default)]
    pub marks: Vec<Upto>,
    /// Whether nobody else is there for a second count.
    #[serde(default)]
    pub alone: bool,
}

/// Somebody types what is in a bin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedSaid {
    /// Where.
    pub bin: String,
    /// Who.
    pub person: String,
    /// How many of what.
    pub lines: Vec<SeenSaid>,
    /// How far other devices here are, as `GET /v1/mark` at each says; if nothing is said, they are asked.
    #[serde(default)]
    pub marks: Vec<Upto>,
    /// Whether these stand for what the same person wrote before.
    #[serde(default)]
    pub again: bool,
    /// Whether nobody else is there for a second count.
    #[serde(default)]
    pub alone: bool,
}

/// What is to be counted again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecountSaid {
    /// Which products.
    pub products: Vec<ProductId>,
}

/// What was seen is to be booked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveSaid {
    /// Who says so.
    pub person: String,
    /// Only these products, if any are named.
    #[serde(default)]
    pub products: Vec<ProductId>,
    /// Why it is booked although it should be counted again.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A counting is given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelSaid {
    /// Who says so.
    pub person: String,
}

/// How many of a product somebody has scanned in a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedShown {
    /// With this scan.
    pub counted: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAsked {
    #[serde(default)]
    all: bool,
}

const fn usually_blind() -> bool {
    true
}

const fn one_unit() -> Amount {
    Amount::ONE
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/countings", get(list).post(open))
        .route("/v1/countings/{counting}", get(one))
        .route("/v1/countings/{counting}/bins", post(bin))
        .route("/v1/countings/{counting}/scan", post(scan))
        .route("/v1/countings/{counting}/count", post(count))
        .route("/v1/countings/{counting}/review", post(review))
        .route("/v1/countings/{counting}/recount", post(recount))
        .route("/v1/countings/{counting}/approve", post(approve))
        .route("/v1/countings/{counting}/cancel", post(cancel))
}

async fn list(State(app): State<Arc<App>>, Asked(asked): Asked<ListAsked>) -> Answer<Vec<CountingShown>> {
    let found = blocking(&app, move |app| app.node.countings(asked.all)).await?;
    Ok(Json(found.into_iter().map(shown).collect()))
}

async fn open(
    State(app): State<Arc<App>>,
    Said(said): Said<OpenSaid>,
) -> Result<(StatusCode, Json<CountingShown>), Failed> {
    let OpenSaid { person, bins, blind, tolerance_units, tolerance_percent } = said;
    let Tolerance { units, percent } = Tolerance::USUAL;
    let tolerance =
        Tolerance { units: tolerance_units.unwrap_or(units), percent: tolerance_percent.unwrap_or(percent) };
    let opening = Opening { person, bins, terms: Terms { blind, tolerance } };
    let opened = blocking(&app, move |app| app.node.open_counting(&opening)).await?;
    Ok((StatusCode::CREATED, Json(shown(opened))))
}

async fn one(State(app): State<Arc<App>>, Named(number): Named<CountingNumber>) -> Answer<CountingWhole> {
    Ok(Json(blocking(&app, move |app| whole(app, app.node.counting(number)?)).await?))
}

async fn bin(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(BinSaid { bin, person, marks }): Said<BinSaid>,
) -> Answer<CountingShown> {
    let marks = marks::or_asked(&app, marks).await;
    let begun =
        blocking(&app, move |app| app.node.begin_bin(number, &At { bin, person, marks, done: Vec::new() })).await?;
    Ok(Json(shown(begun)))
}

async fn scan(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(said): Said<ScanSaid>,
) -> Answer<ScannedShown> {
    let ScanSaid { bin, person, product_id, amount, marks, alone } = said;
    let scanned = Scanned { at: At { bin, person, marks, done: Vec::new() }, product_id, amount, alone };
    let counted = blocking(&app, move |app| app.node.scan_in(number, &scanned)).await?;
    Ok(Json(ScannedShown { counted }))
}

async fn count(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(said): Said<TypedSaid>,
) -> Answer<CountingShown> {
    let TypedSaid { bin, person, lines, marks, again, alone } = said;
    let seen = |line: SeenSaid| Seen { product_id: line.product_id, counted: line.counted };
    let lines = lines.into_iter().map(seen).collect();
    // They are asked after the eyes have counted: what they say is no word of what was done before.
    let done = if marks.is_empty() { marks::of_others(&app).await.marks } else { Vec::new() };
    let typed = Typed { at: At { bin, person, marks, done }, lines, again, alone };
    Ok(Json(shown(blocking(&app, move |app| app.node.count_in(number, &typed)).await?)))
}

async fn review(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(Nothing {}): Said<Nothing>,
) -> Answer<CountingWhole> {
    Ok(Json(blocking(&app, move |app| whole(app, app.node.review_counting(number)?)).await?))
}

async fn recount(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(said): Said<RecountSaid>,
) -> Answer<CountingWhole> {
    Ok(Json(blocking(&app, move |app| whole(app, app.node.recount(number, &said.products)?)).await?))
}

async fn approve(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(said): Said<ApproveSaid>,
) -> Result<(StatusCode, Json<Vec<CountLine>>), Failed> {
    let ApproveSaid { person, products, reason } = said;
    let approval = Approval { person, products, reason };
    let booked = blocking(&app, move |app| app.node.approve(number, &approval)).await?;
    Ok((StatusCode::CREATED, Json(booked)))
}

async fn cancel(
    State(app): State<Arc<App>>,
    Named(number): Named<CountingNumber>,
    Said(said): Said<CancelSaid>,
) -> Answer<CountingShown> {
    let cancelled = blocking(&app, move |app| app.node.cancel_counting(number, &said.person)).await?;
    Ok(Json(shown(cancelled)))
}
