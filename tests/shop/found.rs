//! What a till finds, whatever becomes of its index: an index is derived, so it is made anew, or says what is wrong
//! while the database answers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use outpost_node::{db, search::FOLDER};
use outpost_schema::device::Card;

use crate::support::{Rule, Shop, copy_folder, process::run};

/// What is done to the files of an index.
type Harm = fn(&Path);

/// What a till prints when somebody searches.
async fn found(folder: &Path, text: &str) -> String {
    let data = folder.to_string_lossy().into_owned();
    let searched = run("outpost-node", &["--data", &data, "search", text].map(str::to_owned), None).await;
    assert!(searched.status.success(), "{}", String::from_utf8_lossy(&searched.stderr));
    String::from_utf8_lossy(&searched.stdout).into_owned()
}

/// A shop with one till, switched off, that knows green tea and has searched for it.
async fn a_till_that_searched() -> (Shop, Card, PathBuf) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    shop.product("TEA", "2.50", 100).await;
    rename(&shop, "TEA", "Green Tea").await;
    shop.all_level().await;
    let till = shop.tills.remove(0);
    let (card, folder) = (till.card.clone(), till.folder.clone());
    drop(till);
    assert!(found(&folder, "tea grene").await.contains("Did you mean: tea green?"), "words are found, mistyped too");
    assert!(folder.join(FOLDER).join("meta.json").is_file(), "there is an index");
    (shop, card, folder)
}

async fn rename(shop: &Shop, sku: &str, name: &str) {
    let sql = "update products set name = $2, updated_at = now() where sku = $1";
    shop.client().await.execute(sql, &[&sku, &name]).await.expect("edited");
}

fn every_file(folder: &Path, harm: impl Fn(&Path)) {
    fs::read_dir(folder).expect("a folder").flatten().for_each(|entry| harm(&entry.path()));
}

#[tokio::test]
async fn an_index_that_is_deleted_or_damaged_is_made_anew() {
    let (_shop, _, folder) = a_till_that_searched().await;
    let harms: [(&str, Harm); 5] = [
        ("deleted", |index| fs::remove_dir_all(index).expect("it is there")),
        ("one file deleted", |index| fs::remove_file(index.join("meta.json")).expect("it is there")),
        ("garbled", |index| every_file(index, |file| fs::write(file, "no index").expect("written"))),
        ("cut short", |index| {
            every_file(index, |file| {
                let bytes = fs::read(file).expect("readable");
                fs::write(file, &bytes[..bytes.len() / 2]).expect("written");
            });
        }),
        ("of another program", |index| fs::write(index.join("meta.json"), "{}").expect("written")),
    ];
    for (what, harm) in harms {
        harm(&folder.join(FOLDER));
        let told = found(&folder, "tea grene").await;
        assert!(told.contains("1 found:") && told.contains("Green Tea"), "{what}: {told}");
        assert!(!told.contains("damaged"), "{what}: it was mended before it answered: {told}");
    }
}

#[tokio::test]
async fn an_index_that_is_further_than_the_database_is_made_anew() {
    let (shop, card, folder) = a_till_that_searched().await;
    // Somebody copies the till's folder in the morning, all but what is derived.
    let copy = shop.spare_folder("the morning's copy");
    copy_folder(&folder, &copy);
    fs::remove_dir_all(copy.join(FOLDER)).expect("it is there");
    let till = shop.start(card, folder.clone(), 12);
    shop.product("JAM", "4.00", 10).await;
    rename(&shop, "JAM", "Plum Jam").await;
    rename(&shop, "TEA", "Black Tea").await;
    till.until_level().await;
    drop(till);
    assert!(found(&folder, "plumm jam").await.contains("Plum Jam"), "the index is further than the copy");

    // It is put back beneath the index, which nobody thinks of.
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(folder.join(format!("{}{suffix}", db::FILE))));
    }
    fs::copy(copy.join(db::FILE), folder.join(db::FILE)).expect("put back");
    let told = found(&folder, "plumm jam").await;
    assert!(!told.contains("Plum Jam"), "the database does not know it: {told}");
    let told = found(&folder, "grene").await;
    assert!(told.contains("1 found:") && told.contains("Green Tea"), "{told}");
}
