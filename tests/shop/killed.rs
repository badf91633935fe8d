//! The shipped programs, killed wherever it hurts: what they acknowledged is there, and nothing is there twice.

mod backups;
mod checks;
mod counting;
mod every;
mod lives;
mod office;
mod rounds;
mod searching;
mod till;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use outpost_node::{
    stage::{Moment, Stage, Work},
    uplink::Uplink,
};
use outpost_schema::{device::Card, id::ProductId};
use outpost_server::{publish, stage as at_office};
use outpost_sync::round;
use serde_json::{Value, json};

use crate::support::{
    Rule, Serving, Shop,
    chance::Chance,
    money,
    process::{DieAt, Running, dies_at, run},
    until_level,
};

/// The work of a till that dies in the stories of this page.
const AT_TILL: [Work; 4] = [Work::Sale, Work::Settle, Work::Apply, Work::Checkpoint];

/// The stages of these works.
fn stages(works: &[Work]) -> Vec<Stage> {
    works.iter().flat_map(|work| work.stages()).collect()
}

/// The same at head office.
fn office_stages(works: &[at_office::Work]) -> Vec<at_office::Stage> {
    works.iter().flat_map(|work| work.stages()).collect()
}

/// What is on the shelf; more than any story here sells.
const ON_HAND: i64 = 100_000;

#[tokio::test]
async fn a_till_killed_at_any_stage_of_a_sale_has_all_of_it_or_nothing() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    let mut sold = 0;
    for stage in Work::Sale.stages() {
        let died = dies_at(stage, &sell(&folder)).await;
        assert!(died.stdout.is_empty(), "{stage}: a receipt before it is certain");
        sold += i64::from(stage.moment() == Moment::AfterCommit);
        switch_on(&mut shop, &card, &folder);
        let till = &shop.tills[0];
        till.node.examine().expect("its journal is whole");
        assert_eq!(
            (till.receipts().len() as i64, till.waiting(), till.shown(tea).balance),
            (sold, sold, ON_HAND - sold),
            "{stage}"
        );
        switch_off(&mut shop);
    }
    let receipt = run("outpost-node", &sell(&folder), None).await;
    let receipt = String::from_utf8_lossy(&receipt.stdout).into_owned();
    assert!(receipt.contains(&format!("{}-{:06}", card.prefix, sold + 1)), "receipts are dense: {receipt}");
    switch_on(&mut shop, &card, &folder);
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, sold + 1);
    shop.agree().await;
}

#[tokio::test]
async fn a_till_killed_while_it_takes_in_answers_and_pages_ends_level() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    let serving = Serving::begin(&shop).await;
    let server = format!("http://{}", serving.address);
    for (stage, sold) in stages(&[Work::Settle, Work::Apply]).into_iter().zip(1..) {
        assert!(run("outpost-node", &sell(&folder), None).await.status.success(), "it sells before {stage}");
        let price = Some(money(&format!("{sold}.50")));
        publish::reprice(&shop.server, &[(tea, price)]).await.expect("news");
        let round = [&on(&folder)[..], &["--server".into(), server.clone(), "round".into()]].concat();
        dies_at(stage, &round).await;
        let again = run("outpost-node", &round, None).await;
        assert!(again.status.success(), "after {stage}: {}", String::from_utf8_lossy(&again.stdout));
        switch_on(&mut shop, &card, &folder);
        assert_eq!((shop.tills[0].waiting(), shop.tills[0].shown(tea).balance), (0, ON_HAND - sold), "{stage}");
        assert_eq!(shop.number("select count(*) from orders").await, sold, "{stage}");
        shop.agree().await;
        switch_off(&mut shop);
    }
}

#[tokio::test]
async fn head_office_killed_around_the_commit_of_a_push_books_it_once() {
    let (shop, tea) = shop_with_tea().await;
    let till = &shop.tills[0];
    for (stage, sold, booked) in office_stages(&[at_office::Work::Push]).into_iter().zip([(1, 0), (2, 2)]).map(flat) {
        let server = head_office(&shop, Some(stage.into())).await;
        till.sell(tea, 1).expect("sold");
        let uplink = Uplink::new(&server.url, till.card.node_id).expect("loopback");
        assert!(round::run(&*till.node, &uplink, 0).await.is_err(), "{stage}: nobody answers");
        server.dies().await;
        assert_eq!(shop.number("select count(*) from orders").await, booked, "{stage}");

        let server = head_office(&shop, None).await;
        let uplink = Uplink::new(&server.url, till.card.node_id).expect("loopback");
        until_level(&till.node, &uplink).await;
        assert_eq!((shop.number("select count(*) from orders").await, till.waiting()), (sold, 0), "{stage}");
        shop.agree().await;
        server.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_whose_power_goes_keeps_every_sale_it_acknowledged() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    let (mut chance, mut acknowledged) = (Chance::of(3), Vec::new());
    for power_cut in 1..=4 {
        let serving = Running::start("outpost-node", &serve(&folder), None).await;
        for _ in 0..chance.below(20) {
            acknowledged.extend(sell_over_http(&serving.url, tea).await);
        }
        let under_way = tokio::spawn({
            let url = serving.url.clone();
            async move { sell_over_http(&url, tea).await }
        });
        serving.kill().await;
        acknowledged.extend(under_way.await.expect("asked"));

        switch_on(&mut shop, &card, &folder);
        let known = shop.tills[0].receipts();
        assert!(acknowledged.iter().all(|receipt| known.contains(receipt)), "{acknowledged:?} of {known:?}");
        assert!(known.len() <= acknowledged.len() + power_cut, "at most what was under way is there besides");
        shop.tills[0].node.examine().expect("its journal is whole");
        switch_off(&mut shop);
    }
    switch_on(&mut shop, &card, &folder);
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_till_killed_around_a_checkpoint_keeps_every_sale_it_acknowledged() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    let mut acknowledged = 0;
    for stage in Work::Checkpoint.stages() {
        let serving = Running::start("outpost-node", &serve(&folder), Some(stage.into())).await;
        while sell_over_http(&serving.url, tea).await.is_some() {
            acknowledged += 1;
            assert!(acknowledged < 2_000, "no checkpoint comes");
        }
        serving.dies().await;
        switch_on(&mut shop, &card, &folder);
        let there = ON_HAND - shop.tills[0].shown(tea).balance;
        assert!((acknowledged..=acknowledged + 1).contains(&there), "{stage}: {there} of {acknowledged}");
        acknowledged = there;
        switch_off(&mut shop);
    }
    switch_on(&mut shop, &card, &folder);
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, acknowledged);
    shop.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_office_whose_power_goes_while_tills_push_books_everything_once() {
    let (mut shop, tea) = shop_with_tea().await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    shop.all_level().await;
    for _ in 0..3 {
        let server = head_office(&shop, None).await;
        let pushing: Vec<_> = shop
            .tills
            .iter()
            .map(|till| {
                let (node, uplink) =
                    (till.node.clone(), Uplink::new(&server.url, till.card.node_id).expect("loopback"));
                (0..10).for_each(|_| _ = till.sell(tea, 1).expect("sold"));
                tokio::spawn(async move { round::run(&*node, &uplink, 0).await.is_ok() })
            })
            .collect();
        server.kill().await;
        for pushed in pushing {
            pushed.await.expect("it ends, one way or the other");
        }
    }
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 60);
    shop.agree().await;
}

fn flat<A, B, C>((first, (second, third)): (A, (B, C))) -> (A, B, C) {
    (first, second, third)
}

/// A shop with one till that sells what is in the customer's hand, and plenty of tea.
async fn shop_with_tea() -> (Shop, ProductId) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", ON_HAND).await;
    shop.all_level().await;
    (shop, tea)
}

fn switch_off(shop: &mut Shop) -> (Card, PathBuf) {
    let till = shop.tills.remove(0);
    (till.card.clone(), till.folder.clone())
}

fn switch_on(shop: &mut Shop, card: &Card, folder: &Path) {
    // Another chance each time, or two sales would have one id.
    static SEED: AtomicU64 = AtomicU64::new(7_000);
    let till = shop.start(card.clone(), folder.to_owned(), SEED.fetch_add(1, Ordering::Relaxed));
    shop.tills.insert(0, till);
}

async fn head_office(shop: &Shop, die_at: Option<DieAt>) -> Running {
    let data = shop.spare_folder("head office");
    let data = data.to_str().expect("a path in text");
    let arguments = ["--database", shop.database.url(), "--listen", "127.0.0.1:0", "--data", data, "serve"];
    Running::start("outpost-server", &arguments, die_at).await
}

fn on(folder: &Path) -> Vec<String> {
    vec!["--data".to_owned(), folder.to_string_lossy().into_owned()]
}

fn sell(folder: &Path) -> Vec<String> {
    [on(folder), ["sell", "TEA", "--card", "terminal 1"].map(str::to_owned).to_vec()].concat()
}

fn serve(folder: &Path) -> Vec<String> {
    let nowhere = ["--server", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "serve"];
    [on(folder), nowhere.map(str::to_owned).to_vec()].concat()
}

/// A round of the till in this folder, with the office at this address.
fn round_with(folder: &Path, server: &str) -> Vec<String> {
    [on(folder), ["--server", server, "round"].map(str::to_owned).to_vec()].concat()
}

/// Asks something of a program over HTTP; none if it died over it.
async fn post(url: &str, path: &str, headers: &[(&str, &str)], said: &Value) -> Option<Value> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut request = client.post(format!("{url}{path}")).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.body(said.to_string()).send().await.ok()?;
    let (status, bytes) = (answer.status(), answer.bytes().await.ok()?);
    assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
    Some(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A sale of one, over the counter or to be sent.
fn sale_of(product: ProductId, fulfilment: &str) -> Value {
    json!({
        "lines": [{ "product_id": product, "quantity": 1 }],
        "tenders": [{ "card": { "reference": "terminal 1" } }],
        "fulfilment": fulfilment
    })
}

/// Sells one through the till's own API; the receipt, if it answered.
async fn sell_over_http(url: &str, product: ProductId) -> Option<String> {
    let sold = post(url, "/v1/sales", &[], &sale_of(product, "carry_out")).await?;
    let receipt = &sold["order"]["receipt"];
    Some(format!("{}-{:06}", receipt["prefix"].as_str()?, receipt["number"].as_i64()?))
}
