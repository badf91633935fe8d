//! Entries of journals that nobody has any more.

use outpost_schema::{clock::Timestamp, id::IncarnationId};
use outpost_sync::wire::Hole;

use super::Tx;
use crate::error::Error;

/// Whether exactly this hole was passed before.
///
/// # Errors
/// If Postgres fails.
pub async fn is_known(tx: &Tx, incarnation_id: IncarnationId, hole: &Hole) -> Result<bool, Error> {
    let Hole { after, before } = hole;
    let row = tx
        .query_opt(
            "select from holes
             where incarnation_id = $1 and after_seq = $2 and after_hash = $3 and before_seq = $4 and before_hash = $5",
            &[&incarnation_id, &after.seq, &after.hash, &before.seq, &before.hash],
        )
        .await?;
    Ok(row.is_some())
}

/// Keeps that a hole was passed.
///
/// # Errors
/// If Postgres fails.
pub async fn insert(tx: &Tx, incarnation_id: IncarnationId, hole: &Hole, now: Timestamp) -> Result<(), Error> {
    let Hole { after, before } = hole;
    tx.execute(
        "insert into holes (incarnation_id, after_seq, after_hash, before_seq, before_hash, passed_at)
         values ($1, $2, $3, $4, $5, $6)",
        &[&incarnation_id, &after.seq, &after.hash, &before.seq, &before.hash, &now],
    )
    .await?;
    Ok(())
}
