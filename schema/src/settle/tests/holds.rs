//! Orders that use up holds.

use super::*;
use crate::settle::UsedUp;

const HOLD: HoldId = HoldId(Uuid::from_u128(70));

/// A shop with ten, three of them allotted to the author, and so many held.
fn holding(units: i64) -> Known {
    let mut known = allotted(10, 3);
    hold(&mut known, key(), units);
    known
}

fn hold(known: &mut Known, key: StockKey, units: i64) {
    known.levels.entry(key).or_default().promised += units;
    known.holds.insert((HOLD, key), units);
}

fn using(number: u128, units: i64, fulfilment: Fulfilment) -> Op {
    Op::Sale(Box::new(Sale {
        order: order(number, units, fulfilment),
        sold: None,
        holds: vec![HOLD],
        to_be_confirmed: false,
    }))
}

/// What is promised, and what the author may still sell, after an order of so many that uses up a hold of so many.
fn after(held: i64, units: i64, fulfilment: Fulfilment) -> (Level, i64) {
    let mut known = holding(held);
    let settled = run(&mut known, &author(), &[using(100, units, fulfilment)]);
    assert_eq!(verdicts(&settled), [Verdict::Accepted]);
    assert_eq!(settled.used_up, [UsedUp { hold_id: HOLD, key: key(), order_id: OrderId(id(100)) }]);
    assert!(concerns(&settled).is_empty(), "{settled:?}");
    (known.levels[&key()], known.allotments[&key()].open())
}

#[test]
fn what_was_held_becomes_the_order_s_and_no_unit_is_promised_twice_or_free_in_between() {
    let ship = Fulfilment::Ship;
    assert_eq!(after(4, 4, ship), (Level { balance: 10, promised: 7 }, 3), "as many are promised as before");
    assert_eq!(after(4, 6, ship), (Level { balance: 10, promised: 7 }, 1), "the rest comes from the allotment");
    assert_eq!(after(4, 2, ship), (Level { balance: 10, promised: 5 }, 3), "what is not needed is free");
    assert_eq!(after(4, 4, Fulfilment::CarryOut), (Level { balance: 6, promised: 3 }, 3), "it left");
}

#[test]
fn who_had_nothing_allotted_owes_nothing_afterwards() {
    let mut known = known(10, 0);
    hold(&mut known, key(), 4);
    run(&mut known, &author(), &[using(100, 4, Fulfilment::Ship)]);
    assert_eq!((known.levels[&key()].promised, known.allotments[&key()].rest()), (4, 0));
}

#[test]
fn who_is_suspended_takes_what_it_sold_from_its_own_and_the_hold_is_free() {
    let mut known = Known { is_suspended: true, ..holding(4) };
    run(&mut known, &author(), &[using(100, 4, Fulfilment::Ship)]);
    assert_eq!((known.levels[&key()].promised, known.allotments[&key()].open()), (4, 0), "only the order is promised");
}

#[test]
fn a_hold_that_is_over_is_no_reason_to_refuse_an_order() {
    let mut known = known(3, 0);
    let settled = run(&mut known, &author(), &[using(100, 4, Fulfilment::Ship)]);
    assert_eq!((verdicts(&settled), settled.used_up.len()), (vec![Verdict::Accepted], 0));
    assert_eq!(concerns(&settled), [ConcernKind::Unbacked], "what is promised beyond the book is seen");
}

#[test]
fn a_hold_is_used_up_once_and_where_the_order_is() {
    let mut known = holding(4);
    let elsewhere = StockKey { warehouse_id: WarehouseId(id(9)), ..key() };
    hold(&mut known, elsewhere, 5);
    let settled = run(&mut known, &author(), &[using(100, 4, Fulfilment::Ship), using(200, 2, Fulfilment::Ship)]);
    assert_eq!(settled.used_up.len(), 1, "the second finds it used up");
    assert_eq!((known.levels[&key()].promised, known.allotments[&key()].open()), (7, 1));
    assert_eq!((known.levels[&elsewhere].promised, known.holds.len()), (5, 1), "for the order that is made there");
}

#[test]
fn a_set_aside_order_uses_nothing_up() {
    let mut known = holding(4);
    known.users.clear();
    let settled = run(&mut known, &author(), &[using(100, 4, Fulfilment::Ship)]);
    assert_eq!((settled.used_up.len(), known.levels[&key()].promised), (0, 7));
}

#[test]
fn to_a_life_that_is_over_and_while_grants_may_be_forgotten_nothing_is_granted_for_it() {
    let over = Author { is_superseded: true, ..author() };
    for (author, is_recovering) in [(over, false), (author(), true)] {
        let mut known = Known { is_recovering, ..holding(4) };
        run(&mut known, &author, &[using(100, 4, Fulfilment::Ship)]);
        assert_eq!((known.allotments[&key()].granted, known.allotments[&key()].open()), (3, 0));
        assert_eq!(known.levels[&key()].promised, 4, "the order's, and what was held is free");
    }
}
