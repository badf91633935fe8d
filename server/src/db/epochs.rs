//! Which life of the database this is, and which journals have not told yet what it forgot.

use outpost_schema::{
    clock::Timestamp,
    id::{EpochId, IncarnationId},
};
use serde_json::Value;
use tokio_postgres::Row;

use super::{Tx, feed::Xid};
use crate::error::Error;

/// Held by whoever begins an epoch, so that of two who notice the same thing one does it. Taken before
/// any journal is locked.
const LOCK: i64 = 0x6f75_7470_6f73_7407;

/// The machine's side of a database's life: another pair is another life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Chosen by Postgres when the cluster was made.
    pub system_identifier: String,
    /// Counts promotions.
    pub timeline: i32,
}

/// Asks for a [`Cluster`]. The last checkpoint's timeline lags behind a promotion; the log's own does not.
const HERE: &str = "
    select s.system_identifier::text as system_identifier,
           case when pg_is_in_recovery() then c.timeline_id
                else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
           end as timeline
    from pg_control_system() s, pg_control_checkpoint() c";

fn cluster(row: &Row) -> Result<Cluster, tokio_postgres::Error> {
    Ok(Cluster { system_identifier: row.try_get("system_identifier")?, timeline: row.try_get("timeline")? })
}

/// Where a connection leads.
///
/// # Errors
/// What Postgres says.
pub async fn led_to(client: &tokio_postgres::Client) -> Result<Cluster, tokio_postgres::Error> {
    cluster(&client.query_one(HERE, &[]).await?)
}

/// Where this transaction is.
///
/// # Errors
/// If Postgres fails.
pub async fn here(tx: &Tx) -> Result<Cluster, Error> {
    Ok(cluster(&tx.query_one(HERE, &[]).await?)?)
}

/// One life of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Counts them.
    pub number: i64,
    /// Its id; two copies of one database that live on differ in it.
    pub epoch_id: EpochId,
    /// Where it began.
    pub cluster: Cluster,
    /// When.
    pub started_at: Timestamp,
    /// Why, in one word.
    pub reason: String,
    /// When every journal had been heard; none while it is not so.
    pub recovered_at: Option<Timestamp>,
}

impl Epoch {
    /// Whether head office is still hearing from its devices.
    pub const fn is_recovering(&self) -> bool {
        self.recovered_at.is_none()
    }
}

/// The present epoch; none in a database that no server has opened.
///
/// # Errors
/// If Postgres fails.
pub async fn newest(tx: &Tx) -> Result<Option<Epoch>, Error> {
    let row = tx
        .query_opt(
            "select number, epoch_id, system_identifier, timeline, started_at, reason, recovered_at
             from epochs order by number desc limit 1",
            &[],
        )
        .await?;
    row.map(|row| epoch(&row)).transpose()
}

fn epoch(row: &Row) -> Result<Epoch, Error> {
    Ok(Epoch {
        number: row.try_get("number")?,
        epoch_id: row.try_get("epoch_id")?,
        cluster: cluster(row)?,
        started_at: row.try_get("started_at")?,
        reason: row.try_get("reason")?,
        recovered_at: row.try_get("recovered_at")?,
    })
}

/// The id of the first epoch, which names the network for good.
///
/// # Errors
/// If Postgres fails.
pub async fn first(tx: &Tx) -> Result<EpochId, Error> {
    Ok(tx.query_one("select epoch_id from epochs order by number limit 1", &[]).await?.try_get(0)?)
}

/// No transaction from this number on was over.
///
/// # Errors
/// If Postgres fails.
pub async fn xmax(tx: &Tx) -> Result<u64, Error> {
    Ok(tx.query_one("select pg_snapshot_xmax(pg_current_snapshot())", &[]).await?.try_get::<_, Xid>(0)?.0)
}

/// Lets nobody else begin an epoch until the transaction ends.
///
/// # Errors
/// If Postgres fails.
pub async fn lock(tx: &Tx) -> Result<(), Error> {
    tx.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    Ok(())
}

/// Keeps a new epoch.
///
/// # Errors
/// If Postgres fails.
pub async fn insert(tx: &Tx, epoch: &Epoch, detail: &Value) -> Result<(), Error> {
    let Epoch { number, epoch_id, cluster, started_at, reason, recovered_at } = epoch;
    tx.execute(
        "insert into epochs (number, epoch_id, system_identifier, timeline, started_at, reason, detail, recovered_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[number, epoch_id, &cluster.system_identifier, &cluster.timeline, started_at, reason, detail, recovered_at],
    )
    .await?;
    Ok(())
}

/// Whether the feed holds numbers that this cluster's transactions have not reached: it came from another.
///
/// # Errors
/// If Postgres fails.
pub async fn is_feed_ahead(tx: &Tx) -> Result<bool, Error> {
    let sql = "select exists (select from feed where changed >= pg_current_xact_id())
                   or (select dropped >= pg_current_xact_id() from feed_horizon)";
    Ok(tx.query_one(sql, &[]).await?.try_get(0)?)
}

/// Stamps every aggregate anew, as changed by this transaction: the numbers that the feed holds are
/// another cluster's.
///
/// # Errors
/// If Postgres fails.
pub async fn stamp_feed(tx: &Tx) -> Result<(), Error> {
    tx.execute("update feed set changed = pg_current_xact_id()", &[]).await?;
    tx.execute("update feed_horizon set dropped = '0'", &[]).await?;
    Ok(())
}

/// From now on every active journal owes a report, also one that was given up before: it may have been heard again
/// in the time that the database forgot, and have been granted something. Says for how many is waited.
///
/// # Errors
/// If Postgres fails.
pub async fn ask_for_reports(tx: &Tx) -> Result<i64, Error> {
    tx.execute(
        "update incarnations set report_owed = true, report_head = null,
                given_up_at = case when state in ('active', 'suspended') then null else given_up_at end
         where state in ('active', 'suspended') or report_owed",
        &[],
    )
    .await?;
    count_awaited(tx).await
}

async fn count_awaited(tx: &Tx) -> Result<i64, Error> {
    let sql = "select count(*) from incarnations where report_owed and given_up_at is null";
    Ok(tx.query_one(sql, &[]).await?.try_get(0)?)
}

/// This journal owes a report, as if it had been there when the epoch began.
///
/// # Errors
/// If Postgres fails.
pub async fn await_report(tx: &Tx, incarnation_id: IncarnationId) -> Result<(), Error> {
    let sql = "update incarnations set report_owed = true, report_head = null where incarnation_id = $1";
    tx.execute(sql, &[&incarnation_id]).await?;
    Ok(())
}

/// The journal has told all of its totals; it has reported once the server has it up to `head`.
///
/// # Errors
/// If Postgres fails.
pub async fn note_report(tx: &Tx, incarnation_id: IncarnationId, head: i64) -> Result<(), Error> {
    tx.execute(
        "update incarnations set report_head = $2 where incarnation_id = $1 and report_owed",
        &[&incarnation_id, &head],
    )
    .await?;
    Ok(())
}

/// The journal has reported, and is heard again if it had been given up.
///
/// # Errors
/// If Postgres fails.
pub async fn note_reported(tx: &Tx, incarnation_id: IncarnationId) -> Result<(), Error> {
    tx.execute(
        "update incarnations set report_owed = false, given_up_at = null where incarnation_id = $1",
        &[&incarnation_id],
    )
    .await?;
    Ok(())
}

/// The journal is no longer waited for.
///
/// # Errors
/// If Postgres fails.
pub async fn give_up(tx: &Tx, incarnation_id: IncarnationId, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "update incarnations set given_up_at = coalesce(given_up_at, $2) where incarnation_id = $1",
        &[&incarnation_id, &now],
    )
    .await?;
    Ok(())
}

/// Ends the recovery if nobody is waited for, and says whether it did so now. Of two journals that
/// report last at the same time, the second to take the epoch's row sees the first.
///
/// # Errors
/// If Postgres fails.
pub async fn end_recovery(tx: &Tx, now: Timestamp) -> Result<bool, Error> {
    let sql = "select number from epochs order by number desc limit 1 for update";
    let number: i64 = tx.query_one(sql, &[]).await?.try_get(0)?;
    if count_awaited(tx).await? > 0 {
        return Ok(false);
    }
    let sql = "update epochs set recovered_at = $2 where number = $1 and recovered_at is null";
    Ok(tx.execute(sql, &[&number, &now]).await? == 1)
}

/// A journal whose report is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// Which.
    pub incarnation_id: IncarnationId,
    /// What its device is called.
    pub node: String,
    /// Which life of the device's journal.
    pub number: i32,
    /// When the device was last heard.
    pub seen_at: Option<Timestamp>,
    /// How far the server has it.
    pub acked_seq: i64,
    /// How far it goes, if it said so since the epoch began.
    pub head: Option<i64>,
}

/// Whose reports are waited for, by name.
///
/// # Errors
/// If Postgres fails.
pub async fn awaited(tx: &Tx) -> Result<Vec<Awaited>, Error> {
    let rows = tx
        .query(
            "select i.incarnation_id, n.name, i.number, n.seen_at, i.acked_seq, i.report_head
             from incarnations i join nodes n using (node_id)
             where i.report_owed and i.given_up_at is null
             order by n.name, i.number",
            &[],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Awaited {
            incarnation_id: row.try_get("incarnation_id")?,
            node: row.try_get("name")?,
            number: row.try_get("number")?,
            seen_at: row.try_get("seen_at")?,
            acked_seq: row.try_get("acked_seq")?,
            head: row.try_get("report_head")?,
        })
    };
    rows.iter().map(read).collect()
}

/// What decides whether a journal's claim to be ahead is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Whether it is taken.
    pub is_active: bool,
    /// Whether it owes a report, and so cannot have been told anything in this epoch.
    pub report_owed: bool,
    /// How far the server has it.
    pub acked_seq: i64,
    /// Its next claim is heeded from here on.
    pub claimed_seq: i64,
}

/// The credit of a journal, which is locked; none if there is no such journal.
///
/// # Errors
/// If Postgres fails.
pub async fn credit(tx: &Tx, incarnation_id: IncarnationId) -> Result<Option<Credit>, Error> {
    let row = tx
        .query_opt(
            "select state in ('active', 'suspended') as is_active, report_owed, acked_seq, claimed_seq
             from incarnations where incarnation_id = $1 for no key update",
            &[&incarnation_id],
        )
        .await?;
    let read = |row: Row| {
        Ok(Credit {
            is_active: row.try_get("is_active")?,
            report_owed: row.try_get("report_owed")?,
            acked_seq: row.try_get("acked_seq")?,
            claimed_seq: row.try_get("claimed_seq")?,
        })
    };
    row.map(read).transpose()
}

/// A journal's claim was believed; the next one will be when the server has the journal up to `seq`.
///
/// # Errors
/// If Postgres fails.
pub async fn note_claim(tx: &Tx, incarnation_id: IncarnationId, seq: i64) -> Result<(), Error> {
    tx.execute("update incarnations set claimed_seq = $2 where incarnation_id = $1", &[&incarnation_id, &seq]).await?;
    Ok(())
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
