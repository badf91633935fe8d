//! Takes a catalogue, or the stock that is there on opening day, from a CSV file.
//!
//! A file is read a piece at a time and its good rows go in; each bad row is told with its line and its
//! reason. All of it is one transaction: an import that is killed leaves nothing, and a dry run is
//! the same transaction, rolled back. A row is known by its sku, or by its barcode if it has none, so
//! an import may be repeated: rows that say nothing new touch nothing, and the feed stays quiet.

mod decide;
mod products;
mod read;
mod report;
mod row;
mod stock;

pub use products::products;
pub use read::{Source, SourceError};
pub use report::{Options, Progress, REASONS_SHOWN, Reason, Reject, Report};
pub use stock::stock;

pub(crate) use decide::Categories;
pub(crate) use row::levels;

use crate::error::Error;

/// Why an import did not happen. Nothing of the file went in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The server.
    #[error("{0}")]
    Server(#[from] Error),
}

impl ImportError {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Source(error) => error.code(),
            Self::Server(error) => error.code(),
        }
    }
}

/// Rows that are decided together: one query finds all they touch, and they fit a few megabytes.
const CHUNK_ROWS: usize = 5_000;

/// Chunks that may wait while the database works: reading stays ahead by this much and no more.
const CHUNKS_AHEAD: usize = 2;

#[cfg(test)]
mod tests;
