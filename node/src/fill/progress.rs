//! How far the filling is, for whoever looks.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// A file is fetched; counted in bytes.
    Fetching,
    /// It is unpacked; counted in bytes.
    Unpacking,
    /// The feed is read aside; counted in aggregates.
    Reading,
    /// What is aside is taken over; counted in rows.
    TakingOver,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub doing: Doing,
    /// So much is done.
    pub done: u64,
    /// Of so much; 0 if nobody knows.
    pub of: u64,
}

impl Progress {
    /// In words.
    pub fn sentence(&self) -> String {
        let Self { doing, done, of } = *self;
        let mib = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        match doing {
            Doing::Fetching => format!("Fetching the shop from head office: {} of {}", mib(done), mib(of)),
            Doing::Unpacking => format!("Unpacking the shop: {}", mib(of)),
            Doing::Reading => format!("Reading the shop from head office piece by piece: {done} so far"),
            Doing::TakingOver => format!("Taking over what head office says: {} of {of} rows", done.min(of)),
        }
    }
}

/// The present progress, shown while there is any.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Option<Progress>>);

impl Shown {
    pub(super) fn get(&self) -> Option<Progress> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, doing: Doing, done: u64, of: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Progress { doing, done, of });
    }

    /// Goes on with what is being done.
    pub(super) fn add(&self, doing: Doing, more: u64) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shown.filter(|shown| shown.doing == doing).unwrap_or(Progress { doing, done: 0, of: 0 });
        *shown = Some(Progress { done: before.done + more, ..before });
    }

    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
