//! Devices and head office killed while something is filled, and disks that are full.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use outpost_node::stage::{Moment, Stage, Work};
use outpost_schema::device::Card;
use outpost_server::stage as at_office;

use super::{MANY, begin_another_life, nothing_is_left, shop_with_many};
use crate::support::{
    Rule, Serving, Shop,
    process::{self, Running, dies_at, run},
};

/// The stages of a first filling at which a device may die.
fn first() -> Vec<Stage> {
    let file = [Moment::Landing, Moment::Unpacked, Moment::Admitted].map(|moment| Work::Fill.at(moment));
    [&file[..], &Work::Adopt.stages(), &[Work::Apply.at(Moment::BeforeCommit)]].concat()
}

/// Those at which one may die that is filled from a file beside its own tables.
fn anew() -> Vec<Stage> {
    [Work::Fill, Work::Measure, Work::Merge].iter().flat_map(|work| work.stages()).collect()
}

/// Those at which one may die that reads the feed beside its own tables.
fn without_file() -> Vec<Stage> {
    let written = [Moment::Begun, Moment::BeforeCommit, Moment::AfterCommit].map(|moment| Work::Fill.at(moment));
    [&Work::ApplyAside.stages()[..], &written].concat()
}

/// Every stage at which a device dies in these stories.
pub fn at_till() -> Vec<Stage> {
    [first(), anew(), without_file(), Work::NoteBadFile.stages()].concat()
}

/// Every stage at which head office does.
pub fn at_office() -> Vec<at_office::Stage> {
    at_office::Work::Bootstrap.stages()
}

#[tokio::test]
async fn a_new_till_killed_while_it_is_filled_is_filled_by_the_next_round() {
    let (mut shop, goods) = shop_with_many().await;
    let serving = Serving::begin(&shop).await;
    for stage in first() {
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
    for stage in anew() {
        shop.tills[0].sell(goods[0], 1).expect("sold");
        sold += 1;
        begin_another_life(&shop).await;
        let (card, folder) = switch_off(&mut shop, 0);
        let round = round(&serving, &folder);
        dies_at(stage, &round).await;
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
async fn a_till_killed_while_it_reads_the_feed_beside_its_tables_keeps_all_it_did() {
    let mut shop = Shop::open(0).await;
    let goods = shop.products(MANY, 5).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let serving = Serving::begin(&shop).await;
    shop.all_level().await;
    for (stage, sold) in without_file().into_iter().zip(1..) {
        shop.tills[0].sell(goods[0], 1).expect("sold");
        begin_another_life(&shop).await;
        let (card, folder) = switch_off(&mut shop, 0);
        dies_and_goes_on(&serving, &folder, stage).await;
        switch_on(&mut shop, 0, &card, &folder);
        shop.all_level().await;
        assert_eq!(shop.number("select count(*) from orders").await, sold, "{stage}");
        shop.agree().await;
        nothing_is_left(&shop.tills[0]);
    }
}

#[tokio::test]
async fn a_till_killed_while_it_notes_a_bad_file_is_filled_by_a_good_one() {
    let (mut shop, _) = shop_with_many().await;
    let serving = Serving::begin(&shop).await;
    shop.all_level().await;
    for stage in Work::NoteBadFile.stages() {
        let number = shop.add_till(shop.high_street, Rule::Physical).await;
        let (card, folder) = switch_off(&mut shop, number);
        let (file, good) = kept_file(&shop);
        let mut bad = good.clone();
        bad[1_000] ^= 1;
        std::fs::write(&file, bad).expect("written");
        dies_at(stage, &round(&serving, &folder)).await;
        std::fs::write(&file, good).expect("written");
        switch_on(&mut shop, number, &card, &folder);
        shop.tills[number].until_level().await;
        nothing_is_left(&shop.tills[number]);
    }
    shop.agree().await;
}

/// The file that head office made, and what is in it.
fn kept_file(shop: &Shop) -> (PathBuf, Vec<u8>) {
    let mut paths = std::fs::read_dir(shop.files()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let file = paths.find(|path| path.extension().is_some_and(|ending| ending == "zst")).expect("it was made");
    let bytes = std::fs::read(&file).expect("readable");
    (file, bytes)
}

#[tokio::test]
async fn head_office_killed_while_it_makes_a_file_makes_it_at_the_next_start() {
    let (mut shop, _) = shop_with_many().await;
    let files = shop.spare_folder("head office");
    for stage in at_office() {
        let data = files.to_string_lossy();
        let arguments = ["--database", shop.database.url(), "--listen", "127.0.0.1:0", "--data", &data, "serve"];
        let arguments = arguments.map(str::to_owned);
        let number = shop.add_till(shop.high_street, Rule::Physical).await;
        let (card, folder) = switch_off(&mut shop, number);
        begin_another_life(&shop).await;
        let server = Running::start("outpost-server", &arguments, Some(stage.into())).await;
        let round = [on(&folder), ["--server".to_owned(), server.url.clone(), "round".to_owned()].to_vec()].concat();
        assert!(!run("outpost-node", &round, None).await.status.success(), "{stage}: nobody answers");
        server.dies().await;
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
async fn dies_and_goes_on(serving: &Serving, folder: &Path, stage: Stage) {
    let round = round(serving, folder);
    dies_at(stage, &round).await;
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
