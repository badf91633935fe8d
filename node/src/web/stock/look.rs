//! Stock that somebody looks up: of a product everywhere, of what runs low, of what this device has little to sell.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, WarehouseId},
    stock::StockKey,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    lookup::{Look, Row},
    node::Node,
    status::LIST_MAX,
    stockroom::Scarce,
    web::{
        App, blocking,
        problem::{Answer, Failed},
        rows,
        take::Asked,
    },
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

/// One product, by its id, its sku, a barcode or anything that a scanner sends, or words of its name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookAsked {
    product: Option<ProductId>,
    sku: Option<String>,
    barcode: Option<String>,
    scan: Option<String>,
    find: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LowAsked {
    #[serde(default)]
    everywhere: bool,
    after_product: Option<ProductId>,
    after_warehouse: Option<WarehouseId>,
    limit: Option<usize>,
}

pub(super) async fn look(State(app): State<Arc<App>>, Asked(asked): Asked<LookAsked>) -> Answer<Vec<StockShown>> {
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

pub(super) async fn low(State(app): State<Arc<App>>, Asked(asked): Asked<LowAsked>) -> Answer<Vec<StockShown>> {
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

pub(super) async fn scarce(State(app): State<Arc<App>>) -> Answer<Vec<ScarceShown>> {
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
