//! How far this node has compared itself with head office, and what it has to tell of that.

use outpost_schema::{
    clock::Timestamp,
    digest::Ids,
    feed::{Key, Kind},
};
use outpost_sync::wire::{Mended, REPORT_ROWS_MAX, Report};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::error::Error;

/// Where the walk goes on: a kind, and the last key of it that was compared. None at the beginning.
pub(crate) type Place = Option<(Kind, Option<Ids>)>;

/// What the status page says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// When the last slice was compared.
    pub compared_at: Option<Timestamp>,
    /// When the last whole walk came to its end.
    pub walked_at: Option<Timestamp>,
    /// Rows compared in it.
    pub walked_rows: i64,
    /// Of these, rows that differ although each is as head office has it.
    pub unexplained: i64,
    /// Rows ever mended.
    pub mended: i64,
}

/// How far things are.
pub(crate) fn checked(conn: &Connection) -> Result<Checked, Error> {
    let mut statement = conn.prepare_cached(
        "select compared_at, walked_at, walked_rows, max(unexplained, walked_unexplained), mended from checks",
    )?;
    Ok(statement.query_row([], |row| {
        Ok(Checked {
            compared_at: row.get(0)?,
            walked_at: row.get(1)?,
            walked_rows: row.get(2)?,
            unexplained: row.get(3)?,
            mended: row.get(4)?,
        })
    })?)
}

/// Rounds that ended level since a slice was last due.
pub(crate) fn rounds(conn: &Connection) -> Result<u32, Error> {
    Ok(conn.prepare_cached("select rounds from checks")?.query_row([], |row| row.get(0))?)
}

/// A round ended level.
pub(crate) fn count_round(conn: &Connection) -> Result<(), Error> {
    conn.prepare_cached("update checks set rounds = rounds + 1")?.execute([])?;
    Ok(())
}

/// A slice is taken now, whatever comes of it: the next one is due after as many rounds.
pub(crate) fn put_off(conn: &Connection) -> Result<(), Error> {
    conn.prepare_cached("update checks set rounds = 0")?.execute([])?;
    Ok(())
}

/// Where the walk goes on.
pub(crate) fn place(conn: &Connection) -> Result<Place, Error> {
    let mut statement = conn.prepare_cached("select kind, after from checks")?;
    let (kind, after): (Option<i16>, Option<Vec<u8>>) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // A place that cannot be read is the beginning: nothing is lost by comparing once more.
    let kind = kind.and_then(|number| Kind::of_number(number).ok());
    let after = after.map(|bytes| ids_of(&bytes));
    Ok(kind.map(|kind| (kind, after.filter(|ids| ids.len() == kind.width()))))
}

/// A new walk begins.
pub(crate) fn begin(conn: &Connection) -> Result<(), Error> {
    conn.execute("update checks set kind = null, after = null, rows = 0, unexplained = 0", [])?;
    Ok(())
}

/// So many rows were compared, and the walk goes on at a place; at none, it has come to its end.
pub(crate) fn move_on(
    conn: &Connection,
    next: &Place,
    rows: usize,
    unexplained: usize,
    now: Timestamp,
) -> Result<(), Error> {
    let (kind, after) = match next {
        Some((kind, after)) => (Some(kind.number()), after.as_ref().map(bytes_of)),
        None => (None, None),
    };
    conn.prepare_cached(
        "update checks set kind = ?1, after = ?2, rows = rows + ?3, unexplained = unexplained + ?4, compared_at = ?5",
    )?
    .execute(params![
        kind,
        after,
        i64::try_from(rows).unwrap_or(i64::MAX),
        i64::try_from(unexplained).unwrap_or(i64::MAX),
        now
    ])?;
    if next.is_none() {
        conn.prepare_cached(
            "update checks set walked_at = ?1, walked_rows = rows, walked_unexplained = unexplained, rows = 0,
                 unexplained = 0",
        )?
        .execute([now])?;
    }
    Ok(())
}

/// Keeps what was mended until head office has heard of it.
pub(crate) fn note_mended(conn: &Connection, mended: &[Mended], now: Timestamp) -> Result<(), Error> {
    let mut statement = conn.prepare_cached(
        "insert into mended (kind, key, damage, mended_at) values (?1, ?2, ?3, ?4)
         on conflict (kind, key) do update set damage = excluded.damage, mended_at = excluded.mended_at",
    )?;
    for Mended { key, damage } in mended {
        let damage = serde_json::to_string(damage).expect("our own types always encode into memory");
        statement.execute(params![key.kind.number(), bytes_of(&key.ids), damage, now])?;
    }
    let count = i64::try_from(mended.len()).unwrap_or(i64::MAX);
    conn.prepare_cached("update checks set mended = mended + ?1")?.execute([count])?;
    Ok(())
}

/// What there is to tell head office.
pub(crate) fn report(conn: &Connection) -> Result<Report, Error> {
    let Checked { walked_at, walked_rows, unexplained, mended, .. } = checked(conn)?;
    let mut statement =
        conn.prepare_cached("select kind, key, damage from mended order by mended_at, kind, key limit ?1")?;
    let rows = statement.query_map([REPORT_ROWS_MAX as i64], |row| Ok((key_of(row)?, row.get::<_, String>(2)?)))?;
    let mut fresh = Vec::new();
    for row in rows {
        let (key, damage) = row?;
        if let (Some(key), Ok(damage)) = (key, serde_json::from_str(&damage)) {
            fresh.push(Mended { key, damage });
        }
    }
    Ok(Report { walked_at, walked_rows, unexplained, mended, fresh })
}

/// Head office has heard of these rows.
pub(crate) fn reported(conn: &Connection, heard: &[Mended]) -> Result<(), Error> {
    let mut statement = conn.prepare_cached("delete from mended where kind = ?1 and key = ?2")?;
    for Mended { key, .. } in heard {
        statement.execute(params![key.kind.number(), bytes_of(&key.ids)])?;
    }
    Ok(())
}

fn key_of(row: &Row<'_>) -> rusqlite::Result<Option<Key>> {
    let kind = Kind::of_number(row.get(0)?).ok();
    let ids = ids_of(&row.get::<_, Vec<u8>>(1)?);
    Ok(kind.map(|kind| Key { kind, ids }))
}

fn bytes_of(ids: &Ids) -> Vec<u8> {
    ids.iter().flat_map(|id| *id.as_bytes()).collect()
}

fn ids_of(bytes: &[u8]) -> Ids {
    bytes.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).collect()
}
