//! Head office by hand, with plain nodes in folders.

mod carried;
mod day;
mod emptied;
mod restored;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{
    device::Card,
    id::{HoldId, ProductId},
    op::Line,
    order::Order,
    quantity::Amount,
    stock::{SalePolicy, StockKey},
    world::{Seeded, World as _},
};
use outpost_sync::{round, wire::Caller};
use tempfile::TempDir;

use super::PostgresOffice;
use crate::{
    office::{Answer, Office as _, Opening, Place},
    step::Deed,
    wire::Wire,
};

/// A till that lives in a folder.
struct Till {
    node: Arc<Node>,
    card: Card,
    line: Wire,
    folder: PathBuf,
}

impl Till {
    fn start(office: &PostgresOffice, card: &Card, folder: PathBuf, seed: u64) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        let node = Arc::new(Node::open(&folder, Arc::new(Seeded::new(seed))).expect("a node opens"));
        node.join(card).expect("the card is its own");
        Self { node, card: card.clone(), line: office.lay(card.node_id), folder }
    }

    async fn until_level(&self) {
        for _ in 0..50 {
            if round::run(&*self.node, &self.line, 0).await.is_ok_and(|done| done.is_level) {
                return;
            }
        }
        panic!("{} does not get level", self.card.name);
    }

    async fn is_allotted(&self, product: ProductId, units: i64) {
        self.node.ask(&[Line { product_id: product, amount: amount(units) }]).expect("written down");
        self.until_level().await;
        assert!(self.open(product) >= units, "{} of {units}", self.open(product));
    }

    fn sell(&self, product_id: ProductId, units: i64) -> Order {
        let line = WantedLine { product_id, quantity: amount(units), unit_price: None };
        let terms = Terms::carried_out(vec![Tendered::card("terminal 1")]);
        self.node.sell(&SaleWanted { lines: vec![line], terms }).expect("it may be sold").order
    }

    fn open(&self, product: ProductId) -> i64 {
        self.node.product(product).expect("readable").map_or(0, |offer| offer.open)
    }

    fn key(&self, product_id: ProductId) -> StockKey {
        StockKey { product_id, warehouse_id: self.card.warehouse_id }
    }

    fn caller(&self) -> Caller {
        let incarnation_id = self.node.identity().expect("readable").expect("joined").incarnation_id();
        Caller { node_id: self.card.node_id, incarnation_id }
    }
}

/// A network with its tills.
struct Network {
    office: PostgresOffice,
    tills: Vec<Till>,
    world: Arc<Seeded>,
    folder: TempDir,
}

impl Network {
    /// Two tills at a shared shop and one at its home; three products.
    async fn open(seed: u64) -> Self {
        let world = Arc::new(Seeded::new(seed));
        let office = PostgresOffice::open(&opening(), &world).await;
        let folder = TempDir::new().expect("a folder");
        let start = |card: &Card| Till::start(&office, card, folder.path().join(&card.name), seed + 1_000);
        let tills: Vec<Till> = office.cards().iter().map(start).collect();
        for till in &tills {
            till.until_level().await;
        }
        Self { office, tills, world, folder }
    }

    fn product(&self, number: usize) -> ProductId {
        self.office.products()[number]
    }

    async fn does(&mut self, deed: &Deed) {
        assert_eq!(self.office.act(deed).await, Answer::Done, "{deed:?}");
    }

    async fn refuses(&mut self, deed: &Deed, code: &str) {
        assert_eq!(self.office.act(deed).await, Answer::Refused(code.to_owned()), "{deed:?}");
    }

    /// A hold of so many of the first product at the first till, for a minute.
    fn hold(&self, units: i64) -> (HoldId, Deed) {
        let (till, hold) = (&self.tills[0], HoldId::new(self.world.now(), self.world.id_chance()));
        let key = till.key(self.product(0));
        (hold, Deed::Hold { by: till.caller(), hold, lines: vec![(key, units)], buyer: None, seconds: 60 })
    }

    async fn all_level(&self) {
        for till in self.tills.iter().chain(&self.tills) {
            till.until_level().await;
        }
    }

    async fn keeps_its_laws(&mut self) {
        let book = self.office.book().await;
        assert_eq!(book.broken, Vec::<String>::new());
        for (key, level) in &book.levels {
            let sum = |sums: &std::collections::BTreeMap<_, i64>| sums.get(key).copied().unwrap_or(0);
            assert_eq!((sum(&book.movements), sum(&book.promises)), (level.balance, level.promised), "{key:?}");
        }
    }
}

fn opening() -> Opening {
    let strict = SalePolicy::Strict;
    Opening {
        places: vec![
            Place { tills: vec![strict, strict], is_home: false, on_hand: vec![20, 30, 0] },
            Place { tills: vec![SalePolicy::Physical], is_home: true, on_hand: vec![5, 0, 7] },
        ],
        prices: vec![250, 1_000, 99],
        policies: Vec::new(),
    }
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a sound amount")
}

/// Copies a folder in which nothing is a folder that matters here but what a node keeps.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
