//! Stock: looked at, received, adjusted, counted, asked for and given back.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use outpost_schema::{
    clock::Timestamp,
    count::Upto,
    id::{DeliveryId, ProductId, WarehouseId},
    journal::Mark,
    movement::{Cause, Change, Lot, ReceivedLine, Remark},
    op::{CountLine, Line},
    quantity::Amount,
    stock::StockKey,
};
use serde::{Deserialize, Serialize};

use super::{
    App, blocking, marks,
    problem::{Answer, Failed},
    rows,
    take::{Asked, Nothing, Said},
};
use crate::{
    error::Error,
    lookup::{Look, Row},
    node::Node,
    status::LIST_MAX,
    stockroom::{Counting, Scarce, Seen},
};

/// Rows of a list of what runs low, if nobody says how many.
const LOW_USUAL: usize = 200;

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
    /// Units that may still be promised.
    #[serde(default)]
    pub available: i64,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Units promised that are no longer there.
    #[serde(default)]
    pub unbacked: i64,
    /// The product's own code.
    #[serde(default)]
    pub sku: Option<String>,
    /// The product's name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether the device stands there.
    #[serde(default)]
    pub is_here: bool,
    /// Units that this device may sell without asking.
    #[serde(default)]
    pub open: i64,
    /// At how many or fewer it runs low, if that was laid down.
    #[serde(default)]
    pub low_at: Option<i64>,
    /// When the row last changed.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// When the device last equalled head office at one moment: what was done elsewhere since is not in it.
    #[serde(default)]
    pub as_of: Option<Timestamp>,
    /// How long ago that was.
    #[serde(default)]
    pub age_seconds: Option<i64>,
}

/// Something of which little may be sold here without asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScarceShown {
    /// What.
    pub product_id: ProductId,
    /// What people call it.
    pub name: String,
    /// Units that may still be sold.
    pub open: i64,
    /// Units that head office would have here.
    pub full: i64,
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

/// One product, by its id, its sku, a barcode or anything that a scanner sends, or words of its name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookAsked {
    product: Option<ProductId>,
    sku: Option<String>,
    barcode: Option<String>,
    scan: Option<String>,
    find: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LowAsked {
    #[serde(default)]
    everywhere: bool,
    after_product: Option<ProductId>,
    after_warehouse: Option<WarehouseId>,
    limit: Option<usize>,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/stock", get(look))
        .route("/v1/stock/low", get(low))
        .route("/v1/stock/scarce", get(scarce))
        .route("/v1/stock/receive", post(receive))
        .route("/v1/stock/adjust", post(adjust))
        .route("/v1/stock/count", post(count))
        .route("/v1/stock/ask", post(ask))
        .route("/v1/stock/give-back", post(give_back))
        .route("/v1/stock/give-back-all", post(give_back_all))
        .route("/v1/retire", post(retire))
}

async fn look(State(app): State<Arc<App>>, Asked(asked): Asked<LookAsked>) -> Answer<Vec<StockShown>> {
    let asks_nothing = [&asked.sku, &asked.barcode, &asked.scan, &asked.find].into_iter().all(Option::is_none);
    if asked.product.is_none() && asks_nothing {
        let sentence = "the query names nothing; ask by product, sku, barcode, scan or find";
        return Err(Failed::new(StatusCode::BAD_REQUEST, "unreadable_query", sentence));
    }
    let found = blocking(&app, move |app| {
        let mut shown = Vec::new();
        for product in meant(&app.node, asked)? {
            shown.extend(show(&app.node, app.node.look(product)?));
        }
        Ok(shown)
    });
    Ok(Json(found.await?))
}

/// The products that somebody asks about.
fn meant(node: &Node, asked: LookAsked) -> Result<Vec<ProductId>, Error> {
    let LookAsked { product, sku, barcode, scan, find, limit } = asked;
    let mut meant: Vec<ProductId> = product.into_iter().collect();
    for code in [sku, barcode, scan].into_iter().flatten() {
        meant.extend(node.scan(&code)?.found.into_iter().map(|found| found.offer.product.product_id));
    }
    if let Some(words) = find {
        meant.extend(node.find(&words, rows(limit))?.into_iter().map(|offer| offer.product.product_id));
    }
    let mut seen = BTreeSet::new();
    meant.retain(|product| seen.insert(*product));
    Ok(meant)
}

async fn low(State(app): State<Arc<App>>, Asked(asked): Asked<LowAsked>) -> Answer<Vec<StockShown>> {
    let found = blocking(&app, move |app| {
        let here = app.node.identity()?.map(|identity| identity.warehouse_id());
        let after = asked.after_product.zip(asked.after_warehouse);
        let after = after.map(|(product_id, warehouse_id)| StockKey { product_id, warehouse_id });
        let place = if asked.everywhere { None } else { here };
        let look = app.node.low(place, after, asked.limit.unwrap_or(LOW_USUAL).max(1))?;
        Ok(show(&app.node, look))
    });
    Ok(Json(found.await?))
}

async fn scarce(State(app): State<Arc<App>>) -> Answer<Vec<ScarceShown>> {
    let found = blocking(&app, |app| app.node.scarce(LIST_MAX)).await?;
    let shown = |Scarce { product_id, name, open, full }| ScarceShown { product_id, name, open, full };
    Ok(Json(found.into_iter().map(shown).collect()))
}

fn show(node: &Node, look: Look) -> Vec<StockShown> {
    let age_seconds = look.as_of.map(|at| node.world().now().seconds_since(at).max(0));
    let shown = |row: Row| StockShown {
        product_id: row.key.product_id,
        warehouse_id: row.key.warehouse_id,
        warehouse: row.warehouse,
        quantity: row.level.quantity(),
        reserved_quantity: row.level.reserved(),
        available: row.level.available(),
        owed: row.level.owed(),
        unbacked: row.level.unbacked(),
        sku: row.sku,
        name: row.name,
        is_here: Some(row.key.warehouse_id) == look.here,
        open: row.open,
        low_at: row.low_at,
        updated_at: row.updated_at,
        as_of: look.as_of,
        age_seconds,
    };
    look.rows.into_iter().map(shown).collect()
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
