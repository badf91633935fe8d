//! Every body and header that crosses the line, and its limits.
//!
//! Bodies are MessagePack with named fields, so that old and new versions meet, compressed with zstd;
//! the same endpoints speak JSON for people with curl. Fields are only ever added, with a default.

mod compare;
mod holds;
mod lives;
mod marks;
mod pull;
mod push;
mod report;

use outpost_schema::{
    id::{IncarnationId, NodeId},
    journal::Mark,
};
use serde::{Deserialize, Serialize};

pub use self::{
    compare::{Damage, DigestAsked, Digested, Findings, Imaged, ImagesAsked, Mended, RangeAsked, RangeTold},
    holds::{Available, Buyer, HOLD_LINES_MAX, HOLD_SECONDS_MAX, HoldExtended, HoldLine, HoldPlaced, HoldWanted},
    lives::{Born, LifeWanted},
    marks::{MARKS_PATH, Marks},
    pull::{Acked, Page, Pulled},
    push::{Hole, Push, Pushed},
    report::{Report, Reported, Stands},
};

/// The newest protocol this program speaks. It is raised with every word, and every field of what is
/// fed, that the one before does not know; see [`crate::speak`].
pub const PROTOCOL: u16 = 5;
/// The oldest protocol that this program still speaks.
pub const PROTOCOL_OLDEST: u16 = 1;

/// Where ops are pushed.
pub const PUSH_PATH: &str = "/v1/push";
/// Where the feed is pulled.
pub const PULL_PATH: &str = "/v1/pull";
/// Where a node reports what it had been granted.
pub const REPORT_PATH: &str = "/v1/report";
/// Where a device asks for another life of its journal.
pub const LIVES_PATH: &str = "/v1/lives";
/// Where ranges of fed images are compared.
pub const DIGEST_PATH: &str = "/v1/digest";
/// Where the images of a range are fetched again.
pub const IMAGES_PATH: &str = "/v1/images";
/// Where holds are placed.
pub const HOLDS_PATH: &str = "/v1/holds";

/// Names the calling node until enrolment exists: `node-id/incarnation-id`.
pub const NODE_HEADER: &str = "outpost-node";
/// The head of the caller's journal: `seq/hash`.
pub const HEAD_HEADER: &str = "outpost-head";
/// The last mark that the caller knows to be acknowledged: `seq/hash`.
pub const ACKED_HEADER: &str = "outpost-acked";
/// The protocol the caller speaks; with an answer, those that the server speaks, such as `1-2`.
pub const PROTOCOL_HEADER: &str = "outpost-protocol";

/// The content type of the binary form.
pub const MSGPACK: &str = "application/msgpack";
/// The content type of the form for people.
pub const JSON: &str = "application/json";

/// Entries in one push: a transaction of about 50 ms at the server, and past the knee of its curve.
pub const PUSH_ENTRIES_MAX: usize = 500;
/// Bytes of entry bodies in one push, so that long orders do not add up beyond [`BODY_MAX`].
pub const PUSH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Carts beside one push.
pub const PUSH_CARTS_MAX: usize = 100;
/// Rows in one page of a report: 100 bytes each, and a transaction of some 50 ms at the server.
pub const REPORT_MAX: usize = 5_000;
/// Aggregates in one page of the feed.
pub const PAGE_MAX: usize = 2_000;
/// A body as it crosses the line.
pub const BODY_MAX: usize = 8 * 1024 * 1024;
/// A body after decompression: what stops a bomb.
pub const INFLATED_MAX: usize = 32 * 1024 * 1024;
/// The longest that a pull may wait for news, in seconds: below what proxies cut.
pub const WAIT_SECONDS_MAX: u64 = 25;

/// Entries whose hashes a wish for another life names: what a device writes down in weeks.
pub const UNSETTLED_MAX: usize = 100_000;

/// Aggregates that one comparison covers at the node: as many as a page, a few hundredths of a second's
/// work at either end.
pub const DIGEST_ROWS_MAX: usize = PAGE_MAX;
/// Ranges in one comparison: every kind at once, and both halves of a few that differ.
pub const DIGEST_RANGES_MAX: usize = 32;
/// Keys that a node may leave out of one comparison; a slice with more of its own is cut shorter.
pub const DIGEST_EXCEPT_MAX: usize = 1_000;
/// Mended rows that one report names; what is left is told with the next.
pub const FINDINGS_MAX: usize = 100;

/// What every request says of the caller's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which life of it.
    pub incarnation_id: IncarnationId,
    /// Its last entry.
    pub head: Mark,
    /// The last entry that it knows to be acknowledged.
    pub acked: Mark,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The device.
    pub node_id: NodeId,
    /// The life of its journal.
    pub incarnation_id: IncarnationId,
}

/// What is wrong with a request: a stable code for programs, a sentence with the cure for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{sentence} ({code})")]
pub struct Problem {
    /// Never changes its meaning.
    pub code: String,
    /// Says what to do.
    pub sentence: String,
    /// Of a hold that was refused: how much of each of its lines could be held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub available: Vec<Available>,
}

impl Problem {
    /// A problem with this code and sentence.
    pub fn new(code: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { code: code.into(), sentence: sentence.into(), available: Vec::new() }
    }
}

impl From<outpost_schema::fault::Fault> for Problem {
    fn from(fault: outpost_schema::fault::Fault) -> Self {
        Self::new(fault.code(), fault.to_string())
    }
}
