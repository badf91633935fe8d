//! The lives of devices' journals: one ends, another begins.

use outpost_schema::{
    clock::Timestamp,
    device::{Card, IncarnationState},
    id::{EpochId, IncarnationId, NodeId},
};
use outpost_sync::wire::{Caller, LifeWanted};
use tokio_postgres::Row;

use super::Tx;
use crate::error::Error;

/// The life after which another one begins; its device is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elder {
    /// The prefix of the device's first receipts.
    pub node_prefix: String,
    /// How many lives the device has had.
    pub lives: i32,
    /// What the next one begins as: a suspended device stays suspended.
    pub next: IncarnationState,
    /// The life of the database itself, unless it is its first.
    pub epoch: Option<EpochId>,
}

/// What a life begins as after the newest one, `l`, of a device `n`: a closed device stays closed, and a suspended one
/// suspended, also where its newest life was frozen before it was.
const NEXT: &str = "case
    when n.retired_at is not null then 'retired'
    when exists (select from concerns c
                 where c.kind = 'suspended' and c.subject = n.node_id::text and c.closed_at is null) then 'suspended'
    else life_after(l.state) end";

/// Locks the caller's device, so that its lives are numbered one after another; none if it has no such life.
///
/// # Errors
/// If Postgres fails.
pub async fn lock_elder(tx: &Tx, caller: Caller) -> Result<Option<Elder>, Error> {
    let row = tx
        .query_opt(
            &format!(
                "select n.prefix, (select max(number) from incarnations where node_id = n.node_id) as lives,
                    (select epoch_id from epochs where number > (select min(number) from epochs)
                     order by number desc limit 1) as epoch,
                    (select {NEXT} from incarnations l where l.node_id = n.node_id order by l.number desc limit 1)
             from nodes n
             where n.node_id = $1
               and exists (select from incarnations where node_id = n.node_id and incarnation_id = $2)
             for no key update of n"
            ),
            &[&caller.node_id, &caller.incarnation_id],
        )
        .await?;
    let elder = |row: Row| {
        let (node_prefix, lives) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Elder { node_prefix, lives, epoch: row.try_get(2)?, next: row.try_get(3)? })
    };
    row.map(elder).transpose()
}

/// The device that has this life; none if there is no such life.
///
/// # Errors
/// If Postgres fails.
pub async fn device(tx: &Tx, life: IncarnationId) -> Result<Option<NodeId>, Error> {
    let row = tx.query_opt("select node_id from incarnations where incarnation_id = $1", &[&life]).await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Keeps a life that the database forgot, after the newest one that it has of the same device. False if it
/// does not know the device either.
///
/// # Errors
/// If Postgres fails.
pub async fn begin_forgotten(tx: &Tx, card: &Card, now: Timestamp) -> Result<bool, Error> {
    let begun = tx
        .execute(
            &format!(
                "with elder as (
                     select incarnation_id, node_id, number, state from incarnations where node_id = $2
                     order by number desc limit 1
                 ), over as (
                     update incarnations i set state = 'superseded' from elder e
                     where i.incarnation_id = e.incarnation_id and i.state in ('active', 'suspended')
                 )
                 insert into incarnations (incarnation_id, node_id, number, prefix, after_id, created_at, state)
                 select $1, $2, l.number + 1, $3, l.incarnation_id, $4, {NEXT} from elder l join nodes n using (node_id)"
            ),
            &[&card.incarnation_id, &card.node_id, &card.prefix, &now],
        )
        .await?;
    Ok(begun == 1)
}

/// Keeps earlier lives that the database forgot and a later one of the same device names, so that what is carried
/// from them has its place. They are over; their numbers go below those that are known. Says which there are now:
/// one that is another device's is not among them.
///
/// # Errors
/// If Postgres fails.
pub async fn remember(
    tx: &Tx,
    node_id: NodeId,
    named: &[IncarnationId],
    now: Timestamp,
) -> Result<Vec<IncarnationId>, Error> {
    let rows = tx
        .query(
            "insert into incarnations (incarnation_id, node_id, number, state, created_at)
             select n.id, $1, l.first - n.place, 'superseded', $3
             from unnest($2::uuid[]) with ordinality n (id, place)
             cross join (select min(number) as first from incarnations where node_id = $1) l
             on conflict (incarnation_id) do nothing
             returning incarnation_id",
            &[&node_id, &named, &now],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// A life that was begun otherwise, or by another device, or of which something has been told: whoever asks for it
/// now is an old copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken;

/// The prefix of a life that was begun before, after the caller's, and not lived yet.
///
/// # Errors
/// If Postgres fails.
pub async fn prefix_of(tx: &Tx, life: IncarnationId, caller: Caller) -> Result<Option<Result<String, Taken>>, Error> {
    let row = tx
        .query_opt(
            "select prefix from incarnations where incarnation_id = $1 and node_id = $2 and after_id = $3 and acked_seq = 0",
            &[&life, &caller.node_id, &caller.incarnation_id],
        )
        .await?;
    if let Some(row) = row {
        return Ok(Some(Ok(row.try_get(0)?)));
    }
    let is_taken = tx.query_opt("select from incarnations where incarnation_id = $1", &[&life]).await?.is_some();
    Ok(is_taken.then_some(Err(Taken)))
}

/// Nothing more is granted to this life. One that forked stays frozen.
///
/// # Errors
/// If Postgres fails.
pub async fn supersede(tx: &Tx, life: IncarnationId) -> Result<(), Error> {
    let sql =
        "update incarnations set state = 'superseded' where incarnation_id = $1 and state in ('active', 'suspended')";
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
    (number, state): (i32, IncarnationState),
    prefix: &str,
    wanted: &LifeWanted,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "insert into incarnations (incarnation_id, node_id, number, prefix, after_id, reason, created_at, state)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &wanted.incarnation_id,
            &caller.node_id,
            &number,
            &prefix,
            &caller.incarnation_id,
            &wanted.reason,
            &now,
            &state,
        ],
    )
    .await?;
    Ok(())
}

/// A mistake for [`outpost_schema::planted::Bug::LifeInherits`]: a life gets what another one had.
///
/// # Errors
/// If Postgres fails.
pub async fn inherit(tx: &Tx, from: IncarnationId, to: IncarnationId) -> Result<(), Error> {
    tx.execute(
        "insert into allotments (incarnation_id, product_id, warehouse_id, granted, consumed, returned, received, reclaimed)
         select $2, product_id, warehouse_id, granted, consumed, returned, received, reclaimed
         from allotments where incarnation_id = $1",
        &[&from, &to],
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

/// The device has told all of this life.
///
/// # Errors
/// If Postgres fails.
pub async fn note_ended(tx: &Tx, life: IncarnationId, now: Timestamp) -> Result<(), Error> {
    tx.execute("update incarnations set ended_at = $2 where incarnation_id = $1", &[&life, &now]).await?;
    Ok(())
}
