//! What is truly known of which ops a count had seen: those whose places its cut names, whatever clocks say.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{count::Upto, id::IncarnationId, stock::StockKey};

use super::Network;
use crate::{
    depth::Depth,
    ledger::Happened,
    step::{Act, Name},
};

/// The cuts of a day's counts.
#[derive(Debug)]
pub struct Cuts {
    /// Whether every till had heard of the shop before the day began.
    knows_the_shop: bool,
    /// Whether head office's clock was set.
    pub office_clock_was_set: bool,
    /// By the op that counted.
    seen: BTreeMap<usize, Seen>,
}

impl Cuts {
    /// Of a day that begins so.
    pub const fn of(knows_the_shop: bool) -> Self {
        Self { knows_the_shop, office_clock_was_set: false, seen: BTreeMap::new() }
    }
}

/// What a count's cut says of places in journals.
#[derive(Debug)]
struct Seen {
    key: StockKey,
    /// Who counted: of its own journal it knows everything.
    life: IncarnationId,
    /// Journals that were read meanwhile: what is beyond was after, and the rest before.
    read: BTreeSet<IncarnationId>,
    /// How far journals were right after: what is beyond was after.
    done: BTreeMap<IncarnationId, i64>,
}

impl Seen {
    /// Whether it says on which side an op is.
    fn knows(&self, name: Name) -> bool {
        let is_beyond = |done: &i64| name.mark.seq > *done;
        name.life == self.life || self.read.contains(&name.life) || self.done.get(&name.life).is_some_and(is_beyond)
    }
}

impl<D: Depth> Network<D> {
    /// Somebody counted, by this op. Of bins that were looked into one after the other no journal was read at once.
    pub(super) fn cut(&mut self, number: usize, op: usize, act: &Act) {
        let Act::Count { product, marks, done, bins, .. } = act else { return };
        let (key, life) = (self.key(number, *product), self.ledger.ops[op].name.life);
        let of = |marks: &[Upto]| -> BTreeMap<IncarnationId, i64> {
            let at_once = marks.iter().filter(|_| bins.is_none());
            at_once.map(|upto| (upto.incarnation_id, upto.seq)).collect()
        };
        let (read, done) = (of(marks).into_keys().collect(), of(done));
        self.cuts.seen.insert(op, Seen { key, life, read, done });
    }

    fn counts_of(&self, key: StockKey) -> impl Iterator<Item = (&usize, &Seen)> {
        self.cuts.seen.iter().filter(move |(_, seen)| seen.key == key)
    }

    /// Whether only a clock says on which side of some count of the row an op is.
    pub(super) fn is_judged_by_time(&self, key: StockKey, op: &Happened) -> bool {
        self.counts_of(key).any(|(_, seen)| !seen.knows(op.name))
    }

    /// Whether only a clock may say what was there, for more than ops that can be named: which of two counts is the last
    /// one, and when head office itself took something.
    pub(super) fn is_cut_by_time(&self, key: StockKey) -> bool {
        let counts = || self.counts_of(key);
        let is_unordered = |(_, seen): (&usize, &Seen)| counts().any(|(op, _)| !seen.knows(self.ledger.ops[*op].name));
        !self.ledger.taken_from.is_empty() || counts().any(is_unordered)
    }

    /// Whether only a clock says that what the row began with was seen.
    pub(super) const fn is_opening_unheard(&self) -> bool {
        self.cuts.office_clock_was_set || !self.cuts.knows_the_shop
    }
}
