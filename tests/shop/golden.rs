//! Bytes that version 1 wrote, kept in `tests/golden/v1`: they must read for ever.
//!
//! A test here that fails because a body gained a field means: leave these files alone, and write the new
//! form beside them, in a folder of its own. The files are made by
//!
//!     OUTPOST_GOLDEN=write cargo test --test shop golden
//!
//! and by nothing else.

mod sample;

use std::{fs, path::PathBuf, sync::Arc};

use outpost_node::Node;
use outpost_schema::{journal::Mark, op::OpKind, settle::decode, word::Word as _, world::Seeded};
use outpost_sync::{
    codec::{self, Form},
    round::Local as _,
    wire::{Pulled, Push, Pushed},
};
use serde::{Serialize, de::DeserializeOwned};
use tempfile::TempDir;

/// How small the kept database should be at least compressed to.
const LEVEL: i32 = 19;

#[test]
fn a_push_of_version_1_reads_and_fits_its_hashes() {
    reads::<Push>("push", &sample::push());
    let push: Push = codec::decode(Form::Binary, None, &kept("push.msgpack")).expect("it reads");
    let (mut before, mut kinds) = (Mark::START, Vec::new());
    for entry in &push.entries {
        assert!(entry.follows(sample::INCARNATION, before), "entry {}", entry.seq);
        before = entry.mark();
        kinds.push(decode(entry).expect("it decodes").kind());
    }
    // Kinds that came later are in the bodies of later versions.
    let later = [OpKind::Carried, OpKind::LifeEnded];
    let mut of_then = OpKind::WORDS.iter().filter(|(kind, _)| !later.contains(kind));
    assert!(of_then.all(|(kind, word)| kinds.contains(kind) || panic!("no {word} among {kinds:?}")));
}

#[test]
fn an_answer_of_version_1_reads() {
    reads::<Pushed>("pushed", &sample::pushed());
    reads::<Pushed>("frozen", &Pushed::Frozen);
}

#[test]
fn a_page_of_version_1_reads() {
    reads::<Pulled>("page", &sample::page());
}

#[test]
fn a_database_of_version_1_opens_and_goes_on() {
    if is_writing() {
        write_database();
    }
    let folder = TempDir::new().expect("a folder");
    let bytes = zstd::decode_all(&*kept("node.db.zst")).expect("a whole frame");
    fs::write(folder.path().join(outpost_node::db::FILE), bytes).expect("a database");
    let node = Node::open(folder.path(), Arc::new(Seeded::new(9))).expect("it opens");
    node.examine().expect("its journal is whole");

    let orders = node.orders(None, None, 10).expect("readable");
    let told: Vec<_> = orders.iter().map(|order| (order.receipt.to_string(), order.total_amount.to_string())).collect();
    assert_eq!(told, [("B1-000001".to_owned(), "13.00".to_owned())]);
    let honey = node.find("HONEY", 1).expect("readable").pop().expect("it knows honey");
    assert_eq!((honey.level.quantity(), honey.open), (10, 10));
    assert_eq!(node.unsent().expect("readable").entries.len(), 2);
    let next = sample::sell(&node, honey.product.product_id).expect("it goes on selling");
    assert_eq!(next.receipt.to_string(), "B1-000002");
}

/// A value reads from both forms that version 1 wrote, and is still written so.
fn reads<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    for (form, ending) in [(Form::Binary, "msgpack"), (Form::Json, "json")] {
        let file = format!("{name}.{ending}");
        let now = match form {
            Form::Binary => rmp_serde::to_vec_named(value).expect("encodes"),
            Form::Json => serde_json::to_vec_pretty(value).expect("encodes"),
        };
        if is_writing() {
            fs::write(path(&file), &now).expect("the golden folder can be written");
        }
        let then = kept(&file);
        let read: T = codec::decode(form, None, &then).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(read, *value, "{file} means something else now");
        assert_eq!(String::from_utf8_lossy(&now), String::from_utf8_lossy(&then), "{file} is written differently now");
    }
}

fn is_writing() -> bool {
    std::env::var("OUTPOST_GOLDEN").is_ok_and(|value| value == "write")
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1")).join(file)
}

fn kept(file: &str) -> Vec<u8> {
    fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A stall that sold twice honey and received some, in one file.
fn write_database() {
    let folder = TempDir::new().expect("a folder");
    let node = Node::open(folder.path(), Arc::new(Seeded::new(1))).expect("it opens");
    sample::a_short_day(&node);
    drop(node);
    let single = folder.path().join("single.db");
    let database = rusqlite::Connection::open(folder.path().join(outpost_node::db::FILE)).expect("it opens");
    database.execute("vacuum into ?1", [single.to_string_lossy()]).expect("one file");
    let bytes = fs::read(single).expect("it is there");
    fs::write(path("node.db.zst"), zstd::encode_all(&*bytes, LEVEL).expect("compresses")).expect("written");
}
