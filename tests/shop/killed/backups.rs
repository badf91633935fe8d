//! Backups and restores of a till and of head office, killed half way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use outpost_node::stage::{Moment, Work};
use outpost_server::{stage as at_office, testing::TestDatabase};

use super::{dies_at, office_stages, on, run, sell, shop_with_tea, stages, switch_off, switch_on};
use crate::support::Shop;

/// What dies here at a till.
pub const WORKS: [Work; 3] = [Work::Backup, Work::Restore, Work::Quarantine];

/// What dies here at head office.
pub const AT_OFFICE: [at_office::Work; 2] = [at_office::Work::Backup, at_office::Work::Restore];

#[tokio::test]
async fn a_till_killed_while_it_is_backed_up_or_put_back_is_never_half_there() {
    let (mut shop, _) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    assert!(run("outpost-node", &sell(&folder), None).await.status.success());
    let to = shop.spare_folder("till.backup");
    let back_up = [on(&folder), vec!["backup".to_owned(), "--to".to_owned(), text(&to)]].concat();
    for stage in Work::Backup.stages() {
        dies_at(stage, &back_up).await;
        assert!(!to.exists(), "{stage}: what looks like a backup is one");
    }
    succeeds("outpost-node", &back_up).await;
    for (stage, sold) in stages(&[Work::Quarantine, Work::Restore]).into_iter().zip(2..) {
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
        let put_back =
            [on(&folder), ["restore", "--from", &text(&to), "--replace"].map(str::to_owned).to_vec()].concat();
        dies_at(stage, &put_back).await;
        if stage.moment() == Moment::Aside {
            assert!(!folder.exists(), "what was there has another name, and what comes has none yet");
        }
        // Nothing was deleted: whoever changes their mind has what was there.
        let there = if folder.exists() { folder.clone() } else { aside(&folder) };
        switch_on(&mut shop, &card, &there);
        assert_eq!(shop.tills[0].receipts().len(), sold, "{stage}");
        switch_off(&mut shop);
        let restored = shop.spare_folder(&format!("put back after {stage}"));
        let again = [on(&restored), ["restore", "--from", &text(&to)].map(str::to_owned).to_vec()].concat();
        succeeds("outpost-node", &again).await;
    }
    succeeds("outpost-node", &[on(&folder), ["restore", "--from", &text(&to)].map(str::to_owned).to_vec()].concat())
        .await;
    switch_on(&mut shop, &card, &aside(&folder));
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn head_office_killed_while_it_is_backed_up_counts_no_backup_that_is_not_whole() {
    let (shop, shelf) = shop_with_a_backup().await;
    for (stage, more) in office_stages(&[at_office::Work::Backup]).into_iter().zip([0, 1, 1]) {
        let before = (backups(&shelf).len(), shop.number("select count(*) from backups").await);
        let back_up = back_up(&shop, &shelf);
        dies_at(stage, &back_up).await;
        assert_eq!(backups(&shelf).len(), before.0 + more, "{stage}: what has a name is whole");
        let counted = i64::from(stage.moment() == at_office::Moment::Counted);
        assert_eq!(shop.number("select count(*) from backups").await, before.1 + counted, "{stage}");
        succeeds("outpost-server", &back_up).await;
        for backup in backups(&shelf) {
            let target = TestDatabase::empty().await;
            succeeds("outpost-server", &restore_into(&shop, &target, &backup)).await;
        }
    }
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_restore_that_is_killed_is_never_taken_for_a_whole_one() {
    let (shop, shelf) = shop_with_a_backup().await;
    let backup = backups(&shelf).pop().expect("there is one");
    for stage in office_stages(&[at_office::Work::Restore]) {
        let target = TestDatabase::empty().await;
        dies_at(stage, &restore_into(&shop, &target, &backup)).await;
        let data = text(&shop.spare_folder(target.name()));
        let check = ["--database", target.url(), "--data", &data, "check"];
        if stage.moment() != at_office::Moment::Passed {
            let opened = run("outpost-server", &check, None).await;
            let said = String::from_utf8_lossy(&opened.stderr).into_owned();
            assert!(!opened.status.success() && said.contains("(restore_unfinished)"), "{stage}: {said}");
            continue;
        }
        for _ in 0..2 {
            succeeds("outpost-server", &check).await;
            let epochs = target.connect().await.query_one("select count(*) from epochs", &[]).await.expect("readable");
            assert_eq!(epochs.get::<_, i64>(0), 2, "begun once, by whoever opens it first");
        }
    }
}

async fn shop_with_a_backup() -> (Shop, PathBuf) {
    let (shop, _) = shop_with_tea().await;
    let shelf = shop.spare_folder("shelf");
    succeeds("outpost-server", &back_up(&shop, &shelf)).await;
    (shop, shelf)
}

fn back_up(shop: &Shop, shelf: &Path) -> [String; 7] {
    let data = text(&shop.spare_folder("head office"));
    ["--database", shop.database.url(), "--data", &data, "backup", "--to", &text(shelf)].map(str::to_owned)
}

/// Into another database, at another place.
fn restore_into(shop: &Shop, target: &TestDatabase, backup: &Path) -> [String; 7] {
    let data = text(&shop.spare_folder(target.name()));
    ["--database", target.url(), "--data", &data, "restore", "--from", &text(backup)].map(str::to_owned)
}

/// The backups that lie there.
fn backups(shelf: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(shelf).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut whole: Vec<PathBuf> = entries.filter(|path| is_whole(path)).collect();
    whole.sort();
    whole
}

/// Whether a backup has its name: what is being made has another.
fn is_whole(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("outpost-"))
}

/// Where what stood in a folder was moved.
fn aside(folder: &Path) -> PathBuf {
    let name = format!("{}.before-", folder.file_name().expect("a name").to_string_lossy());
    let beside = fs::read_dir(folder.parent().expect("it lies in one")).expect("a folder").flatten();
    let found = beside
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|other| other.to_string_lossy().starts_with(&name)));
    found.expect("it was moved aside")
}

async fn succeeds<A: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[A]) {
    let done = run(program, arguments, None).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
