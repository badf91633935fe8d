//! Orders to be confirmed: taken although no allotment covered them, confirmed once the goods are there.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{clock::Timestamp, confirm::Awaiting, feed::Confirmation, id::OrderId, stock::StockKey};

use super::{Tx, columns, ground::stock_key};
use crate::error::Error;

/// Notes orders that await it.
///
/// # Errors
/// What Postgres says.
pub async fn insert(tx: &Tx, awaited: &[Confirmation]) -> Result<(), Error> {
    if awaited.is_empty() {
        return Ok(());
    }
    let orders: Vec<_> = awaited.iter().map(|one| one.order_id).collect();
    let warehouses: Vec<_> = awaited.iter().map(|one| one.warehouse_id).collect();
    let asked: Vec<_> = awaited.iter().map(|one| one.asked_at).collect();
    let sql = "insert into order_confirmations (order_id, warehouse_id, asked_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[])";
    tx.execute(sql, &[&orders, &warehouses, &asked]).await.map(drop)
}

/// The orders that await it, and by how much more is promised of each row that they name than is there.
///
/// # Errors
/// What Postgres says.
pub async fn awaiting(tx: &Tx) -> Result<(Vec<Awaiting>, BTreeMap<StockKey, i64>), Error> {
    let sql = "select c.order_id, c.asked_at, i.product_id, c.warehouse_id, sum(i.quantity)::bigint as units,
            coalesce(max(s.promised - s.reserved_quantity), 0) as unbacked
        from order_confirmations c
        join orders o on o.order_id = c.order_id and o.status in ('pending', 'processed')
        join order_items i on i.order_id = c.order_id
        left join stock s on s.product_id = i.product_id and s.warehouse_id = c.warehouse_id
        where c.confirmed_at is null
        group by 1, 2, 3, 4
        order by 1";
    let (mut awaiting, mut unbacked): (Vec<Awaiting>, _) = (Vec::new(), BTreeMap::new());
    for row in tx.query(sql, &[]).await? {
        let (order_id, key) = (row.try_get("order_id")?, stock_key(&row)?);
        unbacked.insert(key, row.try_get("unbacked")?);
        if awaiting.last().is_none_or(|last| last.order_id != order_id) {
            awaiting.push(Awaiting { order_id, asked_at: row.try_get("asked_at")?, lines: BTreeMap::new() });
        }
        if let Some(last) = awaiting.last_mut() {
            last.lines.insert(key, row.try_get("units")?);
        }
    }
    Ok((awaiting, unbacked))
}

/// Confirms these orders, and says how many: one that was called off or handed over meanwhile stays as it is.
///
/// # Errors
/// What Postgres says.
pub async fn confirm(tx: &Tx, orders: &[OrderId], now: Timestamp) -> Result<u64, Error> {
    let sql = "update order_confirmations c set confirmed_at = $1
        from orders o
        where c.order_id = any($2) and c.confirmed_at is null
            and o.order_id = c.order_id and o.status in ('pending', 'processed')";
    tx.execute(sql, &[&now, &orders]).await
}

/// Units of these rows that belong to orders which nobody confirmed yet: they take nothing from whoever was promised
/// something.
///
/// # Errors
/// What Postgres says.
pub async fn unconfirmed(tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<BTreeMap<StockKey, i64>, Error> {
    let (products, warehouses) = columns(keys);
    let sql = "select i.product_id, c.warehouse_id, sum(i.quantity)::bigint as units
        from order_confirmations c
        join orders o on o.order_id = c.order_id and o.status in ('pending', 'processed')
        join order_items i on i.order_id = c.order_id
        where c.confirmed_at is null
            and (i.product_id, c.warehouse_id) in (select * from unnest($1::uuid[], $2::uuid[]))
        group by 1, 2";
    let rows = tx.query(sql, &[&products, &warehouses]).await?;
    rows.iter().map(|row| Ok((stock_key(row)?, row.try_get("units")?))).collect()
}
