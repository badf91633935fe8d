//! Units granted and taken back without an ask. At a home nothing is ever left lying that its device could
//! sell while offline.

use outpost_schema::{
    id::{IncarnationId, WarehouseId},
    stock::{Allotment, StockKey},
};

use super::ledger::Ledger;

impl Ledger {
    /// Grants what a stock row has available, if it lies at a home.
    pub(super) fn top_up(&mut self, key: StockKey) {
        let units = self.known.levels.get(&key).copied().unwrap_or_default().available();
        let Some(node_id) = self.homes.get(&key.warehouse_id).copied() else { return };
        if units <= 0 || self.is_recovering {
            return;
        }
        let newest = self.lives(node_id).max_by_key(|journal| journal.number);
        let Some(life) = newest.filter(|journal| journal.takes_grants()) else { return };
        let life = life.author.incarnation_id;
        self.change_allotment(life, key, |allotment| allotment.grant(units));
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
            self.change_allotment(life, *key, |own| Allotment { reclaimed: own.reclaimed + own.open(), ..own });
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
        self.top_up(key);
        self.look_at_stock(key);
    }
}
