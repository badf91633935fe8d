//! Every body and header that crosses the line, and its limits.
//!
//! Bodies are MessagePack with named fields, so that old and new versions meet, compressed with zstd;
//! the same endpoints speak JSON for people with curl. Fields are only ever added, with a default.

mod holds;
mod marks;

use outpost_schema::{
    cart::Cart,
    clock::Timestamp,
    count::Upto,
    device::LifeReason,
    digest::{Ids, KeyRange, Sum},
    feed::{Aggregate, Granted, Key},
    id::{CartId, EpochId, IncarnationId, NodeId, WarehouseId},
    journal::{Entry, Hash, Mark},
    verdict::Verdict,
};
use serde::{Deserialize, Serialize};

pub use self::{
    holds::{Available, Buyer, HOLD_LINES_MAX, HOLD_SECONDS_MAX, HoldExtended, HoldLine, HoldPlaced, HoldWanted},
    marks::{MARKS_PATH, Marks},
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

/// A run of entries right after the acknowledged mark, and carts beside them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// Contiguous entries.
    pub entries: Vec<Entry>,
    /// Carts changed since they were last pushed.
    #[serde(default)]
    pub carts: Vec<Cart>,
    /// In which life of the server's database the caller's mark was acknowledged; none if it does not
    /// know yet, as after a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<EpochId>,
    /// What lies between the server's mark and the first of these entries, if the node no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hole: Option<Hole>,
    /// What the caller's clock showed when it sent this, so that the server knows when what it tells happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Timestamp>,
}

impl Push {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.carts.is_empty()
    }

    /// Whether it tells the same as the other one, whenever either was sent.
    pub fn tells_the_same_as(&self, other: &Self) -> bool {
        let Self { entries, carts, epoch, hole, clock: _ } = self;
        (entries, carts, epoch, hole) == (&other.entries, &other.carts, &other.epoch, &other.hole)
    }
}

/// Entries that a node has no longer: it forgot them when the server's backups held them, and the server
/// was restored from an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// The last entry before it: where the server stands.
    pub after: Mark,
    /// The first entry behind it: the first that is pushed.
    pub before: Mark,
}

/// The answer to a push.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pushed {
    /// Everything up to `acked` is in the server's journal.
    Settled {
        /// How far the server has the journal now.
        acked: Mark,
        /// One answer for each entry of the push that the server has, repeats included.
        verdicts: Vec<(i64, Verdict)>,
        /// Carts that were merged; others are kept aside until what they claim arrives.
        #[serde(default)]
        carts: Vec<CartId>,
    },
    /// The server stands elsewhere than the push assumed: further, or not as far. Look that mark up
    /// in the journal and go on from there.
    Elsewhere {
        /// How far the server has the journal.
        acked: Mark,
    },
    /// The journal went on in two ways. The entries are kept as evidence; the node goes on
    /// recording, unsent.
    Frozen,
    /// The caller's mark is of another life of the server's database; nothing was taken. Told only to
    /// who names the life it knows.
    OtherEpoch {
        /// The present one.
        epoch: EpochId,
    },
}

/// What the server had granted to a journal, by the node's own book: told, in pages, once in each life
/// of the server's database, because that may have forgotten it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The life to which it is told.
    pub epoch: EpochId,
    /// Totals, at most [`REPORT_MAX`].
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

/// A wish for another life of the caller's journal, which cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeWanted {
    /// The new life, made by the caller, so that a repeat is recognised.
    pub incarnation_id: IncarnationId,
    /// Why the old one ends.
    pub reason: LifeReason,
    /// The hashes of the old life's entries after the last that the caller knows to be acknowledged, in
    /// order, at most [`UNSETTLED_MAX`].
    pub unsettled: Vec<Hash>,
    /// Where the device stands, as in a [`Report`], which an ended life does not make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Stands>,
}

/// A new life, which inherits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    /// Which.
    pub incarnation_id: IncarnationId,
    /// Of its receipt numbers, which no other life uses.
    pub prefix: String,
    /// How many of the unsettled entries the server has, word for word. The others are carried over.
    pub known: usize,
}

/// Asks for the sums of some ranges, as they were where this cursor stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestAsked {
    /// [`outpost_schema::digest::FORM`] of the caller.
    pub form: u16,
    /// Where the caller stands in the feed, between two runs.
    pub cursor: String,
    /// At most [`DIGEST_RANGES_MAX`], and [`DIGEST_ROWS_MAX`] aggregates in all; may be none.
    pub ranges: Vec<RangeAsked>,
    /// What the caller found so far.
    #[serde(default)]
    pub report: Option<Findings>,
}

/// A range, and the keys in it that are left out: what is the caller's own there and is not fed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeAsked {
    /// Which keys.
    pub range: KeyRange,
    /// But not these.
    #[serde(default)]
    pub except: Vec<Ids>,
}

/// The answer to [`DigestAsked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digested {
    /// One answer for each range, in their order, all of one moment.
    Ranges(Vec<RangeTold>),
    /// The two do not stand at one place: pull first, which says what is wrong if anything is.
    PullFirst,
    /// The server writes aggregates in another form, so nothing can be compared until one of the two is
    /// brought up to date.
    OtherForm {
        /// Its form.
        form: u16,
    },
}

/// What the server holds in one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeTold {
    /// This.
    Sum(Sum),
    /// Something there has changed since the caller's cursor; it will hear.
    Moved,
    /// More than a node can hold that asks for so little.
    TooMany,
}

/// What a node found when it compared itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// When its last walk over everything came to its end.
    pub walked_at: Option<Timestamp>,
    /// Aggregates compared in that walk.
    pub walked_rows: i64,
    /// Those of them that differed although each is as the server has it.
    pub unexplained: i64,
    /// Rows ever mended.
    pub mended: i64,
    /// Rows mended since the last report that was heard, at most [`FINDINGS_MAX`].
    pub fresh: Vec<Mended>,
}

/// A row of a node that was not what it had been fed, and is again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// Which aggregate.
    pub key: Key,
    /// What was wrong with it.
    pub damage: Damage,
}

/// What was wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It was not there.
    Missing,
    /// It was there, and nowhere else.
    Ghost,
    /// It could not be read.
    Unreadable,
    /// These fields said something else.
    Altered {
        /// Their names.
        fields: Vec<String>,
    },
}

/// Asks for the images of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesAsked {
    /// Where the caller stands in the feed, between two runs.
    pub cursor: String,
    /// Which keys.
    pub range: KeyRange,
    /// Those of them that the caller holds, at most [`DIGEST_ROWS_MAX`]: of each it hears what it is, or
    /// that it is gone.
    pub keys: Vec<Ids>,
}

/// The answer to [`ImagesAsked`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imaged {
    /// What is there now. It is a page that leads nowhere: the cursor in it is the caller's own.
    Images {
        /// The aggregates, by key.
        page: Box<Page>,
        /// The last key that it covers; none if that is the whole range.
        upto: Option<Ids>,
    },
    /// See [`Digested::PullFirst`].
    PullFirst,
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
