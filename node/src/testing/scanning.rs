//! Scans, labels, and what runs low.

use outpost_schema::{
    catalogue::Warehouse,
    feed::{Key, Kind},
    id::RuleId,
    rule::{Rule, Says},
    scan::{Name, Unread},
};
use uuid::Uuid;

use super::*;

pub(super) fn rule(number: u128, says: Says) -> Aggregate {
    Aggregate::Rule(Box::new(Rule {
        rule_id: RuleId(Uuid::from_u128(number)),
        says,
        updated_at: Timestamp::from_micros(1),
    }))
}

fn gone(kind: Kind, number: u128) -> Aggregate {
    Aggregate::Gone(Key { kind, ids: vec![Uuid::from_u128(number)] })
}

fn labels(number: u128, layout: &str) -> Aggregate {
    rule(number, Says::Labels { layout: layout.parse().expect("a layout") })
}

/// Tea by its barcode, cheese and cake by the numbers of the shop's own scale.
fn shop() -> Shop {
    let shop = Shop::new(&physical());
    let told = |product: Product| Aggregate::Product(Box::new(product));
    let tea =
        Product { barcodes: vec!["4006381333931".parse().expect("a code")], ..a_product(TEA, "Tea", Some("2.50")) };
    let numbered = |product, sku: &str| Product { sku: Some(sku.to_owned()), ..product };
    let cheese = Product { unit: Unit::Gram, price_per: 1000, ..a_product(CHEESE, "Cheese", Some("20")) };
    shop.tell(vec![
        told(tea),
        told(numbered(cheese, "1234")),
        told(numbered(a_product(CAKE, "Cake", Some("3.00")), "777")),
        labels(200, "21IIIIIPPPPPC"),
        labels(201, "20IIIIIWWWWWC"),
    ]);
    shop
}

fn found(shop: &Shop, code: &str) -> Vec<ProductId> {
    let scanned = shop.node.scan(code).unwrap_or_else(|error| panic!("{code}: {error}"));
    scanned.found.into_iter().map(|found| found.offer.product.product_id).collect()
}

#[test]
fn a_product_is_found_by_whatever_its_package_bears() {
    let shop = shop();
    for code in [
        "4006381333931",
        "04006381333931",
        "]C1010400638133393110LOT",
        "https://id.gs1.org/01/04006381333931/10/LOT",
        "(01)04006381333931(17)271231",
        "TEA",
    ] {
        assert_eq!(found(&shop, code), [TEA], "{code}");
        let by_words: Vec<_> =
            shop.node.find(code, 5).expect("finds").into_iter().map(|offer| offer.product.name).collect();
        assert_eq!(by_words, ["Tea"], "{code}");
    }
    assert_eq!(found(&shop, "5901234123457"), [], "a code that nobody has");
    let scanned = shop.node.scan("(01)04006381333931(10)LOT(17)271231").expect("a scan");
    assert_eq!((scanned.scan.lot.as_deref(), scanned.scan.expiry.as_deref()), (Some("LOT"), Some("2027-12-31")));
    assert_eq!(shop.node.scan("4006381333932").expect_err("wrong").code(), "wrong_check_digit");
}

#[test]
fn a_label_is_sold_for_what_it_says() {
    let shop = shop();
    // 250 g of cheese at 20 a kilogram, by weight and by price; a cake at a price of its own.
    let cases = [
        ("2001234002506", CHEESE, 250, None, "5.00"),
        ("2101234005001", CHEESE, 250, None, "5.00"),
        ("2100777002504", CAKE, 1, Some("2.50"), "2.50"),
    ];
    for (code, product, units, price, total) in cases {
        let code = with_check_digit(code);
        let scanned = shop.node.scan(&code).expect("a label");
        let line = scanned.found[0].line.clone().expect("a line");
        assert_eq!(scanned.found[0].offer.product.product_id, product, "{code}");
        assert_eq!((line.quantity.units(), line.price), (units, price.map(money)), "{code}");
        let lines = vec![WantedLine { product_id: product, quantity: line.quantity, unit_price: line.price }];
        let terms = Terms::carried_out(vec![Tendered::card("T-1")]);
        let sold = shop.node.sell(&SaleWanted { lines, terms }).expect("sells");
        assert_eq!(sold.order.total_amount, money(total), "{code}");
    }
    let unmet = shop.node.scan(&with_check_digit("2101234000010")).expect("a label");
    assert_eq!(unmet.found[0].line, Err(Unread::PriceNotMet { price: money("0.01") }));
    let weighed = shop.node.scan(&with_check_digit("2000777002500")).expect("a label");
    assert_eq!(weighed.found[0].line, Err(Unread::OtherUnit));
}

fn with_check_digit(code: &str) -> String {
    (0..10)
        .map(|digit| format!("{}{digit}", &code[..12]))
        .find(|code| code.parse::<outpost_schema::barcode::Barcode>().is_ok())
        .expect("one fits")
}

#[test]
fn a_layout_that_was_taken_back_is_read_no_more() {
    let shop = shop();
    let code = with_check_digit("2001234002500");
    assert!(shop.node.scan(&code).expect("a label").scan.is_own_label);
    shop.tell(vec![gone(Kind::Rule, 201)]);
    let scan = shop.node.scan(&code).expect("a code like any other").scan;
    assert!(!scan.is_own_label && matches!(&scan.names[0], Name::Barcode(known) if known.digits() == code));
}

#[test]
fn goods_run_low_by_the_rule_that_is_about_the_least() {
    let shop = Shop::new(&card());
    let low = |product_id, warehouse_id, units| Says::LowAt { product_id, warehouse_id, units };
    let elsewhere = |product_id, balance| {
        let updated_at = Timestamp::from_micros(5);
        Aggregate::Stock(feed::Stock { product_id, warehouse_id: ELSEWHERE, balance, promised: 0, updated_at })
    };
    shop.tell(vec![
        Aggregate::Warehouse(Warehouse {
            warehouse_id: ELSEWHERE,
            name: "Elsewhere".to_owned(),
            home_of: None,
            created_at: Timestamp::from_micros(0),
        }),
        image(TEA, 5, 0),
        image(CAKE, 5, 0),
        elsewhere(TEA, 5),
        elsewhere(CAKE, 0),
    ]);
    let rows = |place| -> Vec<(ProductId, WarehouseId, Option<i64>)> {
        let look = shop.node.low(place, None, 10).expect("looks");
        look.rows.into_iter().map(|row| (row.key.product_id, row.key.warehouse_id, row.low_at)).collect()
    };
    assert_eq!(rows(None), [], "nothing is laid down");
    shop.tell(vec![rule(1, low(None, None, 0))]);
    assert_eq!(rows(None), [(CAKE, ELSEWHERE, Some(0))]);
    shop.tell(vec![
        rule(2, low(None, Some(HERE), 5)),
        rule(3, low(Some(TEA), None, 4)),
        rule(4, low(Some(TEA), Some(ELSEWHERE), 9)),
    ]);
    assert_eq!(rows(None), [(TEA, ELSEWHERE, Some(9)), (CAKE, HERE, Some(5)), (CAKE, ELSEWHERE, Some(0))]);
    assert_eq!(rows(Some(HERE)), [(CAKE, HERE, Some(5))]);
    // Page after page it is the same.
    let mut paged = Vec::new();
    let mut after = None;
    while let [row] = shop.node.low(None, after, 1).expect("looks").rows.as_slice() {
        after = Some(row.key);
        paged.push((row.key.product_id, row.key.warehouse_id, row.low_at));
    }
    assert_eq!(paged, rows(None));
    // What is sold here counts at once.
    shop.stock(TEA, 5, 5);
    shop.sell(&[(TEA, 1)]).expect("sells");
    assert_eq!(rows(Some(HERE)), [(TEA, HERE, Some(4)), (CAKE, HERE, Some(5))]);
}

#[test]
fn a_look_says_how_old_it_is_and_shows_this_place_first() {
    let shop = Shop::new(&card());
    let before = shop.node.look(TEA).expect("looks");
    assert_eq!((before.rows.len(), before.rows[0].key, before.rows[0].updated_at), (1, key(TEA), None), "never there");
    shop.tell(vec![
        Aggregate::Stock(feed::Stock {
            product_id: TEA,
            warehouse_id: WarehouseId(Uuid::from_u128(1)),
            balance: 7,
            promised: 2,
            updated_at: Timestamp::from_micros(8),
        }),
        image(TEA, 5, 3),
        grant(TEA, 3),
    ]);
    let look = shop.node.look(TEA).expect("looks");
    let rows: Vec<_> = look.rows.iter().map(|row| (row.level.quantity(), row.level.reserved(), row.open)).collect();
    assert_eq!(rows, [(5, 3, 3), (7, 2, 0)]);
    assert_eq!(look.here, Some(HERE));
    assert!(look.as_of >= before.as_of && look.as_of.is_some());
}
