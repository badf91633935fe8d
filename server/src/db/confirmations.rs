//! Orders to be confirmed: taken although no allotment covered them, confirmed once the goods are there.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{clock::Timestamp, feed::Confirmation, stock::StockKey};

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

/// Confirms those of which every line is there by now, and says how many. What a row lacks is lacked by the orders
/// that were taken last: an earlier one is confirmed although a later one is not. One that was confirmed stays so. None
/// is while head office hears from its devices: it may have forgotten whose the goods are.
///
/// # Errors
/// What Postgres says.
pub async fn confirm(tx: &Tx, now: Timestamp) -> Result<u64, Error> {
    let sql = "update order_confirmations c set confirmed_at = $1
        from orders o
        where c.confirmed_at is null and o.order_id = c.order_id and o.status in ('pending', 'processed')
            and not exists (
                select from epochs e where e.number = (select max(number) from epochs) and e.recovered_at is null)
            and not exists (
                select from order_items i
                join stock s on s.product_id = i.product_id and s.warehouse_id = c.warehouse_id
                where i.order_id = c.order_id and s.promised - s.reserved_quantity > (
                    select coalesce(sum(j.quantity), 0)
                    from order_confirmations d
                    join orders e on e.order_id = d.order_id and e.status in ('pending', 'processed')
                    join order_items j on j.order_id = d.order_id
                    where d.confirmed_at is null and d.warehouse_id = c.warehouse_id and j.product_id = i.product_id
                        and (d.asked_at, d.order_id) > (c.asked_at, c.order_id)
                )
            )";
    tx.execute(sql, &[&now]).await
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
