//! Orders that were taken although no allotment covered them.

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::{OrderId, ProductId},
    journal::Entry,
    op::{Cancel, Op, Sale},
};

use super::*;
use crate::confirm::confirm;

/// An order that is to be confirmed, and its entry.
fn awaited(till: &mut Till, tea: ProductId, units: i64) -> (OrderId, Entry) {
    let order = till.order_to_ship(&[(tea, units)]);
    let order_id = order.order_id;
    (order_id, till.write(&Op::Sale(Box::new(Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: true }))))
}

async fn confirmed(shop: &Shop, order: OrderId) -> i64 {
    shop.count(&format!("order_confirmations where order_id = '{order}' and confirmed_at is not null")).await
}

#[tokio::test]
async fn an_order_is_confirmed_once_the_goods_are_there_the_earlier_first() {
    let shop = Shop::open(70).await;
    let (warehouse, tea) = (shop.warehouse("Depot").await, shop.product().await);
    let mut till = shop.till("One", warehouse, false).await;
    let received = till.receive(&[(tea, 1)]);
    let ((first, one), (second, other)) = (awaited(&mut till, tea, 2), awaited(&mut till, tea, 3));
    till.push(&shop, &[received, one, other]).await;
    assert_eq!(shop.concern_kinds().await, ["unbacked"], "somebody waits for goods");
    assert_eq!(confirm(&shop.server).await.unwrap(), 0);
    assert_eq!(shop.count("feed where kind = 21").await, 2, "both are told");

    let more = [till.receive(&[(tea, 1)])];
    till.push(&shop, &more).await;
    assert_eq!(confirm(&shop.server).await.unwrap(), 1);
    assert_eq!((confirmed(&shop, first).await, confirmed(&shop, second).await), (1, 0));
    let more = [till.receive(&[(tea, 2)])];
    till.push(&shop, &more).await;
    assert_eq!(confirm(&shop.server).await.unwrap(), 0, "one is still missing");
    let more = [till.receive(&[(tea, 1)])];
    till.push(&shop, &more).await;
    assert_eq!((confirm(&shop.server).await.unwrap(), confirmed(&shop, second).await), (1, 1));
    assert_eq!(confirm(&shop.server).await.unwrap(), 0, "once");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_was_called_off_keeps_nobody_waiting() {
    let shop = Shop::open(71).await;
    let (warehouse, tea) = (shop.warehouse("Depot").await, shop.product().await);
    let mut till = shop.till("One", warehouse, false).await;
    let received = till.receive(&[(tea, 3)]);
    let ((first, one), (second, other)) = (awaited(&mut till, tea, 2), awaited(&mut till, tea, 2));
    till.push(&shop, &[received, one, other]).await;
    assert_eq!(confirm(&shop.server).await.unwrap(), 1);
    assert_eq!((confirmed(&shop, first).await, confirmed(&shop, second).await), (1, 0));
    let called_off = till.write(&Op::CancelAsked(Cancel { order_id: first, at: till.now() }));
    till.push(&shop, &[called_off]).await;
    assert_eq!((confirm(&shop.server).await.unwrap(), confirmed(&shop, second).await), (1, 1));
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    // What the feed tells of it.
    let key = outpost_schema::feed::Key { kind: Kind::Confirmation, ids: vec![second.0] };
    let scopes = crate::db::feed::Scopes { node_id: till.caller().node_id, warehouses: vec![warehouse] };
    let (key, scopes) = (&key, &scopes);
    let told = shop
        .server
        .db
        .snapshot(|tx| async move { crate::db::images::load(&tx, scopes, std::slice::from_ref(key)).await });
    let told = told.await.unwrap();
    assert!(matches!(told.get(key), Some(Aggregate::Confirmation(told)) if told.confirmed_at.is_some()), "{told:?}");
}
