//! What people do at tills, and what they were told.

use std::collections::BTreeMap;

use outpost_schema::{
    id::{CartId, OrderId, ProductId},
    journal::Mark,
    movement::Cause,
    order::{Fulfilment, Order, OrderStatus, Receipt},
    stock::StockKey,
    verdict::ConcernKind,
};

use super::{Check, Network, spots::UnderWay};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::{Happened, Owed, Units},
    step::{Act, Done, Name, Undone, Verb},
};

/// What a till says when it fails, and not when it refuses.
const FAILURES: [&str; 9] =
    ["database", "damaged", "files", "locked", "busy", "disk_full", "read_only", "not_joined", "changed_migration"];

impl<D: Depth> Network<D> {
    pub(super) async fn at(&mut self, till: usize, verb: &Verb) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        if self.is_retired(number) && !matches!(verb, Verb::Sell { .. } | Verb::CheckOut { .. }) {
            return Ok(());
        }
        // What goes over the line at once.
        if let Verb::Hold { product, units, seconds } = verb {
            return self.hold(number, *product, *units, *seconds).await;
        }
        if let Verb::HoldSeveral { lines, buyer, seconds } = verb {
            return self.hold_several(number, lines, *buyer, *seconds).await;
        }
        if let Verb::Extend { hold, seconds } = verb {
            return self.extend_hold(number, *hold, *seconds).await;
        }
        if let Verb::Release { hold } | Verb::Allot { hold } = verb {
            return self.end_hold(number, *hold, matches!(verb, Verb::Allot { .. })).await;
        }
        self.act_of(number, verb).map_or(Ok(()), |act| self.act(number, &act))
    }

    /// What a verb means here and now; none if nobody could do it.
    fn act_of(&self, number: usize, verb: &Verb) -> Option<Act> {
        let cart = |nth: &usize| {
            let carts = &self.ledger.carts;
            (!carts.is_empty()).then(|| carts[nth % carts.len()])
        };
        Some(match verb {
            Verb::Sell { lines, ship, customer } => {
                let lines: Vec<_> = lines.iter().map(|(nth, units)| (self.product(*nth), *units)).collect();
                let customers = &self.ledger.customers;
                let customer = customer.filter(|_| !customers.is_empty()).map(|nth| customers[nth % customers.len()]);
                let is_there = self.is_in_hand(number, &lines);
                is_there.then_some(Act::Sell { lines, ship: *ship, customer })?
            }
            Verb::Order { lines, customer } => self.order(number, lines, *customer)?,
            Verb::BeginCart => Act::BeginCart,
            Verb::Add { cart: nth, product, units } => {
                Act::Add { cart: cart(nth)?, product: self.product(*product), units: *units }
            }
            Verb::Take { cart: nth, product, units } => {
                Act::Take { cart: cart(nth)?, product: self.product(*product), units: *units }
            }
            Verb::Remove { cart: nth, product } => Act::Remove { cart: cart(nth)?, product: self.product(*product) },
            Verb::CheckOut { cart: nth } => self.checkout(number, cart(nth)?)?,
            Verb::Receive { product, units } => Act::Receive { product: self.product(*product), units: *units },
            Verb::ReceiveOf { delivery, product, units } => self.receive_of(number, *delivery, *product, *units)?,
            Verb::UndoReceipt => self.undo_receipt(number)?,
            Verb::Adjust { product, cause, units } => self.adjust(number, *product, *cause, *units)?,
            Verb::Dispatch { product, units, to } => self.dispatch(number, *product, *units, *to)?,
            Verb::Arrive { load, units, is_damaged, complete } => {
                self.arrive(number, *load, *units, (*is_damaged, *complete))?
            }
            Verb::Count { product, meanwhile } => self.count(number, self.product(*product), *meanwhile),
            Verb::GiveBack { product, units } => Act::GiveBack { product: self.product(*product), units: *units },
            Verb::Ask { product, units } => Act::Ask { product: self.product(*product), units: *units },
            Verb::Advance { order, status } => self.advance(number, *order, *status)?,
            Verb::Cancel { order } => Act::Cancel { order: self.owed_here(number, *order)? },
            Verb::Return { order, line, units, damaged } => self.take_back(*order, *line, *units, *damaged)?,
            Verb::Customer { email } => Act::Customer { email: format!("person{email}@example.com") },
            Verb::ShipHeld { hold } => self.ship_held(number, *hold)?,
            Verb::Hold { .. }
            | Verb::HoldSeveral { .. }
            | Verb::Extend { .. }
            | Verb::Release { .. }
            | Verb::Allot { .. } => return None,
        })
    }

    /// Nobody breaks or loses what is not there.
    pub(super) fn adjust(&self, number: usize, product: usize, cause: Cause, units: i64) -> Option<Act> {
        let product = self.product(product);
        let delta = units * cause.sign().unwrap_or(1);
        let is_there = -delta <= self.ledger.there(self.key(number, product));
        is_there.then_some(Act::Adjust { product, cause, delta })
    }

    /// Whether a till that sells what is in the customer's hand could: others say themselves what they may sell.
    pub(super) fn is_in_hand(&self, number: usize, lines: &[(ProductId, i64)]) -> bool {
        let is_there = |(key, units): (StockKey, i64)| units <= self.ledger.there(key) - self.ledger.owed(key);
        let lines = self.units(number, lines).into_iter();
        lines.into_iter().all(|line| self.is_surely_strict(number, line.0) || is_there(line))
    }

    /// What a strict till hands over is covered by its allotment: what goes beyond is an order, or a sale refused.
    fn strict_is_strict(&self, number: usize, taken: &[(StockKey, i64)]) -> Check {
        let open = |key| self.spots[number].open.get(key).copied().unwrap_or(0);
        let beyond = taken.iter().find(|(key, units)| *units > open(key) && self.is_surely_strict(number, *key));
        beyond.map_or(Ok(()), |(key, units)| {
            let name = &self.spots[number].card.name;
            Err(format!("{name} is strict, may sell {} of {key:?}, and sold {units}", open(key)))
        })
    }

    /// A checkout of a cart that is known here.
    fn checkout(&self, number: usize, cart: CartId) -> Option<Act> {
        let carts = self.spots[number].device.as_ref()?.carts();
        let shown = carts.iter().find(|known| known.cart_id() == cart)?.lines();
        let lines: Vec<_> = shown.iter().map(|line| (line.product_id, line.quantity.units())).collect();
        self.is_in_hand(number, &lines).then_some(Act::CheckOut { cart })
    }

    fn owed_here(&self, number: usize, nth: usize) -> Option<OrderId> {
        let here = self.spots[number].card.warehouse_id;
        let orders: Vec<_> =
            self.ledger.owed.iter().filter(|(_, order)| order.warehouse_id == here).map(|(id, _)| *id).collect();
        (!orders.is_empty()).then(|| orders[nth % orders.len()])
    }

    /// An order moves on; nobody hands over what is not there.
    fn advance(&self, number: usize, nth: usize, status: OrderStatus) -> Option<Act> {
        let order = self.owed_here(number, nth)?;
        let owed = &self.ledger.owed[&order];
        let leaves = status >= OrderStatus::Shipped && !owed.has_left;
        let is_there = owed.lines.iter().all(|(key, units)| *units <= self.ledger.there(*key));
        (!leaves || is_there).then_some(Act::Advance { order, status })
    }

    /// Lines as units of this till's rows, each row once.
    pub(super) fn units(&self, number: usize, lines: &[(ProductId, i64)]) -> Units {
        let mut units: BTreeMap<StockKey, i64> = BTreeMap::new();
        for (product, count) in lines {
            *units.entry(self.key(number, *product)).or_default() += count;
        }
        units.into_iter().collect()
    }

    pub(super) fn act(&mut self, number: usize, act: &Act) -> Check {
        let spot = &mut self.spots[number];
        let Some(device) = spot.device.as_ref() else { return Ok(()) };
        let before = standing(device)?;
        let done = device.act(act);
        match done {
            Ok(done) => {
                let after = standing(device)?;
                self.told(number, act, before, after, done)
            }
            Err(Undone::Dark) => {
                let (act, life) = (act.clone(), spot.life);
                spot.under_way = Some(UnderWay { act, life, head: before });
                Ok(())
            }
            Err(Undone::Refused(code)) if FAILURES.contains(&code.as_str()) => {
                Err(format!("{} failed at {act:?}: {code}", spot.card.name))
            }
            Err(Undone::Refused(code)) => {
                let after = standing(device)?;
                self.tell(|| format!("    refused: {code}"));
                if after != before {
                    return Err(format!("a refusal ({code}) left an entry in the journal"));
                }
                self.refusal_is_laid_down(number, act, &code)?;
                self.expect(number, &[])
            }
        }
    }

    /// Somebody was told that it is done: it must be so for ever.
    fn told(&mut self, number: usize, act: &Act, before: Mark, after: Mark, done: Done) -> Check {
        let name = Name { life: self.spots[number].life, mark: after };
        // What is given back before a journal is closed is an op of its own.
        let ops = if matches!(act, Act::Leave) && after.seq == before.seq + 2 { 2 } else { 1 };
        let is_written = after.seq == before.seq + ops;
        let is_silent = matches!(done, Done::Cart(..) | Done::Looked | Done::Nothing);
        if is_written == is_silent {
            return Err(format!("{act:?} moved the journal from {} to {}", before.seq, after.seq));
        }
        self.tally.ops += u64::from(is_written);
        self.passed(number, act);
        match done {
            Done::Sold(order) => self.sold(number, name, &order, act),
            Done::Ordered(order) => self.ordered(number, name, &order, act),
            Done::Noted { key, delta } => self.noted(number, name, act, key.map(|key| (key, delta))),
            Done::Sent { code, key, units } => self.sent(number, name, act, code, (key, units)),
            Done::Cart(cart, shown) => {
                self.filled(number, cart, act, &shown)?;
                self.expect(number, &[])
            }
            Done::Nothing => self.expect(number, &[]),
            Done::Looked => {
                self.looked(number, act);
                self.expect(number, &[])
            }
            Done::Customer(user) => {
                self.ledger.customers.push(user);
                self.ledger.explained.insert(ConcernKind::EmailTaken);
                self.write(number, name, Vec::new(), Vec::new());
                self.expect(number, &[])
            }
            Done::Advanced(order) => self.advanced(number, name, &order),
            Done::Returned(back) => self.returned(number, name, &back, act),
        }
    }

    /// The op is in the journal for good.
    pub(super) fn write(&mut self, number: usize, name: Name, moved: Units, taken: Units) -> usize {
        self.happened(number, Happened { name, moved, taken, is_count: false, hands_over: None, may_be_lost: false })
    }

    pub(super) fn happened(&mut self, number: usize, op: Happened) -> usize {
        if self.spots[number].card.is_home && self.is_lost(number) {
            self.ledger.allow(&op.moved);
        }
        self.ledger.happened(op, &mut self.spots[number].disk)
    }

    fn sold(&mut self, number: usize, name: Name, order: &Order, act: &Act) -> Check {
        self.tally.sales += 1;
        if self.spots[number].is_told_off || self.is_retired(number) {
            return Err(format!(
                "{} has heard that it is to sell nothing, and sold {order:?}",
                self.spots[number].card.name
            ));
        }
        let lines: Vec<_> = order.items.iter().map(|item| (item.product_id, item.quantity.units())).collect();
        if let Act::Sell { lines: wanted, .. } | Act::ShipHeld { lines: wanted, .. } | Act::Order { lines: wanted, .. } =
            act
            && *wanted != lines
        {
            return Err(format!("{wanted:?} were wanted, and {lines:?} sold"));
        }
        order.check_sums(self.spots[number].card.currency).map_err(|fault| format!("the receipt is wrong: {fault}"))?;
        let taken = self.units(number, &lines);
        self.strict_is_strict(number, &taken)?;
        self.beyond_the_allotment(number, &taken);
        let op = match order.fulfilment {
            Fulfilment::CarryOut => {
                let moved: Units = taken.iter().map(|(key, units)| (*key, -units)).collect();
                let op = self.write(number, name, moved.clone(), taken);
                self.expect(number, &moved)?;
                op
            }
            Fulfilment::Ship => {
                let op = self.write(number, name, Vec::new(), taken.clone());
                let owed = Owed {
                    lines: taken,
                    warehouse_id: order.warehouse_id,
                    has_left: false,
                    is_cancelled: false,
                    awaits: None,
                    told: vec![(order.status, op)],
                    asks: Vec::new(),
                };
                self.ledger.owed.insert(order.order_id, owed);
                self.expect(number, &[])?;
                op
            }
        };
        self.ledger.orders.insert(order.order_id, op);
        if let Act::ShipHeld { hold, .. } = act {
            self.ledger.used.push((*hold, order.warehouse_id, op));
        }
        self.printed(number, &order.receipt, op)?;
        self.ledger.sold.push(order.clone());
        if let Act::CheckOut { cart } = act {
            for (product, units) in lines {
                let line = self.ledger.filled.entry((*cart, product)).or_default();
                line.sold += units;
                line.change(number, |_| 0);
            }
        }
        Ok(())
    }

    /// An old copy that has heard nobody cannot know which numbers its younger self gave away, and nobody can of what
    /// is lost with the disk.
    pub(super) fn printed(&mut self, number: usize, receipt: &Receipt, op: usize) -> Check {
        let former = self.ledger.receipts.insert(receipt.to_string(), op);
        let life = self.ledger.ops[op].name.life;
        let counts_so = *self.ledger.prefixes.entry(receipt.prefix.clone()).or_insert(life);
        if counts_so != life {
            return Err(format!("receipt {receipt} of {life} is counted as {counts_so} counts its own"));
        }
        // What a database had told and forgot it may tell otherwise.
        let told = self.book.prefixes.get(&life).filter(|_| self.tally.office_put_back == 0);
        if told.is_some_and(|told| !receipt.prefix.starts_with(told)) {
            return Err(format!("receipt {receipt} is of {life}, whose receipts begin with {told:?}"));
        }
        let spot = &self.spots[number];
        let is_unknown = |former: usize| spot.doubtful_life == Some(spot.life) || self.ledger.ops[former].may_be_lost;
        match former.is_some_and(|former| !is_unknown(former)) {
            true => Err(format!("receipt {receipt} was printed twice")),
            false => Ok(()),
        }
    }

    /// What a till sells beyond its allotment, because the goods were in the customer's hand, was promised to
    /// others perhaps.
    pub(super) fn beyond_the_allotment(&mut self, number: usize, taken: &[(StockKey, i64)]) {
        let open = &self.spots[number].open;
        let beyond: Units =
            taken.iter().map(|(key, units)| (*key, units - open.get(key).copied().unwrap_or(0))).collect();
        self.ledger.allow(&beyond);
    }

    fn noted(&mut self, number: usize, name: Name, act: &Act, moved: Option<(StockKey, i64)>) -> Check {
        let moved: Units = moved.into_iter().collect();
        match act {
            Act::Receive { product, units } | Act::ReceiveOf { product, units, .. } => {
                let expected = vec![(self.key(number, *product), *units)];
                if moved != expected {
                    return Err(format!("{act:?} moved {moved:?}"));
                }
                let op = self.write(number, name, moved.clone(), Vec::new());
                let of = if let Act::ReceiveOf { delivery, .. } = act { Some(*delivery) } else { None };
                self.took_in(number, op, (*product, *units), of);
            }
            Act::UndoReceipt => {
                let expected = self.last_receipt(number).map(|(_, key, units)| vec![(key, -units)]);
                if expected.as_ref() != Some(&moved) {
                    return Err(format!("the last receipt is {expected:?}, and taking it back moved {moved:?}"));
                }
                let taken = self.sent_back(number, &moved);
                self.undid(number, name, moved.clone(), taken);
            }
            Act::Adjust { product, delta, .. } => {
                let expected = vec![(self.key(number, *product), *delta)];
                if moved != expected {
                    return Err(format!("{act:?} moved {moved:?}"));
                }
                let taken = self.adjusted(number, &moved);
                self.write(number, name, moved.clone(), taken);
            }
            Act::Arrive { code, product, units, damaged, .. } => {
                let expected = vec![(self.key(number, *product), units - damaged)];
                let wanted: Units = expected.into_iter().filter(|(_, delta)| *delta != 0).collect();
                if moved.iter().filter(|(_, delta)| *delta != 0).copied().collect::<Units>() != wanted {
                    return Err(format!("{act:?} moved {moved:?}"));
                }
                let op = self.write(number, name, moved.clone(), Vec::new());
                self.unloaded(op, code, *product, *units);
            }
            Act::Count { product, .. } => {
                let key = self.key(number, *product);
                // A till that does not know all that it did mistakes that for a difference.
                if self.is_doubtful(key) {
                    let seen: Units = moved.iter().map(|(key, delta)| (*key, delta.abs())).collect();
                    self.ledger.allow(&seen);
                }
                let taken = moved.iter().map(|(key, delta)| (*key, (-delta).max(0))).collect();
                let moved = moved.clone();
                self.counted(number, key);
                let op = self.happened(
                    number,
                    Happened { name, moved, taken, is_count: true, hands_over: None, may_be_lost: false },
                );
                self.cut(number, op, act);
            }
            Act::Cancel { order } => {
                let op = self.write(number, name, Vec::new(), Vec::new());
                self.ledger.owed.entry(*order).and_modify(|owed| owed.asks.push(op));
            }
            Act::Leave => {
                let op = self.write(number, name, Vec::new(), Vec::new());
                self.spots[number].closings.push(op);
            }
            Act::GiveBack { .. }
            | Act::GiveBackAll
            | Act::Ask { .. }
            | Act::Look { .. }
            | Act::Dispatch { .. }
            | Act::Sell { .. }
            | Act::ShipHeld { .. }
            | Act::Order { .. }
            | Act::BeginCart
            | Act::Add { .. }
            | Act::Take { .. }
            | Act::Remove { .. }
            | Act::CheckOut { .. }
            | Act::Advance { .. }
            | Act::TakeBack { .. }
            | Act::Customer { .. } => {
                self.write(number, name, Vec::new(), Vec::new());
            }
        }
        self.expect(number, &moved)
    }

    /// What an adjustment took from the till's allotment. What breaks or is lost was promised to somebody perhaps:
    /// that is as it is, and head office sees it.
    pub(super) fn adjusted(&mut self, number: usize, moved: &[(StockKey, i64)]) -> Units {
        let gone: Units = moved.iter().map(|(key, delta)| (*key, (-delta).max(0))).collect();
        if self.spots[number].card.is_home {
            self.beyond_the_allotment(number, &gone);
            gone
        } else {
            self.ledger.allow(&gone);
            Vec::new()
        }
    }

    /// Whether a till that sells from this row may not know all that was done there in its name.
    fn is_doubtful(&self, key: StockKey) -> bool {
        let here = |spot: &&super::Spot<D>| spot.card.warehouse_id == key.warehouse_id;
        self.spots.iter().filter(here).any(|spot| spot.is_doubtful)
    }

    /// What a till shows changed by exactly this since it was last looked at.
    pub(super) fn expect(&mut self, number: usize, moved: &[(StockKey, i64)]) -> Check {
        let before = self.spots[number].shown.clone();
        self.look(number);
        let spot = &self.spots[number];
        for (key, level) in &spot.shown {
            let was = before.get(key).copied().unwrap_or_default();
            let delta: i64 = moved.iter().filter(|(of, _)| of == key).map(|(_, delta)| delta).sum();
            if level.balance != was.balance + delta {
                return Err(format!(
                    "{} showed {was:?} of {key:?}, moved {delta}, and shows {level:?}",
                    spot.card.name
                ));
            }
        }
        self.check()
    }
}

/// The last entry of a till's journal.
pub(super) fn standing(device: &impl crate::device::Device) -> Check<Mark> {
    device.standing().map(|standing| standing.head).map_err(|error| format!("a journal cannot be read: {error}"))
}
