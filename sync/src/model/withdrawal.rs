//! What is withdrawn when more of a row is promised than is there, once everybody who could explain it has been heard.

use super::{journal::Journal, ledger::Ledger};
use crate::hold::Held;
use outpost_schema::{
    device::IncarnationState,
    id::IncarnationId,
    journal::Mark,
    sizing::{self, Holding},
    stock::StockKey,
    withdrawal::{HeldLine, Seller, is_explained, withdraw},
};

/// A row of which more is promised than is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short {
    /// Units.
    units: i64,
    /// The place in the feed by which the last change is told that made it so, or worse.
    since: usize,
}

impl Ledger {
    /// A life asks for news behind a place of the feed, and its journal ends there: if the book has it to that end, it
    /// has told all that it did before it knew what is told up to that place.
    pub(super) fn hear_out(&mut self, life: IncarnationId, head: Mark, since: usize) {
        let Some(journal) = self.journals.get_mut(&life) else { return };
        // Of a frozen journal two devices tell different ends: neither tells all.
        let is_frozen = journal.state == IncarnationState::Frozen;
        let awaited = journal.told_upto.saturating_add(1)..=since;
        let is_open = |key: &StockKey| journal.allotments.get(key).is_some_and(|own| own.open() > 0);
        let waiting = self.short.iter().filter(|(key, short)| awaited.contains(&short.since) && is_open(key));
        let waiting: Vec<StockKey> = waiting.map(|(key, _)| *key).collect();
        if is_frozen || head != journal.acked() || waiting.is_empty() {
            return;
        }
        journal.told_upto = since;
        waiting.into_iter().for_each(|key| self.after_change(key));
    }

    /// Looks at every row that is short: somebody is no longer waited for.
    pub(super) fn look_at_short_rows(&mut self) {
        let short: Vec<_> = self.short.keys().copied().collect();
        short.into_iter().for_each(|key| self.after_change(key));
    }

    /// Looks once more at every row of which somebody is to be asked for more: who was out of reach may be in reach now.
    pub(super) fn look_again(&mut self) {
        let is_worth_it = |key: &StockKey| {
            let holdings: Vec<Holding> = self.holdings(*key).into_iter().map(|(_, holding)| holding).collect();
            self.is_explained(*key) && sizing::lacks_a_recall(self.lacking(*key), &holdings)
        };
        let rows: Vec<StockKey> = self.short.keys().filter(|key| is_worth_it(key)).copied().collect();
        rows.into_iter().for_each(|key| self.after_change(key));
    }

    /// Whether a row is short and nobody could explain it any more.
    fn is_explained(&self, key: StockKey) -> bool {
        let Some(Short { since, .. }) = self.short.get(&key).copied() else { return false };
        !self.is_recovering && is_explained(self.journals.values().map(|journal| journal.seller(key, since)))
    }

    /// Whether more of a row is promised than is there.
    pub(super) fn is_short(&self, key: StockKey) -> bool {
        self.unbacked(key) > 0
    }

    fn unbacked(&self, key: StockKey) -> i64 {
        self.known.levels.get(&key).copied().unwrap_or_default().unbacked()
    }

    /// Notes whether a row that was just told is short, and since when.
    pub(super) fn note_short(&mut self, key: StockKey) {
        let units = self.unbacked(key);
        if units == 0 {
            self.short.remove(&key);
            return;
        }
        let (now, before) = (self.feed.end(), self.short.get(&key).copied());
        let since = before.filter(|before| units <= before.units).map_or(now, |before| before.since);
        self.short.insert(key, Short { units, since });
    }

    /// Withdraws unused promises of a row as far as it is short and nobody could explain it any more.
    pub(super) fn withdraw(&mut self, key: StockKey) {
        if !self.is_explained(key) {
            return;
        }
        self.release_expired(&[key].into());
        self.withdraw_holds(key);
        self.call_back(key);
    }

    fn withdraw_holds(&mut self, key: StockKey) {
        let of_row = self.holds().filter(|held| held.key == key).map(Held::line);
        let gone = withdraw(self.lacking(key), of_row.collect());
        for HeldLine { hold_id, .. } in gone {
            let line = (hold_id, key);
            let told = self.holds[&line].held.withdrawn();
            self.close(line);
            self.holds.entry(line).and_modify(|hold| hold.held.is_withdrawn = true);
            self.open_concerns(vec![told]);
        }
    }

    /// Asks whoever is in reach for what is still short.
    fn call_back(&mut self, key: StockKey) {
        let short = self.lacking(key);
        let (lives, mut holdings): (Vec<_>, Vec<Holding>) = self.holdings(key).into_iter().unzip();
        for place in sizing::call_back(short, &mut holdings, self.known.now) {
            let outlook = holdings[place].outlook;
            self.journals.entry(lives[place]).and_modify(|journal| _ = journal.outlooks.insert(key, outlook));
            self.tell_allotment(lives[place], key);
        }
    }
}

impl Journal {
    fn seller(&self, key: StockKey, since: usize) -> Seller {
        Seller {
            open: self.allotments.get(&key).map_or(0, |own| own.open()),
            is_given_up: self.is_given_up,
            has_told: self.told_upto >= since || self.is_closed && self.state == IncarnationState::Retired,
        }
    }
}
