//! Goods that came back, and the money given for them. Both have happened, so both are booked whatever the book says;
//! what goes beyond the order, over all that took of it back, is one concern of its kind.

use serde_json::json;

use super::{
    decide::{At, Batch, Decision, nothing_lacked},
    raised::PARTS,
};
use crate::{
    id::OrderId,
    money::Money,
    planted::{Bug, is_planted},
    returned::{Condition, Excess, Return, ReturnLine},
    stock::{Reason, StockKey},
    verdict::{ConcernKind, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn returned(&mut self, at: At, mut back: Return) -> Decision {
        self.may_act_at(back.warehouse_id)?;
        if back.node_id != self.author.node_id {
            return Err(SetAside::NoRight);
        }
        if self.known.returns.contains(&back.return_id) {
            return Err(SetAside::IdTaken { id: back.return_id.0 });
        }
        let order_id = self.known.order_of(&back);
        let mut lacks = self.lacked_goods(back.warehouse_id, back.lines.iter().map(|line| line.product_id));
        lacks.extend(order_id.is_none().then_some(back.order_id.0));
        if is_planted(Bug::LostSavepoint) && !lacks.is_empty() {
            self.goods_come_back(at, &back);
        }
        nothing_lacked(lacks)?;
        let taken = order_id.and_then(|order_id| self.known.bought.get(&order_id)).map(|bought| &bought.taken);
        let ids = back.refunds.iter().map(|refund| refund.payment.payment_id);
        if let Some(id) = ids.into_iter().find(|id| taken.is_some_and(|taken| taken.contains(id))) {
            return Err(SetAside::IdTaken { id: id.0 });
        }
        self.has_room(back.warehouse_id, back.lines.iter().map(|line| line.product_id))?;
        self.goods_come_back(at, &back);
        self.known.returns.insert(back.return_id);
        if let Some(order_id) = order_id {
            back.order_id = order_id;
            self.take_back(at, &mut back);
        }
        self.settled.returns.push((at.seq, back));
        Ok(Verdict::Accepted)
    }

    /// What comes back is in the building. What nobody can sell is taken out of the book at once, each with its
    /// reason.
    fn goods_come_back(&mut self, at: At, back: &Return) {
        for (ReturnLine { product_id, quantity, condition, .. }, number) in back.lines.iter().zip(0..) {
            let key = StockKey { product_id: *product_id, warehouse_id: back.warehouse_id };
            let damaged = match condition {
                Condition::Damaged if !is_planted(Bug::DamagedPutOnShelf) => quantity.units(),
                Condition::Shelf | Condition::Damaged => 0,
            };
            self.own_what_came(key, quantity.units(), damaged);
            self.move_stock(at, 2 * number, key, quantity.units(), Reason::Returned);
            self.move_stock(at, 2 * number + 1, key, -damaged, Reason::Damaged);
        }
    }

    /// What is left of the order gets less; its parts get their names where the till did not know them.
    fn take_back(&mut self, at: At, back: &mut Return) {
        let currency = self.known.currency;
        let Some(bought) = self.known.bought.get_mut(&back.order_id) else { return };
        back.user_id = bought.user_id;
        bought.name_parts(back);
        let before: Vec<_> = bought.refunded().collect();
        let excess = bought.take_back(back, currency);
        let refunded: Vec<_> = bought.refunded().filter(|payment| !before.contains(payment)).collect();
        let refunded = refunded.into_iter().map(|payment| ((back.order_id, payment), back.created_at));
        self.settled.refunded.extend(refunded);
        self.look_at_excess(at.seq, back, &excess);
        if back.refunds.iter().any(|refund| refund.payment.currency != currency) {
            let detail = json!({ "order": back.order_id, "return": back.receipt.to_string() });
            let (kind, subject) = (ConcernKind::OtherCurrency, back.return_id.to_string());
            self.raise(kind, subject, detail, back.warehouse_id.0, Some(at.seq));
        }
    }

    fn look_at_excess(&mut self, seq: i64, back: &Return, excess: &Excess) {
        let (subject, scope) = (back.order_id.to_string(), back.warehouse_id.0);
        let with_part = |name: &str, value: serde_json::Value| {
            let part = json!({ "return": back.receipt.to_string(), "node": back.node_id, name: value });
            json!({ "order": back.order_id, "receipt": back.order_receipt.to_string(), PARTS: [part] })
        };
        if !excess.units.is_empty() {
            let detail = with_part("units", json!(excess.units));
            self.raise(ConcernKind::ReturnedTwice, subject.clone(), detail, scope, Some(seq));
        }
        if excess.money > Money::ZERO {
            let detail = with_part("money", json!(excess.money));
            self.raise(ConcernKind::RefundedTooMuch, subject, detail, scope, Some(seq));
        }
    }
}

impl super::Known {
    /// The order of a return, named by its id or by its receipt.
    fn order_of(&self, back: &Return) -> Option<OrderId> {
        let by_receipt = || self.receipts.get(&back.order_id).filter(|_| back.is_by_receipt());
        self.bought.contains_key(&back.order_id).then_some(back.order_id).or_else(|| by_receipt().copied())
    }
}

#[cfg(test)]
mod tests;
