//! What a device hears: pages of the feed.

use outpost_schema::{
    clock::Timestamp,
    count::Upto,
    feed::Aggregate,
    id::{EpochId, IncarnationId},
    journal::Mark,
};
use serde::{Deserialize, Serialize};

/// A page of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Which life of the server's database this is.
    pub epoch: EpochId,
    /// Where to go on; kept with the page, in one transaction.
    pub cursor: String,
    /// Whether the node, once it has applied this page, equals the server at one moment.
    pub level: bool,
    /// The snapshot this run leads to, which an op decided after it names as seen.
    pub seen: String,
    /// The aggregates, newest version of each.
    pub aggregates: Vec<Aggregate>,
    /// How far the server had this node's journals when it made the page.
    pub acked: Vec<Acked>,
    /// How far the server had the journals of the other devices of this node's place, on a page that is level: what
    /// they had done up to there was done before whatever the node does now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Upto>,
    /// The server's clock.
    pub server_time: Timestamp,
    /// The protocol in whose words this is told: what it has none for is left out. Version 1 named none.
    #[serde(default = "first_protocol", skip_serializing_if = "is_first_protocol")]
    pub protocol: u16,
    /// Whether head office is still hearing from its devices, and so grants nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovering: bool,
}

const fn first_protocol() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_first_protocol(protocol: &u16) -> bool {
    *protocol == first_protocol()
}

/// How far the server had one journal of the node when it made a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// Which journal.
    pub incarnation_id: IncarnationId,
    /// How far.
    pub mark: Mark,
    /// Ops up to there that are in no image, because they are set aside.
    pub set_aside: Vec<i64>,
    /// Every backup that is kept holds the journal up to here: the node may forget it. 0: nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub archived: i64,
    /// Whether the device has begun another life since: one that still lives this one, because there were two
    /// of a disk or an old one came back, is granted nothing more and begins a life of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The answer to a pull.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pulled {
    /// News, or at least the word that there is none.
    Page(Box<Page>),
    /// The server has more of this journal than the caller knows; nothing else is told before the
    /// two agree.
    Elsewhere {
        /// How far the server has the journal.
        acked: Mark,
    },
    /// The cursor belongs to another life of the server's database: start the feed anew.
    OtherEpoch {
        /// The present one.
        epoch: EpochId,
    },
    /// Notes of what is gone were dropped since: push what waits, then start the feed anew.
    TooLongAway,
}
