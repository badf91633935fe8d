//! Applying pages: own ops are laid over what is fed, never counted twice and never missing.

use outpost_schema::{
    feed::{Key, Kind, Ruling},
    id::{ConcernId, OrderId},
    order::OrderStatus,
    stock::Level,
    verdict::{Concern, ConcernKind, Grant, Refusal, SetAside, Verdict},
};
use outpost_sync::{round::Anew, wire::Pushed};
use uuid::Uuid;

use super::*;

/// Ten in the book, four of them this node's, two sold.
fn sold_two() -> Shop {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.sell(&[(TEA, 2)]).expect("sells");
    shop
}

const SOLD: Level = Level { balance: 8, promised: 2 };

#[test]
fn a_sale_is_shown_once_at_every_step_of_its_way() {
    let shop = sold_two();
    assert_eq!((shop.level(TEA), shop.shown(TEA)), (SOLD, (8, 2)), "sold");
    let answer = Pushed::Settled { acked: shop.mark(1), verdicts: vec![(1, Verdict::Accepted)], carts: vec![] };
    shop.node.settle(&shop.node.unsent().expect("waits"), &answer).expect("settles");
    assert_eq!((shop.level(TEA), shop.count("pending")), (SOLD, 1), "acknowledged, but in no image yet");
    shop.tell_as_of(1, &[], vec![image(CAKE, 5, 0)]);
    assert_eq!((shop.level(TEA), shop.count("pending")), (SOLD, 1), "a page that contains it, without the image");
    shop.tell_as_of(0, &[], vec![image(TEA, 10, 4)]);
    assert_eq!((shop.level(TEA), shop.count("pending")), (SOLD, 1), "an old image that does not contain it");
    shop.tell_as_of(1, &[], vec![image(TEA, 8, 2)]);
    assert_eq!((shop.level(TEA), shop.count("pending")), (SOLD, 0), "the image that contains it");
    shop.tell_as_of(1, &[], vec![image(TEA, 8, 2)]);
    assert_eq!(shop.level(TEA), SOLD, "and again");
}

#[test]
fn a_later_op_stays_over_an_image_that_has_the_earlier_one() {
    let shop = sold_two();
    shop.sell(&[(TEA, 1)]).expect("sells");
    shop.tell_as_of(1, &[], vec![image(TEA, 8, 2)]);
    assert_eq!(shop.level(TEA), Level { balance: 7, promised: 1 });
    assert_eq!(shop.count("pending"), 1);
}

#[test]
fn a_set_aside_op_stays_laid_over_until_it_is_booked() {
    let shop = sold_two();
    shop.sell(&[(TEA, 1)]).expect("sells");
    shop.tell_as_of(2, &[1], vec![image(TEA, 9, 3)]);
    assert_eq!(shop.level(TEA), Level { balance: 7, promised: 1 }, "the first is in no image");
    assert_eq!(shop.count("pending"), 1);
    let ruling = Ruling { incarnation_id: LIFE, seq: 1, verdict: Verdict::Accepted };
    shop.tell_as_of(2, &[], vec![image(TEA, 7, 1), Aggregate::Verdict(Box::new(ruling))]);
    assert_eq!((shop.level(TEA), shop.count("pending")), (Level { balance: 7, promised: 1 }, 0));
}

#[test]
fn what_others_do_is_seen_beneath_what_this_node_did() {
    let shop = sold_two();
    shop.tell(vec![image(TEA, 6, 5)]);
    assert_eq!(shop.level(TEA), Level { balance: 4, promised: 3 });
    shop.tell(vec![image(TEA, 1, 0)]);
    assert_eq!(shop.level(TEA), Level { balance: -1, promised: 0 }, "never below nothing promised");
    assert_eq!(shop.shown(TEA), (0, 0));
}

#[test]
fn totals_that_arrive_late_or_twice_lower_nothing() {
    let shop = sold_two();
    shop.tell(vec![told_totals(TEA, 9, 1)]);
    assert_eq!(shop.open(TEA), 6);
    shop.tell(vec![told_totals(TEA, 4, 0)]);
    assert_eq!(shop.open(TEA), 6, "an older telling");
    assert_eq!(shop.allotment(TEA).consumed, 2, "the node's own totals are its own");
}

#[test]
fn a_page_for_another_cursor_does_nothing() {
    let shop = sold_two();
    let cursor = shop.node.cursor().expect("cursor");
    let page = shop.page(vec![], vec![image(TEA, 99, 0)]);
    shop.node.apply(Some("elsewhere"), &page).expect("nothing to do");
    shop.node.apply(None, &page).expect("nothing to do");
    assert_eq!((shop.level(TEA), shop.node.cursor().expect("cursor")), (SOLD, cursor.clone()));
    shop.node.apply(cursor.as_deref(), &page).expect("applies");
    shop.node.apply(cursor.as_deref(), &page).expect("a repeat does nothing");
    assert_eq!(shop.node.cursor().expect("cursor"), Some(page.cursor));
}

#[test]
fn only_a_level_page_moves_what_the_next_op_has_seen() {
    let shop = Shop::new(&physical());
    let mut page = shop.page(vec![], vec![]);
    page.level = false;
    let level_at = shop.node.status().expect("status").level_at;
    shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &page).expect("applies");
    shop.sell(&[(TEA, 1)]).expect("sells");
    assert_eq!(shop.node.unsent().expect("waits").entries[0].seen, "seen 0");
    assert_eq!(shop.node.status().expect("status").level_at, level_at);
    shop.node.start_anew(&Anew::TooLongAway).expect("notes");
    shop.node.do_without_file().expect("notes");
    assert_eq!(shop.node.cursor().expect("cursor"), None, "aside, where the feed is read from its start");
}

#[test]
fn the_highest_status_wins_whatever_comes_first() {
    let shop = Shop::new(&physical());
    let order = shop.sell(&[(TEA, 1)]).expect("sells").order;
    let mut other = order.clone();
    other.order_id = OrderId(Uuid::from_u128(60));
    for (status, shown) in [
        (OrderStatus::Processed, OrderStatus::Processed),
        (OrderStatus::Shipped, OrderStatus::Shipped),
        (OrderStatus::Cancelled, OrderStatus::Shipped),
    ] {
        other.status = status;
        other.payments[0].status = outpost_schema::order::PaymentStatus::Pending;
        shop.tell(vec![Aggregate::Order(Box::new(other.clone()))]);
        assert_eq!(shop.node.order(other.order_id).expect("reads").expect("known").status, shown);
    }
    let mut late = order.clone();
    late.status = OrderStatus::Pending;
    late.total_amount = money("99");
    late.payments[0].status = outpost_schema::order::PaymentStatus::Failed;
    shop.tell(vec![Aggregate::Order(Box::new(late))]);
    assert_eq!(shop.node.order(order.order_id).expect("reads"), Some(order), "content and paid state stay");
}

#[test]
fn what_is_gone_goes() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    shop.sell(&[(TEA, 2)]).expect("sells");
    let concern = Concern {
        concern_id: ConcernId(Uuid::from_u128(70)),
        kind: ConcernKind::Owed,
        subject: "tea".to_owned(),
        detail: serde_json::json!({ "units": 2 }),
        scope: HERE.0,
        opened_at: Timestamp::from_micros(1),
        closed_at: None,
    };
    shop.tell(vec![Aggregate::Concern(Box::new(concern.clone()))]);
    assert_eq!(shop.node.concerns(9).expect("lists"), [concern]);
    let gone = |kind, ids: &[Uuid]| Aggregate::Gone(Key { kind, ids: ids.to_vec() });
    shop.tell(vec![
        gone(Kind::Concern, &[Uuid::from_u128(70)]),
        gone(Kind::User, &[ADA.0]),
        gone(Kind::Product, &[CAKE.0]),
        gone(Kind::Stock, &[TEA.0, HERE.0]),
        gone(Kind::Allotment, &[LIFE.0, TEA.0, HERE.0]),
        gone(Kind::Order, &[]),
    ]);
    assert_eq!((shop.count("concerns"), shop.count("products"), shop.count("users")), (0, 3, 0));
    assert_eq!(shop.level(TEA), Level { balance: -2, promised: 0 }, "what this node did stays until it is booked");
    assert_eq!(shop.allotment(TEA).consumed, 2, "and its own totals");
    shop.tell_as_of(1, &[], vec![gone(Kind::Stock, &[TEA.0, HERE.0])]);
    assert_eq!((shop.count("stock"), shop.count("pending")), (0, 0));
}

#[test]
fn carts_merge_and_are_told_to_the_fast_copy() {
    let shop = Shop::new(&card());
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    shop.node.watch_carts(move |ids| sink.lock().expect("lock").extend_from_slice(ids));
    let mut own = a_cart(&shop, 50, &[(TEA, 2)]);
    let mut theirs = own.clone();
    own.add(LIFE, TEA, amount(1), None, Timestamp::from_micros(1)).expect("adds");
    keep_cart(&shop, &own);
    let other = IncarnationId(Uuid::from_u128(77));
    theirs.add(other, TEA, amount(4), None, Timestamp::from_micros(2)).expect("adds");
    shop.tell(vec![Aggregate::Cart(Box::new(theirs.clone()))]);
    let merged = shop.node.db().read(|conn| crate::db::carts::load(conn, own.cart_id())).expect("reads");
    assert_eq!(merged.expect("known").quantity(TEA), 7);
    assert_eq!(*told.lock().expect("lock"), [own.cart_id()]);
    assert_eq!(shop.node.unsent().expect("waits").carts.len(), 1, "the own change still waits");
    let stranger = a_cart(&shop, 51, &[(CAKE, 1)]);
    shop.tell(vec![Aggregate::Cart(Box::new(stranger.clone()))]);
    assert_eq!(shop.node.unsent().expect("waits").carts.len(), 1, "what the feed told does not wait");
    let gone =
        |cart: &outpost_schema::cart::Cart| Aggregate::Gone(Key { kind: Kind::Cart, ids: vec![cart.cart_id().0] });
    shop.tell(vec![gone(&own), gone(&stranger)]);
    assert_eq!(shop.count("cart_states"), 1, "what waits to be pushed is not forgotten");
}

#[test]
fn a_later_ruling_is_kept_and_an_older_answer_does_not_undo_it() {
    let shop = Shop::new(&card());
    shop.node.ask(&[line(TEA, 5)]).expect("asks");
    let push = shop.node.unsent().expect("waits");
    let answer = |verdict| Pushed::Settled { acked: shop.mark(1), verdicts: vec![(1, verdict)], carts: vec![] };
    let aside = Verdict::SetAside(SetAside::Newer);
    shop.node.settle(&push, &answer(aside.clone())).expect("settles");
    assert_eq!(shop.node.status().expect("status").set_aside, 1);
    let refused = Verdict::Refused(Refusal::NothingLeft);
    let ruling = Ruling { incarnation_id: LIFE, seq: 1, verdict: refused.clone() };
    shop.tell_as_of(1, &[], vec![Aggregate::Verdict(Box::new(ruling))]);
    shop.node.settle(&push, &answer(aside)).expect("a late repeat");
    let status = shop.node.status().expect("status");
    assert_eq!((status.set_aside, status.refused), (0, 1));
    assert_eq!(shop.node.not_booked(9).expect("lists")[0].verdict, refused);
    let granted = Verdict::Granted(vec![Grant { product_id: TEA, amount: amount(5) }]);
    shop.node.ask(&[line(TEA, 5)]).expect("asks");
    let push = shop.node.unsent().expect("waits");
    let answer = Pushed::Settled { acked: shop.mark(2), verdicts: vec![(2, granted)], carts: vec![] };
    shop.node.settle(&push, &answer).expect("settles");
    assert_eq!(shop.open(TEA), 0, "the answer settles the journal; the allotment comes by the feed");
}
