//! A network is set up as people set one up: places, a catalogue, opening stock, devices.

use std::{fmt::Write as _, io::Cursor};

use outpost_schema::{
    device::{Card, NodeKind},
    id::{ProductId, WarehouseId},
    money::Money,
    stock::SalePolicy,
};
use outpost_server::{
    db::catalogue,
    import::{self, Options, Source},
    nodes::{self, NodeWanted},
    rules,
    server::Server,
};

use crate::office::{Opening, Place};

/// Sets it up. Says with which card each till joins, and what the products are.
pub async fn set_up(server: &Server, opening: &Opening) -> (Vec<Card>, Vec<ProductId>) {
    let products = products(server, &opening.prices).await;
    rules::lay_down(server, &opening.rules(&products)).await.expect("rules");
    let mut cards = Vec::new();
    for (number, place) in opening.places.iter().enumerate() {
        let name = format!("Place {}", number + 1);
        let warehouse = nodes::add_warehouse(server, &name).await.expect("a place").warehouse_id;
        stock(server, &name, &place.on_hand).await;
        for policy in &place.tills {
            let wanted = till(cards.len() + 1, warehouse, place, *policy);
            cards.push(nodes::add_node(server, &wanted).await.expect("a node"));
        }
    }
    (cards, products)
}

fn till(number: usize, warehouse_id: WarehouseId, place: &Place, policy: SalePolicy) -> NodeWanted {
    NodeWanted {
        name: format!("Till {number}"),
        kind: NodeKind::Till,
        warehouse_id,
        also: Vec::new(),
        is_home: place.is_home,
        policy: Some(policy),
        server: "http://127.0.0.1:7070".to_owned(),
    }
}

fn sku(number: usize) -> String {
    format!("P{number:03}")
}

async fn products(server: &Server, prices: &[i64]) -> Vec<ProductId> {
    let mut rows = "sku,name,price\n".to_owned();
    for (number, cents) in prices.iter().enumerate() {
        let price = Money::from_parts(cents * 100).expect("a price");
        writeln!(rows, "{},Product {number},{price}", sku(number)).expect("a string takes all");
    }
    let report = import::products(server, source(rows), Options::default(), |_| ()).await.expect("an import");
    assert_eq!(report.rejected, 0, "{report:?}");
    let skus: Vec<String> = (0..prices.len()).map(sku).collect();
    let skus = &skus;
    let named = server.db.snapshot(|tx| async move { catalogue::named_by(&tx, skus, &[]).await });
    let mut named = named.await.expect("a catalogue");
    named.sort_by(|one, other| one.sku.cmp(&other.sku));
    named.into_iter().map(|product| product.product_id).collect()
}

async fn stock(server: &Server, place: &str, on_hand: &[i64]) {
    let mut rows = "sku,quantity\n".to_owned();
    for (number, units) in on_hand.iter().enumerate() {
        writeln!(rows, "{},{units}", sku(number)).expect("a string takes all");
    }
    let report = import::stock(server, source(rows), place, Options::default(), |_| ()).await.expect("an import");
    assert_eq!(report.rejected, 0, "{report:?}");
}

fn source(rows: String) -> Source {
    Source::new(Cursor::new(rows)).expect("a file")
}
