//! The database beside the node's own: filled from a file or by reading the feed, and complete before
//! anything of it is used. It has the node's own tables, and in tables of its own where it was cut and
//! how far it contains the node's journals.

use std::path::{Path, PathBuf};

use outpost_schema::{
    clock::Timestamp,
    device::Card,
    feed::Aggregate,
    id::{EpochId, IncarnationId, NodeId},
    journal::{Hash, Mark},
    money::Currency,
    verdict::Verdict,
};
use outpost_sync::wire::{Acked, Page};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::{BUSY_MAX, STATEMENTS_KEPT, carts, epochs, identity, inbox, journal, migrations, verdicts};
use crate::{error::Error, fill::BadFile};

/// The database's file in the node's folder.
pub(crate) const FILE: &str = "outpost.db.aside";

/// What its tables are called in statements of the node's own connection.
pub(super) const NAME: &str = "aside";

/// How the tables that only a file has are to be read.
const FORMAT: i64 = 1;

/// What a database has that is read from the feed: the part of a file's own tables that is asked for.
const OWN: &str = "
    create table file (
        format integer not null, epoch blob not null, cursor text not null, seen text not null,
        currency text not null, made_at integer not null
    ) strict;
    create table file_journals (
        node_id blob not null, incarnation_id blob not null, seq integer not null, hash blob not null,
        set_aside text not null
    ) strict;
    create table file_rulings (incarnation_id blob not null, seq integer not null, verdict text not null) strict;
";

/// Tables that are no part of a node's database.
const NOT_OURS: [&str; 6] = ["file", "file_scope", "file_journals", "file_allotments", "file_concerns", "file_rulings"];

/// Where it lies.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Removes it.
pub(crate) fn remove(folder: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let path = folder.join(format!("{FILE}{suffix}"));
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Files { what: path.display().to_string(), cause });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Looks whether an unpacked file is one for this node, and makes its own of what is the node's own.
/// Nothing is waited for on the disk: whoever calls makes it certain, or unpacks it again.
///
/// # Errors
/// [`BadFile`], or what SQLite says.
pub(crate) fn admit(path: &Path, card: &Card, wanted: Option<EpochId>, acked: Mark) -> Result<(), Error> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "journal_mode", "off")?;
    conn.pragma_update(None, "synchronous", "off")?;
    check(&conn, card, wanted, acked)?;
    let tx = conn.transaction()?;
    take_own(&tx, card.node_id)?;
    tx.commit()?;
    conn.close().map_err(|(_, error)| error.into())
}

fn check(conn: &Connection, card: &Card, wanted: Option<EpochId>, acked: Mark) -> Result<(), Error> {
    if !migrations::is_current(conn)? {
        return Err(BadFile::OtherSchema.into());
    }
    let (epoch, currency): (EpochId, Currency) = conn
        .query_row("select epoch, currency from file where format = ?1", [FORMAT], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or(BadFile::OtherSchema)?;
    if wanted.is_some_and(|wanted| wanted != epoch) {
        return Err(BadFile::OtherEpoch.into());
    }
    let is_here = conn.prepare("select 1 from file_scope where warehouse_id = ?1")?.exists([card.warehouse_id])?;
    let has_journal = acked == Mark::START
        || conn.prepare("select 1 from file_journals where node_id = ?1")?.exists([card.node_id])?;
    if is_here && has_journal && currency == card.currency { Ok(()) } else { Err(BadFile::Foreign.into()) }
}

/// Of what belongs to single nodes, only this one's stays.
fn take_own(conn: &Connection, node_id: NodeId) -> Result<(), Error> {
    conn.execute("delete from file_journals where node_id <> ?1", [node_id])?;
    conn.execute_batch(
        "delete from file_rulings where incarnation_id not in (select incarnation_id from file_journals);
         insert into allotments (incarnation_id, product_id, warehouse_id, granted, reclaimed, full_mark, keep)
             select incarnation_id, product_id, warehouse_id, granted, reclaimed, full_mark, keep from file_allotments
             where incarnation_id in (select incarnation_id from file_journals);
         drop table file_allotments;
         drop table file_scope;",
    )?;
    conn.execute(
        "insert into concerns (concern_id, kind, subject, detail, scope, opened_at, closed_at)
         select concern_id, kind, subject, detail, scope, opened_at, closed_at from file_concerns where scope = ?1",
        [node_id],
    )?;
    conn.execute_batch("drop table file_concerns")?;
    carts::show_all(conn)
}

/// Opens the database that is filled by reading the feed, and makes it if there is none.
pub(crate) fn open(folder: &Path, card: &Card) -> Result<Connection, Error> {
    let mut conn = Connection::open(path(folder))?;
    conn.busy_timeout(BUSY_MAX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.pragma_update(None, "journal_mode", "wal")?;
    // A page that a power cut takes is asked for again; what was applied before stays whole.
    conn.pragma_update(None, "synchronous", "normal")?;
    migrations::migrate(&mut conn, &path(folder))?;
    identity::join(&conn, card)?;
    Ok(conn)
}

/// Applies a page to it.
pub(crate) fn apply(conn: &mut Connection, asked: Option<&str>, page: &Page, now: Timestamp) -> Result<(), Error> {
    let tx = conn.transaction()?;
    inbox::apply(&tx, (asked, page), 0, now, || false)?;
    Ok(tx.commit()?)
}

/// It equals the server at one moment: notes which, and leaves it as one file. If it was noted before, and
/// the node then stopped without taking it over, this moment replaces that one.
pub(crate) fn complete(conn: &mut Connection, page: &Page, card: &Card) -> Result<(), Error> {
    let tx = conn.transaction()?;
    undress(&tx)?;
    tx.execute_batch(OWN)?;
    tx.execute(
        "insert into file (format, epoch, cursor, seen, currency, made_at) values (?1, ?2, ?3, ?4, ?5, ?6)",
        params![FORMAT, page.epoch, page.cursor, page.seen, card.currency, page.server_time],
    )?;
    for Acked { incarnation_id, mark, set_aside, .. } in &page.acked {
        let set_aside = serde_json::to_string(set_aside).expect("numbers always encode into memory");
        tx.execute(
            "insert into file_journals (node_id, incarnation_id, seq, hash, set_aside) values (?1, ?2, ?3, ?4, ?5)",
            params![card.node_id, incarnation_id, mark.seq, mark.hash, set_aside],
        )?;
    }
    tx.execute_batch("delete from identity")?;
    tx.commit()?;
    conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    conn.pragma_update(None, "journal_mode", "delete")?;
    Ok(())
}

/// What the node's own database is told of a page that is applied aside: how the journal stands.
pub(crate) fn hear(conn: &Connection, page: &Page, now: Timestamp) -> Result<(), Error> {
    for acked in &page.acked {
        journal::raise_acked(conn, acked.incarnation_id, acked.mark)?;
        journal::note_archived(conn, acked.incarnation_id, acked.archived)?;
    }
    epochs::note_page(conn, page.epoch, page.recovering)?;
    for aggregate in &page.aggregates {
        if let Aggregate::Verdict(ruling) = aggregate {
            verdicts::note(conn, ruling.incarnation_id, ruling.seq, &ruling.verdict)?;
        }
    }
    inbox::note_contact(conn, now)
}

/// Waits until all of it is on the disk.
pub(crate) fn make_certain(path: &Path) -> Result<(), Error> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|cause| Error::Files { what: path.display().to_string(), cause })
}

/// Takes the tables away that are no part of a node's database.
pub(super) fn undress(conn: &Connection) -> Result<(), Error> {
    for table in NOT_OURS {
        conn.execute_batch(&format!("drop table if exists main.{table}"))?;
    }
    Ok(())
}

/// How far the attached database contains this node's journals.
pub(super) fn journals(conn: &Connection) -> Result<Vec<Acked>, Error> {
    let mut statement = conn.prepare("select incarnation_id, seq, hash, set_aside from aside.file_journals")?;
    let rows = statement.query_map([], |row| {
        let mark = Mark { seq: row.get(1)?, hash: row.get::<_, Hash>(2)? };
        Ok((row.get::<_, IncarnationId>(0)?, mark, row.get::<_, String>(3)?))
    })?;
    rows.map(|row| {
        let (incarnation_id, mark, set_aside) = row?;
        let set_aside = serde_json::from_str(&set_aside).map_err(Error::damaged)?;
        Ok(Acked { incarnation_id, mark, set_aside, archived: 0, over: false })
    })
    .collect()
}

/// Verdicts on this node's ops that came later than the push.
pub(super) fn rulings(conn: &Connection) -> Result<Vec<(IncarnationId, i64, Verdict)>, Error> {
    let mut statement = conn.prepare("select incarnation_id, seq, verdict from aside.file_rulings")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    rows.map(|row| {
        let (incarnation, seq, verdict) = row?;
        Ok((incarnation, seq, serde_json::from_str(&verdict).map_err(Error::damaged)?))
    })
    .collect()
}
