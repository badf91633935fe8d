use super::*;

use std::{fs, fs::File, os::unix::fs::FileExt as _, path::PathBuf};

use outpost_schema::{
    catalogue::Product,
    clock::Timestamp,
    device::{Card, NodeKind},
    feed::{Aggregate, Granted, Stock},
    id::{EpochId, IncarnationId, NodeId},
    journal::Mark,
    quantity::Unit,
    stock::SalePolicy,
    world::Seeded,
};
use outpost_sync::{
    round::Local as _,
    wire::{Acked, Page},
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const TEA: ProductId = ProductId(Uuid::from_u128(0x7ea));
pub(crate) const CHEESE: ProductId = ProductId(Uuid::from_u128(0xc4ee5e));
/// It has no price: the till asks.
pub(crate) const RUG: ProductId = ProductId(Uuid::from_u128(0x4c6));
pub(crate) const SHOP: WarehouseId = WarehouseId(Uuid::from_u128(0x5409));
pub(crate) const LIFE: IncarnationId = IncarnationId(Uuid::from_u128(0x11fe));

/// A till that has joined and heard of three products, ten of each there and `granted` of each its own.
pub(crate) fn till(folder: &Path, granted: i64) -> Arc<Node> {
    let node = Arc::new(Node::open(folder, Arc::new(Seeded::new(7))).expect("an open node"));
    if node.identity().expect("readable").is_none() {
        node.join(&card()).expect("joined");
        hear(&node, &news(granted));
    }
    node
}

pub(crate) fn card() -> Card {
    Card {
        node_id: NodeId(Uuid::from_u128(0x0de)),
        incarnation_id: LIFE,
        name: "Kiosk 1".to_owned(),
        kind: NodeKind::Kiosk,
        warehouse_id: SHOP,
        is_home: false,
        policy: SalePolicy::Strict,
        prefix: "K1".to_owned(),
        currency: "EUR".parse().expect("a currency"),
        server: "http://127.0.0.1:7070".to_owned(),
    }
}

/// Applies a level page with these aggregates.
pub(crate) fn hear(node: &Node, aggregates: &[Aggregate]) {
    let asked = node.cursor().expect("readable");
    let page = page(aggregates, asked.as_deref().unwrap_or(""));
    node.apply(asked.as_deref(), &page).expect("applied");
}

pub(crate) fn page(aggregates: &[Aggregate], after: &str) -> Page {
    Page {
        epoch: EpochId(Uuid::from_u128(0xe)),
        cursor: format!("{after}+"),
        level: true,
        seen: "1:1:".to_owned(),
        aggregates: aggregates.to_vec(),
        acked: vec![Acked { incarnation_id: LIFE, mark: Mark::START, set_aside: vec![], archived: 0, over: false }],
        server_time: Timestamp::from_micros(1_770_000_000_000_000),
        protocol: outpost_sync::wire::PROTOCOL,
        recovering: false,
        others: vec![],
    }
}

pub(crate) fn news(granted: i64) -> Vec<Aggregate> {
    let (product, each) = (|id, name: &str, price: Option<&str>, unit| product(id, name, price, unit), Unit::Each);
    let products = [
        product(TEA, "Earl Grey tea", Some("2.50"), each),
        product(CHEESE, "Mountain cheese", Some("19.90"), Unit::Gram),
        product(RUG, "Old rug", None, each),
    ];
    let told = |product: &Product| {
        let (product_id, warehouse_id) = (product.product_id, SHOP);
        let (balance, promised) = (10_000, granted);
        let stock = Stock { product_id, warehouse_id, balance, promised, updated_at: product.updated_at };
        let grant =
            Granted { incarnation_id: LIFE, product_id, warehouse_id, granted, reclaimed: 0, full: 0, keep: None };
        [Aggregate::Product(Box::new(product.clone())), Aggregate::Stock(stock), Aggregate::Allotment(grant)]
    };
    products.iter().flat_map(told).collect()
}

pub(crate) fn product(product_id: ProductId, name: &str, price: Option<&str>, unit: Unit) -> Product {
    let at = Timestamp::from_micros(1_769_000_000_000_000);
    Product {
        product_id,
        sku: Some(name.split(' ').next_back().unwrap_or(name).to_uppercase()),
        name: name.to_owned(),
        description: None,
        price: price.map(|price| price.parse().expect("money")),
        unit,
        price_per: unit.price_per(),
        category_id: None,
        seller_id: None,
        image_urls: vec![],
        attributes: serde_json::Map::new(),
        barcodes: if product_id == TEA { vec!["4006381333931".parse().expect("a barcode")] } else { vec![] },
        created_at: at,
        updated_at: at,
    }
}

pub(crate) fn amount(units: i64) -> Amount {
    Amount::new(units).expect("an amount")
}

fn shop() -> (TempDir, Carts) {
    let folder = tempfile::tempdir().expect("a folder");
    let carts = open(&folder).expect("open carts");
    (folder, carts)
}

fn open(folder: &TempDir) -> Result<Carts, Error> {
    Carts::open(till(folder.path(), 100), folder.path())
}

/// Two carts: one with tea and cheese, one parked with tea.
fn fill(carts: &Carts) -> Vec<Cart> {
    let first = carts.begin(None).expect("begun").cart_id();
    carts.add(first, TEA, amount(2), None).expect("added");
    carts.add(first, CHEESE, amount(250), None).expect("added");
    let second = carts.begin(None).expect("begun").cart_id();
    carts.add(second, TEA, amount(1), None).expect("added");
    carts.park(second, "red hat").expect("parked");
    carts.list().expect("listed")
}

fn damaged_folders(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("readable").path());
    entries.filter(|path| path.to_string_lossy().contains(".damaged-")).collect()
}

#[test]
fn a_cart_is_changed_shown_parked_and_handed_over() {
    let (_folder, carts) = shop();
    let cart = carts.begin(None).expect("begun");
    let cart_id = cart.cart_id();
    assert!(carts.list().expect("listed").is_empty(), "an empty cart is not listed");
    carts.add(cart_id, TEA, amount(5), None).expect("added");
    carts.take(cart_id, TEA, amount(1)).expect("taken");
    carts.set(cart_id, CHEESE, 250, None).expect("set");
    carts.add(cart_id, RUG, amount(1), Some("80".parse().expect("money"))).expect("added");
    let shown = carts.show(&carts.get(cart_id).expect("known")).expect("shown");
    assert_eq!(shown.total.to_string(), "94.98", "4 x 2.50 + 0.25 kg x 19.90 + 80");
    assert_eq!(shown.lines.len(), 3);

    carts.park(cart_id, "red hat").expect("parked");
    let customer = UserId(Uuid::from_u128(5));
    carts.hand_over(cart_id, Some(customer), None).expect("handed over");
    let parked = carts.show(&carts.get(cart_id).expect("known")).expect("shown");
    assert!(parked.is_parked && parked.label == "red hat" && parked.owner == customer);
    assert!(!carts.resume(cart_id).expect("resumed").is_parked());
    carts.remove(cart_id, RUG).expect("removed");
    assert_eq!(carts.get(cart_id).expect("known").lines().len(), 2);
    carts.clear(cart_id).expect("cleared");
    assert!(carts.list().expect("listed").is_empty());
    assert!(carts.get(cart_id).expect("it lives on").is_empty());
}

#[test]
fn the_price_shown_stays_and_a_change_is_told() {
    let (_folder, carts) = shop();
    let cart_id = carts.begin(None).expect("begun").cart_id();
    carts.add(cart_id, TEA, amount(2), None).expect("added");
    let dearer = product(TEA, "Earl Grey tea", Some("3.00"), Unit::Each);
    hear(&carts.node, &[Aggregate::Product(Box::new(dearer))]);
    let line = carts.show(&carts.get(cart_id).expect("known")).expect("shown").lines.remove(0);
    let money = |text: &str| Some(text.parse().expect("money"));
    assert_eq!((line.unit_price, line.price_now), (money("2.50"), money("3.00")));
    assert!(line.price_changed);
    assert_eq!(line.line_total, money("5.00"));
}

#[test]
fn what_is_not_known_is_refused() {
    let (_folder, carts) = shop();
    let cart_id = carts.begin(None).expect("begun").cart_id();
    let code = |result: Result<Cart, Error>| result.expect_err("refused").code();
    let nobody = CartId(Uuid::from_u128(1));
    assert_eq!(code(carts.add(nobody, TEA, amount(1), None)), "unknown_cart");
    assert_eq!(code(carts.add(cart_id, ProductId(Uuid::from_u128(1)), amount(1), None)), "unknown_product");
    assert_eq!(code(carts.get(nobody)), "unknown_cart");
    assert_eq!(code(carts.park(cart_id, "a\0b")), "nul_character");
    assert_eq!(code(carts.set(cart_id, TEA, -1, None)), "amount_out_of_range");
}

#[test]
fn a_cart_that_the_feed_merges_is_seen_at_once() {
    let (_folder, carts) = shop();
    let mut there = carts.begin(None).expect("begun");
    carts.add(there.cart_id(), TEA, amount(1), None).expect("added");
    let colleague = IncarnationId(Uuid::from_u128(9));
    there.add(colleague, TEA, amount(2), None, Timestamp::from_micros(5)).expect("added");
    hear(&carts.node, &[Aggregate::Cart(Box::new(there.clone()))]);
    assert_eq!(carts.fast.get(there.cart_id()).expect("in the copy").quantity(TEA), 3, "both adds count");
    assert_eq!(carts.list().expect("listed")[0].quantity(TEA), 3);
}

#[test]
fn losing_the_fast_copy_loses_nothing() {
    let (folder, carts) = shop();
    let before = fill(&carts);
    drop(carts);
    fs::remove_dir_all(folder.path().join(FOLDER)).expect("gone");
    let carts = open(&folder).expect("opened");
    assert_eq!(carts.list().expect("listed"), before);
    assert_eq!(carts.fast.all().expect("a copy").len(), 2, "it is made anew");
}

#[test]
fn a_copy_that_missed_a_change_is_set_right() {
    let (folder, carts) = shop();
    fill(&carts);
    let cart_id = carts.list().expect("listed")[0].cart_id();
    carts.fast.renew(cart_id, || Ok(None));
    drop(carts);
    let carts = open(&folder).expect("opened");
    assert_eq!(carts.fast.all().expect("a copy").len(), 2);
    assert!(damaged_folders(&folder).is_empty());
}

#[test]
fn a_damaged_copy_is_put_aside_and_made_anew() {
    let (folder, carts) = shop();
    let before = fill(&carts);
    drop(carts);
    fs::write(folder.path().join(FOLDER).join("conf"), b"not a configuration of sled").expect("written");
    let carts = open(&folder).expect("opened");
    assert_eq!(carts.list().expect("listed"), before);
    assert_eq!(carts.fast.all().expect("a copy").len(), 2);
    assert_eq!(damaged_folders(&folder).len(), 1);
}

#[test]
fn a_torn_copy_loses_nothing() {
    for cut in [0, 1, 100, 4_000] {
        let (folder, carts) = shop();
        let before = fill(&carts);
        drop(carts);
        let log = File::options().write(true).open(folder.path().join(FOLDER).join("db")).expect("sled's log");
        log.set_len(cut).expect("cut");
        assert_eq!(open(&folder).expect("opened").list().expect("listed"), before, "cut at {cut}");

        let carts = open(&folder).expect("opened");
        drop(carts);
        let log = File::options().write(true).open(folder.path().join(FOLDER).join("db")).expect("sled's log");
        log.write_all_at(&[0xa5; 64], cut).expect("scribbled");
        assert_eq!(open(&folder).expect("opened").list().expect("listed"), before, "scribbled at {cut}");
    }
}

#[test]
fn a_file_in_its_place_is_put_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(FOLDER), b"a file").expect("written");
    let carts = open(&folder).expect("opened");
    assert_eq!(fill(&carts).len(), 2);
    assert_eq!(damaged_folders(&folder).len(), 1);
}

#[test]
fn a_copy_that_another_process_keeps_is_told() {
    let (folder, carts) = shop();
    let open = |waits: &[u64]| Fast::open(folder.path(), &[], Timestamp::from_micros(0), waits);
    assert_eq!(open(&[0, 0]).expect_err("kept").code(), "locked");
    let going = std::thread::spawn(move || drop(carts));
    assert!(open(&LOCK_WAITS_MS).is_ok(), "it is waited for until it is free");
    going.join().expect("gone");
    assert!(damaged_folders(&folder).is_empty(), "a lock is no damage");
}
