//! Orders and payments: content with one author that never changes, and statuses that only rise.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    fault::Fault,
    id::{AddressId, NodeId, OrderId, OrderItemId, PaymentId, ProductId, UserId, WarehouseId},
    money::{Currency, Money, line_total},
    quantity::{AMOUNT_MAX, Amount},
    text,
};

/// An order has at most this many lines; the longest in real giftware data has 1,114.
pub const LINES_MAX: usize = 2_000;

/// An order has at most this many payments: split tenders, change, refunds by line.
pub const PAYMENTS_MAX: usize = 100;

/// Where an order stands. The highest ever told wins, so any order of arrival ends the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Written down.
    Pending,
    /// Paid or packed.
    Processed,
    /// Called off before anything was handed over.
    Cancelled,
    /// On its way: a physical fact, which beats a cancellation.
    Shipped,
    /// In the customer's hands.
    Delivered,
}

/// Where a payment stands; like [`OrderStatus`], the highest ever told wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Waiting for the terminal or gateway.
    Pending,
    /// Refused.
    Failed,
    /// The money is there.
    Succeeded,
    /// Given back in full.
    Refunded,
}

/// How money changes hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tender {
    /// Notes and coins taken in.
    Cash,
    /// By card; the terminal's reference tells which transaction, never the card's number.
    Card,
    /// Notes and coins given back at the sale: a negative amount.
    Change,
}

/// How the goods reach the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fulfilment {
    /// In the customer's hand: they leave the book in the sale itself.
    CarryOut,
    /// To be handed over later: promised until then.
    Ship,
}

/// The number on the receipt: the node's prefix and its own counter, dense from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// The node's prefix, unique in the network.
    pub prefix: String,
    /// Counts the node's receipts.
    pub number: i64,
}

impl Receipt {
    /// Stands for the id of the order with this receipt, for whoever knows no more of it: the first 16 bytes of the
    /// SHA-256 of the number as it is printed.
    pub fn stand_in(&self) -> OrderId {
        let [bytes @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]: [u8; 32] =
            Sha256::digest(self.to_string()).into();
        OrderId(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.prefix, self.number)
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderItem {
    /// Its id.
    pub order_item_id: OrderItemId,
    /// What.
    pub product_id: ProductId,
    /// How much, in the product's unit.
    pub quantity: Amount,
    /// The price of `price_per` units, as it was shown.
    pub unit_price: Money,
    /// How many units that price buys.
    pub price_per: i64,
}

/// One payment of an order, or a part given back (negative).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub payment_id: PaymentId,
    /// How much; negative for change and refunds.
    pub amount: Money,
    /// In which currency; the network's.
    pub currency: Currency,
    /// How.
    pub tender: Tender,
    /// Where it stands.
    pub status: PaymentStatus,
    /// The terminal's or gateway's reference.
    pub transaction_ref: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status last rose.
    pub updated_at: Timestamp,
}

/// An order with its items and payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Who buys; the well-known guest if nobody gave a name.
    pub user_id: UserId,
    /// The sum of its lines.
    pub total_amount: Money,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where the goods go.
    pub shipping_address_id: Option<AddressId>,
    /// Where the bill goes.
    pub billing_address_id: Option<AddressId>,
    /// The first payment.
    pub payment_id: Option<PaymentId>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When its status last rose.
    pub updated_at: Timestamp,
    /// The number on the receipt.
    pub receipt: Receipt,
    /// Its author.
    pub node_id: NodeId,
    /// Whose stock it sells.
    pub warehouse_id: WarehouseId,
    /// How the goods reach the customer.
    pub fulfilment: Fulfilment,
    /// Its lines.
    pub items: Vec<OrderItem>,
    /// Its payments.
    pub payments: Vec<Payment>,
}

impl Order {
    /// The sum of the lines, each rounded once.
    ///
    /// # Errors
    /// [`Fault::MoneyOutOfRange`] or [`Fault::AmountOutOfRange`] from a line that cannot be.
    pub fn sum_of_lines(&self, currency: Currency) -> Result<Money, Fault> {
        self.items.iter().try_fold(Money::ZERO, |total, item| {
            let line = line_total(item.unit_price, item.quantity, item.price_per, currency)?;
            total.checked_add(line).ok_or(Fault::MoneyOutOfRange)
        })
    }

    /// What was paid less what was given back, of the payments that count.
    pub fn paid(&self) -> Money {
        self.payments
            .iter()
            .filter(|payment| payment.status >= PaymentStatus::Succeeded)
            .map(|payment| payment.amount)
            .sum()
    }

    /// Checks the shape that no order can do without: bounds, not expectations.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check_shape(&self) -> Result<(), Fault> {
        if self.items.is_empty() {
            return Err(Fault::NoLines);
        }
        at_most(self.items.len(), LINES_MAX)?;
        at_most(self.payments.len(), PAYMENTS_MAX)?;
        if self.items.iter().any(|item| item.unit_price.is_negative()) {
            return Err(Fault::NegativePrice);
        }
        if let Some(item) = self.items.iter().find(|item| !(1..=AMOUNT_MAX).contains(&item.price_per)) {
            return Err(Fault::AmountOutOfRange { units: item.price_per });
        }
        let mut ids: Vec<_> = self.items.iter().map(|item| item.order_item_id.0).collect();
        ids.extend(self.payments.iter().map(|payment| payment.payment_id.0));
        ids.sort_unstable();
        if !ids.is_sorted_by(|one, next| one < next) {
            return Err(Fault::IdTwice);
        }
        if self.payment_id.is_some_and(|first| self.payments.iter().all(|payment| payment.payment_id != first)) {
            return Err(Fault::PaymentsMismatch);
        }
        text::require("receipt", &self.receipt.prefix, text::LINE_MAX)?;
        for payment in &self.payments {
            text::check("transaction_ref", payment.transaction_ref.as_deref().unwrap_or(""), text::LINE_MAX)?;
        }
        Ok(())
    }

    /// Checks what an honest till always satisfies: the total is the sum of its lines, one currency,
    /// and a carried-out sale is paid exactly. A fact that fails this is accepted, with a concern.
    ///
    /// # Errors
    /// [`Fault::TotalMismatch`], [`Fault::OtherCurrency`], [`Fault::PaymentsMismatch`], or what
    /// [`Order::sum_of_lines`] finds.
    pub fn check_sums(&self, currency: Currency) -> Result<(), Fault> {
        if self.payments.iter().any(|payment| payment.currency != currency) {
            return Err(Fault::OtherCurrency);
        }
        if self.sum_of_lines(currency)? != self.total_amount {
            return Err(Fault::TotalMismatch);
        }
        match self.fulfilment {
            Fulfilment::CarryOut if self.paid() != self.total_amount => Err(Fault::PaymentsMismatch),
            Fulfilment::CarryOut | Fulfilment::Ship => Ok(()),
        }
    }

    /// Whether its goods are promised now: to be handed over, and neither handed over nor called off.
    pub fn is_promised(&self) -> bool {
        is_promised(self.fulfilment, self.status)
    }
}

/// Whether goods of an order with this fulfilment and status are promised.
pub fn is_promised(fulfilment: Fulfilment, status: OrderStatus) -> bool {
    match (fulfilment, status) {
        (Fulfilment::Ship, OrderStatus::Pending | OrderStatus::Processed) => true,
        (Fulfilment::Ship, OrderStatus::Cancelled | OrderStatus::Shipped | OrderStatus::Delivered)
        | (
            Fulfilment::CarryOut,
            OrderStatus::Pending
            | OrderStatus::Processed
            | OrderStatus::Cancelled
            | OrderStatus::Shipped
            | OrderStatus::Delivered,
        ) => false,
    }
}

fn at_most(count: usize, max: usize) -> Result<(), Fault> {
    if count > max { Err(Fault::TooManyLines { count, max }) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uuid::Uuid;

    /// An order of `(amount, price)` lines, paid in cash.
    pub(crate) fn order(lines: &[(i64, &str)]) -> Order {
        let currency: Currency = "USD".parse().expect("currency");
        let at = Timestamp::from_micros(1);
        let items: Vec<OrderItem> = lines
            .iter()
            .zip(1u128..)
            .map(|(&(amount, price), number)| OrderItem {
                order_item_id: OrderItemId(Uuid::from_u128(100 + number)),
                product_id: ProductId(Uuid::from_u128(number)),
                quantity: Amount::new(amount).expect("amount"),
                unit_price: price.parse().expect("price"),
                price_per: 1,
            })
            .collect();
        let mut order = Order {
            order_id: OrderId(Uuid::from_u128(9)),
            user_id: UserId::GUEST,
            total_amount: Money::ZERO,
            status: OrderStatus::Delivered,
            shipping_address_id: None,
            billing_address_id: None,
            payment_id: Some(PaymentId(Uuid::from_u128(10))),
            created_at: at,
            updated_at: at,
            receipt: Receipt { prefix: "K1".to_owned(), number: 1 },
            node_id: NodeId(Uuid::from_u128(11)),
            warehouse_id: WarehouseId(Uuid::from_u128(12)),
            fulfilment: Fulfilment::CarryOut,
            items,
            payments: vec![],
        };
        order.total_amount = order.sum_of_lines(currency).expect("a sum");
        order.payments.push(Payment {
            payment_id: PaymentId(Uuid::from_u128(10)),
            amount: order.total_amount,
            currency,
            tender: Tender::Cash,
            status: PaymentStatus::Succeeded,
            transaction_ref: None,
            created_at: at,
            updated_at: at,
        });
        order
    }

    #[test]
    fn physical_facts_beat_words() {
        use OrderStatus::{Cancelled, Delivered, Pending, Processed, Shipped};
        assert!(Pending < Processed && Processed < Cancelled && Cancelled < Shipped && Shipped < Delivered);
        assert!(PaymentStatus::Failed < PaymentStatus::Succeeded && PaymentStatus::Succeeded < PaymentStatus::Refunded);
    }

    #[test]
    fn an_honest_order_adds_up() {
        let usd: Currency = "USD".parse().expect("currency");
        let eur: Currency = "EUR".parse().expect("currency");
        let honest = order(&[(3, "3.49"), (1, "0.50")]);
        assert_eq!(honest.total_amount.to_string(), "10.97");
        assert_eq!(honest.check_sums(usd), Ok(()));
        assert_eq!(honest.check_sums(eur), Err(Fault::OtherCurrency));

        let mut wrong_total = honest.clone();
        wrong_total.total_amount = "11.00".parse().expect("money");
        assert_eq!(wrong_total.check_sums(usd), Err(Fault::TotalMismatch));

        let mut unpaid = honest;
        unpaid.payments.clear();
        assert_eq!(unpaid.check_sums(usd), Err(Fault::PaymentsMismatch));
    }

    #[test]
    fn an_order_without_lines_has_no_shape() {
        let usd: Currency = "USD".parse().expect("currency");
        let empty = order(&[]);
        assert_eq!(empty.check_sums(usd), Ok(()));
        assert_eq!(empty.check_shape(), Err(Fault::NoLines));
    }
}
