//! A till killed at any stage has sold all of it or nothing.

use std::process::Command;

use super::*;
use crate::stage::{
    self,
    Moment::{AfterCommit, BeforeCommit, Begun, Copied, Journaled},
    Stage, Work,
};

/// Names the folder that the killed process works on.
const FOLDER: &str = "OUTPOST_TEST_FOLDER";

/// What the killed process does; without a folder it has nothing to do.
#[test]
fn the_one_who_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = std::path::PathBuf::from(folder);
    let node = Node::open(&folder, Arc::new(Seeded::new(9))).expect("opens");
    node.join(&physical()).expect("joins");
    let wanted =
        SaleWanted { lines: vec![wanted(TEA, 2)], terms: Terms::carried_out(vec![Tendered::cash(money("5"))]) };
    node.sell(&wanted).expect("sells");
    let page = Page {
        epoch: EpochId(Uuid::from_u128(40)),
        cursor: "after the kill".to_owned(),
        level: true,
        seen: String::new(),
        aggregates: vec![image(TEA, 3, 0)],
        acked: vec![],
        server_time: Timestamp::from_micros(0),
        protocol: outpost_sync::wire::PROTOCOL,
        recovering: false,
        others: vec![],
    };
    node.apply(node.cursor().expect("cursor").as_deref(), &page).expect("applies");
}

fn kill_at(stage: Stage, folder: &TempDir) {
    let me = std::env::current_exe().expect("this program");
    let output = Command::new(me)
        .args(["--exact", "testing::killed::the_one_who_is_killed", "--test-threads", "1"])
        .env(FOLDER, folder.path())
        .env(stage::VARIABLE, stage.to_string())
        .output()
        .expect("runs");
    assert!(!output.status.success(), "it was to die at {stage}");
}

#[test]
fn a_killed_till_has_sold_all_of_it_or_nothing() {
    let cases = [
        (Work::Sale.at(Begun), 0),
        (Work::Sale.at(Journaled), 0),
        (Work::Sale.at(BeforeCommit), 0),
        (Work::Sale.at(AfterCommit), 1),
        (Work::Apply.at(BeforeCommit), 1),
        (Work::Apply.at(AfterCommit), 1),
    ];
    for (stage, sales) in cases {
        let Shop { node, folder, pages } = Shop::new(&physical());
        drop(node);
        kill_at(stage, &folder);
        let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(10))).expect("opens after the kill"));
        let shop = Shop { node, folder, pages };
        let counts = ["journal", "orders", "order_items", "stock_movements", "pending"].map(|table| shop.count(table));
        assert_eq!(counts, [sales; 5], "{stage}");
        assert_eq!(shop.count("payments"), sales, "{stage}");
        let receipts = shop.node.identity().expect("reads").expect("joined").receipts;
        assert_eq!(receipts, sales, "{stage}");
        let balance = if stage == Work::Apply.at(AfterCommit) { 3 - 2 } else { -2 * sales };
        assert_eq!(shop.level(TEA).balance, balance, "{stage}");
        shop.sell(&[(TEA, 1)]).expect("the till goes on");
        shop.node.examine().expect("whole");
    }
}

#[test]
fn a_folder_killed_while_it_was_made_is_made_again() {
    for stage in Work::Migration.stages().into_iter().filter(|stage| stage.moment() != Copied) {
        let folder = TempDir::new().expect("a folder");
        kill_at(stage, &folder);
        Node::open(folder.path(), Arc::new(Seeded::new(1))).expect("goes on").join(&card()).expect("joins");
    }
}
