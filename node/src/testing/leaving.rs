//! A device that head office suspends, retires or moves.

use outpost_schema::{
    clock::Timestamp,
    device::Card,
    feed::{Aggregate, Granted},
    id::{ConcernId, WarehouseId},
    journal::Mark,
    movement::Remark,
    op::Op,
    verdict::{Concern, ConcernKind, SetAside, Verdict},
};
use outpost_sync::wire::{Acked, Pushed};
use uuid::Uuid;

use super::*;

fn suspended(closed_at: Option<i64>, is_retired: bool) -> Vec<Aggregate> {
    vec![Aggregate::Concern(Box::new(Concern {
        concern_id: ConcernId(Uuid::from_u128(70)),
        kind: ConcernKind::Suspended,
        subject: card().node_id.to_string(),
        detail: serde_json::json!({ "node": card().node_id, "retired": is_retired }),
        scope: card().node_id.0,
        opened_at: Timestamp::from_micros(1),
        closed_at: closed_at.map(Timestamp::from_micros),
    }))]
}

#[test]
fn a_suspended_device_sells_nothing_until_it_is_resumed() {
    for card in [card(), physical(), home()] {
        let shop = Shop::new(&card);
        shop.stock(TEA, 10, 4);
        shop.tell(suspended(None, false));
        assert_eq!(shop.sell(&[(TEA, 1)]).expect_err("it is suspended").code(), "suspended");
        assert!(shop.node.status().expect("reads").is_suspended);
        // What is no sale goes on: it has happened.
        shop.node.receive(&[line(TEA, 1)]).expect("goods came");
        shop.tell(suspended(Some(2), false));
        shop.sell(&[(TEA, 1)]).expect("it goes on");
    }
}

#[test]
fn a_device_is_suspended_by_its_own_concern_alone_and_a_retired_one_for_ever() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let Aggregate::Concern(other) = suspended(None, false).remove(0) else { panic!("a concern") };
    let subject = Uuid::from_u128(99).to_string();
    shop.tell(vec![Aggregate::Concern(Box::new(Concern { subject, ..*other }))]);
    shop.sell(&[(TEA, 1)]).expect("another one is meant");
    shop.tell(suspended(Some(2), true));
    assert_eq!(shop.sell(&[(TEA, 1)]).expect_err("it is closed").code(), "suspended");
}

#[test]
fn what_head_office_took_back_is_not_sold_once_that_is_heard() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let told = Granted {
        incarnation_id: LIFE,
        product_id: TEA,
        warehouse_id: HERE,
        granted: 4,
        reclaimed: 3,
        full: 0,
        keep: None,
    };
    shop.tell(vec![Aggregate::Allotment(told)]);
    assert_eq!(shop.sell(&[(TEA, 2)]).expect_err("one is left").code(), "allotment_spent");
    shop.sell(&[(TEA, 1)]).expect("that one");
}

#[test]
fn a_device_that_is_to_be_retired_gives_everything_back_and_closes_its_journal() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.stock(CAKE, 10, 2);
    assert_eq!(shop.node.retire().expect_err("nobody said so").code(), "not_suspended");
    shop.tell(suspended(None, false));
    assert_eq!(shop.node.retire().expect("it goes"), 6);
    assert_eq!((shop.allotment(TEA).open(), shop.allotment(CAKE).open()), (0, 0));
    let entries = shop.node.db().read(|conn| crate::db::journal::after(conn, LIFE, 0, 9, usize::MAX)).expect("reads");
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["gave_back", "life_ended"]);
    let last = outpost_schema::settle::decode(&entries[1]).expect("an op");
    assert!(matches!(last, Op::LifeEnded(ended) if ended.incarnation_id == LIFE));
}

#[test]
fn what_a_device_was_granted_where_it_goes_does_not_keep_it() {
    let shop = Shop::new(&card());
    let there = Card { warehouse_id: ELSEWHERE, is_home: true, policy: SalePolicy::Physical, ..card() };
    let granted = |warehouse_id, granted| {
        let (reclaimed, full, keep) = (0, 0, None);
        Aggregate::Allotment(Granted {
            incarnation_id: LIFE,
            product_id: TEA,
            warehouse_id,
            granted,
            reclaimed,
            full,
            keep,
        })
    };
    // It called between being sent there and being given the card.
    shop.tell(vec![granted(ELSEWHERE, 9), granted(HERE, 1)]);
    assert_eq!(shop.node.join(&there).expect_err("one is open here").code(), "not_left");
    let shop = Shop::new(&card());
    shop.tell(vec![granted(ELSEWHERE, 9)]);
    shop.node.join(&there).expect("it moves");
    shop.sell(&[(TEA, 9)]).expect("it has them there");
}

#[test]
fn a_device_moves_with_the_card_of_another_place_once_nothing_is_left_behind() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.node.take_in(&[line(TEA, 1).into()], &Remark::default()).expect("certain");
    let there = Card { warehouse_id: ELSEWHERE, is_home: true, policy: SalePolicy::Physical, ..card() };
    assert_eq!(shop.node.join(&there).expect_err("four are open").code(), "not_left");
    assert_eq!(shop.node.give_back_all().expect("gives back"), 4);
    assert_eq!(shop.node.join(&there).expect_err("that is not told yet").code(), "not_left");
    let mark = shop.mark(2);
    let sent = shop.node.unsent().expect("reads");
    let answer = Pushed::Settled { acked: mark, verdicts: vec![], carts: vec![] };
    shop.node.settle(&sent, &answer).expect("settles");
    for other in [
        Card { node_id: outpost_schema::id::NodeId(Uuid::from_u128(32)), ..there.clone() },
        Card { incarnation_id: outpost_schema::id::IncarnationId(Uuid::from_u128(33)), ..there.clone() },
    ] {
        assert_eq!(shop.node.join(&other).expect_err("another device's").code(), "other_card");
    }
    shop.node.join(&there).expect("it moves");
    let identity = shop.node.identity().expect("reads").expect("joined");
    assert_eq!((identity.warehouse_id(), identity.card.is_home), (WarehouseId(ELSEWHERE.0), true));
    assert_eq!(shop.node.cursor().expect("reads"), None, "it reads the feed anew");
    shop.refuses("nothing_to_undo", |shop| shop.node.undo_receipt(&Remark::default()));
    let acked =
        vec![Acked { incarnation_id: LIFE, mark: Mark { ..mark }, set_aside: vec![], archived: 0, over: false }];
    let key = StockKey { product_id: TEA, warehouse_id: ELSEWHERE };
    let image = feed::Stock {
        product_id: TEA,
        warehouse_id: ELSEWHERE,
        balance: 3,
        promised: 0,
        updated_at: Timestamp::from_micros(9),
    };
    shop.node.apply(None, &shop.page(acked, vec![Aggregate::Stock(image)])).expect("applies");
    shop.sell(&[(TEA, 1)]).expect("it sells there");
    let shown = shop.node.db().read(|conn| stock::level(conn, key)).expect("reads");
    assert_eq!(shown.balance, 2);
}

#[test]
fn carts_stay_at_their_place_and_a_device_goes_only_once_they_are_told() {
    let shop = Shop::new(&card());
    let cart = a_cart(&shop, 71, &[(TEA, 2)]);
    keep_cart(&shop, &cart);
    let there = Card { warehouse_id: ELSEWHERE, ..card() };
    assert_eq!(shop.node.join(&there).expect_err("nobody has the cart").code(), "not_left");
    let sent = shop.node.unsent().expect("reads");
    let answer = Pushed::Settled { acked: Mark::START, verdicts: vec![], carts: vec![cart.cart_id()] };
    shop.node.settle(&sent, &answer).expect("settles");
    shop.node.join(&there).expect("it moves");
    assert_eq!(shop.node.db().read(crate::db::carts::open).expect("reads"), vec![]);
}

#[test]
fn a_device_stays_while_something_that_it_said_is_set_aside() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 0);
    shop.node.receive(&[line(TEA, 1)]).expect("goods came");
    let (mark, sent) = (shop.mark(1), shop.node.unsent().expect("reads"));
    let aside = Verdict::SetAside(SetAside::Lacks { ids: vec![TEA.0] });
    let answer = Pushed::Settled { acked: mark, verdicts: vec![(1, aside)], carts: vec![] };
    shop.node.settle(&sent, &answer).expect("settles");
    let there = Card { warehouse_id: ELSEWHERE, ..card() };
    assert_eq!(shop.node.join(&there).expect_err("one is not booked").code(), "not_left");
}
