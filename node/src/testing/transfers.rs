//! Goods on the road and deliveries, at a device without a line.

use outpost_schema::{
    delivery::{Delivery, DeliveryLine, DeliveryState},
    id::DeliveryId,
    movement::Remark,
    stock::{Allotment, Level},
    transfer::{Arrived, CameLine, Dispatched, Transfer, TransferCode},
};
use uuid::Uuid;

use super::*;
use crate::transfers::{Coming, Sending};

const ORDERED: DeliveryId = DeliveryId(Uuid::from_u128(70));

/// A device that knows of another place.
fn shop(card: &Card) -> Shop {
    let shop = Shop::new(card);
    let (name, created_at) = ("Elsewhere".to_owned(), Timestamp::from_micros(0));
    shop.tell(vec![Aggregate::Warehouse(Warehouse { warehouse_id: ELSEWHERE, name, home_of: None, created_at })]);
    shop
}

fn sending(lines: &[(ProductId, i64)], anyway: bool) -> Sending {
    let lines = lines.iter().map(|(product, units)| line(*product, *units)).collect();
    Sending { to_id: ELSEWHERE, lines, anyway, remark: Remark { person: Some("Ann".to_owned()), note: None } }
}

fn coming(code: &str, lines: &[(ProductId, i64, i64)], complete: bool) -> Coming {
    let line = |(product_id, units, damaged): &(ProductId, i64, i64)| CameLine {
        product_id: *product_id,
        came: amount(*units),
        damaged: *damaged,
    };
    let code = code.parse().expect("a code");
    Coming { code, lines: lines.iter().map(line).collect(), complete, remark: Remark::default() }
}

fn on_road(shop: &Shop, code: &TransferCode) -> i64 {
    let known = shop.node.transfer(code.transfer_id()).expect("readable").expect("known");
    known.totals().values().map(|of| of.on_road()).sum()
}

#[test]
fn goods_sent_leave_the_book_at_once_and_are_on_the_road() {
    let shop = shop(&home());
    shop.node.receive(&[line(TEA, 10)]).expect("receives");
    let sent = shop.node.send(&sending(&[(TEA, 4)], false)).expect("sends");
    assert_eq!(sent.code.to_string(), "K1-T1-J");
    assert_eq!((shop.level(TEA), shop.open(TEA)), (Level { balance: 6, promised: 6 }, 6));
    assert_eq!(shop.allotment(TEA), Allotment { received: 10, consumed: 4, ..Allotment::default() });
    assert_eq!((on_road(&shop, &sent.code), shop.node.transfers(false).expect("readable").len()), (4, 1));
    let next = shop.node.send(&sending(&[(TEA, 1)], false)).expect("sends");
    assert_eq!(next.code.number, 2, "no two boxes bear one code");
}

#[test]
fn what_others_were_promised_leaves_only_if_somebody_says_so() {
    let shop = shop(&card());
    shop.tell(vec![image(TEA, 10, 7), grant(TEA, 5)]);
    shop.refuses("beyond_free", |shop| shop.node.send(&sending(&[(TEA, 2), (TEA, 2)], false)));
    shop.node.send(&sending(&[(TEA, 3)], false)).expect("three are free");
    shop.node.send(&sending(&[(TEA, 4)], true)).expect("it is a fact");
    assert_eq!(shop.level(TEA), Level { balance: 3, promised: 7 });
    assert_eq!(shop.allotment(TEA).open(), 5, "where others sell too, nobody's allotment goes with it");
}

#[test]
fn what_cannot_be_sent_or_come_is_refused() {
    let shop = shop(&home());
    let to = |to_id| Sending { to_id, ..sending(&[(TEA, 1)], true) };
    shop.refuses("unknown_warehouse", |shop| shop.node.send(&to(WarehouseId(Uuid::from_u128(99)))));
    shop.refuses("same_warehouse", |shop| shop.node.send(&to(HERE)));
    shop.refuses("no_lines", |shop| shop.node.send(&sending(&[], true)));
    shop.refuses("unknown_product", |shop| shop.node.send(&sending(&[(ProductId(Uuid::from_u128(99)), 1)], true)));
    let code = TransferCode { prefix: "K9".to_owned(), number: 5 }.to_string();
    shop.refuses("more_damaged_than_came", |shop| shop.node.arrive(&coming(&code, &[(TEA, 1, 2)], false)));
    shop.refuses("amount_out_of_range", |shop| shop.node.arrive(&coming(&code, &[(TEA, 1, i64::MIN)], false)));
    shop.refuses("no_lines", |shop| shop.node.arrive(&coming(&code, &[], false)));
    shop.refuses("unknown_transfer", |shop| shop.node.arrive(&coming(&code, &[], true)));
}

#[test]
fn a_box_that_nobody_told_of_is_taken_in_and_fits_what_is_told_later() {
    let shop = shop(&home());
    let code = TransferCode { prefix: "K9".to_owned(), number: 5 };
    let come = shop.node.arrive(&coming(&code.to_string(), &[(TEA, 5, 1)], false)).expect("takes it in");
    assert_eq!((come.route, come.totals()[&TEA].excess()), (None, 5));
    assert_eq!((shop.level(TEA), shop.open(TEA)), (Level { balance: 4, promised: 4 }, 4));
    assert_eq!(shop.allotment(TEA), Allotment { received: 5, consumed: 1, ..Allotment::default() });

    // Head office heard the sender, and not yet this device.
    let mut image = Transfer::untold(code.clone());
    let lines = vec![line(TEA, 8)];
    let told = Dispatched { code: code.clone(), from_id: ELSEWHERE, to_id: HERE, lines, remark: Remark::default() };
    image.send(&told, Timestamp::from_micros(3));
    shop.tell(vec![Aggregate::Transfer(Box::new(image.clone()))]);
    assert_eq!(on_road(&shop, &code), 3, "what came here is laid over the image");
    shop.node.arrive(&coming(&code.to_string(), &[(TEA, 2, 0)], true)).expect("takes it in");
    assert_eq!((on_road(&shop, &code), shop.count("pending_ops")), (1, 2));

    // An image that contains the first arrival and not the second.
    let came = vec![CameLine { product_id: TEA, came: amount(5), damaged: 1 }];
    let first =
        Arrived { code: code.clone(), warehouse_id: HERE, lines: came, complete: false, remark: Remark::default() };
    image.arrive(&first);
    shop.tell_as_of(1, &[], vec![Aggregate::Transfer(Box::new(image))]);
    assert_eq!((on_road(&shop, &code), shop.count("pending_ops")), (1, 1));
    let known = shop.node.transfer(code.transfer_id()).expect("readable").expect("known");
    assert!(known.complete && known.surprises()[1].units() == 1, "one is missing");
}

#[test]
fn an_op_that_is_set_aside_stays_laid_over() {
    let shop = shop(&home());
    let sent = shop.node.send(&sending(&[(TEA, 4)], true)).expect("sends");
    let empty = Transfer::untold(sent.code.clone());
    shop.tell_as_of(1, &[1], vec![Aggregate::Transfer(Box::new(empty))]);
    assert_eq!(on_road(&shop, &sent.code), 4);
}

fn expected(received: i64) -> Aggregate {
    Aggregate::Delivery(Box::new(Delivery {
        delivery_id: ORDERED,
        warehouse_id: HERE,
        supplier: "Ahmad".to_owned(),
        reference: "PO-17".to_owned(),
        due_at: None,
        created_at: Timestamp::from_micros(0),
        closing: None,
        lines: vec![DeliveryLine { product_id: TEA, expected: 3, received }],
    }))
}

#[test]
fn each_scan_is_one_small_transaction_and_counts_for_the_delivery() {
    let shop = shop(&home());
    shop.tell(vec![expected(0)]);
    let delivery = shop.node.delivery_named("PO-17").expect("it is expected");
    for scanned in 1..=3 {
        shop.node.take_in_of(ORDERED, &[line(TEA, 1).into()], &Remark::default()).expect("certain");
        assert_eq!((shop.count("journal"), shop.count("stock_movements")), (scanned, scanned));
    }
    let state = |shop: &Shop| shop.node.delivery(delivery.delivery_id).expect("readable").expect("known").state();
    assert_eq!(state(&shop), DeliveryState::Complete);
    assert!(shop.node.deliveries(false).expect("readable").is_empty());
    shop.tell_as_of(2, &[], vec![expected(2)]);
    assert_eq!(state(&shop), DeliveryState::Complete, "the third is laid over the image of two");
}

#[test]
fn the_last_scan_is_taken_back_by_an_op_of_its_own() {
    let shop = shop(&home());
    shop.tell(vec![expected(0)]);
    shop.refuses("nothing_to_undo", |shop| shop.node.undo_receipt(&Remark::default()));
    shop.refuses("unknown_delivery", |shop| {
        shop.node.take_in_of(DeliveryId(Uuid::from_u128(9)), &[line(TEA, 1).into()], &Remark::default())
    });
    for units in [1, 2] {
        shop.node.take_in_of(ORDERED, &[line(TEA, units).into()], &Remark::default()).expect("certain");
    }
    let received = |shop: &Shop| shop.node.delivery(ORDERED).expect("readable").expect("known").lines[0].received;
    let took_back = |shop: &Shop| shop.node.undo_receipt(&Remark::default()).expect("undone").lines[0].amount.units();
    assert_eq!((took_back(&shop), received(&shop), shop.level(TEA).balance), (2, 1, 1));
    assert_eq!((took_back(&shop), received(&shop), shop.level(TEA).balance), (1, 0, 0), "each once, the last first");
    assert_eq!(shop.allotment(TEA), Allotment { received: 3, consumed: 3, ..Allotment::default() });
    assert_eq!(shop.count("journal"), 4, "nothing is deleted");
    shop.refuses("nothing_to_undo", |shop| shop.node.undo_receipt(&Remark::default()));
}
