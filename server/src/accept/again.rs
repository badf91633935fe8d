//! Set-aside ops are decided again when something that they lacked has arrived.

use outpost_schema::{
    id::IncarnationId,
    journal::Entry,
    verdict::{ConcernKind, Verdict},
};
use uuid::Uuid;

use super::{Book, TRIES_MAX, decide};
use crate::{
    db::{Tx, concerns, nodes, ops},
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
    loop {
        let journals = server.db.transaction(|tx| async move { ops::worth_a_retry(&tx).await }).await?;
        let mut has_moved = false;
        for incarnation_id in journals {
            has_moved |= retry_journal(server, incarnation_id).await?;
        }
        if !has_moved {
            return Ok(());
        }
        server.ring();
    }
}

async fn retry_journal(server: &Server, incarnation_id: IncarnationId) -> Result<bool, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let retried = server.db.transaction(|tx| async move { retry(server, &tx, incarnation_id).await }).await;
        match retried {
            Err(error) if error.is_overtaken() && tries < TRIES_MAX => {}
            answer => return answer,
        }
    }
}

/// Decides a journal's set-aside ops again; says whether a verdict changed.
async fn retry(server: &Server, tx: &Tx, incarnation_id: IncarnationId) -> Result<bool, Error> {
    let Some(journal) = nodes::lock_journal(tx, incarnation_id).await? else {
        return Ok(false);
    };
    let (entries, before): (Vec<Entry>, Vec<Verdict>) = ops::to_retry(tx, incarnation_id).await?.into_iter().unzip();
    let now = server.now();
    let mut settled = decide(server, tx, &journal, &entries, now, Book::Again).await?;
    let over = settled.verdicts.iter().filter(|(_, verdict)| !verdict.is_set_aside());
    let over: Vec<_> = over.map(|(seq, _)| (ConcernKind::SetAside, format!("{incarnation_id}/{seq}"))).collect();
    settled.closed.extend(over);
    concerns::open(tx, &*server.world, Some(incarnation_id), &settled.opened, now).await?;
    concerns::close(tx, &settled.closed, now).await?;
    Ok(settled.verdicts.iter().map(|(_, verdict)| verdict).ne(&before))
}
