//! What a node does about its allotments by itself: it answers recalls, asks for what a sale lacked, and shows what is
//! low.

use outpost_schema::{
    feed::Granted,
    op::{Goods, Op, OpKind},
    word::Word as _,
};

use super::*;
use crate::stockroom::Scarce;

/// Head office says of tea that so many are granted, so many needed, and so many may be kept.
fn told(shop: &Shop, granted: i64, full: i64, keep: Option<i64>) {
    let (incarnation_id, product_id, warehouse_id) = (LIFE, TEA, HERE);
    let told = Granted { incarnation_id, product_id, warehouse_id, granted, reclaimed: 0, full, keep };
    shop.tell(vec![image(TEA, 50, granted), Aggregate::Allotment(told)]);
}

/// The goods of the ops of a kind, in order.
fn ops(shop: &Shop, kind: OpKind) -> Vec<Goods> {
    let entries = shop.node.db().read(|conn| crate::db::journal::after(conn, LIFE, 0, 100, usize::MAX)).expect("reads");
    let of_kind = entries.into_iter().filter(|entry| entry.kind == kind.word());
    let goods = |op| if let Op::GaveBack(goods) | Op::AllotmentAsked(goods) = op { goods } else { panic!("{op:?}") };
    of_kind.map(|entry| goods(Op::from_body(kind, &entry.body.0).expect("readable"))).collect()
}

fn units(goods: &[Goods]) -> Vec<i64> {
    goods.iter().flat_map(|goods| &goods.lines).map(|line| line.amount.units()).collect()
}

#[test]
fn what_others_need_is_given_back_once_and_what_an_open_cart_needs_is_not() {
    let shop = Shop::new(&card());
    told(&shop, 10, 4, Some(4));
    keep_cart(&shop, &a_cart(&shop, 50, &[(TEA, 3), (CAKE, 1)]));
    shop.node.prepare().expect("answers");
    assert_eq!((units(&ops(&shop, OpKind::GaveBack)), shop.open(TEA)), (vec![6], 4));
    shop.node.prepare().expect("has nothing to answer");
    assert_eq!(ops(&shop, OpKind::GaveBack).len(), 1);

    told(&shop, 10, 4, Some(1));
    shop.node.prepare().expect("answers");
    assert_eq!((units(&ops(&shop, OpKind::GaveBack)), shop.open(TEA)), (vec![6, 1], 3), "three are in a cart");
}

#[test]
fn a_recall_stands_over_a_restart_and_not_for_an_old_copy() {
    let shop = Shop::new(&card());
    told(&shop, 10, 4, Some(4));
    shop.node.stand_at(Mark { seq: 7, hash: outpost_schema::journal::Hash([1; 32]) }).expect("noted");
    shop.node.prepare().expect("nothing is its to give");
    assert_eq!(ops(&shop, OpKind::GaveBack), []);

    let shop = Shop::new(&card());
    told(&shop, 10, 4, Some(4));
    let shop = shop.reopened();
    shop.node.prepare().expect("answers");
    assert_eq!(shop.open(TEA), 4);
}

#[test]
fn what_a_sale_lacked_is_asked_for_once_until_more_is_granted() {
    let shop = Shop::new(&card());
    told(&shop, 2, 5, None);
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 2), (TEA, 1)]));
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 3)]));
    shop.node.prepare().expect("asks");
    assert_eq!(units(&ops(&shop, OpKind::AllotmentAsked)), [3], "up to full");
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 3)]));
    shop.node.prepare().expect("has asked");
    assert_eq!(ops(&shop, OpKind::AllotmentAsked).len(), 1, "a scan more is no ask more");

    told(&shop, 3, 5, None);
    shop.refuses("allotment_spent", |shop| shop.sell(&[(TEA, 9)]));
    shop.node.prepare().expect("asks");
    assert_eq!(units(&ops(&shop, OpKind::AllotmentAsked)), [3, 6], "for the sale, which is more than full");
}

#[test]
fn little_shows_before_nothing_is_left() {
    let shop = Shop::new(&card());
    told(&shop, 8, 8, None);
    assert_eq!((shop.node.scarce(9).expect("reads"), shop.node.status().expect("reads").scarce), (vec![], 0));
    shop.sell(&[(TEA, 2)]).expect("sells");
    assert_eq!(shop.node.scarce(9).expect("reads"), []);
    shop.sell(&[(TEA, 1)]).expect("sells");
    let scarce = Scarce { product_id: TEA, name: "Green Tea".to_owned(), open: 5, full: 8 };
    assert_eq!((shop.node.scarce(9).expect("reads"), shop.node.status().expect("reads").scarce), (vec![scarce], 1));
}
