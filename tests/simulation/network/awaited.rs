//! Orders that were taken although no allotment covered them: promised nothing until head office confirms them, and
//! promised for good from then on.

use outpost_schema::{
    id::{HoldId, OrderId},
    order::{Fulfilment, Order, OrderStatus},
    stock::StockKey,
    verdict::ConcernKind,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::{Awaits, Happened, Owed},
    office::Book,
    step::{Act, Name},
};

impl<D: Depth> Network<D> {
    /// An order of goods that may not be there.
    pub(super) fn order(&self, number: usize, lines: &[(usize, i64)], customer: Option<usize>) -> Option<Act> {
        let lines: Vec<_> = lines.iter().map(|(nth, units)| (self.product(*nth), *units)).collect();
        let customers = &self.ledger.customers;
        let customer = customer.filter(|_| !customers.is_empty()).map(|nth| customers[nth % customers.len()]);
        self.is_in_hand(number, &lines).then_some(Act::Order { lines, customer })
    }

    /// Somebody has the receipt of an order that awaits head office's word.
    pub(super) fn ordered(&mut self, number: usize, name: Name, order: &Order, act: &Act) -> Check {
        self.tally.sales += 1;
        let lines: Vec<_> = order.items.iter().map(|item| (item.product_id, item.quantity.units())).collect();
        let taken = self.units(number, &lines);
        let is_as_wanted = matches!(act, Act::Order { lines: wanted, .. } if *wanted == lines);
        if !is_as_wanted || order.fulfilment != Fulfilment::Ship {
            return Err(format!("{act:?} made an order to be confirmed: {order:?}"));
        }
        order.check_sums(self.spots[number].card.currency).map_err(|fault| format!("the receipt is wrong: {fault}"))?;
        let open = |key: &StockKey| self.spots[number].open.get(key).copied().unwrap_or(0);
        let is_old = self.spots[number].device.as_ref().is_some_and(|device| device.is_old_image());
        if !is_old && taken.iter().all(|(key, units)| *units <= open(key)) {
            return Err(format!("{order:?} awaits head office's word, and an allotment covers it"));
        }
        self.ledger.explained.insert(ConcernKind::Unbacked);
        let op = self.write(number, name, Vec::new(), Vec::new());
        let awaits = Awaits { asked_at: order.created_at, is_confirmed: false, was_confirmed: false };
        let owed = Owed {
            lines: taken,
            warehouse_id: order.warehouse_id,
            has_left: false,
            is_cancelled: false,
            awaits: Some(awaits),
            told: vec![(order.status, op)],
            asks: Vec::new(),
        };
        self.ledger.owed.insert(order.order_id, owed);
        self.expect(number, &[])?;
        self.ledger.orders.insert(order.order_id, op);
        self.printed(number, &order.receipt, op)?;
        self.ledger.sold.push(order.clone());
        Ok(())
    }

    /// What head office has confirmed since the last look: never while it hears from its devices, the earlier first,
    /// and for good.
    pub(super) fn note_what_was_confirmed(&mut self, before: &Book) -> Check {
        let is_lost = |(order, was): (&OrderId, &bool)| *was && self.book.confirmations.get(order) != Some(&true);
        if let Some(lost) = before.confirmations.iter().find(|one| is_lost(*one)) {
            return Err(format!("order {} was confirmed, and is not any more", lost.0));
        }
        let is_new = |order: &OrderId| before.confirmations.get(order) != Some(&true);
        let new = self.book.confirmations.iter().filter(|(order, confirmed)| **confirmed && is_new(order));
        let new: Vec<OrderId> = new.map(|(order, _)| *order).collect();
        if let (Some(order), true) = (new.first(), before.is_recovering && self.book.is_recovering) {
            return Err(format!("order {order} was confirmed while head office still hears from its devices"));
        }
        for order in &new {
            let awaits = self.ledger.owed.get_mut(order).and_then(|owed| owed.awaits.as_mut());
            awaits.into_iter().for_each(|awaits| (awaits.is_confirmed, awaits.was_confirmed) = (true, true));
        }
        new.iter().try_for_each(|order| self.nobody_is_passed_over(*order))
    }

    /// Whoever ordered earlier, and nothing but what this order has too, is confirmed as well.
    fn nobody_is_passed_over(&self, confirmed: OrderId) -> Check {
        let Some(owed) = self.ledger.owed.get(&confirmed) else { return Ok(()) };
        let place = |order: OrderId, owed: &Owed| owed.awaits.map(|awaits| (awaits.asked_at, order));
        let has = |key: &StockKey| owed.lines.iter().any(|(of, _)| of == key);
        let is_passed_over = |(order, other): &(&OrderId, &Owed)| {
            place(**order, other) < place(confirmed, owed)
                && self.waits_in_the_book(**order, other)
                && other.lines.iter().all(|(key, _)| has(key))
        };
        let passed_over = self.ledger.owed.iter().find(is_passed_over);
        passed_over
            .map_or(Ok(()), |(order, _)| Err(format!("{confirmed} is confirmed, and {order}, taken before, is not")))
    }

    /// Whether head office knows that an order awaits its word, and that it was neither handed over nor called off.
    fn waits_in_the_book(&self, order: OrderId, owed: &Owed) -> bool {
        let has_left = owed
            .told
            .iter()
            .any(|(status, op)| *status >= OrderStatus::Shipped && self.is_booked(&self.ledger.ops[*op]));
        self.book.confirmations.get(&order) == Some(&false) && !owed.is_cancelled && !has_left
    }

    /// Units of a row that the book promises to orders which nobody confirmed.
    fn unconfirmed(&self, key: StockKey) -> i64 {
        let waiting = self.ledger.owed.iter().filter(|(order, owed)| self.waits_in_the_book(**order, owed));
        waiting.flat_map(|(_, owed)| &owed.lines).filter(|(of, _)| *of == key).map(|(_, units)| units).sum()
    }

    /// The ops that ordered units of a row to be confirmed.
    pub(super) fn orders_that_await(&self, key: StockKey) -> impl Iterator<Item = &Happened> {
        let awaits = self
            .ledger
            .owed
            .iter()
            .filter(move |(_, owed)| owed.awaits.is_some() && owed.lines.iter().any(|(of, _)| *of == key));
        awaits.filter_map(|(order, _)| self.ledger.orders.get(order)).map(|op| &self.ledger.ops[*op])
    }

    /// Units of a row that are promised and not there, but for what nobody confirmed. None if the book has orders to be
    /// confirmed whose receipts nobody saw.
    pub(super) fn lacking(&self, key: StockKey) -> i64 {
        let is_unseen = |order: &OrderId| !self.ledger.owed.contains_key(order);
        let level = self.book.levels.get(&key).copied().unwrap_or_default();
        match self.book.confirmations.keys().any(is_unseen) {
            true => 0,
            false => level.unbacked() - self.unconfirmed(key),
        }
    }

    /// A hold is withdrawn for the sake of what others were promised, never of an order that nobody confirmed. Where
    /// something was told that may have brought goods, they may have come after.
    pub(super) fn nobody_loses_to_the_unconfirmed(&self, before: &Book, (hold, key): (HoldId, StockKey)) -> Check {
        let gone = before.holds.iter().filter(|(line, _)| line.1 == key && !self.book.holds.contains_key(line));
        let gone: i64 = gone.map(|(_, units)| units).sum();
        let level = self.book.levels.get(&key).copied().unwrap_or_default();
        let (waiting, promised) = (self.unconfirmed(key), level.promised + gone);
        if waiting == 0 || promised - waiting > level.quantity() || self.may_have_come(before) {
            return Ok(());
        }
        Err(format!("hold {hold} of {key:?} was withdrawn for orders of {waiting} that nobody confirmed: {level:?}"))
    }

    /// Whether something was told since that does not only take.
    fn may_have_come(&self, before: &Book) -> bool {
        let is_new = |op: &&Happened| {
            let at = (op.name.life, op.name.mark);
            before.ops.get(&at) != self.book.ops.get(&at)
        };
        let only_takes =
            |op: &Happened| !op.is_count && !op.moved.is_empty() && op.moved.iter().all(|(_, delta)| *delta < 0);
        self.ledger.ops.iter().filter(is_new).any(|op| !only_takes(op))
    }

    /// Head office was put back, and may have forgotten what it confirmed.
    pub(super) fn forget_confirmations(&mut self) {
        for (order, owed) in &mut self.ledger.owed {
            let is_kept = self.book.confirmations.get(order) == Some(&true);
            owed.awaits.iter_mut().for_each(|awaits| awaits.is_confirmed &= is_kept);
        }
    }

    /// What a till shows as confirmed, head office has confirmed.
    pub(super) fn shows_what_was_confirmed(&self, number: usize) -> Check {
        let spot = &self.spots[number];
        let Some(device) = spot.device.as_ref().filter(|device| !device.is_dark()) else { return Ok(()) };
        let unconfirmed = |owed: &Owed| owed.awaits.is_some_and(|awaits| !awaits.was_confirmed);
        let mut waiting = self.ledger.owed.iter().filter(|(_, owed)| unconfirmed(owed));
        let early = waiting.find(|(order, _)| device.is_confirmed(**order) == Some(true));
        early.map_or(Ok(()), |(order, _)| {
            Err(format!("{} shows order {order} as confirmed, and nobody confirmed it", spot.card.name))
        })
    }

    /// At the end, when head office has looked once more: what could be confirmed is, and every order that was to be is
    /// known as one.
    pub(super) fn what_is_there_is_confirmed(&self) -> Check {
        for (order, owed) in self.ledger.owed.iter().filter(|(_, owed)| owed.awaits.is_some()) {
            let op = &self.ledger.ops[self.ledger.orders[order]];
            if self.is_booked(op) && !self.book.confirmations.contains_key(order) {
                return Err(format!("order {order} was to be confirmed, and head office knows nothing of that"));
            }
            let unbacked = |key: &StockKey| self.book.levels.get(key).map_or(0, |level| level.unbacked());
            if self.waits_in_the_book(*order, owed) && owed.lines.iter().all(|(key, _)| unbacked(key) == 0) {
                return Err(format!("order {order} awaits goods that are there"));
            }
        }
        Ok(())
    }
}
