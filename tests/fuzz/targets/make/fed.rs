//! What the feed tells.

use std::collections::BTreeSet;

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Category, Product, Warehouse},
    delivery::{Closing, Delivery, DeliveryLine},
    device::NodeKind,
    feed::{Aggregate, Confirmation, Granted, Key, Kind, Ruling, Stock},
    id::{CategoryId, ConcernId, RuleId, SynonymsId},
    quantity::Unit,
    rule::{Goods, Rule, Says},
    stock::SalePolicy,
    synonym::Synonyms,
    transfer::{Route, Row, Transfer},
    verdict::{Concern, ConcernKind, Grant, Refusal, SetAside, Verdict},
    word::Word as _,
};

use super::{super::cart, *};

pub fn verdict(choices: &mut Choices<'_>) -> Verdict {
    match choices.place(7) {
        0 => Verdict::Accepted,
        1 => Verdict::Granted(
            choices.some(3, |choices| Grant { product_id: product_id(choices), amount: amount(choices) }),
        ),
        2 => Verdict::Refused(choices.one(Refusal::WORDS).0),
        3 => Verdict::SetAside(SetAside::Newer),
        4 => Verdict::SetAside(SetAside::Malformed { code: choices.text(9) }),
        5 => Verdict::SetAside(SetAside::Lacks { ids: choices.some(3, |choices| product_id(choices).0) }),
        _ => Verdict::SetAside(SetAside::IdTaken { id: order_id(choices).0 }),
    }
}

pub fn key(choices: &mut Choices<'_>) -> Key {
    let kind = choices.one(&Kind::ALL);
    let width = if choices.once_in(8) { choices.place(5) } else { kind.width() };
    Key { kind, ids: (0..width).map(|_| product_id(choices).0).collect() }
}

pub fn aggregate(choices: &mut Choices<'_>) -> Aggregate {
    match choices.one(&Kind::ALL) {
        Kind::Warehouse => Aggregate::Warehouse(Warehouse {
            warehouse_id: warehouse_id(choices),
            name: choices.text(20),
            home_of: choices.perhaps(node_id),
            created_at: at(choices),
        }),
        Kind::Category => Aggregate::Category(Category {
            category_id: CategoryId(choices.id(13, 3)),
            name: choices.text(20),
            parent_id: choices.perhaps(|choices| CategoryId(choices.id(13, 3))),
        }),
        Kind::Product => Aggregate::Product(Box::new(product(choices))),
        Kind::Stock => Aggregate::Stock(Stock {
            product_id: product_id(choices),
            warehouse_id: warehouse_id(choices),
            balance: choices.number(),
            promised: choices.number(),
            updated_at: at(choices),
        }),
        Kind::Allotment => Aggregate::Allotment(granted(choices)),
        Kind::User => Aggregate::User(Box::new(user(choices))),
        Kind::Address => Aggregate::Address(Box::new(address(choices))),
        Kind::Order => Aggregate::Order(Box::new(super::ops::order(choices))),
        Kind::Review => Aggregate::Review(Box::new(review(choices))),
        Kind::Return => Aggregate::Return(Box::new(super::ops::back(choices))),
        Kind::Cart => Aggregate::Cart(Box::new(cart::some_cart(choices))),
        Kind::Concern => Aggregate::Concern(Box::new(concern(choices))),
        Kind::Transfer => Aggregate::Transfer(Box::new(transfer(choices))),
        Kind::Delivery => Aggregate::Delivery(Box::new(delivery(choices))),
        Kind::Rule => Aggregate::Rule(Box::new(rule(choices))),
        Kind::Confirmation => Aggregate::Confirmation(Confirmation {
            order_id: order_id(choices),
            warehouse_id: warehouse_id(choices),
            asked_at: at(choices),
            confirmed_at: choices.perhaps(at),
        }),
        Kind::Synonyms => Aggregate::Synonyms(Box::new(synonyms(choices))),
        Kind::Verdict if choices.once_in(2) => Aggregate::Gone(key(choices)),
        Kind::Verdict => Aggregate::Verdict(Box::new(Ruling {
            incarnation_id: life(choices),
            seq: choices.number(),
            verdict: verdict(choices),
        })),
    }
}

fn transfer(choices: &mut Choices<'_>) -> Transfer {
    let mut transfer = Transfer::untold(super::ops::code(choices));
    transfer.route = choices.perhaps(|choices| Route {
        sent_at: at(choices),
        from_id: warehouse_id(choices),
        to_id: warehouse_id(choices),
    });
    transfer.complete = choices.once_in(4);
    transfer.rows = choices.some(3, |choices| Row {
        product_id: product_id(choices),
        warehouse_id: warehouse_id(choices),
        sent: choices.number(),
        arrived: choices.number(),
        damaged: choices.number(),
        lost: choices.number(),
    });
    transfer
}

fn delivery(choices: &mut Choices<'_>) -> Delivery {
    Delivery {
        delivery_id: delivery_id(choices),
        warehouse_id: warehouse_id(choices),
        supplier: choices.text(20),
        reference: choices.text(20),
        due_at: choices.perhaps(at),
        created_at: at(choices),
        closing: choices.perhaps(|choices| Closing { at: at(choices), by: choices.text(20), note: choices.text(20) }),
        lines: choices.some(3, |choices| DeliveryLine {
            product_id: product_id(choices),
            expected: choices.number(),
            received: choices.number(),
        }),
    }
}

fn granted(choices: &mut Choices<'_>) -> Granted {
    Granted {
        incarnation_id: life(choices),
        product_id: product_id(choices),
        warehouse_id: warehouse_id(choices),
        granted: choices.number(),
        reclaimed: choices.number(),
        full: choices.number(),
        keep: choices.once_in(3).then(|| choices.number()),
    }
}

fn concern(choices: &mut Choices<'_>) -> Concern {
    Concern {
        concern_id: ConcernId(choices.id(14, 3)),
        kind: choices.one(ConcernKind::WORDS).0,
        subject: choices.text(20),
        detail: json(choices, 2),
        scope: warehouse_id(choices).0,
        opened_at: at(choices),
        closed_at: choices.perhaps(at),
    }
}

fn rule(choices: &mut Choices<'_>) -> Rule {
    let says = match choices.place(3) {
        0 => Says::Labels { layout: choices.one(&["21IIIIIPPPPPC", "20IIIIIWWWWWC"]).parse().expect("a layout") },
        1 => {
            let goods = match choices.place(3) {
                0 => Goods::All,
                1 => Goods::Category(CategoryId(choices.id(13, 3))),
                _ => Goods::Product(product_id(choices)),
            };
            let kind = choices.perhaps(|choices| choices.one(NodeKind::WORDS).0);
            Says::Policy { kind, goods, policy: choices.one(SalePolicy::WORDS).0 }
        }
        _ => Says::LowAt {
            product_id: choices.perhaps(product_id),
            warehouse_id: choices.perhaps(warehouse_id),
            units: choices.number(),
        },
    };
    Rule { rule_id: RuleId(choices.id(15, 3)), says, updated_at: at(choices) }
}

/// Groups that are whole; what people write is made of hostile text in `values`.
fn synonyms(choices: &mut Choices<'_>) -> Synonyms {
    let lines = ["soft drink, soda, pop", "trainers => sneakers, running shoes", "crème, чай"];
    let group = choices.one(&lines).parse().expect("a group");
    Synonyms { synonyms_id: SynonymsId(choices.id(16, 3)), group, created_at: at(choices) }
}

fn product(choices: &mut Choices<'_>) -> Product {
    let barcode = |choices: &mut Choices<'_>| Barcode::in_store(choices.place(1_000) as u64).expect("few digits");
    let barcodes: BTreeSet<Barcode> = choices.some(3, barcode).into_iter().collect();
    Product {
        product_id: product_id(choices),
        sku: choices.perhaps(|choices| choices.text(20)),
        name: choices.text(20),
        description: choices.perhaps(|choices| choices.text(100)),
        price: choices.perhaps(money),
        unit: choices.one(Unit::WORDS).0,
        price_per: choices.number(),
        category_id: choices.perhaps(|choices| CategoryId(choices.id(13, 3))),
        seller_id: choices.perhaps(user_id),
        image_urls: choices.some(2, |choices| choices.text(20)),
        attributes: object(choices, 2),
        barcodes: barcodes.into_iter().collect(),
        created_at: at(choices),
        updated_at: at(choices),
    }
}
