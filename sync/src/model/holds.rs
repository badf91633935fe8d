//! Holds: promises made online, with an expiry, that count until they are closed.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::{HoldId, IncarnationId},
    planted::{Bug, is_planted},
    settle::UsedUp,
    stock::{Level, StockKey},
};

use super::{feed::stands_at, ledger::Ledger};
use crate::{
    hold::{Answer, Book, Decided, Extension, Held, Unfit, check, decide, extend},
    wire::{Caller, HoldPlaced, HoldWanted, Problem},
};

/// A line of a hold, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) held: Held,
    /// Whose allotment it became.
    allotted_to: Option<IncarnationId>,
    /// Whether it was closed only because its time had come.
    has_lapsed: bool,
}

/// Names a line of a hold.
pub(super) type LineOf = (HoldId, StockKey);

impl Ledger {
    pub(super) fn hold(&mut self, caller: Caller, wanted: &HoldWanted) -> Result<HoldPlaced, Problem> {
        check(wanted).map_err(|unfit| match unfit {
            Unfit::Seconds => unheld("bad_seconds"),
            Unfit::Lines => unheld("bad_lines"),
        })?;
        if self.is_recovering {
            return Err(unheld("recovering"));
        }
        if self.journal(caller)?.is_told_off() {
            return Err(unheld("suspended"));
        }
        let now = self.known.now;
        let mut decided = decide(self.hold_book(wanted), std::slice::from_ref(wanted), now);
        let mut changed: BTreeSet<StockKey> = decided.short.keys().copied().collect();
        // Nobody is refused because of a hold that is over.
        if !changed.is_empty() && !self.release_expired(&changed).is_empty() {
            decided = decide(self.hold_book(wanted), std::slice::from_ref(wanted), now);
        }
        let answer = decided.answers.pop();
        changed.extend(&decided.freed);
        let short = std::mem::take(&mut decided.short);
        self.keep_holds(decided);
        changed.into_iter().for_each(|key| self.after_change(key));
        short.into_iter().for_each(|(key, wanted)| self.call_for(key, wanted));
        match answer {
            Some(Answer::Placed(placed)) => Ok(placed),
            Some(Answer::NothingLeft(available)) => Err(Problem { available, ..unheld("nothing_left") }),
            Some(Answer::IdTaken) => Err(unheld("hold_id_taken")),
            Some(Answer::Closed) => Err(unheld("hold_closed")),
            Some(Answer::UnknownStock) | None => Err(unheld("unknown_stock")),
        }
    }

    /// What a wish is decided over: its rows, the hold with its id, and its buyer's own.
    fn hold_book(&self, wanted: &HoldWanted) -> Book {
        let keys = wanted.lines.iter().map(|line| line.key()).filter(|key| {
            self.known.products.contains(&key.product_id) && self.known.warehouses.contains(&key.warehouse_id)
        });
        let level = |key: StockKey| (key, self.known.levels.get(&key).copied().unwrap_or_default());
        let touches = |held: &&Held| {
            let is_own = held.is_open && held.buyer.is_some() && held.buyer == wanted.buyer;
            held.hold_id == wanted.hold_id || is_own
        };
        let held = self.holds.values().map(|hold| &hold.held).filter(touches).cloned().collect();
        Book::new(keys.map(level).collect(), held)
    }

    fn keep_holds(&mut self, decided: Decided) {
        for replaced in decided.replaced {
            self.holds.entry(replaced).and_modify(|hold| hold.held.is_open = false);
        }
        for held in decided.placed {
            self.holds.insert((held.hold_id, held.key), Hold { held, allotted_to: None, has_lapsed: false });
        }
        for (key, level) in decided.levels {
            self.known.levels.insert(key, level);
            self.tell_stock(key);
        }
    }

    /// Closes the expired holds of these rows, and tells the rows that changed.
    pub(super) fn release_expired(&mut self, keys: &BTreeSet<StockKey>) -> BTreeSet<StockKey> {
        let now = self.known.now;
        let is_over = |held: &Held| is_expired(held, now) && keys.contains(&held.key);
        let over = self.holds.iter().filter(|(_, hold)| is_over(&hold.held)).map(|(line, _)| *line);
        let over: Vec<_> = over.collect();
        for line in &over {
            self.holds.entry(*line).and_modify(|hold| hold.has_lapsed = true);
        }
        over.into_iter().filter_map(|line| self.close(line)).collect()
    }

    /// Closes a line; what it promised is promised no more.
    pub(super) fn close(&mut self, line: LineOf) -> Option<StockKey> {
        let held = &mut self.holds.get_mut(&line)?.held;
        held.is_open = false;
        let (key, units) = (held.key, held.amount.units());
        self.known.levels.entry(key).or_default().promised -= units;
        self.tell_stock(key);
        Some(key)
    }

    /// The lines of a hold.
    fn lines(&self, hold_id: HoldId) -> Result<Vec<Hold>, Problem> {
        let lines = self.holds.values().filter(|hold| hold.held.hold_id == hold_id);
        let lines: Vec<_> = lines.cloned().collect();
        if lines.is_empty() { Err(unheld("unknown_hold")) } else { Ok(lines) }
    }

    pub(super) fn release(&mut self, caller: Caller, hold_id: HoldId) -> Result<(), Problem> {
        self.journal(caller)?;
        let lines = self.lines(hold_id)?;
        if lines.iter().all(|hold| !hold.held.is_open) {
            let is_allotted = lines.iter().any(|hold| hold.allotted_to.is_some());
            return if is_allotted { Err(unheld("hold_closed")) } else { Ok(()) };
        }
        for hold in lines.iter().filter(|hold| hold.held.is_open) {
            self.close((hold_id, hold.held.key));
        }
        lines.iter().filter(|hold| hold.held.is_open).for_each(|hold| self.after_change(hold.held.key));
        Ok(())
    }

    pub(super) fn extend(&mut self, caller: Caller, hold_id: HoldId, until: Timestamp) -> Result<HoldPlaced, Problem> {
        let is_suspended = self.journal(caller)?.is_told_off();
        if self.is_recovering {
            return Err(unheld("recovering"));
        }
        let lines: Vec<Held> = self.lines(hold_id)?.into_iter().map(|hold| hold.held).collect();
        let now = self.known.now;
        let mut extension = extend(&lines, &self.lapsed(&lines), until, now);
        let mut changed = BTreeSet::new();
        if let Extension::NothingLeft(_) = extension {
            changed = self.lapsed(&lines).into_keys().collect();
            // Nobody is refused because of a hold that is over.
            self.release_expired(&changed);
            extension = extend(&lines, &self.lapsed(&lines), until, now);
        }
        let answer = match extension {
            Extension::Lasts(_, levels) if is_suspended && !levels.is_empty() => Err(unheld("suspended")),
            Extension::Lasts(lasts, levels) => {
                self.keep_extended(&lines, lasts, levels);
                Ok(lasts)
            }
            Extension::NothingLeft(available) => Err(Problem { available, ..unheld("nothing_left") }),
            Extension::Closed => Err(unheld("hold_closed")),
            Extension::BadMoment => Err(unheld("bad_seconds")),
            Extension::UnknownHold => Err(unheld("unknown_hold")),
        };
        changed.into_iter().for_each(|key| self.after_change(key));
        answer
    }

    /// The rows of which these lines were released only because their time came, and nobody's newer hold of the same
    /// buyer took their place.
    fn lapsed(&self, lines: &[Held]) -> BTreeMap<StockKey, Level> {
        let is_own = |line: &Held, other: &Held| {
            other.is_open && other.key == line.key && other.buyer.is_some() && other.buyer == line.buyer
        };
        let has_lapsed = |line: &&Held| {
            self.holds[&(line.hold_id, line.key)].has_lapsed
                && !self.holds.values().any(|hold| is_own(line, &hold.held))
        };
        let level = |line: &Held| (line.key, self.known.levels.get(&line.key).copied().unwrap_or_default());
        lines.iter().filter(has_lapsed).map(level).collect()
    }

    fn keep_extended(&mut self, lines: &[Held], lasts: HoldPlaced, levels: BTreeMap<StockKey, Level>) {
        for line in lines.iter().filter(|line| line.is_open && !is_planted(Bug::ExtensionForgotten)) {
            let hold = self.holds.entry((lasts.hold_id, line.key));
            hold.and_modify(|hold| hold.held.expires_at = lasts.expires_at);
        }
        for (key, level) in levels {
            self.holds.entry((lasts.hold_id, key)).and_modify(|hold| {
                (hold.has_lapsed, hold.held.is_open) = (false, true);
                hold.held.expires_at = lasts.expires_at;
            });
            self.known.levels.insert(key, level);
            self.tell_stock(key);
        }
    }

    pub(super) fn allot(&mut self, caller: Caller, hold_id: HoldId) -> Result<(), Problem> {
        let journal = self.journal(caller)?;
        if journal.state != IncarnationState::Active {
            return Err(unheld(if journal.is_told_off() { "suspended" } else { "frozen" }));
        }
        if self.is_recovering {
            return Err(unheld("recovering"));
        }
        let (life, lines) = (caller.incarnation_id, self.lines(hold_id)?);
        if lines.iter().all(|hold| !hold.held.is_open) || lines.iter().any(|hold| hold.held.is_withdrawn) {
            let is_done = lines.iter().any(|hold| hold.allotted_to == Some(life));
            return if is_done { Ok(()) } else { Err(unheld("hold_closed")) };
        }
        let is_elsewhere = |held: &Held| stands_at(&journal.author).all(|place| *place != held.key.warehouse_id);
        let (elsewhere, open): (Vec<_>, Vec<_>) =
            lines.into_iter().map(|hold| hold.held).filter(|held| held.is_open).partition(is_elsewhere);
        if !elsewhere.is_empty() && !is_planted(Bug::ElsewhereLeftOut) {
            return Err(unheld("hold_elsewhere"));
        }
        for Held { key, amount, .. } in open {
            self.holds.entry((hold_id, key)).and_modify(|hold| hold.allotted_to = Some(life));
            self.close((hold_id, key));
            self.change_allotment(life, key, |own| own.grant(amount.units()));
        }
        Ok(())
    }

    /// The lines of holds that orders use up are known while these are decided; one whose time came holds nothing.
    pub(super) fn know_holds(&mut self, holds: &BTreeSet<HoldId>) {
        let is_used = |hold: &&Hold| (hold.held.is_open || hold.has_lapsed) && holds.contains(&hold.held.hold_id);
        let units = |held: &Held| if held.is_open { held.amount.units() } else { 0 };
        let used = self.holds.values().filter(is_used).map(|hold| &hold.held);
        self.known.holds = used.map(|held| ((held.hold_id, held.key), units(held))).collect();
    }

    /// Closes lines that orders used up; what they promised was settled with these.
    pub(super) fn use_up(&mut self, used_up: &[UsedUp]) {
        for UsedUp { hold_id, key, .. } in used_up {
            let hold = self.holds.entry((*hold_id, *key));
            hold.and_modify(|hold| (hold.held.is_open, hold.has_lapsed) = (false, false));
        }
        self.known.holds.clear();
    }

    pub(super) fn sweep(&mut self) {
        let now = self.known.now;
        let expired = self.holds.values().filter(|hold| is_expired(&hold.held, now));
        let keys: BTreeSet<_> = expired.map(|hold| hold.held.key).collect();
        self.release_expired(&keys);
        keys.into_iter().for_each(|key| self.after_change(key));
    }
}

fn is_expired(held: &Held, now: Timestamp) -> bool {
    held.is_open && held.expires_at <= now
}

fn unheld(code: &str) -> Problem {
    Problem::new(code, "this hold cannot be had")
}
