//! Devices and head office killed while something is filled, and disks that are full.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use outpost_schema::device::Card;

use super::{begin_another_life, nothing_is_left, shop_with_many};
use crate::support::{
    Rule, Serving, Shop,
    process::{self, Running, run},
};

/// The stages of a first filling at which a device may die.
const FIRST: [&str; 8] = [
    "fill.landing",
    "fill.unpacked",
    "fill.admitted",
    "adopt.moved_in",
    "adopt.before_rename",
    "adopt.after_rename",
    "adopt.done",
    "apply.before_commit",
];

/// Those at which one may die that is filled beside its own tables.
const ANEW: [&str; 6] = [
    "fill.unpacked",
    "fill.admitted",
    "fill.before_commit",
    "fill.after_commit",
    "merge.before_commit",
    "merge.after_commit",
];

#[tokio::test]
async fn a_new_till_killed_while_it_is_filled_is_filled_by_the_next_round() {
    let (mut shop, goods) = shop_with_many().await;
    let serving = Serving::begin(&shop).await;
    for stage in FIRST {
        let number = shop.add_till(shop.high_street, Rule::Physical).await;
        let (card, folder) = switch_off(&mut shop, number);
        dies_and_goes_on(&serving, &folder, stage).await;
        switch_on(&mut shop, number, &card, &folder);
        let till = &shop.tills[number];
        till.sell(goods[0], 1).expect("it sells");
        till.until_level().await;
        till.node.examine().expect("whole");
        nothing_is_left(till);
    }
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_till_killed_while_it_is_filled_anew_keeps_all_it_did_and_ends_level() {
    let (mut shop, goods) = shop_with_many().await;
    let serving = Serving::begin(&shop).await;
    shop.all_level().await;
    let mut sold = 0;
    for stage in ANEW {
        shop.tills[0].sell(goods[0], 1).expect("sold");
        sold += 1;
        begin_another_life(&shop).await;
        let (card, folder) = switch_off(&mut shop, 0);
        let round = round(&serving, &folder);
        assert!(!run("outpost-node", &round, Some(stage)).await.status.success(), "it dies at {stage}");
        switch_on(&mut shop, 0, &card, &folder);
        shop.tills[0].sell(goods[1], 1).expect("it sells in between");
        assert_eq!(shop.tills[0].receipts().len(), 2 * sold, "{stage}");
        switch_off(&mut shop, 0);
        let again = run("outpost-node", &round, None).await;
        assert!(again.status.success(), "after {stage}");
        switch_on(&mut shop, 0, &card, &folder);
        shop.all_level().await;
        shop.agree().await;
        nothing_is_left(&shop.tills[0]);
    }
}

#[tokio::test]
async fn head_office_killed_while_it_makes_a_file_makes_it_at_the_next_start() {
    let (mut shop, _) = shop_with_many().await;
    let files = shop.spare_folder("head office");
    for stage in ["bootstrap.written", "bootstrap.named", "bootstrap.kept"] {
        let data = files.to_string_lossy();
        let arguments = ["--database", shop.database.url(), "--listen", "127.0.0.1:0", "--data", &data, "serve"];
        let arguments = arguments.map(str::to_owned);
        let number = shop.add_till(shop.high_street, Rule::Physical).await;
        let (card, folder) = switch_off(&mut shop, number);
        begin_another_life(&shop).await;
        let server = Running::start("outpost-server", &arguments, Some(stage)).await;
        let round = [on(&folder), ["--server".to_owned(), server.url.clone(), "round".to_owned()].to_vec()].concat();
        assert!(!run("outpost-node", &round, None).await.status.success(), "{stage}: nobody answers");
        assert!(!server.dies().await.success());
        let server = Running::start("outpost-server", &arguments, None).await;
        let round = [on(&folder), ["--server".to_owned(), server.url.clone(), "round".to_owned()].to_vec()].concat();
        assert!(run("outpost-node", &round, None).await.status.success(), "{stage}");
        server.kill().await;
        let names = std::fs::read_dir(files.join("bootstrap")).expect("a folder");
        let names: Vec<_> = names.map(|name| name.expect("a name").file_name().into_string().expect("text")).collect();
        assert!(names.iter().all(|name| !name.starts_with("making")), "{stage}: {names:?}");
        assert_eq!(names.len(), 2, "{stage}: a file and what it is: {names:?}");
        switch_on(&mut shop, number, &card, &folder);
    }
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_disk_that_is_full_half_way_leaves_the_old_tables_and_no_half_file() {
    let (mut shop, goods) = shop_with_many().await;
    let serving = Serving::begin(&shop).await;
    shop.all_level().await;
    shop.tills[0].sell(goods[0], 1).expect("sold");
    begin_another_life(&shop).await;
    let (card, folder) = switch_off(&mut shop, 0);
    // No file may grow beyond this: the packed one fits, the unpacked one does not.
    let blocks = unpacked(&shop) / 512 - 100;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let program = process::program("outpost-node").to_string_lossy().into_owned();
    let arguments = [vec!["-c".to_owned(), script, program], round(&serving, &folder)].concat();
    let full = tokio::process::Command::new("sh").args(arguments).output().await.expect("runs");
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert!(!full.status.success() && said.contains("disk_full"), "{said}");
    switch_on(&mut shop, 0, &card, &folder);
    nothing_is_left(&shop.tills[0]);
    assert_eq!(shop.tills[0].shown(goods[0]).balance, 4, "the old tables serve");
    shop.tills[0].sell(goods[1], 1).expect("and sell");
    shop.all_level().await;
    shop.agree().await;
}

/// How long the file is that head office made, once it is unpacked.
fn unpacked(shop: &Shop) -> u64 {
    let mut paths = std::fs::read_dir(shop.files()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let manifest = paths.find(|path| path.extension().is_some_and(|ending| ending == "json"));
    let text = std::fs::read(manifest.expect("a manifest")).expect("readable");
    serde_json::from_slice::<serde_json::Value>(&text).expect("JSON")["unpacked"].as_u64().expect("a number")
}

/// Runs a round that dies at this stage, and then one that ends.
async fn dies_and_goes_on(serving: &Serving, folder: &Path, stage: &str) {
    let round = round(serving, folder);
    assert!(!run("outpost-node", &round, Some(stage)).await.status.success(), "it dies at {stage}");
    let again = run("outpost-node", &round, None).await;
    assert!(again.status.success(), "after {stage}: {}", String::from_utf8_lossy(&again.stdout));
}

fn round(serving: &Serving, folder: &Path) -> Vec<String> {
    let server = format!("http://{}", serving.address);
    [on(folder), vec!["--server".to_owned(), server, "round".to_owned()]].concat()
}

fn on(folder: &Path) -> Vec<String> {
    vec!["--data".to_owned(), folder.to_string_lossy().into_owned()]
}

fn switch_off(shop: &mut Shop, number: usize) -> (Card, PathBuf) {
    let till = shop.tills.remove(number);
    (till.card.clone(), till.folder.clone())
}

fn switch_on(shop: &mut Shop, number: usize, card: &Card, folder: &Path) {
    // Another chance each time, or two sales would have one id.
    static SEED: AtomicU64 = AtomicU64::new(1_000);
    let till = shop.start(card.clone(), folder.to_owned(), SEED.fetch_add(1, Ordering::Relaxed));
    shop.tills.insert(number, till);
}
