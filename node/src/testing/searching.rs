//! What is found in the catalogue, and that the index of it is what the database says, whatever happens to either.

use std::{fs, process::Command};

use outpost_schema::{
    catalogue::Category,
    feed::{Key, Kind},
    id::CategoryId,
    planted::{self, Bug},
};
use serde_json::json;

use super::*;
use crate::{
    search::{FOLDER, Filter, Found, How, InStock, Search, Sort, Trouble, Wanted},
    stage::{self, Work},
};

const FOOD: CategoryId = CategoryId(Uuid::from_u128(50));
const DRINKS: CategoryId = CategoryId(Uuid::from_u128(51));

fn id(number: u128) -> ProductId {
    ProductId(Uuid::from_u128(number))
}

fn good(number: u128, name: &str, brand: &str, price: &str, category: CategoryId) -> Product {
    Product {
        category_id: Some(category),
        attributes: json!({ "brand": brand, "vegan": number.is_multiple_of(2) })
            .as_object()
            .cloned()
            .unwrap_or_default(),
        created_at: Timestamp::from_micros(i64::try_from(number).expect("small")),
        ..a_product(id(number), name, Some(price))
    }
}

fn tell(shop: &Shop, product: Product) {
    shop.tell(vec![Aggregate::Product(Box::new(product))]);
}

fn category(category_id: CategoryId, name: &str, parent_id: Option<CategoryId>) -> Aggregate {
    Aggregate::Category(Category { category_id, name: name.to_owned(), parent_id })
}

/// A shop whose goods have brands, categories, barcodes and stock.
fn grocer() -> Shop {
    let shop = Shop::new(&physical());
    shop.tell(vec![category(FOOD, "Food", None), category(DRINKS, "Hot Drinks", Some(FOOD))]);
    let goods = [
        (100, "Coca-Cola Zero 33cl", "Coca Cola", "1.20", FOOD, 5),
        (101, "Chocolats noirs 500 g", "Côte d'Or", "4.00", FOOD, 0),
        (102, "Dark chocolate 0.5kg", "Ada", "3.50", FOOD, 7),
        (103, "Earl Grey tea", "ADA", "2.10", DRINKS, 3),
        (104, "Sony KDL-40V3000 television", "SONY", "499", FOOD, 1),
        (105, "Black teas, 20 bags", "Ada", "1.90", DRINKS, 0),
    ];
    for (number, name, brand, price, category, stock) in goods {
        tell(&shop, Product { barcodes: vec![], ..good(number, name, brand, price, category) });
        if stock > 0 {
            shop.stock(id(number), stock, 0);
        }
    }
    let barcodes = vec!["4006381333931".parse().expect("a barcode")];
    tell(&shop, Product { barcodes, ..good(103, "Earl Grey tea", "ADA", "2.10", DRINKS) });
    shop
}

fn search(shop: &Shop) -> Search {
    Search::on_call(Arc::clone(&shop.node))
}

fn wants(text: &str) -> Wanted {
    Wanted { text: text.to_owned(), limit: 20, ..Wanted::default() }
}

fn find(search: &Search, text: &str) -> Found {
    search.find(&wants(text)).expect("finds")
}

fn numbers(found: &Found) -> Vec<u128> {
    found.hits.iter().map(|hit| hit.offer.product.product_id.0.as_u128()).collect()
}

#[track_caller]
fn agrees(search: &Search) {
    assert_eq!(search.differences().expect("compares"), Vec::<ProductId>::new());
}

#[test]
fn what_is_meant_is_found() {
    let shop = grocer();
    let search = search(&shop);
    let cases: [(&str, How, &[u128]); 20] = [
        ("4006381333931", How::Code, &[103]),
        ("EARL GREY TEA", How::Code, &[103]),
        ("earl grey", How::AllWords, &[103]),
        ("grey EARL", How::AllWords, &[103]),
        ("cocacola", How::AllWords, &[100]),
        ("coca cola", How::AllWords, &[100]),
        ("chocolat noir", How::AllWords, &[101]),
        ("chocolates", How::AllWords, &[102, 101]),
        ("dark chocolate 500g", How::AllWords, &[102]),
        ("500 g", How::AllWords, &[102, 101]),
        ("0,5 kg", How::AllWords, &[102, 101]),
        ("cote d'or", How::AllWords, &[101]),
        ("kdl40v3000", How::AllWords, &[104]),
        ("KDL 40V3000", How::AllWords, &[104]),
        ("earrl grey", How::Mistyped, &[103]),
        ("televsoin", How::Mistyped, &[104]),
        ("dark chocolate with hazelnuts", How::SomeWords, &[102, 101]),
        ("food tea", How::AllWords, &[103, 105]),
        ("kdl40v3001", How::Nothing, &[]),
        ("\"(*", How::Nothing, &[]),
    ];
    for (text, how, expected) in cases {
        let found = find(&search, text);
        assert_eq!((found.how, found.trouble.clone()), (how, None), "{text}");
        assert_eq!(numbers(&found), expected, "{text}");
        assert_eq!(found.total, expected.len() as u64, "{text}");
    }
    assert_eq!(find(&search, "earrl grey").meant.as_deref(), Some("earl grey"));
    assert_eq!(find(&search, "").total, 10);
    agrees(&search);
}

#[test]
fn the_last_word_is_found_while_it_is_typed() {
    let shop = grocer();
    let search = search(&shop);
    for (typed, expected) in [("earl gr", &[103_u128][..]), ("tel", &[104]), ("dark choc", &[102]), ("earl gr ", &[])] {
        let found = search.find(&Wanted { is_typing: true, ..wants(typed) }).expect("finds");
        assert_eq!(if found.how == How::AllWords { numbers(&found) } else { Vec::new() }, expected, "{typed}");
    }
    let suggested = search.suggest("co", 5).expect("suggests");
    assert_eq!(
        suggested.brands.iter().map(|brand| brand.value.as_str()).collect::<Vec<_>>(),
        ["Coca Cola", "Côte d'Or"]
    );
    assert_eq!(search.suggest("hot dr", 5).expect("suggests").categories[0].name, "Hot Drinks");
    assert_eq!(search.suggest("gre", 5).expect("suggests").searches, Vec::<String>::new());
    find(&search, "earl grey");
    assert_eq!(search.suggest("ear", 5).expect("suggests").searches, ["earl grey"]);
}

#[test]
fn a_few_letters_find_every_product_that_has_a_word_which_begins_so() {
    let shop = Shop::new(&physical());
    shop.tell(vec![category(FOOD, "Mixtures", None)]);
    // More words begin so than are looked for one by one, and those of the first goods are the most used.
    for number in 0..80_u128 {
        tell(&shop, good(100 + number, &format!("Green mi{:03}x mi{:03}x", number / 2, number / 2), "", "1", DRINKS));
    }
    tell(&shop, good(300, "Green milk", "", "1", DRINKS));
    tell(&shop, good(301, "Green tea", "", "1", FOOD));
    tell(&shop, good(302, "Zest of mint", "", "1", DRINKS));
    let search = search(&shop);
    let typed = |text: &str| {
        let found = search.find(&Wanted { is_typing: true, limit: 200, ..wants(text) }).expect("finds");
        (found.how, numbers(&found))
    };
    let (how, all) = typed("mi");
    assert_eq!((how, all.len()), (How::AllWords, 82), "all that are called so, of 42 words");
    assert_eq!(typed("z"), (How::AllWords, vec![302]), "of one letter, names that begin with it");
    assert_eq!(typed("m").1.len(), 82, "or words, where no name does");
    assert_eq!(typed("green mi").1.last(), Some(&301), "beside other words also a category, below the rest");
    assert_eq!(typed("green mil"), (How::AllWords, vec![300]));
    for (number, brand) in [(400, "Quad"), (401, "Quest"), (402, "Quest")] {
        tell(&shop, good(number, "Thing", brand, "1", DRINKS));
    }
    let brands = search.suggest("qu", 5).expect("suggests").brands;
    let brands: Vec<_> = brands.iter().map(|brand| (brand.value.as_str(), brand.count)).collect();
    assert_eq!(brands, [("Quest", 2), ("Quad", 1)], "the brand with the most products first");
}

/// What is counted of the goods of the brand Ada, at most 3.00, in stock here: each facet without its own filter.
fn narrowed(search: &Search) -> (Vec<u128>, Vec<u64>) {
    let filter = Filter {
        brands: vec!["ada".to_owned()],
        price_to: Some(money("3.00")),
        stock: Some(InStock::Here),
        ..Filter::default()
    };
    let found = search.find(&Wanted { filter, has_facets: true, sort: Sort::Price, ..wants("") }).expect("finds");
    let facets = found.facets.clone().expect("counted");
    let brand = |name: &str| {
        facets.brands.iter().find(|brand| brand.value.eq_ignore_ascii_case(name)).map_or(0, |brand| brand.count)
    };
    let food = facets.categories.iter().find(|one| one.category_id == FOOD).map_or(0, |one| one.count);
    let vegan = facets.attributes.get("vegan").map_or(0, |values| values.iter().map(|value| value.count).sum());
    let to = facets.price.map_or(0, |price| price.to.parts().unsigned_abs() / 10_000);
    (numbers(&found), vec![brand("Ada"), brand("Coca Cola"), food, facets.stock.here, facets.stock.anywhere, vegan, to])
}

#[test]
fn counts_stand_under_every_filter_but_their_own() {
    let shop = grocer();
    let search = search(&shop);
    // The tea is the only one that passes; the cola has another brand; the bags have no stock; the chocolate costs more.
    let right = (vec![103], vec![1, 1, 1, 1, 1, 1, 3]);
    assert_eq!(narrowed(&search), right);
    planted::plant(Some(Bug::CountsUnfiltered));
    let wrong = narrowed(&search);
    planted::plant(None);
    assert_ne!(wrong, right);
}

#[test]
fn it_is_sorted_narrowed_and_paged() {
    let shop = grocer();
    let search = search(&shop);
    let by = |sort, filter| {
        let found = search.find(&Wanted { sort, filter, offset: 1, limit: 3, ..wants("") }).expect("finds");
        (found.total, numbers(&found))
    };
    let food = || Filter { category: Some(FOOD), ..Filter::default() };
    assert_eq!(by(Sort::Price, food()), (6, vec![105, 103, 102]));
    assert_eq!(by(Sort::PriceDown, food()), (6, vec![101, 102, 103]));
    assert_eq!(by(Sort::Newest, food()), (6, vec![104, 103, 102]));
    assert_eq!(by(Sort::Name, food()), (6, vec![101, 100, 102]));
    let vegan = Filter { attributes: vec![("vegan".to_owned(), "true".to_owned())], ..food() };
    assert_eq!(by(Sort::Price, vegan), (3, vec![102, 104]));
    let none = Filter { brands: vec!["nobody".to_owned()], ..food() };
    assert_eq!(by(Sort::Price, none), (0, vec![]));
}

#[test]
fn what_changes_is_found_as_it_is_and_nothing_else_is_indexed() {
    let shop = grocer();
    let search = search(&shop);
    assert!(search.catch_up().expect("builds").is_anew);
    let changed = |products| crate::search::Kept { is_anew: false, products };
    assert_eq!(search.catch_up().ok(), Some(changed(0)));
    tell(&shop, good(102, "White chocolate", "Ada", "9.00", FOOD));
    assert_eq!(search.catch_up().ok(), Some(changed(1)));
    assert_eq!(
        (numbers(&find(&search, "white")), find(&search, "dark chocolate 0.5kg").how),
        (vec![102], How::SomeWords)
    );
    tell(&shop, good(102, "White chocolate", "Ada", "9.00", FOOD));
    assert_eq!(search.catch_up().ok(), Some(changed(0)), "nothing of it is new");
    shop.sell(&[(id(103), 1)]).expect("sells");
    assert_eq!(search.catch_up().ok(), Some(changed(0)), "some is left");
    shop.sell(&[(id(103), 2)]).expect("sells");
    assert_eq!(search.catch_up().ok(), Some(changed(1)), "none is left");
    shop.tell(vec![category(DRINKS, "Cold Drinks", None)]);
    assert_eq!(search.catch_up().ok(), Some(changed(2)), "what lies in it");
    let mut cold = numbers(&find(&search, "cold"));
    cold.sort_unstable();
    assert_eq!(cold, [103, 105]);
    shop.tell(vec![Aggregate::Gone(Key { kind: Kind::Product, ids: vec![id(105).0] })]);
    assert_eq!(search.catch_up().ok(), Some(changed(1)));
    assert_eq!(numbers(&find(&search, "cold")), [103]);
    agrees(&search);
}

/// What differs once the index has caught up, with a mistake in that.
fn differences_after(shop: &Shop, bug: Option<Bug>) -> usize {
    planted::plant(bug);
    let search = search(shop);
    search.catch_up().expect("catches up");
    planted::plant(None);
    search.differences().expect("compares").len()
}

/// What is left out of an index that was not kept while the shop went on.
fn tail(bug: Option<Bug>) -> usize {
    let shop = grocer();
    search(&shop).catch_up().expect("builds");
    let shop = shop.reopened();
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    differences_after(&shop, bug)
}

#[test]
fn what_changed_while_nobody_kept_the_index_is_indexed() {
    assert_eq!((tail(None), tail(Some(Bug::IndexTailForgotten))), (0, 1));
}

/// What differs after the database was put back beneath an index that is further.
fn put_back(bug: Option<Bug>) -> usize {
    let shop = grocer();
    let copy = shop.folder.path().join("copy.db");
    crate::db::copy::copy(shop.folder.path(), &copy).expect("copies");
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    search(&shop).catch_up().expect("builds");
    let Shop { node, folder, pages } = shop;
    drop(node);
    for suffix in ["-wal", "-shm"] {
        drop(fs::remove_file(folder.path().join(format!("{}{suffix}", crate::db::FILE))));
    }
    fs::rename(&copy, folder.path().join(crate::db::FILE)).expect("put back");
    let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(8))).expect("opens"));
    let shop = Shop { node, folder, pages };
    // As far as the index is, but it is another past.
    tell(&shop, good(107, "Rooibos", "Ada", "9.00", DRINKS));
    differences_after(&shop, bug)
}

#[test]
fn an_index_of_another_past_is_made_anew() {
    assert_eq!((put_back(None), put_back(Some(Bug::IndexPlaceTrusted))), (0, 2));
}

/// The index's files, with their lengths.
fn files(shop: &Shop) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(shop.folder.path().join(FOLDER)).expect("the index");
    let files = entries.map(|entry| entry.expect("an entry").path());
    files.filter(|file| !file.ends_with(".tantivy-writer.lock") && !file.ends_with(".tantivy-meta.lock")).collect()
}

#[test]
fn whatever_becomes_of_its_files_it_is_made_anew() {
    let shop = grocer();
    search(&shop).catch_up().expect("builds");
    let count = files(&shop).len();
    assert!(count > 5);
    for at in 0..count {
        let mut files = files(&shop);
        files.sort();
        let file = files[at.min(files.len() - 1)].clone();
        for damage in 0..3 {
            if let Ok(bytes) = fs::read(&file) {
                let middle = bytes.len() / 2;
                match damage {
                    0 => fs::remove_file(&file).expect("removed"),
                    1 => fs::write(&file, &bytes[..middle]).expect("cut"),
                    _ => fs::write(&file, bytes.iter().map(|byte| !byte).collect::<Vec<_>>()).expect("spoilt"),
                }
            }
            let search = search(&shop);
            search.catch_up().unwrap_or_else(|trouble| panic!("{}: {trouble}", file.display()));
            agrees(&search);
            assert_eq!(numbers(&find(&search, "earl grey")), [103], "{} {damage}", file.display());
        }
    }
    fs::remove_dir_all(shop.folder.path().join(FOLDER)).expect("all of it");
    let search = search(&shop);
    assert!(search.catch_up().expect("builds").is_anew);
    agrees(&search);
}

#[test]
fn while_another_has_it_the_database_answers_and_nothing_is_thrown_away() {
    let shop = grocer();
    let first = search(&shop);
    first.catch_up().expect("builds");
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    let second = search(&shop);
    let found = second.find(&wants("matcha")).expect("finds");
    assert_eq!((found.trouble, found.total), (Some(Trouble::Held), 0), "what was indexed before is found");
    assert_eq!(numbers(&find(&first, "matcha")), [106]);
    agrees(&first);
}

#[test]
fn selling_and_looking_up_go_on_without_an_index() {
    let shop = grocer();
    fs::write(shop.folder.path().join(FOLDER), "no folder").expect("written");
    let search = search(&shop);
    let found = find(&search, "earl");
    assert_eq!((found.how, numbers(&found)), (How::Plain, vec![103]));
    assert!(matches!(found.trouble, Some(Trouble::Files(_))), "{:?}", found.trouble);
    shop.sell(&[(id(103), 1)]).expect("sells");
}

#[test]
fn a_thread_keeps_it() {
    let shop = grocer();
    let search = Search::open(Arc::clone(&shop.node));
    tell(&shop, good(106, "Matcha", "Ada", "9.00", DRINKS));
    while find(&search, "matcha").how != How::AllWords {
        std::thread::yield_now();
    }
    agrees(&search);
    drop(search);
    // And so does the next one.
    let search = Search::open(Arc::clone(&shop.node));
    while find(&search, "matcha").how != How::AllWords {
        std::thread::yield_now();
    }
    tell(&shop, good(107, "Rooibos", "Ada", "9.00", DRINKS));
    while find(&search, "rooibos").how != How::AllWords {
        std::thread::yield_now();
    }
    drop(search);
    drop(shop.reopened());
}

#[test]
fn hostile_text_is_only_text() {
    let shop = grocer();
    let search = search(&shop);
    let long = "earl ".repeat(2_000);
    let texts = [
        long.as_str(),
        "\"earl",
        "earl AND (",
        "name:earl",
        "(a+)+$",
        "earl*?~[]",
        "\u{0}\u{7}earl\u{1b}",
        "'; drop table products; --",
        "\u{202e}earl\u{feff}",
        "😀🇩🇪",
    ];
    for text in texts {
        for is_typing in [false, true] {
            let found = search.find(&Wanted { is_typing, has_facets: true, ..wants(text) }).expect("finds");
            assert_eq!(found.trouble, None, "{text:?}");
        }
        search.suggest(text, 5).expect("suggests");
    }
    assert_eq!(numbers(&find(&search, &long)), [103]);
    agrees(&search);
}

/// Names the folder that the killed process works on.
const KILLED: &str = "OUTPOST_TEST_SEARCHED";

/// What the killed process does; without a folder it has nothing to do.
#[test]
fn the_one_who_is_killed_indexing() {
    let Some(folder) = std::env::var_os(KILLED) else { return };
    let node = Arc::new(Node::open(std::path::Path::new(&folder), Arc::new(Seeded::new(9))).expect("opens"));
    Search::on_call(node).catch_up().expect("indexes");
}

#[test]
fn killed_at_any_stage_it_is_what_the_database_says() {
    let shop = grocer();
    let many = (0..1_200).map(|number| good(1_000 + number, "Many", "Ada", "1.00", FOOD));
    shop.tell(many.map(|product| Aggregate::Product(Box::new(product))).collect());
    let mut shop = shop;
    let stages = [Work::Index, Work::ForgetChanges].into_iter().flat_map(Work::stages);
    for (stage, number) in stages.zip(200..) {
        let more = (0..1_100).map(|more| good(10_000 * number + more, "More", "Ada", "1.00", FOOD));
        shop.tell(more.map(|product| Aggregate::Product(Box::new(product))).collect());
        let Shop { node, folder, pages } = shop;
        drop(node);
        let me = std::env::current_exe().expect("this program");
        let output = Command::new(me)
            .args(["--exact", "testing::searching::the_one_who_is_killed_indexing", "--test-threads", "1"])
            .env(KILLED, folder.path())
            .env(stage::VARIABLE, stage.to_string())
            .output()
            .expect("runs");
        assert!(!output.status.success(), "it was to die at {stage}");
        let node = Arc::new(Node::open(folder.path(), Arc::new(Seeded::new(10))).expect("opens after the kill"));
        shop = Shop { node, folder, pages };
        let search = search(&shop);
        search.catch_up().expect("catches up");
        agrees(&search);
    }
}
