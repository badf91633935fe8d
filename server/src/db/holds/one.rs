//! One hold at a time, with all of its lines: released, extended, turned into allotment.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{HoldId, IncarnationId},
    stock::{Level, StockKey},
};
use outpost_sync::hold::Held;

use super::{columns, held, key, lines_where};
use crate::{
    db::{Tx, ground},
    error::Error,
};

/// A hold whose stock rows are locked.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its lines.
    pub lines: Vec<Held>,
    /// Whose allotment it became.
    pub allotted_to: Option<IncarnationId>,
    /// Its stock rows.
    pub levels: BTreeMap<StockKey, Level>,
}

impl Found {
    /// Its open lines: the rows they promise, and how much.
    pub fn open(&self) -> BTreeMap<StockKey, i64> {
        self.lines.iter().filter(|line| line.is_open).map(|line| (line.key, line.amount.units())).collect()
    }

    /// The rows of its open lines.
    pub fn rows(&self) -> BTreeSet<StockKey> {
        self.open().into_keys().collect()
    }
}

/// The hold with that id, its stock rows locked before it was read.
///
/// # Errors
/// What Postgres says.
pub async fn lock(tx: &Tx, hold_id: HoldId, now: Timestamp) -> Result<Option<Found>, Error> {
    let sql = lines_where!("h.hold_id = $1 order by h.product_id, h.warehouse_id");
    let rows = tx.query(sql, &[&hold_id]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let levels = ground::stock(tx, &rows.iter().map(key).collect::<Result<_, _>>()?, now).await?;
    let rows = tx.query(sql, &[&hold_id]).await?;
    let mut found = Found { lines: Vec::with_capacity(rows.len()), allotted_to: None, levels };
    for row in &rows {
        found.lines.push(held(row)?);
        found.allotted_to = found.allotted_to.or(row.try_get("allotted_to")?);
    }
    Ok(Some(found))
}

/// Closes the open lines of a hold, whose rows are locked, and what they promised is promised no more.
///
/// # Errors
/// What Postgres says.
pub async fn release(tx: &Tx, hold_id: HoldId, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "with closed as (
            update holds set closed_at = $2, outcome = 'released' where hold_id = $1 and closed_at is null
            returning product_id, warehouse_id, amount
        )
        update stock s set promised = s.promised - c.amount, updated_at = $2
        from closed c where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id",
        &[&hold_id, &now],
    )
    .await?;
    Ok(())
}

/// The open lines of holds on these rows, which are locked.
///
/// # Errors
/// What Postgres says.
pub async fn on_rows(tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<Vec<Held>, Error> {
    let (products, warehouses) = columns(keys.iter().copied());
    let sql = lines_where!(
        "h.closed_at is null
             and (h.product_id, h.warehouse_id) in (select * from unnest($1::uuid[], $2::uuid[]))"
    );
    tx.query(sql, &[&products, &warehouses]).await?.iter().map(held).collect()
}

/// Closes these open lines, whose rows are locked: the goods are not there. What they promised is promised no more.
///
/// # Errors
/// What Postgres says.
pub async fn withdraw(tx: &Tx, lines: &[Held], now: Timestamp) -> Result<(), Error> {
    let ids: Vec<HoldId> = lines.iter().map(|line| line.hold_id).collect();
    let (products, warehouses) = columns(lines.iter().map(|line| line.key));
    tx.execute(
        "with closed as (
            update holds h set closed_at = $4, outcome = 'withdrawn'
            from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as w (hold_id, product_id, warehouse_id)
            where h.hold_id = w.hold_id and h.product_id = w.product_id and h.warehouse_id = w.warehouse_id
            returning h.product_id, h.warehouse_id, h.amount
        ), sums as (
            select product_id, warehouse_id, sum(amount)::bigint as units from closed group by 1, 2
        )
        update stock s set promised = s.promised - c.units, updated_at = $4
        from sums c where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id",
        &[&ids, &products, &warehouses, &now],
    )
    .await?;
    Ok(())
}

/// The rows of which a hold was released only because its time came, and no newer hold of the same buyer took its
/// place.
///
/// # Errors
/// What Postgres says.
pub async fn lapsed(tx: &Tx, hold_id: HoldId) -> Result<BTreeSet<StockKey>, Error> {
    let sql = "select h.product_id, h.warehouse_id from holds h
        where h.hold_id = $1 and h.outcome = 'expired' and not exists (
            select from holds own
            where own.closed_at is null and own.product_id = h.product_id and own.warehouse_id = h.warehouse_id
                and (own.cart_id = h.cart_id or own.order_id = h.order_id)
        )";
    tx.query(sql, &[&hold_id]).await?.iter().map(key).collect()
}

/// Lets the open lines of a hold, whose rows are locked, last until a moment.
///
/// # Errors
/// What Postgres says.
pub async fn extend(tx: &Tx, hold_id: HoldId, until: Timestamp) -> Result<(), Error> {
    let sql = "update holds set expires_at = $2 where hold_id = $1 and closed_at is null and expires_at < $2";
    tx.execute(sql, &[&hold_id, &until]).await?;
    Ok(())
}

/// Opens lines of a hold that lapsed, whose rows are locked, until a moment, and brings these rows up to date.
///
/// # Errors
/// What Postgres says.
pub async fn open_again(
    tx: &Tx,
    (hold_id, until): (HoldId, Timestamp),
    levels: &BTreeMap<StockKey, Level>,
    now: Timestamp,
) -> Result<(), Error> {
    if levels.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = columns(levels.keys().copied());
    let promised: Vec<i64> = levels.values().map(|level| level.promised).collect();
    tx.execute(
        "with rows as (
            select * from unnest($3::uuid[], $4::uuid[], $5::bigint[]) as r (product_id, warehouse_id, promised)
        ), again as (
            update holds h set closed_at = null, outcome = null, expires_at = $2
            from rows r
            where h.hold_id = $1 and h.outcome = 'expired'
                and h.product_id = r.product_id and h.warehouse_id = r.warehouse_id
        )
        update stock s set promised = r.promised, updated_at = $6
        from rows r where s.product_id = r.product_id and s.warehouse_id = r.warehouse_id",
        &[&hold_id, &until, &products, &warehouses, &promised, &now],
    )
    .await?;
    Ok(())
}

/// Closes the open lines of a hold, whose rows are locked, and raises the journal's allotments of these rows: what
/// each has granted then, and by how much more it has open.
///
/// # Errors
/// What Postgres says.
pub async fn allot(
    tx: &Tx,
    hold_id: HoldId,
    (incarnation_id, raised): (IncarnationId, &BTreeMap<StockKey, (i64, i64)>),
    now: Timestamp,
) -> Result<(), Error> {
    let (products, warehouses) = columns(raised.keys().copied());
    let (granted, opened): (Vec<i64>, Vec<i64>) = raised.values().copied().unzip();
    tx.execute(
        "with closed as (
            update holds set closed_at = $2, outcome = 'allotted', allotted_to = $3
            where hold_id = $1 and closed_at is null
            returning product_id, warehouse_id, amount
        ), raised as (
            select r.product_id, r.warehouse_id, r.granted, r.opened
            from unnest($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[])
                as r (product_id, warehouse_id, granted, opened)
        ), granted as (
            insert into allotments (incarnation_id, product_id, warehouse_id, granted)
            select $3, product_id, warehouse_id, granted from raised
            on conflict (incarnation_id, product_id, warehouse_id) do update set granted = excluded.granted
        )
        update stock s set promised = s.promised - c.amount + r.opened, updated_at = $2
        from closed c join raised r using (product_id, warehouse_id)
        where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id",
        &[&hold_id, &now, &incarnation_id, &products, &warehouses, &granted, &opened],
    )
    .await?;
    Ok(())
}
