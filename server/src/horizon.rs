//! The horizon: for how long a device that is away can still be told one by one what is gone.
//!
//! A note of what is gone must outlive every device that has not heard it, or the row would live on
//! there as a ghost; kept for ever, such notes only grow. So they are dropped once they are older than
//! the horizon, and a device that has not read beyond the newest note that was dropped is told so: it
//! pushes what waits and fills its tables afresh. What is dropped is decided by how far transactions
//! had come at a moment. A clock that is wrong makes devices fill afresh too early or keeps notes too
//! long; a ghost it cannot make.

use std::{sync::Arc, time::Duration};

use outpost_schema::{clock::Timestamp, id::EpochId};

use crate::{
    db::{Tx, horizon as rows},
    error::Error,
    server::Server,
};

/// Days for which notes of what is gone are kept, if nobody says otherwise: a device that lay in a
/// drawer for a season is still told one by one. One that was away longer has missed so much of the
/// shop that filling it afresh is cheaper than telling it.
pub const HORIZON_DAYS: u16 = 90;

/// No more days than this may be asked for: ten years.
pub const HORIZON_DAYS_MAX: u16 = 3_650;

/// How often how far transactions have come is noted: the horizon is exact to this.
const MOMENT_SECONDS: i64 = 60 * 60;

/// How often somebody looks; of several processes one does, and a restarted one need not wait an hour.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Notes dropped in one transaction: a few milliseconds, in which no push waits for long.
const DROPPED_MAX: u32 = 2_000;

/// Looks after the horizon for as long as it is polled.
pub async fn keep(server: Arc<Server>, days: u16) {
    loop {
        match look(&server, days).await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, days, "notes of what is gone were dropped"),
            Err(error) => tracing::warn!("old notes of what is gone are dropped later: {error}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Notes the moment, and drops the notes of what is gone that are older than `days`, a few at a time.
/// Says how many it dropped.
///
/// # Errors
/// The database's; what was dropped before stays so.
pub async fn look(server: &Server, days: u16) -> Result<u64, Error> {
    let now = server.now();
    let epoch = server.epoch().await?.epoch_id;
    server.db.transaction(|tx| async move { note(&tx, epoch, now).await }).await?;
    let old = now.plus_seconds(-i64::from(days) * 24 * 60 * 60);
    let mut sum = 0;
    loop {
        let dropped = server.db.transaction(|tx| async move { sweep(&tx, epoch, old).await }).await?;
        sum += dropped;
        if dropped < u64::from(DROPPED_MAX) {
            return Ok(sum);
        }
    }
}

async fn note(tx: &Tx, epoch: EpochId, now: Timestamp) -> Result<(), Error> {
    if rows::is_ours(tx).await? {
        rows::note_moment(tx, epoch, now, now.plus_seconds(-MOMENT_SECONDS)).await?;
    }
    Ok(())
}

async fn sweep(tx: &Tx, epoch: EpochId, old: Timestamp) -> Result<u64, Error> {
    if !rows::is_ours(tx).await? {
        return Ok(0);
    }
    let Some(below) = rows::reached_by(tx, epoch, old).await? else { return Ok(0) };
    rows::forget_moments(tx, epoch, old).await?;
    rows::drop_gone(tx, epoch, below, i64::from(DROPPED_MAX)).await
}

#[cfg(test)]
mod tests;
