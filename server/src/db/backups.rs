//! The backups that are kept, and what a backup says of the database it holds.

use std::{collections::BTreeMap, path::PathBuf};

use outpost_schema::{
    clock::Timestamp,
    id::{BackupId, EpochId, IncarnationId},
    journal::Mark,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Row};

use super::Tx;
use crate::error::Error;

/// Held by whoever ends a restore; any number will do that nothing else uses.
const LOCK: i64 = 0x6f75_7470_6f73_7409;

/// How far a backup has one journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalMark {
    /// Whose.
    pub incarnation_id: IncarnationId,
    /// How far.
    #[serde(flatten)]
    pub mark: Mark,
}

/// What a database holds, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Its first epoch, which stays through every restore: by it a network's backups are known.
    pub network: EpochId,
    /// The number of its epoch.
    pub epoch_number: i64,
    /// Its epoch.
    pub epoch_id: EpochId,
    /// The migrations applied to it.
    pub migrations: Vec<String>,
    /// The rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// How far it has each journal.
    pub marks: Vec<JournalMark>,
}

/// Lets another connection see exactly what this transaction sees, for as long as it is open.
///
/// # Errors
/// If Postgres fails.
pub async fn export_snapshot(tx: &Tx) -> Result<String, Error> {
    Ok(tx.query_one("select pg_export_snapshot()", &[]).await?.try_get(0)?)
}

/// What the database holds. Counts every row.
///
/// # Errors
/// If Postgres fails.
pub async fn holdings(tx: &Tx) -> Result<Holdings, Error> {
    let epoch = tx.query_one("select number, epoch_id from epochs order by number desc limit 1", &[]).await?;
    let migrations = tx.query("select name from migrations order by name collate \"C\"", &[]).await?;
    let network = tx.query_one("select epoch_id from epochs order by number limit 1", &[]).await?;
    Ok(Holdings {
        network: network.try_get(0)?,
        epoch_number: epoch.try_get(0)?,
        epoch_id: epoch.try_get(1)?,
        migrations: migrations.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
        rows: rows(tx).await?,
        marks: marks(tx).await?,
    })
}

async fn rows(tx: &Tx) -> Result<BTreeMap<String, i64>, Error> {
    let sql = "select quote_ident(relname) as quoted, relname::text as name from pg_class
               where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'restore_unfinished'";
    let mut rows = BTreeMap::new();
    for table in tx.query(sql, &[]).await? {
        let (quoted, name): (String, String) = (table.try_get("quoted")?, table.try_get("name")?);
        let count = tx.query_one(&format!("select count(*) from public.{quoted}"), &[]).await?;
        rows.insert(name, count.try_get(0)?);
    }
    Ok(rows)
}

/// How far the server has each journal.
///
/// # Errors
/// If Postgres fails.
pub async fn marks(tx: &Tx) -> Result<Vec<JournalMark>, Error> {
    let sql = "select incarnation_id, acked_seq, acked_hash from incarnations order by incarnation_id";
    let mark = |row: &Row| {
        let mark = Mark { seq: row.try_get(1)?, hash: row.try_get(2)? };
        Ok(JournalMark { incarnation_id: row.try_get(0)?, mark })
    };
    tx.query(sql, &[]).await?.iter().map(mark).collect()
}

/// A backup that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub backup_id: BackupId,
    /// As of when.
    pub taken_at: Timestamp,
    /// Where it lies, its own name included.
    pub folder: PathBuf,
    /// The bytes of its dump.
    pub bytes: i64,
}

/// Every backup that is kept, the oldest first.
///
/// # Errors
/// If Postgres fails.
pub async fn kept(tx: &Tx) -> Result<Vec<Kept>, Error> {
    let sql = "select backup_id, taken_at, folder, bytes from backups order by taken_at, backup_id";
    let kept = |row: &Row| {
        let folder: String = row.try_get("folder")?;
        let (backup_id, taken_at) = (row.try_get("backup_id")?, row.try_get("taken_at")?);
        Ok(Kept { backup_id, taken_at, folder: folder.into(), bytes: row.try_get("bytes")? })
    };
    tx.query(sql, &[]).await?.iter().map(kept).collect()
}

/// Keeps that there is a backup, and how far it has each journal.
///
/// # Errors
/// If it cannot be kept.
pub async fn insert(tx: &Tx, backup: &Kept, marks: &[JournalMark]) -> Result<(), Error> {
    let folder = backup.folder.to_string_lossy();
    tx.execute(
        "insert into backups (backup_id, taken_at, folder, bytes) values ($1, $2, $3, $4)",
        &[&backup.backup_id, &backup.taken_at, &folder, &backup.bytes],
    )
    .await?;
    let incarnations: Vec<_> = marks.iter().map(|mark| mark.incarnation_id).collect();
    let seqs: Vec<_> = marks.iter().map(|mark| mark.mark.seq).collect();
    let hashes: Vec<_> = marks.iter().map(|mark| mark.mark.hash).collect();
    tx.execute(
        "insert into backup_marks (backup_id, incarnation_id, seq, hash)
         select $1, u.* from unnest($2::uuid[], $3::bigint[], $4::bytea[]) u",
        &[&backup.backup_id, &incarnations, &seqs, &hashes],
    )
    .await?;
    Ok(())
}

/// Counts these backups no longer: they are gone.
///
/// # Errors
/// If Postgres fails.
pub async fn forget(tx: &Tx, gone: &[BackupId]) -> Result<(), Error> {
    tx.execute("delete from backups where backup_id = any($1)", &[&gone]).await?;
    Ok(())
}

/// How far a journal is archived: its mark in the oldest backup that is kept. Whatever backup is
/// restored has at least that, so the node need not keep it for us. Nothing is archived while no
/// backup is kept.
///
/// # Errors
/// If Postgres fails.
pub async fn archived(tx: &Tx, incarnation_id: IncarnationId) -> Result<Mark, Error> {
    let row = tx
        .query_opt(
            "select seq, hash from backup_marks
             where incarnation_id = $1
               and backup_id = (select backup_id from backups order by taken_at, backup_id limit 1)",
            &[&incarnation_id],
        )
        .await?;
    let mark = row.map(|row| Ok::<_, Error>(Mark { seq: row.try_get(0)?, hash: row.try_get(1)? })).transpose()?;
    Ok(mark.unwrap_or(Mark::START))
}

/// Whether a database has no table of anybody's, a restore's own mark aside.
///
/// # Errors
/// What Postgres says.
pub async fn is_empty(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let sql = "select not exists (
                   select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
                     and c.relname <> 'restore_unfinished')";
    client.query_one(sql, &[]).await?.try_get(0)
}

/// Marks a database as one that a backup is being restored into. Nobody opens it before
/// [`pass_restore`], and whoever opens it then begins its next epoch.
///
/// # Errors
/// What Postgres says.
pub async fn begin_restore(client: &Client, reason: &str) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute(
            "create table if not exists restore_unfinished (reason text not null, is_sound boolean not null);
             delete from restore_unfinished",
        )
        .await?;
    client.execute("insert into restore_unfinished (reason, is_sound) values ($1, false)", &[&reason]).await.map(drop)
}

/// What was restored is what it should be.
///
/// # Errors
/// What Postgres says.
pub async fn pass_restore(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.execute("update restore_unfinished set is_sound = true", &[]).await.map(drop)
}

/// Whether a restore into this database was begun and never passed.
///
/// # Errors
/// What Postgres says.
pub async fn is_half_restored(client: &Client) -> Result<bool, tokio_postgres::Error> {
    if !has_mark(client.query_one(HAS_MARK, &[]).await?)? {
        return Ok(false);
    }
    client.query_one("select not coalesce(bool_and(is_sound), false) from restore_unfinished", &[]).await?.try_get(0)
}

const HAS_MARK: &str = "select to_regclass('restore_unfinished') is not null";

fn has_mark(row: Row) -> Result<bool, tokio_postgres::Error> {
    row.try_get(0)
}

/// Takes the mark of [`begin_restore`] away, and says why it stood there; none if it does not.
///
/// # Errors
/// If Postgres fails.
pub async fn end_restore(tx: &Tx) -> Result<Option<String>, Error> {
    // Of two servers that open it at once, one begins the epoch.
    tx.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    if !has_mark(tx.query_one(HAS_MARK, &[]).await?)? {
        return Ok(None);
    }
    let row = tx.query_one("select reason from restore_unfinished", &[]).await?;
    tx.execute("drop table restore_unfinished", &[]).await?;
    Ok(Some(row.try_get(0)?))
}
