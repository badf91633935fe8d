//! Orders that were taken although no allotment covered them are confirmed once the goods are there, whatever brought
//! them: a delivery, a hold that ended, an allotment that was given back.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{db::confirmations, error::Error, server::Server};

/// How often it is looked at: somebody at a till waits for the answer, and nothing else waits for the look.
const LOOK: Duration = Duration::from_secs(2);

/// Confirms what can be confirmed now, and says how many orders that were.
///
/// # Errors
/// What Postgres says.
pub async fn confirm(server: &Server) -> Result<u64, Error> {
    let now = server.now();
    let confirmed = server.db.transaction(|tx| async move { confirmations::confirm(&tx, now).await }).await?;
    if confirmed > 0 {
        server.ring();
    }
    Ok(confirmed)
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
