//! Units granted and taken back without an ask. At a home nothing is ever left lying that its device could
//! sell while offline; what several sell from is evened out.

use outpost_schema::{
    id::{IncarnationId, WarehouseId},
    planted::{Bug, is_planted},
    sizing::{self, Holding},
    stock::{Allotment, StockKey},
};

use super::{journal::Journal, ledger::Ledger};

impl Ledger {
    /// Grants what a stock row has available, if it lies at a home.
    pub(super) fn top_up(&mut self, key: StockKey) {
        let level = self.known.levels.get(&key).copied().unwrap_or_default();
        let Some(node_id) = self.homes.get(&key.warehouse_id).copied() else { return };
        if self.is_recovering {
            return;
        }
        let newest = self.lives(node_id).max_by_key(|journal| journal.number);
        let Some(life) = newest.filter(|journal| journal.takes_grants()) else { return };
        let spared = life.outlooks.get(&key).map_or(0, |outlook| outlook.spared);
        let units = sizing::due_at_home(level, self.kept_back.at(key.warehouse_id), spared);
        let life = life.author.incarnation_id;
        if units > 0 {
            self.change_allotment(life, key, |allotment| allotment.grant(units));
        }
    }

    /// Whether a life has too little of a row that it sells from.
    pub(super) fn is_due(&self, life: IncarnationId, key: StockKey) -> bool {
        self.journals.get(&life).is_some_and(|journal| self.holding(journal, key).is_due(self.known.now))
    }

    pub(super) fn holding(&self, journal: &Journal, key: StockKey) -> Holding {
        let (now, heard) = (self.known.now, self.heard.get(&journal.author.node_id).copied().unwrap_or_default());
        Holding {
            allotment: journal.allotments.get(&key).copied().unwrap_or_default(),
            outlook: journal.outlooks.get(&key).copied().unwrap_or_default(),
            cover: heard.waits.cover(now),
            is_near: sizing::is_near(heard.seen_at, now),
        }
    }

    /// Who may be granted of a row, or asked for it.
    pub(super) fn holdings(&self, key: StockKey) -> Vec<(IncarnationId, Holding)> {
        let holds = |journal: &&Journal| {
            let stands_there = !journal.author.former.contains(&key.warehouse_id);
            journal.takes_grants() && stands_there && journal.allotments.contains_key(&key)
        };
        let of = |journal: &Journal| (journal.author.incarnation_id, self.holding(journal, key));
        self.journals.values().filter(holds).map(of).collect()
    }

    /// Evens a row out that several sell from: who is low is topped up, and who has too much is asked.
    pub(super) fn even_out(&mut self, key: StockKey) {
        let Some((available, lives, mut holdings)) = self.shared(key) else { return };
        for (place, _) in sizing::even_out(available, &mut holdings, self.known.now) {
            let Holding { allotment, outlook, .. } = holdings[place];
            self.journals.entry(lives[place]).and_modify(|journal| _ = journal.outlooks.insert(key, outlook));
            let before = self.known.levels.get(&key).copied().unwrap_or_default();
            self.change_allotment(lives[place], key, |_| allotment);
            if is_planted(Bug::TopUpToldBeforeCommit) {
                self.known.levels.insert(key, before);
            }
        }
    }

    /// Asks for what somebody was refused to hold of a row that several sell from.
    pub(super) fn call_for(&mut self, key: StockKey, wanted: i64) {
        let Some((available, lives, mut holdings)) = self.shared(key) else { return };
        for place in sizing::call_for(wanted, available, &mut holdings, self.known.now) {
            let outlook = holdings[place].outlook;
            self.journals.entry(lives[place]).and_modify(|journal| _ = journal.outlooks.insert(key, outlook));
            self.tell_allotment(lives[place], key);
        }
    }

    /// What of a row that several sell from may be granted unasked, and who has a part of it.
    fn shared(&self, key: StockKey) -> Option<(i64, Vec<IncarnationId>, Vec<Holding>)> {
        if self.is_recovering || self.homes.contains_key(&key.warehouse_id) {
            return None;
        }
        let (lives, holdings) = self.holdings(key).into_iter().unzip();
        let level = self.known.levels.get(&key).copied().unwrap_or_default();
        Some((sizing::free(level, self.kept_back.at(key.warehouse_id))?, lives, holdings))
    }

    /// Grants all that a warehouse has available, if it is a home.
    pub(super) fn top_up_warehouse(&mut self, warehouse_id: WarehouseId) {
        let here = |key: &&StockKey| key.warehouse_id == warehouse_id;
        let keys: Vec<_> = self.known.levels.keys().filter(here).copied().collect();
        keys.into_iter().for_each(|key| self.top_up(key));
    }

    /// Takes back what a journal has open at a warehouse: its W rises by that. Says of which rows.
    pub(super) fn reclaim(&mut self, life: IncarnationId, warehouse_id: WarehouseId) -> Vec<StockKey> {
        let Some(journal) = self.journals.get(&life) else { return Vec::new() };
        let open = journal.allotments.iter().filter(|(key, own)| key.warehouse_id == warehouse_id && own.open() > 0);
        let keys: Vec<_> = open.map(|(key, _)| *key).collect();
        for key in &keys {
            self.change_allotment(life, *key, |own| own.take_back(own.open()));
        }
        keys
    }

    /// Changes an allotment; what it has open counts as promised, before and after.
    pub(super) fn change_allotment(
        &mut self,
        life: IncarnationId,
        key: StockKey,
        change: impl FnOnce(Allotment) -> Allotment,
    ) {
        let Some(journal) = self.journals.get_mut(&life) else { return };
        let allotment = journal.allotments.entry(key).or_default();
        let before = *allotment;
        *allotment = change(before);
        let opened = allotment.open() - before.open();
        self.known.levels.entry(key).or_default().promised += opened;
        self.tell_stock(key);
        self.tell_allotment(life, key);
    }

    /// What every change of stock that no push made ends with.
    pub(super) fn after_change(&mut self, key: StockKey) {
        self.withdraw(key);
        self.top_up(key);
        self.even_out(key);
        self.look_at_stock(key);
    }
}
