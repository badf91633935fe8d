//! What the server answered to each entry of the journal, kept beside it.

use outpost_schema::{clock::Timestamp, id::IncarnationId, journal::Mark, verdict::Verdict};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Error;

/// An answered entry, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its place in the journal.
    pub seq: i64,
    /// Its kind's word.
    pub kind: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// The server's answer.
    pub verdict: Verdict,
}

/// Notes the answer of a push. One that came by the feed meanwhile is newer, and stays.
pub(crate) fn note_first(
    conn: &Connection,
    incarnation: IncarnationId,
    seq: i64,
    verdict: &Verdict,
) -> Result<(), Error> {
    let mut statement = conn.prepare_cached(
        "select 1 from journal where incarnation_id = ?1 and seq = ?2 and (verdict is null or verdict = 'set_aside')",
    )?;
    let is_first = statement.exists(params![incarnation, seq])?;
    if is_first { note(conn, incarnation, seq, verdict) } else { Ok(()) }
}

/// Notes the server's answer to an entry. Of what a later life tells, that one's counts.
pub(crate) fn note(conn: &Connection, incarnation: IncarnationId, seq: i64, verdict: &Verdict) -> Result<(), Error> {
    let detail = serde_json::to_string(verdict).expect("our own types always encode into memory");
    conn.prepare_cached(
        "update journal set verdict = ?3, verdict_detail = ?4
         where incarnation_id = ?1 and seq = ?2 and coalesce(verdict, '') <> 'carried'",
    )?
    .execute(params![incarnation, seq, verdict.word(), detail])?;
    Ok(())
}

/// The server has the entry; if it said nothing of it, there is no use in asking again.
pub(crate) fn note_unanswered(conn: &Connection, incarnation: IncarnationId, seq: i64) -> Result<(), Error> {
    conn.prepare_cached(
        "update journal set verdict = 'unanswered' where incarnation_id = ?1 and seq = ?2 and verdict is null",
    )?
    .execute(params![incarnation, seq])?;
    Ok(())
}

/// The last answered entry up to `acked`.
pub(crate) fn answered(conn: &Connection, incarnation: IncarnationId, acked: Mark) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached(
        "select seq from journal where incarnation_id = ?1 and seq <= ?2 and verdict is not null
         order by seq desc limit 1",
    )?;
    Ok(statement.query_row(params![incarnation, acked.seq], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The server lost what it had after `acked`: its answers to that count no more.
pub(crate) fn forget(conn: &Connection, incarnation: IncarnationId, acked: Mark) -> Result<(), Error> {
    conn.execute(
        "update journal set verdict = null, verdict_detail = null
         where incarnation_id = ?1 and seq > ?2 and verdict is not null",
        params![incarnation, acked.seq],
    )?;
    Ok(())
}

/// How many entries have that verdict.
pub(crate) fn count(conn: &Connection, word: &str) -> Result<i64, Error> {
    // The list of words repeats the index's, or SQLite would not know that it may use it.
    let mut statement =
        conn.prepare_cached("select count(*) from journal where verdict in ('refused', 'set_aside') and verdict = ?1")?;
    Ok(statement.query_row([word], |row| row.get(0))?)
}

/// Entries that were refused or set aside, newest first.
pub(crate) fn not_booked(conn: &Connection, limit: i64) -> Result<Vec<Answered>, Error> {
    let mut statement = conn.prepare_cached(
        "select seq, kind, written_at, verdict_detail from journal where verdict in ('refused', 'set_aside')
         order by written_at desc, seq desc limit ?1",
    )?;
    let rows =
        statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?)))?;
    rows.map(|row| {
        let (seq, kind, written_at, detail) = row?;
        let verdict = serde_json::from_str(&detail).map_err(Error::damaged)?;
        Ok(Answered { seq, kind, written_at, verdict })
    })
    .collect()
}
