//! The index is what the database says, whatever happens to either.

use std::{fs, process::Command};

use outpost_schema::feed::{Key, Kind};

use super::*;
use crate::{
    search::{FOLDER, Trouble},
    stage::{self, Work},
};

#[test]
fn what_changes_is_found_as_it_is_and_nothing_else_is_indexed() {
    let shop = grocer();
    let search = search(&shop);
    assert!(search.catch_up().expect("builds").is_anew);
    let changed = |products| crate::search::Kept { is_anew: false, products };
    assert_eq!(search.catch_up().ok(), Some(changed(0)));
    tell(&shop, good(102, "White chocolate", "Ada", "9.00", FOOD));
    assert_eq!(search.catch_up().ok(), Some(changed(1)));
    assert_eq!(
        (numbers(&find(&search, "white")), find(&search, "dark chocolate 0.5kg").how),
        (vec![102], How::SomeWords)
    );
    tell(&shop, good(102, "White chocolate", "Ada", "9.00", FOOD));
    assert_eq!(search.catch_up().ok(), Some(changed(0)), "nothing of it is new");
    shop.sell(&[(id(103), 1)]).expect("sells");
    assert_eq!(search.catch_up().ok(), Some(changed(0)), "some is left");
    shop.sell(&[(id(103), 2)]).expect("sells");
    assert_eq!(search.catch_up().ok(), Some(changed(1)), "none is left");
    shop.tell(vec![category(DRINKS, "Cold Drinks", None)]);
    assert_eq!(search.catch_up().ok(), Some(changed(2)), "what lies in it");
    let mut cold = numbers(&find(&search, "cold"));
    cold.sort_unstable();
    assert_eq!(cold, [103, 105]);
    shop.tell(vec![Aggregate::Gone(Key { kind: Kind::Product, ids: vec![id(105).0] })]);
    assert_eq!(search.catch_up().ok(), Some(changed(1)));
    assert_eq!(numbers(&find(&search, "cold")), [103]);
    agrees(&search);
}

/// What differs once the index has caught up, with a mistake in that.
fn differences_after(shop: &Shop, bug: Option<Bug>) -> usize {
    planted::plant(bug);
    let search = search(shop);
    search.catch_up().expect("catches up");
    planted::plant(None);
    search.differences().expect("compares").len()
}

/// What is left out of an index that was not kept while the shop went on.
fn tail(bug: Option<Bug>) -> usize {
    let shop = grocer();
    search(&shop).catch_up().expect("builds");
    let shop = shop.reopened();
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    differences_after(&shop, bug)
}

#[test]
fn what_changed_while_nobody_kept_the_index_is_indexed() {
    assert_eq!((tail(None), tail(Some(Bug::IndexTailForgotten))), (0, 1));
}

/// What differs after the database was put back beneath an index that is further.
fn put_back(bug: Option<Bug>) -> usize {
    let shop = grocer();
    let copy = shop.folder.path().join("copy.db");
    crate::db::copy::copy(shop.folder.path(), &copy).expect("copies");
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    search(&shop).catch_up().expect("builds");
    let Shop { node, folder, pages } = shop;
    drop(node);
    for suffix in ["-wal", "-shm"] {
        drop(fs::remove_file(folder.path().join(format!("{}{suffix}", crate::db::FILE))));
    }
    fs::rename(&copy, folder.path().join(crate::db::FILE)).expect("put back");
    let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(8))).expect("opens"));
    let shop = Shop { node, folder, pages };
    // As far as the index is, but it is another past.
    tell(&shop, good(107, "Rooibos", "Ada", "9.00", DRINKS));
    differences_after(&shop, bug)
}

#[test]
fn an_index_of_another_past_is_made_anew() {
    assert_eq!((put_back(None), put_back(Some(Bug::IndexPlaceTrusted))), (0, 2));
}

/// The index's files, with their lengths.
fn files(shop: &Shop) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(shop.folder.path().join(FOLDER)).expect("the index");
    let files = entries.map(|entry| entry.expect("an entry").path());
    files.filter(|file| !file.ends_with(".tantivy-writer.lock") && !file.ends_with(".tantivy-meta.lock")).collect()
}

#[test]
fn whatever_becomes_of_its_files_it_is_made_anew() {
    let shop = grocer();
    search(&shop).catch_up().expect("builds");
    let count = files(&shop).len();
    assert!(count > 5);
    for at in 0..count {
        let mut files = files(&shop);
        files.sort();
        let file = files[at.min(files.len() - 1)].clone();
        for damage in 0..3 {
            if let Ok(bytes) = fs::read(&file) {
                let middle = bytes.len() / 2;
                match damage {
                    0 => fs::remove_file(&file).expect("removed"),
                    1 => fs::write(&file, &bytes[..middle]).expect("cut"),
                    _ => fs::write(&file, bytes.iter().map(|byte| !byte).collect::<Vec<_>>()).expect("spoilt"),
                }
            }
            let search = search(&shop);
            search.catch_up().unwrap_or_else(|trouble| panic!("{}: {trouble}", file.display()));
            agrees(&search);
            assert_eq!(numbers(&find(&search, "earl grey")), [103], "{} {damage}", file.display());
        }
    }
    fs::remove_dir_all(shop.folder.path().join(FOLDER)).expect("all of it");
    let search = search(&shop);
    assert!(search.catch_up().expect("builds").is_anew);
    agrees(&search);
}

#[test]
fn while_another_has_it_the_database_answers_and_nothing_is_thrown_away() {
    let shop = grocer();
    let first = search(&shop);
    first.catch_up().expect("builds");
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    let second = search(&shop);
    let found = second.find(&wants("matcha")).expect("finds");
    assert_eq!((found.trouble, found.total), (Some(Trouble::Held), 0), "what was indexed before is found");
    assert_eq!(numbers(&find(&first, "matcha")), [106]);
    agrees(&first);
}

#[test]
fn selling_and_looking_up_go_on_without_an_index() {
    let shop = grocer();
    fs::write(shop.folder.path().join(FOLDER), "no folder").expect("written");
    let search = search(&shop);
    let found = find(&search, "earl");
    assert_eq!((found.how, numbers(&found)), (How::Plain, vec![103]));
    assert!(matches!(found.trouble, Some(Trouble::Files(_))), "{:?}", found.trouble);
    shop.sell(&[(id(103), 1)]).expect("sells");
}

#[test]
fn a_thread_keeps_it() {
    let shop = grocer();
    let search = Search::open(Arc::clone(&shop.node));
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    while find(&search, "matcha").how != How::AllWords {
        std::thread::yield_now();
    }
    agrees(&search);
    drop(search);
    // And so does the next one.
    let search = Search::open(Arc::clone(&shop.node));
    while find(&search, "matcha").how != How::AllWords {
        std::thread::yield_now();
    }
    tell(&shop, good(107, "Rooibos", "Ada", "9.00", DRINKS));
    while find(&search, "rooibos").how != How::AllWords {
        std::thread::yield_now();
    }
    drop(search);
    drop(shop.reopened());
}

/// Names the folder that the killed process works on.
const KILLED: &str = "OUTPOST_TEST_SEARCHED";

/// What the killed process does; without a folder it has nothing to do.
#[test]
fn the_one_who_is_killed_indexing() {
    let Some(folder) = std::env::var_os(KILLED) else { return };
    let node = Arc::new(Node::open(std::path::Path::new(&folder), Arc::new(Seeded::new(9))).expect("opens"));
    Search::on_call(node).catch_up().expect("indexes");
}

#[test]
fn killed_at_any_stage_it_is_what_the_database_says() {
    let shop = grocer();
    let many = (0..1_200).map(|number| good(1_000 + number, "Many", "Ada", "1.00", FOOD));
    shop.tell(many.map(|product| Aggregate::Product(Box::new(product))).collect());
    let mut shop = shop;
    let stages = [Work::Index, Work::ForgetChanges].into_iter().flat_map(Work::stages);
    for (stage, number) in stages.zip(200..) {
        let more = (0..1_100).map(|more| good(10_000 * number + more, "More", "Ada", "1.00", FOOD));
        shop.tell(more.map(|product| Aggregate::Product(Box::new(product))).collect());
        let Shop { node, folder, pages } = shop;
        drop(node);
        let me = std::env::current_exe().expect("this program");
        let output = Command::new(me)
            .args(["--exact", "testing::searching::kept::the_one_who_is_killed_indexing", "--test-threads", "1"])
            .env(KILLED, folder.path())
            .env(stage::VARIABLE, stage.to_string())
            .output()
            .expect("runs");
        assert!(!output.status.success(), "it was to die at {stage}");
        let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(10))).expect("opens after the kill"));
        shop = Shop { node, folder, pages };
        let search = search(&shop);
        search.catch_up().expect("catches up");
        agrees(&search);
    }
}
