//! What a push does to stock: facts beyond the book, homes, asks, orders to be handed over.

use outpost_schema::{
    clock::Timestamp,
    movement::{Adjusted, Cause, Change, Lot, Remark},
    op::{Cancel, Op, StatusTold},
    order::OrderStatus,
    quantity::Amount,
    verdict::{Grant, Refusal, Verdict},
};

use super::*;

#[tokio::test]
async fn a_sale_beyond_the_book_is_a_fact_and_its_concern_goes_by_itself() {
    let shop = Shop::open(40).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let sold = [till.receive(&[(tea, 1)]), till.sell(&[(tea, 4)])];
    assert_eq!(till.push(&shop, &sold).await, [Verdict::Accepted, Verdict::Accepted]);
    assert_eq!(shop.level(tea, warehouse).await, (-3, 0));
    assert_eq!(shop.concern_kinds().await, ["owed"]);
    assert_eq!(shop.concerns().await[0].detail["units"], 3);

    let late = [till.receive(&[(tea, 2)])];
    till.push(&shop, &late).await;
    assert_eq!(shop.concerns().await[0].detail["units"], 1, "brought up to date, not opened twice");
    let later = [till.receive(&[(tea, 2)])];
    till.push(&shop, &later).await;
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn goods_sold_that_are_promised_to_another_are_unbacked_with_a_concern() {
    let shop = Shop::open(41).await;
    let (warehouse, tea) = (shop.warehouse("Depot").await, shop.product().await);
    let (mut one, mut other) = (shop.till("One", warehouse, false).await, shop.till("Other", warehouse, false).await);
    let entries = [one.receive(&[(tea, 5)]), one.ask(&[(tea, 4)])];
    let granted = Verdict::Granted(vec![Grant { product_id: tea, amount: Amount::new(4).unwrap() }]);
    assert_eq!(one.push(&shop, &entries).await, [Verdict::Accepted, granted]);
    let sold = [other.sell(&[(tea, 3)])];
    assert_eq!(other.push(&shop, &sold).await, [Verdict::Accepted], "it was in the customer's hand");
    assert_eq!(shop.level(tea, warehouse).await, (2, 4));
    assert_eq!(shop.concern_kinds().await, ["unbacked"]);
    shop.keeps_its_laws().await;

    let back = Op::GaveBack(one.goods(&[(tea, 2)]));
    let back = [one.write(&back)];
    one.push(&shop, &back).await;
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_ask_gets_what_is_left_and_then_nothing() {
    let shop = Shop::open(42).await;
    let (warehouse, tea) = (shop.warehouse("Depot").await, shop.product().await);
    let mut till = shop.till("One", warehouse, false).await;
    let entries = [till.receive(&[(tea, 5)]), till.ask(&[(tea, 9)]), till.ask(&[(tea, 1)])];
    let granted = Verdict::Granted(vec![Grant { product_id: tea, amount: Amount::new(5).unwrap() }]);
    let refused = Verdict::Refused(Refusal::NothingLeft);
    assert_eq!(till.push(&shop, &entries).await, [Verdict::Accepted, granted, refused]);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_expired_hold_refuses_nobody() {
    let shop = Shop::open(43).await;
    let (warehouse, tea) = (shop.warehouse("Depot").await, shop.product().await);
    let mut till = shop.till("One", warehouse, false).await;
    let received = [till.receive(&[(tea, 2)])];
    till.push(&shop, &received).await;
    let hold = |expires_at: Timestamp, amount: i64| {
        let (shop, hold_id) = (&shop, outpost_schema::id::HoldId::new(till.now(), till.chance()));
        async move {
            let sql = "with promise as (
                    update stock set promised = promised + $4 where product_id = $2 and warehouse_id = $3
                ) insert into holds (hold_id, product_id, warehouse_id, amount, expires_at, created_at)
                  values ($1, $2, $3, $4, $5, now())";
            shop.client.execute(sql, &[&hold_id, &tea, &warehouse, &amount, &expires_at]).await.unwrap();
        }
    };
    hold(till.now(), 1).await;
    hold(till.now().plus_seconds(3600), 1).await;
    let asked = [till.ask(&[(tea, 2)])];
    let granted = Verdict::Granted(vec![Grant { product_id: tea, amount: Amount::ONE }]);
    assert_eq!(till.push(&shop, &asked).await, [granted]);
    assert_eq!(shop.count("holds where outcome = 'expired'").await, 1);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_order_to_be_handed_over_is_promised_until_it_is() {
    let shop = Shop::open(44).await;
    let (warehouse, tea) = (shop.warehouse("Depot").await, shop.product().await);
    let mut till = shop.till("One", warehouse, false).await;
    let order = till.order_to_ship(&[(tea, 2)]);
    let shipped =
        StatusTold { order_id: order.order_id, status: OrderStatus::Shipped, at: till.now(), called_off: false };
    let entries = [till.receive(&[(tea, 5)]), till.write(&sale(order))];
    till.push(&shop, &entries).await;
    assert_eq!(shop.level(tea, warehouse).await, (5, 4), "two for the order, and two for the next");
    shop.keeps_its_laws().await;
    let told = [till.write(&Op::StatusTold(shipped))];
    till.push(&shop, &told).await;
    assert_eq!(shop.level(tea, warehouse).await, (3, 2));
    assert_eq!(shop.count("orders where status = 'shipped'").await, 1);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_is_called_off_at_a_home_is_its_node_s_to_sell_again() {
    let shop = Shop::open(45).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let order = till.order_to_ship(&[(tea, 2)]);
    let cancel = Cancel { order_id: order.order_id, at: till.now() };
    let entries = [till.receive(&[(tea, 5)]), till.write(&sale(order)), till.write(&Op::CancelAsked(cancel))];
    till.push(&shop, &entries).await;
    assert_eq!(shop.level(tea, warehouse).await, (5, 5));
    let again = [till.write(&Op::CancelAsked(cancel))];
    assert_eq!(till.push(&shop, &again).await, [Verdict::Refused(Refusal::AlreadyCancelled)]);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_another_brings_to_a_home_is_its_node_s_to_sell() {
    let shop = Shop::open(46).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (kiosk, mut handheld) = (shop.till("Kiosk", warehouse, true).await, shop.till("Hand", warehouse, false).await);
    let entries = [handheld.receive(&[(tea, 5)])];
    handheld.push(&shop, &entries).await;
    let open = shop.client.query_one("select incarnation_id, granted from allotments", &[]).await.unwrap();
    assert_eq!((open.get(0), open.get(1)), (kiosk.card.incarnation_id, 5_i64));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_movement_says_why_and_who_and_of_which_lot() {
    let shop = Shop::open(48).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let change = Change {
        product_id: tea,
        delta: -2,
        lot: Lot { lot: Some("L7".to_owned()), expires: Some("2027-01-31".to_owned()) },
    };
    let remark = Remark { person: Some("Ada".to_owned()), note: Some("dropped".to_owned()) };
    let broken = Adjusted { warehouse_id: warehouse, cause: Cause::Damaged, lines: vec![change], remark };
    let entries = [till.receive(&[(tea, 5)]), till.write(&Op::Adjusted(broken))];
    assert_eq!(till.push(&shop, &entries).await, [Verdict::Accepted, Verdict::Accepted]);
    assert_eq!(shop.level(tea, warehouse).await, (3, 3));
    let said = "select delta || ' ' || reason || ' ' || person || ' ' || note || ' ' || lot || ' ' || expires
                from stock_movements where person is not null";
    let said: String = shop.client.query_one(said, &[]).await.unwrap().get(0);
    assert_eq!(said, "-2 damaged Ada dropped L7 2027-01-31");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_law_that_is_broken_is_told() {
    let shop = Shop::open(47).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let entries = [till.receive(&[(tea, 5)]), till.sell(&[(tea, 1)])];
    till.push(&shop, &entries).await;
    shop.keeps_its_laws().await;
    let breaks = [
        "update payments set user_id = payment_id",
        "update stock set balance = balance + 1",
        "update stock set promised = promised - 1",
        "delete from stock_movements where reason = 'sold'",
        "update incarnations set acked_seq = 3",
        "insert into concerns select gen_random_uuid(), 'owed', 'x', '{}', gen_random_uuid(), null, null, now(), null",
        "update ops set verdict = 'set_aside' where seq = 2",
        "update stock set balance = -1",
        "insert into op_lacks select incarnation_id, seq, incarnation_id from ops",
    ];
    for sql in breaks {
        shop.client.batch_execute("begin").await.unwrap();
        shop.client.batch_execute(sql).await.unwrap();
        shop.client.batch_execute("commit").await.unwrap();
        let broken = shop.server.laws().await.unwrap();
        assert!(!broken.is_empty(), "{sql}");
    }
}
