//! What waits to be pushed, and what the server answered.

use outpost_sync::wire::{PUSH_BYTES_MAX, PUSH_CARTS_MAX, PUSH_ENTRIES_MAX, Push, Pushed, Standing};
use rusqlite::Connection;

use super::{
    carts,
    identity::{self, Identity, State},
    inbox, journal,
};
use crate::error::Error;

use outpost_schema::{clock::Timestamp, journal::Mark, world::World};

/// Where the journal stands.
pub(crate) fn standing(conn: &Connection) -> Result<Standing, Error> {
    let incarnation_id = identity::load(conn)?.incarnation_id();
    let (head, acked) = (journal::head(conn, incarnation_id)?, journal::acked(conn, incarnation_id)?);
    Ok(Standing { incarnation_id, head, acked })
}

/// The next push, within the wire's limits. A journal that the server does not take sends nothing.
pub(crate) fn unsent(conn: &Connection) -> Result<Push, Error> {
    let identity = identity::load(conn)?;
    match identity.state {
        State::Active => next_push(conn, &identity),
        State::Frozen | State::RolledBack | State::Restored => Ok(Push { entries: Vec::new(), carts: Vec::new() }),
    }
}

fn next_push(conn: &Connection, identity: &Identity) -> Result<Push, Error> {
    let incarnation = identity.incarnation_id();
    // An entry that arrived while its answer was lost is sent again: the server answers as it did.
    let answered = journal::answered(conn, incarnation, journal::acked(conn, incarnation)?)?;
    let entries = journal::after(conn, incarnation, answered, PUSH_ENTRIES_MAX, PUSH_BYTES_MAX)?;
    let taken: usize = entries.iter().map(|entry| entry.body.0.len()).sum();
    let carts = carts::unsent(conn, PUSH_CARTS_MAX, PUSH_BYTES_MAX.saturating_sub(taken))?;
    Ok(Push { entries, carts })
}

/// Notes what the server answered to `sent`. Carts that it has wait no longer, be they merged there
/// or kept aside: sending the same state again would tell it nothing.
pub(crate) fn settle(conn: &Connection, sent: &Push, answer: &Pushed, now: Timestamp) -> Result<(), Error> {
    let incarnation = identity::load(conn)?.incarnation_id();
    inbox::note_contact(conn, now)?;
    match answer {
        Pushed::Settled { acked, verdicts, .. } => {
            for (seq, verdict) in verdicts {
                journal::note_first_verdict(conn, incarnation, *seq, verdict)?;
            }
            journal::raise_acked(conn, incarnation, *acked)?;
            for entry in sent.entries.iter().filter(|entry| entry.seq <= acked.seq) {
                journal::note_unanswered(conn, incarnation, entry.seq)?;
            }
            sent.carts.iter().try_for_each(|cart| carts::settle(conn, cart))
        }
        Pushed::Elsewhere { .. } | Pushed::Frozen => Ok(()),
    }
}

/// Goes on from where the server stands, if the journal has that; otherwise this device was rolled
/// back, which is noted.
pub(crate) fn stand_at(conn: &Connection, acked: Mark, world: &dyn World) -> Result<bool, Error> {
    let incarnation = identity::load(conn)?.incarnation_id();
    let is_there = journal::has(conn, incarnation, acked)?;
    if is_there {
        journal::set_acked(conn, incarnation, acked)?;
        journal::forget_verdicts(conn, incarnation, acked)?;
    } else {
        identity::set_back(conn, State::RolledBack, world.chance())?;
    }
    Ok(is_there)
}
