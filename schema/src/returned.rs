//! Goods that come back, and the money given for them.
//!
//! An order's content has one author and never changes, so a return is a thing of its own: lines that name the
//! order's, and refunds, which are payments of a negative amount that name the one they give back. What came back of
//! an order is the sum over its returns ([`Bought`]), whoever took them.

mod bought;

use serde::{Deserialize, Serialize};

pub use self::bought::{Bought, BoughtLine, Captured, Excess};
use crate::{
    clock::Timestamp,
    fault::Fault,
    id::{NodeId, OrderId, OrderItemId, PaymentId, ProductId, ReturnId, UserId, WarehouseId},
    order::{LINES_MAX, PAYMENTS_MAX, Payment, PaymentStatus, Receipt},
    quantity::Amount,
    text,
};

/// What is done with goods that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// They are sold again.
    Shelf,
    /// They came back, and nobody can sell them.
    Damaged,
}

/// So much of one product that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnLine {
    /// The order's line; none where the till did not have the order, or if it has no such line.
    pub order_item_id: Option<OrderItemId>,
    /// What.
    pub product_id: ProductId,
    /// How much, in the product's unit.
    pub quantity: Amount,
    /// What is done with it.
    pub condition: Condition,
}

/// Money that was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The payment that it gives back; none where the till did not have the order.
    pub refunds: Option<PaymentId>,
    /// How: a payment of a negative amount, which has been made.
    pub payment: Payment,
}

/// Goods that came back to one place at one moment, and what was given for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Its id.
    pub return_id: ReturnId,
    /// The order; [`Receipt::stand_in`] of its receipt where the till did not have it.
    pub order_id: OrderId,
    /// Who bought; the guest where the till did not have the order.
    pub user_id: UserId,
    /// The number on the receipt that the customer showed.
    pub order_receipt: Receipt,
    /// The number on the receipt of the return.
    pub receipt: Receipt,
    /// Its author.
    pub node_id: NodeId,
    /// Where the goods are now.
    pub warehouse_id: WarehouseId,
    /// Who took them back, if somebody said so.
    pub taken_by: Option<UserId>,
    /// Why, in words; may be empty.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
    /// What came back; none if only money was given.
    pub lines: Vec<ReturnLine>,
    /// What was given; none if nothing was.
    pub refunds: Vec<Refund>,
}

impl Return {
    /// Whether it names its order by the receipt alone.
    pub fn is_by_receipt(&self) -> bool {
        self.order_id == self.order_receipt.stand_in()
    }

    /// Checks the bounds that no return may break, whatever the shop's book says.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        if self.lines.is_empty() && self.refunds.is_empty() {
            return Err(Fault::NoLines);
        }
        at_most(self.lines.len(), LINES_MAX)?;
        at_most(self.refunds.len(), PAYMENTS_MAX)?;
        let given = |refund: &Refund| refund.payment.amount.is_negative();
        if !self.refunds.iter().all(|refund| given(refund) && refund.payment.status == PaymentStatus::Succeeded) {
            return Err(Fault::NoRefund);
        }
        let mut ids: Vec<_> = self.refunds.iter().map(|refund| refund.payment.payment_id).collect();
        ids.sort_unstable();
        if !ids.is_sorted_by(|one, next| one < next) {
            return Err(Fault::IdTwice);
        }
        text::require("receipt", &self.receipt.prefix, text::LINE_MAX)?;
        text::require("receipt", &self.order_receipt.prefix, text::LINE_MAX)?;
        for refund in &self.refunds {
            text::check("transaction_ref", refund.payment.transaction_ref.as_deref().unwrap_or(""), text::LINE_MAX)?;
        }
        text::check("reason", &self.reason, text::PROSE_MAX)
    }
}

fn at_most(count: usize, max: usize) -> Result<(), Fault> {
    if count > max { Err(Fault::TooManyLines { count, max }) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::order::{Order, Tender, tests::order};

    /// A return of so many units of lines of an order, by place, and of so much of its first payment.
    pub(crate) fn back(number: u128, of: &Order, lines: &[(usize, i64)], refund: Option<&str>) -> Return {
        let line = |(place, units): &(usize, i64)| ReturnLine {
            order_item_id: Some(of.items[*place].order_item_id),
            product_id: of.items[*place].product_id,
            quantity: Amount::new(*units).expect("an amount"),
            condition: Condition::Shelf,
        };
        let payment = |amount: &str| Payment {
            payment_id: PaymentId(Uuid::from_u128(1_000 + number)),
            amount: -amount.parse::<crate::money::Money>().expect("money"),
            tender: Tender::Cash,
            ..of.payments[0].clone()
        };
        let refunds = refund.map(|amount| Refund { refunds: of.payment_id, payment: payment(amount) });
        Return {
            return_id: ReturnId(Uuid::from_u128(900 + number)),
            order_id: of.order_id,
            user_id: of.user_id,
            order_receipt: of.receipt.clone(),
            receipt: Receipt { prefix: "K2".to_owned(), number: 1 },
            node_id: of.node_id,
            warehouse_id: of.warehouse_id,
            taken_by: None,
            reason: "too small".to_owned(),
            created_at: of.created_at,
            lines: lines.iter().map(line).collect(),
            refunds: refunds.into_iter().collect(),
        }
    }

    #[test]
    fn a_return_gives_goods_or_money_back() {
        let sold = order(&[(2, "1.25")]);
        let sound = back(1, &sold, &[(0, 2)], Some("2.50"));
        assert_eq!(sound.check(), Ok(()));
        assert_eq!(back(1, &sold, &[], Some("2.50")).check(), Ok(()));
        assert_eq!(back(1, &sold, &[], None).check(), Err(Fault::NoLines));
        let mut takes = sound.clone();
        takes.refunds[0].payment.amount = "2.50".parse().expect("money");
        assert_eq!(takes.check(), Err(Fault::NoRefund));
        let mut promises = sound.clone();
        promises.refunds[0].payment.status = PaymentStatus::Pending;
        assert_eq!(promises.check(), Err(Fault::NoRefund));
        let mut twice = sound.clone();
        twice.refunds.push(sound.refunds[0].clone());
        assert_eq!(twice.check(), Err(Fault::IdTwice));
        let long = Return { reason: "x".repeat(text::PROSE_MAX + 1), ..sound };
        assert_eq!(long.check(), Err(Fault::TooLong { field: "reason", max: text::PROSE_MAX }));
    }

    #[test]
    fn an_order_can_be_named_by_its_receipt_alone() {
        let sold = order(&[(2, "1.25")]);
        let by_receipt = Return { order_id: sold.receipt.stand_in(), ..back(1, &sold, &[(0, 2)], None) };
        assert!(by_receipt.is_by_receipt() && !back(1, &sold, &[(0, 2)], None).is_by_receipt());
        let other = Receipt { number: 2, ..sold.receipt.clone() };
        assert_ne!(other.stand_in(), sold.receipt.stand_in());
    }
}
