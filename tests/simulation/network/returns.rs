//! Goods that come back, to whichever till, and what the book says of them in the end.

use std::collections::BTreeMap;

use outpost_schema::{
    id::{OrderId, OrderItemId},
    money::{Currency, Money, line_total},
    order::{Fulfilment, Order},
    quantity::Amount,
    returned::Return,
    stock::StockKey,
    verdict::ConcernKind,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::Units,
    office::Shelf,
    step::{Act, Name},
};

impl<D: Depth> Network<D> {
    /// Somebody has the goods and the receipt, and wants the money; none if the goods have not left yet.
    pub(super) fn take_back(&self, order: usize, line: usize, units: i64, damaged: bool) -> Option<Act> {
        let sold = &self.ledger.sold;
        let order = (!sold.is_empty()).then(|| &sold[order % sold.len()])?;
        let has_left = match order.fulfilment {
            Fulfilment::CarryOut => true,
            Fulfilment::Ship => self.ledger.owed.get(&order.order_id).is_some_and(|owed| owed.has_left),
        };
        let item = &order.items[line % order.items.len()];
        let units = units.min(item.quantity.units());
        let paid = worth(order, item.order_item_id, units, self.spots[0].card.currency)?;
        let (receipt, product) = (order.receipt.clone(), item.product_id);
        has_left.then_some(Act::TakeBack { order: order.order_id, receipt, product, units, damaged, paid })
    }

    pub(super) fn returned(&mut self, number: usize, name: Name, back: &Return, act: &Act) -> Check {
        let Act::TakeBack { product, units, damaged, .. } = act else {
            return Err(format!("{act:?} took something back: {back:?}"));
        };
        let came: i64 = back.lines.iter().map(|line| line.quantity.units()).sum();
        if came != *units || back.lines.iter().any(|line| line.product_id != *product) {
            return Err(format!("{act:?} took {:?} back", back.lines));
        }
        // What nobody can sell is in the building, and no goods any more.
        let key = self.key(number, *product);
        let moved: Units = (!damaged).then_some((key, *units)).into_iter().collect();
        let op = self.write(number, name, moved.clone(), Vec::new());
        self.printed(number, &back.receipt, op)?;
        self.ledger.returns.push((op, back.clone()));
        self.expect(number, &moved)
    }

    /// Whether an op tells of goods that came back of an order which no disk holds any more: it waits for that, and
    /// where a later life carries it, it does so under that life's name.
    pub(super) fn brings_back_what_is_lost(&self, op: usize) -> bool {
        let receipts = self.ledger.returns.iter().filter(|(of, _)| *of == op).map(|(_, back)| &back.order_receipt);
        let orders = receipts.flat_map(|receipt| self.ledger.sold.iter().filter(move |sold| sold.receipt == *receipt));
        let mut sales = orders.filter_map(|order| self.ledger.orders.get(&order.order_id));
        sales.any(|sale| self.ledger.ops[*sale].may_be_lost)
    }

    /// Whether a difference of a till is a return that waits so and stands on its disk: the return, the money that was
    /// given for it, or of a stock row exactly the units that came back.
    pub(super) fn waits_for_a_lost_sale(&self, till: usize, difference: &str) -> bool {
        let on_disk = &self.spots[till].disk;
        let here = self.ledger.returns.iter().filter(|(op, _)| on_disk.contains(op));
        let waits = |op: usize| self.brings_back_what_is_lost(op) && !self.is_booked(&self.ledger.ops[op]);
        let waiting: Vec<_> = here.filter(|(op, _)| waits(*op)).collect();
        let mut ids = waiting.iter().flat_map(|(_, back)| ids(back));
        ids.any(|id| difference.contains(&id)) || {
            let moved = waiting.iter().flat_map(|(op, _)| &self.ledger.ops[*op].moved);
            let mut rows: BTreeMap<StockKey, i64> = BTreeMap::new();
            moved.for_each(|(key, units)| *rows.entry(*key).or_default() += units);
            // At a home they are its own, also if they go out at once because they are damaged.
            let mut came: BTreeMap<StockKey, i64> = BTreeMap::new();
            waiting.iter().flat_map(|(_, back)| came_back(back)).for_each(|(key, units)| {
                *came.entry(key).or_default() += units;
            });
            rows.iter().any(|(key, units)| more_at_the_till(*key, difference) == Some(*units))
                || came.iter().any(|(key, units)| more_received(*key, difference) == Some(*units))
        }
    }

    /// Damaged goods came in at a home and went out with the same op.
    pub(super) fn passed(&mut self, number: usize, act: &Act) {
        let (Act::TakeBack { product, units, damaged: true, .. } | Act::Arrive { product, damaged: units, .. }) = act
        else {
            return;
        };
        let (key, spot) = (self.key(number, *product), &self.spots[number]);
        if spot.card.is_home {
            *self.ledger.passed.entry((spot.life, key)).or_default() += units;
        }
    }

    /// What came back is in the book once, and where that is more than was sold or paid, somebody is told.
    pub(super) fn returns_are_what_happened(&self, shelf: &Shelf) -> Check {
        let strange =
            shelf.returns.keys().filter(|id| !self.ledger.returns.iter().any(|(_, back)| back.return_id == **id));
        if strange.count() > self.ledger.unseen_returns {
            return Err("returns are in the book that nobody took".to_owned());
        }
        for (op, back) in &self.ledger.returns {
            let is_booked = self.is_booked(&self.ledger.ops[*op]);
            match shelf.returns.get(&back.return_id) {
                None if is_booked => return Err(format!("{back:?} is booked, and is not there")),
                Some(kept) if figures(kept) != figures(back) => return Err(format!("{back:?} became {kept:?}")),
                None | Some(_) => {}
            }
        }
        let returned_twice = |order: &Order, back: &[&Return]| is_returned_twice(order, back);
        self.has_its_concern(shelf, ConcernKind::ReturnedTwice, returned_twice)?;
        self.has_its_concern(shelf, ConcernKind::RefundedTooMuch, is_refunded_too_much)
    }

    /// Whether exactly the orders of which this is true have a concern of this kind, open or settled.
    fn has_its_concern(&self, shelf: &Shelf, kind: ConcernKind, is_so: impl Fn(&Order, &[&Return]) -> bool) -> Check {
        let mut of: BTreeMap<OrderId, Vec<&Return>> = BTreeMap::new();
        for back in shelf.returns.values() {
            of.entry(back.order_id).or_default().push(back);
        }
        for (order_id, order) in &shelf.orders {
            let back = of.get(order_id).map(Vec::as_slice).unwrap_or_default();
            let about = (kind, order_id.to_string());
            let is_told = self.book.concerns.contains(&about) || self.settled.has_ended(&about);
            if is_so(order, back) != is_told {
                return Err(format!("{kind:?} is told: {is_told}, of {order:?} and {back:?}"));
            }
        }
        Ok(())
    }
}

fn worth(order: &Order, item: OrderItemId, units: i64, currency: Currency) -> Option<Money> {
    let item = order.items.iter().find(|known| known.order_item_id == item)?;
    line_total(item.unit_price, Amount::new(units).ok()?, item.price_per, currency).ok()
}

/// What a return and the money given for it are called, in every way of writing them.
fn ids(back: &Return) -> impl Iterator<Item = String> {
    let refunds = back.refunds.iter().map(|refund| refund.payment.payment_id.0);
    refunds.chain([back.return_id.0]).flat_map(|id| [id.to_string(), id.simple().to_string()])
}

/// By how much a till's balance of a row is above head office's, if that is what a difference says.
fn more_at_the_till(key: StockKey, difference: &str) -> Option<i64> {
    let row = format!("stock {}{}: the server has ", key.product_id.0.simple(), key.warehouse_id.0.simple());
    let (theirs, ours) = difference.strip_prefix(&row)?.split_once(", the node ")?;
    let balance = |side: &str| side.split(' ').next()?.parse::<i64>().ok();
    Some(balance(ours)? - balance(theirs)?)
}

/// What came back of each row.
fn came_back(back: &Return) -> impl Iterator<Item = (StockKey, i64)> {
    let key = |product_id| StockKey { product_id, warehouse_id: back.warehouse_id };
    back.lines.iter().map(move |line| (key(line.product_id), line.quantity.units()))
}

/// The same of what a till received at its home.
fn more_received(key: StockKey, difference: &str) -> Option<i64> {
    let (theirs, ours) =
        difference.strip_prefix(&format!("{key:?}: head office allotted "))?.split_once(", the till ")?;
    let received = |side: &str| side.split_once("received: ")?.1.split(' ').next()?.parse::<i64>().ok();
    Some(received(ours)? - received(theirs)?)
}

/// Units and money of a return, whatever its parts are called.
fn figures(back: &Return) -> (i64, Money) {
    let units = back.lines.iter().map(|line| line.quantity.units()).sum();
    (units, back.refunds.iter().map(|refund| refund.payment.amount).sum())
}

fn is_returned_twice(order: &Order, back: &[&Return]) -> bool {
    let lines = || back.iter().flat_map(|back| &back.lines);
    let came = |item: Option<OrderItemId>| -> i64 {
        lines().filter(|line| line.order_item_id == item).map(|line| line.quantity.units()).sum()
    };
    came(None) > 0 || order.items.iter().any(|item| came(Some(item.order_item_id)) > item.quantity.units())
}

/// Every order here has one payment at most.
fn is_refunded_too_much(order: &Order, back: &[&Return]) -> bool {
    let refunds = back.iter().flat_map(|back| &back.refunds);
    let given: Money = refunds.map(|refund| -refund.payment.amount).sum();
    given > order.paid()
}
