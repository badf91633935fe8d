//! The journal: a node's own ops in order, hash-chained; written with what they tell, never changed.

use outpost_schema::{
    clock::{Hlc, Timestamp},
    id::IncarnationId,
    journal::{Body, Entry, Hash, Mark},
    money::Money,
    op::{Op, OpKind},
    planted::{Bug, is_planted},
    word::Word as _,
    world::World,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::identity::{self, Identity};
use crate::error::Error;

/// Entries whose chain is looked at when the database is opened, beside all that wait to be pushed:
/// what a torn end would show in.
const TAIL: i64 = 20;

pub(super) const COLUMNS: &str = "seq, hlc_at, hlc_tick, seen, kind, version, body, prev_hash, hash";

pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        hlc: Hlc { at: row.get(1)?, tick: row.get(2)? },
        seen: row.get(3)?,
        kind: row.get(4)?,
        version: row.get(5)?,
        body: Body(row.get(6)?),
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    })
}

/// Writes the next entry, in the transaction of what it tells, and moves the node's clock on.
pub(crate) fn append(conn: &Connection, identity: &mut Identity, op: &Op, world: &dyn World) -> Result<Entry, Error> {
    let now = world.now();
    let hlc = identity::tick(conn, identity, now)?;
    let incarnation = identity.incarnation_id();
    let seen = conn.prepare_cached("select seen from feed_position")?.query_row([], |row| row.get(0))?;
    let entry = Entry::write(incarnation, head(conn, incarnation)?, hlc, seen, op, world.chance());
    conn.prepare_cached(
        "insert into journal (incarnation_id, seq, hlc_at, hlc_tick, seen, kind, version, body, prev_hash, hash,
             worth, written_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        incarnation,
        entry.seq,
        entry.hlc.at,
        entry.hlc.tick,
        entry.seen,
        entry.kind,
        entry.version,
        entry.body.0,
        entry.prev_hash,
        entry.hash,
        op.worth(),
        now
    ])?;
    Ok(entry)
}

/// The last entry's place.
pub(crate) fn head(conn: &Connection, incarnation: IncarnationId) -> Result<Mark, Error> {
    let mut statement =
        conn.prepare_cached("select seq, hash from journal where incarnation_id = ?1 order by seq desc limit 1")?;
    let head = statement.query_row([incarnation], mark_of_row).optional()?;
    Ok(head.unwrap_or(Mark::START))
}

/// How far the server is known to have the journal.
pub(crate) fn acked(conn: &Connection, incarnation: IncarnationId) -> Result<Mark, Error> {
    let mut statement = conn.prepare_cached("select seq, hash from acked where incarnation_id = ?1")?;
    Ok(statement.query_row([incarnation], mark_of_row).optional()?.unwrap_or(Mark::START))
}

/// Entries of this node that nobody has booked yet: those of a life that are unanswered, and whatever is set aside.
pub(crate) fn unbooked(conn: &Connection, incarnation: IncarnationId) -> Result<i64, Error> {
    let sql = "select (select count(*) from journal where incarnation_id = ?1 and verdict is null)
                    + (select count(*) from journal where verdict = 'set_aside')";
    Ok(conn.prepare_cached(sql)?.query_row([incarnation], |row| row.get(0))?)
}

/// Whether the journal has exactly this entry.
pub(crate) fn has(conn: &Connection, incarnation: IncarnationId, mark: Mark) -> Result<bool, Error> {
    if mark == Mark::START {
        return Ok(true);
    }
    let mut statement =
        conn.prepare_cached("select 1 from journal where incarnation_id = ?1 and seq = ?2 and hash = ?3")?;
    Ok(statement.exists(params![incarnation, mark.seq, mark.hash])?)
}

/// The place right before the first entry that is still here.
pub(crate) fn start(conn: &Connection, incarnation: IncarnationId) -> Result<Mark, Error> {
    let mut statement =
        conn.prepare_cached("select seq - 1, prev_hash from journal where incarnation_id = ?1 order by seq limit 1")?;
    Ok(statement.query_row([incarnation], mark_of_row).optional()?.unwrap_or(Mark::START))
}

/// Whether the journal forgot this entry after it was archived. Its hash can be compared only with the
/// first entry that is still here.
pub(crate) fn has_forgotten(conn: &Connection, incarnation: IncarnationId, mark: Mark) -> Result<bool, Error> {
    let mut statement =
        conn.prepare_cached("select seq, prev_hash from journal where incarnation_id = ?1 order by seq limit 1")?;
    let before = statement.query_row([incarnation], mark_of_row).optional()?;
    Ok(before.is_some_and(|first| mark.seq < first.seq - 1 || mark.seq == first.seq - 1 && mark.hash == first.hash))
}

/// Whether the journal should have this entry and has not. It need not have what it was told that it
/// may forget.
pub(crate) fn is_hidden(conn: &Connection, incarnation: IncarnationId, mark: Mark) -> Result<bool, Error> {
    let first: Option<i64> = conn
        .prepare_cached("select min(seq) from journal where incarnation_id = ?1")?
        .query_row([incarnation], |row| row.get(0))?;
    Ok(first.is_none_or(|first| mark.seq >= first) && !has(conn, incarnation, mark)?)
}

/// Takes `mark` as acknowledged, be it further or less far than before.
pub(crate) fn set_acked(conn: &Connection, incarnation: IncarnationId, mark: Mark) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into acked (incarnation_id, seq, hash) values (?1, ?2, ?3)
         on conflict (incarnation_id) do update set seq = excluded.seq, hash = excluded.hash",
    )?
    .execute(params![incarnation, mark.seq, mark.hash])?;
    Ok(())
}

/// Takes `mark` as acknowledged if it is further than before and the journal has it.
pub(crate) fn raise_acked(conn: &Connection, incarnation: IncarnationId, mark: Mark) -> Result<(), Error> {
    if mark.seq > acked(conn, incarnation)?.seq && has(conn, incarnation, mark)? {
        set_acked(conn, incarnation, mark)?;
    }
    Ok(())
}

/// Whether nothing was ever done here.
pub(crate) fn is_empty(conn: &Connection) -> Result<bool, Error> {
    Ok(!conn.prepare_cached("select 1 from journal limit 1")?.exists([])?)
}

/// Every backup that the server keeps holds the journal up to `seq`.
pub(crate) fn note_archived(conn: &Connection, incarnation: IncarnationId, seq: i64) -> Result<(), Error> {
    conn.prepare_cached("update acked set archived = ?2 where incarnation_id = ?1 and archived <> ?2")?
        .execute(params![incarnation, seq])?;
    Ok(())
}

/// Forgets the oldest entries: at most `limit` of them, up to what is archived, written before `before`
/// and answered for good. The last entry stays: the next one follows it. Says how many went.
pub(crate) fn forget(conn: &Connection, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let (safe, before) = match is_planted(Bug::PrunedAtAcked) {
        true => ("seq", Timestamp::from_micros(i64::MAX)),
        false => ("min(archived, seq)", before),
    };
    let mut journals = conn.prepare_cached(&format!("select incarnation_id, {safe} from acked where {safe} > 0"))?;
    let journals = journals.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut left = limit;
    for journal in journals.collect::<Result<Vec<(IncarnationId, i64)>, _>>()? {
        left -= forget_of(conn, journal, before, left)?;
    }
    Ok(limit - left)
}

fn forget_of(
    conn: &Connection,
    (incarnation, archived): (IncarnationId, i64),
    before: Timestamp,
    limit: usize,
) -> Result<usize, Error> {
    let last = head(conn, incarnation)?.seq - 1;
    let mut oldest = conn.prepare_cached(
        "select seq, written_at < ?3 and coalesce(verdict, '') not in ('', 'set_aside') from journal
         where incarnation_id = ?1 and seq <= ?2 order by seq limit ?4",
    )?;
    let rows = oldest.query_map(params![incarnation, archived.min(last), before, limit as i64], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let Some((upto, _)) = rows.iter().take_while(|(_, may_go)| *may_go).last() else { return Ok(0) };
    Ok(conn
        .prepare_cached("delete from journal where incarnation_id = ?1 and seq <= ?2")?
        .execute(params![incarnation, upto])?)
}

/// Entries after `seq`, at most `count` of them and `bytes` of bodies; at least one if there is any.
pub(crate) fn after(
    conn: &Connection,
    incarnation: IncarnationId,
    seq: i64,
    count: usize,
    bytes: usize,
) -> Result<Vec<Entry>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "select {COLUMNS} from journal where incarnation_id = ?1 and seq > ?2 order by seq"
    ))?;
    let mut rows = statement.query_map(params![incarnation, seq], of_row)?;
    let (mut entries, mut taken) = (Vec::new(), 0);
    while entries.len() < count
        && let Some(entry) = rows.next().transpose()?
    {
        taken += entry.body.0.len();
        if taken > bytes && !entries.is_empty() {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The first entry of a life after `seq` that no later life has carried.
pub(crate) fn next_untold(conn: &Connection, life: IncarnationId, seq: i64) -> Result<Option<Entry>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "select {COLUMNS} from journal
         where incarnation_id = ?1 and seq > ?2 and coalesce(verdict, '') <> 'carried' order by seq limit 1"
    ))?;
    Ok(statement.query_row(params![life, seq], of_row).optional()?)
}

/// Whether another life than this has entries that none carried.
pub(crate) fn has_untold_but_of(conn: &Connection, life: IncarnationId) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached(
        "select 1 from journal where incarnation_id <> ?1 and coalesce(verdict, '') <> 'carried' limit 1",
    )?;
    Ok(statement.exists([life])?)
}

/// The lives whose entries are here, the oldest first.
pub(crate) fn lives(conn: &Connection) -> Result<Vec<IncarnationId>, Error> {
    let mut statement = conn.prepare_cached("select distinct incarnation_id from journal order by incarnation_id")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Every entry of one kind, of whichever life.
pub(crate) fn of_kind(conn: &Connection, kind: OpKind) -> Result<Vec<Entry>, Error> {
    let mut statement = conn.prepare(&format!("select {COLUMNS} from journal where kind = ?1"))?;
    let rows = statement.query_map([kind.word()], of_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The hashes of at most `count` entries after `seq`.
pub(crate) fn hashes_after(
    conn: &Connection,
    incarnation: IncarnationId,
    seq: i64,
    count: usize,
) -> Result<Vec<Hash>, Error> {
    let mut statement =
        conn.prepare_cached("select hash from journal where incarnation_id = ?1 and seq > ?2 order by seq limit ?3")?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![incarnation, seq, count], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The server has all entries up to `seq`, as they stand here.
pub(crate) fn note_known(conn: &Connection, incarnation: IncarnationId, seq: i64) -> Result<(), Error> {
    let sql = "select seq, hash from journal where incarnation_id = ?1 and seq <= ?2 order by seq desc limit 1";
    let mark = conn.prepare_cached(sql)?.query_row(params![incarnation, seq], mark_of_row).optional()?;
    mark.map_or(Ok(()), |mark| raise_acked(conn, incarnation, mark))
}

/// The entries after `seq` are told by a later life.
pub(crate) fn note_carried(conn: &Connection, incarnation: IncarnationId, seq: i64) -> Result<(), Error> {
    conn.prepare_cached(
        "update journal set verdict = 'carried', verdict_detail = null where incarnation_id = ?1 and seq > ?2",
    )?
    .execute(params![incarnation, seq])?;
    Ok(())
}

/// What waits after `acked`: when the first entry was written, and what all are worth.
pub(crate) fn waiting(
    conn: &Connection,
    incarnation: IncarnationId,
    acked: Mark,
) -> Result<(Option<Timestamp>, Money), Error> {
    let mut statement = conn.prepare_cached(
        "select min(written_at), coalesce(sum(worth), 0) from journal where incarnation_id = ?1 and seq > ?2",
    )?;
    Ok(statement.query_row(params![incarnation, acked.seq], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The ops after `seq` and those in a list of seqs, spelled for SQLite, each with its own. One that this program cannot
/// read is passed over: it made nothing here.
pub(super) fn uncontained(
    conn: &Connection,
    incarnation: IncarnationId,
    seq: i64,
    set_aside: &str,
) -> Result<Vec<(i64, Op)>, Error> {
    let mut statement = conn.prepare_cached(
        "select seq, kind, body from journal
         where incarnation_id = ?1 and (seq > ?2 or seq in (select value from json_each(?3))) order by seq",
    )?;
    let rows = statement.query_map(params![incarnation, seq, set_aside], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
    })?;
    let read = |(seq, kind, body): (i64, String, Vec<u8>)| {
        Some((seq, Op::from_body(OpKind::of_word(&kind).ok()?, &body).ok()?))
    };
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Looks whether the journal's end, and all of it that waits, is the chain that was written.
pub(super) fn check_end(conn: &Connection) -> Result<(), Error> {
    let Some(identity) = identity::find(conn)? else { return Ok(()) };
    let incarnation = identity.incarnation_id();
    let waiting_after = acked(conn, incarnation)?.seq;
    let first = (head(conn, incarnation)?.seq - TAIL).min(waiting_after).max(0);
    check_chain(conn, incarnation, first)
}

/// Looks whether all entries after `seq` are the chain that was written.
pub(crate) fn check_chain(conn: &Connection, incarnation: IncarnationId, seq: i64) -> Result<(), Error> {
    let mut entries = after(conn, incarnation, seq.max(0), 1, usize::MAX)?;
    let Some(first) = entries.pop() else { return Ok(()) };
    let mut before = Mark { seq: first.seq - 1, hash: first.prev_hash };
    let mut statement = conn.prepare_cached(&format!(
        "select {COLUMNS} from journal where incarnation_id = ?1 and seq > ?2 order by seq"
    ))?;
    for entry in statement.query_map(params![incarnation, before.seq], of_row)? {
        let entry = entry?;
        if !entry.follows(incarnation, before) || (entry.seq == 1) != (entry.prev_hash == Mark::START.hash) {
            return Err(Error::damaged(format!("journal entry {} does not follow the one before it", entry.seq)));
        }
        before = entry.mark();
    }
    Ok(())
}

fn mark_of_row(row: &Row<'_>) -> rusqlite::Result<Mark> {
    Ok(Mark { seq: row.get(0)?, hash: row.get(1)? })
}
