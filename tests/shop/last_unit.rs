//! The last unit, wanted by everybody at once.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use outpost_node::Node;
use outpost_schema::{
    id::{HoldId, ProductId, WarehouseId},
    stock::StockKey,
    world::{Seeded, World as _},
};
use outpost_sync::{
    round,
    wire::{Caller, HOLDS_PATH, HoldWanted, JSON, NODE_HEADER},
};

use crate::support::{
    Rule, Shop, amount, caller,
    chance::Chance,
    line,
    wire::{Heard, Wire, ask},
};

/// Products of which one is left.
const LAST_UNITS: usize = 1_000;

/// Asks that a till makes between two rounds.
const AT_ONCE: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_last_unit_of_a_thousand_products_is_sold_once_each() {
    let mut shop = Shop::open(2).await;
    let web = shop.add_till(shop.high_street, Rule::Shared).await;
    let goods = shop.products(LAST_UNITS, 1).await;
    shop.all_level().await;

    let mut wanting = Vec::new();
    for (number, till) in shop.tills[..2].iter().enumerate() {
        let line = Wire::lay(shop.router.clone(), till.card.node_id);
        wanting.push(tokio::spawn(ask_for_each(Arc::clone(&till.node), line, shuffled(&goods, number as u64))));
    }
    let buyer = caller(&shop.tills[web].card);
    let held = tokio::spawn(hold_each(shop.router.clone(), buyer, shop.high_street, shuffled(&goods, 9)));
    for asked in wanting {
        asked.await.expect("a till asks to the end");
    }
    let held = held.await.expect("the buyer asks to the end");

    let mut sold: BTreeMap<ProductId, usize> = held.iter().map(|product| (*product, 1)).collect();
    let mut by_whom = vec![held.len()];
    for till in &shop.tills[..2] {
        let mine: Vec<_> = goods.iter().filter(|product| till.sell(**product, 1).is_ok()).collect();
        by_whom.push(mine.len());
        mine.into_iter().for_each(|product| *sold.entry(*product).or_default() += 1);
    }
    assert!(goods.iter().all(|product| sold.get(product) == Some(&1)), "{by_whom:?} of {LAST_UNITS}");
    assert!(by_whom.iter().all(|units| *units > 0), "nobody came too late for all of it: {by_whom:?}");
    shop.all_level().await;
    let neither = "select count(*) from stock where not (balance = 1 and promised = 1 or balance = 0 and promised = 0)";
    assert_eq!(shop.number(neither).await, 0, "held or sold");
    assert_eq!(shop.concerns().await, []);
    shop.agree().await;
}

async fn ask_for_each(node: Arc<Node>, wire: Wire, goods: Vec<ProductId>) {
    for some in goods.chunks(AT_ONCE) {
        for product in some {
            node.ask(&[line(*product, 1)]).expect("written down");
        }
        round::run(&*node, &wire, 0).await.expect("the line is good");
    }
}

/// Places a hold on each, and says on which it stands.
async fn hold_each(router: Router, buyer: Caller, warehouse_id: WarehouseId, goods: Vec<ProductId>) -> Vec<ProductId> {
    let (world, mut held) = (Seeded::new(77), Vec::new());
    for product_id in goods {
        let hold_id = HoldId::new(world.now(), world.id_chance());
        let wanted = HoldWanted::of_one(hold_id, StockKey { product_id, warehouse_id }, amount(1), 24 * 60 * 60);
        let heard = Heard::of(ask(&router, hold_request(buyer, &wanted)).await).await;
        match heard.status {
            StatusCode::CREATED => held.push(product_id),
            StatusCode::CONFLICT => assert_eq!(heard.problem().code, "nothing_left"),
            other => panic!("{other}: {:?}", heard.bytes),
        }
    }
    held
}

fn hold_request(buyer: Caller, wanted: &HoldWanted) -> Request<Body> {
    Request::post(HOLDS_PATH)
        .header(header::HOST, "127.0.0.1:7070")
        .header(NODE_HEADER, format!("{}/{}", buyer.node_id, buyer.incarnation_id))
        .header(header::CONTENT_TYPE, JSON)
        .body(Body::from(serde_json::to_vec(wanted).expect("encodes")))
        .expect("a request")
}

fn shuffled(goods: &[ProductId], seed: u64) -> Vec<ProductId> {
    let mut goods = goods.to_vec();
    Chance::of(seed).shuffle(&mut goods);
    goods
}
