//! What a push does to goods on the road and to deliveries, over Postgres.

use outpost_schema::{
    clock::Timestamp,
    count::Cut,
    delivery::{DeliveryState, ReceiptUndone},
    id::{ProductId, WarehouseId},
    movement::{Received, Remark},
    op::{Count, CountLine, Op},
    quantity::Amount,
    settlement::Settlement,
    transfer::{Arrived, CameLine, Dispatched, Transfer, TransferCode},
    verdict::{ConcernKind, Verdict},
};

use super::*;
use crate::{
    db::{marks, office},
    deliveries::{self, ClosedBy, Expected, ExpectedLine},
    settle,
    transfers::{self, GivenUp},
};

fn code(number: i64) -> TransferCode {
    TransferCode { prefix: "K1".to_owned(), number }
}

fn sent(till: &Till, to_id: WarehouseId, lines: &[(ProductId, i64)]) -> Op {
    let (goods, remark) = (till.goods(lines), Remark::default());
    Op::Dispatched(Dispatched { code: code(1), from_id: goods.warehouse_id, to_id, lines: goods.lines, remark })
}

fn came(till: &Till, lines: &[(ProductId, i64, i64)], complete: bool) -> Op {
    let line = |(product_id, units, damaged): &(ProductId, i64, i64)| CameLine {
        product_id: *product_id,
        came: Amount::new(*units).unwrap(),
        damaged: *damaged,
    };
    let (lines, remark) = (lines.iter().map(line).collect(), Remark::default());
    Op::Arrived(Arrived { code: code(1), warehouse_id: till.card.warehouse_id, lines, complete, remark })
}

impl Shop {
    async fn tells(&self, till: &mut Till, op: Op) {
        let entries = [till.write(&op)];
        assert_eq!(till.push(self, &entries).await, [Verdict::Accepted], "{op:?}");
        self.keeps_its_laws().await;
        assert!(self.server.db.transaction(|tx| async move { marks::wrong(&tx).await }).await.unwrap().is_empty());
    }

    async fn transfer(&self) -> Transfer {
        let name = code(1).to_string();
        let name = name.as_str();
        self.server.db.snapshot(|tx| async move { transfers::find(&tx, name).await }).await.unwrap()
    }

    /// The sum of a row's movements of one reason.
    async fn moved(&self, product_id: ProductId, warehouse_id: WarehouseId, reason: &str) -> i64 {
        let sql = "select coalesce(sum(delta), 0)::bigint from stock_movements
                   where product_id = $1 and warehouse_id = $2 and reason = $3";
        self.client.query_one(sql, &[&product_id, &warehouse_id, &reason]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn an_arrival_that_is_heard_first_is_set_right_by_the_dispatch() {
    let shop = Shop::open(90).await;
    let (depot, market) = (shop.warehouse("Depot").await, shop.warehouse("Market").await);
    let tea = shop.product().await;
    let (mut sender, mut receiver) = (shop.till("One", depot, true).await, shop.till("Two", market, true).await);
    let stocked = [sender.receive(&[(tea, 20)])];
    sender.push(&shop, &stocked).await;

    let op = came(&receiver, &[(tea, 7, 2)], false);
    shop.tells(&mut receiver, op).await;
    assert_eq!(shop.level(tea, market).await, (5, 5), "what came is the home's to sell");
    assert_eq!((shop.moved(tea, market, "found").await, shop.moved(tea, market, "damaged").await), (7, -2));
    assert_eq!(shop.concern_kinds().await, ["transfer_excess"]);

    let op = sent(&sender, market, &[(tea, 10)]);
    shop.tells(&mut sender, op).await;
    assert_eq!((shop.level(tea, depot).await, shop.level(tea, market).await), ((10, 10), (5, 5)));
    assert_eq!((shop.moved(tea, market, "found").await, shop.moved(tea, market, "transferred").await), (0, 7));
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    assert_eq!(shop.transfer().await.totals()[&tea].on_road(), 3);

    let op = came(&receiver, &[(tea, 5, 0)], false);
    shop.tells(&mut receiver, op).await;
    assert_eq!((shop.moved(tea, market, "found").await, shop.moved(tea, market, "transferred").await), (2, 10));
    assert_eq!(shop.concern_kinds().await, ["transfer_excess"]);
}

#[tokio::test]
async fn what_never_comes_is_missing_until_it_is_written_off_or_turns_up() {
    let shop = Shop::open(91).await;
    let (depot, market) = (shop.warehouse("Depot").await, shop.warehouse("Market").await);
    let tea = shop.product().await;
    let (mut sender, mut receiver) = (shop.till("One", depot, true).await, shop.till("Two", market, false).await);
    let op = sent(&sender, market, &[(tea, 10)]);
    shop.tells(&mut sender, op).await;
    let given_up = GivenUp { by: "Ann".to_owned(), note: "the van was robbed".to_owned() };
    let name = code(1).to_string();
    let early = transfers::write_off(&shop.server, &name, &given_up).await.unwrap_err();
    assert_eq!(early.code(), "still_open");

    let op = came(&receiver, &[(tea, 6, 0)], true);
    shop.tells(&mut receiver, op).await;
    assert_eq!(shop.concern_kinds().await, ["owed", "transfer_short"]);
    let lost = transfers::write_off(&shop.server, &name, &given_up).await.unwrap();
    assert_eq!(lost.iter().map(|(_, units)| *units).collect::<Vec<_>>(), [4]);
    assert_eq!(transfers::write_off(&shop.server, &name, &given_up).await.unwrap(), [], "a repeat finds nothing");
    shop.keeps_its_laws().await;
    assert_eq!((shop.moved(tea, depot, "lost").await, shop.level(tea, depot).await.0), (-4, -10));
    assert_eq!(shop.concern_kinds().await, ["owed"]);
    let said = shop.client.query_one("select person, note from stock_movements where reason = 'lost'", &[]).await;
    let said = said.unwrap();
    assert_eq!((said.get(0), said.get(1)), ("Ann", "the van was robbed"));

    let op = came(&receiver, &[(tea, 3, 0)], false);
    shop.tells(&mut receiver, op).await;
    assert_eq!((shop.moved(tea, market, "found").await, shop.level(tea, market).await.0), (3, 9));
    assert_eq!(shop.concern_kinds().await, ["owed"], "it was sent, so it is no surprise that it came");
    let nameless = GivenUp { by: " ".to_owned(), ..given_up };
    assert_eq!(transfers::write_off(&shop.server, &name, &nameless).await.unwrap_err().code(), "empty");
}

#[tokio::test]
async fn what_was_lost_on_the_road_makes_no_count_at_the_sender_doubtful() {
    let shop = Shop::open(96).await;
    let (depot, market, tea) = (shop.warehouse("Depot").await, shop.warehouse("Market").await, shop.product().await);
    let (mut sender, mut receiver) = (shop.till("One", depot, false).await, shop.till("Two", market, false).await);
    let stocked = [sender.receive(&[(tea, 10)])];
    sender.push(&shop, &stocked).await;
    let op = sent(&sender, market, &[(tea, 4)]);
    shop.tells(&mut sender, op).await;
    let op = came(&receiver, &[(tea, 1, 0)], true);
    shop.tells(&mut receiver, op).await;
    let given_up = GivenUp { by: "Ann".to_owned(), note: "the van was robbed".to_owned() };
    transfers::write_off(&shop.server, &code(1).to_string(), &given_up).await.unwrap();

    let (since, lines) =
        (Timestamp::from_micros(1_770_000_000_000_000), vec![CountLine { product_id: tea, counted: 6, delta: 0 }]);
    let cut = Cut { since, until: None, heard_at: None, heard: vec![], read: vec![], done: vec![] };
    let count = Count { warehouse_id: depot, lines, cut: Some(cut), remark: Remark::default() };
    shop.tells(&mut sender, Op::Counted(count)).await;
    assert_eq!((shop.level(tea, depot).await.0, shop.concern_kinds().await), (6, Vec::<String>::new()));
}

#[tokio::test]
async fn what_never_came_is_booked_as_lost_by_whoever_accepts_it() {
    let shop = Shop::open(93).await;
    let (depot, market, tea) = (shop.warehouse("Depot").await, shop.warehouse("Market").await, shop.product().await);
    let (mut sender, mut receiver) = (shop.till("One", depot, true).await, shop.till("Two", market, false).await);
    let stocked = [sender.receive(&[(tea, 5)])];
    sender.push(&shop, &stocked).await;
    let op = sent(&sender, market, &[(tea, 5)]);
    shop.tells(&mut sender, op).await;
    let op = came(&receiver, &[(tea, 3, 0)], true);
    shop.tells(&mut receiver, op).await;

    let short = shop.concerns().await.remove(0);
    assert_eq!((short.kind, &short.detail["products"][tea.to_string()]), (ConcernKind::TransferShort, &2.into()));
    let id = short.concern_id;
    let shown =
        shop.server.db.snapshot(|tx| async move { office::show_concern(&tx, id).await }).await.unwrap().unwrap();
    let touched = |what: &str| shown.touches.iter().find(|touched| touched.what == what).map(|it| it.name.as_str());
    assert_eq!(touched("transfer"), Some("from Depot to Market"));
    let settlement = |number, settlement| settle::Wanted {
        settlement_id: uuid::Uuid::from_u128(number),
        settlement,
        by: "Ada".to_owned(),
        note: Some("we looked".to_owned()),
        act: None,
    };
    let noted = settle::settle(&shop.server, id, &settlement(1, Settlement::Noted)).await.unwrap();
    assert!(!noted.closed, "nobody knows where it is");
    for again in 0..2 {
        let lost = settle::settle(&shop.server, id, &settlement(2, Settlement::AcceptLoss)).await.unwrap();
        assert!(lost.closed, "settled {again} times before");
    }
    assert_eq!((shop.moved(tea, depot, "lost").await, shop.level(tea, depot).await.0), (-2, 0));
    assert_eq!(shop.count("stock_movements where reason = 'lost' and person = 'Ada' and note = 'we looked'").await, 1);
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn two_ends_may_tell_at_once() {
    let shop = Shop::open(92).await;
    let (depot, market) = (shop.warehouse("Depot").await, shop.warehouse("Market").await);
    let tea = shop.product().await;
    let (mut sender, mut receiver) = (shop.till("One", depot, true).await, shop.till("Two", market, true).await);
    let op = sent(&sender, market, &[(tea, 9)]);
    let sends = [sender.write(&op)];
    let op = came(&receiver, &[(tea, 9, 0)], true);
    let comes = [receiver.write(&op)];
    let (one, other) = tokio::join!(sender.push(&shop, &sends), receiver.push(&shop, &comes));
    assert_eq!((one, other), (vec![Verdict::Accepted], vec![Verdict::Accepted]));
    shop.keeps_its_laws().await;
    assert!(shop.transfer().await.is_over());
    assert_eq!((shop.moved(tea, market, "found").await, shop.moved(tea, market, "transferred").await), (0, 9));
}

fn expected(warehouse: &str, lines: &[(ProductId, i64)]) -> Expected {
    let line =
        |(product_id, expected): &(ProductId, i64)| ExpectedLine { product_id: *product_id, expected: *expected };
    Expected {
        warehouse: warehouse.to_owned(),
        supplier: "Ahmad".to_owned(),
        reference: "PO-17".to_owned(),
        due_at: None,
        lines: lines.iter().map(line).collect(),
    }
}

#[tokio::test]
async fn several_devices_receive_one_delivery_and_what_is_open_is_the_rest() {
    let shop = Shop::open(93).await;
    let (market, tea, jam) = (shop.warehouse("Market").await, shop.product().await, shop.product().await);
    let (mut one, mut other) = (shop.till("One", market, false).await, shop.till("Two", market, false).await);
    let ordered = deliveries::expect(&shop.server, &expected("Market", &[(tea, 10), (jam, 2)])).await.unwrap();
    let twice = deliveries::expect(&shop.server, &expected("Market", &[(tea, 10)])).await.unwrap_err();
    let nowhere = deliveries::expect(&shop.server, &expected("Moon", &[(tea, 10)])).await.unwrap_err();
    assert_eq!((twice.code(), nowhere.code()), ("name_taken", "not_found"));

    let received = |till: &Till, lines: &[(ProductId, i64)]| Received {
        delivery_id: Some(ordered.delivery_id),
        ..Received::from(till.goods(lines))
    };
    let (first, second) = (received(&one, &[(tea, 6)]), received(&other, &[(tea, 5), (jam, 1)]));
    shop.tells(&mut one, Op::Received(first.clone())).await;
    shop.tells(&mut other, Op::Received(second)).await;
    let look = async || {
        let found = shop.server.db.snapshot(|tx| async move { deliveries::find(&tx, "PO-17").await }).await.unwrap();
        let lines = found.lines.iter().map(|line| (line.received, line.open(), line.over())).collect::<Vec<_>>();
        (found.state(), lines)
    };
    assert_eq!(look().await, (DeliveryState::Partial, vec![(11, 0, 1), (1, 1, 0)]));
    let undone = ReceiptUndone { seq: 1, received: first, hash: None };
    // As a copy of the device says it that does not know that it was said.
    for _ in 0..2 {
        shop.tells(&mut one, Op::ReceiptUndone(undone.clone())).await;
        assert_eq!(look().await, (DeliveryState::Partial, vec![(5, 5, 0), (1, 1, 0)]));
        assert_eq!((shop.level(tea, market).await.0, shop.moved(tea, market, "corrected").await), (5, -6));
    }

    let closed = ClosedBy { by: "Ann".to_owned(), note: "the rest is sold out".to_owned() };
    let short = deliveries::close(&shop.server, "PO-17", &closed).await.unwrap();
    assert_eq!(
        (short.state(), short.closing.unwrap().note.as_str()),
        (DeliveryState::ClosedShort, "the rest is sold out")
    );
}

#[tokio::test]
async fn goods_of_a_delivery_that_head_office_lost_are_taken_all_the_same() {
    let shop = Shop::open(94).await;
    let (market, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("One", market, true).await;
    let lost = outpost_schema::id::DeliveryId::new(till.now(), till.chance());
    let received = Received { delivery_id: Some(lost), ..Received::from(till.goods(&[(tea, 6)])) };
    shop.tells(&mut till, Op::Received(received)).await;
    assert_eq!(shop.level(tea, market).await, (6, 6));
}
