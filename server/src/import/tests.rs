#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{fs, io::Cursor, path::Path, sync::Arc};

use outpost_schema::{catalogue::Product, quantity::Unit, world::Seeded};
use tokio_postgres::Client;

use super::*;
use crate::{db::catalogue, server::Server, testing::TestDatabase};

/// A network of its own, and a connection that looks on from outside.
pub(super) struct Shop {
    pub(super) server: Server,
    pub(super) outside: Client,
    _database: TestDatabase,
}

impl Shop {
    pub(super) async fn open() -> Self {
        let database = TestDatabase::create().await;
        let currency = "USD".parse().ok();
        let server = Server::open_with(database.config(), Arc::new(Seeded::new(7)), currency).await.unwrap();
        Self { server, outside: database.connect().await, _database: database }
    }

    async fn take(&self, text: &str, options: Options) -> Report {
        products(&self.server, source(text), options, |_| {}).await.unwrap()
    }

    async fn import(&self, text: &str) -> Report {
        self.take(text, Options::default()).await
    }

    async fn product(&self, word: &'static str) -> Option<Product> {
        self.server.db.snapshot(|tx| async move { catalogue::by_word(&tx, word).await }).await.unwrap()
    }

    /// Everything that an import may write, as one value.
    async fn book(&self) -> String {
        let sql = "select
            (select coalesce(json_agg(p order by p.sku), '[]') from (select sku, name, price, unit, updated_at from products) p)::text
            || (select coalesce(json_agg(b order by b.barcode), '[]') from (select barcode from barcodes) b)::text
            || (select coalesce(json_agg(c order by c.name), '[]') from (select name from categories) c)::text
            || (select coalesce(json_agg(m order by m.line), '[]') from (select delta, line from stock_movements) m)::text
            || (select coalesce(json_agg(s order by s.product_id), '[]') from (select product_id, balance from stock) s)::text
            || (select coalesce(json_agg(f order by f.key), '[]') from (select key, changed::text from feed) f)::text";
        self.outside.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn add_warehouse(&self, name: &str) {
        let sql = "insert into warehouses (warehouse_id, name, created_at) values (gen_random_uuid(), $1, now())";
        self.outside.execute(sql, &[&name]).await.unwrap();
    }

    async fn stock(&self, text: &str) -> Report {
        stock(&self.server, source(text), "Shop", Options::default(), |_| {}).await.unwrap()
    }
}

fn source(text: &str) -> Source {
    Source::new(Cursor::new(text.to_owned())).unwrap()
}

fn counts(report: &Report) -> [u64; 4] {
    [report.new, report.changed, report.unchanged, report.rejected]
}

const TWO: &str = "sku,barcode,name,brand,category_path,price,currency,shelf\n\
    TEA,4006381333931,Tea,Ada,FOOD > HOT DRINKS,2.50,USD,7\n\
    JAM,,Jam,,FOOD,,,8\n";

#[tokio::test]
async fn a_catalogue_goes_in_with_its_tree() {
    let shop = Shop::open().await;
    let report = shop.import(TWO).await;
    assert_eq!((counts(&report), report.without_price, report.categories), ([2, 0, 0, 0], 1, 2));
    assert_eq!(report.ignored_columns, ["shelf"]);
    let tea = shop.product("TEA").await.unwrap();
    assert_eq!(shop.product("4006381333931").await.as_ref(), Some(&tea));
    assert_eq!((tea.price, tea.unit), ("2.50".parse().ok(), Unit::Each));
    assert_eq!(tea.attributes.get("brand").unwrap(), "Ada");
    let tree = shop.server.db.snapshot(|tx| async move { catalogue::categories(&tx).await }).await.unwrap();
    let hot = tree.iter().find(|one| Some(one.category_id) == tea.category_id).unwrap();
    let food = tree.iter().find(|one| Some(one.category_id) == hot.parent_id).unwrap();
    assert_eq!((hot.name.as_str(), food.name.as_str(), food.parent_id), ("HOT DRINKS", "FOOD", None));
    assert_eq!(shop.product("JAM").await.unwrap().category_id, Some(food.category_id));
}

#[tokio::test]
async fn a_repeat_touches_nothing_and_a_change_touches_one() {
    let shop = Shop::open().await;
    shop.import(TWO).await;
    let before = shop.book().await;
    assert_eq!(counts(&shop.import(TWO).await), [0, 0, 2, 0]);
    assert_eq!(shop.book().await, before, "not even the feed moved");
    let dearer = shop.import(&TWO.replace("2.50", "2.75")).await;
    assert_eq!(counts(&dearer), [0, 1, 1, 0]);
    assert_eq!(shop.product("TEA").await.unwrap().price, "2.75".parse().ok());
}

#[tokio::test]
async fn what_a_file_leaves_empty_stays_as_it_is() {
    let shop = Shop::open().await;
    shop.import(TWO).await;
    let before = shop.product("TEA").await.unwrap();
    assert_eq!(counts(&shop.import("sku,name,price\nTEA,Tea,\n").await), [0, 0, 1, 0]);
    assert_eq!(shop.product("TEA").await.unwrap(), before);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_tells_what_would_happen() {
    let shop = Shop::open().await;
    shop.import("sku,name\nJAM,Jam without name\n").await;
    let before = shop.book().await;
    let file = format!("{TWO}BAD,123,Bad,,,,,\n");
    let told = shop.take(&file, Options { is_dry_run: true, in_store_barcodes: true, ..Options::default() }).await;
    assert_eq!(shop.book().await, before);
    let done = shop.take(&file, Options { in_store_barcodes: true, ..Options::default() }).await;
    assert_eq!(counts(&done), [1, 1, 0, 1]);
    assert_eq!(told, Report { is_dry_run: true, ..done });
}

#[tokio::test]
async fn bad_rows_are_told_by_line_and_the_good_ones_go_in() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().unwrap();
    let rejects = folder.path().join("rejects.csv");
    let file = "\u{feff}SKU;Barcode;Name;Price;Currency\n\
        A;4006381333931;Good;1;USD\n\
        A;;Again;1;USD\n\
        B;4006381333931;Other;1;USD\n\
        C;;\"Two\nlines\";1;EUR\n\
        D;4006381333932;Digit;1;\n\
        E;;Dear;1,50;USD\n\
        F;;Good too;;\n\
        G;;short\n";
    let writer: Box<dyn std::io::Write + Send> = Box::new(fs::File::create(&rejects).unwrap());
    let report = shop.take(file, Options { rejects: Some(writer), ..Options::default() }).await;
    assert_eq!(counts(&report), [2, 0, 0, 6]);
    let told: Vec<_> = report.first_rejects.iter().map(|reject| (reject.line, reject.code)).collect();
    let expected = [
        (3, "repeated"),
        (4, "barcode_taken"),
        (5, "other_currency"),
        (7, "wrong_check_digit"),
        (8, "not_money"),
        (10, "wrong_width"),
    ];
    assert_eq!(told, expected);
    assert!(report.first_rejects[1].reason.contains("belongs to A"), "{:?}", report.first_rejects[1]);
    let mended = fs::read_to_string(&rejects).unwrap().replace("EUR", "USD");
    assert!(mended.contains("C,,\"Two\nlines\",1,USD,5,other_currency,"), "{mended}");
    let again = shop.import(&mended).await;
    assert_eq!((again.new, again.ignored_columns.len()), (1, 0), "a mended rejects file is a good file");
}

#[tokio::test]
async fn a_barcode_of_another_product_is_refused_by_that_product() {
    let shop = Shop::open().await;
    shop.import(TWO).await;
    let report = shop.import("sku,barcode,name\nCOFFEE,4006381333931,Coffee\n").await;
    assert_eq!(report.first_rejects[0].code, "barcode_taken");
    assert!(report.first_rejects[0].reason.contains("belongs to TEA"));
    assert_eq!(shop.product("COFFEE").await, None);
}

#[tokio::test]
async fn products_without_a_sku_are_known_by_their_barcode() {
    let shop = Shop::open().await;
    let file = "barcode,name\n4006381333931,Pen\n4006381333931,Pen again\n";
    let first = shop.import(file).await;
    assert_eq!((counts(&first), first.first_rejects[0].code), ([1, 0, 0, 1], "repeated"));
    assert_eq!(counts(&shop.import(file).await), [0, 0, 1, 1]);
}

#[tokio::test]
async fn in_store_barcodes_are_made_where_a_sku_can_carry_one() {
    let shop = Shop::open().await;
    let file = "sku,barcode,name\n25671,,Ice\n025671,,Ice again\nTEA,,Tea\n7,4006381333931,Pen\n";
    let report = shop.take(file, Options { in_store_barcodes: true, ..Options::default() }).await;
    assert_eq!((report.new, report.barcodes_made, report.barcodes_not_made), (4, 1, 2));
    assert_eq!(shop.product("2000000256719").await.unwrap().name, "Ice");
    assert_eq!(shop.product("7").await.unwrap().barcodes.len(), 1);
    let again = shop.take(file, Options { in_store_barcodes: true, ..Options::default() }).await;
    assert_eq!((again.unchanged, again.barcodes_made), (4, 0));
}

#[tokio::test]
async fn a_unit_is_not_changed_under_a_stock_that_is_counted_in_it() {
    let shop = Shop::open().await;
    shop.import("sku,name,unit,price\nCHEESE,Cheese,gram,12.00\n").await;
    let cheese = shop.product("CHEESE").await.unwrap();
    assert_eq!((cheese.unit, cheese.price_per), (Unit::Gram, 1000));
    let report = shop.import("sku,name,unit\nCHEESE,Cheese,each\n").await;
    assert_eq!(report.first_rejects[0].code, "other_unit");
}

#[tokio::test]
async fn a_damaged_file_leaves_nothing() {
    let shop = Shop::open().await;
    let before = shop.book().await;
    let many: String = (0..20_000).map(|n| format!("{n},Product {n}\n")).collect();
    let whole = zstd::encode_all(format!("sku,name\n{many}").as_bytes(), 1).unwrap();
    let cut = Source::new(Cursor::new(whole[..whole.len() - 100].to_vec())).unwrap();
    let mut chunks = 0;
    let error = products(&shop.server, cut, Options::default(), |_| chunks += 1).await.unwrap_err();
    assert_eq!(error.code(), "file_damaged");
    assert!(chunks > 0, "some of it had been taken");
    assert_eq!(shop.book().await, before);
}

#[tokio::test]
async fn an_import_that_goes_away_midway_leaves_nothing() {
    let shop = Shop::open().await;
    let before = shop.book().await;
    let many: String = (0..30_000).map(|n| format!("{n},Product {n}\n")).collect();
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let file = source(&format!("sku,name\n{many}"));
    let work = products(&shop.server, file, Options::default(), |_| {
        tell.take().map(|tell| tell.send(()));
    });
    tokio::select! {
        biased;
        _ = told => {}
        _ = work => panic!("it was to be cut short"),
    }
    // The lock is free again only when Postgres has ended the transaction.
    shop.import("sku,name\nTEA,Tea\n").await;
    assert!(!shop.book().await.contains("Product"));
    assert_ne!(shop.book().await, before);
}

#[tokio::test]
async fn stock_opens_a_book_once() {
    let shop = Shop::open().await;
    shop.import(TWO).await;
    shop.add_warehouse("Shop").await;
    let file = "sku,barcode,quantity\nTEA,,12\n,4006381333931,1\nJAM,,0\nGHOST,,1\nJAM,,-1\n";
    let report = shop.stock(file).await;
    assert_eq!((counts(&report), report.units), ([1, 0, 1, 3], 12));
    let codes: Vec<_> = report.first_rejects.iter().map(|reject| (reject.line, reject.code)).collect();
    assert_eq!(codes, [(3, "repeated"), (5, "unknown_product"), (6, "not_a_quantity")]);
    let before = shop.book().await;
    assert_eq!(counts(&shop.stock("sku,quantity\nTEA,12\n").await), [0, 0, 1, 0]);
    let more = shop.stock("sku,quantity\nTEA,13\n").await;
    assert_eq!(more.first_rejects[0].code, "already_in_book");
    assert_eq!(shop.book().await, before);
    let sums = "select s.balance = m.sum and s.quantity = 12 from stock s,
        (select sum(delta)::bigint from stock_movements where reason = 'received') m";
    assert!(shop.outside.query_one(sums, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn stock_for_a_place_that_is_not_there_is_refused() {
    let shop = Shop::open().await;
    let file = source("sku,quantity\nTEA,12\n");
    let error = stock(&shop.server, file, "Moon", Options::default(), |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "not_found");
}

#[tokio::test]
async fn the_real_catalogue_goes_in_whole() {
    let shop = Shop::open().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/products-grocery.csv.zst");
    let options = Options { in_store_barcodes: true, ..Options::default() };
    let report = products(&shop.server, Source::open(&path).unwrap(), options, |_| {}).await.unwrap();
    assert_eq!((report.rows, counts(&report)), (92_331, [92_331, 0, 0, 0]));
    assert_eq!((report.fuel, report.without_price), (24, 24_142 + 24));
    assert_eq!((report.barcodes_made, report.barcodes_not_made), (92_331, 0));
    let petrol = shop.product("202291").await.unwrap();
    assert_eq!((petrol.unit, petrol.price_per, petrol.price), (Unit::Milligallon, 1000, None));
    let again = products(&shop.server, Source::open(&path).unwrap(), Options::default(), |_| {}).await.unwrap();
    assert_eq!(counts(&again), [0, 0, 92_331, 0]);
}
