//! Somebody looks at the shelf while others sell: what they read off the screens meanwhile, and what the book must
//! say of the row from then on.

use outpost_schema::{count::Upto, id::ProductId, stock::StockKey, verdict::ConcernKind};
use outpost_sync::round::Local as _;

use super::{Check, Network, spots::Half};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::Happened,
    step::{Act, Bins, Meanwhile},
};

impl<D: Depth> Network<D> {
    /// How far every till of a place is, as their screens say, or they themselves.
    pub(super) fn marks_at(&self, number: usize) -> Vec<Upto> {
        let here = self.spots[number].card.warehouse_id;
        let spots = self.spots.iter().filter(|spot| spot.card.warehouse_id == here);
        let devices = spots.filter_map(|spot| spot.device.as_ref()).filter(|device| !device.is_dark());
        let standings = devices.filter_map(|device| device.standing().ok());
        standings.map(|standing| Upto { incarnation_id: standing.incarnation_id, seq: standing.head.seq }).collect()
    }

    /// Somebody counts what is there; at a till that can keep it, every other time in two bins, one after the other.
    /// Whatever moves between is put into the bin that is still to be counted, or taken out of the other one as far as
    /// that goes: where a number of one moment would be wrong.
    pub(super) fn count(&self, number: usize, product: ProductId, meanwhile: Meanwhile) -> Act {
        let (marks, done) = match meanwhile {
            Meanwhile::Unknown => (Vec::new(), Vec::new()),
            Meanwhile::Read => (self.marks_at(number), Vec::new()),
            Meanwhile::Asked => (Vec::new(), self.marks_at(number)),
        };
        let spot = &self.spots[number];
        let there = |product| self.ledger.there(self.key(number, product));
        if let Some(Half { product, there: was, second }) = spot.half {
            let seen = there(product);
            let second = (second + (seen - was).max(0)).min(seen);
            return Act::Count { product, seen, marks, done, bins: Some(Bins { first: seen - second, second }) };
        }
        let has_bins = spot.device.as_ref().is_some_and(|device| device.has_bins() && !device.is_dark());
        match has_bins && self.ledger.ops.len().is_multiple_of(2) {
            true => Act::Look { product, units: there(product) / 2, marks },
            false => Act::Count { product, seen: there(product), marks, done, bins: None },
        }
    }

    /// The first bin is counted.
    pub(super) fn looked(&mut self, number: usize, act: &Act) {
        if let Act::Look { product, units, .. } = act {
            let there = self.ledger.there(self.key(number, *product));
            self.spots[number].half = Some(Half { product: *product, there, second: there - units });
        }
    }

    /// Somebody saw what is there. What was handed out beyond that is nowhere, and no book owes it any more.
    pub(super) fn counted(&mut self, number: usize, key: StockKey) {
        self.spots[number].half = None;
        if self.is_at_home(number) {
            // What the device there finds or lacks is booked as it says.
            return;
        }
        self.seen_beside_others(key);
        // What was written off with a device that has not heard of it is found, and may be sold by that device too.
        let written_off = |spot: &&super::Spot<D>| {
            let theirs = self.book.allotments.get(&(spot.life, key)).map_or(0, |own| own.reclaimed);
            let ours = spot.device.as_ref().map_or(0, |device| device.allotment(key).reclaimed);
            theirs > ours
        };
        let unheard = self.spots.iter().filter(written_off).filter_map(|spot| spot.open.get(&key)).sum();
        self.ledger.allow(&[(key, unheard)]);
    }

    /// Somebody saw what is there where others sell meanwhile: head office says what is lacking, or that it is to be
    /// seen again.
    pub(super) fn seen_beside_others(&mut self, key: StockKey) {
        let row = self.ledger.row(key);
        row.is_counted = true;
        row.there = row.there.max(0);
        self.ledger.explained.insert(ConcernKind::RecountWanted);
    }

    /// Units of a counted row that may be on the wrong side of its count, because a limit allows it: there are two of
    /// a till, a till does not know all that it did, or a clock was set and says alone when something happened that
    /// happened at another time.
    pub fn unsure(&self, key: StockKey) -> i64 {
        let Some(row) = self.ledger.rows.get(&key).filter(|row| row.is_counted) else { return 0 };
        let here = |spot: &&super::Spot<D>| spot.card.warehouse_id == key.warehouse_id;
        // Whoever counted there by a clock that was set may have been moved since.
        let stood_here = |spot: &&super::Spot<D>| spot.stood.contains(&key.warehouse_id);
        let clock_was_set = self.spots.iter().filter(stood_here).any(|spot| spot.clock_was_set);
        let is_doubtful = self.spots.iter().filter(here).any(|spot| spot.was_doubtful);
        let is_unsure = is_doubtful || (clock_was_set && self.is_cut_by_time(key));
        let by_time = |op| is_unsure || (clock_was_set && self.is_judged_by_time(key, op));
        // Of goods that two tills handed over it counts when the one did that is heard first; and of a receipt that two
        // copies of a till took back.
        let is_twice = |number, op| self.is_told_twice(op) || self.is_undone_twice(number);
        let ops = self.ledger.ops.iter().enumerate();
        let ops = ops.filter(|(number, op)| by_time(op) || op.may_be_lost || is_twice(*number, op));
        let moved = ops.flat_map(|(_, op)| &op.moved).filter(|(of, _)| *of == key).map(|(_, delta)| delta.abs());
        let is_opening_unsure = is_unsure || (clock_was_set && self.is_opening_unheard());
        moved.sum::<i64>() + if is_opening_unsure { row.opening } else { 0 }
    }

    /// Whether another op tells as well that the goods of its order were handed over.
    fn is_told_twice(&self, op: &Happened) -> bool {
        let Some(order) = op.hands_over else { return false };
        self.ledger.ops.iter().filter(|other| other.hands_over == Some(order)).count() > 1
    }

    /// Whether it is known that a count of this row is to be repeated.
    fn is_to_be_counted_again(&self, key: StockKey) -> bool {
        let subject = format!("{}/{}", key.product_id, key.warehouse_id);
        self.book.concerns.contains(&(ConcernKind::RecountWanted, subject))
    }

    /// The book of a counted row says what is there; less, where it says that it should be counted again.
    pub(super) fn the_count_holds(&self, key: StockKey) -> Check {
        let booked = |op: &&Happened| !self.is_booked(op);
        let missing = self.ledger.ops.iter().filter(booked).flat_map(|op| &op.moved);
        let missing: i64 = missing.filter(|(of, _)| *of == key).map(|(_, delta)| delta.abs()).sum();
        // What is written off with a lost device is gone from the book, and may be there.
        let written_off = self.book.lost.get(&key).copied().unwrap_or(0).abs();
        let by_people = self.settled.units(key);
        let (there, slack) = (self.ledger.rows[&key].there, self.unsure(key) + missing + written_off + by_people);
        let balance = self.book.levels.get(&key).map_or(0, |level| level.balance);
        let is_right = balance <= there + slack && (balance >= there - slack || self.is_to_be_counted_again(key));
        if is_right {
            return Ok(());
        }
        Err(format!(
            "{key:?} was counted: {there} are there, the book has {balance}, a limit allows {slack} more or less"
        ))
    }

    /// Whether a count explains that more of a row is promised or gone than there is.
    pub(super) fn a_count_explains(&self, subject: &str) -> bool {
        let is_it = |key: &&StockKey| format!("{}/{}", key.product_id, key.warehouse_id) == subject;
        let key = self.ledger.rows.keys().find(is_it);
        key.is_some_and(|key| self.is_to_be_counted_again(*key) || self.unsure(*key) > 0)
    }
}
