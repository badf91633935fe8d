//! Warehouse work without a network.

use outpost_schema::{
    count::Upto,
    movement::{Cause, Change, Lot, ReceivedLine, Remark},
    op::{CountLine, Op},
    order::{Fulfilment, OrderStatus},
    stock::{Allotment, Level},
};
use uuid::Uuid;

use super::*;
use crate::stockroom::{Counting, Seen};

fn seen(product_id: ProductId, counted: i64) -> Seen {
    Seen { product_id, counted }
}

fn shipped_order(shop: &Shop) -> outpost_schema::order::Order {
    let mut terms = Terms::carried_out(vec![Tendered::card("T-1")]);
    terms.fulfilment = Fulfilment::Ship;
    shop.node.sell(&SaleWanted { lines: vec![wanted(TEA, 2), wanted(TEA, 1)], terms }).expect("takes the order").order
}

#[test]
fn goods_received_at_home_may_be_sold_at_once() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 5), line(TEA, 2)]).expect("receives");
    assert_eq!((shop.level(TEA), shop.open(TEA)), (Level { balance: 7, promised: 7 }, 7));
    assert_eq!(shop.count("stock_movements"), 2);
    shop.sell(&[(TEA, 7)]).expect("sells");
    assert_eq!(shop.shown(TEA), (0, 0));
}

#[test]
fn goods_received_where_others_sell_are_everybodys() {
    let shop = Shop::new(&card());
    shop.node.receive(&[line(TEA, 5)]).expect("receives");
    assert_eq!((shop.level(TEA), shop.open(TEA)), (Level { balance: 5, promised: 0 }, 0));
    shop.refuses("unknown_product", |shop| shop.node.receive(&[line(ProductId(Uuid::from_u128(99)), 1)]));
    shop.refuses("no_lines", |shop| shop.node.receive(&[]));
    shop.refuses("too_many_lines", |shop| shop.node.receive(&vec![line(TEA, 1); 2_001]));
}

#[test]
fn a_broken_case_leaves_the_book_with_a_word_on_it() {
    let shop = Shop::new(&home());
    let lot = Lot { lot: Some("L7".to_owned()), expires: Some("2027-01-31".to_owned()) };
    let came = ReceivedLine { lot: lot.clone(), ..line(TEA, 5).into() };
    let said = |note: &str| Remark { person: Some("Ada".to_owned()), note: Some(note.to_owned()) };
    shop.node.take_in(&[came], &said("by van")).expect("received");
    let change = |delta| Change { product_id: TEA, delta, lot: lot.clone() };
    shop.node.adjust(Cause::Damaged, &[change(-2)], &said("dropped")).expect("a fact");
    assert_eq!((shop.level(TEA), shop.open(TEA)), (Level { balance: 3, promised: 3 }, 3));
    let words = "select group_concat(reason || ' ' || person || ' ' || note || ' ' || lot || ' ' || expires, '; ')
                 from (select * from stock_movements order by seq)";
    let words: String =
        shop.node.db().read(|conn| Ok(conn.query_row(words, [], |row| row.get(0))?)).expect("movements");
    assert_eq!(words, "received Ada by van L7 2027-01-31; damaged Ada dropped L7 2027-01-31");
    shop.node.adjust(Cause::Lost, &[change(-5)], &Remark::default()).expect("a fact, beyond the book too");
    assert_eq!((shop.level(TEA).balance, shop.open(TEA)), (-2, 0));
}

#[test]
fn what_is_said_of_goods_must_fit() {
    let shop = Shop::new(&home());
    let adjust = |shop: &Shop, cause, delta, note: Option<&str>| {
        let remark = Remark { person: None, note: note.map(str::to_owned) };
        shop.node.adjust(cause, &[Change { product_id: TEA, delta, lot: Lot::default() }], &remark)
    };
    shop.refuses("amount_out_of_range", |shop| adjust(shop, Cause::Damaged, 1, None));
    shop.refuses("amount_out_of_range", |shop| adjust(shop, Cause::Lost, i64::MIN, None));
    shop.refuses("empty", |shop| adjust(shop, Cause::Corrected, 1, None));
    shop.refuses("too_long", |shop| adjust(shop, Cause::Found, 1, Some(&"x".repeat(9_000))));
    shop.refuses("no_lines", |shop| shop.node.adjust(Cause::Found, &[], &Remark::default()));
}

#[test]
fn a_count_makes_the_book_say_what_was_seen() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 5), line(CAKE, 5)]).expect("receives");
    shop.sell(&[(TEA, 1)]).expect("sells");
    let lines = shop.node.count(&[seen(TEA, 7), seen(CAKE, 2), seen(CHEESE, 0)]).expect("counts");
    assert_eq!(lines.iter().map(|line| line.delta).collect::<Vec<_>>(), [3, -3, 0]);
    assert_eq!((shop.level(TEA).balance, shop.level(CAKE).balance), (7, 2));
    assert_eq!(shop.allotment(TEA), Allotment { received: 8, consumed: 1, ..Allotment::default() });
    assert_eq!(shop.allotment(CAKE), Allotment { received: 5, consumed: 3, ..Allotment::default() });
    assert_eq!(shop.count("stock_movements"), 5, "nothing moved on the line that fitted");
    assert_eq!(lines[2], CountLine { product_id: CHEESE, counted: 0, delta: 0 });
}

#[test]
fn a_count_finds_what_was_owed() {
    let shop = Shop::new(&Card { is_home: true, ..physical() });
    shop.sell(&[(TEA, 3)]).expect("a fact");
    assert_eq!(shop.node.count(&[seen(TEA, 4)]).expect("counts")[0].delta, 7);
    assert_eq!(shop.level(TEA), Level { balance: 4, promised: 4 });
}

#[test]
fn a_count_that_cannot_be_is_refused() {
    let shop = Shop::new(&home());
    shop.refuses("product_twice", |shop| shop.node.count(&[seen(TEA, 1), seen(TEA, 2)]));
    shop.refuses("amount_out_of_range", |shop| shop.node.count(&[seen(TEA, -1)]));
    shop.refuses("amount_out_of_range", |shop| shop.node.count(&[seen(TEA, i64::MAX)]));
    shop.refuses("no_lines", |shop| shop.node.count(&[]));
    let upto = Upto { incarnation_id: IncarnationId(Uuid::from_u128(77)), seq: -1 };
    let counting = Counting { marks: vec![upto], ..Counting::default() };
    shop.refuses("amount_out_of_range", |shop| shop.node.count_as(&[seen(TEA, 1)], &counting));
}

fn hear(shop: &Shop, page: Page) {
    shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &page).expect("applies");
}

#[test]
fn a_count_says_how_far_others_were() {
    let shop = Shop::new(&card());
    let other = |number, seq| Upto { incarnation_id: IncarnationId(Uuid::from_u128(number)), seq };
    hear(&shop, Page { others: vec![other(77, 3), other(78, 9)], ..shop.page(vec![], vec![]) });
    // What was heard once stays heard.
    hear(&shop, Page { others: vec![other(77, 2)], ..shop.page(vec![], vec![]) });
    let own = shop.node.mark().expect("a mark");
    let counting = Counting { marks: vec![other(77, 5), own], ..Counting::default() };
    shop.node.count_as(&[seen(TEA, 4)], &counting).expect("counted, though others sell here too");
    let entries = shop.node.unsent().expect("waits").entries;
    let Ok(Op::Counted(count)) = outpost_schema::settle::decode(&entries[0]) else { panic!("a count") };
    let cut = count.cut.expect("a cut");
    assert_eq!((cut.heard, cut.read), (vec![other(77, 3), other(78, 9)], vec![other(77, 5)]));
    assert_eq!((entries[0].version, shop.level(TEA).balance), (2, 4));
}

#[test]
fn what_is_given_back_is_no_longer_this_nodes() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.refuses("more_than_open", |shop| shop.node.give_back(&[line(TEA, 3), line(TEA, 2)]));
    shop.node.give_back(&[line(TEA, 3)]).expect("gives back");
    assert_eq!((shop.level(TEA), shop.open(TEA)), (Level { balance: 10, promised: 1 }, 1));
}

#[test]
fn an_ask_changes_nothing() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.node.ask(&[line(TEA, 5)]).expect("asks");
    assert_eq!((shop.level(TEA), shop.open(TEA), shop.count("pending")), (Level { balance: 10, promised: 4 }, 4, 0));
}

#[test]
fn an_order_handed_over_leaves_the_book_once() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let order = shipped_order(&shop);
    assert_eq!(shop.level(TEA), Level { balance: 10, promised: 4 });
    let order = shop.node.advance(order.order_id, OrderStatus::Shipped).expect("ships");
    assert_eq!((order.status, shop.level(TEA)), (OrderStatus::Shipped, Level { balance: 7, promised: 1 }));
    shop.node.advance(order.order_id, OrderStatus::Delivered).expect("delivers");
    assert_eq!((shop.level(TEA).balance, shop.count("stock_movements")), (7, 2));
    shop.refuses("already_there", |shop| shop.node.advance(order.order_id, OrderStatus::Shipped));
    shop.refuses("unknown_word", |shop| shop.node.advance(order.order_id, OrderStatus::Cancelled));
    shop.refuses("already_there", |shop| shop.node.cancel(order.order_id));
}

#[test]
fn a_cancellation_is_only_asked_for() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let order = shipped_order(&shop);
    shop.node.cancel(order.order_id).expect("asks");
    assert_eq!(
        shop.node.order(order.order_id).expect("reads"),
        Some(order.clone()),
        "nothing changes until it is told"
    );
    let mut cancelled = order.clone();
    cancelled.status = OrderStatus::Cancelled;
    shop.tell_as_of(2, &[], vec![Aggregate::Order(Box::new(cancelled)), image(TEA, 10, 1)]);
    shop.refuses("already_there", |shop| shop.node.cancel(order.order_id));
    shop.node.advance(order.order_id, OrderStatus::Shipped).expect("physical facts beat words");
    assert_eq!(shop.allotment(TEA).consumed, 6, "units that were nobody's count against who took them");
    assert_eq!(shop.level(TEA), Level { balance: 7, promised: 0 });
}

#[test]
fn another_warehouses_order_is_not_ours_to_move() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let mut order = shipped_order(&shop);
    order.order_id = outpost_schema::id::OrderId(Uuid::from_u128(61));
    order.warehouse_id = ELSEWHERE;
    shop.tell(vec![Aggregate::Order(Box::new(order.clone()))]);
    shop.refuses("other_warehouse", |shop| shop.node.advance(order.order_id, OrderStatus::Shipped));
    shop.refuses("other_warehouse", |shop| shop.node.cancel(order.order_id));
    let unknown = outpost_schema::id::OrderId(Uuid::from_u128(62));
    shop.refuses("unknown_order", |shop| shop.node.cancel(unknown));
}
