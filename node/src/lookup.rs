//! Where goods are: here and elsewhere, how many of them are spoken for, and how old that is.

use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, WarehouseId},
    stock::StockKey,
};

pub use crate::db::lookup::Row;
use crate::{
    db::{catalogue, identity, inbox, lookup},
    error::Error,
    node::Node,
};

/// Rows in one answer.
pub const ROWS_MAX: usize = 1_000;

/// Stock rows, and how old they are at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// When the node last equalled head office at one moment; none if it never did.
    pub as_of: Option<Timestamp>,
    /// When head office last answered.
    pub heard_at: Option<Timestamp>,
    /// Where the device stands.
    pub here: Option<WarehouseId>,
    /// The rows, as they are with what was done here since.
    pub rows: Vec<Row>,
}

impl Node {
    /// A product's stock in every warehouse known here, this device's own first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn look(&self, product: ProductId) -> Result<Look, Error> {
        self.db().read(|conn| {
            let identity = identity::find(conn)?;
            let life = identity.as_ref().map(identity::Identity::incarnation_id);
            let here = identity.as_ref().map(identity::Identity::warehouse_id);
            let mut rows = lookup::of_product(conn, product, life)?;
            if let (Some(identity), true) = (&identity, rows.iter().all(|row| Some(row.key.warehouse_id) != here)) {
                // A product that was never here is sold out here, and that is what somebody asks.
                rows.extend(
                    catalogue::find(conn, product)?
                        .map(|product| Row::none(identity.stock_of(product.product_id), &product)),
                );
            }
            rows.sort_by_key(|row| (Some(row.key.warehouse_id) != here, row.key.warehouse_id));
            look(conn, here, rows)
        })
    }

    /// Goods that run low: of which no more are on hand than head office laid down for that product there, for that
    /// product, for that warehouse or for all. In the order of products and warehouses, after one row; only of one
    /// warehouse, if one is given.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn low(&self, place: Option<WarehouseId>, after: Option<StockKey>, limit: usize) -> Result<Look, Error> {
        self.db().read(|conn| {
            let identity = identity::find(conn)?;
            let life = identity.as_ref().map(identity::Identity::incarnation_id);
            let here = identity.as_ref().map(identity::Identity::warehouse_id);
            let rows = lookup::low(conn, place, after, life, limit.min(ROWS_MAX))?;
            look(conn, here, rows)
        })
    }
}

fn look(conn: &rusqlite::Connection, here: Option<WarehouseId>, rows: Vec<Row>) -> Result<Look, Error> {
    let position = inbox::position(conn)?;
    Ok(Look { as_of: position.level_at, heard_at: position.contact_at, here, rows })
}
