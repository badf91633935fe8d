//! The lives of devices' journals: one ends, another begins.

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, WarehouseId},
};
use outpost_sync::wire::{Caller, LifeWanted};

use super::Tx;
use crate::error::Error;

/// The life after which another one begins; its device is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elder {
    /// The prefix of the device's first receipts.
    pub node_prefix: String,
    /// How many lives the device has had.
    pub lives: i32,
}

/// Locks the caller's device, so that its lives are numbered one after another; none if it has no such life.
///
/// # Errors
/// If Postgres fails.
pub async fn lock_elder(tx: &Tx, caller: Caller) -> Result<Option<Elder>, Error> {
    let row = tx
        .query_opt(
            "select n.prefix, (select max(number) from incarnations where node_id = n.node_id) as lives
             from nodes n
             where n.node_id = $1
               and exists (select from incarnations where node_id = n.node_id and incarnation_id = $2)
             for no key update of n",
            &[&caller.node_id, &caller.incarnation_id],
        )
        .await?;
    row.map(|row| Ok(Elder { node_prefix: row.try_get(0)?, lives: row.try_get(1)? })).transpose()
}

/// A life that was begun otherwise, or by another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOurs;

/// The prefix of a life that was begun before, after the caller's.
///
/// # Errors
/// If Postgres fails.
pub async fn prefix_of(tx: &Tx, life: IncarnationId, caller: Caller) -> Result<Option<Result<String, NotOurs>>, Error> {
    let row = tx
        .query_opt(
            "select prefix from incarnations where incarnation_id = $1 and node_id = $2 and after_id = $3",
            &[&life, &caller.node_id, &caller.incarnation_id],
        )
        .await?;
    if let Some(row) = row {
        return Ok(Some(Ok(row.try_get(0)?)));
    }
    let is_taken = tx.query_opt("select from incarnations where incarnation_id = $1", &[&life]).await?.is_some();
    Ok(is_taken.then_some(Err(NotOurs)))
}

/// Nothing more is granted to this life. One that forked stays frozen.
///
/// # Errors
/// If Postgres fails.
pub async fn supersede(tx: &Tx, life: IncarnationId) -> Result<(), Error> {
    let sql = "update incarnations set state = 'superseded' where incarnation_id = $1 and state = 'active'";
    tx.execute(sql, &[&life]).await?;
    Ok(())
}

/// Keeps the life that is wanted after the caller's.
///
/// # Errors
/// If Postgres fails.
pub async fn insert(
    tx: &Tx,
    caller: Caller,
    number: i32,
    prefix: &str,
    wanted: &LifeWanted,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "insert into incarnations (incarnation_id, node_id, number, prefix, after_id, reason, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[&wanted.incarnation_id, &caller.node_id, &number, &prefix, &caller.incarnation_id, &wanted.reason, &now],
    )
    .await?;
    Ok(())
}

/// Units that a life may still sell without asking.
///
/// # Errors
/// If Postgres fails.
pub async fn open_units(tx: &Tx, life: IncarnationId) -> Result<i64, Error> {
    let row = tx
        .query_one(
            "select coalesce(sum(greatest(0, granted + received - consumed - returned - reclaimed)), 0)::bigint
             from allotments where incarnation_id = $1",
            &[&life],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Whether a life ended because its journal went on in two ways.
///
/// # Errors
/// If Postgres fails.
pub async fn has_forked(tx: &Tx, life: IncarnationId) -> Result<bool, Error> {
    let sql = "select from incarnations where incarnation_id = $1 and state = 'frozen'";
    Ok(tx.query_opt(sql, &[&life]).await?.is_some())
}

/// Takes back what a life has open at these places: W grows by it, and it is promised no longer. The
/// stock rows are locked in the order of their keys before anything is counted.
///
/// # Errors
/// If Postgres fails.
pub async fn reclaim_at(tx: &Tx, life: IncarnationId, places: &[WarehouseId], now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "with open as (
             select s.product_id, s.warehouse_id,
                    a.granted + a.received - a.consumed - a.returned - a.reclaimed as units
             from allotments a
             join stock s using (product_id, warehouse_id)
             where a.incarnation_id = $1 and a.warehouse_id = any($2)
               and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0
             order by s.product_id, s.warehouse_id
             for no key update of s
         ), taken as (
             update allotments a set reclaimed = a.reclaimed + o.units
             from open o
             where a.incarnation_id = $1 and a.product_id = o.product_id and a.warehouse_id = o.warehouse_id
         )
         update stock s set promised = s.promised - o.units, updated_at = $3
         from open o
         where s.product_id = o.product_id and s.warehouse_id = o.warehouse_id",
        &[&life, &places, &now],
    )
    .await?;
    Ok(())
}

/// The device has told all of this life.
///
/// # Errors
/// If Postgres fails.
pub async fn note_ended(tx: &Tx, life: IncarnationId, now: Timestamp) -> Result<(), Error> {
    tx.execute("update incarnations set ended_at = $2 where incarnation_id = $1", &[&life, &now]).await?;
    Ok(())
}
