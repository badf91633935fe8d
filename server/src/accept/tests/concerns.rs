//! Concerns: each surprise once, and how people settle them.

use outpost_schema::{
    id::{ConcernId, UserId},
    movement::{Adjusted, Cause, Change, Lot, Remark},
    op::StatusTold,
    op::{Customer, Op},
    order::OrderStatus,
    settlement::Settlement,
    verdict::ConcernKind,
};
use uuid::Uuid;

use super::*;
use crate::{
    db::office::{self, ConcernShown, ConcernsWanted},
    devices::{self, Signed},
    settle::{self, Settled, Unsettled, Wanted},
};

fn wanted(number: u128, settlement: Settlement) -> Wanted {
    let note = Some("we looked".to_owned());
    Wanted { settlement_id: Uuid::from_u128(number), settlement, by: "Ada".to_owned(), note, act: None }
}

async fn settled(shop: &Shop, concern: ConcernId, wanted: &Wanted) -> Result<Settled, Unsettled> {
    settle::settle(&shop.server, concern, wanted).await
}

async fn the(shop: &Shop, kind: ConcernKind) -> ConcernId {
    shop.concerns().await.iter().find(|concern| concern.kind == kind).unwrap().concern_id
}

async fn shown(shop: &Shop, concern: ConcernId) -> ConcernShown {
    shop.server.db.snapshot(|tx| async move { office::show_concern(&tx, concern).await }).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_surprise_lands_here_once_however_often_it_is_told() {
    let shop = Shop::open(220).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let mut wrong = till.order(&[(tea, 1)]);
    wrong.total_amount = "9".parse().unwrap();
    let mut foreign = till.order(&[(tea, 1)]);
    foreign.payments[0].currency = "EUR".parse().unwrap();
    let called_off = till.order_to_ship(&[(tea, 1)]);
    let order_id = called_off.order_id;
    let cancel = Op::CancelAsked(outpost_schema::op::Cancel { order_id, at: till.now() });
    let told = StatusTold { order_id, status: OrderStatus::Shipped, at: till.now(), called_off: false };
    let customer = |till: &Till, number: u128| {
        let user = till.user(UserId(Uuid::from_u128(number)), "a@b.c");
        Op::CustomerAdded(Box::new(Customer { user, address: None }))
    };
    let ops = [
        sale(wrong),
        sale(foreign),
        sale(called_off),
        cancel,
        Op::StatusTold(told),
        customer(&till, 5),
        customer(&till, 6),
    ];
    let mut entries: Vec<_> = ops.iter().map(|op| till.write(op)).collect();
    entries.push(till.sell(&[(shop.product_id(), 1)]));
    // Each alone, each again, then all of them again, with the answers lost.
    for number in 0..entries.len() {
        for _ in 0..2 {
            till.say(&shop, &entries[..=number]).await.unwrap();
        }
    }
    till.push(&shop, &entries).await;
    let expected = ["email_taken", "other_currency", "owed", "set_aside", "shipped_though_cancelled", "total_mismatch"];
    assert_eq!(shop.concern_kinds().await, expected);
    let twice = "(select from concerns group by kind, subject having count(*) > 1) twice";
    assert_eq!(shop.count(twice).await, 0, "and none was closed and opened again");
    let over = "concerns where closed_at is not null and kind <> 'unbacked'";
    assert_eq!(shop.count(over).await, 0, "only the promise that was handed over is over");
}

#[tokio::test]
async fn a_concern_names_what_it_touches_and_is_found_from_there() {
    let shop = Shop::open(221).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let waits = till.order_to_ship(&[(tea, 2)]);
    let (receipt, order_id) = (waits.receipt.clone(), waits.order_id);
    let entries = [till.write(&sale(waits))];
    till.push(&shop, &entries).await;
    let concern = the(&shop, ConcernKind::Unbacked).await;
    let shown = shown(&shop, concern).await;
    let touched: Vec<_> = shown.touches.iter().map(|touched| (touched.what.as_str(), touched.name.as_str())).collect();
    let number = receipt.to_string();
    assert_eq!(touched, [("order", number.as_str()), ("product", "Tea"), ("warehouse", "Market")]);
    assert_eq!(shown.touches[0].id, order_id.0, "the order that waits for goods");
    for (about, found) in [(tea.0, 1), (place.0, 1), (till.card.node_id.0, 0)] {
        let wanted = ConcernsWanted { about: Some(about), limit: 10, ..ConcernsWanted::default() };
        let list = shop.server.db.snapshot(|tx| async move { office::concerns(&tx, wanted).await }).await.unwrap();
        assert_eq!(list.len(), found, "{about}");
    }
}

#[tokio::test]
async fn a_loss_that_is_accepted_brings_the_book_back_to_nothing() {
    let shop = Shop::open(222).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let entries = [till.sell(&[(tea, 3)])];
    till.push(&shop, &entries).await;
    let concern = the(&shop, ConcernKind::Owed).await;
    let noted = settled(&shop, concern, &wanted(1, Settlement::Noted)).await.unwrap();
    let recount = Wanted { act: Some("count of Monday".to_owned()), ..wanted(2, Settlement::Recount) };
    let recount = settled(&shop, concern, &recount).await.unwrap();
    assert!(!noted.closed && !recount.closed, "figures close it, not words");
    assert_eq!(
        settled(&shop, concern, &wanted(3, Settlement::MergeCustomers)).await.unwrap_err().code(),
        "not_possible"
    );
    assert_eq!(
        settled(&shop, concern, &wanted(2, Settlement::AcceptLoss)).await.unwrap_err().code(),
        "settlement_taken"
    );

    let loss = wanted(4, Settlement::AcceptLoss);
    let made = settled(&shop, concern, &loss).await.unwrap();
    assert_eq!(settled(&shop, concern, &loss).await.unwrap(), made, "a repeat is answered as the first time");
    assert_eq!((shop.level(tea, place).await, shop.concerns().await.len()), ((0, 0), 0));
    assert_eq!(settled(&shop, concern, &wanted(5, Settlement::Noted)).await.unwrap_err().code(), "concern_over");
    let sql = "select delta, reason, act_id, note from stock_movements where act_id is not null";
    let row = shop.client.query_one(sql, &[]).await.unwrap();
    let corrected = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!(corrected, (3_i64, "corrected", loss.settlement_id, "we looked"));
    assert_eq!(shown(&shop, concern).await.concern.settlements.len(), 3);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn people_with_one_email_are_one_or_two() {
    for (seed, settlement, alias) in
        [(223, Settlement::MergeCustomers, Some(UserId(Uuid::from_u128(5)))), (224, Settlement::KeepApart, None)]
    {
        let shop = Shop::open(seed).await;
        let place = shop.warehouse("Market").await;
        let mut till = shop.till("Till", place, false).await;
        for number in [5, 6] {
            let user = till.user(UserId(Uuid::from_u128(number)), "a@b.c");
            let entries = [till.write(&Op::CustomerAdded(Box::new(Customer { user, address: None })))];
            till.push(&shop, &entries).await;
        }
        let concern = the(&shop, ConcernKind::EmailTaken).await;
        assert!(settled(&shop, concern, &wanted(1, settlement)).await.unwrap().closed);
        let second = "select alias_of from users where user_id = $1";
        let second = shop.client.query_one(second, &[&UserId(Uuid::from_u128(6))]).await.unwrap();
        assert_eq!((second.get::<_, Option<UserId>>(0), shop.concerns().await.len()), (alias, 0));
    }
}

#[tokio::test]
async fn what_was_written_off_and_is_there_after_all_comes_back() {
    let shop = Shop::open(225).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let entries = [till.receive(&[(tea, 5)]), till.ask(&[(tea, 5)])];
    till.push(&shop, &entries).await;
    let by = Signed { act_id: Uuid::from_u128(9), by: "Ada".to_owned(), note: None };
    devices::write_off(&shop.server, till.card.node_id, 5, &by).await.unwrap();
    let entries = [till.sell(&[(tea, 2)])];
    till.push(&shop, &entries).await;
    let concern = the(&shop, ConcernKind::WrittenOff).await;
    assert!(settled(&shop, concern, &wanted(1, Settlement::Found)).await.unwrap().closed);
    assert_eq!(shop.level(tea, place).await, (3, 0));
    assert_eq!(shop.concern_kinds().await, ["suspended"]);
    let suspended = the(&shop, ConcernKind::Suspended).await;
    assert!(!settled(&shop, suspended, &wanted(2, Settlement::Noted)).await.unwrap().closed, "only a resume ends it");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_others_do_is_written_down_and_over_when_it_is_named() {
    let shop = Shop::open(226).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let mut wrong = till.order(&[(tea, 1)]);
    wrong.total_amount = "9".parse().unwrap();
    let entries = [till.receive(&[(tea, 5)]), till.write(&sale(wrong))];
    till.push(&shop, &entries).await;
    let concern = the(&shop, ConcernKind::TotalMismatch).await;
    let refund = wanted(1, Settlement::Refund);
    assert!(!settled(&shop, concern, &refund).await.unwrap().closed);
    let done = Wanted { act: Some("T1-000009".to_owned()), ..wanted(2, Settlement::Refund) };
    assert!(settled(&shop, concern, &done).await.unwrap().closed);
    assert_eq!(shop.concerns().await.len(), 0);
    let none = ConcernId(Uuid::from_u128(1));
    assert_eq!(settled(&shop, none, &wanted(3, Settlement::Noted)).await.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn a_life_in_doubt_is_not_closed_by_a_look() {
    let shop = Shop::open(227).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let entries = [till.receive(&[(tea, 5)]), till.ask(&[(tea, 5)])];
    till.push(&shop, &entries).await;
    let life = outpost_sync::wire::LifeWanted {
        incarnation_id: outpost_schema::id::IncarnationId(Uuid::from_u128(77)),
        reason: outpost_schema::device::LifeReason::RolledBack,
        unsettled: vec![],
        stands: None,
    };
    crate::lives::begin(&shop.server, till.caller(), till.standing(), &life).await.unwrap();
    let concern = the(&shop, ConcernKind::LifeBegun).await;
    assert_eq!(settled(&shop, concern, &wanted(1, Settlement::Noted)).await.unwrap_err().code(), "in_doubt");
}

#[tokio::test]
async fn what_is_short_says_who_is_waited_for_and_a_lost_device_says_what_was_lost() {
    let shop = Shop::open(229).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Till", place, false).await;
    let entries = [till.receive(&[(tea, 5)]), till.ask(&[(tea, 4)])];
    till.push(&shop, &entries).await;
    let ordered = till.order_to_ship(&[(tea, 3)]);
    let receipt = ordered.receipt.to_string();
    let change = Change { product_id: tea, delta: -3, lot: Lot::default() };
    let broken =
        Adjusted { warehouse_id: place, cause: Cause::Damaged, lines: vec![change], remark: Remark::default() };
    let entries = [till.write(&sale(ordered)), till.write(&Op::Adjusted(broken))];
    till.push(&shop, &entries).await;

    let short = shown(&shop, the(&shop, ConcernKind::Unbacked).await).await;
    assert_eq!(short.waits_for.iter().map(|device| device.name.as_str()).collect::<Vec<_>>(), ["Till"]);
    assert!(short.touches.iter().any(|touched| touched.what == "order" && touched.name == receipt), "{short:?}");

    let (_, bound) = devices::find(&shop.server, "Till").await.unwrap();
    let by = Signed { act_id: Uuid::from_u128(9), by: "Ada".to_owned(), note: None };
    devices::write_off(&shop.server, till.card.node_id, bound.units, &by).await.unwrap();
    let lost = shown(&shop, the(&shop, ConcernKind::WrittenOff).await).await;
    assert_eq!(lost.concern.detail["products"], serde_json::json!({ tea.to_string(): bound.units }));
}
