//! Set-aside ops are decided again when something that they lacked has arrived, and when the program
//! or the rights of their author are others than before.

use outpost_schema::{
    id::IncarnationId,
    journal::Entry,
    verdict::{ConcernKind, Verdict},
};
use uuid::Uuid;

use super::{Book, TRIES_MAX, decide};
use crate::{
    db::{Tx, concerns, journals, ops, ops::Cause},
    error::Error,
    server::Server,
};

/// The push is booked and will be answered whatever becomes of this; the next one that makes an id
/// tries again.
pub(super) async fn retry_if_awaited(server: &Server, ids: &[Uuid]) {
    let tried = async {
        if ids.is_empty() || !server.db.transaction(|tx| async move { ops::is_awaited(&tx, ids).await }).await? {
            return Ok(());
        }
        retry_set_aside(server).await
    };
    if let Err(error) = tried.await {
        tracing::warn!(code = error.code(), "set-aside ops were not decided again: {error}");
    }
}

/// Decides again what was set aside and of which something that it lacked has arrived, until nothing
/// more moves. Called after every commit that made ids.
///
/// # Errors
/// The database's.
pub async fn retry_set_aside(server: &Server) -> Result<(), Error> {
    while retry_all(server, Cause::Arrived).await? {}
    Ok(())
}

/// Decides again what an older program could not read and this one can, and what its author had no
/// right to where that may have changed; then what waited for that. Called when a server begins to
/// serve, and after a change of where a node may act.
///
/// # Errors
/// The database's.
pub async fn retry_after_change(server: &Server) -> Result<(), Error> {
    retry_all(server, Cause::Changed).await?;
    retry_set_aside(server).await
}

/// One turn over all journals; says whether a verdict changed.
async fn retry_all(server: &Server, cause: Cause) -> Result<bool, Error> {
    let journals = server.db.transaction(|tx| async move { ops::worth_a_retry(&tx, cause).await }).await?;
    let mut has_moved = false;
    for incarnation_id in journals {
        let mut after = Some(0);
        while let Some(from) = after {
            let lot = retry_lot(server, incarnation_id, cause, from).await?;
            (has_moved, after) = (has_moved | lot.has_moved, lot.last);
        }
    }
    if has_moved {
        server.ring();
    }
    Ok(has_moved)
}

/// What became of some ops of a journal.
struct Lot {
    /// Whether a verdict changed.
    has_moved: bool,
    /// The last one; none when there were none.
    last: Option<i64>,
}

async fn retry_lot(server: &Server, incarnation_id: IncarnationId, cause: Cause, after: i64) -> Result<Lot, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let work = |tx| async move { retry(server, &tx, incarnation_id, cause, after).await };
        match server.db.transaction(work).await {
            Err(error) if error.is_overtaken() && tries < TRIES_MAX => {}
            answer => return answer,
        }
    }
}

async fn retry(
    server: &Server,
    tx: &Tx,
    incarnation_id: IncarnationId,
    cause: Cause,
    after: i64,
) -> Result<Lot, Error> {
    let Some(journal) = journals::lock(tx, incarnation_id).await? else {
        return Ok(Lot { has_moved: false, last: None });
    };
    let found = ops::to_retry(tx, incarnation_id, cause, after).await?;
    let (entries, before): (Vec<Entry>, Vec<Verdict>) = found.into_iter().unzip();
    let now = server.now();
    let (mut settled, moved) = decide(server, tx, &journal, &entries, now, Book::Again).await?;
    let over = settled.verdicts.iter().filter(|(_, verdict)| !verdict.is_set_aside());
    let over: Vec<_> = over.map(|(seq, _)| (ConcernKind::SetAside, format!("{incarnation_id}/{seq}"))).collect();
    settled.closed.extend(over);
    concerns::open(tx, &*server.world, Some(incarnation_id), &settled.opened, now).await?;
    concerns::close(tx, &settled.closed, now).await?;
    concerns::look_at_stock(tx, &*server.world, &moved, now).await?;
    let has_moved = settled.verdicts.iter().map(|(_, verdict)| verdict).ne(&before);
    Ok(Lot { has_moved, last: entries.last().map(|entry| entry.seq) })
}
