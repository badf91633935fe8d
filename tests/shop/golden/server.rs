//! Head office's database as SQL, as a version left it: what a later one must still bring up to date.

use std::{path::PathBuf, process::Command};

use outpost_node::people::NewCustomer;
use outpost_server::{publish, synonyms, testing::TestDatabase};
use tokio_postgres::Client;

use crate::support::{Rule, Shop, amount, copy_folder, line};

/// How small a kept dump should be compressed to.
const LEVEL: i32 = 19;

/// Lines of a dump that are about the program that reads it, not about the database.
const NOT_CONTENT: [&str; 4] = ["\\", "SET ", "SELECT pg_catalog.set_config", "--"];

/// A day at head office, as SQL: sales, a customer, a parked cart, a grant, a refused ask, synonyms, what is
/// set aside, and a copied device.
pub async fn a_day() -> Vec<u8> {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Shared).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let (tea, fig) = (shop.product("TEA", "2.50", 10).await, shop.product("FIG", "0.60", 0).await);
    shop.all_level().await;
    shop.allot(0, tea, 4).await;
    shop.tills[0].sell(tea, 3).expect("allotted");
    shop.tills[1].node.ask(&[line(fig, 9)]).expect("written down");
    shop.tills[1].sell(fig, 2).expect("in the hand");
    let new = NewCustomer { first_name: Some("Grace".to_owned()), ..NewCustomer::default() };
    shop.tills[1].node.add_customer(&new).expect("written down");
    let cart = shop.tills[1].carts.begin(None).expect("begun").cart_id();
    shop.tills[1].carts.add(cart, tea, amount(2), None).expect("added");
    shop.tills[1].carts.park(cart, "hat").expect("parked");
    shop.all_level().await;
    let groups = ["soft drink, soda, pop", "trainers => sneakers"].map(|line| line.parse().expect("a group"));
    synonyms::add(&shop.server, &groups).await.expect("entered");
    // Head office removes nuts while a till, which has not heard of it, sells some.
    let nut = shop.product("NUT", "0.10", 0).await;
    shop.all_level().await;
    publish::remove(&shop.server, nut).await.expect("nobody had any");
    shop.tills[1].sell(nut, 1).expect("in the hand");
    shop.all_level().await;
    let copy = shop.spare_folder("copy");
    copy_folder(&shop.tills[0].folder, &copy);
    shop.restart(0, 50);
    let twin = shop.start(shop.tills[0].card.clone(), copy, 60);
    shop.tills[0].sell(tea, 1).expect("allotted");
    shop.tills[0].until_level().await;
    twin.sell(tea, 1).expect("allotted, it thinks");
    drop(twin.round().await);
    shop.keeps_its_laws().await;
    dump(&shop.database)
}

/// The database as SQL that any Postgres reads.
fn dump(database: &TestDatabase) -> Vec<u8> {
    let output = Command::new(program("pg_dump"))
        .args(["--inserts", "--no-owner", "--no-privileges", "--dbname", database.url()])
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("a dump is text");
    let is_content = |line: &&str| !line.is_empty() && NOT_CONTENT.iter().all(|begin| !line.starts_with(begin));
    let content: String = text.lines().filter(is_content).map(|line| format!("{line}\n")).collect();
    zstd::encode_all(content.as_bytes(), LEVEL).expect("compresses")
}

/// A database that a version left so.
pub async fn restored(dump: &[u8]) -> (TestDatabase, Client) {
    let text = zstd::decode_all(dump).expect("a whole frame");
    let database = TestDatabase::empty().await;
    let client = database.connect().await;
    client.batch_execute(&String::from_utf8(text).expect("a dump is text")).await.expect("it is read");
    (database, client)
}

/// Every row of every table but the list of migrations, counted.
pub async fn counted(client: &Client) -> Vec<(String, i64)> {
    let tables = "select tablename::text from pg_tables where schemaname = 'public' and tablename <> 'migrations'
                  order by tablename";
    let mut counts = Vec::new();
    for row in client.query(tables, &[]).await.expect("tables") {
        let table: String = row.get(0);
        let count = client.query_one(&format!("select count(*) from {table}"), &[]).await.expect("counted");
        counts.push((table, count.get(0)));
    }
    counts
}

/// One of the programs of Postgres.
fn program(name: &str) -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = folders.map(|folder| folder.path().join("bin").join(name)).find(|path| path.is_file());
    installed.unwrap_or_else(|| name.into())
}
