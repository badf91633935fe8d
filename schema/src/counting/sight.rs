//! One number of all looks at a product, true of one cut.

use std::collections::BTreeMap;

use super::{Look, Moment};
use crate::{
    clock::Timestamp,
    count::{Cut, DRIFT_MAX, Upto},
    id::IncarnationId,
    planted::{Bug, is_planted},
    stock::Reason,
};

/// What the device's book said of a product when the first of a round's looks was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Book {
    /// Its balance.
    pub balance: i64,
    /// The last entry of the device's own journal that it contains.
    pub seq: i64,
}

/// A movement of the product that the device's own journal made since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its entry, of the life that counts.
    pub seq: i64,
    /// By how much; negative is out.
    pub delta: i64,
    /// Why.
    pub reason: Reason,
}

/// What all looks at a product come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// How many the eyes saw, bin by bin.
    pub seen: i64,
    /// How many of them are there after everything that the device's own journal holds.
    pub counted: i64,
    /// How many the book says are there then.
    pub expected: i64,
    /// Units that the device itself moved while the eyes went from bin to bin: from or to which bin, nobody knows.
    pub doubtful: i64,
    /// What had been done at other devices when the eyes looked.
    pub cut: Cut,
}

/// Why looks can no longer be made a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// The device was put back since: what it did meanwhile it may not know.
    OtherLife,
    /// The book was set right since, by a count or by hand.
    BookChanged,
    /// More left since than was seen.
    MoreLeft,
}

impl Sight {
    /// Counted less expected.
    pub const fn variance(&self) -> i64 {
        self.counted.saturating_sub(self.expected)
    }
}

/// What looks come to at the moment `now`. `moves` are the device's own movements of the product, at least all since
/// the first of the looks began.
///
/// What the device moved after the last look is added, and what it moved before the first had been seen. Between those,
/// what left is taken to have left a bin that had been counted, and what came to have come into one that had not: so
/// the number is never more than is there. At other devices the same is left to head office, which knows what they
/// did: the cut says what had been done before any eyes looked and, where that is known, what was done after all had.
///
/// # Errors
/// [`Stale`].
pub fn sight(looks: &[Look], book: Book, moves: &[Moved], now: &Moment) -> Result<Sight, Stale> {
    if looks.iter().any(|look| look.from.life != now.life || look.to.life != now.life) {
        return Err(Stale::OtherLife);
    }
    let first = looks.iter().map(|look| look.from.seq).min().unwrap_or(now.seq);
    let last = looks.iter().map(|look| look.to.seq).max().unwrap_or(now.seq);
    if moves.iter().any(|moved| moved.seq > first && is_of_the_book(moved.reason)) {
        return Err(Stale::BookChanged);
    }
    let seen = looks.iter().fold(0_i64, |sum, look| sum.saturating_add(look.units));
    let (mut counted, mut expected, mut doubtful) = (seen, book.balance, 0_i64);
    for Moved { seq, delta, .. } in moves.iter().copied() {
        let is_between = first < seq && seq <= last && !is_planted(Bug::BinsSeenAsOneMoment);
        let beyond = if is_between { delta.min(0) } else { delta };
        counted = counted.saturating_add(if is_between || seq > last { beyond } else { 0 });
        doubtful = doubtful.saturating_add(if is_between { delta.saturating_abs() } else { 0 });
        // A look that began before the book was read began before this, too.
        expected = expected.saturating_add(if seq > book.seq { delta } else { 0 });
    }
    if counted < 0 {
        return Err(Stale::MoreLeft);
    }
    Ok(Sight { seen, counted, expected, doubtful, cut: cut(looks, now) })
}

/// Whether a movement changed the book and not the shelf.
const fn is_of_the_book(reason: Reason) -> bool {
    match reason {
        Reason::Counted | Reason::Corrected | Reason::Found | Reason::Lost => true,
        Reason::Received | Reason::Sold | Reason::Returned | Reason::Damaged | Reason::Transferred => false,
    }
}

fn cut(looks: &[Look], now: &Moment) -> Cut {
    let (from, to) = (|| looks.iter().map(|look| &look.from), || looks.iter().map(|look| &look.to));
    let has_time = from().chain(to()).all(|moment| is_steady(moment, now));
    let since = from().chain(to()).map(|moment| moment.at).min().unwrap_or(now.at);
    let until = from().chain(to()).map(|moment| moment.at).max().unwrap_or(now.at);
    let heard_at = from().map(|moment| moment.heard_at).min().flatten();
    let before = before(from());
    let (mut heard, mut read, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for (life, hi) in after(to()) {
        let lo = before.get(&life).copied();
        let upto = Upto { incarnation_id: life, seq: hi.max(lo.unwrap_or(0)) };
        if lo == Some(upto.seq) { read.push(upto) } else { done.push(upto) }
    }
    for (life, seq) in before {
        if !read.iter().any(|upto| upto.incarnation_id == life) {
            heard.push(Upto { incarnation_id: life, seq });
        }
    }
    // Without a time nothing is put on either side by one: counting took all the time that there is.
    let ever = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    let (since, until) = if has_time { (since, until) } else { ever };
    Cut { since, until: Some(until), heard_at, heard, read, done }
}

/// Whether the device's clock stands to head office's now as it did then.
fn is_steady(then: &Moment, now: &Moment) -> bool {
    match (then.ahead, now.ahead) {
        (Some(then), Some(now)) => then.abs_diff(now) <= DRIFT_MAX.unsigned_abs(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Of other journals, what had been done before any eyes looked: what was known at every moment at which some began to.
fn before<'a>(mut from: impl Iterator<Item = &'a Moment>) -> BTreeMap<IncarnationId, i64> {
    let Some(first) = from.next() else { return BTreeMap::new() };
    let mut before = known(first);
    for moment in from {
        let known = known(moment);
        before.retain(|life, _| known.contains_key(life));
        before.iter_mut().for_each(|(life, seq)| *seq = known[life].min(*seq));
    }
    before
}

fn known(moment: &Moment) -> BTreeMap<IncarnationId, i64> {
    largest(moment.known.iter().chain(&moment.read))
}

/// Of other journals, how far they were when all eyes had looked: read or asked for at the end of every look, for
/// nobody knows here which of them was the last.
fn after<'a>(to: impl Iterator<Item = &'a Moment> + Clone) -> BTreeMap<IncarnationId, i64> {
    let mut after = largest(to.clone().flat_map(|moment| moment.read.iter().chain(&moment.asked)));
    let says = |moment: &Moment, life| moment.read.iter().chain(&moment.asked).any(|upto| upto.incarnation_id == life);
    after.retain(|life, _| to.clone().all(|moment| says(moment, *life)));
    after
}

fn largest<'a>(list: impl Iterator<Item = &'a Upto>) -> BTreeMap<IncarnationId, i64> {
    let mut largest = BTreeMap::new();
    for upto in list {
        let seq = largest.entry(upto.incarnation_id).or_insert(upto.seq);
        *seq = upto.seq.max(*seq);
    }
    largest
}

#[cfg(test)]
mod tests;
