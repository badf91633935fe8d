//! Selling: all of it or nothing, and never beyond what the policy allows.

use std::collections::BTreeMap;

use outpost_schema::{
    fault::Fault,
    id::{AddressId, CartId, OrderId, UserId},
    order::{Fulfilment, OrderStatus, Tender},
    stock::{Allotment, Level},
};
use outpost_sync::round::Local as _;
use uuid::Uuid;

use super::*;
use crate::{Refused, sell::CheckoutWanted};

fn terms(shape: impl FnOnce(&mut Terms)) -> SaleWanted {
    let mut wanted = SaleWanted { lines: vec![wanted(TEA, 1)], terms: Terms::carried_out(vec![Tendered::card("T-1")]) };
    shape(&mut wanted.terms);
    wanted
}

#[test]
fn a_sale_is_one_order_with_every_effect() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.stock(CHEESE, 5_000, 1_000);
    let wanted = SaleWanted {
        lines: vec![wanted(TEA, 2), wanted(CHEESE, 250), wanted(TEA, 1)],
        terms: Terms::carried_out(vec![Tendered::cash(money("20"))]),
    };
    let sold = shop.node.sell(&wanted).expect("sells");
    assert_eq!((sold.order.total_amount, sold.change), (money("12.50"), money("7.50")));
    assert_eq!((sold.order.status, sold.order.user_id), (OrderStatus::Delivered, UserId::GUEST));
    assert_eq!(sold.order.receipt.to_string(), "K1-000001");
    let tenders: Vec<_> = sold.order.payments.iter().map(|payment| payment.tender).collect();
    assert_eq!(tenders, [Tender::Cash, Tender::Change]);
    assert_eq!(shop.node.order(sold.order.order_id).expect("reads"), Some(sold.order.clone()));
    assert_eq!(shop.node.order_of_receipt("K1-000001").expect("reads"), Some(sold.order));

    assert_eq!(shop.level(TEA), Level { balance: 7, promised: 1 });
    assert_eq!(shop.level(CHEESE), Level { balance: 4_750, promised: 750 });
    assert_eq!(shop.shown(TEA), (7, 1));
    assert_eq!(shop.allotment(TEA), Allotment { granted: 4, consumed: 3, ..Allotment::default() });
    assert_eq!(shop.count("stock_movements"), 3, "each line has one movement");
    assert_eq!(shop.count("pending"), 2, "each row has what the op did to it");
    assert_eq!((shop.count("journal"), shop.count("order_items")), (1, 3));
    shop.node.examine().expect("the journal is a chain");
}

#[test]
fn a_strict_till_sells_what_it_may_and_no_more() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 3);
    shop.sell(&[(TEA, 2)]).expect("within the allotment");
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 1), (TEA, 1)]));
    let error = shop.sell(&[(TEA, 2)]).expect_err("spent");
    assert!(matches!(error, Error::Refused(Refused::AllotmentSpent { product: TEA, left: 1 })), "{error:?}");
    assert!(error.to_string().contains("ask for stock"), "the cure: {error}");
    shop.sell(&[(TEA, 1)]).expect("the last one");
    assert_eq!(shop.open(TEA), 0);
}

#[test]
fn goods_in_the_customers_hand_are_a_fact() {
    let shop = Shop::new(&physical());
    shop.stock(TEA, 1, 1);
    shop.sell(&[(TEA, 3)]).expect("a fact");
    assert_eq!(shop.level(TEA), Level { balance: -2, promised: 0 });
    assert_eq!(shop.shown(TEA), (0, 0));
    assert_eq!(shop.allotment(TEA).consumed, 3, "what went beyond the allotment counts too");
}

#[test]
fn what_is_to_be_shipped_is_promised_until_it_goes() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 3);
    let ship = |tenders| {
        terms(|terms| {
            terms.fulfilment = Fulfilment::Ship;
            terms.tenders = tenders;
        })
    };
    let sold = shop.node.sell(&ship(vec![Tendered::card("T-1")])).expect("takes the order");
    assert_eq!(sold.order.status, OrderStatus::Processed);
    assert_eq!(shop.level(TEA), Level { balance: 10, promised: 3 }, "one unit moved from allotment to order");
    assert_eq!((shop.open(TEA), shop.count("stock_movements")), (2, 0));
    let unpaid = shop.node.sell(&ship(vec![])).expect("to be paid later");
    assert_eq!((unpaid.order.status, unpaid.order.payment_id), (OrderStatus::Pending, None));
}

#[test]
fn bad_input_is_told_before_anything_is_written() {
    let shop = Shop::new(&physical());
    shop.stock(TEA, 10, 10);
    let unknown = ProductId(Uuid::from_u128(99));
    shop.refuses("no_lines", |shop| shop.sell(&[]));
    shop.refuses("too_many_lines", |shop| shop.sell(&[(TEA, 1); 2_001]));
    shop.refuses("unknown_product", |shop| shop.sell(&[(TEA, 1), (unknown, 1)]));
    shop.refuses("no_price", |shop| shop.sell(&[(NO_PRICE, 1)]));
    let cases: [(&str, SaleWanted); 6] = [
        ("tender_short", terms(|terms| terms.tenders = vec![Tendered::cash(money("2.49"))])),
        ("tender_short", terms(|terms| terms.tenders.clear())),
        ("tender_over", terms(|terms| terms.tenders = vec![Tendered::card("T-1").of(money("2.51"))])),
        ("empty", terms(|terms| terms.tenders = vec![Tendered::card("")])),
        ("unknown_customer", terms(|terms| terms.customer = Some(UserId(Uuid::from_u128(99))))),
        ("unknown_address", terms(|terms| terms.shipping_address_id = Some(AddressId(Uuid::from_u128(99))))),
    ];
    for (code, wanted) in cases {
        shop.refuses(code, |shop| shop.node.sell(&wanted));
    }
    let dear = WantedLine { unit_price: Some(money("1.01")), ..wanted(TEA, 1) };
    let coins =
        SaleWanted { lines: vec![dear], ..terms(|terms| terms.tenders = vec![Tendered::cash(money("0.01")); 101]) };
    shop.refuses("too_many_lines", |shop| shop.node.sell(&coins));
    let negative = WantedLine { unit_price: Some(money("-1")), ..wanted(TEA, 1) };
    let free = SaleWanted { lines: vec![negative], ..terms(|_| {}) };
    shop.refuses("negative_price", |shop| shop.node.sell(&free));
}

#[test]
fn a_price_is_the_one_given_or_the_products_own() {
    let shop = Shop::new(&physical());
    let lines = vec![WantedLine { unit_price: Some(money("9.99")), ..wanted(NO_PRICE, 2) }, wanted(TEA, 1)];
    let sold = shop.node.sell(&SaleWanted { lines, ..terms(|_| {}) }).expect("sells");
    assert_eq!(sold.order.total_amount, money("22.48"));
}

#[test]
fn a_device_that_has_not_joined_sells_nothing() {
    let folder = TempDir::new().expect("a folder");
    let node = Node::open(folder.path(), Arc::new(Seeded::new(1))).expect("opens");
    let error = node.sell(&terms(|_| {})).expect_err("not joined");
    assert_eq!(error.code(), "not_joined");
    assert!(error.to_string().contains("outpost-node join") && error.is_permanent());
}

#[test]
fn a_frozen_till_goes_on_and_a_rolled_back_one_sells_nothing_it_shares() {
    let frozen = Shop::new(&card());
    frozen.stock(TEA, 10, 3);
    frozen.node.freeze().expect("noted");
    frozen.sell(&[(TEA, 1)]).expect("goes on");

    for (card, sells) in [(card(), false), (physical(), true), (home(), true)] {
        let shop = Shop::new(&card);
        shop.stock(TEA, 10, 3);
        let strange = Mark { seq: 9, hash: outpost_schema::journal::Hash([9; 32]) };
        assert!(!shop.node.stand_at(strange).expect("looked up"));
        if sells {
            shop.sell(&[(TEA, 1)]).expect("a fact");
        } else {
            shop.refuses("rolled_back", |shop| shop.sell(&[(TEA, 1)]));
            shop.refuses("rolled_back", |shop| shop.node.give_back(&[line(TEA, 1)]));
        }
    }
}

fn checkout(cart_id: CartId) -> CheckoutWanted {
    CheckoutWanted { cart_id, prices: BTreeMap::new(), terms: Terms::carried_out(vec![Tendered::card("T-1")]) }
}

#[test]
fn a_checkout_sells_what_the_cart_shows_and_clears_it() {
    let shop = Shop::new(&physical());
    let cart = a_cart(&shop, 50, &[(TEA, 2), (CAKE, 1)]);
    keep_cart(&shop, &cart);
    assert_eq!(shop.count("carts"), 2, "what people read of it");
    let sold = shop.node.checkout(&checkout(cart.cart_id())).expect("sells");
    assert_eq!(sold.order.user_id, ADA, "its owner is a known person");
    assert_eq!(sold.order.total_amount, money("6.00"), "at the price shown when the lines began");
    assert_eq!((shop.count("carts"), shop.count("cart_units")), (0, 2));
    let push = shop.node.unsent().expect("waits");
    assert!(push.carts.len() == 1 && push.carts[0].is_empty(), "the closing waits with the order");
    shop.refuses("no_lines", |shop| shop.node.checkout(&checkout(cart.cart_id())));
    shop.refuses("unknown_cart", |shop| shop.node.checkout(&checkout(CartId(Uuid::from_u128(51)))));
}

#[test]
fn a_refused_checkout_leaves_the_cart_as_it_was() {
    let shop = Shop::new(&card());
    let cart = a_cart(&shop, 50, &[(TEA, 2)]);
    keep_cart(&shop, &cart);
    shop.refuses("allotment_spent", |shop| shop.node.checkout(&checkout(cart.cart_id())));
    let kept = shop.node.db().read(|conn| crate::db::carts::load(conn, cart.cart_id())).expect("reads");
    assert_eq!(kept, Some(cart));
}

#[test]
fn orders_are_listed_newest_first_page_by_page() {
    let shop = Shop::new(&physical());
    let sold: Vec<OrderId> = (0..5).map(|_| shop.sell(&[(TEA, 1)]).expect("sells").order.order_id).collect();
    let ids = |before, limit| -> Vec<OrderId> {
        let orders = shop.node.orders(None, before, limit).expect("lists");
        orders.into_iter().map(|order| order.order_id).collect()
    };
    assert_eq!(ids(None, 2), [sold[4], sold[3]]);
    assert_eq!(ids(Some(sold[3]), 9), [sold[2], sold[1], sold[0]]);
    assert_eq!(shop.node.orders(Some(ADA), None, 9).expect("lists"), []);
    let error = shop.node.order_of_receipt("tomato").expect_err("no receipt");
    assert!(matches!(error, Error::Fault(Fault::Unreadable { .. })));
}
