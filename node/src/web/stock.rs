//! Stock: looked at, received, adjusted, counted, asked for and given back.

mod look;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    count::Upto,
    id::{DeliveryId, ProductId},
    journal::Mark,
    movement::{Cause, Change, Lot, ReceivedLine, Remark},
    op::{CountLine, Line},
    quantity::Amount,
};
use serde::{Deserialize, Serialize};

pub use self::look::{ScarceShown, StockShown};
use super::{
    App, blocking, marks,
    problem::{Answer, Failed},
    take::{Nothing, Said},
};
use crate::{
    error::Error,
    stockroom::{Counting, Seen},
};

/// A product and how much of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountSaid {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
}

/// Goods that are asked for or given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoodsSaid {
    /// What and how much.
    pub lines: Vec<AmountSaid>,
}

/// Goods that came in, and what there is to say of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedSaid {
    /// What and how much, of which lot.
    pub lines: Vec<ReceivedLineSaid>,
    /// Who took them in.
    pub person: Option<String>,
    /// What else there is to know.
    pub note: Option<String>,
    /// The delivery that they are of, if it was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
}

/// A product that came in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedLineSaid {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
    /// The maker's lot.
    pub lot: Option<String>,
    /// Until when it is good.
    pub expires: Option<String>,
}

/// There are more or fewer than the book says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdjustSaid {
    /// Why: `damaged`, `lost`, `found` or `corrected`.
    pub cause: Cause,
    /// Of what, and by how much.
    pub lines: Vec<ChangeSaid>,
    /// Who says so.
    pub person: Option<String>,
    /// What else there is to know; a correction needs it.
    pub note: Option<String>,
}

/// By how much a product's book changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSaid {
    /// Of what.
    pub product_id: ProductId,
    /// By how much; negative is out.
    pub delta: i64,
    /// The maker's lot.
    pub lot: Option<String>,
    /// Until when it is good.
    pub expires: Option<String>,
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
    /// How far other devices here were meanwhile, as `GET /v1/mark` at each says.
    #[serde(default)]
    pub marks: Vec<Upto>,
    /// How far they were right after, as they said when they were asked; if nothing is said, they are asked now.
    #[serde(default)]
    pub done: Option<Vec<Upto>>,
    /// Who counted.
    pub person: Option<String>,
    /// What else there is to know.
    pub note: Option<String>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/stock", get(look::look))
        .route("/v1/stock/low", get(look::low))
        .route("/v1/stock/scarce", get(look::scarce))
        .route("/v1/stock/receive", post(receive))
        .route("/v1/stock/adjust", post(adjust))
        .route("/v1/stock/count", post(count))
        .route("/v1/stock/ask", post(ask))
        .route("/v1/stock/give-back", post(give_back))
        .route("/v1/stock/give-back-all", post(give_back_all))
        .route("/v1/retire", post(retire))
}

async fn receive(
    State(app): State<Arc<App>>,
    Said(said): Said<ReceivedSaid>,
) -> Result<(StatusCode, Json<Mark>), Failed> {
    let ReceivedSaid { lines, person, note, delivery } = said;
    let line = |said: ReceivedLineSaid| ReceivedLine {
        product_id: said.product_id,
        amount: said.amount,
        lot: Lot { lot: said.lot, expires: said.expires },
    };
    let lines: Vec<_> = lines.into_iter().map(line).collect();
    let remark = Remark { person, note };
    let mark = blocking(&app, move |app| match delivery {
        Some(delivery) => app.node.take_in_of(delivery, &lines, &remark),
        None => app.node.take_in(&lines, &remark),
    });
    let mark = mark.await?;
    Ok((StatusCode::CREATED, Json(mark)))
}

async fn adjust(State(app): State<Arc<App>>, Said(said): Said<AdjustSaid>) -> Result<(StatusCode, Json<Mark>), Failed> {
    let AdjustSaid { cause, lines, person, note } = said;
    let line = |said: ChangeSaid| Change {
        product_id: said.product_id,
        delta: said.delta,
        lot: Lot { lot: said.lot, expires: said.expires },
    };
    let lines: Vec<_> = lines.into_iter().map(line).collect();
    let mark = blocking(&app, move |app| app.node.adjust(cause, &lines, &Remark { person, note })).await?;
    Ok((StatusCode::CREATED, Json(mark)))
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
    let CountSaid { marks, done, person, note, .. } = said;
    let done = match done {
        Some(told) => told,
        None => marks::of_others(&app).await.marks,
    };
    let counting = Counting { marks, done, remark: Remark { person, note } };
    let moved = blocking(&app, move |app| app.node.count_as(&seen, &counting)).await?;
    Ok((StatusCode::CREATED, Json(moved)))
}
