//! What can go wrong with the private cluster: a stable code and a sentence with the cure.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::db::said;

/// Why there is no running cluster. Its sentence is fit for the person who started the server.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// No Postgres, or only ones that are too old.
    #[error(
        "there is no PostgreSQL {min} or newer on this machine; install it with `{install}`, \
         or give --database postgres://… to use one that runs elsewhere"
    )]
    NoBinaries {
        /// The oldest version that will do.
        min: u32,
        /// The command that installs it here.
        install: String,
    },
    /// The server is there, and one of the programs that speak to it is not.
    #[error("{program} is not at {}; install it with `{install}`", path.display())]
    NoProgram {
        /// Which program.
        program: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// The command that installs it here.
        install: String,
    },
    /// What needs the cluster at rest found it running.
    #[error("the PostgreSQL of {} is running; stop `outpost-server serve` first, then do this again", data.display())]
    Running {
        /// The data folder.
        data: PathBuf,
    },
    /// The folder named as archive holds something else, or another cluster's archive.
    #[error(
        "{} is not this server's archive; name the folder that `outpost-server serve --archive` was given, or a new one",
        archive.display()
    )]
    ForeignArchive {
        /// The folder.
        archive: PathBuf,
    },
    /// Another server keeps the archive up.
    #[error("another server keeps the archive in {} up; start this one without --archive", archive.display())]
    ArchiveBusy {
        /// The folder.
        archive: PathBuf,
    },
    /// Not everything in the archive can be read.
    #[error(
        "the archive in {} is damaged: {what}; if you have a copy of it, restore that, otherwise restore the newest backup \
         with `outpost-server restore --from`", archive.display()
    )]
    ArchiveDamaged {
        /// The folder.
        archive: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The archive's receiver does not come up.
    #[error(
        "the archive in {} cannot be kept up, so nothing could be answered; mend what its receiver names and start again, \
         or start without --archive: {said}", archive.display()
    )]
    ArchiveBehind {
        /// The folder.
        archive: PathBuf,
        /// What the receiver said last.
        said: String,
    },
    /// The data was written by a Postgres that is no longer installed.
    #[error(
        "the data in {} was written by PostgreSQL {major}, which is not on this machine; \
         install it with `{install}`, or give another --data", data.display()
    )]
    OtherVersion {
        /// The data folder.
        data: PathBuf,
        /// The version that wrote it.
        major: u32,
        /// The command that installs that version here.
        install: String,
    },
    /// We are root, Postgres refuses to be, and there is nobody to run it as.
    #[error(
        "PostgreSQL must not run as root and this machine has neither a user postgres nor nobody; run `useradd --system postgres`"
    )]
    NoAccount,
    /// We run under a number without a name, and Postgres looks its name up.
    #[error(
        "PostgreSQL needs the user that runs it to have a name, and user id {uid} has none; \
         run `useradd --uid {uid} outpost` as root, or start as another user"
    )]
    NamelessUser {
        /// Whose name is missing.
        uid: u32,
    },
    /// The account that runs Postgres cannot enter a folder on the way to the data.
    #[error(
        "{} lies below {}, which the user {account} that runs PostgreSQL cannot enter; \
         give --data /var/lib/outpost, or run `chmod o+x '{}'`", path.display(), blocked_at.display(), blocked_at.display()
    )]
    Unreachable {
        /// Where the data should be.
        path: PathBuf,
        /// The first folder that cannot be entered.
        blocked_at: PathBuf,
        /// Who cannot enter it.
        account: String,
    },
    /// A folder that must be private belongs to somebody else.
    #[error("{} must be a folder that belongs to the user {account} alone and does not; remove it and start again", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Whose it must be.
        account: String,
    },
    /// Another process has been starting the same cluster for longer than a start may take.
    #[error("another process is still starting the cluster in {}; wait for it to finish, or end it, and start again", path.display())]
    Busy {
        /// The data folder.
        path: PathBuf,
    },
    /// `initdb` or `pg_ctl` said no.
    #[error("{program} failed ({output}); mend what it names and start again")]
    Program {
        /// Which program.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// Postgres ended while it was starting.
    #[error("PostgreSQL ended while starting; mend what its log says and start again. The end of {}:\n{tail}", log.display())]
    Ended {
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// Postgres is there and takes no connections.
    #[error(
        "PostgreSQL took no connection within {seconds} s; if its log says that it recovers, start again later; \
         if it says that a lock file exists though no PostgreSQL runs on this data, remove {}. The end of {}:\n{tail}",
        lock.display(), log.display()
    )]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// Postgres's own lock file.
        lock: PathBuf,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// It runs, and what we asked of it failed.
    #[error("PostgreSQL runs and cannot make the database; its answer names the cause: {}", said(.0))]
    Database(#[from] tokio_postgres::Error),
    /// A file or folder that could not be made, read or changed.
    #[error("cannot {doing} {}; check its owner and the space on its disk: {source}", path.display())]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

impl ClusterError {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoBinaries { .. } => "postgres_missing",
            Self::NoProgram { .. } => "postgres_program_missing",
            Self::Running { .. } => "server_running",
            Self::ForeignArchive { .. } => "foreign_archive",
            Self::ArchiveBusy { .. } => "archive_busy",
            Self::ArchiveDamaged { .. } => "archive_damaged",
            Self::ArchiveBehind { .. } => "archive_behind",
            Self::OtherVersion { .. } => "postgres_other_version",
            Self::NoAccount => "postgres_no_account",
            Self::NamelessUser { .. } => "postgres_nameless_user",
            Self::Unreachable { .. } => "data_unreachable",
            Self::NotOurs { .. } => "folder_not_ours",
            Self::Busy { .. } => "cluster_busy",
            Self::Program { .. } => "postgres_program_failed",
            Self::Ended { .. } => "postgres_ended",
            Self::NotReady { .. } => "postgres_not_ready",
            Self::Database(_) => "postgres_refused",
            Self::File { .. } => "file_failed",
        }
    }

    /// Wraps an error of the file system with what we were doing and to what.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
