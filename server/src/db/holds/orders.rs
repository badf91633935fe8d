//! Holds that orders use up.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{HoldId, OrderId},
    settle::UsedUp,
    stock::StockKey,
};

use super::{columns, key};
use crate::{db::Tx, error::Error};

/// The stock rows that these holds are of, for somebody who then locks them. A hold never gets another line.
///
/// # Errors
/// What Postgres says.
pub async fn rows_of(tx: &Tx, holds: &BTreeSet<HoldId>) -> Result<BTreeSet<StockKey>, Error> {
    if holds.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = "select h.product_id, h.warehouse_id from holds h where h.hold_id = any($1)";
    let rows = tx.query(sql, &[&holds.iter().collect::<Vec<_>>()]).await?;
    rows.iter().map(key).collect()
}

/// The open lines of these holds, whose stock rows are locked, and those that ended because their time came, which hold
/// nothing any more: an order that names them ends them for good.
///
/// # Errors
/// What Postgres says.
pub async fn open_lines(tx: &Tx, holds: &BTreeSet<HoldId>) -> Result<BTreeMap<(HoldId, StockKey), i64>, Error> {
    if holds.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = "select h.hold_id, h.product_id, h.warehouse_id,
                   case when h.closed_at is null then h.amount else 0 end as amount
               from holds h where h.hold_id = any($1) and (h.closed_at is null or h.outcome = 'expired')";
    let rows = tx.query(sql, &[&holds.iter().collect::<Vec<_>>()]).await?;
    rows.iter().map(|row| Ok(((row.try_get("hold_id")?, key(row)?), row.try_get("amount")?))).collect()
}

/// Closes lines, whose stock rows are locked, as used up by orders. What they promised was settled with these.
///
/// # Errors
/// What Postgres says.
pub async fn use_up(tx: &Tx, used_up: &[UsedUp], now: Timestamp) -> Result<(), Error> {
    if used_up.is_empty() {
        return Ok(());
    }
    let ids: Vec<HoldId> = used_up.iter().map(|line| line.hold_id).collect();
    let orders: Vec<OrderId> = used_up.iter().map(|line| line.order_id).collect();
    let (products, warehouses) = columns(used_up.iter().map(|line| line.key));
    tx.execute(
        "update holds h set closed_at = $1, outcome = 'ordered', ordered_as = u.order_id
         from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) as u (hold_id, product_id, warehouse_id, order_id)
         where h.hold_id = u.hold_id and h.product_id = u.product_id and h.warehouse_id = u.warehouse_id",
        &[&now, &ids, &products, &warehouses, &orders],
    )
    .await?;
    Ok(())
}
