//! Why there is no hold.

use std::sync::Arc;

use outpost_sync::{
    hold::Unfit,
    wire::{Available, HOLD_LINES_MAX, HOLD_SECONDS_MAX, Problem},
};
use thiserror::Error;

use crate::error::Error;

/// Why there is no such hold.
#[derive(Clone, Debug, Error)]
pub enum Unheld {
    /// Too few are left.
    #[error("{}", few(available))]
    NothingLeft {
        /// How many are, line by line.
        available: Vec<Available>,
    },
    /// Another hold has this id.
    #[error("this id is another hold's; make a new id for each hold")]
    IdTaken,
    /// It is over.
    #[error(
        "this hold was released, has expired, became allotment or an order, or was withdrawn because the goods are no \
         longer there; place a new one with a new id"
    )]
    Closed,
    /// There never was one.
    #[error("there is no hold with this id; look with `outpost-server holds list`, or place a new one")]
    UnknownHold,
    /// Nothing to hold.
    #[error("there is no such product at this warehouse; look at the catalogue")]
    UnknownStock,
    /// The caller is no node with such a journal.
    #[error(
        "no node of this network has this journal; check the address of the server, or join with a card from `outpost-server node add` in an empty folder"
    )]
    UnknownNode,
    /// A line of it lies where the caller does not sell.
    #[error(
        "some of this hold lies at a place where this device does not sell; release it, and place one for each place"
    )]
    Elsewhere,
    /// The caller's journal takes no grants.
    #[error("this device's journal is frozen and takes no allotment until head office has looked at it")]
    Frozen,
    /// Head office suspended the caller's device.
    #[error("head office has suspended this device, so nothing is held for it; ask head office why")]
    Suspended,
    /// The database may have forgotten what it promised, and has not heard it yet.
    #[error(
        "head office was restored and is hearing from its devices, so nothing can be held; it waits for {waits_for}: \
         let them reach it, or give them up with `outpost-server node give-up`"
    )]
    Recovering {
        /// The names of the devices that have not reported.
        waits_for: String,
    },
    /// A time that is none.
    #[error("a hold lasts from 1 to {HOLD_SECONDS_MAX} seconds from now")]
    BadSeconds,
    /// Lines that are none.
    #[error(
        "a hold has from 1 to {HOLD_LINES_MAX} lines, and each product of a warehouse once; add them up, or place several holds"
    )]
    BadLines,
    /// The lane is full.
    #[error("too many callers want holds at once; ask again in a moment")]
    TooManyWaiting,
    /// The machine failed.
    #[error("{0}")]
    Failed(Arc<Error>),
}

impl Unheld {
    /// The stable code that programs match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingLeft { .. } => "nothing_left",
            Self::IdTaken => "hold_id_taken",
            Self::Closed => "hold_closed",
            Self::UnknownHold => "unknown_hold",
            Self::UnknownStock => "unknown_stock",
            Self::UnknownNode => "unknown_node",
            Self::Elsewhere => "hold_elsewhere",
            Self::Frozen => "frozen",
            Self::Suspended => "suspended",
            Self::Recovering { .. } => "recovering",
            Self::BadSeconds => "bad_seconds",
            Self::BadLines => "bad_lines",
            Self::TooManyWaiting => "too_many_waiting",
            Self::Failed(error) => error.code(),
        }
    }
}

impl From<Error> for Unheld {
    fn from(error: Error) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl From<Unfit> for Unheld {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Seconds => Self::BadSeconds,
            Unfit::Lines => Self::BadLines,
        }
    }
}

impl From<Unheld> for Problem {
    fn from(unheld: Unheld) -> Self {
        let problem = Self::new(unheld.code(), unheld.to_string());
        match unheld {
            Unheld::NothingLeft { available } => Self { available, ..problem },
            Unheld::IdTaken
            | Unheld::Closed
            | Unheld::UnknownHold
            | Unheld::UnknownStock
            | Unheld::UnknownNode
            | Unheld::Elsewhere
            | Unheld::Frozen
            | Unheld::Suspended
            | Unheld::Recovering { .. }
            | Unheld::BadSeconds
            | Unheld::BadLines
            | Unheld::TooManyWaiting
            | Unheld::Failed(_) => problem,
        }
    }
}

fn few(lines: &[Available]) -> String {
    match lines {
        [only] => format!("{} are available; hold no more than that, or ask again after a delivery", only.available),
        lines => {
            let short = lines.iter().filter(|line| line.available < line.wanted).count();
            format!(
                "{short} of the {} lines want more than there is, so none is held; hold no more than is available \
                 of each, or ask again after a delivery",
                lines.len()
            )
        }
    }
}
