//! Tills that are filled: new ones, and ones whose tables no longer belong to head office's database.

mod bad;
pub mod killed;
mod same;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use outpost_node::{
    Error,
    people::{NewAddress, NewCustomer, NewReview},
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{id::ProductId, people::Rating, world::Seeded};
use outpost_server::{api, publish, server::Server};
use outpost_sync::{
    round::{Failure, Trouble},
    wire::{ACKED_HEADER, HEAD_HEADER, NODE_HEADER},
};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use self::same::same_tables;
use crate::support::{
    Rule, Shop, Till, amount, money,
    wire::{Fate, Heard, Wire, ask},
};

/// Products that make a file of several parts.
const MANY: usize = 2_000;

#[tokio::test]
async fn a_till_filled_from_a_file_is_the_same_as_one_that_read_the_feed() {
    let (mut shop, [tea, _]) = busy_shop().await;
    let stall = shop.add_place("Stall").await;
    shop.stock("Stall", &[("TEA".to_owned(), 40)]).await;
    let home = shop.add_till(stall, Rule::Home).await;
    // A till of the busy shop's own hears of people, orders and carts too.
    let neighbour = shop.add_till(shop.high_street, Rule::Physical).await;
    for number in [home, neighbour] {
        let filled = &shop.tills[number];
        let folder = shop.spare_folder(&format!("the one that read the feed in place of {number}"));
        std::fs::create_dir(&folder).expect("a folder");
        let pulled = shop.start(filled.card.clone(), folder, 9);
        pulled.line.carries_no_files();
        for till in [filled, &pulled] {
            till.until_level().await;
        }
        assert_eq!((filled.line.files(), pulled.line.files()), (vec![0], vec![]));
        same_tables(filled, &pulled);
    }
    assert_eq!(shop.tills[home].open(tea), 40, "a home sells all of it");
    shop.tills[neighbour].sell(tea, 1).expect("it sells at once");
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_file_that_is_ready_serves_tills_that_were_set_up_later() {
    let (mut shop, [tea, _]) = busy_shop().await;
    for _ in 0..3 {
        let number = shop.add_till(shop.high_street, Rule::Shared).await;
        let till = &shop.tills[number];
        till.until_level().await;
        assert_eq!(till.line.files(), [0]);
        shop.tills[0].sell(tea, 1).expect("the shop goes on");
        shop.tills[0].until_level().await;
    }
    assert_eq!(files_in(&shop), 1, "one file served all three, and the rest was pulled");
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_file_is_made_once_however_many_ask() {
    let (shop, _) = busy_shop().await;
    let asking = (0..20).map(|_| ask(&shop.router, request(&shop.tills[0], &[])));
    let mut tags = Vec::new();
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status(), StatusCode::OK);
        tags.push(answer.headers()["etag"].clone());
    }
    tags.dedup();
    assert_eq!((tags.len(), files_in(&shop)), (1, 1));
    let metrics = ask(&shop.router, Request::get("/metrics").body(Body::empty()).expect("a request")).await;
    let text = String::from_utf8(Heard::of(metrics).await.bytes.to_vec()).expect("text");
    assert!(text.contains("outpost_files_made_total 1\n"), "{text}");
}

#[tokio::test]
async fn a_download_goes_on_where_it_was_cut() {
    let (shop, _) = shop_with_many().await;
    let till = &shop.tills[0];
    till.line.next([Fate::ShortAnswer(10_000), Fate::ShortAnswer(7_000), Fate::AnswerLost, Fate::Passes]);
    for _ in 0..3 {
        assert!(till.round().await.is_err(), "cut");
        assert!(till.node.product(ProductId(uuid::Uuid::nil())).expect("it can be read").is_none());
    }
    till.until_level().await;
    assert_eq!(till.line.files(), [0, 10_000, 17_000]);
    shop.agree().await;
    nothing_is_left(till);
}

#[tokio::test]
async fn a_file_that_changed_between_two_parts_is_begun_anew() {
    let (mut shop, _) = shop_with_many().await;
    shop.tills[0].line.next([Fate::ShortAnswer(10_000)]);
    assert!(shop.tills[0].round().await.is_err(), "cut");
    shop.product("NEW", "1.00", 0).await;
    // Another server process over the same database has made a file of its own.
    let other = Server::open(shop.database.config(), Arc::new(Seeded::new(5))).await.expect("opens");
    let epoch = other.epoch().await.expect("an epoch").epoch_id;
    other.keep_files(&shop.spare_folder("other files"), epoch).expect("a folder");
    let router = api::router(Arc::new(other));
    let wire = Wire::lay(router, shop.tills[0].card.node_id).carries_files();
    shop.tills[0].line = wire;
    shop.tills[0].until_level().await;
    assert_eq!(shop.tills[0].line.files(), [0], "all of the new one, and nothing of the old");
    shop.agree().await;
}

#[tokio::test]
async fn a_till_that_was_away_too_long_pushes_and_is_filled_anew() {
    let (mut shop, [tea, _]) = busy_shop().await;
    let number = shop.add_till(shop.high_street, Rule::Physical).await;
    shop.product("GONE", "1.00", 0).await;
    shop.all_level().await;
    let till = &shop.tills[number];
    till.sell(tea, 1).expect("sold without a line");
    // The note of what is gone is dropped long before this till is heard of again.
    shop.client()
        .await
        .batch_execute(
            "delete from products where sku = 'GONE';
             delete from feed where gone;
             update feed_horizon set dropped = pg_current_xact_id()",
        )
        .await
        .expect("time passes");
    shop.product("LATER", "1.00", 2).await;
    let fetched = till.line.files().len();
    till.until_level().await;
    assert!(till.waiting() == 0 && till.line.files().len() > fetched, "pushed first, then filled");
    shop.all_level().await;
    shop.agree().await;
    nothing_is_left(&shop.tills[number]);
}

#[tokio::test]
async fn a_till_that_has_work_waiting_is_filled_anew_and_keeps_all_that_is_its_own() {
    filled_anew(true).await;
}

#[tokio::test]
async fn the_same_is_done_by_reading_the_feed_where_there_is_no_file() {
    filled_anew(false).await;
}

/// Head office's database was put back: goods, a review and another till's cart of the lost hours are
/// not in it. A till has things waiting, and all the others have long been level.
async fn filled_anew(from_a_file: bool) {
    let (mut shop, [tea, oil]) = busy_shop().await;
    let number = shop.add_till(shop.high_street, Rule::Shared).await;
    shop.allot(number, tea, 5).await;
    shop.product("LOST", "1.00", 7).await;
    shop.all_level().await;
    let till = &shop.tills[number];
    till.sell(tea, 1).expect("sold and told");
    till.until_level().await;
    let review = lose_some_hours(&shop).await;
    begin_another_life(&shop).await;

    let fetched = till.line.files().len();
    if !from_a_file {
        till.line.carries_no_files();
    }
    let order = till.sell(tea, 2).expect("from its allotment");
    let customer = write_down(till, "grace@example.com");
    let cart = till.carts.begin(None).expect("a cart").cart_id();
    till.carts.add(cart, oil, amount(3), None).expect("added");
    let shown = (till.shown(tea).balance, till.open(tea));
    assert_eq!(shown.1, 2);

    till.line.next([Fate::AnswerLost]);
    assert!(till.round().await.is_err(), "what it pushed arrived, and the answer did not");
    till.until_level().await;
    assert_eq!((till.shown(tea).balance, till.open(tea)), shown, "counted once, and allotted as before");
    assert!(till.receipts().contains(&order.receipt.to_string()));
    assert!(till.node.customer(customer).expect("readable").is_some());
    assert_eq!(till.carts.get(cart).expect("it stays").quantity(oil), 3);
    if from_a_file {
        assert_eq!(till.line.files().len(), fetched + 1);
    }
    let here = Connection::open(till.folder.join("outpost.db")).expect("opens");
    let ghosts: i64 = here
        .query_row(
            "select (select count(*) from products where sku = 'LOST') + (select count(*) from reviews where review_id = ?1)",
            [review.as_bytes()],
            |row| row.get(0),
        )
        .expect("counts");
    assert_eq!(ghosts, 0, "no ghosts of the lost hours");
    shop.all_level().await;
    shop.all_level().await;
    shop.agree().await;
    nothing_is_left(&shop.tills[number]);
}

/// Takes out of the database what a backup from before would not have: the feed knows nothing of it.
async fn lose_some_hours(shop: &Shop) -> uuid::Uuid {
    let client = shop.client().await;
    let review: uuid::Uuid = client.query_one("select review_id from reviews limit 1", &[]).await.expect("one").get(0);
    client
        .batch_execute(
            "delete from stock_movements where product_id = (select product_id from products where sku = 'LOST');
             delete from stock where product_id = (select product_id from products where sku = 'LOST');
             delete from products where sku = 'LOST';
             delete from reviews;
             delete from feed f where f.kind in (3, 4) and not exists
                 (select from products p where uuid_send(p.product_id) = substring(f.key from 1 for 16));
             delete from feed where kind = 9",
        )
        .await
        .expect("hours are lost");
    review
}

/// The server's database began another life.
async fn begin_another_life(shop: &Shop) {
    shop.client()
        .await
        .batch_execute(
            "insert into epochs (number, epoch_id, system_identifier, timeline, started_at)
             select number + 1, gen_random_uuid(), system_identifier, timeline, started_at
             from epochs order by number desc limit 1",
        )
        .await
        .expect("a new epoch");
}

/// A shop in which much has happened, with a till that did it.
async fn busy_shop() -> (Shop, [ProductId; 2]) {
    let mut shop = Shop::open_with_files().await;
    shop.add_place("Depot").await;
    let number = shop.add_till(shop.high_street, Rule::Physical).await;
    shop.tills[number].line.carries_no_files();
    let tea = shop.product("TEA", "2.50", 50).await;
    let oil = shop.product("OIL", "7.25", 20).await;
    shop.stock("Depot", &[("TEA".to_owned(), 3)]).await;
    let attributes = [("z".to_owned(), 1.into()), ("a".to_owned(), "b c".into())].into_iter().collect();
    let new = publish::ProductNew {
        name: "Sweet Odds & \u{e9}nds".to_owned(),
        attributes,
        barcodes: vec!["4006381333931".parse().expect("a barcode")],
        ..publish::ProductNew::default()
    };
    let odds = publish::create(&shop.server, new).await.expect("a product").product_id;
    let till = &shop.tills[number];
    till.until_level().await;
    till.sell_all(&[(tea, 2), (oil, 1)]).expect("sold");
    till.sell(oil, 30).expect("more than the book has: a concern");
    let ada = write_down(till, "ada@example.com");
    let (rating, comment) = (Rating::try_from(4).expect("stars"), Some("as described".to_owned()));
    till.node.add_review(&NewReview { product_id: odds, user_id: ada, rating, comment }).expect("a review");
    let wanted = SaleWanted {
        lines: vec![WantedLine { product_id: tea, quantity: amount(1), unit_price: None }],
        terms: Terms { customer: Some(ada), ..Terms::carried_out(vec![Tendered::cash(money("20.00"))]) },
    };
    till.node.sell(&wanted).expect("sold to Ada");
    let open = till.carts.begin(Some(ada)).expect("a cart").cart_id();
    till.carts.add(open, tea, amount(2), None).expect("added");
    let parked = till.carts.begin(None).expect("a cart").cart_id();
    till.carts.add(parked, oil, amount(1), None).expect("added");
    till.carts.park(parked, "the lady with the hat").expect("parked");
    till.until_level().await;
    crate::verify::lay_rules_down(&shop, tea, shop.high_street).await;
    till.until_level().await;
    (shop, [tea, oil])
}

fn write_down(till: &Till, email: &str) -> outpost_schema::id::UserId {
    let address = NewAddress {
        street: "1 Main Street".to_owned(),
        city: "Springfield".to_owned(),
        state: None,
        zip_code: Some("12345".to_owned()),
        country: "US".to_owned(),
    };
    let new = NewCustomer {
        first_name: Some("Ada".to_owned()),
        last_name: None,
        email: Some(email.to_owned()),
        address: Some(address),
    };
    till.node.add_customer(&new).expect("written down").user_id
}

async fn shop_with_many() -> (Shop, Vec<ProductId>) {
    let mut shop = Shop::open_with_files().await;
    let goods = shop.products(MANY, 5).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    (shop, goods)
}

/// A request for the file as this till makes it.
fn request(till: &Till, headers: &[(&str, &str)]) -> Request<Body> {
    let sql = include_str!("../../migrations/node/0021_places.sql");
    let schema = outpost_schema::journal::Hash(Sha256::digest(sql).into());
    let start = outpost_schema::journal::Mark::START;
    let mut request = Request::get(format!("/v1/bootstrap?schema={schema}"))
        .header(NODE_HEADER, format!("{}/{}", till.card.node_id, till.card.incarnation_id));
    let acked = till.node.status().map_or(start, |status| status.acked);
    for name in [HEAD_HEADER, ACKED_HEADER] {
        request = request.header(name, format!("{}/{}", acked.seq, acked.hash));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

fn code_of(failure: &Failure<Error>) -> String {
    match failure {
        Failure::Local(error) => error.code().to_owned(),
        Failure::Remote(Trouble::Told(problem) | Trouble::Garbled(problem) | Trouble::Busy(problem, _)) => {
            problem.code.clone()
        }
        Failure::Remote(Trouble::Cut(_)) | Failure::RolledBack | Failure::Frozen | Failure::NoAgreement => {
            failure.to_string()
        }
    }
}

/// How many files head office keeps.
fn files_in(shop: &Shop) -> usize {
    let names = std::fs::read_dir(shop.files()).expect("a folder");
    names.filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().ends_with(".zst")).count()
}

/// Nothing that was needed only while the till was filled lies about.
fn nothing_is_left(till: &Till) {
    for entry in std::fs::read_dir(&till.folder).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(!name.contains("part") && !name.contains("aside"), "{name} is left");
    }
}
