//! What can go wrong at the server: a stable code for programs, a sentence with the cure for people.

use deadpool_postgres::PoolError;
use outpost_schema::{fault::Fault, money::Currency};
use outpost_sync::{round::LIFE_TAKEN, wire::Problem};
use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::{
    db::{MigrateError, said},
    output::Elsewhere,
};

/// Why the server could not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// A value that cannot be taken.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The caller is not a node of this network, or not with this journal.
    #[error(
        "no node of this network has this journal; check the address of the server, or join with a card from `outpost-server node add` in an empty folder"
    )]
    UnknownNode,
    /// An entry's hash does not cover what it says.
    #[error("the journal's entry {seq} was altered on the way or at the device; send it again, or look at the device")]
    BrokenChain {
        /// Which entry.
        seq: i64,
    },
    /// A report of what somebody else was granted.
    #[error("a device reports only what its own journal was granted; report that")]
    NotYours,
    /// A hole where the server has the entries, or passed another hole.
    #[error("the server has entry {seq} of this journal, which is said to be missing; push from where it stands")]
    NoHole {
        /// The first such entry.
        seq: i64,
    },
    /// A hole that does not lie between the server's mark and the first entry pushed.
    #[error("a hole lies between the last entry that the server has and the first that is pushed; say where those are")]
    HoleMisfit,
    /// More in one request than is taken.
    #[error("there are {count} {what} in this request; the limit is {max}: send less at once")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How many were sent.
        count: usize,
        /// How many are taken.
        max: usize,
    },
    /// A name or code that somebody else has.
    #[error("there is already a {what} called {name:?}; choose another name")]
    NameTaken {
        /// What has it.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something named that is not there.
    #[error("there is no {what} {name}; look at the list")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By what name or id.
        name: String,
    },
    /// A second home at a place that only one node may sell from.
    #[error("only {node} sells from this warehouse; give the new node another place, or no home")]
    HomeTaken {
        /// The node whose home it is.
        node: String,
    },
    /// Another currency than the one chosen when the network began.
    #[error("this network's currency is {chosen}, and amounts in two currencies never add; use that one")]
    OtherCurrency {
        /// The one chosen.
        chosen: Currency,
    },
    /// A life of a journal that was begun by somebody else, or otherwise.
    #[error("another journal has this id; ask for another life with a fresh one")]
    LifeTaken,
    /// Goods may still come, so they are not lost.
    #[error("more of {code} may still come; say that it is complete where it arrived, then write off what is missing")]
    StillOpen {
        /// The transfer.
        code: String,
    },
    /// The tables could not be brought up to date.
    #[error("{0}")]
    Migrate(#[from] MigrateError),
    /// No connection to Postgres.
    #[error("Postgres cannot be reached; start it, or check the address: {0}")]
    NoConnection(#[from] PoolError),
    /// Postgres refused a statement.
    #[error("Postgres refused a statement; look at its log: {}", said(.0))]
    Db(#[from] tokio_postgres::Error),
    /// The connection broke while a transaction was being committed.
    #[error("the connection to Postgres broke during a commit; ask again, a repeat changes nothing: {}", said(.0))]
    CommitUnknown(tokio_postgres::Error),
    /// What is told must first be safe elsewhere, and cannot be now.
    #[error(
        "what head office answers must first be safe in its {}, which is not there now; send it again later, a repeat \
         changes nothing", elsewhere.word()
    )]
    ArchiveBehind {
        /// Where.
        elsewhere: Elsewhere,
    },
    /// A backup was being restored here, and was not found to be whole.
    #[error(
        "a restore into this database was begun and never finished; restore again, with --replace, or into another \
         empty database"
    )]
    RestoreUnfinished,
    /// The standby that was asked for is none.
    #[error("--output-commit standby: {missing}; then start again")]
    NoStandby {
        /// What is missing, and the cure.
        missing: &'static str,
    },
}

impl Error {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::UnknownNode => "unknown_node",
            Self::BrokenChain { .. } => "broken_chain",
            Self::NotYours => "not_yours",
            Self::NoHole { .. } => "no_hole",
            Self::HoleMisfit => "hole_misfit",
            Self::TooMuch { .. } => "too_much",
            Self::NameTaken { .. } => "name_taken",
            Self::NotFound { .. } => "not_found",
            Self::HomeTaken { .. } => "home_taken",
            Self::OtherCurrency { .. } => "other_currency",
            Self::LifeTaken => LIFE_TAKEN,
            Self::StillOpen { .. } => "still_open",
            Self::Migrate(error) => error.code(),
            Self::NoConnection(_) => "no_connection",
            Self::Db(_) => "database_failed",
            Self::CommitUnknown(_) => "commit_unknown",
            Self::ArchiveBehind { .. } => "archive_behind",
            Self::RestoreUnfinished => "restore_unfinished",
            Self::NoStandby { .. } => "standby_missing",
        }
    }

    /// Whether asking again would bring the same answer.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Fault(_)
            | Self::UnknownNode
            | Self::BrokenChain { .. }
            | Self::NotYours
            | Self::NoHole { .. }
            | Self::HoleMisfit
            | Self::TooMuch { .. }
            | Self::NameTaken { .. }
            | Self::NotFound { .. }
            | Self::HomeTaken { .. }
            | Self::OtherCurrency { .. }
            | Self::LifeTaken
            | Self::StillOpen { .. }
            | Self::Migrate(_)
            | Self::RestoreUnfinished
            | Self::NoStandby { .. } => true,
            Self::NoConnection(_) | Self::Db(_) | Self::CommitUnknown(_) | Self::ArchiveBehind { .. } => false,
        }
    }

    /// Whether the machine failed, so that somebody at head office must look, and not the caller.
    pub fn is_our_failure(&self) -> bool {
        match self {
            Self::Migrate(_)
            | Self::NoConnection(_)
            | Self::Db(_)
            | Self::CommitUnknown(_)
            | Self::ArchiveBehind { .. }
            | Self::RestoreUnfinished
            | Self::NoStandby { .. } => true,
            Self::Fault(_)
            | Self::UnknownNode
            | Self::BrokenChain { .. }
            | Self::NotYours
            | Self::NoHole { .. }
            | Self::HoleMisfit
            | Self::TooMuch { .. }
            | Self::NameTaken { .. }
            | Self::NotFound { .. }
            | Self::HomeTaken { .. }
            | Self::OtherCurrency { .. }
            | Self::LifeTaken
            | Self::StillOpen { .. } => false,
        }
    }

    /// Whether a transaction that ended so can simply be done again: nothing of it remains.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        let lost_races = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
        self.database().is_some_and(|error| match error.code() {
            Some(state) => lost_races.contains(&state),
            None => error.is_closed(),
        })
    }

    /// Whether a row that was looked for has come or gone since: decided anew, it ends well.
    pub(crate) fn is_overtaken(&self) -> bool {
        let overtaken = [&SqlState::UNIQUE_VIOLATION, &SqlState::FOREIGN_KEY_VIOLATION];
        self.database().and_then(tokio_postgres::Error::code).is_some_and(|state| overtaken.contains(&state))
    }

    /// The constraint that a statement broke, if it did.
    pub fn constraint(&self) -> Option<&str> {
        self.database()?.as_db_error()?.constraint()
    }

    fn database(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Self::Db(error) => Some(error),
            Self::Fault(_)
            | Self::UnknownNode
            | Self::BrokenChain { .. }
            | Self::NotYours
            | Self::NoHole { .. }
            | Self::HoleMisfit
            | Self::TooMuch { .. }
            | Self::NameTaken { .. }
            | Self::NotFound { .. }
            | Self::HomeTaken { .. }
            | Self::OtherCurrency { .. }
            | Self::LifeTaken
            | Self::StillOpen { .. }
            | Self::Migrate(_)
            | Self::NoConnection(_)
            | Self::CommitUnknown(_)
            | Self::ArchiveBehind { .. }
            | Self::RestoreUnfinished
            | Self::NoStandby { .. } => None,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
