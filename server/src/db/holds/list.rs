//! Holds as people read them.

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, HoldId, OrderId, ProductId, WarehouseId},
};
use serde::Serialize;
use tokio_postgres::Row;

use crate::{db::Tx, error::Error};

/// Which lines of holds are wanted: open ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListWanted {
    /// Only there.
    pub warehouse_id: Option<WarehouseId>,
    /// Only of that.
    pub product_id: Option<ProductId>,
    /// Only those that are past their time, and not released because nobody needed it.
    pub over: bool,
    /// At most so many.
    pub limit: i64,
}

/// An open line of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldShown {
    /// Of which hold.
    pub hold_id: HoldId,
    /// Of what.
    pub product_id: ProductId,
    /// Its own code, if it has one.
    pub sku: Option<String>,
    /// What people call it.
    pub name: String,
    /// Where.
    pub warehouse: String,
    /// How much.
    pub amount: i64,
    /// For which cart.
    pub cart_id: Option<CartId>,
    /// For which order.
    pub order_id: Option<OrderId>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Open lines of holds, those that end first before the others.
///
/// # Errors
/// What Postgres says.
pub async fn list(tx: &Tx, wanted: ListWanted, now: Timestamp) -> Result<Vec<HoldShown>, Error> {
    let rows = tx
        .query(
            "select h.hold_id, h.product_id, p.sku, p.name, w.name as warehouse, h.amount, h.cart_id, h.order_id,
                h.created_at, h.expires_at
            from holds h join products p using (product_id) join warehouses w using (warehouse_id)
            where h.closed_at is null
                and ($1::uuid is null or h.warehouse_id = $1)
                and ($2::uuid is null or h.product_id = $2)
                and (not $3 or h.expires_at <= $4)
            order by h.expires_at, h.hold_id, h.product_id, h.warehouse_id limit $5",
            &[&wanted.warehouse_id, &wanted.product_id, &wanted.over, &now, &wanted.limit],
        )
        .await?;
    rows.iter().map(shown).collect()
}

fn shown(row: &Row) -> Result<HoldShown, Error> {
    Ok(HoldShown {
        hold_id: row.try_get("hold_id")?,
        product_id: row.try_get("product_id")?,
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        warehouse: row.try_get("warehouse")?,
        amount: row.try_get("amount")?,
        cart_id: row.try_get("cart_id")?,
        order_id: row.try_get("order_id")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
