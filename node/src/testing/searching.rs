//! What is found in the catalogue.

mod kept;

use outpost_schema::{
    catalogue::Category,
    id::CategoryId,
    planted::{self, Bug},
};
use serde_json::json;

use super::*;
use crate::search::{Filter, Found, How, InStock, Search, Sort, Wanted};

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
