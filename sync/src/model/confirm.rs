//! Orders to be confirmed: taken although no allotment covered them, confirmed once the goods are there.

use std::collections::BTreeMap;

use outpost_schema::{
    confirm::{Awaiting, confirmed, lacking},
    feed::{Aggregate, Confirmation, Kind},
    id::OrderId,
    order::is_promised,
    stock::StockKey,
};

use super::{feed::Id, ledger::Ledger};

impl Ledger {
    /// Notes an order that awaits it, or what became of it.
    pub(super) fn note_confirmation(&mut self, told: Confirmation) {
        self.confirmations.insert(told.order_id, told);
        let id = Id::one(Kind::Confirmation, told.order_id.0);
        self.feed.tell(id, told.warehouse_id.0, Aggregate::Confirmation(told));
    }

    /// Confirms those of which every line is there by now.
    pub(super) fn confirm(&mut self) {
        let awaiting: Vec<Awaiting> = self.awaiting().collect();
        let keys = awaiting.iter().flat_map(|order| order.lines.keys().copied());
        let level = |key| self.known.levels.get(&key).copied().unwrap_or_default();
        let unbacked: BTreeMap<StockKey, i64> = keys.map(|key| (key, level(key).unbacked())).collect();
        for order_id in confirmed(awaiting, &unbacked, self.is_recovering) {
            if let Some(told) = self.confirmations.get(&order_id).copied() {
                self.note_confirmation(Confirmation { confirmed_at: Some(self.known.now), ..told });
            }
        }
    }

    /// The orders that await it, and are still to be handed over.
    fn awaiting(&self) -> impl Iterator<Item = Awaiting> {
        let unconfirmed = self.confirmations.values().filter(|told| told.confirmed_at.is_none());
        unconfirmed.filter_map(|told| {
            let order = self.known.orders.get(&told.order_id)?;
            let mut lines = BTreeMap::new();
            for line in &order.lines {
                let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
                *lines.entry(key).or_default() += line.amount.units();
            }
            let awaiting = Awaiting { order_id: told.order_id, asked_at: told.asked_at, lines };
            is_promised(order.fulfilment, order.status).then_some(awaiting)
        })
    }

    /// What a row lacks for whoever was promised something.
    pub(super) fn lacking(&self, key: StockKey) -> i64 {
        let level = self.known.levels.get(&key).copied().unwrap_or_default();
        let unconfirmed = self.awaiting().filter_map(|order| order.lines.get(&key).copied());
        if level.unbacked() == 0 { 0 } else { lacking(level, unconfirmed.sum()) }
    }

    /// Orders that were to be confirmed, and whether they were.
    pub fn confirmations(&self) -> impl Iterator<Item = (OrderId, bool)> {
        self.confirmations.values().map(|told| (told.order_id, told.confirmed_at.is_some()))
    }
}
