//! What can go wrong with a till's backup: a stable code and a sentence with the cure.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::error::Error as NodeError;

/// Why there is no backup, or nothing was put back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file of that name.
    #[error("{} is there already, and a backup never writes over one; choose another name", path.display())]
    FileExists {
        /// Which.
        path: PathBuf,
    },
    /// No room.
    #[error("the disk of {} is full; free some space, or choose another disk", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// Something else than a till's backup.
    #[error("{} is no backup of a device; choose a file that `outpost-node backup` wrote", path.display())]
    NotABackup {
        /// Which file.
        path: PathBuf,
    },
    /// A backup of a newer form.
    #[error("{} was written by a newer program ({version}); install that one and restore with it", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Who wrote it.
        version: String,
    },
    /// Its end is missing.
    #[error("{} is cut short; copy it again, or take an older backup", path.display())]
    Truncated {
        /// Which file.
        path: PathBuf,
    },
    /// Its bytes are not what was written.
    #[error("{} is not what was written: its digest differs; copy it again, or take an older backup", path.display())]
    Altered {
        /// Which file.
        path: PathBuf,
    },
    /// Something is where the device should go.
    #[error("{} is not empty; give --replace to move it aside, or another --data", folder.display())]
    NotEmpty {
        /// Where.
        folder: PathBuf,
    },
    /// The database.
    #[error("{0}")]
    Node(#[source] NodeError),
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
            Self::FileExists { .. } => "file_exists",
            Self::DiskFull { .. } => "disk_full",
            Self::NotABackup { .. } => "not_a_backup",
            Self::Newer { .. } => "backup_is_newer",
            Self::Truncated { .. } => "backup_truncated",
            Self::Altered { .. } => "backup_altered",
            Self::NotEmpty { .. } => "not_empty",
            Self::Node(error) => error.code(),
            Self::File { .. } => "files",
        }
    }

    /// Wraps an error of the file system with what we were doing and to what.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| {
            let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
            if full.contains(&source.kind()) { Self::DiskFull { path } } else { Self::File { doing, path, source } }
        }
    }

    /// What the database's error is while `path` is written: a full disk is the backup's.
    pub(super) fn written(path: &Path, error: NodeError) -> Self {
        if let NodeError::DiskFull = error { Self::DiskFull { path: path.into() } } else { Self::Node(error) }
    }
}
