//! What waits to be pushed, and what the server answered.

use outpost_sync::wire::{Hole, PUSH_BYTES_MAX, PUSH_CARTS_MAX, PUSH_ENTRIES_MAX, Push, Pushed, Standing};
use rusqlite::Connection;

use super::{
    carts, epochs,
    identity::{self, Identity, State},
    inbox, journal, planted, verdicts,
};
use crate::error::Error;

use outpost_schema::{
    clock::Timestamp,
    id::IncarnationId,
    journal::{Entry, Mark},
    planted::{Bug, is_planted},
    world::World,
};

/// Where the journal stands.
pub(crate) fn standing(conn: &Connection) -> Result<Standing, Error> {
    let incarnation_id = identity::load(conn)?.incarnation_id();
    let (head, acked) = (journal::head(conn, incarnation_id)?, journal::acked(conn, incarnation_id)?);
    Ok(Standing { incarnation_id, head, acked })
}

/// The next push, within the wire's limits. A journal that the server does not take sends nothing.
pub(crate) fn unsent(conn: &Connection, now: Timestamp) -> Result<Push, Error> {
    let identity = identity::load(conn)?;
    match identity.state {
        State::Active => {
            let push = next_push(conn, &identity)?;
            Ok(Push { clock: (!push.is_empty()).then(|| identity.hlc.tick(now).at), ..push })
        }
        State::Frozen | State::RolledBack | State::Restored => Ok(Push::default()),
    }
}

fn next_push(conn: &Connection, identity: &Identity) -> Result<Push, Error> {
    let incarnation = identity.incarnation_id();
    // An entry that arrived while its answer was lost is sent again: the server answers as it did.
    let acked = journal::acked(conn, incarnation)?;
    let answered = verdicts::answered(conn, incarnation, acked)?;
    let entries = journal::after(conn, incarnation, answered, PUSH_ENTRIES_MAX, PUSH_BYTES_MAX)?;
    let taken: usize = entries.iter().map(|entry| entry.body.0.len()).sum();
    let carts = carts::unsent(conn, None, PUSH_CARTS_MAX, PUSH_BYTES_MAX.saturating_sub(taken))?;
    let epoch = epochs::known(conn)?.acked_in();
    Ok(Push { hole: hole(acked, &entries), entries, carts, epoch, clock: None })
}

/// What lies between the server's mark and the first entry that is still here.
fn hole(acked: Mark, entries: &[Entry]) -> Option<Hole> {
    let before = entries.first().map(Entry::mark).filter(|first| first.seq > acked.seq + 1)?;
    Some(Hole { after: acked, before })
}

/// Everything that waits, in pushes within the wire's limits: entries first, then carts.
pub(crate) fn each_unsent(conn: &Connection, identity: &Identity, mut take: impl FnMut(&Push)) -> Result<(), Error> {
    let incarnation = identity.incarnation_id();
    let mut seq = verdicts::answered(conn, incarnation, journal::acked(conn, incarnation)?)?;
    loop {
        let entries = journal::after(conn, incarnation, seq, PUSH_ENTRIES_MAX, PUSH_BYTES_MAX)?;
        let Some(last) = entries.last() else { break };
        seq = last.seq;
        take(&Push { entries, ..Push::default() });
    }
    let mut cart_id = None;
    loop {
        let carts = carts::unsent(conn, cart_id, PUSH_CARTS_MAX, PUSH_BYTES_MAX)?;
        let Some(last) = carts.last() else { return Ok(()) };
        cart_id = Some(last.cart_id());
        take(&Push { carts, ..Push::default() });
    }
}

/// Notes what the server answered to `sent`. Carts that it has wait no longer, be they merged there
/// or kept aside: sending the same state again would tell it nothing.
pub(crate) fn settle(conn: &Connection, sent: &Push, answer: &Pushed, now: Timestamp) -> Result<(), Error> {
    let incarnation = identity::load(conn)?.incarnation_id();
    inbox::note_contact(conn, now)?;
    match answer {
        Pushed::Settled { acked, verdicts, .. } => {
            for (seq, verdict) in verdicts {
                verdicts::note_first(conn, incarnation, *seq, verdict)?;
                if is_planted(Bug::GrantTakenFromAnswer) {
                    planted::take_grant(conn, &identity::load(conn)?, verdict)?;
                }
            }
            if is_planted(Bug::AckedTakenForContained) {
                planted::drop_overlay(conn, incarnation, acked.seq)?;
            }
            journal::raise_acked(conn, incarnation, *acked)?;
            for entry in sent.entries.iter().filter(|entry| entry.seq <= acked.seq) {
                verdicts::note_unanswered(conn, incarnation, entry.seq)?;
            }
            sent.carts.iter().try_for_each(|cart| carts::settle(conn, cart))
        }
        Pushed::Elsewhere { .. } | Pushed::OtherEpoch { .. } | Pushed::Frozen => Ok(()),
    }
}

/// Goes on from where the server stands, if the journal has that or has forgotten it since; otherwise
/// this device was rolled back, which is noted.
pub(crate) fn stand_at(conn: &Connection, acked: Mark, world: &dyn World) -> Result<bool, Error> {
    let incarnation = identity::load(conn)?.incarnation_id();
    let is_there = journal::has(conn, incarnation, acked)? || journal::has_forgotten(conn, incarnation, acked)?;
    if is_there {
        journal::set_acked(conn, incarnation, acked)?;
        verdicts::forget(conn, incarnation, acked)?;
    } else {
        forget_acknowledgements_of_another_epoch(conn, incarnation)?;
        identity::set_back(conn, State::RolledBack, world.chance())?;
    }
    Ok(is_there)
}

/// The server froze the journal.
pub(crate) fn freeze(conn: &Connection) -> Result<(), Error> {
    forget_acknowledgements_of_another_epoch(conn, identity::load(conn)?.incarnation_id())?;
    identity::freeze(conn)
}

/// What another life of the server's database acknowledged this one may never have had: all that is still here
/// is told it again by the next life, which counts once what it has.
fn forget_acknowledgements_of_another_epoch(conn: &Connection, incarnation: IncarnationId) -> Result<(), Error> {
    if epochs::known(conn)?.is_marked {
        return Ok(());
    }
    let start = journal::start(conn, incarnation)?;
    journal::set_acked(conn, incarnation, start)?;
    verdicts::forget(conn, incarnation, start)
}
