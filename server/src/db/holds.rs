//! Holds, written by the group. The stock row is locked first, always: it is what a hold changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::{CartId, HoldId, IncarnationId, NodeId, ProductId, WarehouseId},
    stock::{Allotment, Level, StockKey},
};
use outpost_sync::{
    hold::{Book, Decided, Held},
    wire::{Caller, HoldWanted},
};
use tokio_postgres::Row;

use super::{Tx, ground};
use crate::error::Error;

/// Lets this transaction use each statement's kept plan: the arrays differ in length at every group,
/// and planning anew for each took half of Postgres's time.
///
/// # Errors
/// What Postgres says.
pub async fn keep_plans(tx: &Tx) -> Result<(), Error> {
    tx.execute("set local plan_cache_mode = force_generic_plan", &[]).await?;
    Ok(())
}

/// Journals and whose they are, and whether anything is promised now.
#[derive(Clone, Debug)]
pub struct Known {
    journals: HashMap<IncarnationId, (NodeId, IncarnationState)>,
    is_recovering: bool,
}

impl Known {
    /// What the caller's journal is; none if it is no node with such a journal.
    pub fn state(&self, caller: &Caller) -> Option<IncarnationState> {
        let journal = self.journals.get(&caller.incarnation_id);
        journal.filter(|(node_id, _)| *node_id == caller.node_id).map(|(_, state)| *state)
    }

    /// Whether head office is hearing from its devices, and so promises nothing.
    pub const fn is_recovering(&self) -> bool {
        self.is_recovering
    }
}

/// Which of these callers are nodes with such a journal.
///
/// # Errors
/// What Postgres says.
pub async fn known(tx: &Tx, callers: &[Caller]) -> Result<Known, Error> {
    let incarnations: Vec<IncarnationId> = callers.iter().map(|caller| caller.incarnation_id).collect();
    let rows = tx
        .query(
            "select i.node_id, i.incarnation_id, i.state, e.recovered_at is null as is_recovering
             from (select recovered_at from epochs order by number desc limit 1) e
             left join incarnations i on i.incarnation_id = any($1)",
            &[&incarnations],
        )
        .await?;
    let mut known = Known { journals: HashMap::with_capacity(rows.len()), is_recovering: false };
    for row in &rows {
        known.is_recovering = row.try_get("is_recovering")?;
        if let Some(incarnation_id) = row.try_get::<_, Option<IncarnationId>>("incarnation_id")? {
            known.journals.insert(incarnation_id, (row.try_get("node_id")?, row.try_get("state")?));
        }
    }
    Ok(known)
}

/// What the caller's journal is: only an active one takes grants; none if there is no such journal.
///
/// # Errors
/// What Postgres says.
pub async fn state(tx: &Tx, caller: Caller) -> Result<Option<IncarnationState>, Error> {
    let row = tx
        .query_opt(
            "select i.state from incarnations i where i.incarnation_id = $1 and i.node_id = $2 for share",
            &[&caller.incarnation_id, &caller.node_id],
        )
        .await?;
    row.map(|row| Ok(row.try_get("state")?)).transpose()
}

/// What these wishes are decided over, given their rows, which are locked.
///
/// # Errors
/// What Postgres says.
pub async fn book(tx: &Tx, levels: BTreeMap<StockKey, Level>, wanted: &[HoldWanted]) -> Result<Book, Error> {
    let ids: Vec<HoldId> = wanted.iter().map(|wish| wish.hold_id).collect();
    let carts: Vec<CartId> = wanted.iter().filter_map(|wish| wish.cart_id).collect();
    let rows = tx
        .query(
            "select h.hold_id, h.product_id, h.warehouse_id, h.amount, h.cart_id, h.created_at, h.expires_at,
                h.closed_at is null as is_open, h.allotted_to
            from holds h where h.hold_id = any($1)
            union all
            select h.hold_id, h.product_id, h.warehouse_id, h.amount, h.cart_id, h.created_at, h.expires_at,
                true as is_open, h.allotted_to
            from holds h where h.cart_id = any($2) and h.closed_at is null and h.hold_id <> all($1)",
            &[&ids, &carts],
        )
        .await?;
    Ok(Book::new(levels, rows.iter().map(held).collect::<Result<_, _>>()?))
}

fn held(row: &Row) -> Result<Held, Error> {
    Ok(Held {
        hold_id: row.try_get("hold_id")?,
        key: key(row)?,
        amount: row.try_get("amount")?,
        cart_id: row.try_get("cart_id")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        is_open: row.try_get("is_open")?,
    })
}

fn key(row: &Row) -> Result<StockKey, Error> {
    Ok(StockKey { product_id: row.try_get("product_id")?, warehouse_id: row.try_get("warehouse_id")? })
}

/// Writes what was decided, in one statement.
///
/// # Errors
/// What Postgres says.
pub async fn write(tx: &Tx, decided: &Decided, now: Timestamp) -> Result<(), Error> {
    let placed = &decided.placed;
    if placed.is_empty() {
        return Ok(());
    }
    tx.execute(
        "with closed as (
            update holds set closed_at = $1, outcome = 'released' where hold_id = any($2)
        ), placed as (
            insert into holds
                (hold_id, product_id, warehouse_id, amount, cart_id, created_at, expires_at, closed_at, outcome)
            select h.hold_id, h.product_id, h.warehouse_id, h.amount, h.cart_id, $1, h.expires_at,
                case when not h.is_open then $1 end, case when not h.is_open then 'released' end
            from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::uuid[], $8::timestamptz[], $9::boolean[])
                as h (hold_id, product_id, warehouse_id, amount, cart_id, expires_at, is_open)
        )
        update stock s set promised = l.promised, updated_at = $1
        from unnest($10::uuid[], $11::uuid[], $12::bigint[]) as l (product_id, warehouse_id, promised)
        where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id",
        &[
            &now,
            &decided.replaced,
            &column(placed, |held| held.hold_id),
            &column(placed, |held| held.key.product_id),
            &column(placed, |held| held.key.warehouse_id),
            &column(placed, |held| held.amount),
            &column(placed, |held| held.cart_id),
            &column(placed, |held| held.expires_at),
            &column(placed, |held| held.is_open),
            &decided.levels.keys().map(|key| key.product_id).collect::<Vec<ProductId>>(),
            &decided.levels.keys().map(|key| key.warehouse_id).collect::<Vec<WarehouseId>>(),
            &decided.levels.values().map(|level| level.promised).collect::<Vec<i64>>(),
        ],
    )
    .await?;
    Ok(())
}

fn column<T>(placed: &[Held], of: impl Fn(&Held) -> T) -> Vec<T> {
    placed.iter().map(of).collect()
}

/// A hold whose stock row is locked.
#[derive(Clone, Debug)]
pub struct Found {
    /// The hold.
    pub held: Held,
    /// Whose allotment it became.
    pub allotted_to: Option<IncarnationId>,
}

/// The hold with that id, its stock row locked before it was read.
///
/// # Errors
/// What Postgres says.
pub async fn lock(tx: &Tx, hold_id: HoldId, now: Timestamp) -> Result<Option<Found>, Error> {
    let sql = "select h.product_id, h.warehouse_id from holds h where h.hold_id = $1";
    let Some(row) = tx.query_opt(sql, &[&hold_id]).await? else { return Ok(None) };
    ground::stock(tx, &[key(&row)?].into(), now).await?;
    let row = tx
        .query_one(
            "select h.hold_id, h.product_id, h.warehouse_id, h.amount, h.cart_id, h.created_at, h.expires_at,
                h.closed_at is null as is_open, h.allotted_to
            from holds h where h.hold_id = $1",
            &[&hold_id],
        )
        .await?;
    Ok(Some(Found { held: held(&row)?, allotted_to: row.try_get("allotted_to")? }))
}

/// Closes a hold, whose row is locked, and what it promised is promised no more.
///
/// # Errors
/// What Postgres says.
pub async fn release(tx: &Tx, held: &Held, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "with closed as (
            update holds set closed_at = $2, outcome = 'released' where hold_id = $1
            returning product_id, warehouse_id, amount
        )
        update stock s set promised = s.promised - c.amount, updated_at = $2
        from closed c where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id",
        &[&held.hold_id, &now],
    )
    .await?;
    Ok(())
}

/// The journal's allotment of a row, which is locked.
///
/// # Errors
/// What Postgres says.
pub async fn allotment(tx: &Tx, incarnation_id: IncarnationId, key: StockKey) -> Result<Allotment, Error> {
    let row = tx
        .query_opt(
            "select granted, reclaimed, consumed, returned, received
            from allotments where incarnation_id = $1 and product_id = $2 and warehouse_id = $3",
            &[&incarnation_id, &key.product_id, &key.warehouse_id],
        )
        .await?;
    row.map_or(Ok(Allotment::default()), |row| {
        Ok(Allotment {
            granted: row.try_get("granted")?,
            reclaimed: row.try_get("reclaimed")?,
            consumed: row.try_get("consumed")?,
            returned: row.try_get("returned")?,
            received: row.try_get("received")?,
        })
    })
}

/// Closes a hold, whose row is locked, and raises the journal's allotment from `before` to `after`.
///
/// # Errors
/// What Postgres says.
pub async fn allot(
    tx: &Tx,
    held: &Held,
    (incarnation_id, before, after): (IncarnationId, Allotment, Allotment),
    now: Timestamp,
) -> Result<(), Error> {
    let opened = after.open() - before.open();
    tx.execute(
        "with closed as (
            update holds set closed_at = $2, outcome = 'allotted', allotted_to = $3 where hold_id = $1
            returning product_id, warehouse_id, amount
        ), raised as (
            insert into allotments (incarnation_id, product_id, warehouse_id, granted)
            select $3, c.product_id, c.warehouse_id, $4 from closed c
            on conflict (incarnation_id, product_id, warehouse_id) do update set granted = excluded.granted
        )
        update stock s set promised = s.promised - c.amount + $5, updated_at = $2
        from closed c where s.product_id = c.product_id and s.warehouse_id = c.warehouse_id",
        &[&held.hold_id, &now, &incarnation_id, &after.granted, &opened],
    )
    .await?;
    Ok(())
}

/// The rows of up to `limit` holds that are past their time.
///
/// # Errors
/// What Postgres says.
pub async fn expired_rows(tx: &Tx, now: Timestamp, limit: i64) -> Result<BTreeSet<StockKey>, Error> {
    let rows = tx
        .query(
            "select h.product_id, h.warehouse_id from holds h
            where h.closed_at is null and h.expires_at <= $1 order by h.expires_at limit $2",
            &[&now, &limit],
        )
        .await?;
    rows.iter().map(key).collect()
}

#[cfg(test)]
mod tests;
