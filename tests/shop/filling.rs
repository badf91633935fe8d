//! Tills that are filled: new ones, and ones whose tables no longer belong to head office's database.

use std::{collections::BTreeMap, path::Path, sync::Arc};

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
    file::{FILE_BYTES_MAX, FileHead},
    round::{Failure, Trouble},
    wire::{ACKED_HEADER, HEAD_HEADER, NODE_HEADER},
};
use rusqlite::{Connection, types::Value};
use sha2::{Digest as _, Sha256};

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
    let filled = shop.tills.remove(home);
    let folder = shop.spare_folder("the one that read the feed");
    std::fs::create_dir(&folder).expect("a folder");
    let pulled = shop.start(filled.card.clone(), folder, 9);
    pulled.line.carries_no_files();
    for till in [&filled, &pulled] {
        till.until_level().await;
    }
    assert_eq!((filled.line.files(), pulled.line.files()), (vec![0], vec![]));
    same_tables(&filled, &pulled);
    assert_eq!(filled.open(tea), 40, "a home sells all of it");

    // A till of the busy shop's own hears of people, orders and carts too.
    let number = shop.add_till(shop.high_street, Rule::Physical).await;
    let filled = shop.tills.remove(number);
    let folder = shop.spare_folder("the other that read the feed");
    std::fs::create_dir(&folder).expect("a folder");
    let pulled = shop.start(filled.card.clone(), folder, 10);
    pulled.line.carries_no_files();
    for till in [&filled, &pulled] {
        till.until_level().await;
    }
    same_tables(&filled, &pulled);
    filled.sell(tea, 1).expect("it sells at once");
    drop(pulled);
    shop.tills.push(filled);
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
    other.keep_files(&shop.spare_folder("other files")).expect("a folder");
    let router = api::router(Arc::new(other));
    let wire = Wire::lay(router, shop.tills[0].card.node_id).carries_files();
    shop.tills[0].line = wire;
    shop.tills[0].until_level().await;
    assert_eq!(shop.tills[0].line.files(), [0], "all of the new one, and nothing of the old");
    shop.agree().await;
}

#[tokio::test]
async fn a_part_past_the_end_is_refused_and_the_node_begins_anew() {
    let (shop, _) = shop_with_many().await;
    let till = &shop.tills[0];
    let whole = Heard::of(ask(&shop.router, request(till, &[])).await).await;
    let length = whole.bytes.len();
    let past = format!("bytes={length}-");
    let answer = Heard::of(ask(&shop.router, request(till, &[("range", &past)])).await).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.problem().code, "range_past_the_end");
    assert_eq!(answer.headers["content-range"], format!("bytes */{length}"));

    let part = Heard::of(ask(&shop.router, request(till, &[("range", "bytes=10-19")])).await).await;
    assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &whole.bytes[10..20]));
    let last = Heard::of(ask(&shop.router, request(till, &[("range", "bytes=-7")])).await).await;
    assert_eq!(&last.bytes[..], &whole.bytes[length - 7..]);
    let other = [("range", "bytes=10-19"), ("if-range", "\"another\"")];
    let all = Heard::of(ask(&shop.router, request(till, &other)).await).await;
    assert_eq!((all.status, all.bytes.len()), (StatusCode::OK, length), "of another file nothing is gone on with");
    let mut head = request(till, &[]);
    *head.method_mut() = axum::http::Method::HEAD;
    let head = Heard::of(ask(&shop.router, head).await).await;
    assert_eq!(
        (head.bytes.len(), &head.headers["content-length"]),
        (0, &length.to_string().parse().expect("a header"))
    );

    // A device that has more of the file than there is of it begins with its first byte.
    till.line.next([Fate::ShortAnswer(10_000)]);
    assert!(till.round().await.is_err());
    std::fs::OpenOptions::new()
        .write(true)
        .open(till.folder.join("outpost.db.part"))
        .and_then(|file| file.set_len(length as u64 - 1))
        .expect("longer");
    till.until_level().await;
    assert_eq!(till.line.files(), [0, length as u64 - 1, 0], "what was no part of it was found out by its digest");
    shop.agree().await;
}

#[tokio::test]
async fn a_bad_file_is_told_and_the_next_round_mends_it() {
    let (shop, goods) = shop_with_many().await;
    let (strange, _) = busy_shop_of("Elsewhere").await;
    let foreign = Heard::of(ask(&strange.router, request(&strange.tills[0], &[])).await).await;
    let foreign = foreign.bytes.to_vec();
    let mut number = 0;
    for (code, tampering) in bad_files(foreign) {
        let folder = shop.spare_folder(code);
        std::fs::create_dir(&folder).expect("a folder");
        number += 1;
        let till = shop.start(shop.tills[0].card.clone(), folder, 100 + number);
        till.line.tamper(tampering);
        let failure = till.round().await.expect_err("not what it should be");
        assert_eq!(code_of(&failure), code, "{failure}");
        assert!(till.node.product(goods[0]).expect("it can be read").is_none(), "{code}: nothing of it is taken");
        till.line.tamper_no_more();
        till.until_level().await;
        assert_eq!(till.line.files().len(), 2, "{code}");
        assert_eq!(till.shown(goods[0]).balance, 5, "{code}");
        nothing_is_left(&till);
    }
}

#[tokio::test]
async fn where_no_file_is_ever_right_the_feed_is_read_and_old_tables_serve_until_then() {
    let (mut shop, goods) = shop_with_many().await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    shop.all_level().await;
    let till = &shop.tills[1];
    till.sell(goods[0], 1).expect("sold");
    begin_another_life(&shop).await;
    till.line.tamper(|_, bytes| bytes[100] ^= 1);
    for _ in 0..2 {
        assert_eq!(code_of(&till.round().await.expect_err("altered")), "file_altered");
        assert_eq!(till.shown(goods[0]).balance, 4, "the old tables serve");
        till.sell(goods[1], 1).expect("and sell");
    }
    till.until_level().await;
    assert_eq!(till.line.files(), [0, 0, 0]);
    shop.all_level().await;
    shop.agree().await;
    nothing_is_left(&shop.tills[1]);
}

/// What may be wrong with a file, by the code that tells it.
#[expect(clippy::type_complexity, reason = "it is written once")]
fn bad_files(foreign: Vec<u8>) -> Vec<(&'static str, Box<dyn Fn(&mut FileHead, &mut Vec<u8>) + Send + Sync>)> {
    vec![
        ("file_truncated", Box::new(|_, bytes| bytes.truncate(bytes.len() - 100))),
        ("file_altered", Box::new(|_, bytes| bytes[1_000] ^= 1)),
        ("file_too_large", Box::new(|head, _| head.bytes = FILE_BYTES_MAX + 1)),
        ("file_foreign", Box::new(move |head, bytes| take(head, bytes, &foreign))),
        (
            "file_other_schema",
            Box::new(|head, bytes| {
                let other = repacked(bytes, "update migrations set digest = x'00' where name = '0001_shop'");
                take(head, bytes, &other);
            }),
        ),
    ]
}

/// Puts another file in the place of the one that comes.
fn take(head: &mut FileHead, bytes: &mut Vec<u8>, other: &[u8]) {
    *bytes = other.to_vec();
    head.bytes = other.len() as u64;
    head.unpacked = zstd::decode_all(other).expect("a frame").len() as u64;
    head.digest = outpost_schema::journal::Hash(Sha256::digest(other).into());
    head.tag = format!("\"{}\"", head.digest);
}

/// The file after somebody changed its database.
fn repacked(packed: &[u8], sql: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.db");
    std::fs::write(&path, zstd::decode_all(packed).expect("a frame")).expect("written");
    Connection::open(&path).and_then(|conn| conn.execute_batch(sql)).expect("changed");
    zstd::encode_all(&std::fs::read(&path).expect("read")[..], 1).expect("packed")
}

#[tokio::test]
async fn a_file_of_an_older_life_of_the_database_is_not_taken() {
    let (shop, goods) = shop_with_many().await;
    let till = &shop.tills[0];
    till.until_level().await;
    till.sell(goods[0], 1).expect("sold");
    let old = Heard::of(ask(&shop.router, request(till, &[])).await).await.bytes.to_vec();
    begin_another_life(&shop).await;
    till.line.tamper(move |head, bytes| take(head, bytes, &old));
    assert_eq!(code_of(&till.round().await.expect_err("an older life")), "file_other_epoch");
    assert_eq!(till.shown(goods[0]).balance, 4, "the old tables serve");
    till.line.tamper_no_more();
    till.until_level().await;
    shop.all_level().await;
    shop.agree().await;
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
    busy_shop_of("Depot").await
}

async fn busy_shop_of(depot: &str) -> (Shop, [ProductId; 2]) {
    let mut shop = Shop::open_with_files().await;
    shop.add_place(depot).await;
    let number = shop.add_till(shop.high_street, Rule::Physical).await;
    shop.tills[number].line.carries_no_files();
    let tea = shop.product("TEA", "2.50", 50).await;
    let oil = shop.product("OIL", "7.25", 20).await;
    shop.stock(depot, &[("TEA".to_owned(), 3)]).await;
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
    let sql = include_str!("../../migrations/node/0006_filling.sql");
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
        Failure::Remote(Trouble::Told(problem) | Trouble::Garbled(problem)) => problem.code.clone(),
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

/// Both have exactly the same tables with the same rows, except for what only their own clocks say.
fn same_tables(one: &Till, other: &Till) {
    let (one, other) = (tables(&one.folder), tables(&other.folder));
    assert!(one.keys().eq(other.keys()), "{:?} and {:?}", one.keys(), other.keys());
    for (name, rows) in &one {
        assert_eq!(rows, &other[name], "{name} differs");
    }
}

type Tables = BTreeMap<String, Vec<Vec<Value>>>;

fn tables(folder: &Path) -> Tables {
    let conn = Connection::open(folder.join("outpost.db")).expect("opens");
    let names = |sql: &str| -> Vec<String> {
        let mut statement = conn.prepare(sql).expect("reads");
        statement.query_map([], |row| row.get(0)).expect("reads").collect::<Result<_, _>>().expect("reads")
    };
    let mut tables = Tables::new();
    for name in names("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'") {
        let columns = names(&format!(
            "select name from pragma_table_xinfo('{name}') where name not in ('level_at', 'contact_at')"
        ));
        // When a cart was told here is the node's own clock's word.
        let columns: Vec<String> =
            columns.into_iter().filter(|column| name != "cart_states" || column != "updated_at").collect();
        let sql = format!("select {} from {name} order by 1, 2", columns.join(", "));
        let mut statement = conn.prepare(&sql).expect("reads");
        let rows = statement
            .query_map([], |row| (0..columns.len()).map(|place| row.get(place)).collect::<Result<Vec<Value>, _>>())
            .expect("reads")
            .collect::<Result<_, _>>()
            .expect("reads");
        tables.insert(name, rows);
    }
    let sql = "select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_schema order by 1";
    tables.insert("the schema".to_owned(), names(sql).into_iter().map(|text| vec![Value::Text(text)]).collect());
    tables
}
