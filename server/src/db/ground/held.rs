//! What a journal has of stock rows: what it may sell, and what was written off with it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    id::IncarnationId,
    settle::Known,
    sizing::Outlook,
    stock::{Allotment, StockKey},
};
use tokio_postgres::Row;

use super::stock_key;
use crate::{
    db::{
        Tx, columns,
        sizing::{self, OUTLOOK},
    },
    error::Error,
};

/// What a journal has of a row.
pub(super) struct Held {
    pub(super) allotment: Allotment,
    pub(super) outlook: Outlook,
    /// Units that are still written off with it; none if nothing ever was.
    written_off: Option<i64>,
}

/// The journal's allotments of these stock rows, which are locked.
///
/// # Errors
/// If Postgres fails.
pub async fn allotments(
    tx: &Tx,
    incarnation_id: IncarnationId,
    keys: &BTreeSet<StockKey>,
) -> Result<BTreeMap<StockKey, Allotment>, Error> {
    let found = held(tx, incarnation_id, keys).await?;
    Ok(found.into_iter().map(|(key, held)| (key, held.allotment)).collect())
}

/// The same, with what is known beside their totals.
pub(super) async fn held(
    tx: &Tx,
    incarnation_id: IncarnationId,
    keys: &BTreeSet<StockKey>,
) -> Result<BTreeMap<StockKey, Held>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (products, warehouses) = columns(keys);
    let rows = tx
        .query(
            &format!(
                "select a.product_id, a.warehouse_id, a.granted, a.reclaimed, a.consumed, a.returned, a.received,
                        l.units as written_off, {OUTLOOK}
                 from unnest($2::uuid[], $3::uuid[]) as k (product_id, warehouse_id)
                 join allotments a using (product_id, warehouse_id)
                 left join written_off l on l.incarnation_id = a.incarnation_id and l.product_id = a.product_id
                     and l.warehouse_id = a.warehouse_id
                 where a.incarnation_id = $1"
            ),
            &[&incarnation_id, &products, &warehouses],
        )
        .await?;
    let held = |row| -> Result<Held, Error> {
        Ok(Held {
            allotment: allotment(row)?,
            outlook: sizing::outlook(row)?,
            written_off: row.try_get("written_off")?,
        })
    };
    rows.iter().map(|row| Ok((stock_key(row)?, held(row)?))).collect()
}

/// Reads the totals of an allotment.
///
/// # Errors
/// If the row has no such columns.
pub(in crate::db) fn allotment(row: &Row) -> Result<Allotment, Error> {
    Ok(Allotment {
        granted: row.try_get("granted")?,
        reclaimed: row.try_get("reclaimed")?,
        consumed: row.try_get("consumed")?,
        returned: row.try_get("returned")?,
        received: row.try_get("received")?,
    })
}

/// Notes what is still written off with a life, and hands its allotments on.
pub(super) fn keep_written_off(
    known: &mut Known,
    life: IncarnationId,
    found: BTreeMap<StockKey, Held>,
) -> BTreeMap<StockKey, Allotment> {
    let mut allotments = BTreeMap::new();
    for (key, held) in found {
        allotments.insert(key, held.allotment);
        if let Some(units) = held.written_off {
            known.written_off.insert((life, key), units);
        }
    }
    allotments
}
