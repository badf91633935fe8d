//! Which life of the database this is. A cluster that was restored, promoted or moved answers with
//! another identity than the one its newest epoch was begun under.

use outpost_schema::{clock::Timestamp, id::EpochId};

use super::Tx;
use crate::error::Error;

/// The present epoch; begins the next one, under the id `fresh`, if this is another life than the
/// newest known.
///
/// # Errors
/// If it cannot be read or kept.
pub async fn present(tx: &Tx, fresh: EpochId, now: Timestamp) -> Result<EpochId, Error> {
    // Two servers that start at once must not begin two epochs.
    tx.execute("lock table epochs in share row exclusive mode", &[]).await?;
    let row = tx
        .query_one(
            "with here as (
                select s.system_identifier::text as system_identifier, c.timeline_id as timeline
                from pg_control_system() s, pg_control_checkpoint() c
            ), newest as (
                select number, epoch_id, system_identifier, timeline from epochs order by number desc limit 1
            ), begun as (
                insert into epochs (number, epoch_id, system_identifier, timeline, started_at)
                select coalesce(n.number, 0) + 1, $1, h.system_identifier, h.timeline, $2
                from here h left join newest n on true
                where (n.system_identifier, n.timeline) is distinct from (h.system_identifier, h.timeline)
                returning epoch_id
            )
            select epoch_id from begun
            union all
            select epoch_id from newest where not exists (select from begun)",
            &[&fresh, &now],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Begins the next epoch, under the id `fresh`, whatever the newest known is: a backup was restored.
///
/// # Errors
/// If it cannot be kept.
pub async fn begin(tx: &Tx, fresh: EpochId, now: Timestamp, reason: &str) -> Result<EpochId, Error> {
    tx.execute("lock table epochs in share row exclusive mode", &[]).await?;
    tx.execute(
        "insert into epochs (number, epoch_id, system_identifier, timeline, started_at)
         select coalesce((select max(number) from epochs), 0) + 1, $1, s.system_identifier::text, c.timeline_id, $2
         from pg_control_system() s, pg_control_checkpoint() c",
        &[&fresh, &now],
    )
    .await?;
    tracing::info!("a new epoch begins: {reason}");
    Ok(fresh)
}
