//! What can go wrong at a node: a stable code for programs, a sentence with the cure for people.
//!
//! A [`Refused`] is the shop saying no; every other error is the machine failing.

mod refused;

use std::path::{Path, PathBuf};

use outpost_schema::fault::Fault;
use rusqlite::ErrorCode;
use thiserror::Error;

pub use self::refused::Refused;
use crate::{countings::NotCounted, disk, fill::BadFile};

/// Why a verb of the node did nothing. Whatever it was, nothing of it was written.
#[derive(Debug, Error)]
pub enum Error {
    /// A value that cannot be taken.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The shop says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The device belongs to no network yet.
    #[error("this device has not joined a network; run `outpost-node join` with the card that head office printed")]
    NotJoined,
    /// The device belongs to another network, or is another device.
    #[error("this device joined with another card; use an empty folder for the new one")]
    OtherCard,
    /// There is no such folder.
    #[error("the folder {} does not exist; create it, or name another one", .folder.display())]
    MissingFolder {
        /// Which.
        folder: PathBuf,
    },
    /// Another process works on the folder.
    #[error("another program has {} open; end it first, or name another folder", .folder.display())]
    Locked {
        /// Which.
        folder: PathBuf,
    },
    /// The database may not be written.
    #[error("the database cannot be written; make the file and its folder writable for this program")]
    ReadOnly,
    /// The bytes of the database are not what was written.
    #[error(
        "the database is damaged ({what}); leave it as it is: `outpost-node salvage --to FILE` writes out what head office does not have yet, then begin again in an empty folder with a new card"
    )]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the database has the migration {name}, which this program does not know, so a newer program has worked with it; install that one again (nothing was changed)"
    )]
    NewerSchema {
        /// The first unknown migration.
        name: String,
    },
    /// A migration that was applied differs from the one in this program.
    #[error("the migration {name} is not the one that made this database; install the program that made it")]
    ChangedMigration {
        /// Which.
        name: String,
    },
    /// A file to fill from that is not what it should be.
    #[error(transparent)]
    BadFile(#[from] BadFile),
    /// No room on the disk.
    #[error(
        "this device's disk is full: nothing was sold and nothing was written, so take no money; free some space, then try again"
    )]
    DiskFull,
    /// No room for a copy of the database before it is changed.
    #[error(
        "there is no room to keep a copy of the database before it is changed for this program; free {needed} bytes, or start the former program again (nothing was changed)"
    )]
    NoRoomToMigrate {
        /// Bytes that must be free.
        needed: u64,
    },
    /// Somebody else held the database for too long.
    #[error("the database is busy; try again in a moment")]
    Busy,
    /// A file or folder could not be used.
    #[error("{what} cannot be used ({cause}); check the disk and the rights of its files")]
    Files {
        /// Which.
        what: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Anything else that SQLite says.
    #[error("the database failed: {0}")]
    Database(#[source] rusqlite::Error),
}

impl Error {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::Refused(refused) => refused.code(),
            Self::NotJoined => "not_joined",
            Self::OtherCard => "other_card",
            Self::MissingFolder { .. } => "missing_folder",
            Self::Locked { .. } => "locked",
            Self::ReadOnly => "read_only",
            Self::Damaged { .. } => "damaged",
            Self::NewerSchema { .. } => "newer_schema",
            Self::ChangedMigration { .. } => "changed_migration",
            Self::BadFile(bad) => bad.code(),
            Self::DiskFull => "disk_full",
            Self::NoRoomToMigrate { .. } => "no_room_to_migrate",
            Self::Busy => "busy",
            Self::Files { .. } => "files",
            Self::Database(_) => "database",
        }
    }

    /// Whether the same call would fail again until somebody changes something.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::BadFile(_)
            | Self::Busy
            | Self::DiskFull
            | Self::NoRoomToMigrate { .. }
            | Self::Locked { .. }
            | Self::Files { .. }
            | Self::Database(_) => false,
            Self::Fault(_)
            | Self::Refused(_)
            | Self::NotJoined
            | Self::OtherCard
            | Self::MissingFolder { .. }
            | Self::ReadOnly
            | Self::Damaged { .. }
            | Self::NewerSchema { .. }
            | Self::ChangedMigration { .. } => true,
        }
    }

    pub(crate) fn damaged(what: impl ToString) -> Self {
        Self::Damaged { what: what.to_string() }
    }

    /// What the machine said of a file.
    pub(crate) fn files(what: &Path, cause: std::io::Error) -> Self {
        if disk::is_full(&cause) { Self::DiskFull } else { Self::Files { what: what.display().to_string(), cause } }
    }
}

impl From<NotCounted> for Error {
    fn from(not: NotCounted) -> Self {
        Self::Refused(not.into())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let is = |other: ErrorCode| code == Some(other);
        if is(ErrorCode::DatabaseCorrupt) || is(ErrorCode::NotADatabase) {
            Self::damaged(error)
        } else if is(ErrorCode::ReadOnly) {
            Self::ReadOnly
        } else if is(ErrorCode::DiskFull) || has_no_room(&error) {
            Self::DiskFull
        } else if is(ErrorCode::DatabaseBusy) || is(ErrorCode::DatabaseLocked) {
            Self::Busy
        } else {
            Self::Database(error)
        }
    }
}

/// Whether the memory that connections share, which is a file too, could not be made longer.
fn has_no_room(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}
