//! Taking goods back: what is left of an order, at whichever till, and never more than that.

use outpost_schema::{
    id::{OrderId, ReturnId},
    order::{Fulfilment, Order, OrderStatus, PaymentStatus, Receipt, Tender},
    returned::{Condition, Return},
    stock::{Allotment, Level},
};
use outpost_sync::round::Local as _;
use uuid::Uuid;

use super::*;
use crate::returns::{Back, Caps, LineBack, Named, RefundWanted, ReturnWanted, What};

fn all_of(order: &Order) -> ReturnWanted {
    ReturnWanted {
        return_id: None,
        order: Named::Order(order.order_id),
        what: What::Everything(Condition::Shelf),
        refund: RefundWanted::default(),
        taken_by: None,
        reason: "too small".to_owned(),
    }
}

fn lines_of(order: &Order, lines: &[(ProductId, i64)]) -> ReturnWanted {
    let line = |&(product_id, units): &(ProductId, i64)| LineBack {
        product_id,
        order_item_id: None,
        quantity: Some(amount(units)),
        condition: Condition::Shelf,
    };
    ReturnWanted { what: What::Lines(lines.iter().map(line).collect()), ..all_of(order) }
}

/// From a shop whose orders are not known here.
fn foreign(lines: &[(ProductId, i64)], given: Option<&str>) -> ReturnWanted {
    let order = Named::Receipt(Receipt { prefix: "Z9".to_owned(), number: 7 });
    let refund = RefundWanted { amount: given.map(money), ..RefundWanted::default() };
    let nobody_s = OrderId(Uuid::nil());
    let ReturnWanted { what, .. } = lines_of(&Order { order_id: nobody_s, ..an_order() }, lines);
    ReturnWanted { order, what, refund, return_id: None, taken_by: None, reason: String::new() }
}

fn an_order() -> Order {
    let shop = Shop::new(&physical());
    shop.sell(&[(TEA, 1)]).expect("sells").order
}

impl Shop {
    fn back(&self, wanted: &ReturnWanted) -> Result<Return, Error> {
        self.node.take_back(wanted, Caps::usual())
    }

    fn refundable(&self, order: &Order) -> String {
        self.node.seen(order.order_id).expect("reads").expect("known").left.refundable().to_string()
    }
}

fn given(back: &Return) -> Vec<String> {
    back.refunds.iter().map(|refund| format!("{} {}", refund.payment.tender, refund.payment.amount)).collect()
}

#[test]
fn a_return_is_one_op_with_every_effect_and_the_order_stays_as_it_was() {
    let shop = Shop::new(&home());
    shop.stock(TEA, 10, 10);
    let order = shop.sell(&[(TEA, 3)]).expect("sells").order;
    let back = shop.back(&lines_of(&order, &[(TEA, 2)])).expect("taken back");
    assert_eq!((back.receipt.to_string(), given(&back)), ("K1-000002".to_owned(), vec!["card -5.00".to_owned()]));
    assert_eq!(back.refunds[0].payment.transaction_ref.as_deref(), Some("T-1"));
    assert_eq!(shop.level(TEA), Level { balance: 9, promised: 9 });
    let own = Allotment { granted: 10, consumed: 3, received: 2, ..Allotment::default() };
    assert_eq!(shop.allotment(TEA), own, "what comes back to a home is its own to sell");
    assert_eq!((shop.count("journal"), shop.count("stock_movements"), shop.count("payments")), (2, 2, 2));
    assert_eq!(shop.node.order(order.order_id).expect("reads"), Some(order.clone()));
    assert_eq!(shop.node.returned(back.return_id).expect("reads"), Some(back));
    assert_eq!(shop.refundable(&order), "2.50");

    shop.back(&all_of(&order)).expect("the rest of it");
    let seen = shop.node.seen(order.order_id).expect("reads").expect("known");
    assert_eq!((seen.left.lines[0].left(), seen.returns.len()), (0, 2));
    assert_eq!(seen.order.payments[0].status, PaymentStatus::Refunded);
    shop.refuses("nothing_left", |shop| shop.back(&all_of(&order)));
    shop.refuses("more_than_bought", |shop| shop.back(&lines_of(&order, &[(TEA, 1)])));
    shop.node.examine().expect("the journal is a chain");
}

#[test]
fn what_nobody_can_sell_does_not_go_back_to_the_shelf() {
    for card in [home(), card()] {
        let shop = Shop::new(&card);
        shop.stock(TEA, 10, 10);
        let order = shop.sell(&[(TEA, 3)]).expect("sells").order;
        let before = (shop.level(TEA), shop.open(TEA));
        let broken = ReturnWanted { what: What::Everything(Condition::Damaged), ..all_of(&order) };
        shop.back(&broken).expect("taken back");
        assert_eq!((shop.level(TEA), shop.open(TEA)), before);
        assert_eq!(shop.count("stock_movements where reason = 'damaged' and delta = -3"), 1);
        assert_eq!(shop.count("stock_movements where reason = 'returned' and delta = 3"), 1);
    }
}

#[test]
fn a_repeat_is_answered_as_the_first_time() {
    let shop = Shop::new(&physical());
    let order = shop.sell(&[(TEA, 2)]).expect("sells").order;
    let wanted = ReturnWanted { return_id: Some(ReturnId(Uuid::from_u128(77))), ..all_of(&order) };
    let first = shop.back(&wanted).expect("taken back");
    let rows = shop.rows();
    assert_eq!(shop.reopened().back(&wanted).expect("the same"), first);
    assert_eq!(rows[0], 2, "one sale, one return");
}

#[test]
fn money_goes_back_as_it_came_and_never_more_of_it() {
    let shop = Shop::new(&physical());
    let split = vec![Tendered::card("T-1").of(money("5.00")), Tendered::cash(money("10"))];
    let wanted = SaleWanted { lines: vec![wanted(TEA, 4)], terms: Terms::carried_out(split) };
    let order = shop.node.sell(&wanted).expect("sells").order;
    let with = |refund: RefundWanted, lines: i64| ReturnWanted { refund, ..lines_of(&order, &[(TEA, lines)]) };
    let cash = |amount: &str| RefundWanted { amount: Some(money(amount)), back: Some(Back::Cash), otherwise: false };

    shop.refuses("refund_too_much", |shop| shop.back(&with(cash("10.01"), 1)));
    shop.refuses("other_tender", |shop| shop.back(&with(cash("5.01"), 1)));
    shop.refuses("negative_tender", |shop| shop.back(&with(cash("-1"), 1)));
    let silent = ReturnWanted { reason: " ".to_owned(), ..with(RefundWanted { otherwise: true, ..cash("6.00") }, 1) };
    shop.refuses("empty", |shop| shop.back(&silent));

    assert_eq!(given(&shop.back(&with(RefundWanted::default(), 1)).expect("to the card first")), ["card -2.50"]);
    let otherwise = RefundWanted { otherwise: true, ..cash("6.00") };
    let back = shop.back(&with(otherwise, 1)).expect("the reason is given");
    assert_eq!(given(&back), ["cash -2.50", "cash -3.50"]);
    assert_eq!(back.refunds[0].refunds, Some(order.payments[0].payment_id), "it gives the card's payment back");
    assert_eq!(shop.refundable(&order), "1.50");
    let back = shop.back(&with(RefundWanted::default(), 2)).expect("what is left of what was paid");
    assert_eq!(given(&back), ["cash -1.50"]);
}

#[test]
fn parts_are_worth_as_much_as_the_whole() {
    let shop = Shop::new(&physical());
    let order = shop.sell(&[(CHEESE, 333)]).expect("sells").order;
    assert_eq!(order.total_amount, money("6.66"));
    for (grams, worth) in [(111, "card -2.22"), (1, "card -0.02"), (221, "card -4.42")] {
        let back = shop.back(&lines_of(&order, &[(CHEESE, grams)])).expect("taken back");
        assert_eq!(given(&back), [worth]);
    }
}

#[test]
fn what_was_not_handed_over_is_cancelled_instead() {
    let shop = Shop::new(&physical());
    let mut terms = Terms::carried_out(vec![Tendered::card("T-1")]);
    terms.fulfilment = Fulfilment::Ship;
    let order = shop.node.sell(&SaleWanted { lines: vec![wanted(TEA, 1)], terms }).expect("sells").order;
    shop.refuses("not_handed_over", |shop| shop.back(&all_of(&order)));
    let money_alone = RefundWanted { amount: Some(money("2.50")), ..RefundWanted::default() };
    let back = ReturnWanted { what: What::Lines(vec![]), refund: money_alone, ..all_of(&order) };
    assert_eq!(given(&shop.back(&back).expect("money alone")), ["card -2.50"]);
    shop.node.advance(order.order_id, OrderStatus::Delivered).expect("handed over");
    assert_eq!(given(&shop.back(&all_of(&order)).expect("taken back")), Vec::<String>::new());
}

#[test]
fn a_receipt_from_elsewhere_is_taken_within_a_limit() {
    let shop = Shop::new(&physical());
    shop.stock(TEA, 10, 0);
    let elsewhere = ReturnWanted { order: foreign(&[], None).order, ..all_of(&an_order()) };
    shop.refuses("unknown_receipt", |shop| shop.back(&elsewhere));
    shop.refuses("refund_unknown", |shop| shop.back(&foreign(&[(TEA, 1)], None)));
    shop.refuses("refund_needs_line", |shop| shop.back(&foreign(&[(TEA, 1)], Some("50.01"))));
    let back = shop.back(&foreign(&[(TEA, 2)], Some("50"))).expect("taken back");
    assert!(back.is_by_receipt() && back.lines[0].order_item_id.is_none());
    assert_eq!((given(&back), shop.level(TEA).balance), (vec!["cash -50.00".to_owned()], 12));
    for _ in 0..3 {
        shop.back(&foreign(&[(TEA, 1)], Some("50"))).expect("within the limit of all");
    }
    shop.refuses("refund_needs_line", |shop| shop.back(&foreign(&[(TEA, 1)], Some("0.01"))));
    shop.back(&foreign(&[(TEA, 1)], Some("0"))).expect("the goods alone");
    // Head office is heard.
    shop.tell(vec![]);
    shop.back(&foreign(&[(TEA, 1)], Some("0.01"))).expect("a new limit");
}

#[test]
fn what_another_shop_took_back_is_known_once_the_feed_told_it() {
    let shop = Shop::new(&physical());
    let order = shop.sell(&[(TEA, 2)]).expect("sells").order;
    let there = Shop::new(&Card { node_id: NodeId(Uuid::from_u128(99)), prefix: "K9".to_owned(), ..physical() });
    let receipt = Named::Receipt(order.receipt.clone());
    let by_receipt = ReturnWanted { order: receipt, ..foreign(&[(TEA, 1)], Some("2.50")) };
    let mut back = there.back(&by_receipt).expect("taken back by its receipt");
    // As head office books it.
    back.order_id = order.order_id;
    back.lines[0].order_item_id = Some(order.items[0].order_item_id);
    back.refunds[0].refunds = order.payment_id;
    for place in [&shop, &there] {
        place.tell(vec![Aggregate::Return(Box::new(back.clone()))]);
        assert_eq!(place.node.returned(back.return_id).expect("reads"), Some(back.clone()));
        assert_eq!((place.count("returns"), place.count("payments where return_id is not null")), (1, 1));
    }
    assert_eq!(shop.refundable(&order), "2.50");
    shop.refuses("more_than_bought", |shop| shop.back(&lines_of(&order, &[(TEA, 2)])));
    assert_eq!(given(&shop.back(&all_of(&order)).expect("the other one")), ["card -2.50"]);
    assert_eq!(shop.node.unsent().expect("reads").entries.len(), 2);
}

#[test]
fn it_goes_to_the_tender_of_the_payment() {
    let shop = Shop::new(&physical());
    let order = shop.sell(&[(TEA, 1)]).expect("sells").order;
    let card = Back::Card { reference: Some("R-9".to_owned()) };
    let refund = RefundWanted { back: Some(card), ..RefundWanted::default() };
    let back = shop.back(&ReturnWanted { refund, ..all_of(&order) }).expect("taken back");
    let payment = &back.refunds[0].payment;
    assert_eq!((payment.tender, payment.transaction_ref.as_deref()), (Tender::Card, Some("R-9")));
}
