//! Why no page is served.

use thiserror::Error;

use super::cursor::BadCursor;
use crate::error::Error;

/// Why no page is served.
#[derive(Debug, Error)]
pub enum Unserved {
    /// The cursor is none of ours.
    #[error("{0}")]
    BadCursor(#[from] BadCursor),
    /// The cursor names a moment that this database has not reached, and its device has said so before.
    #[error(
        "this cursor is ahead of the server's database, and this device was believed once already; push what waits, or tell head office"
    )]
    CursorAhead,
    /// Since then, notes of what is gone have been dropped.
    #[error("this device was away too long for the changes to be told one by one; push what waits, then fill it anew")]
    TooLongAway,
    /// The cursor was told for other places than those that the caller hears of now.
    #[error("this cursor belongs to a device that hears of other places; push what waits, then fill it anew")]
    OtherPlaces,
    /// Every place in which a pull may wait is taken.
    #[error("too many devices wait for news at this server; ask again later")]
    TooManyWaiting,
    /// The line for long catch-ups is full.
    #[error("many devices are catching up with this server at once; ask again in a moment, what waits can be pushed")]
    BusyCatchingUp,
    /// No connection, a failed statement, an unknown caller.
    #[error(transparent)]
    Server(#[from] Error),
}

impl Unserved {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadCursor(_) => "bad_cursor",
            Self::CursorAhead => "cursor_ahead",
            Self::TooLongAway => "too_long_away",
            Self::OtherPlaces => "other_places",
            Self::TooManyWaiting => "too_many_waiting",
            Self::BusyCatchingUp => "busy_catching_up",
            Self::Server(error) => error.code(),
        }
    }
}
