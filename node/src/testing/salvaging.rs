//! What is still readable in a damaged database goes to head office all the same.

use std::{fs, io::Cursor};

use outpost_sync::{
    carried::{Reader, Sort},
    wire::{PROTOCOL, Push},
};

use super::*;
use crate::{
    db::FILE,
    salvage::{self, Salvaged},
};

/// A page of a database.
const PAGE: usize = 4096;

const NOW: Timestamp = Timestamp::from_micros(7);

fn entries_of(found: &Salvaged) -> Vec<outpost_schema::journal::Entry> {
    found.pushes.iter().flat_map(|push| push.entries.clone()).collect()
}

fn sold(times: i64) -> (TempDir, Vec<outpost_schema::journal::Entry>) {
    let shop = Shop::new(&physical());
    for _ in 0..times {
        shop.sell(&[(TEA, 1), (CAKE, 1), (CHEESE, 100)]).expect("sells");
    }
    let entries = shop.node.unsent().expect("waits").entries;
    let Shop { node, folder, .. } = shop;
    drop(node);
    (folder, entries)
}

#[test]
fn whatever_page_is_lost_the_rest_is_salvaged_and_the_gap_is_named() {
    let (folder, entries) = sold(60);
    let file = folder.path().join(FILE);
    let whole = fs::read(&file).expect("reads");
    let found = salvage::salvage(folder.path(), NOW).expect("reads");
    assert_eq!((entries_of(&found), found.unreadable), (entries.clone(), vec![]), "an undamaged one gives all");
    let (mut salvaged, mut partly) = (0, 0);
    for page in 0..whole.len() / PAGE {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0x5a);
        fs::write(&file, &bytes).expect("writes");
        let Ok(found) = salvage::salvage(folder.path(), NOW) else { continue };
        salvaged += 1;
        partly += i64::from(!found.unreadable.is_empty());
        let read = entries_of(&found);
        for entry in &read {
            assert!(entries.contains(entry), "page {page}: an entry that was never written");
        }
        assert!(read.len() + found.unreadable.len() <= entries.len(), "page {page}");
        let seqs: Vec<_> = read.iter().map(|entry| entry.seq).chain(found.unreadable).collect();
        let last = seqs.iter().copied().max().unwrap_or(0);
        assert!((1..=last).all(|seq| seqs.contains(&seq)), "page {page}: each is there or named");
        assert!(fs::read(&file).expect("reads") == bytes, "page {page}: it was changed");
    }
    assert!(salvaged > whole.len() as i64 / PAGE as i64 / 2 && partly > 1, "{salvaged} readable, {partly} with gaps");
}

#[test]
fn an_altered_entry_is_not_carried() {
    let (folder, entries) = sold(5);
    let conn = rusqlite::Connection::open(folder.path().join(FILE)).expect("opens");
    conn.execute("update journal set worth = 0, kind = 'received' where seq = 3", []).expect("tampers");
    drop(conn);
    let found = salvage::salvage(folder.path(), NOW).expect("reads");
    let kept: Vec<_> = entries.into_iter().filter(|entry| entry.seq != 3).collect();
    assert_eq!((entries_of(&found), &found.unreadable), (kept, &vec![3]));
    let holes: Vec<_> =
        found.pushes.iter().map(|push| push.hole.map(|hole| (hole.after.seq, hole.before.seq))).collect();
    assert_eq!(holes, [None, Some((2, 4))], "behind the gap a push of its own says so");
}

#[test]
fn an_export_is_written_once_and_the_database_put_aside() {
    let (folder, entries) = sold(3);
    let found = salvage::salvage(folder.path(), NOW).expect("reads");
    let file = folder.path().join("till.outpost");
    salvage::write(&found, &file).expect("written");
    let bytes = fs::read(&file).expect("reads");
    let mut read = Reader::open(Cursor::new(&bytes), Sort::Export, PROTOCOL..=PROTOCOL).expect("an export");
    assert_eq!(read.head.node_id, Some(physical().node_id));
    assert_eq!(read.next_part::<Push>().expect("reads").expect("a part").entries, entries);
    assert_eq!(salvage::write(&found, &file).expect_err("it is there").code(), "files");
    assert!(fs::read(&file).expect("reads") == bytes, "what was there is not touched");

    let aside = salvage::put_aside(folder.path(), NOW).expect("put aside");
    assert!(aside.is_file() && !folder.path().join(FILE).exists());
    Node::open(folder.path(), Arc::new(Seeded::new(1))).expect("begins again").join(&home()).expect("with a new card");
}
