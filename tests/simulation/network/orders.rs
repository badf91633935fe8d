//! Orders that move on: goods that leave later than they were sold.

use outpost_schema::{
    id::OrderId,
    order::{Order, OrderStatus},
    verdict::ConcernKind,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::{Happened, Units},
    step::Name,
};

impl<D: Depth> Network<D> {
    pub(super) fn advanced(&mut self, number: usize, name: Name, order: &Order) -> Check {
        let known = self.ledger.owed.get(&order.order_id);
        let Some(owed) = known else { return Err(format!("an order moved on that nobody made: {order:?}")) };
        let lines = owed.lines.clone();
        // The till knew what it shows: if it had heard that the goods have left, it moves nothing.
        let before = self.spots[number].shown.clone();
        self.look(number);
        let after = &self.spots[number].shown;
        let moved: Units = lines
            .iter()
            .map(|(key, _)| {
                (*key, after.get(key).map_or(0, |it| it.balance) - before.get(key).map_or(0, |it| it.balance))
            })
            .filter(|(_, delta)| *delta != 0)
            .collect();
        if !moved.is_empty() && moved != lines.iter().map(|(key, units)| (*key, -units)).collect::<Units>() {
            return Err(format!("handing {lines:?} over moved {moved:?}"));
        }
        self.moved_on(number, name, (order.order_id, order.status), moved);
        Ok(())
    }

    /// An order moved on, at a till and so far only there.
    pub(super) fn moved_on(
        &mut self,
        number: usize,
        name: Name,
        (order_id, status): (OrderId, OrderStatus),
        moved: Units,
    ) {
        let leaves = status >= OrderStatus::Shipped;
        let Some(owed) = self.ledger.owed.get(&order_id).cloned() else { return };
        if leaves && !moved.is_empty() && (owed.has_left || owed.is_cancelled) {
            // Handed over twice, or although it had been called off: the units were somebody else's by then.
            self.ledger.allow(&owed.lines);
            self.ledger.explained.insert(ConcernKind::ShippedThoughCancelled);
        }
        if leaves && !moved.is_empty() && owed.is_unconfirmed() {
            // Handed over before head office had confirmed it: the units were promised to somebody else perhaps.
            self.ledger.allow(&owed.lines);
        }
        // The goods left once, whatever two tills wrote.
        let is_count = leaves && owed.has_left;
        let op = self.happened(
            number,
            Happened { name, moved, taken: Vec::new(), is_count, hands_over: Some(order_id), may_be_lost: false },
        );
        if let Some(owed) = self.ledger.owed.get_mut(&order_id) {
            owed.told.push((status, op));
            owed.has_left |= leaves;
        }
    }
}
