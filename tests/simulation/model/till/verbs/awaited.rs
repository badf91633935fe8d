//! Orders that may wait until head office confirms them.

use outpost_schema::{
    feed::{Aggregate, Confirmation, Kind},
    id::{OrderId, ProductId, UserId},
    order::{Fulfilment, Order},
    world::Seeded,
};

use super::{super::tables::Tables, Code, Plan, amount};

impl Tables {
    pub(super) fn take_order(
        &self,
        lines: &[(ProductId, i64)],
        customer: Option<UserId>,
        world: &Seeded,
    ) -> Result<Plan, Code> {
        let lines = lines.iter().map(|(product, units)| Ok((*product, amount(*units)?, None)));
        let lines: Vec<_> = lines.collect::<Result<_, Code>>()?;
        let buyer = customer.unwrap_or(UserId::GUEST);
        if !self.knows_person(buyer) {
            return Err("unknown_customer");
        }
        self.sale(&lines, (Fulfilment::Ship, buyer, Vec::new()), None, true, world)
    }

    pub(super) fn note_awaited(&mut self, order: &Order) {
        let Order { order_id, warehouse_id, created_at: asked_at, .. } = *order;
        let awaited = Confirmation { order_id, warehouse_id, asked_at, confirmed_at: None };
        self.images.insert((Kind::Confirmation, order_id.0), Aggregate::Confirmation(awaited));
    }

    /// Whether an order that is to be handed over is confirmed; none if it never had to be.
    pub(in super::super::super) fn is_confirmed(&self, order_id: OrderId) -> Option<bool> {
        let is_promised = self.orders.get(&order_id).is_some_and(Order::is_promised);
        match self.images.get(&(Kind::Confirmation, order_id.0)).filter(|_| is_promised) {
            Some(Aggregate::Confirmation(told)) => Some(told.confirmed_at.is_some()),
            Some(_) | None => None,
        }
    }
}
