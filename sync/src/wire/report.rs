//! What a device tells a server that may have forgotten it: where it stands, and what it was granted.

use outpost_schema::{
    feed::Granted,
    id::{EpochId, WarehouseId},
    journal::Mark,
};
use serde::{Deserialize, Serialize};

/// What the server had granted to a journal, by the node's own book: told, in pages, once in each life
/// of the server's database, because that may have forgotten it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The life to which it is told.
    pub epoch: EpochId,
    /// Totals, at most [`super::REPORT_MAX`].
    pub granted: Vec<Granted>,
    /// Whether nothing follows.
    pub last: bool,
    /// Where the device stands; none from one that does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Stands>,
}

/// Where a device stands by its card, which only the server gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    /// At this place.
    pub warehouse_id: WarehouseId,
    /// Whether nobody else sells from there.
    pub is_home: bool,
    /// Places at which it stood before: what it did there may still be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<WarehouseId>,
}

/// The answer to a page of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// The larger totals are kept.
    Taken {
        /// How far the server has the journal in this life.
        acked: Mark,
    },
    /// The server has more of this journal than the caller: it was set back, and its totals are no
    /// evidence. Nothing was taken.
    Elsewhere {
        /// How far the server has the journal.
        acked: Mark,
    },
    /// It is another life by now; nothing was taken.
    OtherEpoch {
        /// The present one.
        epoch: EpochId,
    },
}
