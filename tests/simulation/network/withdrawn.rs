//! Holds that head office withdraws because the goods are not there: only when whoever could explain that has told, and
//! then all of them that are needed.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    id::{HoldId, IncarnationId},
    stock::{Allotment, StockKey},
    verdict::ConcernKind,
};

use super::{Check, Network, recalled::Calls};
use crate::{depth::Depth, office::Book};

/// What is short, and what was withdrawn.
#[derive(Debug, Default)]
pub struct Shortages {
    /// Rows that are short in the book.
    rows: BTreeMap<StockKey, Short>,
    /// Subjects of what the book says was withdrawn.
    withdrawn: BTreeSet<String>,
    /// Who called since.
    pub(super) calls: Calls,
}

impl Shortages {
    /// Head office was put back: what it says now is as if it had just been said.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// A row that is short in the book.
#[derive(Clone, Debug)]
struct Short {
    /// Units.
    units: i64,
    /// The last that had happened on each disk when it fell short, or shorter: the number of the op, by its life.
    last: BTreeMap<IncarnationId, usize>,
}

impl<D: Depth> Network<D> {
    /// Notes what is short since when, and what was withdrawn for it.
    pub(super) fn note_what_was_withdrawn(&mut self, before: &Book) -> Check {
        let short: Vec<(StockKey, i64)> =
            self.book.levels.iter().map(|(key, level)| (*key, level.unbacked())).collect();
        for (key, units) in &short {
            if self.short.rows.get(key).map_or(0, |short| short.units) < *units {
                let last = self.last_ops();
                self.short.rows.insert(*key, Short { units: *units, last });
            }
        }
        for (hold, key) in self.newly_withdrawn() {
            self.is_explained(before, hold, key)?;
            self.nobody_loses_to_the_unconfirmed(before, (hold, key))?;
            self.is_the_newest(hold, key)?;
            self.ledger.end_lines(hold, |of| of == key);
            self.ledger.explained.insert(ConcernKind::HoldWithdrawn);
            self.tally.withdrawn += 1;
        }
        for (key, units) in short {
            match self.short.rows.get_mut(&key) {
                Some(_) if units == 0 => _ = self.short.rows.remove(&key),
                Some(short) => short.units = units,
                None => {}
            }
        }
        self.note_who_has_called();
        Ok(())
    }

    /// Lines that the book says since the last look were withdrawn, and no longer holds.
    fn newly_withdrawn(&mut self) -> Vec<(HoldId, StockKey)> {
        let said = self.book.concerns.iter().filter(|(kind, _)| *kind == ConcernKind::HoldWithdrawn);
        let (seen, mut new) = (&self.short.withdrawn, BTreeSet::new());
        new.extend(said.map(|(_, subject)| subject.clone()).filter(|subject| !seen.contains(subject)));
        let subject = |hold: HoldId, key: StockKey| format!("{}/{}/{hold}", key.product_id, key.warehouse_id);
        let lines = self.ledger.holds.iter().flat_map(|(hold, held)| held.lines.iter().map(|(key, _)| (*hold, *key)));
        let gone = lines.filter(|line| new.contains(&subject(line.0, line.1)) && !self.book.holds.contains_key(line));
        let gone = gone.collect();
        // One that an order used up meanwhile, or that a restored head office holds again: nobody relied on it any more.
        let is_over = |told: &&String| {
            let held = self.ledger.holds.iter().find(|(hold, _)| told.ends_with(&hold.to_string()));
            held.is_some_and(|(hold, held)| !held.lines.iter().any(|(key, _)| subject(*hold, *key) == **told))
        };
        if new.iter().any(|told| is_over(&told)) {
            self.ledger.explained.insert(ConcernKind::HoldWithdrawn);
        }
        self.short.withdrawn.append(&mut new);
        gone
    }

    /// Whether a line of a hold was withdrawn.
    pub(super) fn is_cut(&self, hold: HoldId) -> bool {
        let of_it = |subject: &String| subject.ends_with(&format!("/{hold}"));
        self.short.withdrawn.iter().any(of_it)
    }

    /// The last op of each life that is on a disk of which there is one.
    fn last_ops(&self) -> BTreeMap<IncarnationId, usize> {
        let spots = self.spots.iter().filter(|spot| spot.device.is_some() && !spot.was_doubtful);
        spots.flat_map(|spot| &spot.disk).map(|op| (self.ledger.ops[*op].name.life, *op)).collect()
    }

    /// Whoever may sell of the row had told all that was done before the row fell short.
    fn is_explained(&self, before: &Book, hold: HoldId, key: StockKey) -> Check {
        let last = self.short.rows.get(&key).map_or_else(|| self.last_ops(), |short| short.last.clone());
        for (life, op) in last {
            // What the hold left over may have been granted since, to one that had nothing left once it had told.
            let granted = before.allotments.get(&(life, key)).map_or(0, |own| own.granted);
            let without = |own: &Allotment| Allotment { granted: own.granted.min(granted), ..*own };
            let may_sell = |book: &Book| book.allotments.get(&(life, key)).is_some_and(|own| without(own).open() > 0);
            let op = &self.ledger.ops[op];
            // Of two devices with one journal the other one may have told all that it knows.
            let is_doubtful = self.spots.iter().any(|spot| spot.was_doubtful && spot.doubtful_life == Some(life));
            if !is_doubtful && may_sell(before) && may_sell(&self.book) && !self.is_told(op) && !op.may_be_lost {
                return Err(format!("hold {hold} of {key:?} was withdrawn before head office had heard of {op:?}"));
            }
        }
        Ok(())
    }

    /// Whoever holds less long than others has to give way first.
    fn is_the_newest(&self, hold: HoldId, key: StockKey) -> Check {
        let age = |hold: HoldId| self.ledger.holds.get(&hold).map(|held| (held.since, hold));
        let standing = self.book.holds.keys().filter(|(_, of)| *of == key).map(|(other, _)| *other);
        let newer = standing.into_iter().find(|other| age(*other) > age(hold));
        newer.map_or(Ok(()), |newer| Err(format!("hold {hold} of {key:?} was withdrawn, and the newer {newer} stands")))
    }

    /// At the end, when everybody has told: nothing that is not there is held.
    pub(super) fn nothing_is_held_of_what_is_short(&self) -> Check {
        for (key, level) in self.book.levels.iter().filter(|(key, _)| self.lacking(**key) > 0) {
            let waits = |((life, of), own): (&(IncarnationId, StockKey), &Allotment)| {
                of == key && own.open() > 0 && !self.is_heard(*life)
            };
            let held = self.book.holds.keys().find(|(_, of)| of == key);
            if let (Some((hold, _)), false) = (held, self.book.allotments.iter().any(waits)) {
                return Err(format!("{key:?} has {level:?}, everybody has told, and hold {hold} still stands"));
            }
        }
        Ok(())
    }

    /// Whether this is the life of a till that is there, and of which there never were two.
    fn is_heard(&self, life: IncarnationId) -> bool {
        self.spots.iter().any(|spot| spot.life == life && spot.device.is_some() && !spot.was_doubtful)
    }
}
