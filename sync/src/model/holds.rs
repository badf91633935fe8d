//! Holds: promises made online, with an expiry, that count until they are closed.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::{HoldId, IncarnationId},
    stock::StockKey,
};

use super::ledger::Ledger;
use crate::{
    hold::{Answer, Book, Decided, Held, decide, key_of},
    wire::{Caller, HOLD_SECONDS_MAX, HoldPlaced, HoldWanted, Problem},
};

/// A hold, and whose allotment it became.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) held: Held,
    allotted_to: Option<IncarnationId>,
}

impl Ledger {
    pub(super) fn hold(&mut self, caller: Caller, wanted: &HoldWanted) -> Result<HoldPlaced, Problem> {
        if !(1..=HOLD_SECONDS_MAX).contains(&wanted.seconds) {
            return Err(unheld("bad_seconds"));
        }
        if self.is_recovering {
            return Err(unheld("recovering"));
        }
        if self.journal(caller)?.is_suspended() {
            return Err(unheld("suspended"));
        }
        let (key, now) = (key_of(wanted), self.known.now);
        let mut decided = decide(self.hold_book(wanted), std::slice::from_ref(wanted), now);
        let is_short = decided.short.contains(&key);
        // Nobody is refused because of a hold that is over.
        if is_short && !self.release_expired(&[key].into()).is_empty() {
            decided = decide(self.hold_book(wanted), std::slice::from_ref(wanted), now);
        }
        let answer = decided.answers.first().copied();
        self.keep_holds(decided);
        if is_short {
            self.after_change(key);
        }
        match answer {
            Some(Answer::Placed(placed)) => Ok(placed),
            Some(Answer::NothingLeft(_)) => Err(unheld("nothing_left")),
            Some(Answer::IdTaken) => Err(unheld("hold_id_taken")),
            Some(Answer::Closed) => Err(unheld("hold_closed")),
            Some(Answer::UnknownStock) | None => Err(unheld("unknown_stock")),
        }
    }

    /// What a wish is decided over: its row, the hold with its id, and its cart's own.
    fn hold_book(&self, wanted: &HoldWanted) -> Book {
        let key = key_of(wanted);
        let is_there =
            self.known.products.contains(&key.product_id) && self.known.warehouses.contains(&key.warehouse_id);
        let level = self.known.levels.get(&key).copied().unwrap_or_default();
        let touches = |held: &&Held| {
            let is_of_cart = held.is_open && held.cart_id.is_some() && held.cart_id == wanted.cart_id;
            held.hold_id == wanted.hold_id || is_of_cart
        };
        let held = self.holds.values().map(|hold| &hold.held).filter(touches).cloned().collect();
        Book::new(is_there.then_some((key, level)).into_iter().collect(), held)
    }

    fn keep_holds(&mut self, decided: Decided) {
        for replaced in decided.replaced {
            self.holds.entry(replaced).and_modify(|hold| hold.held.is_open = false);
        }
        for held in decided.placed {
            self.holds.insert(held.hold_id, Hold { held, allotted_to: None });
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
        let over: Vec<HoldId> =
            self.holds.values().filter(|hold| is_over(&hold.held)).map(|hold| hold.held.hold_id).collect();
        over.into_iter().filter_map(|hold_id| self.close(hold_id)).collect()
    }

    /// Closes a hold; what it promised is promised no more.
    fn close(&mut self, hold_id: HoldId) -> Option<StockKey> {
        let held = &mut self.holds.get_mut(&hold_id)?.held;
        held.is_open = false;
        let (key, units) = (held.key, held.amount.units());
        self.known.levels.entry(key).or_default().promised -= units;
        self.tell_stock(key);
        Some(key)
    }

    pub(super) fn release(&mut self, caller: Caller, hold_id: HoldId) -> Result<(), Problem> {
        self.journal(caller)?;
        let hold = self.holds.get(&hold_id).ok_or_else(|| unheld("unknown_hold"))?;
        if !hold.held.is_open {
            return if hold.allotted_to.is_some() { Err(unheld("hold_closed")) } else { Ok(()) };
        }
        if let Some(key) = self.close(hold_id) {
            self.after_change(key);
        }
        Ok(())
    }

    pub(super) fn allot(&mut self, caller: Caller, hold_id: HoldId) -> Result<(), Problem> {
        let journal = self.journal(caller)?;
        if journal.state != IncarnationState::Active {
            return Err(unheld(if journal.is_suspended() { "suspended" } else { "frozen" }));
        }
        if self.is_recovering {
            return Err(unheld("recovering"));
        }
        let hold = self.holds.get_mut(&hold_id).ok_or_else(|| unheld("unknown_hold"))?;
        if !hold.held.is_open {
            let is_done = hold.allotted_to == Some(caller.incarnation_id);
            return if is_done { Ok(()) } else { Err(unheld("hold_closed")) };
        }
        hold.allotted_to = Some(caller.incarnation_id);
        let (key, units) = (hold.held.key, hold.held.amount.units());
        self.close(hold_id);
        self.change_allotment(caller.incarnation_id, key, |own| own.grant(units));
        Ok(())
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
