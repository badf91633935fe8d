//! News from head office, and what is nobody's business.

use std::path::Path;

use outpost_node::people::NewCustomer;
use outpost_schema::catalogue::ProductEdit;
use outpost_server::publish;

use crate::support::{Rule, Shop, money};

/// A secret that must not leave head office.
const CANARY: &str = "canary-9f31c7-of-a-password-hash";

#[tokio::test]
async fn an_edit_reaches_every_till() {
    let shop = Shop::open(3).await;
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.all_level().await;
    let edit = ProductEdit {
        name: Some("Green tea".to_owned()),
        price: Some(money("2.80")),
        barcodes: Some(vec!["4006381333931".parse().expect("a barcode")]),
        ..ProductEdit::default()
    };
    publish::edit(&shop.server, tea, edit).await.expect("edited");
    shop.all_level().await;
    for till in &shop.tills {
        let found = till.node.find("4006381333931", 5).expect("readable");
        let told: Vec<_> = found.iter().map(|offer| (offer.product.name.as_str(), offer.product.price)).collect();
        assert_eq!(told, [("Green tea", Some(money("2.80")))], "{}", till.card.name);
    }
    shop.agree().await;
}

#[tokio::test]
async fn a_deleted_product_leaves_every_till() {
    let shop = Shop::open(2).await;
    let fig = shop.product("FIG", "0.60", 0).await;
    shop.all_level().await;
    assert!(shop.tills[0].node.product(fig).expect("readable").is_some());
    publish::remove(&shop.server, fig).await.expect("nobody had any");
    shop.all_level().await;
    for till in &shop.tills {
        assert!(till.node.product(fig).expect("readable").is_none());
        assert_eq!(till.sell(fig, 1).expect_err("it is gone").code(), "unknown_product");
    }
    shop.agree().await;
}

#[tokio::test]
async fn what_other_shops_sell_and_to_whom_stays_there() {
    let mut shop = Shop::open(0).await;
    let harbour = shop.add_place("Harbour").await;
    let here = shop.add_till(shop.high_street, Rule::Physical).await;
    let there = shop.add_till(harbour, Rule::Physical).await;
    let both = shop.add_till_that_hears(harbour, Rule::Physical, &[shop.high_street]).await;
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.all_level().await;
    let secret = "harbour-customer@example.com";
    let new = NewCustomer { email: Some(secret.to_owned()), ..NewCustomer::default() };
    shop.tills[there].node.add_customer(&new).expect("written down");
    shop.tills[there].sell(tea, 1).expect("sold");
    shop.tills[here].sell(tea, 1).expect("sold");
    shop.all_level().await;

    let receipts: Vec<usize> = shop.tills.iter().map(|till| till.receipts().len()).collect();
    assert_eq!((receipts[here], receipts[there], receipts[both]), (1, 1, 2));
    assert!(!mentions(&shop.tills[here].folder, secret), "another shop's customer");
    assert!(mentions(&shop.tills[both].folder, secret), "the search would find it");
    shop.agree().await;
}

#[tokio::test]
async fn a_password_hash_never_reaches_a_till() {
    let shop = Shop::open(1).await;
    let till = &shop.tills[0];
    let new = NewCustomer { email: Some("ada@example.com".to_owned()), ..NewCustomer::default() };
    till.until_level().await;
    till.node.add_customer(&new).expect("written down");
    till.until_level().await;
    let set = "update users set password_hash = $1, last_name = 'Lovelace'";
    shop.client().await.execute(set, &[&CANARY]).await.expect("head office sets passwords");
    shop.all_level().await;
    assert_eq!(till.node.customers("Ada", 5).expect("readable")[0].last_name.as_deref(), Some("Lovelace"));
    assert!(!mentions(&till.folder, CANARY));
    assert!(mentions(&till.folder, "Lovelace"), "the search would find it");
    shop.agree().await;
}

/// Whether any file of a folder holds these words, at whatever place.
fn mentions(folder: &Path, words: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return mentions(&path, words);
        }
        let bytes = std::fs::read(&path).expect("a file");
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}
