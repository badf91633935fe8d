//! Sales, and what becomes of their orders.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use super::{
    KnownOrder,
    decide::{At, Batch, Decision, nothing_lacked},
    holds::take,
    raised::PARTS,
};
use crate::{
    cart::Sold,
    fault::Fault,
    feed::Confirmation,
    id::OrderId,
    op::{Cancel, Line, Sale, StatusTold},
    order::{Fulfilment, Order, OrderStatus, is_promised},
    planted::{Bug, is_planted},
    returned::Bought,
    stock::{Reason, StockKey},
    verdict::{ConcernKind, Refusal, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn sale(&mut self, at: At, sale: Sale) -> Decision {
        let Sale { order, sold, holds, to_be_confirmed } = sale;
        self.may_act_at(order.warehouse_id)?;
        if order.node_id != self.author.node_id {
            return Err(SetAside::NoRight);
        }
        if self.known.orders.contains_key(&order.order_id) {
            return Err(SetAside::IdTaken { id: order.order_id.0 });
        }
        let mut lacks = self.lacked_goods(order.warehouse_id, order.items.iter().map(|item| item.product_id));
        lacks.extend((!self.known.users.contains(&order.user_id)).then_some(order.user_id.0));
        let addresses = order.shipping_address_id.iter().chain(&order.billing_address_id);
        lacks.extend(addresses.filter(|id| !self.known.addresses.contains(id)).map(|id| id.0));
        let lines =
            order.items.iter().map(|item| Line { product_id: item.product_id, amount: item.quantity }).collect();
        let known =
            KnownOrder { warehouse_id: order.warehouse_id, fulfilment: order.fulfilment, status: order.status, lines };
        if is_planted(Bug::LostSavepoint) && !lacks.is_empty() {
            self.take_goods(at, &known, BTreeMap::new());
        }
        nothing_lacked(lacks)?;
        self.has_room(order.warehouse_id, order.items.iter().map(|item| item.product_id))?;
        let covered = self.use_up(&order, &holds);
        self.take_goods(at, &known, covered);
        self.known.orders.insert(order.order_id, known);
        self.known.bought.insert(order.order_id, Bought::of(&order, self.known.currency));
        self.known.receipts.entry(order.receipt.stand_in()).or_insert(order.order_id);
        self.look_at_sums(at.seq, &order);
        if let Some(sold) = sold {
            self.claim_units(at.seq, &order, &sold);
        }
        if to_be_confirmed && order.fulfilment == Fulfilment::Ship {
            let Order { order_id, warehouse_id, created_at: asked_at, .. } = order;
            self.settled.awaited.push(Confirmation { order_id, warehouse_id, asked_at, confirmed_at: None });
        }
        self.settled.orders.push((at.seq, order));
        Ok(Verdict::Accepted)
    }

    /// Every unit of a new order leaves the allotment; it leaves the book too unless it is promised. What holds
    /// covered comes from these, so that the allotment is as it was.
    fn take_goods(&mut self, at: At, order: &KnownOrder, mut covered: BTreeMap<StockKey, i64>) {
        let has_left = order.fulfilment == Fulfilment::CarryOut || order.status >= OrderStatus::Shipped;
        for (line, number) in order.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            let units = line.amount.units();
            let held = covered.get_mut(&key).map_or(0, |rest| take(rest, units));
            self.change_allotment(key, |allotment| match held {
                0 => allotment.consume(units),
                _ => allotment.grant(held).consume(units),
            });
            self.note_sold(at, key, units);
            let is_unpromised = held > 0 && is_planted(Bug::HoldUsedUpUnpromised);
            if has_left {
                self.move_stock(at, number, key, -units, Reason::Sold);
            } else if is_promised(order.fulfilment, order.status) && !is_unpromised {
                self.promise(key, units);
            }
        }
    }

    pub(super) fn status_told(&mut self, at: At, told: StatusTold) -> Decision {
        let mut order = self.order(told.order_id.0, told.order_id)?;
        let hands_over = order.fulfilment == Fulfilment::Ship && told.status >= OrderStatus::Shipped;
        let leaves = hands_over && order.status < OrderStatus::Shipped;
        if hands_over && !leaves {
            let key = |line: &Line| StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            self.tell_rows_again(order.lines.iter().map(key).collect());
        }
        if told.status <= order.status && !is_planted(Bug::LatestStatusWins) {
            return Ok(Verdict::Accepted);
        }
        if leaves {
            self.hand_over(at, &order, told.called_off);
        }
        if leaves && order.status == OrderStatus::Cancelled {
            let detail = json!({ "order": told.order_id, "node": self.author.node_id });
            let scope = order.warehouse_id.0;
            self.raise(ConcernKind::ShippedThoughCancelled, told.order_id.to_string(), detail, scope, Some(at.seq));
        }
        order.status = told.status;
        self.settled.statuses.insert(told.order_id, (told.status, told.at));
        self.known.orders.insert(told.order_id, order);
        Ok(Verdict::Accepted)
    }

    /// The goods of an order leave the book, and its promise ends. If the till knew that it had been called
    /// off, the units were nobody's and count against it, in its own book and so in this one: what it may still
    /// sell is never less here than there.
    fn hand_over(&mut self, at: At, order: &KnownOrder, was_known_called_off: bool) {
        let was_promised = is_promised(order.fulfilment, order.status);
        for (line, number) in order.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            let units = line.amount.units();
            if was_promised {
                self.promise(key, -units);
            }
            if was_known_called_off {
                self.change_allotment(key, |allotment| allotment.consume(units));
            }
            self.move_stock(at, number, key, -units, Reason::Sold);
        }
    }

    pub(super) fn cancel_asked(&mut self, cancel: Cancel) -> Decision {
        let mut order = self.order(cancel.order_id.0, cancel.order_id)?;
        if order.status == OrderStatus::Cancelled {
            return Ok(Verdict::Refused(Refusal::AlreadyCancelled));
        }
        if !is_promised(order.fulfilment, order.status) {
            return Ok(Verdict::Refused(Refusal::AlreadyHandedOver));
        }
        for line in &order.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            self.promise(key, -line.amount.units());
        }
        order.status = OrderStatus::Cancelled;
        self.settled.statuses.insert(cancel.order_id, (OrderStatus::Cancelled, cancel.at));
        self.known.orders.insert(cancel.order_id, order);
        Ok(Verdict::Accepted)
    }

    pub(super) fn order(&self, id: Uuid, order_id: OrderId) -> Result<KnownOrder, SetAside> {
        let order = self.known.orders.get(&order_id).ok_or_else(|| SetAside::Lacks { ids: vec![id] })?;
        self.may_act_at(order.warehouse_id)?;
        self.has_room(order.warehouse_id, order.lines.iter().map(|line| line.product_id))?;
        Ok(order.clone())
    }

    fn look_at_sums(&mut self, seq: i64, order: &Order) {
        let kind = match order.check_sums(self.known.currency) {
            Ok(()) => return,
            Err(Fault::OtherCurrency) => ConcernKind::OtherCurrency,
            Err(Fault::PaymentsMismatch) => ConcernKind::PaymentsMismatch,
            Err(_) => ConcernKind::TotalMismatch,
        };
        let detail = json!({
            "order": order.order_id, "receipt": order.receipt.to_string(), "total": order.total_amount,
            "lines": order.sum_of_lines(self.known.currency).ok(), "paid": order.paid(),
        });
        self.raise(kind, order.order_id.to_string(), detail, order.warehouse_id.0, Some(seq));
    }

    fn claim_units(&mut self, seq: i64, order: &Order, sold: &Sold) {
        let mut twice = BTreeMap::new();
        for line in &sold.lines {
            let key = (sold.cart_id, line.product_id);
            let overlap = self.known.sold.entry(key).or_default().claim(line);
            self.settled.sold.insert(key);
            if overlap.units() > 0 {
                twice.insert(line.product_id.to_string(), overlap.units());
            }
        }
        if !twice.is_empty() {
            let part = json!({ "order": order.order_id, "receipt": order.receipt.to_string(), "units": twice });
            let detail = json!({ "cart": sold.cart_id, PARTS: [part] });
            let scope = order.warehouse_id.0;
            self.raise(ConcernKind::CartSoldTwice, sold.cart_id.to_string(), detail, scope, Some(seq));
        }
    }
}
