//! Head office, killed around each commit that somebody waits for.

use outpost_node::uplink::Uplink;
use outpost_schema::{
    id::{HoldId, ProductId},
    world::{Seeded, World as _},
};
use outpost_server::stage::{Moment, Work};
use outpost_sync::{
    round,
    wire::{HOLDS_PATH, NODE_HEADER},
};
use serde_json::json;

use super::{ON_HAND, dies_at, head_office, office_stages, post, run, shop_with_tea};
use crate::support::{Rule, Shop, copy_folder, until_level};

/// What dies here; a push dies in a story of its own.
pub const WORKS: [Work; 7] =
    [Work::Report, Work::Life, Work::Hold, Work::HoldAllotted, Work::AddNode, Work::Import, Work::Epoch];

#[tokio::test]
async fn head_office_killed_around_a_report_hears_it_again_and_recovers() {
    let (shop, tea) = shop_with_tea().await;
    let till = &shop.tills[0];
    for (stage, sold) in office_stages(&[Work::Report]).into_iter().zip(1..) {
        till.sell(tea, 1).expect("sold");
        let backup = shop.database.copy().await;
        super::rounds::restore(&shop, &backup).await;
        let server = head_office(&shop, Some(stage.into())).await;
        let uplink = Uplink::new(&server.url, till.card.node_id).expect("loopback");
        assert!(round::run(&*till.node, &uplink, 0).await.is_err(), "{stage}: nobody answers");
        server.dies().await;
        let server = head_office(&shop, None).await;
        let uplink = Uplink::new(&server.url, till.card.node_id).expect("loopback");
        until_level(&till.node, &uplink).await;
        server.kill().await;
        assert_eq!(shop.number("select count(*) from incarnations where report_owed").await, 0, "{stage}");
        assert_eq!((shop.number("select count(*) from orders").await, till.waiting()), (sold, 0), "{stage}");
        shop.agree().await;
    }
}

#[tokio::test]
async fn head_office_killed_around_a_birth_gives_one_life() {
    let mut shop = Shop::open(0).await;
    let tea = shop.product("TEA", "2.50", ON_HAND).await;
    for (stage, number) in office_stages(&[Work::Life]).into_iter().zip(1..) {
        let added = shop.add_till(shop.high_street, Rule::Physical).await;
        shop.tills[added].until_level().await;
        let copy = shop.spare_folder(&format!("image {number}"));
        shop.restart(added, 8_100 + number);
        copy_folder(&shop.tills[added].folder, &copy);
        shop.tills[added].sell(tea, 1).expect("sold");
        shop.tills[added].until_level().await;
        let till = shop.start(shop.tills[added].card.clone(), copy, 8_200 + number);
        till.sell(tea, 1).expect("sold");
        let server = head_office(&shop, Some(stage.into())).await;
        let uplink = Uplink::new(&server.url, till.card.node_id).expect("loopback");
        for _ in 0..3 {
            drop(round::run(&*till.node, &uplink, 0).await);
        }
        server.dies().await;
        till.until_level().await;
        assert_eq!(shop.number("select count(*) from incarnations").await, 2 * number as i64, "{stage}");
        assert_eq!(shop.number("select count(*) from orders").await, 2 * number as i64, "{stage}");
        shop.keeps_its_laws().await;
    }
}

#[tokio::test]
async fn head_office_killed_around_a_hold_promises_it_once_and_a_repeat_finds_it() {
    let (shop, tea) = shop_with_tea().await;
    let caller = format!("{}/{}", shop.tills[0].card.node_id, shop.tills[0].card.incarnation_id);
    let caller = [(NODE_HEADER, caller.as_str())];
    let promised = async |shop: &Shop| shop.number("select coalesce(sum(promised), 0)::bigint from stock").await;
    let chance = Seeded::new(77);
    for (stage, held) in office_stages(&[Work::Hold]).into_iter().zip(1..) {
        let wanted = hold(&shop, &chance, tea);
        let server = head_office(&shop, Some(stage.into())).await;
        assert!(post(&server.url, HOLDS_PATH, &caller, &wanted).await.is_none(), "{stage}");
        server.dies().await;
        let is_certain = stage.moment() == Moment::AfterCommit;
        assert_eq!(promised(&shop).await, held - 1 + i64::from(is_certain), "{stage}");
        let server = head_office(&shop, None).await;
        for _ in 0..2 {
            post(&server.url, HOLDS_PATH, &caller, &wanted).await.expect("it is placed");
        }
        assert_eq!(promised(&shop).await, held, "{stage}: once");
        server.kill().await;
    }
    for stage in office_stages(&[Work::HoldAllotted]) {
        let wanted = hold(&shop, &chance, tea);
        let server = head_office(&shop, None).await;
        post(&server.url, HOLDS_PATH, &caller, &wanted).await.expect("it is placed");
        server.kill().await;
        let before = (promised(&shop).await, allotted(&shop).await);
        let allot = format!("{HOLDS_PATH}/{}/allot", wanted["hold_id"].as_str().expect("an id"));
        let server = head_office(&shop, Some(stage.into())).await;
        assert!(post(&server.url, &allot, &caller, &json!({})).await.is_none(), "{stage}");
        server.dies().await;
        let server = head_office(&shop, None).await;
        for _ in 0..2 {
            post(&server.url, &allot, &caller, &json!({})).await.expect("it is allotted");
        }
        assert_eq!((promised(&shop).await, allotted(&shop).await), (before.0, before.1 + 1), "{stage}: the same units");
        server.kill().await;
    }
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn head_office_killed_while_it_adds_a_device_has_it_whole_or_not_at_all() {
    let (shop, _) = shop_with_tea().await;
    let data = shop.spare_folder("head office").to_string_lossy().into_owned();
    let add = |name: &str| {
        [
            "--database",
            shop.database.url(),
            "--data",
            &data,
            "node",
            "add",
            "--name",
            name,
            "--kind",
            "till",
            "--warehouse",
            "High Street",
        ]
        .map(str::to_owned)
    };
    for stage in office_stages(&[Work::AddNode]) {
        let arguments = add(&stage.to_string());
        dies_at(stage, &arguments).await;
        let again = run("outpost-server", &arguments, None).await;
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        let is_there = stage.moment() == Moment::AfterCommit;
        assert_eq!(again.status.success(), !is_there, "{stage}: {said}");
        assert_eq!(said.contains("(name_taken)"), is_there, "{stage}: somebody is told that it is there: {said}");
        let named = format!("select count(*) from nodes where name = '{stage}'");
        assert_eq!(shop.number(&named).await, 1, "{stage}");
    }
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_import_that_is_killed_went_in_whole_or_not_at_all() {
    let (shop, _) = shop_with_tea().await;
    for (stage, there) in office_stages(&[Work::Import]).into_iter().zip([0, 300]) {
        let file = shop.spare_folder("goods.csv");
        let rows: String = (0..300).map(|number| format!("G{number},Good {number}\n")).collect();
        std::fs::write(&file, format!("sku,name\n{rows}")).expect("written");
        let path = file.to_string_lossy().into_owned();
        let data = shop.spare_folder("head office").to_string_lossy().into_owned();
        let arguments = ["--database", shop.database.url(), "--data", &data, "import", "products", &path];
        dies_at(stage, &arguments).await;
        let count = "select count(*) from products where sku like 'G%'";
        assert_eq!(shop.number(count).await, there, "{stage}");
        if there > 0 {
            let again = run("outpost-server", &arguments, None).await;
            assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
            assert_eq!(shop.number(count).await, 300, "a repeat changes nothing");
        }
    }
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_database_that_moved_begins_one_epoch_though_head_office_is_killed_over_it() {
    let (shop, _) = shop_with_tea().await;
    let epochs = "select count(*) from epochs";
    let moved = "update epochs set system_identifier = 'another cluster'";
    shop.client().await.execute(moved, &[]).await.expect("it was elsewhere");
    let data = shop.spare_folder("head office").to_string_lossy().into_owned();
    let check = ["--database", shop.database.url(), "--data", &data, "check"];
    for stage in office_stages(&[Work::Epoch]) {
        dies_at(stage, &check).await;
        assert_eq!(shop.number(epochs).await, 1, "{stage}");
    }
    for _ in 0..2 {
        assert!(run("outpost-server", &check, None).await.status.success());
        assert_eq!(shop.number(epochs).await, 2, "begun once, by whoever opens it first");
    }
    shop.all_level().await;
    shop.agree().await;
}

fn hold(shop: &Shop, chance: &Seeded, tea: ProductId) -> serde_json::Value {
    json!({
        "hold_id": HoldId::new(chance.now(), chance.id_chance()),
        "product_id": tea,
        "warehouse_id": shop.high_street,
        "amount": 1,
        "seconds": 3_600
    })
}

async fn allotted(shop: &Shop) -> i64 {
    shop.number("select coalesce(sum(granted), 0)::bigint from allotments").await
}
