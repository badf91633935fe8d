#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use outpost_schema::world::Seeded;
use tokio_postgres::Client;

use super::*;
use crate::testing::TestDatabase;

struct Shop {
    server: Server,
    outside: Client,
    _database: TestDatabase,
}

impl Shop {
    async fn open() -> Self {
        let database = TestDatabase::create().await;
        let server = Server::open(database.config(), Arc::new(Seeded::new(3))).await.unwrap();
        Self { server, outside: database.connect().await, _database: database }
    }

    async fn add(&self, sku: &str, barcode: &str) -> Result<Product, String> {
        let barcodes = Some(barcode).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap());
        let barcodes = barcodes.into_iter().collect();
        let new = ProductNew { sku: Some(sku.to_owned()), name: sku.to_owned(), barcodes, ..ProductNew::default() };
        create(&self.server, new).await.map_err(code)
    }

    async fn edit(&self, product: &Product, change: ProductEdit) -> Result<Product, String> {
        edit(&self.server, product.product_id, change).await.map_err(code)
    }

    async fn known(&self, product_id: ProductId) -> Option<Product> {
        self.server.db.snapshot(|tx| async move { catalogue::by_id(&tx, product_id).await }).await.unwrap()
    }

    /// What the feed knows of a product: when it changed, and whether it is gone.
    async fn feed(&self, product: &Product) -> (String, bool) {
        let sql = "select changed::text, gone from feed where kind = 3 and key = uuid_send($1)";
        let row = self.outside.query_one(sql, &[&product.product_id]).await.unwrap();
        (row.get(0), row.get(1))
    }

    async fn give_stock(&self, product: &Product, balance: i64, promised: i64) {
        let sql = "with w as (insert into warehouses (warehouse_id, name, created_at)
                values (gen_random_uuid(), gen_random_uuid()::text, now()) returning warehouse_id)
            insert into stock (product_id, warehouse_id, balance, promised, updated_at)
            select $1, warehouse_id, $2, $3, now() from w";
        self.outside.execute(sql, &[&product.product_id, &balance, &promised]).await.unwrap();
    }
}

fn code(error: PublishError) -> String {
    Problem::from(error).code
}

fn money(text: &str) -> Option<Money> {
    Some(text.parse().unwrap())
}

const PEN: &str = "4006381333931";

#[tokio::test]
async fn a_product_is_made_edited_and_told() {
    let shop = Shop::open().await;
    let pen = shop.add("PEN", PEN).await.unwrap();
    assert_eq!(shop.known(pen.product_id).await.as_ref(), Some(&pen));
    let before = shop.feed(&pen).await;
    let barcodes = Some(vec!["96385074".parse().unwrap()]);
    let edited = shop.edit(&pen, ProductEdit { price: money("1.20"), barcodes, ..ProductEdit::default() }).await;
    assert_eq!(shop.known(pen.product_id).await, edited.ok());
    assert_ne!(shop.feed(&pen).await, before);
}

#[tokio::test]
async fn an_edit_that_says_nothing_new_is_not_told() {
    let shop = Shop::open().await;
    let pen = shop.add("PEN", PEN).await.unwrap();
    let before = shop.feed(&pen).await;
    let same = ProductEdit { name: Some("PEN".to_owned()), ..ProductEdit::default() };
    assert_eq!(shop.edit(&pen, same).await.as_ref(), Ok(&pen));
    assert_eq!(reprice(&shop.server, &[(pen.product_id, None)]).await.unwrap(), 0);
    assert_eq!(shop.feed(&pen).await, before);
}

#[tokio::test]
async fn a_sku_or_barcode_of_another_product_is_refused_with_that_product() {
    let shop = Shop::open().await;
    let pen = shop.add("PEN", PEN).await.unwrap();
    let ink = shop.add("INK", "").await.unwrap();
    assert_eq!(shop.add("PEN", "").await, Err("sku_taken".to_owned()));
    assert_eq!(shop.add("PENCIL", PEN).await, Err("barcode_taken".to_owned()));
    let sku = ProductEdit { sku: Some("PEN".to_owned()), ..ProductEdit::default() };
    assert_eq!(shop.edit(&ink, sku).await, Err("sku_taken".to_owned()));
    let barcodes = Some(pen.barcodes.clone());
    let refused = edit(&shop.server, ink.product_id, ProductEdit { barcodes, ..ProductEdit::default() }).await;
    assert!(refused.unwrap_err().to_string().contains(&pen.product_id.to_string()));
    assert_eq!(shop.known(ink.product_id).await, Some(ink));
}

#[tokio::test]
async fn faults_and_strangers_are_refused_by_their_codes() {
    let shop = Shop::open().await;
    let pen = shop.add("PEN", PEN).await.unwrap();
    let blank = ProductEdit { name: Some(" ".to_owned()), ..ProductEdit::default() };
    assert_eq!(shop.edit(&pen, blank).await, Err("empty".to_owned()));
    let nowhere = CategoryId(pen.product_id.0);
    let lost = ProductEdit { category_id: Some(nowhere), ..ProductEdit::default() };
    assert_eq!(shop.edit(&pen, lost).await, Err("not_found".to_owned()));
    let ghost = ProductId(uuid::Uuid::from_u128(1));
    assert_eq!(edit(&shop.server, ghost, ProductEdit::default()).await.map_err(code), Err("not_found".to_owned()));
    assert_eq!(remove(&shop.server, ghost).await.map_err(code), Err("not_found".to_owned()));
}

#[tokio::test]
async fn prices_change_together_or_not_at_all() {
    let shop = Shop::open().await;
    let (pen, ink) = (shop.add("PEN", PEN).await.unwrap(), shop.add("INK", "").await.unwrap());
    let ghost = ProductId(uuid::Uuid::from_u128(1));
    let both = [(pen.product_id, money("1")), (ink.product_id, money("2"))];
    assert_eq!(reprice(&shop.server, &both).await.unwrap(), 2);
    for wrong in [(ghost, money("3")), (ink.product_id, money("-3"))] {
        let error = reprice(&shop.server, &[(pen.product_id, money("9")), wrong]).await.unwrap_err();
        assert!(["not_found", "negative_price"].contains(&code(error).as_str()));
    }
    assert_eq!(shop.known(pen.product_id).await.unwrap().price, money("1"));
}

#[tokio::test]
async fn what_nobody_needs_goes_and_leaves_a_tombstone() {
    let shop = Shop::open().await;
    let pen = shop.add("PEN", PEN).await.unwrap();
    remove(&shop.server, pen.product_id).await.unwrap();
    assert_eq!(shop.known(pen.product_id).await, None);
    assert!(shop.feed(&pen).await.1, "the nodes are told that it is gone");
    shop.add("PEN", PEN).await.unwrap();
}

#[tokio::test]
async fn what_is_in_stock_or_promised_or_was_once_stays() {
    let shop = Shop::open().await;
    let cases = [("A", 7, 0, "7 units"), ("B", 0, 2, "2 units of it are promised"), ("C", 0, 0, "stock book")];
    for (sku, balance, promised, why) in cases {
        let pen = shop.add(sku, "").await.unwrap();
        shop.give_stock(&pen, balance, promised).await;
        let error = remove(&shop.server, pen.product_id).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(code(error), "product_in_use");
        assert!(shop.known(pen.product_id).await.is_some());
    }
}

#[tokio::test]
async fn two_edits_at_once_take_turns() {
    let shop = Shop::open().await;
    let (one, other) = tokio::join!(shop.add("PEN", ""), shop.add("PEN", ""));
    assert!([&one, &other].iter().any(|made| made.is_ok()));
    assert!([one, other].contains(&Err("sku_taken".to_owned())));
}

#[tokio::test]
async fn a_category_has_one_name_in_its_place() {
    let shop = Shop::open().await;
    let food = add_category(&shop.server, "Food", None).await.unwrap();
    add_category(&shop.server, "Food", Some(food.category_id)).await.unwrap();
    assert_eq!(add_category(&shop.server, "Food", None).await.map_err(code), Err("category_taken".to_owned()));
    let ghost = Some(CategoryId(uuid::Uuid::from_u128(1)));
    assert_eq!(add_category(&shop.server, "X", ghost).await.map_err(code), Err("not_found".to_owned()));
}
