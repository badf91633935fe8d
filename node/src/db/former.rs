//! The former database: a copy from before a migration, in case the newer program must go again.
//!
//! It is whole before the first change is made, and goes at the next start that finds nothing to
//! change and the journal's end as it was written.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::{
    disk,
    error::Error,
    stage::{self, Moment},
};

/// Between the database's name and that of the migration.
const BEFORE: &str = ".before-";

/// What a copy is called until it is whole.
const MAKING: &str = ".making";

/// Room that must be left beside the copy, for the migration itself: its log holds each changed page.
const MARGIN_BYTES: u64 = 8 * 1024 * 1024;

/// Copies the database as it is, before the migration of this name.
///
/// # Errors
/// `no_room_to_migrate`, and nothing is then left behind; or what the disk says.
pub(super) fn keep(conn: &Connection, file: &Path, migration: &'static str) -> Result<(), Error> {
    let kept = beside(file, &format!("{BEFORE}{migration}"));
    let making = beside(&kept, MAKING);
    let needed = size(conn)? + MARGIN_BYTES;
    if file.parent().and_then(disk::free).is_some_and(|free| free < needed) {
        return Err(Error::NoRoomToMigrate { needed });
    }
    discard(&making)?;
    conn.execute("vacuum into ?1", [making.to_string_lossy()]).map_err(|error| {
        let error = Error::from(error);
        if !matches!(error, Error::DiskFull) {
            return error;
        }
        drop(discard(&making));
        Error::NoRoomToMigrate { needed }
    })?;
    settle(&making, &kept).map_err(|cause| Error::files(&kept, cause))?;
    stage::reach_migration(migration, Moment::Copied);
    tracing::info!(copy = %kept.display(), "the database was copied before the migration {migration}");
    Ok(())
}

/// Removes the copies, whole or not: the database that came of them has started well.
pub(super) fn forget(file: &Path) -> Result<(), Error> {
    copies(file)?.iter().try_for_each(|copy| discard(copy))
}

/// The copies beside the database.
pub(super) fn copies(file: &Path) -> Result<Vec<PathBuf>, Error> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Ok(Vec::new()) };
    let begin = format!("{}{BEFORE}", name.to_string_lossy());
    let entries = fs::read_dir(folder).map_err(|cause| Error::files(folder, cause))?;
    let named = entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin));
    Ok(named.map(|entry| entry.path()).collect())
}

fn size(conn: &Connection) -> Result<u64, Error> {
    let pages: i64 = conn.query_row("pragma page_count", [], |row| row.get(0))?;
    let page: i64 = conn.query_row("pragma page_size", [], |row| row.get(0))?;
    Ok(pages.saturating_mul(page).unsigned_abs())
}

/// A copy has its name only once it is on the disk.
fn settle(making: &Path, kept: &Path) -> io::Result<()> {
    File::open(making)?.sync_all()?;
    fs::rename(making, kept)?;
    kept.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn discard(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Error::files(file, cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
