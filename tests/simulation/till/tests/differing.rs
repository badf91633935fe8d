//! What differs from head office is found, and what can be mended is.

use std::sync::Arc;

use outpost_schema::{
    stock::{SalePolicy, StockKey},
    world::Seeded,
};
use outpost_sync::round;
use tokio::runtime::{Builder, Runtime};

use super::act;
use crate::{
    depth::Depth as _,
    device::{Device as _, Yard as _},
    model::{ModelLine, ModelOffice},
    office::{Office as _, Opening, Place},
    step::Act,
    till::{NodeDepth, RealTill},
};

/// A till that is level, with a sale, a cart and a customer behind it.
struct Level {
    runtime: Runtime,
    office: ModelOffice,
    line: ModelLine,
    till: RealTill,
}

impl Level {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let world = Arc::new(Seeded::new(5));
        let place = Place { tills: vec![SalePolicy::Physical], is_home: true, on_hand: vec![9, 9] };
        let opening = Opening { places: vec![place], prices: vec![250, 300], policies: Vec::new() };
        let office = runtime.block_on(ModelOffice::open(&opening, &world));
        let (card, products) = (office.cards().remove(0), office.products());
        let line = office.lay(card.node_id);
        let till = NodeDepth::yard().start(&card, &world);
        let level = Self { runtime, office, line, till };
        level.round();
        act(&level.till, &Act::Sell { lines: vec![(products[0], 2)], ship: false, customer: None });
        act(&level.till, &Act::Customer { email: "ada@example.com".to_owned() });
        act(&level.till, &Act::BeginCart);
        level.round();
        level
    }

    fn round(&self) {
        let done = self.runtime.block_on(round::run(&self.till, &self.line, 0));
        assert!(done.unwrap_or_else(|failure| panic!("{failure}")).is_level);
    }

    fn differences(&mut self) -> Vec<String> {
        self.runtime.block_on(NodeDepth::differences(&mut self.office, &self.till, &self.line))
    }

    fn compared(&self) -> usize {
        self.runtime.block_on(NodeDepth::compare(&self.till, &self.line)).expect("a good line")
    }

    /// The disk changes something by itself.
    fn rot(&self, sql: &str) {
        let disk = rusqlite::Connection::open(self.till.file()).expect("the file is there");
        assert_eq!(disk.execute(sql, []).expect("a statement"), 1, "{sql}");
    }
}

#[test]
fn a_till_that_is_level_differs_in_nothing() {
    let mut level = Level::new();
    assert_eq!((level.differences(), level.compared()), (Vec::new(), 0));
}

#[test]
fn a_row_that_rotted_is_told_and_mended() {
    let rots = [
        ("update products set name = 'Coffee' where name = 'Product 1'", "Coffee"),
        ("update stock set fed_balance = fed_balance + 1 where fed_balance = 7", "the till shows"),
        ("update orders set status = 'shipped'", "shipped"),
        ("update users set email = 'eve@example.com' where email = 'ada@example.com'", "eve@example.com"),
        ("delete from cart_states", "the till nothing"),
        ("update allotments set granted = granted + 1 where consumed > 0", "the till has"),
    ];
    for (rot, word) in rots {
        let mut level = Level::new();
        level.rot(rot);
        let told = level.differences();
        assert!(told.iter().any(|told| told.contains(word)), "{rot}: {told:?}");
        assert_eq!((level.compared(), level.differences()), (1, Vec::new()), "{rot}");
    }
}

#[test]
fn a_journal_that_says_otherwise_is_told() {
    let mut level = Level::new();
    level.rot("update journal set verdict = 'refused' where seq = 1");
    let told = level.differences();
    assert!(told.len() == 1 && told[0].starts_with("entry 1:"), "{told:?}");
    let key = StockKey { product_id: level.office.products()[0], warehouse_id: level.till.card().warehouse_id };
    assert_eq!(level.till.level(key).balance, 7);
}
