//! A field of a cart that is replaced as a whole: the last writer wins, by (stamp, actor).

use serde::{Deserialize, Serialize};

use crate::{
    clock::{Hlc, Timestamp},
    id::IncarnationId,
};

/// A value and who wrote it when. The order of the fields is the order of winning; the value comes
/// last, so that replicas agree even on a device that stamps two writes alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Register<T> {
    at: Hlc,
    by: IncarnationId,
    value: T,
}

impl<T: Ord + Clone> Register<T> {
    pub(super) const fn new(value: T, by: IncarnationId, at: Hlc) -> Self {
        Self { at, by, value }
    }

    pub(super) const fn value(&self) -> &T {
        &self.value
    }

    pub(super) const fn by(&self) -> IncarnationId {
        self.by
    }

    /// Writes a value over the one seen: its stamp is later than that one's, whatever the clock says.
    pub(super) fn write(&mut self, value: T, by: IncarnationId, at: Hlc) {
        let at = if at > self.at { at } else { self.at.tick(at.at) };
        *self = Self { at, by, value };
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other > self {
            self.clone_from(other);
        }
    }

    pub(super) fn cap(&mut self, wall: Timestamp) -> bool {
        let (at, was_capped) = self.at.capped(wall);
        self.at = at;
        was_capped
    }
}
