//! Another life of the journal, when this one cannot go on: asked for until it is given, begun in one
//! transaction. It inherits nothing; what the server lacks of the old one is carried over, entry by
//! entry, so that nothing anybody was told is lost.

use outpost_schema::{
    device::LifeReason,
    id::IncarnationId,
    journal::Entry,
    op::{Carried, LifeEnded, Op, OpKind},
    settle::decode,
    word::Word as _,
    world::World,
};
use outpost_sync::wire::{Born, LifeWanted, UNSETTLED_MAX};
use rusqlite::Connection;

use super::{
    epochs,
    identity::{self, Identity},
    journal, pending_ops, stock,
};
use crate::{error::Error, witness::Seen};

/// What another life is asked for with; `fresh` names it if none was named before.
pub(crate) fn wanted(conn: &Connection, fresh: IncarnationId) -> Result<Option<LifeWanted>, Error> {
    let identity = identity::load(conn)?;
    let Some(reason) = identity.state.ending() else { return Ok(None) };
    let life = identity.incarnation_id();
    let unsettled = journal::hashes_after(conn, life, journal::acked(conn, life)?.seq, UNSETTLED_MAX)?;
    let stands = Some(identity::stands(conn, &identity)?);
    Ok(Some(LifeWanted { incarnation_id: identity::name_next_life(conn, fresh)?, reason, unsettled, stands }))
}

/// Begins the life that was wanted, and says how far its journal has come. An answer that comes late or twice changes nothing.
pub(crate) fn begin(conn: &Connection, born: &Born, world: &dyn World) -> Result<Option<Seen>, Error> {
    let mut identity = identity::load(conn)?;
    if identity.next_life != Some(born.incarnation_id) {
        return Ok(None);
    }
    let elder = identity.incarnation_id();
    let acked = journal::acked(conn, elder)?.seq;
    let known_to = acked.saturating_add(i64::try_from(born.known).unwrap_or(i64::MAX));
    journal::note_known(conn, elder, known_to)?;
    identity::begin_life(conn, &mut identity, born)?;
    if !epochs::known(conn)?.is_marked {
        // Before the elder is over: head office waits for it, and grants when it is.
        carry_all_but(conn, elder, &mut identity, world)?;
    }
    carry(conn, elder, known_to, &mut identity, world).map(Some)
}

/// Whether something of an earlier life is here that none carried. A life that is over leaves it to the next one.
pub(crate) fn has_to_tell_again(conn: &Connection) -> Result<bool, Error> {
    let identity = identity::load(conn)?;
    match identity.state.ending() {
        None => journal::has_untold_but_of(conn, identity.incarnation_id()),
        Some(LifeReason::Forked | LifeReason::RolledBack | LifeReason::Restored) => Ok(false),
    }
}

/// Head office lives another life, and may have forgotten what earlier lives had told: all that is still here of
/// them is carried, as far as no later one has done so. What it has it counts once. None if there is nothing.
pub(crate) fn tell_again(conn: &Connection, world: &dyn World) -> Result<Option<Seen>, Error> {
    let mut identity = identity::load(conn)?;
    carry_all_but(conn, identity.incarnation_id(), &mut identity, world)
}

fn carry_all_but(
    conn: &Connection,
    not: IncarnationId,
    identity: &mut Identity,
    world: &dyn World,
) -> Result<Option<Seen>, Error> {
    let (mut seen, passed_over) = (None, [not, identity.incarnation_id()]);
    for life in journal::lives(conn)?.into_iter().filter(|life| !passed_over.contains(life)) {
        if journal::next_untold(conn, life, 0)?.is_some() {
            seen = Some(carry(conn, life, 0, identity, world)?);
        }
    }
    Ok(seen)
}

/// Carries what an earlier life wrote after `known_to` and no later one has carried, and says behind it that this
/// is all: only then a home gets what that life had open.
fn carry(
    conn: &Connection,
    elder: IncarnationId,
    known_to: i64,
    identity: &mut Identity,
    world: &dyn World,
) -> Result<Seen, Error> {
    // One by one: a till that was alone for weeks carries more than should be in memory at once.
    let (mut from, mut places) = (known_to, Vec::new());
    while let Some(entry) = journal::next_untold(conn, elder, from)? {
        from = entry.seq;
        let carried = journal::append(conn, identity, &wrapped(elder, entry)?, world)?;
        places.push((from, carried.seq));
    }
    journal::note_carried(conn, elder, known_to)?;
    let (node_id, incarnation_id) = (identity.node_id(), identity.incarnation_id());
    stock::carry_over(conn, elder, incarnation_id, &places)?;
    pending_ops::carry_over(conn, elder, incarnation_id, &places)?;
    let last = journal::append(conn, identity, &Op::LifeEnded(LifeEnded { incarnation_id: elder }), world)?;
    Ok(Seen { node_id, incarnation_id, mark: last.mark() })
}

/// Whether a witness knows an entry of this device's journal that is not in it: the database is older.
/// A witness that still knows only a life which has ended here was not written when the power went.
pub(crate) fn is_behind(conn: &Connection, seen: &[Seen]) -> Result<bool, Error> {
    let Some(identity) = identity::find(conn)? else { return Ok(false) };
    for seen in seen.iter().filter(|seen| seen.node_id == identity.node_id()) {
        let Seen { incarnation_id: life, mark, .. } = *seen;
        if journal::is_hidden(conn, life, mark)? && !has_ended(conn, life)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a later life says in its journal that this one is over.
fn has_ended(conn: &Connection, life: IncarnationId) -> Result<bool, Error> {
    let ended = journal::of_kind(conn, OpKind::LifeEnded)?;
    Ok(ended.iter().any(|entry| matches!(decode(entry), Ok(Op::LifeEnded(told)) if told.incarnation_id == life)))
}

/// What the elder itself had carried goes on under the name of the life that wrote it.
fn wrapped(elder: IncarnationId, entry: Entry) -> Result<Op, Error> {
    if entry.kind == OpKind::Carried.word() || entry.kind == OpKind::LifeEnded.word() {
        return decode(&entry).map_err(|reason| Error::damaged(format!("journal entry {}: {reason:?}", entry.seq)));
    }
    Ok(Op::Carried(Box::new(Carried { incarnation_id: elder, entry })))
}
