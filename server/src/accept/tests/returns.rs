//! Goods that come back, at two tills that did not hear of each other, over the real tables.

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::{PaymentId, ReturnId},
    op::Op,
    order::{Order, Payment, Receipt},
    quantity::Amount,
    returned::{Condition, Refund, Return, ReturnLine},
    verdict::{SetAside, Verdict},
};
use outpost_sync::wire::Pulled;

use super::*;
use crate::{
    db::marks,
    feed::{self, Limits},
};

impl Till {
    /// So many of the order's first line come back here, and so much of its first payment.
    fn back(&mut self, of: &Order, units: i64, refund: &str) -> Return {
        self.receipts += 1;
        let line = ReturnLine {
            order_item_id: Some(of.items[0].order_item_id),
            product_id: of.items[0].product_id,
            quantity: Amount::new(units).unwrap(),
            condition: Condition::Shelf,
        };
        let payment = Payment {
            payment_id: PaymentId::new(self.now(), self.chance()),
            amount: -refund.parse::<outpost_schema::money::Money>().unwrap(),
            ..of.payments[0].clone()
        };
        Return {
            return_id: ReturnId::new(self.now(), self.chance()),
            order_id: of.order_id,
            user_id: of.user_id,
            order_receipt: of.receipt.clone(),
            receipt: Receipt { prefix: self.card.prefix.clone(), number: self.receipts },
            node_id: self.card.node_id,
            warehouse_id: self.card.warehouse_id,
            taken_by: None,
            reason: "too small".to_owned(),
            created_at: self.now(),
            lines: vec![line],
            refunds: vec![Refund { refunds: of.payment_id, payment }],
        }
    }

    /// The same, of an order that is not known here.
    fn back_by_receipt(&mut self, of: &Order, units: i64, refund: &str) -> Return {
        let mut back = Return { order_id: of.receipt.stand_in(), ..self.back(of, units, refund) };
        back.lines[0].order_item_id = None;
        back.refunds[0].refunds = None;
        back
    }

    async fn take(&mut self, shop: &Shop, back: &Return) -> Verdict {
        let entry = self.write(&Op::Returned(Box::new(back.clone())));
        self.push(shop, &[entry]).await.remove(0)
    }

    /// What the feed tells this till of returns and orders.
    async fn told(&self, shop: &Shop) -> Vec<Aggregate> {
        let pulled = feed::page(&shop.server, self.caller(), self.standing(), None, Limits::default()).await;
        let Pulled::Page(page) = pulled.unwrap().pulled else { panic!("a page was expected") };
        let kinds = [Kind::Return, Kind::Order];
        page.aggregates.into_iter().filter(|told| kinds.contains(&told.key().kind)).collect()
    }
}

async fn two_shops(seed: u64) -> (Shop, Till, Till, Order) {
    let shop = Shop::open(seed).await;
    let (here, there, tea) = (shop.warehouse("Here").await, shop.warehouse("There").await, shop.product().await);
    let (mut one, mut other) = (shop.till("One", here, false).await, shop.till("Other", there, true).await);
    for till in [&mut one, &mut other] {
        let goods = [till.receive(&[(tea, 10)])];
        till.push(&shop, &goods).await;
    }
    let order = one.order(&[(tea, 3)]);
    let sold = [one.write(&sale(order.clone()))];
    one.push(&shop, &sold).await;
    (shop, one, other, order)
}

#[tokio::test]
async fn what_two_shops_take_back_is_one_book_and_one_concern_of_each_kind() {
    let (shop, mut one, mut other, order) = two_shops(80).await;
    let price = order.payments[0].amount;
    let tea = order.items[0].product_id;
    let back = one.back(&order, 2, "1.00");
    assert_eq!(one.take(&shop, &back).await, Verdict::Accepted);
    let mut away = other.back_by_receipt(&order, 2, &price.to_string());
    away.lines[0].condition = Condition::Damaged;
    assert_eq!(other.take(&shop, &away).await, Verdict::Accepted);
    assert_eq!(shop.level(tea, one.card.warehouse_id).await.0, 10 - 3 + 2);
    assert_eq!(shop.level(tea, other.card.warehouse_id).await.0, 10, "what is damaged came and went");
    assert_eq!(shop.concern_kinds().await, ["refunded_too_much", "returned_twice"]);
    assert_eq!(shop.concerns().await[0].subject, order.order_id.to_string());
    assert_eq!(shop.count("payments where status = 'refunded' and return_id is null").await, 1);
    assert_eq!(shop.count("payments where return_id is not null and refunds_id is not null").await, 2);
    shop.keeps_its_laws().await;
    let third = one.back(&order, 1, "0.50");
    assert_eq!(one.take(&shop, &third).await, Verdict::Accepted);
    for concern in shop.concerns().await {
        let parts = concern.detail["parts"].as_array().unwrap();
        let told: Vec<_> = parts.iter().map(|part| part["return"].as_str().unwrap()).collect();
        assert_eq!(told, [away.receipt.to_string(), third.receipt.to_string()], "{}", concern.kind);
    }

    // Where it was sold both are known, and where it was taken back that one is.
    let told = one.told(&shop).await;
    let returns = told.iter().filter(|told| matches!(told, Aggregate::Return(_))).count();
    assert_eq!((returns, told.len()), (3, 4));
    let told = other.told(&shop).await;
    let [Aggregate::Return(named)] = told.as_slice() else { panic!("one return was expected: {told:?}") };
    assert_eq!((named.order_id, named.lines[0].order_item_id), (order.order_id, Some(order.items[0].order_item_id)));
    assert_eq!(named.refunds[0].refunds, order.payment_id);
    let wrong = shop.server.db.transaction(|tx| async move { marks::wrong(&tx).await }).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn a_return_waits_for_its_order_by_id_or_by_receipt() {
    let shop = Shop::open(81).await;
    let (here, there, tea) = (shop.warehouse("Here").await, shop.warehouse("There").await, shop.product().await);
    let (mut one, mut other) = (shop.till("One", here, false).await, shop.till("Other", there, false).await);
    let order = one.order(&[(tea, 3)]);
    let sold = one.write(&sale(order.clone()));
    for (back, lacked) in [
        (other.back_by_receipt(&order, 1, "0.01"), order.receipt.stand_in()),
        (other.back(&order, 1, "0.01"), order.order_id),
    ] {
        let lacks = Verdict::SetAside(SetAside::Lacks { ids: vec![lacked.0] });
        assert_eq!(other.take(&shop, &back).await, lacks);
    }
    assert_eq!(shop.count("returns").await, 0);
    one.push(&shop, &[sold]).await;
    assert_eq!(shop.count("ops where verdict = 'accepted' and kind = 'returned'").await, 2);
    assert_eq!(shop.level(tea, there).await.0, 2);
    assert_eq!(shop.concern_kinds().await, ["owed"], "the sale itself went beyond the book");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn no_id_of_a_return_breaks_the_batch() {
    let (shop, mut one, _, order) = two_shops(82).await;
    let first = one.back(&order, 1, "0.01");
    let mut payment = one.back(&order, 1, "0.01");
    payment.refunds[0].payment.payment_id = order.payments[0].payment_id;
    let mut refund = one.back(&order, 1, "0.01");
    refund.refunds[0].payment.payment_id = first.refunds[0].payment.payment_id;
    let same = Return { reason: "another".to_owned(), ..first.clone() };
    let entries = [&first, &payment, &refund, &same].map(|back| one.write(&Op::Returned(Box::new(back.clone()))));
    let verdicts = one.push(&shop, &entries).await;
    let taken = |id| Verdict::SetAside(SetAside::IdTaken { id });
    let (paid, given) = (order.payments[0].payment_id.0, first.refunds[0].payment.payment_id.0);
    assert_eq!(verdicts, [Verdict::Accepted, taken(paid), taken(given), taken(first.return_id.0)]);
    let mut later = one.back(&order, 1, "0.01");
    later.refunds[0].payment.payment_id = first.refunds[0].payment.payment_id;
    assert_eq!(one.take(&shop, &later).await, taken(given), "in a batch of its own too");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_law_of_returns_that_is_broken_is_told() {
    let (shop, mut one, _, order) = two_shops(83).await;
    let back = one.back(&order, 1, "0.01");
    one.take(&shop, &back).await;
    shop.keeps_its_laws().await;
    for sql in [
        "update return_lines set quantity = 2",
        "update return_lines set quantity = 9",
        "update payments set amount = amount * 100000 where return_id is not null",
        "update payments set status = 'refunded' where return_id is null",
        "update returns set seq = 1",
    ] {
        shop.client.batch_execute("begin").await.unwrap();
        shop.client.batch_execute(sql).await.unwrap();
        let rows = shop.client.batch_execute("commit").await;
        rows.unwrap();
        assert!(!shop.server.laws().await.unwrap().is_empty(), "{sql}");
    }
}
