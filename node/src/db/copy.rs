//! A copy of the database as of one moment, taken while others use it, and what such a copy is of.

use std::path::Path;

use outpost_schema::id::{IncarnationId, NodeId};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{
    BUSY_MAX, FILE,
    identity::{self, State},
};
use crate::error::Error;

/// What a copy is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    /// The device.
    pub node_id: NodeId,
    /// The life of its journal.
    pub incarnation_id: IncarnationId,
    /// What people call it.
    pub name: String,
    /// The last entry of its journal.
    pub head: i64,
    /// The last migration applied to it.
    pub migration: String,
}

/// Copies a folder's database into a new file. SQLite itself keeps it consistent, whoever else writes.
///
/// # Errors
/// `missing_folder`, or what the database says.
pub(crate) fn copy(folder: &Path, to: &Path) -> Result<(), Error> {
    let file = folder.join(FILE);
    if !file.is_file() {
        return Err(Error::NotJoined);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_MAX)?;
    let path = to.to_str().ok_or_else(|| Error::Files {
        what: to.display().to_string(),
        cause: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the name is no UTF-8"),
    })?;
    conn.execute("vacuum into ?1", [path])?;
    Ok(())
}

/// What a copy is of, whatever version wrote it.
///
/// # Errors
/// `not_joined`, or what the database says.
pub(crate) fn look(file: &Path) -> Result<Copied, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    let migration = conn.query_row("select max(name) from migrations", [], |row| row.get(0))?;
    let copied = conn
        .query_row(
            "select node_id, incarnation_id, name,
                    (select coalesce(max(seq), 0) from journal j where j.incarnation_id = i.incarnation_id)
             from identity i",
            [],
            |row| {
                Ok(Copied {
                    node_id: row.get(0)?,
                    incarnation_id: row.get(1)?,
                    name: row.get(2)?,
                    head: row.get(3)?,
                    migration,
                })
            },
        )
        .optional()?;
    copied.ok_or(Error::NotJoined)
}

/// Puts the device into quarantine: it was put back, and does not know what it did since. A life that it
/// had asked for may have been lived since, so it asks for another.
///
/// # Errors
/// What the database says.
pub(crate) fn quarantine(conn: &Connection, chance: [u8; 16]) -> Result<(), Error> {
    conn.execute("update identity set next_life = null", [])?;
    identity::set_back(conn, State::Restored, chance)
}
