//! What a device and head office hold, compared range by range, and fetched again where they differ.

use outpost_schema::{
    clock::Timestamp,
    digest::{Ids, KeyRange, Sum},
    feed::Key,
};
use serde::{Deserialize, Serialize};

use super::Page;

/// Asks for the sums of some ranges, as they were where this cursor stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestAsked {
    /// [`outpost_schema::digest::FORM`] of the caller.
    pub form: u16,
    /// Where the caller stands in the feed, between two runs.
    pub cursor: String,
    /// At most [`super::DIGEST_RANGES_MAX`], and [`super::DIGEST_ROWS_MAX`] aggregates in all; may be none.
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
    /// Rows mended since the last report that was heard, at most [`super::FINDINGS_MAX`].
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
    /// Those of them that the caller holds, at most [`super::DIGEST_ROWS_MAX`]: of each it hears what it is, or
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
