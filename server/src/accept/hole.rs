//! A hole: entries that a node no longer has when a restored server asks for them. It forgot them because
//! the backups that were kept then held them; the server was restored from an older one.

use outpost_schema::{
    clock::Timestamp,
    journal::Mark,
    settle::{Author, Raised},
    verdict::ConcernKind,
};
use outpost_sync::wire::{Hole, Push};
use serde_json::json;

use crate::{
    db::{Tx, concerns, holes, journals::Journal},
    error::Error,
    server::Server,
};

/// A hole that may be passed.
pub(super) struct Passable {
    hole: Hole,
    /// Its last entry: where the journal goes on once it is passed.
    pub(super) upto: Mark,
}

/// The hole that a push brings, if it lies where the server stands and was not passed before. One that
/// lies further on is left alone: the push is answered with where the server stands.
///
/// # Errors
/// [`Error::HoleMisfit`] if it does not end where the entries begin, [`Error::NoHole`] if the server has
/// an entry that is said to be missing.
pub(super) async fn claimed(tx: &Tx, journal: &Journal, push: &Push) -> Result<Option<Passable>, Error> {
    let Some(hole) = push.hole else { return Ok(None) };
    let has_room = 0 <= hole.after.seq && hole.after.seq < hole.before.seq.saturating_sub(1);
    let first = push.entries.first().filter(|first| has_room && first.mark() == hole.before);
    let first = first.ok_or(Error::HoleMisfit)?;
    let upto = Mark { seq: hole.before.seq - 1, hash: first.prev_hash };
    if hole.after == journal.acked {
        return Ok(Some(Passable { hole, upto }));
    }
    // The same hole again: the answer was lost, and what follows it is known by now.
    if hole.after.seq > journal.acked.seq || holes::is_known(tx, journal.author.incarnation_id, &hole).await? {
        return Ok(None);
    }
    Err(Error::NoHole { seq: hole.after.seq + 1 })
}

/// Records the hole and tells people of it.
///
/// # Errors
/// If Postgres fails.
pub(super) async fn pass(
    server: &Server,
    tx: &Tx,
    author: &Author,
    passable: &Passable,
    now: Timestamp,
) -> Result<(), Error> {
    let Passable { hole, upto } = passable;
    holes::insert(tx, author.incarnation_id, hole, now).await?;
    let from = hole.after.seq + 1;
    let raised = Raised {
        kind: ConcernKind::JournalHole,
        subject: format!("{}/{from}", author.incarnation_id),
        detail: json!({ "node": author.node_id, "incarnation": author.incarnation_id, "from": from, "to": upto.seq }),
        scope: author.node_id.0,
        seq: None,
    };
    concerns::open(tx, &*server.world, None, &[raised], now).await
}
