//! A handheld killed while something is written down in a counting, or while that is approved.

use outpost_node::stage::{Moment, Work};
use serde_json::{Value, json};

use super::{ON_HAND, post, serve, shop_with_tea, switch_off, switch_on};
use crate::support::process::Running;

/// What dies here.
pub const WORKS: [Work; 2] = [Work::Counting, Work::Approve];

#[tokio::test]
async fn a_scan_is_written_down_or_not_when_the_handheld_is_killed() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    let serving = Running::start("outpost-node", &serve(&folder), None).await;
    post(&serving.url, "/v1/countings", &[], &json!({ "person": "Cy", "bins": ["A1"] })).await.expect("open");
    serving.kill().await;
    let scan = json!({ "bin": "A1", "person": "Ada", "product_id": tea });
    let mut seen = 0;
    for stage in Work::Counting.stages() {
        let serving = Running::start("outpost-node", &serve(&folder), Some(stage.into())).await;
        assert!(post(&serving.url, "/v1/countings/1/scan", &[], &scan).await.is_none(), "{stage}");
        serving.dies().await;
        seen += i64::from(stage.moment() == Moment::AfterCommit);
        let serving = Running::start("outpost-node", &serve(&folder), None).await;
        let told = post(&serving.url, "/v1/countings/1/scan", &[], &scan).await.expect("it goes on");
        seen += 1;
        assert_eq!(told["counted"], seen, "{stage}");
        serving.kill().await;
    }
    switch_on(&mut shop, &card, &folder);
    assert_eq!((shop.tills[0].waiting(), shop.tills[0].shown(tea).balance), (0, ON_HAND), "nothing is booked");
}

#[tokio::test]
async fn what_was_counted_is_booked_once_when_the_handheld_is_killed_over_it() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    let mut there = ON_HAND;
    for (stage, number) in Work::Approve.stages().into_iter().zip(1_i64..) {
        let path = |verb: &str| format!("/v1/countings/{number}/{verb}");
        let serving = Running::start("outpost-node", &serve(&folder), None).await;
        let asks = |path: String, said: Value| post_to(&serving, path, said);
        asks("/v1/countings".to_owned(), json!({ "person": "Cy", "bins": ["A1"] })).await;
        there -= 1;
        let line = json!({ "product_id": tea, "counted": there });
        asks(path("count"), json!({ "bin": "A1", "person": "Ada", "lines": [line] })).await;
        asks(path("review"), json!({})).await;
        serving.kill().await;

        let serving = Running::start("outpost-node", &serve(&folder), Some(stage.into())).await;
        assert!(post(&serving.url, &path("approve"), &[], &json!({ "person": "Dee" })).await.is_none(), "{stage}");
        serving.dies().await;
        let serving = Running::start("outpost-node", &serve(&folder), None).await;
        let booked = post_to(&serving, path("approve"), json!({ "person": "Dee" })).await;
        assert_eq!(booked, json!([{ "product_id": tea, "counted": there, "delta": -1 }]), "{stage}");
        serving.kill().await;
        switch_on(&mut shop, &card, &folder);
        assert_eq!((shop.tills[0].waiting(), shop.tills[0].shown(tea).balance), (number, there), "{stage}");
        switch_off(&mut shop);
    }
    switch_on(&mut shop, &card, &folder);
    shop.all_level().await;
    assert_eq!(shop.number("select balance from stock").await, there);
    shop.keeps_its_laws().await;
}

async fn post_to(serving: &Running, path: String, said: Value) -> Value {
    post(&serving.url, &path, &[], &said).await.expect("an answer")
}
