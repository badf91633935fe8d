//! Damaged files, found by the shipped program: what is derived is made anew, what is ground is left as
//! it is, and what head office does not have yet can be carried there.

mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use outpost_node::db::FILE;
use outpost_schema::{device::Card, id::CartId};

use crate::support::{
    Rule, Shop, amount,
    process::{Running, run},
};

/// What is done to a folder.
type Harm = fn(&Path);

/// sled's folder in a node's.
const SLED: &str = "carts.sled";

#[tokio::test]
async fn whatever_becomes_of_the_fast_copy_the_carts_are_there() {
    let (mut shop, card, cart, folder) = a_till_with_a_cart().await;
    let harms: [(&str, Harm); 4] = [
        ("deleted", |sled| fs::remove_dir_all(sled).expect("it is there")),
        ("garbled", |sled| every_file(sled, |bytes| bytes.fill(0x5a))),
        ("cut short", |sled| every_file(sled, |bytes| bytes.truncate(bytes.len() / 2))),
        ("replaced by a file", |sled| {
            fs::remove_dir_all(sled).expect("it is there");
            fs::write(sled, "not a folder").expect("writes");
        }),
    ];
    for (what, harm) in harms {
        harm(&folder.join(SLED));
        let sold = run("outpost-node", &on(&folder, &["sell", "TEA", "--card", "terminal 1"]), None).await;
        assert!(sold.status.success(), "{what}: {}", said(&sold));
        let till = shop.start(card.clone(), folder.clone(), 90);
        assert_eq!(till.carts.get(cart).expect("it is there").lines().len(), 1, "{what}");
    }
    let till = shop.start(card, folder, 91);
    till.until_level().await;
    shop.tills = vec![till];
    shop.agree().await;
}

#[tokio::test]
async fn a_fast_copy_that_somebody_else_holds_is_told() {
    let (_shop, _, _, folder) = a_till_with_a_cart().await;
    let held = sled::open(folder.join(SLED)).expect("it opens");
    let refused = run("outpost-node", &on(&folder, &["--listen", "127.0.0.1:0", "serve"]), None).await;
    assert!(!refused.status.success() && said(&refused).contains("another program"), "{}", said(&refused));
    drop(held);
    let shown = run("outpost-node", &on(&folder, &["status"]), None).await;
    assert!(shown.status.success(), "{}", said(&shown));
}

#[tokio::test]
async fn a_damaged_database_is_left_as_it_is_and_what_waits_is_carried_out_of_it() {
    let (shop, _, _, folder) = a_till_with_a_cart().await;
    let file = folder.join(FILE);
    let mut bytes = fs::read(&file).expect("readable");
    // The page on which the catalogue's words stand: nothing that waits is on it.
    let page = bytes.chunks(4096).rposition(|page| contains(page, b"Green Tea of the finest sort")).expect("a page");
    bytes[page * 4096 + 8..page * 4096 + 200].fill(0x5a);
    fs::write(&file, &bytes).expect("writes");
    for verb in [&["status"][..], &["sell", "TEA", "--card", "terminal 1"], &["serve"]] {
        let refused = run("outpost-node", &on(&folder, verb), None).await;
        assert!(!refused.status.success() && said(&refused).contains("(damaged)"), "{verb:?}: {}", said(&refused));
        assert!(said(&refused).contains("outpost-node salvage"), "the cure: {}", said(&refused));
        assert!(fs::read(&file).expect("readable") == bytes, "{verb:?} changed it");
    }

    let to = shop.spare_folder("till.outpost").to_string_lossy().into_owned();
    let salvaged = run("outpost-node", &on(&folder, &["salvage", "--to", &to, "--put-aside"]), None).await;
    assert!(salvaged.status.success(), "{}", said(&salvaged));
    let told = String::from_utf8_lossy(&salvaged.stdout).into_owned();
    assert!(told.contains("3 entries") && told.contains("could be read"), "{told}");
    let office = ["--database", shop.database.url(), "import-ops", &to];
    for (new, known) in [(3, 0), (0, 3)] {
        let taken = run("outpost-server", &office, None).await;
        let told = format!("{new} entries were taken, {known} were known already");
        assert!(taken.status.success() && said_out(&taken).contains(&told), "{}", said_out(&taken));
    }
    assert_eq!(shop.number("select count(*) from orders").await, 3);
    assert!(!file.exists(), "the folder can begin again");
    let aside = fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.path());
    let aside: Vec<PathBuf> = aside.filter(|path| path.to_string_lossy().contains("outpost.db.damaged-")).collect();
    assert!(fs::read(&aside[0]).expect("readable") == bytes, "it is kept as it was");
}

#[tokio::test]
async fn what_cannot_be_read_any_more_is_a_hole_in_head_offices_book() {
    let (shop, _, _, folder) = a_till_with_a_cart().await;
    let conn = rusqlite::Connection::open(folder.join(FILE)).expect("opens");
    // Of three sales the second is spoiled, and so is the device's own name.
    conn.execute("update journal set body = x'c0' where seq = 2", []).expect("spoiled");
    conn.execute("delete from identity", []).expect("spoiled");
    drop(conn);
    let to = shop.spare_folder("till.outpost").to_string_lossy().into_owned();
    let salvaged = run("outpost-node", &on(&folder, &["salvage", "--to", &to]), None).await;
    assert!(said_out(&salvaged).contains("cannot be read any more: 2"), "{}", said_out(&salvaged));
    let office = ["--database", shop.database.url(), "import-ops", &to];
    for told in ["2 entries were taken, 0 were known already", "0 entries were taken, 2 were known already"] {
        let taken = run("outpost-server", &office, None).await;
        assert!(taken.status.success() && said_out(&taken).contains(told), "{} {}", said_out(&taken), said(&taken));
    }
    assert_eq!(shop.number("select count(*) from orders").await, 2);
    assert_eq!(shop.number("select count(*) from holes").await, 1, "somebody is told what is missing");
    assert_eq!(shop.server.laws().await.expect("readable"), Vec::<String>::new());
}

#[tokio::test]
async fn what_head_office_has_already_is_no_hole() {
    let (shop, _, _, folder) = a_till_with_a_cart().await;
    let import = async |name: &str, told: &str| {
        let to = shop.spare_folder(name).to_string_lossy().into_owned();
        let salvaged = run("outpost-node", &on(&folder, &["salvage", "--to", &to]), None).await;
        assert!(salvaged.status.success(), "{}", said(&salvaged));
        let taken = run("outpost-server", &["--database", shop.database.url(), "import-ops", &to], None).await;
        assert!(taken.status.success() && said_out(&taken).contains(told), "{} {}", said_out(&taken), said(&taken));
    };
    import("whole.outpost", "3 entries were taken, 0 were known already").await;
    let conn = rusqlite::Connection::open(folder.join(FILE)).expect("opens");
    conn.execute("update journal set body = x'c0' where seq = 2", []).expect("spoiled");
    drop(conn);
    import("rest.outpost", "0 entries were taken, 2 were known already").await;
    assert_eq!(shop.number("select count(*) from holes").await, 0);
}

#[tokio::test]
async fn a_log_or_a_database_that_somebody_deleted_is_noticed_before_head_office_is_heard() {
    let (_shop, _, _, folder) = a_till_with_a_cart().await;
    // The power goes before the log is moved into the database.
    let nowhere = ["--server", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "serve"];
    let serving = Running::start("outpost-node", &on(&folder, &nowhere), None).await;
    let sale = serde_json::json!({
        "lines": [{ "product_id": tea(&folder), "quantity": 1 }],
        "tenders": [{ "card": { "reference": "terminal 1" } }]
    });
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{}/v1/sales", serving.url)).header("content-type", "application/json");
    assert!(request.body(sale.to_string()).send().await.expect("an answer").status().is_success());
    serving.kill().await;
    fs::remove_file(folder.join(format!("{FILE}-wal"))).expect("the sale is in the log");
    let shown = run("outpost-node", &on(&folder, &["status"]), None).await;
    assert!(shown.status.success(), "{}", said(&shown));
    let told = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(told.contains("needs attention"), "{told}");

    fs::write(folder.join(FILE), "").expect("writes");
    let refused = run("outpost-node", &on(&folder, &["status"]), None).await;
    assert!(!refused.status.success() && said(&refused).contains("(damaged)"), "{}", said(&refused));
    assert_eq!(fs::metadata(folder.join(FILE)).expect("there").len(), 0, "nothing is begun in its place");
}

/// The product that is sold here.
fn tea(folder: &Path) -> String {
    let database = rusqlite::Connection::open(folder.join(FILE)).expect("it opens");
    let id: Vec<u8> = database
        .query_row("select product_id from products where sku = 'TEA'", [], |row| row.get(0))
        .expect("it knows tea");
    uuid::Uuid::from_slice(&id).expect("an id").to_string()
}

/// A shop with one till, switched off, that has sold three and begun a cart.
async fn a_till_with_a_cart() -> (Shop, Card, CartId, PathBuf) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", 100).await;
    let long = "update products set description = 'Green Tea of the finest sort', updated_at = now()";
    shop.client().await.execute(long, &[]).await.expect("edited");
    shop.all_level().await;
    let till = &shop.tills[0];
    let cart = till.carts.begin(None).expect("begun").cart_id();
    till.carts.add(cart, tea, amount(2), None).expect("added");
    for _ in 0..3 {
        till.sell(tea, 1).expect("in the hand");
    }
    // It is switched off, so that all of it is in its folder.
    let till = shop.tills.remove(0);
    let (card, folder) = (till.card.clone(), till.folder.clone());
    drop(till);
    (shop, card, cart, folder)
}

fn said_out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn every_file(folder: &Path, harm: fn(&mut Vec<u8>)) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            every_file(&entry.path(), harm);
        } else {
            let mut bytes = fs::read(entry.path()).expect("readable");
            harm(&mut bytes);
            fs::write(entry.path(), bytes).expect("writes");
        }
    }
}

fn contains(page: &[u8], words: &[u8]) -> bool {
    page.windows(words.len()).any(|window| window == words)
}

fn on(folder: &Path, verb: &[&str]) -> Vec<String> {
    let data = ["--data".to_owned(), folder.to_string_lossy().into_owned()];
    data.into_iter().chain(verb.iter().map(|word| (*word).to_owned())).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
