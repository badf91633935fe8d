//! Orders that were taken although no allotment covered them are confirmed once the goods are there, whatever brought
//! them: a delivery, a hold that ended, an allotment that was given back. Which is decided by
//! [`outpost_schema::confirm`]; this does it.

use std::{sync::Arc, time::Duration};

use outpost_schema::{clock::Timestamp, confirm::confirmed};
use tokio::time::sleep;

use crate::{
    db::{Tx, confirmations, epochs},
    error::Error,
    server::Server,
};

/// How often it is looked at: somebody at a till waits for the answer, and nothing else waits for the look.
const LOOK: Duration = Duration::from_secs(2);

/// Confirms what can be confirmed now, and says how many orders that were.
///
/// # Errors
/// What Postgres says.
pub async fn confirm(server: &Server) -> Result<u64, Error> {
    let now = server.now();
    let confirmed = server.db.transaction(|tx| async move { confirm_in(&tx, now).await }).await?;
    if confirmed > 0 {
        server.ring();
    }
    Ok(confirmed)
}

async fn confirm_in(tx: &Tx, now: Timestamp) -> Result<u64, Error> {
    let (awaiting, unbacked) = confirmations::awaiting(tx).await?;
    if awaiting.is_empty() {
        return Ok(0);
    }
    let is_recovering = epochs::newest(tx).await?.is_some_and(|epoch| epoch.is_recovering());
    confirmations::confirm(tx, &confirmed(awaiting, &unbacked, is_recovering), now).await
}

/// Looks again and again, for as long as it is polled. It goes by the wall clock, so whoever only routes requests does
/// not start it.
pub(crate) async fn keep_confirmed(server: Arc<Server>) {
    loop {
        sleep(LOOK).await;
        if let Err(error) = confirm(&server).await {
            tracing::debug!(code = error.code(), "orders were not confirmed: {error}");
        }
    }
}
