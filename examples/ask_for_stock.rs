//! A till at a shared shop sells only what it was allotted: it is refused, asks, and then sells.
//!
//! The stock of a shared shop is head office's to promise, so that no unit is sold twice while the
//! line is cut. A till that runs short journals an ask. One round pushes it and pulls the grant; from
//! then on those units are the till's own, and it sells them with or without a line.
//!
//!     cargo run --example ask_for_stock

use std::{error::Error, sync::Arc};

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{device::Card, op::Line, quantity::Amount, world::Seeded};
use outpost_sync::{
    model::{self, Model},
    round,
    wire::Caller,
};
use serde_json::json;

const SHOP: &str = "01900000-0000-7000-8000-000000000003";
const TEA: &str = "01900000-0000-7000-8000-000000000004";

/// Refused, granted, sold.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let (server, card) = (Model::new("EUR".parse()?, serde_json::from_value(json!(0))?), card()?);
    let caller = Caller { node_id: card.node_id, incarnation_id: card.incarnation_id };
    server.add_warehouse(serde_json::from_value(json!({ "warehouse_id": SHOP, "name": "Shop", "created_at": 0 }))?);
    server.add_product(serde_json::from_value(tea())?, &[(SHOP.parse()?, 5)]);
    server.add_node(model::author(caller, SHOP.parse()?));

    let folder = tempfile::tempdir()?;
    let till = Node::open(folder.path(), Arc::new(Seeded::new(1)))?;
    till.join(&card)?;
    round::run(&till, &server.line(caller), 0).await?;

    let three = Line { product_id: TEA.parse()?, amount: Amount::new(3)? };
    let refused = sell(&till, three).err().ok_or("nothing is allotted yet")?;
    println!("first: {refused}");

    till.ask(&[three])?;
    round::run(&till, &server.line(caller), 0).await?;
    println!("granted: {}", till.product(three.product_id)?.ok_or("in the catalogue")?.open);

    println!("then: sold on receipt {}", sell(&till, three)?);
    round::run(&till, &server.line(caller), 0).await?;
    let shown = till.product(three.product_id)?.ok_or("in the catalogue")?.level;
    println!("left in the shop: {}, as head office says too", shown.quantity());
    // Who sells is topped up: the two that are left may be sold here without asking.
    assert_eq!((refused.code(), shown.quantity(), shown.promised), ("allotment_spent", 2, 2));
    Ok(())
}

fn sell(till: &Node, line: Line) -> Result<String, outpost_node::Error> {
    let line = WantedLine { product_id: line.product_id, quantity: line.amount, unit_price: None };
    let terms = Terms::carried_out(vec![Tendered::card("terminal 1, receipt 88")]);
    Ok(till.sell(&SaleWanted { lines: vec![line], terms })?.order.receipt.to_string())
}

fn card() -> serde_json::Result<Card> {
    serde_json::from_value(json!({
        "node_id": "01900000-0000-7000-8000-000000000001",
        "incarnation_id": "01900000-0000-7000-8000-000000000002",
        "name": "Till", "kind": "till", "warehouse_id": SHOP, "is_home": false, "policy": "strict",
        "prefix": "T1", "currency": "EUR", "server": "http://127.0.0.1:7070"
    }))
}

fn tea() -> serde_json::Value {
    json!({
        "product_id": TEA, "name": "Tea", "price": "2.50", "unit": "each", "price_per": 1, "image_urls": [],
        "attributes": {}, "barcodes": [], "created_at": 0, "updated_at": 0
    })
}
