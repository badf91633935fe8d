//! Deliveries that head office expects, and what came of them: that is added up whether or not they are known, because
//! a restored head office may have forgotten one.

use std::collections::BTreeMap;

use outpost_schema::{
    delivery::{Closing, Delivery},
    feed::{Aggregate, Kind},
    id::{DeliveryId, ProductId},
    settle::Settled,
};

use super::{feed::Id, ledger::Ledger};

impl Ledger {
    pub(super) fn expect(&mut self, delivery: Delivery) {
        let id = delivery.delivery_id;
        self.deliveries.insert(id, delivery);
        self.tell_delivery(id);
    }

    /// Closes a delivery by hand; one that is closed stays as it was closed.
    pub(super) fn close_delivery(&mut self, id: DeliveryId, closing: Closing) {
        self.deliveries.entry(id).and_modify(|delivery| _ = delivery.closing.get_or_insert(closing));
        self.tell_delivery(id);
    }

    /// Adds up what came. A line of which nothing more came is told again.
    pub(super) fn keep_delivered(&mut self, settled: &Settled) {
        for ((id, product_id), units) in &settled.delivered {
            *self.delivered.entry((*id, *product_id)).or_default() += units;
            self.deliveries.entry(*id).and_modify(|delivery| delivery.receive(*product_id, *units));
            self.tell_delivery(*id);
        }
    }

    fn tell_delivery(&mut self, id: DeliveryId) {
        if let Some(delivery) = self.deliveries.get(&id) {
            let (scope, told) = (delivery.warehouse_id.0, Aggregate::Delivery(Box::new(delivery.clone())));
            self.feed.tell(Id::one(Kind::Delivery, id.0), scope, told);
        }
    }

    /// Deliveries that are expected.
    pub const fn deliveries(&self) -> &BTreeMap<DeliveryId, Delivery> {
        &self.deliveries
    }

    /// Units that came of each delivery, known or not.
    pub const fn delivered(&self) -> &BTreeMap<(DeliveryId, ProductId), i64> {
        &self.delivered
    }
}
