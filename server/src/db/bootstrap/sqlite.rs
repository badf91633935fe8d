//! The side that writes: one transaction into a file that nobody else knows of yet. Nothing is waited
//! for on the disk, because a file that did not come to its end is thrown away whole.

use std::path::Path;

use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::{
    About, NotCopied,
    columns::Rows,
    schema::{APPLIED, FORMAT, MIGRATIONS, OWN, digest_of},
    tables::Table,
};
use crate::feed::cursor::{Cursor, Places};

/// The page cache in KiB: an index of 100,000 names is sorted within it.
const CACHE_KIB: i64 = 32 * 1024;

/// What the writer is told.
pub(super) enum Piece {
    /// Rows of this table follow.
    Begin(&'static Table),
    /// Rows, whole ones.
    Rows(Vec<u8>),
    /// That was all.
    About(Box<About>),
}

/// Writes what comes until all of it has, and says how many rows that were.
pub(super) fn write(path: &Path, mut pieces: mpsc::Receiver<Piece>) -> Result<u64, NotCopied> {
    let mut conn = Connection::open(path)?;
    prepare(&conn)?;
    let tx = conn.transaction()?;
    let indexes = make_tables(&tx)?;
    let mut rows = 0;
    let mut table = None;
    let about = loop {
        match (pieces.blocking_recv(), table) {
            (Some(Piece::Begin(next)), _) => table = Some(next),
            (Some(Piece::Rows(lot)), Some(table)) => rows += append(&tx, table, &lot)?,
            (Some(Piece::About(about)), _) => break about,
            (Some(Piece::Rows(_)), None) | (None, _) => return Err(NotCopied::Incomplete),
        }
    };
    for index in indexes {
        tx.execute_batch(&index)?;
    }
    sign(&tx, &about)?;
    tx.commit()?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(rows)
}

fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "off")?;
    conn.pragma_update(None, "synchronous", "off")?;
    conn.pragma_update(None, "locking_mode", "exclusive")?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Makes the node's tables as the node makes them, and takes their indexes and triggers away again: made once from
/// all rows the indexes cost a fraction of what each row by itself would, and a new database is all one change.
fn make_tables(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.execute_batch(APPLIED)?;
    for (name, sql) in MIGRATIONS {
        conn.execute_batch(sql)?;
        let digest = digest_of(sql);
        conn.execute("insert into migrations (name, digest) values (?1, ?2)", params![name, digest.0])?;
    }
    conn.execute_batch(OWN)?;
    let sql = "select type || ' ' || name, sql from sqlite_schema
               where type in ('index', 'trigger') and sql is not null order by rowid";
    let mut statement = conn.prepare(sql)?;
    let made: Vec<(String, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, _) in &made {
        conn.execute_batch(&format!("drop {name}"))?;
    }
    Ok(made.into_iter().map(|(_, sql)| sql).collect())
}

fn append(conn: &Connection, table: &'static Table, lot: &[u8]) -> Result<u64, NotCopied> {
    let unreadable = |what| NotCopied::Unreadable { table: table.name, what };
    let mut statement = conn.prepare_cached(&table.insert())?;
    let mut rows = Rows::of(lot).map_err(unreadable)?;
    let mut count = 0;
    while rows.next(table.columns.len()).map_err(unreadable)? {
        for (column, place) in table.columns.iter().zip(1..) {
            statement.raw_bind_parameter(place, rows.column(column.spelling).map_err(unreadable)?)?;
        }
        statement.raw_execute()?;
        count += 1;
    }
    Ok(count)
}

/// Writes what the file says of itself, and where its reader goes on.
fn sign(conn: &Connection, about: &About) -> rusqlite::Result<()> {
    let places = Some(Places::of(&about.warehouses));
    let cursor = Cursor { epoch: about.epoch, places, since: about.snapshot.clone(), run: None }.to_string();
    let seen = about.snapshot.to_string();
    conn.execute("update feed_position set cursor = ?1, seen = ?2", params![cursor, seen])?;
    conn.execute(
        "insert into file (format, epoch, cursor, seen, currency, made_at) values (?1, ?2, ?3, ?4, ?5, ?6)",
        params![FORMAT, about.epoch.0.as_bytes(), cursor, seen, about.currency, about.made_at.micros()],
    )?;
    Ok(())
}
