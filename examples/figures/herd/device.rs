//! A device that keeps everything in memory: its journal of sales and how far it has heard. It speaks over
//! the real line by the real rules of a round and of waiting; only SQLite is left out.

use std::{
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use outpost_node::uplink::Uplink;
use outpost_schema::{
    clock::Hlc,
    device::Card,
    id::{OrderId, OrderItemId, PaymentId, ProductId, UserId},
    journal::{Entry, Mark},
    money::Money,
    op::{Op, Sale},
    order::{Fulfilment, Order, OrderItem, OrderStatus, Payment, PaymentStatus, Receipt, Tender},
    quantity::Amount,
    world::World,
};
use outpost_sync::{
    retry,
    round::{self, Anew, Failure, Local, Trouble},
    wire::{Born, LifeWanted, PUSH_ENTRIES_MAX, Page, Push, Pushed, Report, Standing},
};

/// One device.
#[derive(Debug)]
pub struct Device {
    card: Card,
    kept: Mutex<Kept>,
}

/// What it keeps.
#[derive(Debug)]
struct Kept {
    entries: Vec<Entry>,
    acked: Mark,
    cursor: Option<String>,
    heard: usize,
}

/// How a return went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Came {
    /// Rounds that it took.
    pub rounds: u32,
    /// Answers that asked it to come again later.
    pub busy: u32,
    /// Rounds that the line broke off.
    pub cut: u32,
}

impl Device {
    /// A device with this card that has done nothing.
    pub const fn new(card: Card) -> Self {
        let kept = Kept { entries: Vec::new(), acked: Mark::START, cursor: None, heard: 0 };
        Self { card, kept: Mutex::new(kept) }
    }

    /// Sells so many times one of something, without a line.
    pub fn sell(&self, world: &dyn World, product_id: ProductId, price: Money, times: usize) {
        let mut kept = self.kept();
        for _ in 0..times {
            let head = head(&kept);
            let order = self.order(world, product_id, price, head.seq + 1);
            let stamp = Hlc::ZERO.tick(order.created_at);
            let op = Op::Sale(Box::new(Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: false }));
            let incarnation = self.card.incarnation_id;
            let entry = Entry::write(incarnation, head, stamp, String::new(), &op, world.chance());
            kept.entries.push(entry);
        }
    }

    /// Entries that head office has acknowledged, and aggregates that were heard.
    pub fn told_and_heard(&self) -> (i64, usize) {
        let kept = self.kept();
        (kept.acked.seq, kept.heard)
    }

    /// Rounds as a courier runs them, with its waits between, until everything is told and heard; after so
    /// many of them it gives up.
    ///
    /// # Errors
    /// What no waiting mends, or that it does not come to an end.
    pub async fn come_back(&self, url: &str, world: &dyn World, rounds_max: u32) -> Result<Came, String> {
        let uplink = Uplink::new(url, self.card.node_id).map_err(|bad| bad.to_string())?;
        let (mut came, mut failures) = (Came::default(), 0);
        while came.rounds < rounds_max {
            came.rounds += 1;
            let wait = match round::run(self, &uplink, 0).await {
                Ok(done) if done.is_level => return Ok(came),
                Ok(_) => Duration::ZERO,
                Err(Failure::Remote(Trouble::Busy(_, seconds))) => {
                    (came.busy, failures) = (came.busy + 1, failures + 1);
                    retry::wait_as_asked(failures, chance(world), seconds)
                }
                Err(Failure::Remote(Trouble::Cut(_))) => {
                    (came.cut, failures) = (came.cut + 1, failures + 1);
                    retry::wait(failures, chance(world))
                }
                Err(failure) => return Err(format!("{}: {failure:?}", self.card.name)),
            };
            tokio::time::sleep(wait).await;
        }
        Err(format!("{} is not level after {rounds_max} rounds", self.card.name))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, world: &dyn World, product_id: ProductId, price: Money, number: i64) -> Order {
        let at = world.now();
        let payment = Payment {
            payment_id: PaymentId::new(at, world.id_chance()),
            amount: price,
            currency: self.card.currency,
            tender: Tender::Cash,
            status: PaymentStatus::Succeeded,
            transaction_ref: None,
            created_at: at,
            updated_at: at,
        };
        let item = OrderItem {
            order_item_id: OrderItemId::new(at, world.id_chance()),
            product_id,
            quantity: Amount::new(1).expect("one is a sound amount"),
            unit_price: price,
            price_per: 1,
        };
        Order {
            order_id: OrderId::new(at, world.id_chance()),
            user_id: UserId::GUEST,
            total_amount: price,
            status: OrderStatus::Delivered,
            shipping_address_id: None,
            billing_address_id: None,
            payment_id: Some(payment.payment_id),
            created_at: at,
            updated_at: at,
            receipt: Receipt { prefix: self.card.prefix.clone(), number },
            node_id: self.card.node_id,
            warehouse_id: self.card.warehouse_id,
            fulfilment: Fulfilment::CarryOut,
            items: vec![item],
            payments: vec![payment],
        }
    }
}

fn head(kept: &Kept) -> Mark {
    kept.entries.last().map_or(Mark::START, Entry::mark)
}

fn chance(world: &dyn World) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = world.chance();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl Local for Device {
    type Error = Infallible;

    fn standing(&self) -> Result<Standing, Infallible> {
        let kept = self.kept();
        Ok(Standing { incarnation_id: self.card.incarnation_id, head: head(&kept), acked: kept.acked })
    }

    fn unsent(&self) -> Result<Push, Infallible> {
        let kept = self.kept();
        let unsent = kept.entries.iter().filter(|entry| entry.seq > kept.acked.seq).take(PUSH_ENTRIES_MAX);
        Ok(Push { entries: unsent.cloned().collect(), ..Push::default() })
    }

    fn settle(&self, _sent: &Push, answer: &Pushed) -> Result<(), Infallible> {
        if let Pushed::Settled { acked, .. } = answer {
            self.kept().acked = *acked;
        }
        Ok(())
    }

    fn stand_at(&self, acked: Mark) -> Result<bool, Infallible> {
        let mut kept = self.kept();
        let is_there = acked == Mark::START || kept.entries.iter().any(|entry| entry.mark() == acked);
        if is_there {
            kept.acked = acked;
        }
        Ok(is_there)
    }

    fn report(&self) -> Result<Option<Report>, Infallible> {
        Ok(None)
    }

    fn reported(&self, _sent: &Report) -> Result<(), Infallible> {
        Ok(())
    }

    fn freeze(&self) -> Result<(), Infallible> {
        Ok(())
    }

    fn cursor(&self) -> Result<Option<String>, Infallible> {
        Ok(self.kept().cursor.clone())
    }

    fn apply(&self, _asked: Option<&str>, page: &Page) -> Result<(), Infallible> {
        let mut kept = self.kept();
        kept.cursor = Some(page.cursor.clone());
        kept.heard += page.aggregates.len();
        Ok(())
    }

    fn start_anew(&self, _why: &Anew) -> Result<(), Infallible> {
        self.kept().cursor = None;
        Ok(())
    }

    fn life_wanted(&self) -> Result<Option<LifeWanted>, Infallible> {
        Ok(None)
    }

    fn begin_life(&self, _born: &Born) -> Result<(), Infallible> {
        Ok(())
    }
}
