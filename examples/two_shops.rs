//! Two shops sell apart from each other and from head office; then each has a line, and all agree.
//!
//! Each is the only one that sells from its own stock room, so nobody needs to be asked. What they
//! sold waits in their journals; a round pushes it, and a second one brings the news of the other
//! shop. Head office is a model in memory here, with the very rules of the real one.
//!
//!     cargo run --example two_shops

use std::{error::Error, sync::Arc};

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{device::Card, id::ProductId, quantity::Amount, settle::Author, world::Seeded};
use outpost_sync::{
    model::{self, Model},
    round,
    wire::Caller,
};
use serde_json::json;
use uuid::Uuid;

/// Sells in both shops, and compares.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let server = Model::new("EUR".parse()?, serde_json::from_value(json!(0))?);
    let folder = tempfile::tempdir()?;
    let cards = [card("North", 1)?, card("South", 2)?];
    let mut shops = Vec::new();
    for (card, seed) in cards.iter().zip(1..) {
        let Card { node_id, incarnation_id, warehouse_id, .. } = *card;
        let home = json!({ "warehouse_id": warehouse_id, "name": card.name, "home_of": node_id, "created_at": 0 });
        server.add_warehouse(serde_json::from_value(home)?);
        let caller = Caller { node_id, incarnation_id };
        let author = model::author(caller, warehouse_id);
        server.add_node(Author {
            homes: [warehouse_id].into(),
            warehouses: cards.each_ref().map(|card| card.warehouse_id).into(),
            ..author
        });
        let path = folder.path().join(&card.name);
        std::fs::create_dir(&path)?;
        let node = Node::open(&path, Arc::new(Seeded::new(seed)))?;
        node.join(card)?;
        shops.push((node, caller));
    }
    let bread = ProductId(Uuid::from_u128(7));
    let stock = cards.each_ref().map(|card| (card.warehouse_id, 20));
    server.add_product(serde_json::from_value(product(bread))?, &stock);
    for (node, caller) in &shops {
        round::run(node, &server.line(*caller), 0).await?;
    }

    // The line is cut: North sells three loaves, South five.
    for ((node, _), loaves) in shops.iter().zip([3, 5]) {
        let line = WantedLine { product_id: bread, quantity: Amount::new(loaves)?, unit_price: None };
        let terms = Terms::carried_out(vec![Tendered::cash("50".parse()?)]);
        println!("{}", node.sell(&SaleWanted { lines: vec![line], terms })?.order.receipt);
    }

    // It is mended: the first round tells, the second hears of the others.
    for (node, caller) in shops.iter().chain(&shops) {
        round::run(node, &server.line(*caller), 0).await?;
    }
    let told = [shops[0].0.stock_of(bread)?, shops[1].0.stock_of(bread)?];
    let shelves: Vec<i64> = told[0].iter().map(|(_, level)| level.quantity()).collect();
    println!("on the shelves now: {shelves:?}");
    assert!(told[0] == told[1] && shelves == [17, 15]);
    Ok(())
}

fn card(name: &str, number: u128) -> serde_json::Result<Card> {
    let id = |kind: u128| Uuid::from_u128(kind << 8 | number);
    serde_json::from_value(json!({
        "node_id": id(1), "incarnation_id": id(2), "name": name, "kind": "till", "warehouse_id": id(3),
        "is_home": true, "policy": "physical", "prefix": name[..1].to_owned() + "1", "currency": "EUR",
        "server": "http://127.0.0.1:7070"
    }))
}

fn product(product_id: ProductId) -> serde_json::Value {
    json!({
        "product_id": product_id, "name": "Bread", "price": "3.20", "unit": "each", "price_per": 1,
        "image_urls": [], "attributes": {}, "barcodes": [], "created_at": 0, "updated_at": 0
    })
}
