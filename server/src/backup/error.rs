//! What can go wrong with backups: a stable code and a sentence with the cure.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{cluster::ClusterError, db::said, error};

/// Why there is no new backup, or nothing was restored.
#[derive(Debug, Error)]
pub enum BackupError {
    /// No room for the new backup.
    #[error(
        "the disk of {} is full; the backups that were there are untouched: free some space, or give --to another disk",
        folder.display()
    )]
    DiskFull {
        /// Where it should go.
        folder: PathBuf,
    },
    /// Somebody else is at it.
    #[error("another backup into {} is running; wait for it to end", folder.display())]
    Busy {
        /// Where.
        folder: PathBuf,
    },
    /// `pg_dump` or `pg_restore` said no.
    #[error("{program} failed, and nothing was changed; mend what it names and do this again: {output}")]
    Program {
        /// Which program.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// Something else than a backup of a server.
    #[error(
        "{} is no backup of a head office ({why}); name a folder whose name ends in .backup, made by `outpost-server backup`",
        path.display()
    )]
    NotABackup {
        /// What was named.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Its end is missing.
    #[error(
        "{} is cut short: {has} bytes are there and {wanted} were written; copy it again, or take an older backup",
        path.display()
    )]
    Truncated {
        /// The dump.
        path: PathBuf,
        /// Its length.
        has: u64,
        /// The length that it had.
        wanted: u64,
    },
    /// Its bytes are not what was written.
    #[error("{} is not what was written: its digest differs; copy it again, or take an older backup", path.display())]
    Altered {
        /// The dump.
        path: PathBuf,
    },
    /// It was taken by a newer program.
    #[error(
        "{} was taken by outpost-server {version}, whose tables ({migration}) this program does not know; \
         install that version and restore with it", path.display()
    )]
    Newer {
        /// The backup.
        path: PathBuf,
        /// Who took it.
        version: String,
        /// The first migration that is not known.
        migration: String,
    },
    /// There is something where the backup should go.
    #[error("{place} is not empty, and a restore never writes over anything; {cure}")]
    NotEmpty {
        /// Where.
        place: String,
        /// What to do.
        cure: &'static str,
    },
    /// What was restored is not what the manifest says.
    #[error(
        "what was restored is not what the backup's manifest says ({what}); one of the two was altered: \
         take an older backup, into another empty place"
    )]
    Differs {
        /// What differs.
        what: String,
    },
    /// A flag that does not go with the others.
    #[error("{0}")]
    Usage(&'static str),
    /// The private cluster.
    #[error("{0}")]
    Cluster(#[from] ClusterError),
    /// The server.
    #[error("{0}")]
    Server(#[from] error::Error),
    /// Postgres refused.
    #[error("Postgres refused a statement; look at its log: {}", said(.0))]
    Db(#[from] tokio_postgres::Error),
    /// A file or folder.
    #[error("cannot {doing} {}; check its disk and who may use it: {source}", path.display())]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

impl BackupError {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DiskFull { .. } => "disk_full",
            Self::Busy { .. } => "backup_running",
            Self::Program { .. } => "postgres_program_failed",
            Self::NotABackup { .. } => "not_a_backup",
            Self::Truncated { .. } => "backup_truncated",
            Self::Altered { .. } => "backup_altered",
            Self::Newer { .. } => "backup_is_newer",
            Self::NotEmpty { .. } => "not_empty",
            Self::Differs { .. } => "backup_differs",
            Self::Usage(_) => "wrong_flags",
            Self::Cluster(error) => error.code(),
            Self::Server(error) => error.code(),
            Self::Db(_) => "database_failed",
            Self::File { .. } => "file_failed",
        }
    }

    /// Wraps an error of the file system with what we were doing and to what.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// The same while something is written into `folder`, where a full disk has its own word.
    pub(super) fn written(folder: &Path, path: &Path, source: io::Error) -> Self {
        let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
        if full.contains(&source.kind()) {
            Self::DiskFull { folder: folder.into() }
        } else {
            Self::File { doing: "write", path: path.into(), source }
        }
    }
}
