//! Rounds that end badly: the line is down, the file is no good, head office was restored, the journal is
//! tidied.

use std::path::Path;

use outpost_node::{
    db::FILE,
    stage::{Moment, Work},
};
use outpost_server::{
    backup::{self, Shelf},
    epoch,
};
use rusqlite::Connection;

use super::{ON_HAND, dies_at, on, round_with, run, sell, serve, shop_with_tea, stages, switch_off, switch_on};
use crate::support::{Serving, Shop};

/// What dies here.
pub const WORKS: [Work; 4] = [Work::NoteProblem, Work::Reported, Work::StandAt, Work::Forget];

#[tokio::test]
async fn a_till_killed_while_it_notes_that_the_line_is_down_keeps_what_it_sold() {
    let (mut shop, tea) = shop_with_tea().await;
    let (card, folder) = switch_off(&mut shop);
    for (stage, sold) in Work::NoteProblem.stages().into_iter().zip(1..) {
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
        dies_at(stage, &serve(&folder)).await;
        let noted = stage.moment() == Moment::AfterCommit;
        assert_eq!(number(&folder, "select count(problem) from feed_position") == 1, noted, "{stage}");
        switch_on(&mut shop, &card, &folder);
        assert_eq!((shop.tills[0].waiting(), shop.tills[0].shown(tea).balance), (sold, ON_HAND - sold), "{stage}");
        switch_off(&mut shop);
    }
    switch_on(&mut shop, &card, &folder);
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn a_till_killed_while_it_reports_to_a_restored_head_office_tells_all_once() {
    let (mut shop, tea) = shop_with_tea().await;
    let serving = Serving::begin(&shop).await;
    let (card, folder) = switch_off(&mut shop);
    let round = round_with(&folder, &format!("http://{}", serving.address));
    for (stage, number) in stages(&[Work::Reported, Work::StandAt]).into_iter().zip(1..) {
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
        assert!(run("outpost-node", &round, None).await.status.success());
        let backup = shop.database.copy().await;
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
        assert!(run("outpost-node", &round, None).await.status.success());
        restore(&shop, &backup).await;
        assert_eq!(shop.number("select count(*) from orders").await, 2 * number - 1, "one was forgotten");
        dies_at(stage, &round).await;
        switch_on(&mut shop, &card, &folder);
        shop.all_level().await;
        assert!(!epoch::recovery(&shop.server).await.expect("readable").epoch.is_recovering(), "{stage}");
        assert_eq!(shop.number("select count(*) from orders").await, 2 * number, "{stage}");
        assert_eq!(shop.tills[0].shown(tea).balance, ON_HAND - 2 * number, "{stage}");
        shop.agree().await;
        switch_off(&mut shop);
    }
}

#[tokio::test]
async fn a_till_killed_while_it_forgets_old_entries_has_the_rest_of_its_chain() {
    let (mut shop, _) = shop_with_tea().await;
    let serving = Serving::begin(&shop).await;
    let (card, folder) = switch_off(&mut shop);
    let round = round_with(&folder, &format!("http://{}", serving.address));
    for _ in 0..3 {
        assert!(run("outpost-node", &sell(&folder), None).await.status.success());
    }
    assert!(run("outpost-node", &round, None).await.status.success());
    let shelf = Shelf::open(&shop.spare_folder("backups")).expect("a folder");
    backup::take(&shop.server, &shelf, 7, false, |_| ()).await.expect("a backup");
    assert!(run("outpost-node", &sell(&folder), None).await.status.success());
    assert!(run("outpost-node", &round, None).await.status.success());
    assert_eq!(number(&folder, "select archived from acked"), 3);
    Connection::open(folder.join(FILE))
        .and_then(|old| old.execute("update journal set written_at = 0", []))
        .expect("old");
    let serve = [
        on(&folder),
        ["--server", &format!("http://{}", serving.address), "--listen", "127.0.0.1:0", "serve"]
            .map(str::to_owned)
            .to_vec(),
    ]
    .concat();
    for stage in Work::Forget.stages() {
        dies_at(stage, &serve).await;
        let kept = if stage.moment() == Moment::AfterCommit { 1 } else { 4 };
        assert_eq!(number(&folder, "select count(*) from journal"), kept, "{stage}");
        switch_on(&mut shop, &card, &folder);
        shop.tills[0].node.examine().expect("what is kept is a chain");
        shop.all_level().await;
        shop.keeps_its_laws().await;
        switch_off(&mut shop);
    }
}

/// Puts the database back, as `outpost-server restore` does.
pub async fn restore(shop: &Shop, backup: &outpost_server::testing::TestDatabase) {
    shop.database.become_like(backup).await;
    let (server, reason) = (&shop.server, epoch::Reason::Restored { from: "yesterday".to_owned() });
    let reason = &reason;
    let begun = server.db.transaction(|tx| async move { epoch::begin(&tx, &*server.world, reason).await }).await;
    begun.expect("an epoch begins");
}

/// One number out of a till's database.
pub fn number(folder: &Path, sql: &str) -> i64 {
    let database = Connection::open(folder.join(FILE)).expect("it opens");
    database.query_row(sql, [], |row| row.get(0)).expect("readable")
}
