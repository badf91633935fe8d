//! A newer program takes over what an older one left, and is killed wherever it can be: the database
//! is then as it was or as it will be, never between, and nothing that was told is lost.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use outpost_node::{
    Node,
    db::FILE,
    stage::{Moment, Stage, Work},
};
use outpost_schema::{journal::Hash, world::Seeded};
use outpost_server::{api, nodes, server::Server, stage as at_office, testing::TestDatabase};
use outpost_sync::round::Local as _;
use rusqlite::Connection;

use crate::{
    golden,
    support::{
        process::{Running, dies_at, run},
        until_level,
        wire::Wire,
    },
};

/// The migrations that version 1 knew.
const OF_VERSION_1: [usize; 2] = [4, 6];

#[tokio::test]
async fn a_device_of_version_1_that_is_killed_while_it_is_brought_up_to_date_is_old_or_new() {
    let names = names("node");
    let untouched = golden::old_device();
    let whole = contents(&untouched.folder.path().join(FILE));
    for stage in Work::Migration.stages() {
        let number = number_of(&names, stage.migration());
        if number <= OF_VERSION_1[0] {
            continue;
        }
        let device = golden::old_device();
        // Only what is begun on an untouched database copies it: an earlier death leaves it at the one before.
        let is_copy = stage.moment() == Moment::Copied;
        if is_copy && number > OF_VERSION_1[0] + 1 {
            let earlier = Work::Migration.stages().into_iter().find(|earlier| {
                earlier.migration() == Some(&*names[number - 2]) && earlier.moment() == Moment::AfterCommit
            });
            dies_at(earlier.expect("each is committed"), &status(device.folder.path())).await;
        }
        dies_at(stage, &status(device.folder.path())).await;
        let applied = if stage.moment() == Moment::AfterCommit { number } else { number - 1 };
        let file = device.folder.path().join(FILE);
        assert_eq!(schema(&file), schema_after(applied), "{stage}");
        assert_eq!(contents(&file), whole, "{stage}: what was told is untouched");
        let copied = if is_copy { number - 1 } else { OF_VERSION_1[0] };
        let copy = device.folder.path().join(format!("{FILE}.before-{}", names[copied]));
        assert_eq!((schema(&copy), contents(&copy)), (schema_after(copied), whole.clone()), "{stage}");
        goes_on(&device).await;
    }
    goes_on(&untouched).await;
}

#[tokio::test]
async fn a_new_device_killed_while_its_tables_are_made_goes_on_with_them() {
    let names = names("node");
    for stage in Work::Migration.stages() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let number = number_of(&names, stage.migration());
        let before = |earlier: &Stage| {
            number > 1 && earlier.migration() == Some(&*names[number - 2]) && earlier.moment() == Moment::AfterCommit
        };
        if stage.moment() == Moment::Copied {
            let earlier = Work::Migration.stages().into_iter().find(before).expect("each is committed");
            dies_at(earlier, &status(folder.path())).await;
        }
        dies_at(stage, &status(folder.path())).await;
        let applied = if stage.moment() == Moment::AfterCommit { number } else { number - 1 };
        assert_eq!(schema(&folder.path().join(FILE)), schema_after(applied), "{stage}");
        Node::open(folder.path(), Arc::new(Seeded::new(1))).expect("it goes on");
        assert_eq!(schema(&folder.path().join(FILE)), schema_after(names.len()), "{stage}");
    }
}

/// Which migration it is, counted from 1.
fn number_of(names: &[String], wanted: Option<&str>) -> usize {
    1 + names.iter().position(|name| Some(&**name) == wanted).expect("every migration is a file")
}

/// The stages at which a device dies here: each of every migration.
pub fn at_till() -> Vec<Stage> {
    Work::Migration.stages()
}

/// The same at head office.
pub fn at_office() -> Vec<at_office::Stage> {
    at_office::Work::Migration.stages()
}

#[tokio::test]
async fn what_waited_at_a_device_of_version_1_is_pushed_and_booked() {
    let device = golden::old_device();
    let file = device.folder.path().join(FILE);
    // Its news were made by hand; here it has heard none, and reads from the start.
    Connection::open(&file).expect("it opens").execute("update feed_position set cursor = null", []).expect("written");
    let node = Arc::new(Node::open(device.folder.path(), Arc::new(Seeded::new(9))).expect("it opens"));
    let card = node.identity().expect("readable").expect("it has joined").card;
    let honey = node.find("HONEY", 1).expect("readable").pop().expect("it knows honey").product.product_id;

    let database = TestDatabase::create().await;
    let server = Server::open_with(database.config(), Arc::new(Seeded::new(8)), Some(card.currency)).await;
    let server = Arc::new(server.expect("the server opens"));
    let client = database.connect().await;
    nodes::add_warehouse(&server, "Elsewhere").await.expect("with the first place comes the guest");
    for (insert, id, other) in [
        ("insert into warehouses values ($1, 'Beach', null, now())", card.warehouse_id.0, None),
        (
            "insert into nodes values ($1, 'Stall', 'popup', $2::uuid, array[$2::uuid], 'B1', now())",
            card.node_id.0,
            Some(card.warehouse_id.0),
        ),
        ("update warehouses set home_of = $1 where warehouse_id = $2", card.node_id.0, Some(card.warehouse_id.0)),
        (
            "insert into incarnations (incarnation_id, node_id, number, created_at) values ($1, $2, 1, now())",
            card.incarnation_id.0,
            Some(card.node_id.0),
        ),
        (
            "insert into products (product_id, name, created_at, updated_at) values ($1, 'Honey', now(), now())",
            honey.0,
            None,
        ),
    ] {
        let done = match other {
            Some(other) => client.execute(insert, &[&id, &other]).await,
            None => client.execute(insert, &[&id]).await,
        };
        done.unwrap_or_else(|error| panic!("{insert}: {error:?}"));
    }
    let line = Wire::lay(api::router(Arc::clone(&server)), card.node_id);
    until_level(&node, &line).await;
    let aside = "select verdict_detail::text from ops where verdict <> 'accepted'";
    let aside: Vec<String> = client.query(aside, &[]).await.expect("readable").iter().map(|row| row.get(0)).collect();
    assert_eq!(aside, Vec::<String>::new());
    let booked = "select hash from ops where verdict = 'accepted' order by seq";
    let booked: Vec<Hash> = client.query(booked, &[]).await.expect("readable").iter().map(|row| row.get(0)).collect();
    assert_eq!(booked, device.entries.iter().map(|entry| entry.hash).collect::<Vec<_>>());
    assert_eq!(node.status().expect("readable").waiting, 0);
    assert_eq!(server.laws().await.expect("readable"), Vec::<String>::new());
}

/// It starts, forgets the copies with the next start, and everything that waited still does.
async fn goes_on(device: &golden::OldDevice) {
    let folder = device.folder.path();
    for start in 1..=2 {
        let shown = run("outpost-node", &status(folder), None).await;
        assert!(shown.status.success(), "start {start}: {}", String::from_utf8_lossy(&shown.stderr));
    }
    let copies = fs::read_dir(folder).expect("a folder").flatten();
    let copies = copies.filter(|entry| entry.file_name().to_string_lossy().contains(".before-")).count();
    assert_eq!(copies, 0, "a clean start has no more need of them");
    assert_eq!(schema(&folder.join(FILE)), schema_after(names("node").len()));
    let node = Node::open(folder, Arc::new(Seeded::new(9))).expect("it opens");
    node.examine().expect("its journal is whole");
    assert_eq!(node.unsent().expect("readable").entries, device.entries, "byte for byte");
}

/// An entry of the journal: its number, body, hash and verdict.
type Row = (i64, Vec<u8>, Vec<u8>, Option<String>);

/// What version 1 wrote that no migration may touch: the journal with its hashes and verdicts.
fn contents(file: &Path) -> Vec<Row> {
    let database = Connection::open(file).expect("it opens");
    let mut statement =
        database.prepare("select seq, body, hash, verdict from journal order by seq").expect("readable");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.expect("readable").collect::<Result<_, _>>().expect("readable")
}

/// The tables as they are: old or new.
fn schema(file: &Path) -> Vec<String> {
    let database = Connection::open(file).expect("it opens");
    of_schema(&database)
}

/// The tables as they are after so many migrations.
fn schema_after(count: usize) -> Vec<String> {
    let database = Connection::open_in_memory().expect("memory");
    for name in &names("node")[..count] {
        database
            .execute_batch(&fs::read_to_string(folder("node").join(format!("{name}.sql"))).expect("there"))
            .expect("sound");
    }
    of_schema(&database)
}

fn of_schema(database: &Connection) -> Vec<String> {
    let sql = "select sql from sqlite_schema where sql is not null and tbl_name <> 'migrations' order by sql";
    let mut statement = database.prepare(sql).expect("readable");
    statement.query_map([], |row| row.get(0)).expect("readable").collect::<Result<_, _>>().expect("readable")
}

fn folder(side: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).join(side)
}

/// The names of the migrations, in order.
fn names(side: &str) -> Vec<String> {
    let files = fs::read_dir(folder(side)).expect("a folder").flatten();
    let mut names: Vec<_> =
        files.filter_map(|file| file.path().file_stem().map(|name| name.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

fn status(folder: &Path) -> Vec<String> {
    vec!["--data".to_owned(), folder.to_string_lossy().into_owned(), "status".to_owned()]
}

#[tokio::test]
async fn head_office_of_version_1_that_is_killed_while_it_is_brought_up_to_date_is_old_or_new() {
    let names = names("server");
    for stage in at_office() {
        let number = number_of(&names, stage.migration());
        let is_old = number > OF_VERSION_1[1];
        // What version 1 knew already is made on an empty database.
        let (database, client) = if is_old {
            golden::old_head_office().await
        } else {
            let database = TestDatabase::empty().await;
            let client = database.connect().await;
            (database, client)
        };
        let before = if is_old { golden::counted(&client).await } else { Vec::new() };
        let arguments = ["--database", database.url(), "--listen", "127.0.0.1:0", "serve"];
        dies_at(stage, &arguments).await;
        let applied = if stage.moment() == at_office::Moment::AfterCommit { number } else { number - 1 };
        assert_eq!(applied_in(&client).await, names[..applied], "{stage}");
        if is_old {
            let after = golden::counted(&client).await;
            assert!(before.iter().all(|row| after.contains(row)), "{stage}: {before:?}, {after:?}");
        }
        Running::start("outpost-server", &arguments, None).await.kill().await;
        assert_eq!(applied_in(&client).await, names, "{stage}");
    }
}

/// The migrations that a head office has, in order.
async fn applied_in(client: &tokio_postgres::Client) -> Vec<String> {
    let made = client.query_one("select to_regclass('migrations') is not null", &[]).await.expect("readable");
    if !made.get::<_, bool>(0) {
        return Vec::new();
    }
    let there = client.query("select name from migrations order by name", &[]).await.expect("readable");
    there.iter().map(|row| row.get(0)).collect()
}
