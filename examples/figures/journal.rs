//! The journal of a till that sells all day: orders of three lines, paid in cash, as entries that a
//! server takes.

use std::collections::BTreeMap;

use outpost_schema::{
    clock::{Hlc, Timestamp},
    id::{OrderId, OrderItemId, PaymentId, ProductId, UserId},
    journal::{Entry, Mark},
    money::Money,
    op::{Op, Sale},
    order::{Fulfilment, Order, OrderItem, OrderStatus, Payment, PaymentStatus, Receipt, Tender},
    quantity::Amount,
    world::{Seeded, World as _},
};
use outpost_sync::wire::{Push, Standing};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::{goods, report::Outcome};

/// Lines of an order.
pub const LINES: usize = 3;

/// A till's journal, as far as it was written.
#[derive(Debug)]
pub struct Journal {
    world: Seeded,
    chance: ChaCha8Rng,
    head: Mark,
}

/// A run of a journal: what is pushed at once, and the orders in it.
#[derive(Debug)]
pub struct Run {
    /// The push.
    pub push: Push,
    /// Its orders, in order.
    pub orders: Vec<Order>,
    /// The journal's head before it, which the server has acknowledged.
    pub acked: Mark,
    /// The journal's head after it.
    pub head: Mark,
}

impl Run {
    /// What the request says of the journal.
    pub fn standing(&self) -> Standing {
        Standing { incarnation_id: goods::incarnation_id(), head: self.head, acked: self.acked }
    }

    /// Units of each product that left.
    pub fn sold(&self) -> BTreeMap<ProductId, i64> {
        let mut sold = BTreeMap::new();
        for item in self.orders.iter().flat_map(|order| &order.items) {
            *sold.entry(item.product_id).or_insert(0) += item.quantity.units();
        }
        sold
    }
}

impl Journal {
    /// An empty journal, whose days repeat with the seed.
    pub fn begin(seed: u64) -> Self {
        Self { world: Seeded::new(seed), chance: goods::chance(seed), head: Mark::START }
    }

    /// Sells `orders` orders.
    pub fn run(&mut self, orders: usize) -> Outcome<Run> {
        let acked = self.head;
        let orders: Vec<Order> = (0..orders).map(|place| self.order(place)).collect::<Outcome<_>>()?;
        let entries = orders.iter().map(|order| self.entry(order)).collect();
        Ok(Run { push: Push { entries, ..Push::default() }, orders, acked, head: self.head })
    }

    fn entry(&mut self, order: &Order) -> Entry {
        let op =
            Op::Sale(Box::new(Sale { order: order.clone(), sold: None, holds: Vec::new(), to_be_confirmed: false }));
        let stamp = Hlc::ZERO.tick(order.created_at);
        let seen = "100000:100000:".to_owned();
        let entry = Entry::write(goods::incarnation_id(), self.head, stamp, seen, &op, self.world.chance());
        self.head = entry.mark();
        entry
    }

    fn order(&mut self, place: usize) -> Outcome<Order> {
        let at = self.world.now();
        let items: Vec<OrderItem> = (0..LINES).map(|_| self.item(at)).collect::<Outcome<_>>()?;
        let mut order = Order {
            order_id: OrderId::new(at, self.world.id_chance()),
            user_id: UserId::GUEST,
            total_amount: Money::ZERO,
            status: OrderStatus::Delivered,
            shipping_address_id: None,
            billing_address_id: None,
            payment_id: None,
            created_at: at,
            updated_at: at,
            receipt: Receipt { prefix: "F".to_owned(), number: self.head.seq + i64::try_from(place)? + 1 },
            node_id: goods::node_id(),
            warehouse_id: goods::warehouse_id(),
            fulfilment: Fulfilment::CarryOut,
            items,
            payments: Vec::new(),
        };
        order.total_amount = order.sum_of_lines("USD".parse()?)?;
        let payment = self.payment(at, order.total_amount)?;
        order.payment_id = Some(payment.payment_id);
        order.payments.push(payment);
        Ok(order)
    }

    fn item(&mut self, at: Timestamp) -> Outcome<OrderItem> {
        let number = goods::drawn(&mut self.chance);
        Ok(OrderItem {
            order_item_id: OrderItemId::new(at, self.world.id_chance()),
            product_id: goods::product_id(number),
            quantity: Amount::new(self.chance.random_range(1..4))?,
            unit_price: goods::price(number),
            price_per: 1,
        })
    }

    fn payment(&mut self, at: Timestamp, amount: Money) -> Outcome<Payment> {
        Ok(Payment {
            payment_id: PaymentId::new(at, self.world.id_chance()),
            amount,
            currency: "USD".parse()?,
            tender: Tender::Cash,
            status: PaymentStatus::Succeeded,
            transaction_ref: None,
            created_at: at,
            updated_at: at,
        })
    }
}
