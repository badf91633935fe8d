//! Backups of head office and of tills, and what comes back.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use outpost_node::{State, backup as of_a_till};
use outpost_schema::{id::ProductId, world::Seeded};
use outpost_server::{
    backup::{self, Manifest, Shelf, Target},
    db::{backups, laws},
    server::Server,
    testing::TestDatabase,
};

use crate::support::{Rule, Shop, Till};

/// Sells and pushes until it is told that it is enough.
async fn sell_on(till: &Till, tea: ProductId, is_enough: &AtomicBool) {
    while !is_enough.load(Ordering::Relaxed) {
        till.sell(tea, 1).expect("sold");
        till.round().await.expect("the line is up");
    }
}

/// A backup of head office, taken while two tills push.
async fn back_up(shop: &Shop, tea: ProductId) -> (PathBuf, Manifest) {
    let shelf = Shelf::open(&shop.spare_folder("backups")).expect("a folder");
    let is_enough = AtomicBool::new(false);
    let taking = async {
        let taken = backup::take(&shop.server, &shelf, 7, false, |_| ()).await.expect("a backup");
        is_enough.store(true, Ordering::Relaxed);
        taken
    };
    let (first, second) = (sell_on(&shop.tills[0], tea, &is_enough), sell_on(&shop.tills[1], tea, &is_enough));
    let (taken, (), ()) = tokio::join!(taking, first, second);
    (taken.folder, taken.manifest)
}

/// Head office as it comes out of a backup, in a database of its own.
async fn restored(folder: &std::path::Path) -> (TestDatabase, Server) {
    let database = TestDatabase::empty().await;
    let manifest = Manifest::read(folder).expect("a manifest");
    let dump = manifest.check_dump(folder, |_| ()).expect("whole");
    let target = Target { database: database.config(), currency: None, world: Arc::new(Seeded::new(9)) };
    let server = backup::restore(&dump, &manifest, target).await.expect("restored");
    (database, server)
}

#[tokio::test]
async fn a_backup_taken_while_tills_push_is_of_one_moment() {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let tea = shop.product("TEA", "2.50", 100_000).await;
    shop.all_level().await;
    shop.tills[0].sell(tea, 1).expect("sold");
    shop.all_level().await;
    let (folder, manifest) = back_up(&shop, tea).await;
    let orders = shop.number("select count(*) from orders").await;
    assert!(manifest.rows["orders"] >= 1 && manifest.rows["orders"] < orders, "the shop went on meanwhile");

    let (database, server) = restored(&folder).await;
    assert_eq!(server.laws().await.expect("readable"), Vec::<String>::new());
    let marks = server.db.snapshot(|tx| async move { backups::marks(&tx).await }).await.expect("readable");
    assert_eq!(marks, manifest.marks, "how far each journal goes is what the manifest says");
    let numbers = database.connect().await;
    let ops = numbers
        .query_one("select (select count(*) from orders), (select sum(acked_seq)::bigint from incarnations)", &[]);
    let row = ops.await.expect("readable");
    let (orders, acked): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!((orders, acked), (manifest.rows["orders"], manifest.rows["orders"]), "an op, an order");
    assert_ne!(server.epoch, shop.server.epoch);
}

#[tokio::test]
async fn what_the_oldest_kept_backup_has_is_archived_and_nothing_more() {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let tea = shop.product("TEA", "2.50", 100_000).await;
    let incarnation = shop.tills[0].card.incarnation_id;
    let archived = async || {
        shop.server.db.snapshot(|tx| async move { backups::archived(&tx, incarnation).await }).await.expect("read").seq
    };
    shop.all_level().await;
    assert_eq!(archived().await, 0, "without a backup a till keeps everything");
    let (first, first_says) = back_up(&shop, tea).await;
    let of_till = |manifest: &Manifest| {
        let journal = manifest.marks.iter().find(|journal| journal.incarnation_id == incarnation);
        journal.expect("it is there").mark.seq
    };
    assert_eq!(archived().await, of_till(&first_says));
    let (_, second_says) = back_up(&shop, tea).await;
    assert!(of_till(&second_says) > of_till(&first_says));
    assert_eq!(archived().await, of_till(&first_says), "the older one may yet be needed");
    std::fs::remove_dir_all(first).expect("somebody deletes it");
    assert_eq!(archived().await, of_till(&first_says), "nobody has looked yet");
    back_up(&shop, tea).await;
    assert_eq!(archived().await, of_till(&second_says), "now it counts no longer");
    let broken = shop.server.db.snapshot(|tx| async move { laws::broken(&tx).await }).await.expect("readable");
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test]
async fn a_till_that_was_put_back_begins_a_new_life_once_it_hears_head_office() {
    let mut shop = Shop::open(1).await;
    let tea = shop.product("TEA", "2.50", 100).await;
    shop.allot(0, tea, 10).await;
    let (till, file) = (&shop.tills[0], shop.spare_folder("till.backup"));
    till.sell(tea, 1).expect("allotted");
    of_a_till::back_up(&till.folder, &file, &Seeded::new(5)).expect("backed up while it is open");
    till.sell(tea, 2).expect("allotted");
    till.until_level().await;

    let (card, data) = (till.card.clone(), shop.spare_folder("put back"));
    of_a_till::restore(&file, &data, false, Arc::new(Seeded::new(6))).expect("restored");
    drop(shop.tills.remove(0));
    let back = shop.start(card, data, 60);
    assert_eq!(back.node.status().expect("readable").state, State::Restored);
    assert_eq!(back.sell(tea, 1).expect_err("it does not know what it sold since").code(), "rolled_back");
    back.until_level().await;
    assert_eq!(back.node.status().expect("readable").state, State::Active);
    assert_eq!(shop.number("select count(*) from orders").await, 2, "nothing twice, nothing lost");
    shop.tills.push(back);
    shop.allot(0, tea, 5).await;
    shop.tills[0].sell(tea, 1).expect("it sells again");
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 3);
    shop.keeps_its_laws().await;
}
