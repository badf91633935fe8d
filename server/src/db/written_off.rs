//! Units that are booked as lost with a device: what is still missing of them, and how they come back.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, ProductId},
    settle::write_off::Missing,
    stock::StockKey,
};
use uuid::Uuid;

use super::{Tx, grants::Open};
use crate::error::Error;

/// An act of head office that moves stock.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// Names its movements.
    pub act_id: Uuid,
    /// Why, in a sentence.
    pub note: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

/// Writes off what these lives, which are locked, have open: their W rises by that, the units are promised to
/// nobody, and a movement *lost* of each row takes them out of the book. The stock rows are locked in the
/// order of their keys before anything is counted.
///
/// # Errors
/// If Postgres fails.
pub async fn write_off(tx: &Tx, lives: &[IncarnationId], act: Act<'_>) -> Result<Open, Error> {
    lock_open_rows(tx, lives).await?;
    let rows = tx
        .query(
            "with open as (
                 select incarnation_id, product_id, warehouse_id,
                        granted + received - consumed - returned - reclaimed as units
                 from allotments
                 where incarnation_id = any($1) and granted + received - consumed - returned - reclaimed > 0
             ), taken as (
                 update allotments a set reclaimed = a.reclaimed + o.units
                 from open o
                 where a.incarnation_id = o.incarnation_id and a.product_id = o.product_id
                   and a.warehouse_id = o.warehouse_id
             ), noted as (
                 insert into written_off as w (incarnation_id, product_id, warehouse_id, units)
                 select incarnation_id, product_id, warehouse_id, units from open
                 on conflict (incarnation_id, product_id, warehouse_id) do update set units = w.units + excluded.units
             ), sums as (
                 select product_id, warehouse_id, sum(units)::bigint as units from open group by 1, 2
             ), lost as (
                 insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at, note)
                 select product_id, warehouse_id, -units, 'lost', $2,
                        row_number() over (order by product_id, warehouse_id) - 1, $3, $4
                 from sums
             )
             update stock s set promised = s.promised - m.units, balance = s.balance - m.units, updated_at = $3
             from sums m
             where s.product_id = m.product_id and s.warehouse_id = m.warehouse_id
             returning s.product_id, s.warehouse_id, m.units",
            &[&lives, &act.act_id, &act.at, &act.note],
        )
        .await?;
    super::grants::opened(&rows)
}

/// Locks the stock rows of which these lives have something open, in the order of their keys.
///
/// # Errors
/// If Postgres fails.
pub async fn lock_open_rows(tx: &Tx, lives: &[IncarnationId]) -> Result<(), Error> {
    tx.execute(
        "select from stock s
         where exists (
             select from allotments a
             where a.product_id = s.product_id and a.warehouse_id = s.warehouse_id and a.incarnation_id = any($1)
               and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0)
         order by s.product_id, s.warehouse_id
         for no key update of s",
        &[&lives],
    )
    .await?;
    Ok(())
}

/// What is still written off with this life is there after all: it comes back into the book, for everybody.
///
/// # Errors
/// If Postgres fails.
pub async fn find(tx: &Tx, life: IncarnationId, act: Act<'_>) -> Result<Open, Error> {
    tx.execute(
        "select from stock s join written_off w using (product_id, warehouse_id)
         where w.incarnation_id = $1 and w.units > 0
         order by s.product_id, s.warehouse_id
         for no key update of s",
        &[&life],
    )
    .await?;
    let rows = tx
        .query(
            "with missing as (
                 select product_id, warehouse_id, units from written_off where incarnation_id = $1 and units > 0
             ), found as (
                 update written_off set units = 0 where incarnation_id = $1 and units > 0
             ), back as (
                 insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at, note)
                 select product_id, warehouse_id, units, 'lost', $2,
                        row_number() over (order by product_id, warehouse_id) - 1, $3, $4
                 from missing
             )
             update stock s set balance = s.balance + m.units, updated_at = $3
             from missing m
             where s.product_id = m.product_id and s.warehouse_id = m.warehouse_id
             returning s.product_id, s.warehouse_id, m.units",
            &[&life, &act.act_id, &act.at, &act.note],
        )
        .await?;
    super::grants::opened(&rows)
}

/// Keeps what is still written off after ops of these lives took something of it.
///
/// # Errors
/// If Postgres fails.
pub async fn reduce(
    tx: &Tx,
    remaining: &BTreeMap<(IncarnationId, StockKey), i64>,
    reduced: &BTreeSet<(IncarnationId, StockKey)>,
) -> Result<(), Error> {
    if reduced.is_empty() {
        return Ok(());
    }
    let lives: Vec<_> = reduced.iter().map(|(life, _)| *life).collect();
    let products: Vec<_> = reduced.iter().map(|(_, key)| key.product_id).collect();
    let warehouses: Vec<_> = reduced.iter().map(|(_, key)| key.warehouse_id).collect();
    let units: Vec<i64> = reduced.iter().map(|at| remaining.get(at).copied().unwrap_or_default()).collect();
    tx.execute(
        "update written_off w set units = r.units
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
              as r (incarnation_id, product_id, warehouse_id, units)
         where w.incarnation_id = r.incarnation_id and w.product_id = r.product_id
           and w.warehouse_id = r.warehouse_id",
        &[&lives, &products, &warehouses, &units],
    )
    .await?;
    Ok(())
}

/// What is still written off with each of these lives.
///
/// # Errors
/// If Postgres fails.
pub async fn left(tx: &Tx, lives: &[IncarnationId]) -> Result<Vec<Missing>, Error> {
    let rows = tx
        .query(
            "select i.incarnation_id, i.node_id, w.product_id, sum(w.units)::bigint
             from incarnations i left join written_off w on w.incarnation_id = i.incarnation_id and w.units > 0
             where i.incarnation_id = any($1)
             group by i.incarnation_id, i.node_id, i.number, w.product_id
             order by i.number",
            &[&lives],
        )
        .await?;
    let mut left: Vec<Missing> = Vec::new();
    for row in rows {
        let life = row.try_get(0)?;
        if left.last().is_none_or(|last| last.life != life) {
            left.push(Missing { life, node_id: row.try_get(1)?, products: BTreeMap::new() });
        }
        let product: Option<ProductId> = row.try_get(2)?;
        if let (Some(last), Some(product_id)) = (left.last_mut(), product) {
            last.products.insert(product_id, row.try_get(3)?);
        }
    }
    Ok(left)
}
