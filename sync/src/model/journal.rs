//! One life of a device's journal, as far as the server has it.

use std::collections::BTreeMap;

use outpost_schema::{
    device::IncarnationState,
    id::IncarnationId,
    journal::{Entry, Hash, Mark},
    settle::Author,
    sizing::Outlook,
    stock::{Allotment, StockKey},
    verdict::Verdict,
};

#[derive(Clone, Debug)]
pub(super) struct Journal {
    pub(super) author: Author,
    pub(super) state: IncarnationState,
    /// Counts the lives of the device.
    pub(super) number: usize,
    /// The life after which it began.
    pub(super) after: Option<IncarnationId>,
    /// Of its receipts, if it is not the first life.
    pub(super) prefix: String,
    /// Its ops from the first on.
    pub(super) ops: Vec<(Hash, Verdict)>,
    /// Those that are set aside, whole: they are decided again.
    pub(super) set_aside: BTreeMap<i64, Entry>,
    /// Entries of this life that a later one carried, each with the op that carried it.
    pub(super) carried: BTreeMap<Mark, (IncarnationId, i64)>,
    /// Entries that contradict it, or that came when it was frozen.
    pub(super) evidence: BTreeMap<Mark, Entry>,
    pub(super) allotments: BTreeMap<StockKey, Allotment>,
    /// What they are sized by.
    pub(super) outlooks: BTreeMap<StockKey, Outlook>,
    pub(super) report_owed: bool,
    /// Its head, once its report is whole.
    pub(super) report_head: Option<i64>,
    pub(super) is_given_up: bool,
    /// Of what is told up to this place of the feed, everything that its device did without knowing it is in the book.
    pub(super) told_upto: usize,
    /// Whether the last that its device told of it is that it is over.
    pub(super) is_closed: bool,
    /// How far the oldest backup has it.
    pub(super) archived: i64,
}

impl Journal {
    /// The first life of a device.
    pub(super) fn first(author: Author) -> Self {
        Self::of(author, 1, None, String::new())
    }

    pub(super) fn of(author: Author, number: usize, after: Option<IncarnationId>, prefix: String) -> Self {
        let (ops, set_aside, carried, evidence, allotments, outlooks) = Default::default();
        let (report_owed, report_head, is_given_up, told_upto, is_closed, archived) = Default::default();
        let state = IncarnationState::Active;
        Self {
            author,
            state,
            number,
            after,
            prefix,
            ops,
            set_aside,
            carried,
            evidence,
            allotments,
            outlooks,
            report_owed,
            report_head,
            is_given_up,
            told_upto,
            is_closed,
            archived,
        }
    }

    /// How far the server has it.
    pub(super) fn acked(&self) -> Mark {
        let seq = i64::try_from(self.ops.len()).unwrap_or(i64::MAX);
        self.ops.last().map_or(Mark::START, |(hash, _)| Mark { seq, hash: *hash })
    }

    /// The op at a place.
    pub(super) fn op(&self, seq: i64) -> Option<&(Hash, Verdict)> {
        usize::try_from(seq - 1).ok().and_then(|place| self.ops.get(place))
    }

    /// Whether an entry is decided, told by this life or carried by a later one. One that is set aside waits, and
    /// whoever tells it next waits with it.
    pub(super) fn has_decided(&self, mark: Mark) -> bool {
        let is_decided = |(hash, verdict): &(Hash, Verdict)| *hash == mark.hash && !verdict.is_set_aside();
        self.op(mark.seq).is_some_and(is_decided) || self.carried.contains_key(&mark)
    }

    pub(super) fn open_units(&self) -> i64 {
        self.allotments.values().map(|allotment| allotment.open()).sum()
    }

    /// Whether stock may be granted to it without an ask.
    pub(super) fn takes_grants(&self) -> bool {
        self.state == IncarnationState::Active && !self.report_owed && !self.is_given_up
    }

    /// Whether head office suspended its device.
    pub(super) fn is_suspended(&self) -> bool {
        self.state == IncarnationState::Suspended
    }

    /// Whether it sells nothing, and what it asks for is refused.
    pub(super) fn is_told_off(&self) -> bool {
        self.is_suspended() || self.state == IncarnationState::Retired
    }

    /// Nothing more is granted to this life. One that forked stays frozen.
    pub(super) fn supersede(&mut self) {
        self.author.is_superseded = true;
        if self.state == IncarnationState::Active || self.is_suspended() {
            self.state = IncarnationState::Superseded;
        }
    }
}
