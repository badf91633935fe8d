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

/// A closed database of a till that has sold.
fn sold_and_closed() -> TempDir {
    let shop = Shop::new(&physical());
    for _ in 0..60 {
        shop.sell(&[(TEA, 1), (CAKE, 1), (CHEESE, 100)]).expect("sells");
    }
    let Shop { node, folder, .. } = shop;
    drop(node);
    folder
}

#[test]
fn a_file_that_was_cut_short_or_garbled_anywhere_is_refused_and_left_as_it_is() {
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 8] = [
        ("half of it is gone", |bytes| bytes.truncate(bytes.len() / 2)),
        ("its last page is gone", |bytes| bytes.truncate(bytes.len() - 4096)),
        ("it ends within a page", |bytes| bytes.truncate(bytes.len() - 100)),
        ("its first page is gone", |bytes| bytes[..4096].fill(0)),
        ("its schema is noise", |bytes| bytes[100..4096].fill(0x5a)),
        ("a page in the middle is noise", |bytes| {
            let page = bytes.len() / 2 / 4096 * 4096;
            bytes[page..page + 4096].fill(0x5a);
        }),
        ("its second half is noise", |bytes| {
            let half = bytes.len() / 2;
            bytes[half..].fill(0x5a);
        }),
        ("its last page is nothing", |bytes| {
            let last = bytes.len() - 4096;
            bytes[last..].fill(0);
        }),
    ];
    for (what, harm) in harms {
        let folder = sold_and_closed();
        let file = folder.path().join(FILE);
        let mut bytes = fs::read(&file).expect("reads");
        harm(&mut bytes);
        fs::write(&file, &bytes).expect("writes");
        let error = fails_with(folder.path());
        assert_eq!(error.code(), "damaged", "{what}: {error}");
        assert!(error.to_string().contains("salvage"), "{what}: {error}");
        assert!(fs::read(&file).expect("reads") == bytes, "{what}: it was changed");
    }
}

#[test]
fn an_entry_that_waits_is_looked_at_however_far_back_it_stands() {
    let folder = sold_and_closed();
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).expect("opens");
    conn.execute("update journal set kind = 'received' where seq = 3", []).expect("tampers");
    drop(conn);
    let error = fails_with(folder.path());
    assert_eq!(error.code(), "damaged");
    assert!(error.to_string().contains("journal entry 3"), "{error}");
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
    let failed = shop.node.write(crate::stage::Work::Sale, |writing| {
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
