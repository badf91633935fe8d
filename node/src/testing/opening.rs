//! Opening a folder: what can be wrong with it, and what survives.

use std::fs;

use super::*;
use crate::db::FILE;

fn fails_with(folder: &std::path::Path) -> Error {
    Node::open(folder, Arc::new(Seeded::new(1))).expect_err("cannot be opened")
}

#[test]
fn a_folder_is_opened_by_one_at_a_time() {
    let shop = Shop::new(&card());
    let error = fails_with(shop.folder.path());
    assert_eq!((error.code(), error.is_permanent()), ("locked", false));
    shop.reopened().node.status().expect("free again");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = fails_with(std::path::Path::new("/nowhere/at/all"));
    assert_eq!(error.code(), "missing_folder");
    assert!(error.to_string().contains("/nowhere/at/all"));
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join(FILE), vec![b'x'; 8192]).expect("writes");
    assert_eq!(fails_with(folder.path()).code(), "damaged");
}

#[test]
fn a_torn_page_is_found_when_it_is_read() {
    let shop = Shop::new(&physical());
    for _ in 0..60 {
        shop.sell(&[(TEA, 1), (CAKE, 1), (CHEESE, 100)]).expect("sells");
    }
    let Shop { node, folder, .. } = shop;
    drop(node);
    let file = folder.path().join(FILE);
    let mut bytes = fs::read(&file).expect("reads");
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(&file, bytes).expect("writes");
    let found = Node::open(folder.path(), Arc::new(Seeded::new(1))).and_then(|node| node.examine());
    assert_eq!(found.expect_err("damaged").code(), "damaged");
}

#[test]
fn a_changed_journal_is_found_on_opening() {
    let shop = Shop::new(&physical());
    shop.sell(&[(TEA, 1)]).expect("sells");
    shop.sell(&[(TEA, 1)]).expect("sells");
    let Shop { node, folder, .. } = shop;
    drop(node);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).expect("opens");
    conn.execute("update journal set kind = 'received' where seq = 2", []).expect("tampers");
    drop(conn);
    let error = fails_with(folder.path());
    assert_eq!(error.code(), "damaged");
    assert!(error.to_string().contains("journal entry 2"), "{error}");
}

#[test]
fn a_file_that_may_not_be_written_is_told() {
    let shop = Shop::new(&card());
    let Shop { node, folder, .. } = shop;
    drop(node);
    let file = folder.path().join(FILE);
    let mut rights = fs::metadata(&file).expect("reads").permissions();
    rights.set_readonly(true);
    fs::set_permissions(&file, rights).expect("sets");
    assert_eq!(fails_with(folder.path()).code(), "read_only");
}

#[test]
fn a_newer_database_is_left_alone() {
    let Shop { node, folder, .. } = Shop::new(&card());
    drop(node);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).expect("opens");
    conn.execute("insert into migrations (name, digest) values ('9999_later', zeroblob(32))", []).expect("writes");
    drop(conn);
    let error = fails_with(folder.path());
    assert_eq!(error.code(), "newer_schema");
    assert!(error.to_string().contains("9999_later"));
}

#[test]
fn a_card_is_used_once() {
    let shop = Shop::new(&card());
    shop.node.join(&card()).expect("the same card again");
    let moved = Card { server: "http://127.0.0.1:8080".to_owned(), ..card() };
    shop.node.join(&moved).expect("the server moved");
    assert_eq!(shop.node.identity().expect("reads").expect("joined").card, moved);
    for other in [home(), physical(), Card { node_id: NodeId(Uuid::from_u128(99)), ..card() }] {
        assert_eq!(shop.node.join(&other).expect_err("another card").code(), "other_card");
    }
}

#[test]
fn readers_cannot_write_and_see_whole_transactions() {
    let shop = Shop::new(&card());
    let error = shop.node.db().read(|conn| Ok(conn.execute("delete from users", [])?)).expect_err("a reader");
    assert_eq!(error.code(), "read_only");
    let seen = shop.node.db().write(|tx| {
        tx.execute("delete from users", [])?;
        Ok(shop.count("users"))
    });
    assert_eq!((seen.expect("writes"), shop.count("users")), (1, 0));
}

#[test]
fn a_transaction_that_fails_or_panics_leaves_nothing() {
    let shop = Shop::new(&physical());
    let before = shop.rows();
    let failed = shop.node.write("sale", |writing| {
        writing.stamp()?;
        writing.tx.execute("delete from users", [])?;
        Err::<(), _>(Error::Busy)
    });
    assert_eq!((failed.expect_err("fails").code(), shop.rows()), ("busy", before.clone()));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        shop.node.db().write(|tx| {
            tx.execute("delete from users", [])?;
            assert!(tx.is_autocommit(), "a panic in the middle");
            Ok(())
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(shop.rows(), before);
    shop.sell(&[(TEA, 1)]).expect("the till goes on");
    shop.reopened().node.examine().expect("whole");
}
