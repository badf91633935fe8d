use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    clock::{Hlc, Timestamp},
    id::{IncarnationId, NodeId, PaymentId, UserId, WarehouseId},
    journal::{Entry, Mark},
    money::Money,
    op::{Op, Sale},
    order::{Order, Payment, Tender, tests::order},
    quantity::Amount,
    returned::{Condition, Return, tests::back},
    settle::{Author, Known, Settled, settle},
    stock::{Level, Reason, StockKey},
    verdict::{ConcernKind, SetAside, Verdict},
};

const NOW: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

/// The till that sold, and one of another shop.
const HERE: u128 = 11;
const THERE: u128 = 21;

fn author(node: u128, homes: &[WarehouseId]) -> Author {
    let place = if node == HERE { WarehouseId(Uuid::from_u128(12)) } else { WarehouseId(Uuid::from_u128(22)) };
    Author {
        node_id: NodeId(Uuid::from_u128(node)),
        incarnation_id: IncarnationId(Uuid::from_u128(node + 100)),
        warehouses: [place].into(),
        former: BTreeSet::new(),
        homes: homes.iter().copied().collect(),
        left_homes: BTreeSet::new(),
        is_closed: false,
        elders: BTreeSet::new(),
        is_superseded: false,
        skew: None,
    }
}

/// Two shops, and an order of two and one that the first of them sold.
fn shops() -> (Known, Order) {
    let sold = order(&[(2, "1.25"), (1, "0.50")]);
    let mut known = Known::empty("USD".parse().expect("a currency"), NOW);
    known.users.insert(UserId::GUEST);
    known.warehouses.extend([12, 22].map(|number| WarehouseId(Uuid::from_u128(number))));
    known.products.extend(sold.items.iter().map(|item| item.product_id));
    for warehouse_id in &known.warehouses {
        let full = |line| (row(&sold, line, *warehouse_id), Level { balance: 10, promised: 0 });
        known.levels.extend([0, 1].map(full));
    }
    (known, sold)
}

fn row(sold: &Order, line: usize, warehouse_id: WarehouseId) -> StockKey {
    StockKey { product_id: sold.items[line].product_id, warehouse_id }
}

fn told(known: &mut Known, author: &Author, ops: &[Op]) -> Settled {
    let mut head = Mark::START;
    let mut write = |op: &Op| {
        let hlc = Hlc { at: NOW, tick: 0 };
        let entry = Entry::write(author.incarnation_id, head, hlc, String::new(), op, [3; 16]);
        head = entry.mark();
        entry
    };
    settle(known, author, &ops.iter().map(&mut write).collect::<Vec<_>>())
}

fn sale(sold: &Order) -> Op {
    Op::Sale(Box::new(Sale { order: sold.clone(), sold: None, holds: Vec::new(), to_be_confirmed: false }))
}

fn returned(back: Return) -> Op {
    Op::Returned(Box::new(back))
}

/// The same at the other shop, by the receipt alone.
fn elsewhere(back: Return, sold: &Order) -> Return {
    let mut back = Return {
        order_id: sold.receipt.stand_in(),
        node_id: NodeId(Uuid::from_u128(THERE)),
        warehouse_id: WarehouseId(Uuid::from_u128(22)),
        ..back
    };
    back.lines.iter_mut().for_each(|line| line.order_item_id = None);
    back.refunds.iter_mut().for_each(|refund| refund.refunds = None);
    back
}

fn concerns(settled: &Settled) -> Vec<ConcernKind> {
    settled.opened.iter().map(|raised| raised.kind).collect()
}

fn moved(settled: &Settled) -> Vec<(Reason, i64)> {
    settled.movements.iter().map(|moved| (moved.movement.why.reason, moved.movement.delta)).collect()
}

#[test]
fn damaged_goods_that_come_back_are_none_of_those_that_were_written_off() {
    let (mut known, sold) = shops();
    let here = author(HERE, &[sold.warehouse_id]);
    let key = row(&sold, 0, sold.warehouse_id);
    told(&mut known, &here, &[sale(&sold)]);
    known.written_off.insert((here.incarnation_id, key), 5);
    let mut damaged = back(1, &sold, &[(0, 1)], Some("1.25"));
    damaged.lines[0].condition = Condition::Damaged;
    told(&mut known, &here, &[returned(damaged)]);
    assert_eq!((known.levels[&key].balance, known.written_off[&(here.incarnation_id, key)]), (8, 5));
}

#[test]
fn what_comes_back_is_in_the_book_and_its_payment_is_refunded_when_all_is() {
    let (mut known, sold) = shops();
    let here = author(HERE, &[]);
    let key = row(&sold, 0, sold.warehouse_id);
    let settled = told(&mut known, &here, &[sale(&sold), returned(back(1, &sold, &[(0, 1)], Some("1.25")))]);
    assert_eq!((known.levels[&key].balance, concerns(&settled)), (9, vec![]));
    assert_eq!(moved(&settled)[2..], [(Reason::Returned, 1)]);
    assert!(settled.refunded.is_empty());
    let settled = told(&mut known, &here, &[returned(back(2, &sold, &[(0, 1), (1, 1)], Some("1.75")))]);
    assert_eq!((known.levels[&key].balance, concerns(&settled)), (10, vec![]));
    assert_eq!(settled.refunded.keys().collect::<Vec<_>>(), [&(sold.order_id, sold.payments[0].payment_id)]);
}

#[test]
fn what_nobody_can_sell_comes_back_and_goes() {
    for homes in [vec![], vec![WarehouseId(Uuid::from_u128(12))]] {
        let (mut known, sold) = shops();
        let here = author(HERE, &homes);
        let mut broken = back(1, &sold, &[(0, 2)], None);
        broken.lines[0].condition = Condition::Damaged;
        let settled = told(&mut known, &here, &[sale(&sold), returned(broken)]);
        assert_eq!(moved(&settled)[2..], [(Reason::Returned, 2), (Reason::Damaged, -2)]);
        let key = row(&sold, 0, sold.warehouse_id);
        assert_eq!(known.levels[&key].balance, 8);
        let own = known.allotments[&key];
        let consumed = if homes.is_empty() { 2 } else { 4 };
        assert_eq!((own.consumed, own.received), (consumed, consumed - 2), "as the till counts it");
    }
}

#[test]
fn at_a_home_it_is_the_tills_own_to_sell_again() {
    let (mut known, sold) = shops();
    let here = author(HERE, &[sold.warehouse_id]);
    told(&mut known, &here, &[sale(&sold), returned(back(1, &sold, &[(0, 2)], None))]);
    let own = known.allotments[&row(&sold, 0, sold.warehouse_id)];
    assert_eq!((own.consumed, own.received), (2, 2));
}

#[test]
fn two_tills_that_did_not_hear_of_each_other_are_one_concern_in_either_order() {
    let first = |sold: &Order| back(1, sold, &[(0, 2)], Some("2.50"));
    let second = |sold: &Order| elsewhere(back(2, sold, &[(0, 1), (1, 1)], Some("1.75")), sold);
    for is_turned in [false, true] {
        let (mut known, sold) = shops();
        told(&mut known, &author(HERE, &[]), &[sale(&sold)]);
        let mut told_by = |is_here: bool| match is_here {
            true => told(&mut known, &author(HERE, &[]), &[returned(first(&sold))]),
            false => told(&mut known, &author(THERE, &[]), &[returned(second(&sold))]),
        };
        assert_eq!(concerns(&told_by(!is_turned)), []);
        let settled = told_by(is_turned);
        assert_eq!(concerns(&settled), [ConcernKind::ReturnedTwice, ConcernKind::RefundedTooMuch]);
        assert_eq!(settled.verdicts, [(1, Verdict::Accepted)], "it has happened");
        let subjects = settled.opened.iter().map(|raised| raised.subject.clone()).collect::<BTreeSet<_>>();
        assert_eq!(subjects, [sold.order_id.to_string()].into());
        assert_eq!(settled.opened[1].detail["parts"][0]["money"], serde_json::json!("1.25"));
        let balances: i64 = known.warehouses.iter().map(|place| known.levels[&row(&sold, 0, *place)].balance).sum();
        assert_eq!(balances, 20 - 2 + 3);
    }
}

#[test]
fn what_goes_beyond_the_order_twice_in_one_push_is_told_twice() {
    let (mut known, sold) = shops();
    let here = author(HERE, &[]);
    told(&mut known, &here, &[sale(&sold), returned(back(1, &sold, &[(0, 2)], None))]);
    let settled = told(&mut known, &here, &[2, 3].map(|number| returned(back(number, &sold, &[(0, 1)], None))));
    assert_eq!(concerns(&settled), [ConcernKind::ReturnedTwice]);
    assert_eq!(settled.opened[0].detail["parts"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_return_by_receipt_finds_its_order() {
    let (mut known, sold) = shops();
    told(&mut known, &author(HERE, &[]), &[sale(&sold)]);
    let away = elsewhere(back(1, &sold, &[(0, 2)], Some("2.50")), &sold);
    let settled = told(&mut known, &author(THERE, &[]), &[returned(away)]);
    let (_, kept) = &settled.returns[0];
    assert_eq!((kept.order_id, kept.lines[0].order_item_id), (sold.order_id, Some(sold.items[0].order_item_id)));
    assert_eq!(kept.refunds[0].refunds, sold.payment_id);
    assert_eq!(concerns(&settled), []);
}

#[test]
fn it_waits_for_an_order_that_is_not_known_yet() {
    let (mut known, sold) = shops();
    for (back, lacked) in [
        (back(1, &sold, &[(0, 2)], None), sold.order_id),
        (elsewhere(back(2, &sold, &[(0, 2)], None), &sold), sold.receipt.stand_in()),
    ] {
        let by = author(if back.is_by_receipt() { THERE } else { HERE }, &[]);
        let settled = told(&mut known, &by, &[returned(back)]);
        let lacks = Verdict::SetAside(SetAside::Lacks { ids: vec![lacked.0] });
        assert_eq!((settled.verdicts, settled.movements.len()), (vec![(1, lacks)], 0));
    }
}

#[test]
fn money_beyond_what_was_taken_is_a_concern_each_payment_by_itself() {
    let cases: [(&[(usize, &str)], bool); 5] = [
        (&[(0, "1.00"), (1, "2.00")], false),
        (&[(0, "1.01")], true),
        (&[(1, "2.00"), (1, "0.01")], true),
        (&[(0, "0.50"), (0, "0.50"), (1, "2.00")], false),
        (&[(0, "3.00")], true),
    ];
    for (refunds, is_too_much) in cases {
        let (mut known, mut sold) = shops();
        let split = |number: u128, amount: &str, tender| Payment {
            payment_id: PaymentId(Uuid::from_u128(30 + number)),
            amount: amount.parse().expect("money"),
            tender,
            ..sold.payments[0].clone()
        };
        sold.payments = vec![split(1, "1.00", Tender::Cash), split(2, "2.00", Tender::Card)];
        sold.payment_id = Some(sold.payments[0].payment_id);
        let gives = |(number, (paid, amount)): (u128, &(usize, &str))| {
            let mut gives = back(number, &sold, &[], Some(*amount));
            gives.refunds[0].refunds = Some(sold.payments[*paid].payment_id);
            returned(gives)
        };
        let ops: Vec<Op> = [sale(&sold)].into_iter().chain((1..).zip(refunds).map(gives)).collect();
        let settled = told(&mut known, &author(HERE, &[]), &ops);
        let expected: &[ConcernKind] = if is_too_much { &[ConcernKind::RefundedTooMuch] } else { &[] };
        assert_eq!(concerns(&settled), expected, "{refunds:?}");
    }
}

#[test]
fn nobody_returns_for_another_till_or_where_it_may_not_act_or_twice() {
    let (mut known, sold) = shops();
    let twice = returned(back(1, &sold, &[(0, 1)], None));
    let foreign = Return { node_id: NodeId(Uuid::from_u128(THERE)), ..back(2, &sold, &[(0, 1)], None) };
    let away = Return { warehouse_id: WarehouseId(Uuid::from_u128(22)), ..back(3, &sold, &[(0, 1)], None) };
    let ops = [sale(&sold), twice.clone(), twice, returned(foreign), returned(away)];
    let settled = told(&mut known, &author(HERE, &[]), &ops);
    let verdicts: Vec<_> = settled.verdicts.iter().skip(2).map(|(_, verdict)| verdict.clone()).collect();
    let taken = SetAside::IdTaken { id: Uuid::from_u128(901) };
    assert_eq!(verdicts, [taken, SetAside::NoRight, SetAside::NoRight].map(Verdict::SetAside));
    assert_eq!(settled.returns.len(), 1);
}

#[test]
fn what_is_not_on_the_order_came_back_all_the_same() {
    let (mut known, sold) = shops();
    let other = order(&[(1, "1.00"), (5, "2.00")]);
    let mut strange = back(1, &sold, &[(1, 1)], Some("1.00"));
    strange.lines[0].order_item_id = Some(outpost_item(77));
    strange.lines[0].quantity = Amount::new(3).expect("an amount");
    strange.refunds[0].payment.currency = "EUR".parse().expect("a currency");
    let settled = told(&mut known, &author(HERE, &[]), &[sale(&sold), returned(strange)]);
    assert_eq!(concerns(&settled), [ConcernKind::ReturnedTwice, ConcernKind::OtherCurrency]);
    assert_eq!(known.levels[&row(&other, 1, sold.warehouse_id)].balance, 10 - 1 + 3);
    assert_eq!(known.bought[&sold.order_id].refundable(), "3.00".parse::<Money>().expect("money"));
}

fn outpost_item(number: u128) -> crate::id::OrderItemId {
    crate::id::OrderItemId(Uuid::from_u128(number))
}
