//! What a device tells: entries of its journal, and carts.

use outpost_schema::{
    cart::Cart,
    clock::Timestamp,
    id::{CartId, EpochId},
    journal::{Entry, Mark},
    verdict::Verdict,
};
use serde::{Deserialize, Serialize};

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
