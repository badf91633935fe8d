//! A till that has never seen a network sells two pots of honey.
//!
//! It joins with the card that head office printed, takes in a page of the feed (here made by hand; a
//! courier would fetch it), and sells. When `sell` returns, the sale is on the disk, and a receipt may
//! be printed; the journal entry waits there for the day when there is a line.
//!
//!     cargo run --example offline_sale

use std::{error::Error, sync::Arc};

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
    time::Real,
};
use outpost_schema::{device::Card, feed::Aggregate, quantity::Amount, world::World as _};
use outpost_sync::{round::Local as _, wire::Page};
use serde_json::json;

/// Sells, and prints the receipt.
pub fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let node = Node::open(folder.path(), Arc::new(Real))?;
    node.join(&card()?)?;
    node.apply(None, &page()?)?;

    let honey = node.find("HONEY", 1)?.pop().ok_or("the page told of honey")?.product;
    let two = WantedLine { product_id: honey.product_id, quantity: Amount::new(2)?, unit_price: None };
    let terms = Terms::carried_out(vec![Tendered::cash("20".parse()?)]);
    let sold = node.sell(&SaleWanted { lines: vec![two], terms })?;

    println!("{}  2 x {} at {}", sold.order.receipt, honey.name, sold.order.items[0].unit_price);
    println!("total {}, change {}", sold.order.total_amount, sold.change);
    let left = node.product(honey.product_id)?.ok_or("still sold")?.level.quantity();
    let waiting = node.status()?.waiting;
    println!("{left} left on the shelf; {waiting} entry waits for a line");
    assert_eq!((sold.change.to_string().as_str(), left, waiting), ("7.00", 10, 1));
    Ok(())
}

/// What `outpost-server node add` prints.
fn card() -> serde_json::Result<Card> {
    serde_json::from_value(json!({
        "node_id": "01900000-0000-7000-8000-000000000001",
        "incarnation_id": "01900000-0000-7000-8000-000000000002",
        "name": "Beach stall", "kind": "popup", "prefix": "B1", "currency": "EUR",
        "warehouse_id": "01900000-0000-7000-8000-000000000003", "is_home": true, "policy": "physical",
        "server": "http://127.0.0.1:7070"
    }))
}

/// News from head office: a product, and twelve of it at the stall.
fn page() -> Result<Page, Box<dyn Error>> {
    let (now, honey) = (Real.now(), "01900000-0000-7000-8000-000000000004");
    let product = json!({
        "product_id": honey, "sku": "HONEY", "name": "Honey, 500 g", "price": "6.50", "unit": "each", "price_per": 1,
        "image_urls": [], "attributes": {}, "barcodes": [], "created_at": now, "updated_at": now
    });
    let stock = json!({
        "product_id": honey, "warehouse_id": "01900000-0000-7000-8000-000000000003",
        "balance": 12, "promised": 0, "updated_at": now
    });
    let aggregates: Vec<Aggregate> = serde_json::from_value(json!([{ "product": product }, { "stock": stock }]))?;
    let page = json!({
        "epoch": "01900000-0000-7000-8000-000000000005", "cursor": "1", "level": true, "seen": "1",
        "aggregates": aggregates, "acked": [], "server_time": now
    });
    Ok(serde_json::from_value(page)?)
}
