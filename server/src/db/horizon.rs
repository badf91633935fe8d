//! How old changes are, and notes of what is gone that are older than anybody is waited for.

use outpost_schema::{clock::Timestamp, id::EpochId};

use super::{Tx, feed::Xid};
use crate::error::Error;

/// Taken while somebody looks, so that of several processes one at a time does.
const LOCK: i64 = 0x6f75_7470_6f73_7405;

/// Whether this transaction alone looks after the horizon now.
///
/// # Errors
/// What Postgres says.
pub async fn is_ours(tx: &Tx) -> Result<bool, Error> {
    Ok(tx.query_one("select pg_try_advisory_xact_lock($1)", &[&LOCK]).await?.try_get(0)?)
}

/// Notes how far the transactions have come by `now`, unless that was noted after `recent`; forgets
/// notes of another life, and notes from a clock that ran ahead and was set back.
///
/// # Errors
/// What Postgres says.
pub async fn note_moment(tx: &Tx, epoch: EpochId, now: Timestamp, recent: Timestamp) -> Result<(), Error> {
    tx.execute("delete from feed_moments where epoch_id <> $1 or at > $2", &[&epoch, &now]).await?;
    tx.execute(
        "insert into feed_moments (epoch_id, at, upto)
        select $1, $2, pg_snapshot_xmin(pg_current_snapshot())
        where not exists (select from feed_moments where epoch_id = $1 and at > $3)",
        &[&epoch, &now, &recent],
    )
    .await?;
    Ok(())
}

/// What changed below this had changed by `at`; none if nobody looked so long ago.
///
/// # Errors
/// What Postgres says.
pub async fn reached_by(tx: &Tx, epoch: EpochId, at: Timestamp) -> Result<Option<Xid>, Error> {
    let row = tx
        .query_opt(
            "select upto from feed_moments where epoch_id = $1 and at <= $2 order by at desc limit 1",
            &[&epoch, &at],
        )
        .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Forgets the moments before the newest of those by `at`.
///
/// # Errors
/// What Postgres says.
pub async fn forget_moments(tx: &Tx, epoch: EpochId, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "delete from feed_moments
        where epoch_id = $1 and at < (select max(m.at) from feed_moments m where m.epoch_id = $1 and m.at <= $2)",
        &[&epoch, &at],
    )
    .await?;
    Ok(())
}

/// Drops at most `count` notes of what is gone that changed below `below`, and keeps the largest change
/// among them, beyond which a cursor must reach from now on. Says how many it dropped.
///
/// # Errors
/// What Postgres says.
pub async fn drop_gone(tx: &Tx, epoch: EpochId, below: Xid, count: i64) -> Result<u64, Error> {
    let row = tx
        .query_one(
            "with doomed as (
                select kind, key, scope from feed
                where gone and changed < $2
                order by changed limit $3
                for update skip locked
            ), dropped as (
                delete from feed f using doomed d
                where f.kind = d.kind and f.key = d.key and f.scope = d.scope
                returning f.changed
            ), raised as (
                update feed_horizon h set epoch_id = $1, dropped = case
                    when h.epoch_id is not null and h.epoch_id <> $1 then m.changed
                    else greatest(h.dropped, m.changed) end
                from (select changed from dropped order by changed desc limit 1) m
            )
            select count(*) from dropped",
            &[&epoch, &below, &count],
        )
        .await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0))
}
