//! Own ops that say something of a transfer or a delivery, until an image of it contains them. What is shown is the
//! image and, over it, what these say; the images themselves stay as they were fed.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    feed::{Key, Kind},
    id::IncarnationId,
    op::Op,
    settle::decode,
};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    journal,
    stock::{Contained, Place},
};
use crate::error::Error;

/// What an op says something of.
pub(crate) fn subject(op: &Op) -> Option<Key> {
    let key = |kind, id| Some(Key { kind, ids: vec![id] });
    match op {
        Op::Dispatched(told) => key(Kind::Transfer, told.code.transfer_id().0),
        Op::Arrived(told) => key(Kind::Transfer, told.code.transfer_id().0),
        Op::Received(received) => received.delivery_id.and_then(|id| key(Kind::Delivery, id.0)),
        Op::ReceiptUndone(undone) => undone.received.delivery_id.and_then(|id| key(Kind::Delivery, id.0)),
        Op::Carried(carried) => carried.op().ok().as_ref().and_then(subject),
        Op::Sale(_)
        | Op::CustomerAdded(_)
        | Op::AddressAdded(_)
        | Op::Reviewed(_)
        | Op::Adjusted(_)
        | Op::Counted(_)
        | Op::GaveBack(_)
        | Op::StatusTold(_)
        | Op::AllotmentAsked(_)
        | Op::CancelAsked(_)
        | Op::LifeEnded(_)
        | Op::Returned(_) => None,
    }
}

/// Lays an op over what it speaks of, if it speaks of something; again is the same as once.
pub(crate) fn lay_over(conn: &Connection, place: Place, op: &Op) -> Result<(), Error> {
    let Some(Key { kind, ids }) = subject(op) else { return Ok(()) };
    conn.prepare_cached(
        "insert into pending_ops (of_kind, of_id, incarnation_id, seq) values (?1, ?2, ?3, ?4) on conflict do nothing",
    )?
    .execute(params![kind.number(), ids[0].as_bytes(), place.incarnation_id, place.seq])?;
    Ok(())
}

/// An image arrived: what it contains is no longer laid over it.
pub(crate) fn take_image(conn: &Connection, kind: Kind, of: Uuid, contained: &Contained) -> Result<(), Error> {
    let mut no_longer = conn.prepare_cached(
        "delete from pending_ops where of_kind = ?1 and of_id = ?2 and incarnation_id = ?3 and seq <= ?4
             and seq not in (select value from json_each(?5))",
    )?;
    for (incarnation, seq, set_aside) in contained.journals() {
        no_longer.execute(params![kind.number(), of.as_bytes(), incarnation, seq, set_aside])?;
    }
    Ok(())
}

/// The ops that are laid over something, in the order of their journals, with when they happened.
pub(crate) fn over(conn: &Connection, kind: Kind, of: Uuid) -> Result<Vec<(Timestamp, Op)>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "select {} from pending_ops p join journal j using (incarnation_id, seq)
         where p.of_kind = ?1 and p.of_id = ?2 order by p.incarnation_id, p.seq",
        journal::COLUMNS
    ))?;
    let entries = statement.query_map(params![kind.number(), of.as_bytes()], journal::of_row)?;
    let mut over = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Each was written here, and what was carried is of the same device: both can be read.
        match decode(&entry) {
            Ok(Op::Carried(carried)) => over.extend(carried.op().ok().map(|op| (carried.entry.hlc.at, op))),
            Ok(op) => over.push((entry.hlc.at, op)),
            Err(_) => {}
        }
    }
    Ok(over)
}

/// Everything of a kind that something is laid over.
pub(crate) fn subjects(conn: &Connection, kind: Kind) -> Result<BTreeSet<Uuid>, Error> {
    let mut statement = conn.prepare_cached("select distinct of_id from pending_ops where of_kind = ?1")?;
    let ids = statement.query_map([kind.number()], |row| row.get(0).map(Uuid::from_bytes))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// What an earlier life said is laid over until an image contains the ops that carry it; `places` are the old seq and
/// the new one of each.
pub(crate) fn carry_over(
    conn: &Connection,
    elder: IncarnationId,
    incarnation: IncarnationId,
    places: &[(i64, i64)],
) -> Result<(), Error> {
    let places = serde_json::to_string(places).expect("our own types always encode into memory");
    conn.prepare_cached(
        "update pending_ops set incarnation_id = ?2, seq = carried.seq
         from (select value ->> 0 as elder_seq, value ->> 1 as seq from json_each(?3)) carried
         where pending_ops.incarnation_id = ?1 and pending_ops.seq = carried.elder_seq",
    )?
    .execute(params![elder, incarnation, places])?;
    Ok(())
}
