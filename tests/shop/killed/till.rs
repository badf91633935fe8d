//! Everything that is written down at a till, and the card it begins with.

use std::{fs, path::Path};

use outpost_node::{
    db::FILE,
    stage::{Moment, Work},
};
use outpost_schema::{
    id::{ProductId, WarehouseId},
    transfer::TransferCode,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{ON_HAND, on, post, sale_of, serve, switch_off, switch_on};
use crate::support::{
    Rule, Shop,
    process::{Running, dies_at, run},
};

/// What is asked of a till: a path, and what is said.
type Asked = (String, Value);

/// How a deed is asked for, of what is there.
type Deed = fn(&mut There) -> Asked;

/// What a cashier does, and how it is asked for; a sale dies in a story of its own.
const DEEDS: [(Work, Deed); 15] = [
    (Work::Cart, begin_a_cart),
    (Work::AddCustomer, add_a_customer),
    (Work::AddAddress, add_an_address),
    (Work::AddReview, review),
    (Work::Receive, receive),
    (Work::UndoReceipt, undo_receipt),
    (Work::Send, send),
    (Work::Arrive, arrive),
    (Work::Adjust, adjust),
    (Work::Count, count),
    (Work::GiveBack, give_back),
    (Work::Ask, ask),
    (Work::Advance, advance),
    (Work::Cancel, cancel),
    (Work::TakeBack, take_back),
];

/// What dies here.
pub fn works() -> Vec<Work> {
    DEEDS.iter().map(|(work, _)| *work).chain([Work::Join]).collect()
}

/// What is there to be spoken of.
struct There {
    tea: ProductId,
    /// Another place.
    elsewhere: WarehouseId,
    customer: Value,
    /// Orders to be sent, one for each deed that takes one.
    orders: Vec<Value>,
}

#[tokio::test]
async fn whatever_a_till_writes_down_when_it_is_killed_is_there_whole_or_not_at_all() {
    let mut shop = Shop::open(0).await;
    let kiosk = shop.add_place("Kiosk").await;
    shop.add_till(kiosk, Rule::Home).await;
    let tea = shop.product_at("Kiosk", "TEA", "2.50", ON_HAND).await;
    shop.all_level().await;
    let (card, folder) = switch_off(&mut shop);
    let deeds: Vec<_> =
        DEEDS.iter().flat_map(|(work, asked)| work.stages().into_iter().map(|stage| (stage, *asked))).collect();
    let mut there = prepared(&folder, (tea, shop.high_street), deeds.len()).await;
    for (stage, asked) in deeds {
        let before = written(&folder);
        let serving = Running::start("outpost-node", &serve(&folder), Some(stage.into())).await;
        let (path, said) = asked(&mut there);
        assert!(post(&serving.url, &path, &[], &said).await.is_none(), "{stage}: an answer before it died");
        serving.dies().await;
        switch_on(&mut shop, &card, &folder);
        shop.tills[0].node.examine().expect("its journal is whole");
        switch_off(&mut shop);
        let is_certain = stage.moment() == Moment::AfterCommit;
        assert_eq!(written(&folder), before + i64::from(is_certain), "{stage}");
    }
    switch_on(&mut shop, &card, &folder);
    shop.all_level().await;
    assert_eq!(
        shop.number("select (select count(*) from ops) + (select count(*) from cart_states)").await,
        written(&folder)
    );
    // Its clock is the machine's and head office's is not, so their carts differ in the stamps alone.
    shop.keeps_its_laws().await;
    let units = shop.number("select balance from stock").await;
    assert_eq!(shop.tills[0].shown(tea).balance, units);
}

#[tokio::test]
async fn a_device_killed_while_it_joins_joins_when_it_is_told_again() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Shared).await;
    let card = shop.spare_folder("card.toml");
    fs::write(&card, toml::to_string(&shop.tills[0].card).expect("a card is text")).expect("written");
    for stage in Work::Join.stages() {
        let folder = shop.spare_folder(&stage.to_string());
        let join = [on(&folder), vec!["join".to_owned(), card.to_string_lossy().into_owned()]].concat();
        dies_at(stage, &join).await;
        let again = run("outpost-node", &join, None).await;
        assert!(again.status.success(), "after {stage}: {}", String::from_utf8_lossy(&again.stderr));
        let till = shop.start(shop.tills[0].card.clone(), folder, 90);
        till.until_level().await;
    }
}

/// A customer, and as many orders to be sent as are wanted, all written down without a line.
async fn prepared(folder: &Path, (tea, elsewhere): (ProductId, WarehouseId), orders: usize) -> There {
    let serving = Running::start("outpost-node", &serve(folder), None).await;
    let ada = post(&serving.url, "/v1/customers", &[], &json!({ "first_name": "Ada" })).await.expect("written down");
    let mut there = There { tea, elsewhere, customer: ada["user_id"].clone(), orders: Vec::new() };
    for _ in 0..orders {
        let sold = post(&serving.url, "/v1/sales", &[], &sale_of(tea, "ship")).await.expect("sold");
        there.orders.push(sold["order"]["order_id"].clone());
    }
    serving.kill().await;
    there
}

fn begin_a_cart(_: &mut There) -> Asked {
    ("/v1/carts".to_owned(), json!({}))
}

fn add_a_customer(_: &mut There) -> Asked {
    ("/v1/customers".to_owned(), json!({ "first_name": "Grace" }))
}

fn add_an_address(there: &mut There) -> Asked {
    let address = json!({ "street": "1 Mill Lane", "city": "Leeds", "country": "UK" });
    (format!("/v1/customers/{}/addresses", text(&there.customer)), address)
}

fn review(there: &mut There) -> Asked {
    let review = json!({ "product_id": there.tea, "user_id": there.customer, "rating": 4, "comment": "strong" });
    ("/v1/reviews".to_owned(), review)
}

fn receive(there: &mut There) -> Asked {
    ("/v1/stock/receive".to_owned(), one(there))
}

fn undo_receipt(_: &mut There) -> Asked {
    ("/v1/stock/receive/undo".to_owned(), json!({ "person": "Ada" }))
}

fn send(there: &mut There) -> Asked {
    let lines = json!([{ "product_id": there.tea, "amount": 1 }]);
    ("/v1/transfers".to_owned(), json!({ "to": there.elsewhere, "lines": lines, "anyway": true }))
}

/// What came is on the road from a device that nobody has heard yet.
fn arrive(there: &mut There) -> Asked {
    let code = TransferCode { prefix: "Z9".to_owned(), number: 7 };
    let lines = json!([{ "product_id": there.tea, "came": 1 }]);
    (format!("/v1/transfers/{code}/arrive"), json!({ "lines": lines }))
}

fn adjust(there: &mut There) -> Asked {
    let lines = json!([{ "product_id": there.tea, "delta": -1 }]);
    ("/v1/stock/adjust".to_owned(), json!({ "cause": "damaged", "lines": lines, "person": "Ada", "note": "wet" }))
}

fn count(there: &mut There) -> Asked {
    ("/v1/stock/count".to_owned(), json!({ "lines": [{ "product_id": there.tea, "counted": ON_HAND + 7 }] }))
}

fn give_back(there: &mut There) -> Asked {
    ("/v1/stock/give-back".to_owned(), one(there))
}

fn ask(there: &mut There) -> Asked {
    ("/v1/stock/ask".to_owned(), one(there))
}

fn advance(there: &mut There) -> Asked {
    (format!("/v1/orders/{}/status", next_order(there)), json!({ "status": "shipped" }))
}

fn cancel(there: &mut There) -> Asked {
    (format!("/v1/orders/{}/cancel", next_order(there)), json!({}))
}

fn take_back(there: &mut There) -> Asked {
    let refund = json!({ "amount": "0.50" });
    ("/v1/returns".to_owned(), json!({ "order_id": next_order(there), "lines": [], "refund": refund }))
}

fn one(there: &There) -> Value {
    json!({ "lines": [{ "product_id": there.tea, "amount": 1 }] })
}

fn next_order(there: &mut There) -> String {
    text(&there.orders.pop().expect("one for each"))
}

fn text(value: &Value) -> String {
    value.as_str().expect("an id").to_owned()
}

/// How much is written down: entries of the journal, and carts.
fn written(folder: &Path) -> i64 {
    let database = Connection::open(folder.join(FILE)).expect("it opens");
    let sql = "select (select count(*) from journal) + (select count(*) from cart_states)";
    database.query_row(sql, [], |row| row.get(0)).expect("readable")
}
