//! How the node is being filled: one row for as long as it is.

use outpost_schema::id::EpochId;
use rusqlite::{Connection, OptionalExtension as _, params, types::Value};

use super::{epochs, inbox, journal};
use crate::error::Error;

/// Why the node is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has never been level.
    New,
    /// The server's database began another life.
    OtherEpoch,
    /// Notes of what is gone were dropped since it was last level.
    TooLongAway,
}

impl Why {
    const ALL: [Self; 3] = [Self::New, Self::OtherEpoch, Self::TooLongAway];

    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::OtherEpoch => "other_epoch",
            Self::TooLongAway => "too_long_away",
        }
    }
}

/// By which way it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From a file.
    File,
    /// By reading the feed into a database aside.
    FeedAside,
    /// By reading the feed into its own tables, which are empty.
    Feed,
    /// All is aside, and is being taken over.
    Over,
}

impl Way {
    const ALL: [Self; 4] = [Self::File, Self::FeedAside, Self::Feed, Self::Over];

    const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::FeedAside => "feed_aside",
            Self::Feed => "feed",
            Self::Over => "over",
        }
    }
}

/// How far the filling is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) why: Why,
    /// Which life of the server's database it must be, if that is known.
    pub(crate) epoch: Option<EpochId>,
    pub(crate) way: Way,
    /// Files that were not what they should be.
    pub(crate) failed: i64,
    /// Which of the tables is being taken over.
    pub(crate) place: usize,
    /// The last of its keys that was.
    pub(crate) after: Value,
}

/// How far the filling is; none if the node goes on from its cursor. A node without a cursor is to be
/// filled, whoever took it away.
pub(crate) fn find(conn: &Connection) -> Result<Option<Row>, Error> {
    let mut statement = conn.prepare_cached("select why, epoch, way, failed, place, after_key from filling")?;
    let read = |row: &rusqlite::Row<'_>| {
        let (why, way): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(Row {
            why: Why::ALL.into_iter().find(|known| known.word() == why).unwrap_or(Why::New),
            epoch: row.get(1)?,
            way: Way::ALL.into_iter().find(|known| known.word() == way).unwrap_or(Way::File),
            failed: row.get(3)?,
            place: row.get::<_, i64>(4)?.try_into().unwrap_or(0),
            after: row.get(5)?,
        })
    };
    match statement.query_row([], read).optional()? {
        Some(row) => Ok(Some(row)),
        None if inbox::position(conn)?.cursor.is_some() => Ok(None),
        None => Ok(Some(Row {
            why: if has_been_level(conn)? { Why::OtherEpoch } else { Why::New },
            epoch: epochs::known(conn)?.epoch,
            way: Way::File,
            failed: 0,
            place: 0,
            after: Value::Null,
        })),
    }
}

/// Begins to fill, from a file if there is one.
pub(crate) fn begin(conn: &Connection, why: Why, epoch: Option<EpochId>) -> Result<(), Error> {
    conn.execute(
        "insert or replace into filling (one, why, epoch, way) values (1, ?1, ?2, ?3)",
        params![why.word(), epoch, Way::File.word()],
    )?;
    Ok(())
}

/// Goes on by another way.
pub(crate) fn go_on(conn: &Connection, row: &Row, way: Way) -> Result<(), Error> {
    conn.execute(
        "insert or replace into filling (one, why, epoch, way, failed) values (1, ?1, ?2, ?3, ?4)",
        params![row.why.word(), row.epoch, way.word(), row.failed],
    )?;
    Ok(())
}

/// A file was not what it should be.
pub(crate) fn note_failed(conn: &Connection, row: &Row) -> Result<(), Error> {
    go_on(conn, &Row { failed: row.failed + 1, ..row.clone() }, Way::File)
}

/// So far the tables are taken over.
pub(crate) fn note_place(conn: &Connection, place: usize, after: &Value) -> Result<(), Error> {
    conn.prepare_cached("update filling set place = ?1, after_key = ?2")?
        .execute(params![i64::try_from(place).unwrap_or(i64::MAX), after])?;
    Ok(())
}

/// The node is filled.
pub(crate) fn end(conn: &Connection) -> Result<(), Error> {
    conn.prepare_cached("delete from filling")?.execute([])?;
    Ok(())
}

/// Whether nothing here would be missed: nothing was ever done, and nothing was ever told in full.
pub(crate) fn is_blank(conn: &Connection) -> Result<bool, Error> {
    Ok(journal::is_empty(conn)? && !has_been_level(conn)?)
}

fn has_been_level(conn: &Connection) -> Result<bool, Error> {
    Ok(conn.prepare_cached("select 1 from feed_position where seen <> ''")?.exists([])?)
}
