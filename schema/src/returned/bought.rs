//! An order as far as it can come back: what of each line and of each payment is left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Return, ReturnLine};
use crate::{
    id::{OrderItemId, PaymentId, ProductId, UserId, WarehouseId},
    money::{Currency, Money},
    order::{Order, OrderItem, Payment, PaymentStatus, Tender},
    planted::{Bug, is_planted},
    quantity::Amount,
};

/// A line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoughtLine {
    /// Which.
    pub order_item_id: OrderItemId,
    /// Of what.
    pub product_id: ProductId,
    /// How much was sold.
    pub sold: i64,
    /// How much came back; more than was sold if it came back twice.
    pub returned: i64,
}

/// A payment of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Which.
    pub payment_id: PaymentId,
    /// How it was paid.
    pub tender: Tender,
    /// What was taken, less the change that was given.
    pub captured: Money,
    /// What was given back of it, at least 0.
    pub refunded: Money,
}

/// An order, whoever sold it, and what came back of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// Who bought.
    pub user_id: UserId,
    /// Whose stock it sold.
    pub warehouse_id: WarehouseId,
    /// Its lines, as they stand on the receipt.
    pub lines: Vec<BoughtLine>,
    /// The payments that took money.
    pub payments: Vec<Captured>,
    /// The ids of all its payments and refunds.
    pub taken: BTreeSet<PaymentId>,
}

/// What of a return goes beyond what was bought and paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    /// Units that were not sold, or came back before.
    pub units: BTreeMap<ProductId, i64>,
    /// Money that was not taken, or given back before.
    pub money: Money,
}

impl BoughtLine {
    /// How much can still come back.
    pub fn left(&self) -> i64 {
        (self.sold - self.returned).max(0)
    }
}

impl Captured {
    /// How much can still be given back.
    pub fn left(&self) -> Money {
        (self.captured - self.refunded).max(Money::ZERO)
    }

    /// Whether all of it was given back.
    pub fn is_refunded(&self) -> bool {
        self.captured > Money::ZERO && self.refunded >= self.captured
    }
}

impl Bought {
    /// An order of which nothing has come back.
    pub fn of(order: &Order, currency: Currency) -> Self {
        Self::of_parts((order.user_id, order.warehouse_id), &order.items, &order.payments, currency)
    }

    /// The same, by its parts: who bought and where, what, and how it was paid.
    pub fn of_parts(
        (user_id, warehouse_id): (UserId, WarehouseId),
        items: &[OrderItem],
        payments: &[Payment],
        currency: Currency,
    ) -> Self {
        let line = |item: &OrderItem| BoughtLine {
            order_item_id: item.order_item_id,
            product_id: item.product_id,
            sold: item.quantity.units(),
            returned: 0,
        };
        let taken = payments.iter().map(|payment| payment.payment_id).collect();
        Self {
            user_id,
            warehouse_id,
            lines: items.iter().map(line).collect(),
            payments: captured(payments, currency),
            taken,
        }
    }

    /// So much of a line came back before.
    pub fn note_returned(&mut self, order_item_id: OrderItemId, units: i64) {
        for line in self.lines.iter_mut().filter(|line| line.order_item_id == order_item_id) {
            line.returned = line.returned.saturating_add(units);
        }
    }

    /// This refund gave so much of a payment back before.
    pub fn note_refunded(&mut self, refund: PaymentId, of: Option<PaymentId>, amount: Money) {
        self.taken.insert(refund);
        for payment in self.payments.iter_mut().filter(|payment| Some(payment.payment_id) == of) {
            payment.refunded = [payment.refunded, amount].into_iter().sum();
        }
    }

    /// How much can still be given back of all payments.
    pub fn refundable(&self) -> Money {
        self.payments.iter().map(Captured::left).sum()
    }

    /// Finds the lines and payments that a till which did not have the order could not name: of a product the lines
    /// in their order, as far as something is left of them; of the payments one of which enough is left, best of the
    /// same tender.
    pub fn name_parts(&self, back: &mut Return) {
        let mut left = self.clone();
        let (named, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut back.lines).into_iter().partition(|line| line.order_item_id.is_some());
        named.iter().for_each(|line| left.take_line(line));
        back.lines = named;
        for line in open {
            let parts = left.parts_of(line);
            parts.iter().for_each(|part| left.take_line(part));
            back.lines.extend(parts);
        }
        for refund in back.refunds.iter_mut().filter(|refund| refund.refunds.is_none()) {
            let (tender, amount) = (refund.payment.tender, -refund.payment.amount);
            let fits = |paid: &&Captured| (paid.left() >= amount, paid.tender == tender, paid.left());
            refund.refunds = left.payments.iter().max_by_key(fits).map(|paid| paid.payment_id);
            left.give(refund.refunds, -refund.payment.amount);
        }
    }

    /// A line that names only a product, as parts of the order's lines. What is beyond all of them hangs on the last
    /// one, or on none if there is no such product on the order.
    fn parts_of(&self, line: ReturnLine) -> Vec<ReturnLine> {
        let mut rest = line.quantity.units();
        let mut parts: Vec<(Option<OrderItemId>, i64)> = Vec::new();
        for known in self.lines.iter().filter(|known| known.product_id == line.product_id) {
            let part = known.left().min(rest);
            rest -= part;
            parts.push((Some(known.order_item_id), part));
        }
        match parts.last_mut() {
            Some((_, last)) => *last += rest,
            None => parts.push((None, rest)),
        }
        let part = |(order_item_id, units)| {
            Amount::new(units).ok().map(|quantity| ReturnLine { order_item_id, quantity, ..line })
        };
        parts.into_iter().filter_map(part).collect()
    }

    /// Takes a return in, and says what of it goes beyond the order.
    pub fn take_back(&mut self, back: &Return, currency: Currency) -> Excess {
        let (units, money) = (self.units_beyond(), self.money_beyond());
        let mut excess = Excess::default();
        for line in &back.lines {
            if !self.lines.iter().any(|known| Some(known.order_item_id) == line.order_item_id) {
                *excess.units.entry(line.product_id).or_default() += line.quantity.units();
            }
            self.take_line(line);
        }
        for (product_id, beyond) in self.units_beyond() {
            let more = beyond - units.get(&product_id).copied().unwrap_or_default();
            if more > 0 {
                *excess.units.entry(product_id).or_default() += more;
            }
        }
        self.taken.extend(back.refunds.iter().map(|refund| refund.payment.payment_id));
        for refund in back.refunds.iter().filter(|refund| refund.payment.currency == currency) {
            if !self.give(refund.refunds, -refund.payment.amount) {
                excess.money = [excess.money, -refund.payment.amount].into_iter().sum();
            }
        }
        excess.money = [excess.money, self.money_beyond() - money].into_iter().sum();
        excess
    }

    /// The payments that are given back in full.
    pub fn refunded(&self) -> impl Iterator<Item = PaymentId> + '_ {
        self.payments.iter().filter(|payment| payment.is_refunded()).map(|payment| payment.payment_id)
    }

    fn take_line(&mut self, line: &ReturnLine) {
        let known = self.lines.iter_mut().find(|known| Some(known.order_item_id) == line.order_item_id);
        if let Some(known) = known {
            known.returned = known.returned.saturating_add(line.quantity.units());
        }
    }

    /// Gives so much of a payment back; false if there is no such payment.
    fn give(&mut self, payment_id: Option<PaymentId>, amount: Money) -> bool {
        let known = self.payments.iter_mut().find(|known| Some(known.payment_id) == payment_id);
        if let Some(known) = known {
            let before = if is_planted(Bug::RefundsCappedPerReturn) { Money::ZERO } else { known.refunded };
            known.refunded = [before, amount].into_iter().sum();
            return true;
        }
        false
    }

    fn units_beyond(&self) -> BTreeMap<ProductId, i64> {
        let mut beyond = BTreeMap::new();
        for line in &self.lines {
            *beyond.entry(line.product_id).or_default() += (line.returned - line.sold).max(0);
        }
        beyond
    }

    fn money_beyond(&self) -> Money {
        self.payments.iter().map(|payment| (payment.refunded - payment.captured).max(Money::ZERO)).sum()
    }
}

/// What each payment took. Change was given for cash, so it is taken off the largest notes first.
fn captured(payments: &[Payment], currency: Currency) -> Vec<Captured> {
    let counts = |payment: &&Payment| payment.status >= PaymentStatus::Succeeded && payment.currency == currency;
    let taken = payments.iter().filter(counts).filter(|payment| payment.amount > Money::ZERO);
    let mut captured: Vec<Captured> = taken
        .map(|payment| Captured {
            payment_id: payment.payment_id,
            tender: payment.tender,
            captured: payment.amount,
            refunded: Money::ZERO,
        })
        .collect();
    captured.sort_by_key(|payment| (payment.tender, -payment.captured, payment.payment_id));
    let mut change: Money =
        -payments.iter().filter(counts).map(|payment| payment.amount.min(Money::ZERO)).sum::<Money>();
    for payment in captured.iter_mut().filter(|payment| payment.tender == Tender::Cash) {
        let off = change.min(payment.captured);
        (payment.captured, change) = (payment.captured - off, change - off);
    }
    captured
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{order::tests::order, returned::tests::back};

    fn usd() -> Currency {
        "USD".parse().expect("a currency")
    }

    fn money(text: &str) -> Money {
        text.parse().expect("money")
    }

    /// Two lines, paid with a card and a note of twenty of which 5.03 were change.
    fn split() -> Order {
        let mut order = order(&[(3, "3.49"), (3, "6.50")]);
        let mut payment = |number: u128, amount: &str, tender| {
            let payment_id = PaymentId(Uuid::from_u128(20 + number));
            order.payments.push(Payment { payment_id, amount: money(amount), tender, ..order.payments[0].clone() });
        };
        payment(1, "15.00", Tender::Card);
        payment(2, "20.00", Tender::Cash);
        payment(3, "-5.03", Tender::Change);
        order.payments.remove(0);
        order.payment_id = Some(order.payments[0].payment_id);
        order.check_sums(usd()).expect("it adds up");
        order
    }

    #[test]
    fn what_was_taken_is_less_the_change() {
        let bought = Bought::of(&split(), usd());
        let taken: Vec<_> = bought.payments.iter().map(|paid| (paid.tender, paid.captured.to_string())).collect();
        assert_eq!(taken, [(Tender::Cash, "14.97".to_owned()), (Tender::Card, "15.00".to_owned())]);
        assert_eq!(bought.refundable(), split().total_amount);
        let mut unpaid = split();
        unpaid.payments[0].status = PaymentStatus::Pending;
        assert_eq!(Bought::of(&unpaid, usd()).refundable(), money("14.97"));
    }

    #[test]
    fn what_comes_back_twice_is_beyond() {
        let sold = order(&[(2, "1.25"), (1, "0.50")]);
        let mut bought = Bought::of(&sold, usd());
        assert_eq!(bought.take_back(&back(1, &sold, &[(0, 1), (1, 1)], Some("1.75")), usd()), Excess::default());
        assert_eq!((bought.lines[0].left(), bought.refundable()), (1, money("1.25")));
        assert_eq!(bought.refunded().count(), 0);
        let excess = bought.take_back(&back(2, &sold, &[(0, 2)], Some("2.00")), usd());
        assert_eq!(excess.units, [(sold.items[0].product_id, 1)].into());
        assert_eq!(excess.money, money("0.75"));
        assert_eq!(bought.refunded().collect::<Vec<_>>(), [sold.payments[0].payment_id]);
        // Only what a further return adds is its own excess.
        let excess = bought.take_back(&back(3, &sold, &[(0, 1)], None), usd());
        assert_eq!((excess.units.values().sum::<i64>(), excess.money), (1, Money::ZERO));
    }

    #[test]
    fn a_line_or_payment_of_no_order_is_beyond_it() {
        let (sold, other) = (order(&[(2, "1.25")]), order(&[(1, "1.00"), (4, "2.00")]));
        let mut strange = back(1, &other, &[(1, 4)], Some("8.00"));
        strange.refunds[0].refunds = None;
        let excess = Bought::of(&sold, usd()).take_back(&strange, usd());
        assert_eq!((excess.units, excess.money), ([(other.items[1].product_id, 4)].into(), money("8.00")));
    }

    #[test]
    fn lines_and_payments_are_found_by_product_and_tender() {
        let mut sold = split();
        sold.items[1].product_id = sold.items[0].product_id;
        let mut unnamed = back(1, &sold, &[(0, 5)], Some("3.00"));
        unnamed.lines[0].order_item_id = None;
        unnamed.refunds[0].refunds = None;
        let mut bought = Bought::of(&sold, usd());
        bought.name_parts(&mut unnamed);
        let named: Vec<_> = unnamed.lines.iter().map(|line| (line.order_item_id, line.quantity.units())).collect();
        assert_eq!(named, [(Some(sold.items[0].order_item_id), 3), (Some(sold.items[1].order_item_id), 2)]);
        assert_eq!(unnamed.refunds[0].refunds, Some(sold.payments[1].payment_id));
        assert_eq!(bought.take_back(&unnamed, usd()), Excess::default());
        let mut more = back(2, &sold, &[(0, 2)], None);
        more.lines[0].order_item_id = None;
        bought.name_parts(&mut more);
        assert_eq!(more.lines.iter().map(|line| line.quantity.units()).collect::<Vec<_>>(), [2]);
        assert_eq!(bought.take_back(&more, usd()).units.values().sum::<i64>(), 1);
    }
}
