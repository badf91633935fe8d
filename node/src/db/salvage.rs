//! Reading what is still there in a damaged database: entry by entry, so that a bad page costs only
//! what stands on it. Nothing is written.

use std::path::Path;

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, NodeId},
    journal::{Entry, Mark},
};
use outpost_sync::{
    carried::{Head, Sort},
    wire::{Hole, PROTOCOL, PUSH_BYTES_MAX, PUSH_CARTS_MAX, PUSH_ENTRIES_MAX, Push},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::{BUSY_MAX, FILE, carts, identity, inbox, journal, lock};
use crate::{error::Error, salvage::Salvaged};

/// Where the journal's end cannot be read, entries are asked for until this many in a row are not
/// there: more than stand on any few pages.
const PROBES_MAX: i64 = 10_000;

/// Reads what the folder's database still holds for head office.
///
/// # Errors
/// `missing_folder`, `locked` while another process works on it, `damaged` if not even the journal
/// can be found.
pub(crate) fn read(folder: &Path, now: Timestamp) -> Result<Salvaged, Error> {
    if !folder.is_dir() {
        return Err(Error::MissingFolder { folder: folder.to_owned() });
    }
    let _lock = lock(folder)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(folder.join(FILE), flags)?;
    conn.busy_timeout(BUSY_MAX)?;
    let (node_id, incarnation_id) = whose(&conn)?;
    let acked = journal::acked(&conn, incarnation_id).unwrap_or(Mark::START);
    let mut reading = Reading { conn: &conn, incarnation_id, entries: Vec::new(), unreadable: Vec::new() };
    reading.all_after(acked)?;
    let Reading { entries, unreadable, .. } = reading;
    let head = Head {
        sort: Sort::Export,
        protocol: PROTOCOL,
        node_id,
        incarnation_id,
        head: entries.last().map_or(acked, Entry::mark),
        acked,
        cursor: inbox::position(&conn).ok().and_then(|position| position.cursor),
        epoch: None,
        made_at: now,
    };
    let mut pushes = in_pushes(acked, entries);
    pushes.extend(unsent_carts(&conn));
    Ok(Salvaged { head, pushes, unreadable })
}

/// Whose journal it is: by the device's own word, or else by that of any entry.
fn whose(conn: &Connection) -> Result<(Option<NodeId>, IncarnationId), Error> {
    if let Ok(Some(identity)) = identity::find(conn) {
        return Ok((Some(identity.node_id()), identity.incarnation_id()));
    }
    let any = conn.query_row("select incarnation_id from journal limit 1", [], |row| row.get(0)).optional()?;
    any.map(|incarnation| (None, incarnation)).ok_or(Error::NotJoined)
}

/// Entries in order, within the wire's limits. What comes behind a gap begins a push of its own.
fn in_pushes(acked: Mark, entries: Vec<Entry>) -> Vec<Push> {
    let (mut pushes, mut before, mut bytes) = (Vec::new(), acked, 0);
    for entry in entries {
        let gap = (entry.seq != before.seq + 1).then(|| Hole { after: before, before: entry.mark() });
        (before, bytes) = (entry.mark(), bytes + entry.body.0.len());
        match pushes.last_mut() {
            Some(Push { entries, .. })
                if gap.is_none() && entries.len() < PUSH_ENTRIES_MAX && bytes <= PUSH_BYTES_MAX =>
            {
                entries.push(entry);
            }
            Some(_) | None => {
                bytes = entry.body.0.len();
                pushes.push(Push { hole: gap, entries: vec![entry], ..Push::default() });
            }
        }
    }
    pushes
}

/// The carts that wait, as far as they can be read.
fn unsent_carts(conn: &Connection) -> Vec<Push> {
    let (mut pushes, mut after) = (Vec::new(), None);
    while let Ok(carts) = carts::unsent(conn, after, PUSH_CARTS_MAX, PUSH_BYTES_MAX) {
        let Some(last) = carts.last() else { break };
        after = Some(last.cart_id());
        pushes.push(Push { carts, ..Push::default() });
    }
    pushes
}

struct Reading<'a> {
    conn: &'a Connection,
    incarnation_id: IncarnationId,
    entries: Vec<Entry>,
    unreadable: Vec<i64>,
}

impl Reading<'_> {
    fn all_after(&mut self, acked: Mark) -> Result<(), Error> {
        let end = journal::head(self.conn, self.incarnation_id).ok().map(|head| head.seq);
        let (mut before, mut seq, mut missing) = (acked, acked.seq + 1, 0);
        while end.map_or(missing < PROBES_MAX, |end| seq <= end) {
            match self.entry(seq, before) {
                Some(entry) => {
                    before = entry.mark();
                    self.entries.push(entry);
                    missing = 0;
                }
                None => {
                    self.unreadable.push(seq);
                    missing += 1;
                }
            }
            seq += 1;
        }
        if end.is_none() {
            // What was asked for behind the last entry may never have been.
            let last = self.entries.last().map_or(acked.seq, |entry| entry.seq);
            self.unreadable.retain(|seq| *seq < last);
        }
        Ok(())
    }

    /// The entry, if it can be read and is what was written.
    fn entry(&self, seq: i64, before: Mark) -> Option<Entry> {
        let sql = format!("select {} from journal where incarnation_id = ?1 and seq = ?2", journal::COLUMNS);
        let mut statement = self.conn.prepare_cached(&sql).ok()?;
        let entry: Entry = statement.query_row(params![self.incarnation_id, seq], journal::of_row).ok()?;
        // Behind a gap the hash before it is known from the entry alone.
        let before = if before.seq == seq - 1 { before } else { Mark { seq: seq - 1, hash: entry.prev_hash } };
        entry.follows(self.incarnation_id, before).then_some(entry)
    }
}
