//! Bytes that each version wrote, kept in `tests/golden/v1`, `v2` and so on: they must read for ever.
//!
//! Landed files never change. A test here that fails because a body gained a field means: raise the
//! protocol, leave the files of former versions alone, and write the new form beside them, in a folder
//! of its own. The files of the version that is being made are made by
//!
//!     OUTPOST_GOLDEN=write cargo test --test shop golden
//!
//! and by nothing else; with its release they have landed.

pub mod sample;
mod server;

use self::sample::Version;
pub use self::server::counted;

use std::{fs, path::PathBuf, sync::Arc};

use outpost_node::Node;
use outpost_schema::{
    clock::Hlc,
    journal::{Body, Entry, Mark},
    op::OpKind,
    settle::decode,
    word::Word as _,
    world::Seeded,
};
use outpost_server::{server::Server, testing::TestDatabase};
use outpost_sync::{
    codec::{self, Form},
    round::Local as _,
    wire::{Born, LifeWanted, Pulled, Push, Pushed, Report},
};
use serde::{Serialize, de::DeserializeOwned};
use tempfile::TempDir;
use tokio_postgres::Client;

/// How small the kept database should be at least compressed to.
const LEVEL: i32 = 19;

/// The version that is being made.
const PRESENT: Version = Version::Seventh;

const VERSIONS: [Version; 7] = [
    Version::First,
    Version::Second,
    Version::Third,
    Version::Fourth,
    Version::Fifth,
    Version::Sixth,
    Version::Seventh,
];

/// Those that know of lives and epochs.
const SINCE_SECOND: &[Version] = VERSIONS.split_at(1).1;
/// Those whose reports are kept.
const SINCE_SIXTH: &[Version] = VERSIONS.split_at(5).1;

#[test]
fn a_push_of_any_version_reads_and_fits_its_hashes() {
    for version in VERSIONS {
        reads::<Push>(version, "push", &sample::push(version));
        let push: Push = codec::decode(Form::Binary, None, &kept(version, "push.msgpack")).expect("it reads");
        let (mut before, mut kinds) = (Mark::START, Vec::new());
        for entry in &push.entries {
            assert!(entry.follows(sample::INCARNATION, before), "entry {}", entry.seq);
            before = entry.mark();
            kinds.push(decode(entry).expect("it decodes").kind());
        }
        let missing: Vec<_> = OpKind::WORDS.iter().filter(|(kind, _)| !kinds.contains(kind)).collect();
        assert!(version != PRESENT || missing.is_empty(), "no {missing:?} among {kinds:?}");
    }
}

#[test]
fn what_is_asked_and_answered_of_any_version_reads() {
    for version in VERSIONS {
        reads::<Pushed>(version, "pushed", &sample::pushed(version));
        reads::<Pushed>(version, "frozen", &Pushed::Frozen);
    }
    for &version in SINCE_SECOND {
        let acked = sample::push(version).entries[0].mark();
        reads::<Pushed>(version, "push_elsewhere", &Pushed::Elsewhere { acked });
        reads::<LifeWanted>(version, "life_wanted", &sample::life_wanted(version));
        reads::<Born>(version, "born", &sample::born());
    }
    for &version in SINCE_SIXTH {
        reads::<Report>(version, "report", &sample::report());
    }
}

#[test]
fn a_page_of_any_version_reads() {
    for version in VERSIONS {
        reads::<Pulled>(version, "page", &sample::page(version));
    }
    for &version in SINCE_SECOND {
        let acked = sample::push(version).entries[0].mark();
        reads::<Pulled>(version, "pull_elsewhere", &Pulled::Elsewhere { acked });
        reads::<Pulled>(version, "other_epoch", &Pulled::OtherEpoch { epoch: sample::EPOCH });
        reads::<Pulled>(version, "too_long_away", &Pulled::TooLongAway);
    }
}

#[test]
fn a_database_of_any_version_opens_and_goes_on() {
    if is_writing() {
        write_database();
    }
    for version in VERSIONS {
        let folder = TempDir::new().expect("a folder");
        let bytes = zstd::decode_all(&*kept(version, "node.db.zst")).expect("a whole frame");
        fs::write(folder.path().join(outpost_node::db::FILE), bytes).expect("a database");
        let node = Node::open(folder.path(), Arc::new(Seeded::new(9))).expect("it opens");
        node.examine().expect("its journal is whole");

        let orders = node.orders(None, None, 10).expect("readable");
        let told: Vec<_> =
            orders.iter().map(|order| (order.receipt.to_string(), order.total_amount.to_string())).collect();
        assert_eq!(told, [("B1-000001".to_owned(), "13.00".to_owned())], "{version:?}");
        let honey = node.find("HONEY", 1).expect("readable").pop().expect("it knows honey");
        assert_eq!((honey.level.quantity(), honey.open), (10, 10));
        assert_eq!(node.unsent().expect("readable").entries.len(), 2);
        let next = sample::sell(&node, honey.product.product_id).expect("it goes on selling");
        assert_eq!(next.receipt.to_string(), "B1-000002");
    }
}

#[tokio::test]
async fn head_office_of_any_version_is_brought_up_to_date() {
    if is_writing() {
        fs::write(path(PRESENT, "server.sql.zst"), server::a_day().await).expect("written");
    }
    for version in VERSIONS {
        let (database, client) = server::restored(&kept(version, "server.sql.zst")).await;
        let before = server::counted(&client).await;
        let opened = Server::open(database.config(), Arc::new(Seeded::new(5))).await.expect("it opens");
        assert_eq!(opened.laws().await.expect("readable"), Vec::<String>::new(), "{version:?}");
        let after = server::counted(&client).await;
        assert!(before.iter().map(|(_, count)| count).sum::<i64>() > 50, "{before:?}");
        let lost: Vec<_> = before.iter().filter(|row| !is_kept(row, &after)).collect();
        assert!(lost.is_empty(), "{version:?}: {lost:?} of {after:?}");
        Server::open(database.config(), Arc::new(Seeded::new(6))).await.expect("it opens again");
    }
}

/// Whether a table has at least the rows it had: another epoch may have begun, and be told.
fn is_kept((table, count): &(String, i64), after: &[(String, i64)]) -> bool {
    after.iter().any(|(there, now)| there == table && now >= count)
}

/// A device that version 1 left, with entries that wait.
pub struct OldDevice {
    /// Where it lives.
    pub folder: TempDir,
    /// What waits there.
    pub entries: Vec<Entry>,
}

/// A device that version 1 left.
pub fn old_device() -> OldDevice {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join(outpost_node::db::FILE);
    fs::write(&file, zstd::decode_all(&*kept(Version::First, "node.db.zst")).expect("a whole frame"))
        .expect("a database");
    let database = rusqlite::Connection::open(&file).expect("it opens");
    let sql = "select seq, hlc_at, hlc_tick, seen, kind, version, body, prev_hash, hash from journal order by seq";
    let mut statement = database.prepare(sql).expect("readable");
    let rows = statement.query_map([], |row| {
        Ok(Entry {
            seq: row.get(0)?,
            hlc: Hlc { at: row.get(1)?, tick: row.get(2)? },
            seen: row.get(3)?,
            kind: row.get(4)?,
            version: row.get(5)?,
            body: Body(row.get(6)?),
            prev_hash: row.get(7)?,
            hash: row.get(8)?,
        })
    });
    let entries = rows.expect("readable").collect::<Result<_, _>>().expect("readable");
    OldDevice { folder, entries }
}

/// Whether this program has migrations that version 1 did not know.
pub fn is_newer_than_version_1() -> bool {
    fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/node")).expect("a folder").count() > 4
}

/// Head office's database as version 1 left it.
pub async fn old_head_office() -> (TestDatabase, Client) {
    server::restored(&kept(Version::First, "server.sql.zst")).await
}

/// A value reads from both forms that a version wrote; what the present one wrote is still written so.
fn reads<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(version: Version, name: &str, value: &T) {
    for (form, ending) in [(Form::Binary, "msgpack"), (Form::Json, "json")] {
        let file = format!("{name}.{ending}");
        let now = match form {
            Form::Binary => rmp_serde::to_vec_named(value).expect("encodes"),
            Form::Json => serde_json::to_vec_pretty(value).expect("encodes"),
        };
        if is_writing() && version == PRESENT {
            fs::write(path(version, &file), &now).expect("the golden folder can be written");
        }
        let then = kept(version, &file);
        let read: T = codec::decode(form, None, &then).unwrap_or_else(|error| panic!("{version:?} {file}: {error}"));
        assert_eq!(read, *value, "{version:?}: {file} means something else now");
        if version == PRESENT {
            let (now, then) = (String::from_utf8_lossy(&now), String::from_utf8_lossy(&then));
            assert_eq!(now, then, "{file} is written differently now");
        }
    }
}

fn is_writing() -> bool {
    std::env::var("OUTPOST_GOLDEN").is_ok_and(|value| value == "write")
}

fn path(version: Version, file: &str) -> PathBuf {
    let folder = match version {
        Version::First => "v1",
        Version::Second => "v2",
        Version::Third => "v3",
        Version::Fourth => "v4",
        Version::Fifth => "v5",
        Version::Sixth => "v6",
        Version::Seventh => "v7",
    };
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).join(folder).join(file)
}

fn kept(version: Version, file: &str) -> Vec<u8> {
    fs::read(path(version, file)).unwrap_or_else(|error| panic!("{version:?} {file}: {error}"))
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
    fs::write(path(PRESENT, "node.db.zst"), zstd::encode_all(&*bytes, LEVEL).expect("compresses")).expect("written");
}
