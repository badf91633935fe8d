//! How far other devices of this place were when this one was last level.

use outpost_schema::count::Upto;
use rusqlite::{Connection, params};

use crate::error::Error;

/// Notes what a level page says of them. What was heard once stays heard, also of one that a restored server forgot.
pub(crate) fn note(conn: &Connection, others: &[Upto]) -> Result<(), Error> {
    let mut note = conn.prepare_cached(
        "insert into heard (incarnation_id, seq) values (?1, ?2)
         on conflict (incarnation_id) do update set seq = max(seq, excluded.seq)",
    )?;
    others.iter().try_for_each(|upto| {
        note.execute(params![upto.incarnation_id, upto.seq])?;
        Ok(())
    })
}

/// What has been heard of each.
pub(crate) fn of_others(conn: &Connection) -> Result<Vec<Upto>, Error> {
    let mut statement = conn.prepare_cached("select incarnation_id, seq from heard order by incarnation_id")?;
    let rows = statement.query_map([], |row| Ok(Upto { incarnation_id: row.get(0)?, seq: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
