//! What happened, happened: the book follows, says what is odd, and stops saying it once it is explained.

use outpost_node::sell::{SaleWanted, Tendered, Terms, WantedLine};
use outpost_schema::{
    id::ProductId,
    order::{Fulfilment, OrderStatus},
};
use outpost_sync::{
    round::{Local as _, Remote as _},
    wire::Pulled,
};

use crate::support::{Rule, Shop, amount, line};

#[tokio::test]
async fn goods_that_the_book_does_not_have_are_sold_all_the_same() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let jam = shop.product("JAM", "3.20", 1).await;
    let till = &shop.tills[0];
    till.until_level().await;
    till.sell(jam, 3).expect("it is in the customer's hand");
    assert_eq!((till.shown(jam).quantity(), till.shown(jam).owed()), (0, 2));
    till.until_level().await;
    assert_eq!(shop.concerns().await, [("owed".to_owned(), format!("{jam}/{}", shop.high_street))]);
    assert_eq!(till.node.status().expect("readable").concerns, 1, "the shop hears of it");
    shop.agree().await;

    till.sell(jam, 1).expect("another one");
    till.until_level().await;
    assert_eq!(shop.concerns().await.len(), 1, "still the one concern");

    till.node.receive(&[line(jam, 10)]).expect("the delivery that explains it");
    till.until_level().await;
    assert_eq!(shop.concerns().await, []);
    assert_eq!((till.shown(jam).quantity(), till.node.status().expect("readable").concerns), (7, 0));
    shop.agree().await;
}

#[tokio::test]
async fn goods_promised_to_another_till_are_sold_all_the_same() {
    let mut shop = Shop::open(1).await;
    let counter = shop.add_till(shop.high_street, Rule::Physical).await;
    let jam = shop.product("JAM", "3.20", 5).await;
    shop.allot(0, jam, 5).await;
    shop.all_level().await;

    let physical = &shop.tills[counter];
    physical.sell(jam, 2).expect("it is in the customer's hand");
    shop.all_level().await;
    let subject = format!("{jam}/{}", shop.high_street);
    assert_eq!(shop.concerns().await, [("unbacked".to_owned(), subject.clone())]);
    let level = physical.shown(jam);
    assert_eq!((level.quantity(), level.promised, level.unbacked()), (3, 5, 2));
    shop.agree().await;

    shop.tills[0].sell(jam, 5).expect("all five were promised to it");
    shop.all_level().await;
    assert_eq!(shop.concerns().await, [("owed".to_owned(), subject)], "the promise is kept, the book is short");
    shop.agree().await;

    physical.node.receive(&[line(jam, 2)]).expect("the two that were never booked");
    shop.all_level().await;
    assert_eq!(shop.concerns().await, []);
    shop.agree().await;
}

#[tokio::test]
async fn an_order_to_be_shipped_keeps_its_units_until_they_leave() {
    let shop = Shop::open(1).await;
    let jam = shop.product("JAM", "3.20", 5).await;
    shop.allot(0, jam, 4).await;
    let till = &shop.tills[0];
    let shipped = till.node.sell(&to_be_shipped(jam, 3)).expect("allotted").order;
    let called_off = till.node.sell(&to_be_shipped(jam, 1)).expect("allotted").order;
    assert_eq!((till.shown(jam).quantity(), till.shown(jam).promised), (5, 4), "still there, and spoken for");
    till.until_level().await;
    shop.agree().await;

    till.node.advance(shipped.order_id, OrderStatus::Shipped).expect("it leaves");
    till.node.cancel(called_off.order_id).expect("asked");
    till.until_level().await;
    till.until_level().await;
    let order = till.node.order(called_off.order_id).expect("readable").expect("known");
    assert_eq!(order.status, OrderStatus::Cancelled);
    let shown = till.shown(jam);
    assert_eq!((shown.quantity(), shown.promised), (2, 1), "of two that are left it has one again, the other waits");
    shop.agree().await;
}

#[tokio::test]
async fn goods_that_two_tills_hand_over_leave_the_book_once_and_both_show_so() {
    let shop = Shop::open(2).await;
    let jam = shop.product("JAM", "3.20", 5).await;
    shop.allot(0, jam, 3).await;
    let (till, other) = (&shop.tills[0], &shop.tills[1]);
    let order = till.node.sell(&to_be_shipped(jam, 3)).expect("allotted").order;
    shop.all_level().await;

    till.node.advance(order.order_id, OrderStatus::Shipped).expect("it leaves");
    till.until_level().await;
    other.node.advance(order.order_id, OrderStatus::Shipped).expect("it has not heard");
    // What the first one told arrives between the second one's push and its pull.
    let (standing, cursor) = (other.node.standing().expect("readable"), other.node.cursor().expect("readable"));
    let pulled = other.line.pull(standing, cursor.as_deref(), 0).await.expect("a good line");
    let Pulled::Page(page) = pulled else { panic!("{pulled:?}") };
    other.node.apply(cursor.as_deref(), &page).expect("applies");
    assert_eq!(other.shown(jam).balance, 5 - 3 - 3, "each seems to have handed over its own");
    shop.all_level().await;
    for shown in [till.shown(jam), other.shown(jam)] {
        assert_eq!((shown.balance, shown.promised), (5 - 3, 1), "one of two that are left waits for whoever asks");
    }
    shop.agree().await;
}

/// A sale of goods that leave later.
fn to_be_shipped(product_id: ProductId, units: i64) -> SaleWanted {
    SaleWanted {
        lines: vec![WantedLine { product_id, quantity: amount(units), unit_price: None }],
        terms: Terms { fulfilment: Fulfilment::Ship, ..Terms::carried_out(vec![Tendered::card("terminal 1")]) },
    }
}
