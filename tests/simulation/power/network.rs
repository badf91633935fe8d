//! Head office, what it told the till so far, and the till's files as every story finds them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt as _;
use outpost_node::{Node, db, disk, witness};
use outpost_schema::{
    cart::Cart,
    catalogue::{Product, Warehouse},
    clock::Timestamp,
    device::{Card, NodeKind},
    feed::Aggregate,
    id::{CartId, IncarnationId, NodeId, ProductId, WarehouseId},
    money::Money,
    op::{Goods, Line as OpLine, Op},
    quantity::Amount,
    settle::Author,
    stock::SalePolicy,
    world::Seeded,
};
use outpost_sync::{
    model::{self, Model},
    round::{self, Done, Remote, Trouble},
    wire::{Caller, Page, Pulled, Push, Pushed, Report, Reported, Standing},
};
use uuid::Uuid;

use super::book::Book;
use crate::{disk::folder, goods};

/// Products of the shop.
pub const PRODUCTS: [ProductId; 6] = {
    let mut products = [ProductId(Uuid::nil()); 6];
    let mut number = 0;
    while number < products.len() {
        products[number] = ProductId(Uuid::from_u128(number as u128 + 1));
        number += 1;
    }
    products
};

/// Of each so many were there at first, and so many of them are granted to the till.
pub const ON_HAND: i64 = 60;
const GRANTED: i64 = 40;

const HERE: WarehouseId = WarehouseId(Uuid::from_u128(10));

/// What the feed had told at a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub prices: BTreeMap<ProductId, Option<Money>>,
    pub granted: BTreeMap<ProductId, i64>,
}

impl Told {
    fn then(&self, page: &Page) -> Self {
        let mut told = self.clone();
        for aggregate in &page.aggregates {
            if let Aggregate::Product(product) = aggregate {
                told.prices.insert(product.product_id, product.price);
            }
            if let Aggregate::Allotment(granted) = aggregate {
                told.granted.insert(granted.product_id, granted.granted);
            }
        }
        told
    }
}

#[derive(Clone, Debug)]
enum Said {
    Push(Standing, Push),
    Report(Standing, Report),
}

#[derive(Clone, Debug, Default)]
struct Heard {
    /// Whatever was ever told, by the cursor that came with it.
    at: BTreeMap<Option<String>, Told>,
    /// What the till said, in order: said again to a model, it comes to where this one is.
    said: Vec<Said>,
    /// What the till pushed of its carts: the model books ops and keeps no carts.
    carts: BTreeMap<CartId, Cart>,
}

/// Head office.
#[derive(Debug)]
pub struct Network {
    model: Model,
    card: Card,
    heard: Mutex<Heard>,
}

impl Network {
    /// A network with one till: at its home, or at a warehouse that others may sell from too.
    fn new(is_home: bool) -> Self {
        let card = card(is_home);
        let now = Timestamp::from_micros(1_780_000_000_000_000);
        let model = Model::new(card.currency, now);
        let home_of = is_home.then_some(card.node_id);
        model.add_warehouse(Warehouse { warehouse_id: HERE, name: "Here".to_owned(), home_of, created_at: now });
        let homes = is_home.then_some(HERE).into_iter().collect();
        model.add_node(Author { homes, ..model::author(caller(&card), HERE) });
        for (number, product_id) in (1..).zip(PRODUCTS) {
            model.add_product(product(product_id, number * 25), &[(HERE, ON_HAND)]);
        }
        let heard = Heard { at: BTreeMap::from([(None, Told::default())]), ..Heard::default() };
        Self { model, card, heard: Mutex::new(heard) }
    }

    /// A product costs something else now.
    pub fn edit(&self, product_id: ProductId, cents: i64) {
        self.model.add_product(product(product_id, cents), &[]);
    }

    /// One round with the till.
    pub fn run(&self, node: &Node, loses_answer: bool) -> Result<Done, round::Failure<outpost_node::Error>> {
        let line = Line { network: self, loses_answer };
        round::run(node, &line, 0).now_or_never().expect("a model in memory answers at once")
    }

    /// What had been told when this cursor was; none if it never was.
    pub fn told_at(&self, cursor: Option<&str>) -> Option<Told> {
        self.heard().at.get(&cursor.map(str::to_owned)).cloned()
    }

    /// Whether each of these was told at some time.
    pub fn told_once(&self, told: &Told) -> bool {
        let heard = self.heard();
        told.prices.iter().all(|(product, price)| heard.at.values().any(|at| at.prices.get(product) == Some(price)))
            && told
                .granted
                .iter()
                .all(|(product, granted)| heard.at.values().any(|at| at.granted.get(product) == Some(granted)))
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, cursor: Option<&str>, page: &Page) {
        let mut heard = self.heard();
        let told = heard.at.get(&cursor.map(str::to_owned)).cloned().unwrap_or_default().then(page);
        heard.at.insert(Some(page.cursor.clone()), told);
    }
}

/// The line, which notes what crosses it.
struct Line<'a> {
    network: &'a Network,
    /// Whether pushes arrive and their answers do not.
    loses_answer: bool,
}

impl Line<'_> {
    fn model(&self) -> model::ModelLine<'_> {
        self.network.model.line(caller(&self.network.card))
    }
}

impl Remote for Line<'_> {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        let answer = self.model().push(standing, push).await?;
        let mut heard = self.network.heard();
        heard.said.push(Said::Push(standing, push.clone()));
        for cart in &push.carts {
            heard.carts.entry(cart.cart_id()).and_modify(|known| known.merge(cart)).or_insert_with(|| cart.clone());
        }
        drop(heard);
        if self.loses_answer { Err(Trouble::Cut("the answer is lost".to_owned())) } else { Ok(answer) }
    }

    async fn report(&self, standing: Standing, report: &Report) -> Result<Reported, Trouble> {
        let answer = self.model().report(standing, report).await?;
        self.network.heard().said.push(Said::Report(standing, report.clone()));
        Ok(answer)
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait: u64) -> Result<Pulled, Trouble> {
        let mut pulled = self.model().pull(standing, cursor, wait).await?;
        if let Pulled::Page(page) = &mut pulled {
            // All of them are this till's own: only one that begins anew has to be told.
            let carts = self.network.heard().carts.clone();
            let told = carts.into_values().map(|cart| Aggregate::Cart(Box::new(cart)));
            page.aggregates.extend(told.filter(|_| cursor.is_none()));
            self.network.hear(cursor, page);
        }
        Ok(pulled)
    }
}

/// A till that joined, was filled and has its allotments: made once, and copied for every story.
#[derive(Debug)]
pub struct Image {
    is_home: bool,
    database: Vec<u8>,
    witness: Vec<u8>,
    heard: Heard,
    asked: Op,
}

impl Image {
    /// Of a till at its home, or not.
    pub fn make(is_home: bool) -> Self {
        let (network, folder) = (Network::new(is_home), folder());
        let node = Node::open(folder.path(), Arc::new(Seeded::new(0))).expect("opens");
        node.join(&network.card).expect("joins");
        network.run(&node, false).expect("is filled");
        let amount = Amount::new(GRANTED).expect("an amount");
        let lines: Vec<_> = PRODUCTS.map(|product_id| OpLine { product_id, amount }).into();
        node.ask(&lines).expect("asks");
        network.run(&node, false).expect("is granted");
        drop(node);
        let read = |name| fs::read(folder.path().join(name)).expect("a file");
        let asked = Op::AllotmentAsked(Goods { warehouse_id: HERE, lines });
        Self { is_home, database: read(db::FILE), witness: read(witness::FILE), heard: network.heard().clone(), asked }
    }

    /// Puts a copy into a folder, with a reserve that takes no room.
    pub fn copy_to(&self, folder: &Path) -> std::io::Result<()> {
        fs::write(folder.join(db::FILE), &self.database)?;
        fs::write(folder.join(witness::FILE), &self.witness)?;
        File::create(folder.join(disk::RESERVE_FILE))?.set_len(disk::RESERVE_BYTES)
    }

    /// The network as it was when the image was made.
    pub fn network(&self) -> Network {
        let network = Network::new(self.is_home);
        let line = network.model.line(caller(&network.card));
        for said in &self.heard.said {
            let answered = match said {
                Said::Push(standing, push) => line.push(*standing, push).now_or_never().expect("at once").map(drop),
                Said::Report(standing, told) => line.report(*standing, told).now_or_never().expect("at once").map(drop),
            };
            answered.expect("is taken as it was");
        }
        *network.heard() = self.heard.clone();
        network
    }

    /// What was acknowledged before the story.
    pub fn book(&self) -> Book {
        Book::new(card(self.is_home), self.asked.clone())
    }
}

fn caller(card: &Card) -> Caller {
    Caller { node_id: card.node_id, incarnation_id: card.incarnation_id }
}

fn card(is_home: bool) -> Card {
    Card {
        node_id: NodeId(Uuid::from_u128(31)),
        incarnation_id: IncarnationId(Uuid::from_u128(30)),
        name: "Till 1".to_owned(),
        kind: NodeKind::Till,
        warehouse_id: HERE,
        is_home,
        policy: SalePolicy::Strict,
        prefix: "K1".to_owned(),
        currency: "USD".parse().expect("a currency"),
        server: "http://127.0.0.1:7070".to_owned(),
    }
}

fn product(product_id: ProductId, cents: i64) -> Product {
    let plain = goods::product(product_id, &format!("Product {product_id}"), cents, Timestamp::from_micros(0));
    Product { description: Some("A long text, so that a page holds few of them. ".repeat(4)), ..plain }
}
