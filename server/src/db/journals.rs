//! Journals as the server has them: who writes one, how far it is known, and whether it is still taken.

use outpost_schema::{
    clock::Timestamp,
    count::Skew,
    device::IncarnationState,
    id::{EpochId, IncarnationId, WarehouseId},
    journal::Mark,
    settle::Author,
    sizing::Waits,
};

use super::Tx;
use crate::error::Error;

/// A journal as the server has it, locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Who writes it, and where that device may act.
    pub author: Author,
    /// Whether it is still taken.
    pub state: IncarnationState,
    /// How far the server has it.
    pub acked: Mark,
    /// The present epoch.
    pub epoch: EpochId,
    /// Whether nothing is granted now: head office hears from its devices, or has not heard this one.
    pub is_recovering: bool,
    /// Whether it owes a report since the present epoch began.
    pub report_owed: bool,
    /// Its head when that report was whole; none: it is not.
    pub report_head: Option<i64>,
    /// When its device was last heard.
    pub seen_at: Option<Timestamp>,
    /// How long its device goes unheard.
    pub waits: Waits,
}

const JOURNAL: &str = "
    select i.incarnation_id, i.node_id, i.state, i.acked_seq, i.acked_hash, i.report_owed, i.report_head,
           n.scope || n.former as scope, n.former, i.clock_ahead, i.clock_is_steady, n.seen_at, n.wait_seconds, n.waits_at,
           array(select w.warehouse_id from warehouses w where w.home_of = i.node_id) as homes, n.left_homes,
           n.retired_at is not null as is_closed,
           array(select e.incarnation_id from incarnations e where e.node_id = i.node_id and e.number < i.number)
               as elders,
           exists (select from incarnations l where l.node_id = i.node_id and l.number > i.number) as is_superseded,
           p.epoch_id, p.recovered_at is null or i.report_owed as is_recovering
    from incarnations i
    join nodes n on n.node_id = i.node_id
    cross join lateral (select epoch_id, recovered_at from epochs order by number desc limit 1) p
    where i.incarnation_id = $1
    for no key update of i";

/// Locks a journal, so that its ops are decided one push after another.
///
/// # Errors
/// If Postgres fails.
pub async fn lock(tx: &Tx, incarnation_id: IncarnationId) -> Result<Option<Journal>, Error> {
    let Some(row) = tx.query_opt(JOURNAL, &[&incarnation_id]).await? else {
        return Ok(None);
    };
    let (scope, homes): (Vec<WarehouseId>, Vec<WarehouseId>) = (row.try_get("scope")?, row.try_get("homes")?);
    let (former, left_homes): (Vec<WarehouseId>, Vec<WarehouseId>) =
        (row.try_get("former")?, row.try_get("left_homes")?);
    let elders: Vec<IncarnationId> = row.try_get("elders")?;
    let state = row.try_get("state")?;
    let author = Author {
        node_id: row.try_get("node_id")?,
        incarnation_id: row.try_get("incarnation_id")?,
        warehouses: scope.into_iter().collect(),
        former: former.into_iter().collect(),
        homes: homes.into_iter().collect(),
        left_homes: left_homes.into_iter().collect(),
        is_closed: row.try_get("is_closed")?,
        elders: elders.into_iter().collect(),
        is_superseded: row.try_get("is_superseded")?,
        skew: skew(&row)?,
    };
    let acked = Mark { seq: row.try_get("acked_seq")?, hash: row.try_get("acked_hash")? };
    Ok(Some(Journal {
        author,
        state,
        acked,
        epoch: row.try_get("epoch_id")?,
        is_recovering: row.try_get("is_recovering")?,
        report_owed: row.try_get("report_owed")?,
        report_head: row.try_get("report_head")?,
        seen_at: row.try_get("seen_at")?,
        waits: Waits { longest: row.try_get("wait_seconds")?, at: row.try_get("waits_at")? },
    }))
}

fn skew(row: &tokio_postgres::Row) -> Result<Option<Skew>, Error> {
    let (ahead, is_steady): (Option<i64>, _) = (row.try_get("clock_ahead")?, row.try_get("clock_is_steady")?);
    Ok(ahead.map(|ahead| Skew { ahead, is_steady }))
}

/// Notes how far the server has a journal, how its clock stands, and that its node was heard. One that had been given up is so
/// no longer, unless it owes a report.
///
/// # Errors
/// If Postgres fails.
pub async fn acknowledge(tx: &Tx, author: &Author, acked: Mark, waits: Waits, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "with heard as (update nodes set seen_at = $5, wait_seconds = $6, waits_at = $7 where node_id = $4)
         update incarnations set acked_seq = $2, acked_hash = $3,
                given_up_at = case when report_owed then given_up_at end,
                clock_ahead = coalesce($8, clock_ahead), clock_is_steady = coalesce($9, clock_is_steady)
         where incarnation_id = $1",
        &[
            &author.incarnation_id,
            &acked.seq,
            &acked.hash,
            &author.node_id,
            &now,
            &waits.longest,
            &waits.at,
            &author.skew.map(|skew| skew.ahead),
            &author.skew.map(|skew| skew.is_steady),
        ],
    )
    .await?;
    Ok(())
}

/// Takes nothing more of a journal.
///
/// # Errors
/// If Postgres fails.
pub async fn freeze(tx: &Tx, incarnation_id: IncarnationId) -> Result<(), Error> {
    tx.execute("update incarnations set state = 'frozen' where incarnation_id = $1", &[&incarnation_id]).await?;
    Ok(())
}
