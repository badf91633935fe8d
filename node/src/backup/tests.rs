//! A till that is put into a file while it sells, and what comes back.

use std::{fs, thread};

use outpost_sync::round::Local as _;

use super::*;
use crate::{
    Refused, State,
    sell::{SaleWanted, Sold, Tendered, Terms},
    testing::{Shop, TEA, card, home, wanted},
};
use outpost_schema::{device::Card, world::Seeded};
use tempfile::TempDir;

fn world() -> Arc<dyn World> {
    Arc::new(Seeded::new(8))
}

/// A till that sold twice, and a backup of it.
fn backed_up(card: &Card) -> (Shop, TempDir, PathBuf) {
    let shop = Shop::new(card);
    shop.stock(TEA, 20, 10);
    shop.sell(&[(TEA, 1)]).expect("sells");
    shop.sell(&[(TEA, 2)]).expect("sells");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("till.backup");
    back_up(shop.folder.path(), &file, &*world()).expect("backed up, though it is open");
    (shop, folder, file)
}

fn sell_one(node: &Node) -> Result<Sold, Error> {
    let terms = Terms::carried_out(vec![Tendered::card("T-1")]);
    node.sell(&SaleWanted { lines: vec![wanted(TEA, 1)], terms })
}

fn restored(folder: &TempDir, file: &Path) -> Node {
    let data = folder.path().join("till");
    restore(file, &data, false, world()).expect("restored");
    Node::open(&data, world()).expect("opens")
}

#[test]
fn what_was_sold_before_is_there_and_nothing_is_sold_until_head_office_was_heard() {
    let (shop, folder, file) = backed_up(&card());
    shop.sell(&[(TEA, 1)]).expect("the shop goes on");
    let node = restored(&folder, &file);
    node.examine().expect("whole");
    let status = node.status().expect("status");
    assert_eq!((status.state, status.head.seq, status.waiting), (State::Restored, 2, 2));
    let refused = sell_one(&node).expect_err("it does not know what it sold since");
    assert!(matches!(refused, Error::Refused(Refused::RolledBack)), "{refused}");
    node.product(TEA).expect("readable").expect("goods are shown");
    assert!(node.unsent().expect("readable").entries.is_empty(), "nothing is told in its old life");
}

#[test]
fn at_its_home_it_goes_on_selling() {
    let (_shop, folder, file) = backed_up(&home());
    let node = restored(&folder, &file);
    sell_one(&node).expect("only it sells there, so it is a fact");
    assert_eq!(node.status().expect("status").head.seq, 3);
}

#[test]
fn every_backup_taken_while_it_sells_is_whole() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 2_000, 1_000);
    let folder = TempDir::new().expect("a folder");
    thread::scope(|scope| {
        let selling = scope.spawn(|| (0..200).for_each(|_| _ = shop.sell(&[(TEA, 1)]).expect("sells")));
        let mut last = 0;
        for number in 0.. {
            let file = folder.path().join(format!("{number}.backup"));
            let header = back_up(shop.folder.path(), &file, &*world()).expect("backed up");
            let data = folder.path().join(number.to_string());
            restore(&file, &data, false, world()).expect("restored: its journal and its pages are whole");
            assert!(header.head >= last, "later is later");
            last = header.head;
            if selling.is_finished() {
                break;
            }
        }
    });
}

#[test]
fn what_is_no_sound_backup_is_refused_and_leaves_the_folder_as_it_was() {
    let (_shop, folder, file) = backed_up(&card());
    let bytes = fs::read(&file).expect("reads");
    let data = folder.path().join("till");
    let code = |bytes: &[u8]| {
        let other = folder.path().join("other.backup");
        fs::write(&other, bytes).expect("writes");
        let error = restore(&other, &data, false, world()).expect_err("refused");
        assert!(!data.exists(), "nothing was made");
        error.code()
    };
    assert_eq!(code(b"tomatoes\n"), "not_a_backup");
    assert_eq!(code(b""), "not_a_backup");
    assert_eq!(code(&bytes[..30]), "backup_truncated");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = text.match_indices('\n').nth(1).expect("two lines").0 + 1;
    for end in [body, body + 5, bytes.len() / 2, bytes.len() - 5, bytes.len() - 1] {
        assert_eq!(code(&bytes[..end]), "backup_truncated", "cut at {end} of {}", bytes.len());
    }
    let altered = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        code(&bytes)
    };
    for at in [body + 20, (body + bytes.len()) / 2, bytes.len() - 1] {
        assert_eq!(altered(at), "backup_altered", "at {at}");
    }
    let with = |from: &str, to: &str| {
        let at = text.find(from).expect("it is there");
        code(&[&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat())
    };
    assert_eq!(with("\"head\":2", "\"head\":3"), "backup_altered");
    assert_eq!(with("\"form\":1", "\"form\":2"), "backup_is_newer");
    assert_eq!(with("\"bytes\":", "\"bites\":"), "backup_altered");
    assert_eq!(restore(Path::new("/nowhere"), &data, false, world()).expect_err("refused").code(), "not_a_backup");
}

#[test]
fn a_backup_with_tables_of_a_newer_program_is_refused() {
    let (shop, folder, _) = backed_up(&card());
    shop.node
        .db()
        .write(|tx| Ok(tx.execute("insert into migrations (name, digest) values ('9999_future', zeroblob(32))", [])?))
        .expect("a newer program was here");
    let file = folder.path().join("newer.backup");
    assert_eq!(back_up(shop.folder.path(), &file, &*world()).expect("backed up").migration, "9999_future");
    let data = folder.path().join("till");
    let error = restore(&file, &data, false, world()).expect_err("refused");
    assert_eq!((error.code(), data.exists()), ("newer_schema", false));
}

#[test]
fn nothing_is_written_over_and_what_is_replaced_is_moved_aside() {
    let (shop, folder, file) = backed_up(&card());
    let again = back_up(shop.folder.path(), &file, &*world()).expect_err("it is there");
    assert_eq!(again.code(), "file_exists");
    let empty = TempDir::new().expect("a folder");
    assert_eq!(back_up(empty.path(), &folder.path().join("b"), &*world()).expect_err("no device").code(), "not_joined");

    let data = shop.folder.path();
    assert_eq!(restore(&file, data, false, world()).expect_err("used").code(), "not_empty");
    assert_eq!(restore(&file, data, true, world()).expect_err("open").code(), "locked");
    let Shop { node, folder: used, .. } = shop;
    drop(node);
    let aside = restore(&file, used.path(), true, world()).expect("restored").aside.expect("it was moved");
    let before = Node::open(&aside, world()).expect("nothing of it was lost").status().expect("status");
    let now = Node::open(used.path(), world()).expect("opens").status().expect("status");
    assert_eq!((before.state, now.state), (State::Active, State::Restored));
    fs::remove_dir_all(aside).expect("it is only a folder");
}
