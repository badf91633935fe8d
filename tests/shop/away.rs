//! Devices that come back: told each thing once however often it changed, and nobody waits for them.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use futures_util::{FutureExt as _, future::join_all};
use outpost_schema::feed::{Aggregate, Key, Kind};
use outpost_server::{
    api,
    db::CONNECTIONS_MAX,
    feed::lane::{Lane, PLACES},
    horizon::{self, HORIZON_DAYS},
};
use outpost_sync::{
    round::{self, Local as _, Remote, Trouble},
    wire::{ACKED_HEADER, HEAD_HEADER, NODE_HEADER, PULL_PATH, Pulled, Push, Pushed, Standing},
};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::{
    Shop, Till,
    wire::{Heard, Wire, ask},
};

/// Products of the shops here.
const PRODUCTS: usize = 1_500;

/// A line that counts what it brings.
struct Counted<'a> {
    line: &'a Wire,
    seen: Mutex<BTreeMap<Key, usize>>,
}

impl<'a> Counted<'a> {
    fn on(line: &'a Wire) -> Self {
        Self { line, seen: Mutex::default() }
    }

    /// How many aggregates it brought, and how many different ones.
    fn counts(&self) -> (usize, usize) {
        let seen = self.seen.lock().expect("sound");
        (seen.values().sum(), seen.len())
    }
}

impl Remote for Counted<'_> {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.line.push(standing, push).await
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        let pulled = self.line.pull(standing, cursor, wait_seconds).await?;
        if let Pulled::Page(page) = &pulled {
            let mut seen = self.seen.lock().expect("sound");
            for aggregate in &page.aggregates {
                *seen.entry(key_of(aggregate)).or_default() += 1;
            }
        }
        Ok(pulled)
    }
}

/// The key of what a shop of products and stock is told.
fn key_of(aggregate: &Aggregate) -> Key {
    if let Aggregate::Product(product) = aggregate {
        return Key { kind: Kind::Product, ids: vec![product.product_id.0] };
    }
    let Aggregate::Stock(stock) = aggregate else { panic!("nothing else changes here: {aggregate:?}") };
    Key { kind: Kind::Stock, ids: vec![stock.product_id.0, stock.warehouse_id.0] }
}

/// Changes every product and its stock, a third of them in each of three transactions.
async fn change_all(client: &Client) {
    for third in 0..3 {
        let stock = "update stock set balance = balance + 1
                     where product_id in (select product_id from products where right(sku, 4)::int % 3 = $1)";
        let products = "update products set name = name || '.' where right(sku, 4)::int % 3 = $1";
        for sql in [stock, products] {
            client.execute(sql, &[&third]).await.expect("a change");
        }
    }
}

#[tokio::test]
async fn a_device_that_comes_back_is_told_each_thing_once() {
    let shop = Shop::open(1).await;
    shop.products(PRODUCTS, 10).await;
    let till = &shop.tills[0];
    till.until_level().await;
    till.line.cut();
    let client = shop.client().await;
    for _ in 0..10 {
        change_all(&client).await;
    }
    till.line.mend();
    let line = Counted::on(&till.line);
    let done = round::run(&*till.node, &line, 0).await.expect("a round");
    assert_eq!(line.counts(), (2 * PRODUCTS, 2 * PRODUCTS), "30,000 changes of 3,000 rows");
    assert_eq!((done.received, done.is_level), (2 * PRODUCTS, true));
}

#[tokio::test]
async fn who_comes_back_while_changes_go_on_is_told_once_more_of_those_only() {
    let shop = Shop::open(1).await;
    shop.products(PRODUCTS, 10).await;
    let till = &shop.tills[0];
    till.until_level().await;
    let client = shop.client().await;
    for _ in 0..3 {
        change_all(&client).await;
    }
    // Between two pages a hundred products change, which were told, or would have been.
    let busy = BusyShop { line: Counted::on(&till.line), client, pulls: Mutex::default() };
    let done = round::run(&*till.node, &busy, 0).await.expect("a round");
    let (received, different) = busy.line.counts();
    assert_eq!(different, 2 * PRODUCTS);
    let pulls = *busy.pulls.lock().expect("sound");
    assert!(received <= 2 * PRODUCTS + 100 * pulls, "{received} in {pulls} pulls: one for each change since, no more");
    assert!(done.is_level);
    till.until_level().await;
}

/// A line over which nothing is pulled twice without a hundred changes between, five times.
struct BusyShop<'a> {
    line: Counted<'a>,
    client: Client,
    pulls: Mutex<usize>,
}

impl Remote for BusyShop<'_> {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.line.push(standing, push).await
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        let number = {
            let mut pulls = self.pulls.lock().expect("sound");
            *pulls += 1;
            *pulls
        };
        if number <= 5 {
            let sql = "update products set name = name || '!'
                       where sku in (select sku from products order by sku offset $1 limit 100)";
            self.client.execute(sql, &[&(number as i64 * 250)]).await.expect("a change");
        }
        self.line.pull(standing, cursor, wait_seconds).await
    }
}

/// Devices that have nothing yet and want everything, all at once.
fn catch_up(router: &axum::Router, till: &Till, count: usize) -> Vec<JoinHandle<Heard>> {
    let one = || {
        let (router, request) = (router.clone(), first_pull(till));
        tokio::spawn(async move { Heard::of(ask(&router, request).await).await })
    };
    (0..count).map(|_| one()).collect()
}

fn first_pull(till: &Till) -> Request<Body> {
    let caller = format!("{}/{}", till.card.node_id, till.card.incarnation_id);
    let mark = outpost_schema::journal::Mark::START;
    let mark = format!("{}/{}", mark.seq, mark.hash);
    let request = Request::builder().uri(PULL_PATH).header(header::HOST, "127.0.0.1:7070").header(NODE_HEADER, caller);
    request.header(HEAD_HEADER, &mark).header(ACKED_HEADER, &mark).body(Body::empty()).expect("a request")
}

/// A shop with a review, which a first page tells; the first till is level and has tea to sell.
async fn shop_with_a_review() -> (Shop, outpost_schema::id::ProductId) {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    let review = "insert into reviews (review_id, product_id, user_id, rating, created_at)
                  select gen_random_uuid(), product_id, user_id, 5, now() from products, users limit 1";
    shop.client().await.execute(review, &[]).await.expect("a review");
    shop.allot(0, tea, 10).await;
    (shop, tea)
}

/// Waits until so many pages of catch-ups stand before the review.
async fn until_held_up(shop: &Shop, pages: usize) {
    let held_up = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'";
    while shop.number(held_up).await != pages as i64 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_that_catch_up_starve_nobody_who_is_there() {
    let (shop, tea) = shop_with_a_review().await;
    // Nobody gets past the review, so that every catch-up keeps what it has taken.
    let gate = shop.client().await;
    gate.batch_execute("begin; lock table reviews in access exclusive mode").await.expect("locked");
    let back = catch_up(&shop.router, &shop.tills[1], 50);
    until_held_up(&shop, PLACES).await;

    for _ in 0..3 {
        shop.tills[0].sell(tea, 1).expect("allotted");
        let done = shop.tills[0].round().await.expect("a push and a short pull find their way");
        assert_eq!((done.pushed, done.is_level), (1, true));
    }
    assert!(back.iter().all(|task| !task.is_finished()), "the fifty still wait");
    until_held_up(&shop, PLACES).await;

    gate.batch_execute("commit").await.expect("free");
    for heard in join_all(back).await {
        assert_eq!(heard.expect("no panic").status, StatusCode::OK);
    }
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_lane_of_their_own_they_would() {
    let (shop, _) = shop_with_a_review().await;
    let no_lane = Lane::new(50, 50, Duration::from_secs(3_600));
    let router = api::router_with(std::sync::Arc::clone(&shop.server), no_lane);
    let gate = shop.client().await;
    gate.batch_execute("begin; lock table reviews in access exclusive mode").await.expect("locked");
    let back = catch_up(&router, &shop.tills[1], 50);
    until_held_up(&shop, CONNECTIONS_MAX).await;
    assert!(shop.server.db.client().now_or_never().is_none(), "a push would find no connection");
    gate.batch_execute("commit").await.expect("free");
    for heard in join_all(back).await {
        assert_eq!(heard.expect("no panic").status, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_finds_the_line_full_is_told_when_to_come_again() {
    let (shop, tea) = shop_with_a_review().await;
    let router = api::router_with(std::sync::Arc::clone(&shop.server), Lane::new(0, 0, Duration::ZERO));
    let answer = ask(&router, first_pull(&shop.tills[1])).await;
    assert_eq!(answer.headers()[header::RETRY_AFTER], "10");
    let heard = Heard::of(answer).await;
    assert_eq!((heard.status, heard.problem().code.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "busy_catching_up"));

    // Who is there goes on as ever, and so does a push of one who is not.
    let till = &shop.tills[0];
    let line = Wire::lay(router, till.card.node_id);
    till.sell(tea, 1).expect("allotted");
    let done = round::run(&*till.node, &line, 0).await.expect("a round");
    assert_eq!((done.pushed, done.is_level), (1, true));
}

/// Waits until every transaction that has begun is over: a snapshot knows those of other stories too.
async fn quiet(shop: &Shop) {
    let begun = shop.number("select pg_current_xact_id()::text::bigint").await;
    while shop.number("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint").await <= begun {}
}

#[tokio::test]
async fn who_was_away_beyond_the_horizon_pushes_first_and_starts_the_feed_anew() {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    let ghost = shop.product("GHOST", "1.00", 0).await;
    shop.allot(0, tea, 10).await;
    shop.all_level().await;
    let (away, there) = (&shop.tills[0], &shop.tills[1]);
    away.line.cut();
    away.sell(tea, 3).expect("allotted");
    shop.client().await.execute("delete from products where product_id = $1", &[&ghost]).await.expect("deleted");
    there.until_level().await;
    assert_eq!(there.node.product(ghost).expect("readable"), None);

    quiet(&shop).await;
    assert_eq!(horizon::look(&shop.server, HORIZON_DAYS).await.expect("looked"), 0);
    let later = "update feed_moments set at = at - interval '91 days'";
    shop.client().await.execute(later, &[]).await.expect("time passes");
    assert_eq!(horizon::look(&shop.server, HORIZON_DAYS).await.expect("looked"), 1, "the note of the ghost");

    let before = away.node.cursor().expect("readable");
    away.line.mend();
    away.until_level().await;
    assert_ne!(away.node.cursor().expect("readable"), before);
    assert_eq!((away.waiting(), shop.number("select count(*) from orders").await), (0, 1), "nothing is lost");
    assert_eq!((away.shown(tea).balance, away.open(tea)), (27, 7));
    assert!(there.round().await.expect("a round").is_level, "who was there never hears of it");
    assert_eq!(away.node.product(ghost).expect("readable"), None, "the books were compared");
    shop.agree().await;
}

#[tokio::test]
async fn who_hears_of_another_place_from_now_on_is_told_all_that_is_there() {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 5).await;
    let depot = shop.add_place("Depot").await;
    shop.stock("Depot", &[("TEA".to_owned(), 40)]).await;
    shop.all_level().await;
    let till = &shop.tills[0];
    till.sell(tea, 2).expect("allotted");
    let wider = "update nodes set scope = scope || $2::uuid where node_id = $1";
    shop.client().await.execute(wider, &[&till.card.node_id, &depot]).await.expect("a wider scope");
    till.until_level().await;
    let known = till.node.stock_of(tea).expect("readable").into_iter().find(|(key, _)| key.warehouse_id == depot);
    assert_eq!(known.map(|(_, level)| level.balance), Some(40), "it was there before");
    assert_eq!((till.waiting(), till.open(tea)), (0, 3), "nothing of its own is lost");
    shop.keeps_its_laws().await;
}
