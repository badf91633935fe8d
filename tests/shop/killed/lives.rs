//! A device that is a copy of itself, killed on its way to another life.

use std::{fs, path::Path};

use outpost_node::{State, db::FILE, stage::Work};

use super::{dies_at, on, round_with, run, sell, stages, switch_off, switch_on};
use crate::support::{Rule, Serving, Shop, copy_folder};

/// What dies here.
pub const WORKS: [Work; 4] = [Work::SetBack, Work::Freeze, Work::LifeWanted, Work::BeginLife];

#[tokio::test]
async fn a_device_that_was_set_back_and_is_killed_over_it_begins_one_life_and_loses_nothing() {
    let mut shop = Shop::open(0).await;
    let tea = shop.product("TEA", "2.50", 1_000).await;
    let serving = Serving::begin(&shop).await;
    let stages = stages(&[Work::SetBack, Work::LifeWanted, Work::BeginLife]);
    for (stage, number) in stages.into_iter().zip(1..) {
        shop.add_till(shop.high_street, Rule::Physical).await;
        let newest = shop.tills.len() - 1;
        shop.tills.swap(0, newest);
        shop.all_level().await;
        let (card, folder) = switch_off(&mut shop);
        let old = fs::read(folder.join(FILE)).expect("readable");
        let round = round_with(&folder, &format!("http://{}", serving.address));
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
        assert!(run("outpost-node", &round, None).await.status.success());
        // Somebody puts yesterday's database back, and not what bears witness beside it.
        put_back(&folder, &old);
        let doomed =
            if stage.work() == Work::SetBack { [on(&folder), vec!["status".to_owned()]].concat() } else { round };
        dies_at(stage, &doomed).await;
        assert!(
            run("outpost-node", &sell(&folder), None).await.status.success(),
            "{stage}: it sells what is in the hand"
        );
        switch_on(&mut shop, &card, &folder);
        let till = &shop.tills[0];
        till.until_level().await;
        till.node.examine().expect("its journal is whole");
        assert_eq!(till.node.status().expect("readable").state, State::Active, "{stage}");
        assert_eq!(lives_of(&shop).await, 2, "{stage}: one more, however often it asked");
        assert_eq!(shop.number("select count(*) from orders").await, 2 * number, "{stage}");
        assert_eq!(till.shown(tea).balance, 1_000 - 2 * number, "{stage}");
        shop.keeps_its_laws().await;
    }
}

#[tokio::test]
async fn of_a_copied_device_both_go_on_though_one_is_killed_while_it_hears_of_it() {
    let mut shop = Shop::open(0).await;
    let tea = shop.product("TEA", "2.50", 1_000).await;
    let serving = Serving::begin(&shop).await;
    for (stage, number) in stages(&[Work::Freeze]).into_iter().zip(1..) {
        shop.add_till(shop.high_street, Rule::Physical).await;
        let newest = shop.tills.len() - 1;
        shop.tills.swap(0, newest);
        shop.all_level().await;
        let (card, folder) = switch_off(&mut shop);
        let copy = shop.spare_folder(&format!("copy {number}"));
        copy_folder(&folder, &copy);
        let twin = shop.start(card.clone(), copy, 8_000 + number);
        twin.sell(tea, 1).expect("in the hand");
        twin.until_level().await;
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
        dies_at(stage, &round_with(&folder, &format!("http://{}", serving.address))).await;
        switch_on(&mut shop, &card, &folder);
        let till = &shop.tills[0];
        for one in [till, &twin] {
            one.until_level().await;
            one.node.examine().expect("its journal is whole");
            assert_eq!(one.waiting(), 0, "{stage}");
        }
        assert_ne!(till.life(), twin.life(), "{stage}");
        assert_eq!(shop.number("select count(*) from orders").await, 2 * number as i64, "{stage}: each once");
        shop.keeps_its_laws().await;
    }
}

/// How many lives the first till has had.
async fn lives_of(shop: &Shop) -> i64 {
    let node = shop.tills[0].card.node_id;
    shop.number(&format!("select count(*) from incarnations where node_id = '{node}'")).await
}

/// An older database, without the log of the newer one.
fn put_back(folder: &Path, old: &[u8]) {
    for log in ["-wal", "-shm"] {
        drop(fs::remove_file(folder.join(format!("{FILE}{log}"))));
    }
    fs::write(folder.join(FILE), old).expect("written");
}
