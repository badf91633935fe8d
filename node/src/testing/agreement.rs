//! Node and server compute alike: whatever the node did and in whatever pieces it was pushed, what
//! it shows does not change when the server has booked it, and in the end both agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use outpost_schema::{
    order::{Fulfilment, OrderStatus},
    returned::Condition,
    settle::{Author, Known, settle},
    stock::StockKey,
    verdict::Verdict,
};
use outpost_sync::{
    round::{self, Remote, Trouble},
    wire::{Pulled, Push, Pushed, Report, Reported, Standing},
};

use super::*;
use crate::{
    returns::{Caps, Named, RefundWanted, ReturnWanted, What},
    stockroom::Seen,
};

/// A server in memory: the deciding code of the real one, and a feed that tells everything anew.
struct Model {
    book: Mutex<Book>,
    author: Author,
    loses_replies: bool,
}

struct Book {
    known: Known,
    acked: Mark,
    verdicts: BTreeMap<i64, Verdict>,
    pages: u64,
}

impl Model {
    fn new(card: &Card, loses_replies: bool) -> Self {
        let mut known = Known::empty(card.currency, Timestamp::from_micros(i64::MAX));
        known.products.extend([TEA, CAKE, CHEESE, NO_PRICE]);
        known.warehouses.insert(HERE);
        known.users.extend([ADA, UserId::GUEST]);
        let homes = if card.is_home { BTreeSet::from([HERE]) } else { BTreeSet::new() };
        let author = Author {
            node_id: card.node_id,
            incarnation_id: card.incarnation_id,
            warehouses: BTreeSet::from([HERE]),
            former: BTreeSet::new(),
            homes,
            left_homes: BTreeSet::new(),
            is_closed: false,
            elders: BTreeSet::new(),
            is_superseded: false,
            skew: None,
        };
        let book = Book { known, acked: Mark::START, verdicts: BTreeMap::new(), pages: 0 };
        Self { book: Mutex::new(book), author, loses_replies }
    }

    fn take(&self, push: &Push) -> Pushed {
        let mut book = self.book.lock().expect("lock");
        let book = &mut *book;
        let fresh: Vec<_> = push.entries.iter().filter(|entry| entry.seq > book.acked.seq).cloned().collect();
        for entry in &fresh {
            assert!(entry.follows(LIFE, book.acked), "a gap or a broken chain");
            book.acked = entry.mark();
        }
        book.verdicts.extend(settle(&mut book.known, &self.author, &fresh).verdicts);
        let verdicts = push.entries.iter().map(|entry| (entry.seq, book.verdicts[&entry.seq].clone())).collect();
        Pushed::Settled { acked: book.acked, verdicts, carts: vec![] }
    }

    fn page(&self) -> Page {
        let mut book = self.book.lock().expect("lock");
        book.pages += 1;
        let stock = book.known.levels.iter().map(|(key, level)| image(key.product_id, level.balance, level.promised));
        let totals = book.known.allotments.iter();
        let totals = totals.map(|(key, own)| told_totals(key.product_id, own.granted, own.reclaimed));
        let catalogue = [
            product(TEA, "Green Tea", Some("2.50")),
            product(CAKE, "Cake", Some("3.00")),
            Aggregate::User(Box::new(user(ADA, None))),
        ];
        let set_aside = book.verdicts.iter().filter(|(_, verdict)| verdict.is_set_aside()).map(|(seq, _)| *seq);
        Page {
            epoch: EpochId(Uuid::from_u128(40)),
            cursor: format!("model {}", book.pages),
            level: true,
            seen: String::new(),
            aggregates: catalogue.into_iter().chain(stock).chain(totals).collect(),
            acked: vec![Acked {
                incarnation_id: LIFE,
                mark: book.acked,
                set_aside: set_aside.collect(),
                archived: 0,
                over: false,
            }],
            server_time: Timestamp::from_micros(0),
            protocol: outpost_sync::wire::PROTOCOL,
            recovering: false,
            others: vec![],
        }
    }

    fn level(&self, key: StockKey) -> Level {
        self.book.lock().expect("lock").known.levels.get(&key).copied().unwrap_or_default()
    }

    fn allotment(&self, key: StockKey) -> Allotment {
        self.book.lock().expect("lock").known.allotments.get(&key).copied().unwrap_or_default()
    }
}

impl Remote for Model {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        let had = self.book.lock().expect("lock").acked;
        if standing.acked != had {
            return Ok(Pushed::Elsewhere { acked: had });
        }
        let answer = self.take(push);
        if self.loses_replies
            && had.seq % 2 == 0
            && !push.entries.is_empty()
            && had != self.book.lock().expect("lock").acked
        {
            return Err(Trouble::Cut("the reply was lost".to_owned()));
        }
        Ok(answer)
    }

    async fn report(&self, _: Standing, _: &Report) -> Result<Reported, Trouble> {
        Ok(Reported::Taken { acked: self.book.lock().expect("lock").acked })
    }

    async fn pull(&self, _: Standing, _: Option<&str>, _: u64) -> Result<Pulled, Trouble> {
        Ok(Pulled::Page(Box::new(self.page())))
    }
}

/// One of the node's verbs, by chance; what the shop refuses is no matter.
fn act(shop: &Shop, number: u64) {
    let product = [TEA, CAKE][(number / 16 % 2) as usize];
    let units = (number / 32 % 4 + 1) as i64;
    let goods = [line(product, units)];
    let done = match number % 10 {
        0..=2 => shop.sell(&[(product, units), (TEA, 1)]).map(|_| ()),
        3 => {
            let mut terms = Terms::carried_out(vec![Tendered::card("T-1")]);
            terms.fulfilment = Fulfilment::Ship;
            shop.node.sell(&SaleWanted { lines: vec![wanted(product, units)], terms }).map(|_| ())
        }
        4 => shop.node.receive(&goods).map(|_| ()),
        5 => shop.node.count(&[Seen { product_id: product, counted: units + 3 }]).map(|_| ()),
        6 => shop.node.give_back(&goods).map(|_| ()),
        7 => shop.node.ask(&goods).map(|_| ()),
        8 => {
            let orders = shop.node.orders(None, None, 9).expect("lists");
            let condition = if number & 64 == 0 { Condition::Shelf } else { Condition::Damaged };
            let wanted = |order: &outpost_schema::order::Order| ReturnWanted {
                return_id: None,
                order: Named::Order(order.order_id),
                what: What::Everything(condition),
                refund: RefundWanted::default(),
                taken_by: None,
                reason: String::new(),
            };
            let back = orders.get(units as usize % 9).map(wanted);
            back.map_or(Ok(()), |wanted| shop.node.take_back(&wanted, Caps::usual()).map(|_| ()))
        }
        _ => {
            let orders = shop.node.orders(None, None, 9).expect("lists");
            let open = orders.iter().find(|order| order.fulfilment == Fulfilment::Ship);
            open.map_or(Ok(()), |order| shop.node.advance(order.order_id, OrderStatus::Shipped).map(|_| ()))
        }
    };
    if let Err(error) = done {
        assert!(matches!(error, Error::Refused(_)), "{error}");
    }
}

fn run(card: &Card, seed: u64, loses_replies: bool) {
    let chance = Seeded::new(seed);
    let number = || u64::from_be_bytes(chance.chance()[..8].try_into().expect("eight"));
    let (shop, model) = (Shop::new(card), Model::new(card, loses_replies));
    // As a node that has never been level: it reads the model's feed into its own tables.
    let forget = "update feed_position set cursor = null, seen = ''";
    shop.node.db().write(|tx| Ok(tx.execute(forget, [])?)).expect("forgets the feed");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for step in 0..40 {
        act(&shop, number());
        if number() % 3 == 0 {
            let asks = model.book.lock().expect("lock").verdicts.len();
            let before = [TEA, CAKE].map(|product| shop.level(product));
            _ = runtime.block_on(round::run(&*shop.node, &model, 0));
            let granted = shop.node.unsent().expect("waits").entries.is_empty()
                && model
                    .book
                    .lock()
                    .expect("lock")
                    .verdicts
                    .values()
                    .skip(asks)
                    .any(|v| matches!(v, Verdict::Granted(_)));
            let after = [TEA, CAKE].map(|product| shop.level(product));
            if !granted && !model.loses_replies {
                assert_eq!(after, before, "seed {seed}, step {step}: booking changed what is shown");
            }
        }
    }
    while !shop.node.unsent().expect("waits").entries.is_empty() {
        _ = runtime.block_on(round::run(&*shop.node, &model, 0));
    }
    runtime.block_on(round::run(&*shop.node, &model, 0)).expect("a quiet round");
    for product in [TEA, CAKE] {
        assert_eq!(shop.level(product), model.level(key(product)), "seed {seed}");
        assert_eq!(shop.allotment(product), model.allotment(key(product)), "seed {seed}");
    }
    assert_eq!(shop.count("pending"), 0, "seed {seed}");
    let verdicts = model.book.lock().expect("lock").verdicts.clone();
    assert!(verdicts.values().all(|verdict| !verdict.is_set_aside()), "seed {seed}: {verdicts:?}");
    let refused = verdicts.values().filter(|verdict| matches!(verdict, Verdict::Refused(_))).count() as i64;
    assert_eq!(shop.node.status().expect("status").refused, refused, "seed {seed}: no answer was lost");
}

#[test]
fn node_and_server_compute_alike() {
    for seed in 0..6 {
        for card in [card(), physical(), home(), Card { is_home: true, ..physical() }] {
            run(&card, seed, false);
        }
    }
}

#[test]
fn lost_replies_change_nothing_in_the_end() {
    for seed in 100..106 {
        for card in [card(), physical(), home()] {
            run(&card, seed, true);
        }
    }
}
