//! The book before a batch: anything that the laws allow.

use std::collections::BTreeMap;

use outpost_schema::{
    cart::SoldUnits,
    clock::Timestamp,
    count::{Cut, InForce, Skew, Span, Told, Upto},
    id::UserId,
    op::Line,
    order::{Fulfilment, OrderStatus, Receipt, is_promised},
    quantity::AMOUNT_MAX,
    returned::Bought,
    settle::{Author, Elder, Known, KnownOrder, Past},
    stock::{Allotment, Level, SUM_MAX, StockKey},
    word::Word as _,
};

use super::{Choices, make};

/// What is known, who writes, and what is promised to those who are not loaded.
pub struct Ground {
    pub known: Known,
    pub author: Author,
    pub others: BTreeMap<StockKey, i64>,
}

pub fn make(choices: &mut Choices<'_>) -> Ground {
    let mut known = Known::empty(make::currency(choices), Timestamp::from_micros(1_770_000_000_000_000));
    known.is_recovering = choices.once_in(6);
    known.users.insert(UserId::GUEST);
    known.users.extend(choices.some(3, make::user_id));
    known.products.extend(choices.some(6, make::product_id));
    known.warehouses.extend(choices.some(6, make::warehouse_id));
    known.addresses.extend(choices.some(3, make::address_id));
    known.reviews.extend(choices.some(2, make::review_id));
    if let Some(owner) = known.users.last().copied().filter(|owner| *owner != UserId::GUEST) {
        known.emails.insert("a@x.example".to_owned(), owner);
    }
    for _ in 0..choices.place(4) {
        known.orders.insert(make::order_id(choices), order(choices));
    }
    for (order_id, number) in known.orders.keys().copied().collect::<Vec<_>>().into_iter().zip(0..) {
        let bought = Bought::of(&make::order(choices), known.currency);
        known.bought.insert(order_id, bought);
        known.receipts.insert(Receipt { prefix: "K1".to_owned(), number }.stand_in(), order_id);
    }
    if choices.once_in(3) {
        known.sold.insert((make::cart_id(choices), make::product_id(choices)), SoldUnits::default());
    }
    let author = author(&known, choices);
    for life in &author.elders {
        let told = choices.some(2, make::mark).into_iter().collect();
        known.elders.insert(*life, Elder { told, allotments: allotments(&known, choices) });
    }
    known.allotments = allotments(&known, choices);
    let others = levels(&mut known, choices);
    let counted: Vec<_> = keys(&known).into_iter().filter(|_| choices.once_in(4)).collect();
    for (key, line) in counted.iter().copied().zip(0..) {
        // Whichever of them one op counted, it did so in lines of its own.
        let lines = i32::try_from(counted.len()).unwrap_or(i32::MAX);
        known.counts.insert(key, InForce { line, lines, ..count(choices) });
        known.moved.insert(key, choices.some(3, past));
    }
    Ground { known, author, others }
}

fn author(known: &Known, choices: &mut Choices<'_>) -> Author {
    let warehouses: Vec<_> = known.warehouses.iter().copied().filter(|_| !choices.once_in(4)).collect();
    Author {
        node_id: make::node_id(choices),
        incarnation_id: make::life(choices),
        former: warehouses.iter().copied().filter(|_| choices.once_in(6)).collect(),
        homes: warehouses.iter().copied().filter(|_| choices.once_in(2)).collect(),
        left_homes: warehouses.iter().copied().filter(|_| choices.once_in(4)).collect(),
        is_closed: choices.once_in(4),
        warehouses: warehouses.into_iter().collect(),
        elders: choices.some(2, make::life).into_iter().collect(),
        is_superseded: choices.once_in(6),
        skew: choices.perhaps(|choices| Skew { ahead: choices.within(-9, 9), is_steady: choices.once_in(2) }),
    }
}

fn told(choices: &mut Choices<'_>) -> Told {
    let at = choices.perhaps(|choices| Span { from: make::at(choices), to: make::at(choices) });
    Told { life: choices.perhaps(make::life), seq: choices.within(0, 9), at }
}

fn past(choices: &mut Choices<'_>) -> Past {
    Past { told: told(choices), delta: choices.within(-AMOUNT_MAX, AMOUNT_MAX), is_written_off: choices.once_in(4) }
}

fn count(choices: &mut Choices<'_>) -> InForce {
    let upto = |choices: &mut Choices<'_>| Upto { incarnation_id: make::life(choices), seq: choices.within(0, 9) };
    InForce {
        life: make::life(choices),
        seq: choices.within(1, 9),
        cut: Cut {
            since: make::at(choices),
            until: choices.perhaps(make::at),
            heard_at: choices.perhaps(make::at),
            heard: choices.some(2, upto),
            read: choices.some(2, upto),
            done: choices.some(2, upto),
        },
        while_counting: told(choices).at,
        counted: choices.within(0, 20),
        line: 0,
        lines: 1,
        answered: 0,
        doubtful: choices.within(0, 20),
    }
}

fn keys(known: &Known) -> Vec<StockKey> {
    let of = |product: &_| {
        let product_id = *product;
        known.warehouses.iter().map(move |warehouse| StockKey { product_id, warehouse_id: *warehouse })
    };
    known.products.iter().flat_map(of).collect()
}

fn order(choices: &mut Choices<'_>) -> KnownOrder {
    let line =
        |choices: &mut Choices<'_>| Line { product_id: make::product_id(choices), amount: make::amount(choices) };
    let mut lines = choices.some(2, line);
    lines.push(line(choices));
    KnownOrder {
        warehouse_id: make::warehouse_id(choices),
        fulfilment: choices.one(Fulfilment::WORDS).0,
        status: choices.one(OrderStatus::WORDS).0,
        lines,
    }
}

/// A total: few, many, or as many as a book can say.
fn total(choices: &mut Choices<'_>) -> i64 {
    match choices.place(6) {
        0 => choices.number().unsigned_abs().min(SUM_MAX.unsigned_abs()).cast_signed(),
        1 => SUM_MAX + choices.within(0, 1),
        _ => choices.within(0, 30),
    }
}

fn allotments(known: &Known, choices: &mut Choices<'_>) -> BTreeMap<StockKey, Allotment> {
    let rows = keys(known).into_iter().filter(|_| choices.once_in(2)).collect::<Vec<_>>();
    let one = |choices: &mut Choices<'_>| Allotment {
        granted: total(choices),
        reclaimed: if choices.once_in(4) { total(choices) } else { 0 },
        consumed: total(choices),
        returned: if choices.once_in(4) { total(choices) } else { 0 },
        received: if choices.once_in(4) { total(choices) } else { 0 },
    };
    rows.into_iter().map(|key| (key, one(choices))).collect()
}

/// What is promised to those that are loaded: the author, its earlier lives, orders.
pub fn promised(known: &Known, key: StockKey) -> i64 {
    let elders = known.elders.values().filter_map(|elder| elder.allotments.get(&key));
    let allotted: i64 = known.allotments.get(&key).into_iter().chain(elders).map(|allotment| allotment.open()).sum();
    let orders = known.orders.values().filter(|order| order.warehouse_id == key.warehouse_id);
    let promised = orders.filter(|order| is_promised(order.fulfilment, order.status));
    let lines = promised.flat_map(|order| &order.lines).filter(|line| line.product_id == key.product_id);
    allotted + lines.map(|line| line.amount.units()).sum::<i64>()
}

/// Levels that fit the promises, and what is promised beyond them.
fn levels(known: &mut Known, choices: &mut Choices<'_>) -> BTreeMap<StockKey, i64> {
    let ordered = known.orders.values().flat_map(|order| {
        order.lines.iter().map(|line| StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id })
    });
    let keys: Vec<StockKey> = keys(known).into_iter().chain(ordered).collect();
    let mut others = BTreeMap::new();
    for key in keys {
        let other = if choices.once_in(3) { total(choices) } else { 0 };
        let balance = match choices.place(8) {
            0 => choices.number(),
            1 | 2 => -total(choices),
            _ => total(choices),
        };
        known.levels.insert(key, Level { balance, promised: promised(known, key) + other });
        others.insert(key, other);
    }
    others
}
