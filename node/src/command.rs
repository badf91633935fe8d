//! The command line, one file per verb. Every verb but `join`, `serve`, `backup` and `restore` speaks to the device's own
//! API: to the process that serves it, or, if none does, to one that lives as long as the verb.

/// Prints a line. Whoever stops reading wants no more, and that is no failure.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

pub mod adjust;
pub mod backup;
pub mod card;
pub mod carry;
pub mod concerns;
pub mod count;
pub mod counting;
pub mod deliveries;
pub mod find;
pub mod goods;
pub mod hold;
mod house;
pub mod join;
pub mod orders;
pub mod restore;
pub mod round;
pub mod salvage;
pub mod scarce;
pub mod search;
pub mod sell;
pub mod serve;
pub mod status;
pub mod stock;
pub mod take_back;
mod till;
pub mod transfer;
pub mod verify;
mod wanted;

use outpost_sync::wire::Problem;

use crate::{config::BadConfig, error::Error, uplink::BadAddress};

/// Why a command did not do what it was told, and how the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong.
    pub problem: Problem,
    /// How the process ends.
    pub exit: Exit,
}

/// How a process that failed ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The shop says no, or the machine failed: 1.
    Failed,
    /// The command or the settings are wrong: 2, as for a flag that does not exist.
    Usage,
    /// The server could not be reached or would not answer: 3. Nothing is lost.
    Line,
}

impl Exit {
    /// The number that scripts see.
    pub const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Line => 3,
        }
    }
}

impl Failure {
    fn usage(code: &str, sentence: impl Into<String>) -> Self {
        Self { problem: Problem::new(code, sentence), exit: Exit::Usage }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, exit: Exit::Failed }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Problem::new(error.code(), error.to_string()).into()
    }
}

impl From<BadConfig> for Failure {
    fn from(bad: BadConfig) -> Self {
        Self::usage(bad.code(), bad.to_string())
    }
}

impl From<BadAddress> for Failure {
    fn from(bad: BadAddress) -> Self {
        Self::usage(bad.code(), bad.to_string())
    }
}
