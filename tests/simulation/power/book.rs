//! What was acknowledged, and what follows from it: worked out here from the acts alone, by arithmetic that
//! shares nothing with the node's.

use std::collections::BTreeMap;

use outpost_schema::{
    cart::{Cart, SoldUnits},
    device::Card,
    id::{CartId, OrderId, ProductId, ReturnId},
    journal::Hash,
    op::{Op, Sale, StatusTold},
    order::{Fulfilment, Order, OrderStatus},
    returned::{Condition, Return},
};

use super::network::ON_HAND;

/// What was acknowledged.
#[derive(Clone, Debug)]
pub struct Book {
    pub card: Card,
    /// In the order of the journal.
    pub ops: Vec<Op>,
    /// The hashes of entries, by their seq, as far as they are known.
    pub hashes: BTreeMap<i64, Hash>,
    /// Every cart ever begun.
    pub carts: BTreeMap<CartId, Cart>,
}

impl Book {
    /// Of a till with this card, after its first act.
    pub fn new(card: Card, first: Op) -> Self {
        Self { card, ops: vec![first], hashes: BTreeMap::new(), carts: BTreeMap::new() }
    }
}

/// What an allotment's own side comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub consumed: i64,
    pub returned: i64,
    pub received: i64,
}

/// One row of the table of movements: seq, line, product, delta.
pub type Movement = (i64, i64, ProductId, i64);

/// What the acknowledged ops come to.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    is_home: bool,
    pub balance: BTreeMap<ProductId, i64>,
    /// Units of orders that are to be handed over.
    pub to_hand_over: BTreeMap<ProductId, i64>,
    pub own: BTreeMap<ProductId, Own>,
    pub movements: Vec<Movement>,
    pub orders: BTreeMap<OrderId, Order>,
    pub returns: BTreeMap<ReturnId, Return>,
    pub claims: BTreeMap<(CartId, ProductId), SoldUnits>,
    /// Units that were sold out of a cart twice.
    pub sold_twice: u64,
}

impl Sums {
    pub fn of(book: &Book) -> Self {
        let mut sums = Self { is_home: book.card.is_home, ..Self::default() };
        for (seq, op) in (1..).zip(&book.ops) {
            sums.take(seq, op);
        }
        sums
    }

    /// Units of a product on the shelf, by the book.
    pub fn on_shelf(&self, product: ProductId) -> i64 {
        ON_HAND + self.balance.get(&product).copied().unwrap_or(0)
    }

    fn take(&mut self, seq: i64, op: &Op) {
        match op {
            Op::Sale(sale) => self.sale(seq, sale),
            Op::Received(goods) => {
                for (number, line) in (0..).zip(&goods.lines) {
                    self.put_or_take(seq, number, line.product_id, line.amount.units());
                }
            }
            Op::Counted(count) => {
                for (number, line) in (0..).zip(&count.lines) {
                    self.put_or_take(seq, number, line.product_id, line.counted - self.on_shelf(line.product_id));
                }
            }
            Op::Adjusted(told) => {
                for (number, line) in (0..).zip(&told.lines) {
                    self.put_or_take(seq, number, line.product_id, line.delta);
                }
            }
            Op::Returned(back) => self.came_back(seq, back),
            Op::GaveBack(goods) => {
                for line in &goods.lines {
                    self.own.entry(line.product_id).or_default().returned += line.amount.units();
                }
            }
            Op::StatusTold(told) => self.told(seq, told),
            Op::AllotmentAsked(_) => {}
            Op::CustomerAdded(_)
            | Op::AddressAdded(_)
            | Op::Reviewed(_)
            | Op::CancelAsked(_)
            | Op::Carried(_)
            | Op::LifeEnded(_)
            | Op::Dispatched(_)
            | Op::Arrived(_)
            | Op::ReceiptUndone(_) => unreachable!("no act writes this"),
        }
    }

    fn sale(&mut self, seq: i64, sale: &Sale) {
        for (number, item) in (0..).zip(&sale.order.items) {
            let units = item.quantity.units();
            self.own.entry(item.product_id).or_default().consumed += units;
            match sale.order.fulfilment {
                Fulfilment::CarryOut => self.move_stock(seq, number, item.product_id, -units),
                Fulfilment::Ship => *self.to_hand_over.entry(item.product_id).or_default() += units,
            }
        }
        for (cart_id, line) in sale.sold.iter().flat_map(|sold| sold.lines.iter().map(|line| (sold.cart_id, line))) {
            let claims = self.claims.entry((cart_id, line.product_id)).or_default();
            self.sold_twice += claims.claim(line).units();
        }
        self.orders.insert(sale.order.order_id, sale.order.clone());
    }

    /// What nobody can sell is in the building for a moment, and then in no book.
    fn came_back(&mut self, seq: i64, back: &Return) {
        for (number, line) in (0..).zip(&back.lines) {
            let units = line.quantity.units();
            self.put_or_take(seq, 2 * number, line.product_id, units);
            match line.condition {
                Condition::Damaged => self.put_or_take(seq, 2 * number + 1, line.product_id, -units),
                Condition::Shelf => {}
            }
        }
        self.returns.insert(back.return_id, back.clone());
    }

    fn told(&mut self, seq: i64, told: &StatusTold) {
        let Some(order) = self.orders.get_mut(&told.order_id) else { return };
        let leaves = order.status < OrderStatus::Shipped && told.status >= OrderStatus::Shipped;
        (order.status, order.updated_at) = (told.status, told.at);
        let items = if leaves { order.items.clone() } else { Vec::new() };
        for (number, item) in (0..).zip(items) {
            *self.to_hand_over.entry(item.product_id).or_default() -= item.quantity.units();
            self.move_stock(seq, number, item.product_id, -item.quantity.units());
        }
    }

    /// At a home what comes in is the till's own, and what goes was.
    fn put_or_take(&mut self, seq: i64, number: i64, product: ProductId, delta: i64) {
        if self.is_home {
            let own = self.own.entry(product).or_default();
            own.received += delta.max(0);
            own.consumed += (-delta).max(0);
        }
        self.move_stock(seq, number, product, delta);
    }

    fn move_stock(&mut self, seq: i64, number: i64, product: ProductId, delta: i64) {
        if delta != 0 {
            *self.balance.entry(product).or_default() += delta;
            self.movements.push((seq, number, product, delta));
        }
    }
}
