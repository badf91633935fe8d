//! Stock rows, locked in the order of their keys.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    planted::{Bug, is_planted},
    stock::{Level, StockKey},
};
use tokio_postgres::Row;

use crate::{
    db::{Tx, columns},
    error::Error,
};

/// The stock rows with these keys, locked. A row that is missing though its product and warehouse
/// exist is made first.
pub async fn stock(tx: &Tx, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<BTreeMap<StockKey, Level>, Error> {
    let levels = lock_stock(tx, keys).await?;
    let missing: BTreeSet<_> = keys.iter().filter(|key| !levels.contains_key(key)).copied().collect();
    if missing.is_empty() {
        return Ok(levels);
    }
    // Whether this made them or somebody else did meanwhile, they are there now if they can be.
    make_stock(tx, &missing, now).await?;
    lock_stock(tx, keys).await
}

/// The statement that [`lock_stock`] runs.
pub fn lock_stock_sql() -> String {
    let locking = if is_planted(Bug::ReadThenWritten) { "" } else { "for no key update of s" };
    format!(
        "select s.product_id, s.warehouse_id, s.balance, s.promised
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         join stock s using (product_id, warehouse_id)
         order by s.product_id, s.warehouse_id
         {locking}"
    )
}

/// Those of the stock rows that there are, locked in the order of their keys.
///
/// # Errors
/// If Postgres fails.
pub async fn lock_stock(tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<BTreeMap<StockKey, Level>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (products, warehouses) = columns(keys);
    let rows = tx.query(&lock_stock_sql(), &[&products, &warehouses]).await?;
    rows.iter().map(|row| Ok((stock_key(row)?, level(row)?))).collect()
}

async fn make_stock(tx: &Tx, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<(), Error> {
    let (products, warehouses) = columns(keys);
    tx.execute(
        "insert into stock (product_id, warehouse_id, updated_at)
         select product_id, warehouse_id, $3
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         join products p using (product_id)
         join warehouses w using (warehouse_id)
         order by product_id, warehouse_id
         on conflict do nothing",
        &[&products, &warehouses, &now],
    )
    .await?;
    Ok(())
}

/// Closes the expired holds of these stock rows, which are locked, and tells the rows that changed.
///
/// # Errors
/// If Postgres fails.
pub async fn release_expired(
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    now: Timestamp,
) -> Result<BTreeMap<StockKey, Level>, Error> {
    let (products, warehouses) = columns(keys);
    let rows = tx
        .query(
            "with released as (
                 update holds h set closed_at = $3, outcome = 'expired'
                 from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
                 where h.product_id = k.product_id and h.warehouse_id = k.warehouse_id
                   and h.closed_at is null and h.expires_at <= $3
                 returning h.product_id, h.warehouse_id, h.amount
             ), sums as (
                 select product_id, warehouse_id, sum(amount)::bigint as amount
                 from released group by product_id, warehouse_id
             )
             update stock s set promised = s.promised - r.amount, updated_at = $3
             from sums r
             where s.product_id = r.product_id and s.warehouse_id = r.warehouse_id
             returning s.product_id, s.warehouse_id, s.balance, s.promised",
            &[&products, &warehouses, &now],
        )
        .await?;
    rows.iter().map(|row| Ok((stock_key(row)?, level(row)?))).collect()
}

fn level(row: &Row) -> Result<Level, Error> {
    Ok(Level { balance: row.try_get("balance")?, promised: row.try_get("promised")? })
}

pub(in crate::db) fn stock_key(row: &Row) -> Result<StockKey, Error> {
    Ok(StockKey { product_id: row.try_get("product_id")?, warehouse_id: row.try_get("warehouse_id")? })
}
