//! Stock rows of which more is promised than is there: since when, and who could still explain them.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, NodeId},
    sizing::Holding,
    stock::{Allotment, StockKey},
    withdrawal::Seller,
};
use tokio_postgres::Row;

use super::{
    Tx, columns,
    ground::{allotment, stock_key},
    sizing::{OUTLOOK, holding},
};
use crate::{error::Error, feed::cursor::Snapshot};

/// Who sells of a row that is short.
#[derive(Clone, Debug, Default)]
pub struct Short {
    /// By how many units more is promised of it than is there.
    pub units: i64,
    /// Everybody who has or had an allotment of it.
    pub sellers: Vec<Seller>,
    /// Those who take grants and sell there, in order.
    pub holdings: Vec<(IncarnationId, Holding)>,
}

/// Those of these rows, which are locked, that are short. `author` is heard right now. None while head office hears
/// from its devices: it has forgotten what would explain them.
///
/// # Errors
/// If Postgres fails.
pub async fn among(
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    author: Option<IncarnationId>,
    now: Timestamp,
) -> Result<BTreeMap<StockKey, Short>, Error> {
    let (products, warehouses) = columns(keys);
    let sql = format!(
        "select s.product_id, s.warehouse_id, s.promised - s.reserved_quantity as units,
                a.incarnation_id, a.granted, a.reclaimed, a.consumed, a.returned,
                a.received, {OUTLOOK}, n.wait_seconds, n.waits_at, n.seen_at,
                i.given_up_at is not null as is_given_up,
                i.ended_at is not null and i.state in ('superseded', 'retired')
                    or coalesce(pg_visible_in_snapshot(s.short_since, i.told_upto), false) as has_told,
                i.state = 'active' and not i.report_owed and i.given_up_at is null and n.warehouse_id = a.warehouse_id
                    as takes_grants
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         join stock s on s.product_id = k.product_id and s.warehouse_id = k.warehouse_id and s.short_since is not null
         left join allotments a on a.product_id = k.product_id and a.warehouse_id = k.warehouse_id
         left join incarnations i on i.incarnation_id = a.incarnation_id
         left join nodes n on n.node_id = i.node_id
         where not exists (
             select from epochs e where e.number = (select max(number) from epochs) and e.recovered_at is null)
         order by s.product_id, s.warehouse_id, a.incarnation_id"
    );
    let mut short: BTreeMap<StockKey, Short> = BTreeMap::new();
    for row in tx.query(&sql, &[&products, &warehouses]).await? {
        let one = short.entry(stock_key(&row)?).or_default();
        one.units = row.try_get("units")?;
        let life: Option<IncarnationId> = row.try_get("incarnation_id")?;
        if life.is_none() {
            continue;
        }
        one.sellers.push(seller(&row, allotment(&row)?)?);
        if row.try_get("takes_grants")? {
            one.holdings.push(holding(&row, author, now)?);
        }
    }
    Ok(short)
}

fn seller(row: &Row, allotment: Allotment) -> Result<Seller, Error> {
    Ok(Seller { open: allotment.open(), is_given_up: row.try_get("is_given_up")?, has_told: row.try_get("has_told")? })
}

/// Every row that is short, or only those of which a life has something open.
///
/// # Errors
/// If Postgres fails.
pub async fn rows(tx: &Tx, seller: Option<IncarnationId>) -> Result<BTreeSet<StockKey>, Error> {
    let sql = "select s.product_id, s.warehouse_id from stock s
               where s.short_since is not null and ($1::uuid is null or exists (
                   select from allotments a
                   where a.incarnation_id = $1 and a.product_id = s.product_id and a.warehouse_id = s.warehouse_id
                       and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0))";
    tx.query(sql, &[&seller]).await?.iter().map(stock_key).collect()
}

/// The devices that are waited for before anything is withdrawn from a row, named as its concern names it; none if it
/// is not short.
///
/// # Errors
/// If Postgres fails.
pub async fn waited_for(tx: &Tx, subject: &str) -> Result<Vec<(NodeId, String)>, Error> {
    let sql = "select distinct n.node_id, n.name
         from stock s
         join allotments a on a.product_id = s.product_id and a.warehouse_id = s.warehouse_id
             and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0
         join incarnations i on i.incarnation_id = a.incarnation_id and i.given_up_at is null
         join nodes n on n.node_id = i.node_id
         where s.short_since is not null
             and s.product_id = split_part($1, '/', 1)::uuid and s.warehouse_id = split_part($1, '/', 2)::uuid
             and not (i.ended_at is not null and i.state in ('superseded', 'retired'))
             and not coalesce(pg_visible_in_snapshot(s.short_since, i.told_upto), false)
         order by n.name";
    tx.query(sql, &[&subject]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The next rows that are short, behind one, in the order of warehouses.
///
/// # Errors
/// If Postgres fails.
pub async fn lot(tx: &Tx, after: Option<StockKey>, limit: i64) -> Result<Vec<StockKey>, Error> {
    let sql = "select product_id, warehouse_id from stock
               where short_since is not null and ($1::uuid is null or (warehouse_id, product_id) > ($1, $2::uuid))
               order by warehouse_id, product_id limit $3";
    let (warehouse, product) = after.map(|key| (key.warehouse_id, key.product_id)).unzip();
    tx.query(sql, &[&warehouse, &product, &limit]).await?.iter().map(stock_key).collect()
}

/// Of transactions that this snapshot sees everything that the life's device did without knowing them is in the book.
///
/// # Errors
/// If Postgres fails.
pub async fn note_told(tx: &Tx, life: IncarnationId, upto: &Snapshot) -> Result<(), Error> {
    let sql = "update incarnations set told_upto = $2::text::pg_snapshot where incarnation_id = $1";
    tx.execute(sql, &[&life, &upto.to_string()]).await?;
    Ok(())
}

/// The numbers are another cluster's: whatever is short is so since now, and nobody has told.
///
/// # Errors
/// If Postgres fails.
pub async fn stamp(tx: &Tx) -> Result<(), Error> {
    tx.execute("update stock set short_since = pg_current_xact_id() where short_since is not null", &[]).await?;
    tx.execute("update incarnations set told_upto = null where told_upto is not null", &[]).await?;
    Ok(())
}
