//! How far other devices of this place were when this one was last level.

use outpost_schema::{clock::Timestamp, count::Upto};
use outpost_sync::wire::Page;
use rusqlite::{Connection, params};

use crate::error::Error;

/// Notes what a level page says of them, and when. What was heard once stays heard, also of one that a restored server
/// forgot.
pub(crate) fn note(conn: &Connection, page: &Page) -> Result<(), Error> {
    conn.prepare_cached("update feed_position set heard_at = ?1")?.execute([page.server_time])?;
    let mut note = conn.prepare_cached(
        "insert into heard (incarnation_id, seq) values (?1, ?2)
         on conflict (incarnation_id) do update set seq = max(seq, excluded.seq)",
    )?;
    page.others.iter().try_for_each(|upto| {
        note.execute(params![upto.incarnation_id, upto.seq])?;
        Ok(())
    })
}

/// Up to when head office was heard, by its clock.
pub(crate) fn at(conn: &Connection) -> Result<Option<Timestamp>, Error> {
    Ok(conn.prepare_cached("select heard_at from feed_position")?.query_row([], |row| row.get(0))?)
}

/// What has been heard of each.
pub(crate) fn of_others(conn: &Connection) -> Result<Vec<Upto>, Error> {
    let mut statement = conn.prepare_cached("select incarnation_id, seq from heard order by incarnation_id")?;
    let rows = statement.query_map([], |row| Ok(Upto { incarnation_id: row.get(0)?, seq: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
