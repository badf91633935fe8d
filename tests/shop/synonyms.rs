//! Synonyms from head office to the till: entered by hand, from a file or by a program, heard with the next news, found
//! with no line, and no longer once they are taken out. A till of an older version goes on without them.

use std::fs;

use outpost_schema::synonym::Group;
use outpost_server::synonyms;
use outpost_sync::wire::PROTOCOL;
use serde_json::json;

use crate::support::{
    Rule, Shop,
    device::{Device, Office},
};

/// Where nobody is.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A shop whose one till knows what these are called.
async fn shop_with(goods: &[(&str, &str)]) -> Shop {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    for (sku, name) in goods {
        shop.product(sku, "1.20", 10).await;
        let sql = "update products set name = $2, updated_at = now() where sku = $1";
        shop.client().await.execute(sql, &[sku, name]).await.expect("renamed");
    }
    shop.all_level().await;
    shop
}

#[tokio::test]
async fn what_head_office_says_means_the_same_is_found_at_the_till_until_it_is_taken_out() {
    let mut shop = shop_with(&[("A1", "Grape pop"), ("A2", "Soda, plain"), ("A3", "Canvas sneakers")]).await;
    let folder = shop.tills.remove(0).folder.clone();
    let office = Office::open(&shop).await;
    let till = Device { folder: folder.clone(), server: office.url() };
    let offline = Device { folder, server: NOWHERE };

    assert!(office.does("synonyms add soft~drink soda Pop").await.contains("1 added"));
    assert!(office.does("synonyms add pop soda soft~drink").await.contains("nothing changed"));
    assert!(office.does("synonyms list").await.contains("soft drink, soda, pop"));
    let found = offline.does("search soda").await;
    assert!(found.contains("Soda, plain") && !found.contains("Grape pop"), "nobody told it yet: {found}");
    till.does("round").await;
    let found = offline.does("search soda").await;
    let places = (found.find("Soda, plain").expect("the word itself"), found.find("Grape pop").expect("what it means"));
    assert!(places.0 < places.1 && found.contains("2 found:"), "{found}");
    assert!(offline.does("search soft~drinks").await.contains("2 found:"));

    let body = json!([{ "phrases": ["trainers"], "also": ["sneakers"] }]);
    assert_eq!(office.takes("/v1/synonyms", &body).await, (200, json!({ "added": 1, "removed": 0 })));
    let all = office.shows("/v1/synonyms").await;
    assert_eq!(all[1]["group"], body[0]);
    till.does("round").await;
    assert!(offline.does("search trainers").await.contains("Canvas sneakers"));

    office.does("synonyms remove soda").await;
    till.does("round").await;
    let found = offline.does("search soda").await;
    assert!(found.contains("Soda, plain") && !found.contains("Grape pop"), "{found}");
    assert!(office.does("check").await.contains("all is well"));
    office.closes().await;
}

#[tokio::test]
async fn a_file_of_synonyms_counts_whole_or_not_at_all_and_says_what_is_wrong() {
    let shop = shop_with(&[]).await;
    let office = Office::open(&shop).await;
    let file = shop.spare_folder("head office's file").with_extension("txt");
    let name = file.to_str().expect("a path in text").replace(' ', "~");
    fs::write(&file, "# What customers say\n\nsoft drink, soda\ntrainers => sneakers\n").expect("written");
    assert!(office.does(&format!("synonyms import {name}")).await.contains("2 added"));
    fs::write(&file, "couch, sofa\n7up, soda\n").expect("written");
    office.refuses(&format!("synonyms import {name} --replace"), "bad_row").await;
    assert!(!office.does("synonyms list").await.contains("sofa"));
    fs::write(&file, "couch, sofa\nsoda, soft drink\n").expect("written");
    assert!(office.does(&format!("synonyms import {name} --replace")).await.contains("1 added, 1 taken out"));

    office.refuses("synonyms import /nowhere", "no_file").await;
    office.refuses("synonyms add soda", "not_synonyms").await;
    office.refuses("synonyms add soda SODA", "synonym_twice").await;
    office.refuses("synonyms remove lemonade", "not_found").await;
    office.does("synonyms add soda fizz").await;
    office.refuses("synonyms remove soda", "several_found").await;
    for (phrases, status, code) in [
        (json!(["7up", "soda"]), 422, "synonym_with_digits"),
        (json!(["soda", "x".repeat(61)]), 422, "too_long"),
        (json!(["soda", "***"]), 422, "empty"),
        (json!("soda"), 422, "unreadable_body"),
    ] {
        let (answered, problem) = office.takes("/v1/synonyms", &json!([{ "phrases": phrases }])).await;
        assert_eq!((answered, &problem["code"]), (status, &json!(code)), "{problem}");
    }
    office.closes().await;
}

#[tokio::test]
async fn a_till_of_version_4_is_told_of_no_synonyms_and_of_all_once_it_is_updated() {
    let shop = shop_with(&[("A1", "Grape pop")]).await;
    let till = &shop.tills[0];
    till.line.speak(4);
    till.until_level().await;
    let groups = ["soda, pop"].map(|line| line.parse::<Group>().expect("a group"));
    synonyms::add(&shop.server, &groups).await.expect("entered");
    till.until_level().await;
    let kept = || {
        let conn = rusqlite::Connection::open(till.folder.join(outpost_node::db::FILE)).expect("its file opens");
        conn.query_row("select count(*) from synonyms", [], |row| row.get::<_, i64>(0)).expect("counted")
    };
    assert_eq!(kept(), 0, "it has no word for them");
    till.line.speak(PROTOCOL);
    till.until_level().await;
    assert_eq!(kept(), 1);
    shop.agree().await;
}
