//! Checking out, and units sold twice.

use super::*;

#[test]
fn the_same_cart_sold_at_two_tills_overlaps_in_every_unit() {
    let mut one = Till::first();
    one.add(5);
    let mut two = one.second(2);
    two.add(4);
    two.take(3);
    meet(&mut one, &mut two);
    let (first, second) = (checkout(&mut one), checkout(&mut two));
    assert_eq!(first, second);
    let mut sold = SoldUnits::default();
    assert_eq!((claim(&mut sold, &first), claim(&mut sold, &second)), (0, 6));
    meet(&mut one, &mut two);
    assert!(one.cart.is_empty());
}

#[test]
fn later_adds_never_overlap_with_what_was_sold_before() {
    let mut one = Till::first();
    one.add(5);
    let mut two = one.second(2);
    let mut sold = SoldUnits::default();
    let first = checkout(&mut one);
    one.add(2);
    two.cart.remove(TOMATO);
    two.add(3);
    two.take(1);
    let orders = [first, checkout(&mut one), checkout(&mut two)];
    assert_eq!(orders.map(|order| claim(&mut sold, &order)), [0, 0, 0]);
}

#[test]
fn an_add_unseen_by_a_checkout_stays_in_the_cart() {
    let mut one = Till::first();
    one.add(5);
    let mut two = one.second(2);
    two.add(2);
    let first = checkout(&mut one);
    meet(&mut one, &mut two);
    assert_eq!(two.shown(), 2);
    let mut sold = SoldUnits::default();
    let second = checkout(&mut two);
    assert_eq!((claim(&mut sold, &first), claim(&mut sold, &second)), (0, 0));
}

#[test]
fn one_more_and_one_less_does_not_hide_a_unit_sold_twice() {
    for number in [0, 2] {
        let mut one = Till::first();
        one.add(1);
        let mut two = one.second(number);
        two.add(1);
        two.take(1);
        let mut sold = SoldUnits::default();
        let (first, second) = (checkout(&mut one), checkout(&mut two));
        assert_eq!((claim(&mut sold, &first), claim(&mut sold, &second)), (0, 1), "actor {number}");
    }
}

#[test]
fn a_smaller_sale_of_the_same_units_overlaps_in_just_those() {
    let mut one = Till::first();
    one.add(5);
    let mut two = one.second(2);
    two.take(2);
    let mut sold = SoldUnits::default();
    let (first, second) = (checkout(&mut one), checkout(&mut two));
    assert_eq!((claim(&mut sold, &second), claim(&mut sold, &first)), (0, 3));
    assert_eq!(sold.spans(), [Span { actor: actor(1), from: 0, to: 5 }]);
}

fn check_units(added: &[Span], taken: &[Span], units: &[Span]) {
    let quantity = amount(units.iter().map(|span| i64::try_from(span.units()).expect("a small span")).sum());
    let (added, taken) = (added.to_vec(), taken.to_vec());
    let line = SoldLine { product_id: TOMATO, quantity, unit_price: None, added, taken };
    assert_eq!(line.check(), Ok(()));
    assert_eq!(line.units(), units);
}

#[test]
fn takings_undo_units_in_one_fixed_order() {
    let span = |number, from, to| Span { actor: actor(number), from, to };
    check_units(&[span(1, 2, 6)], &[], &[span(1, 2, 6)]);
    let both = [span(1, 0, 3), span(2, 0, 3)];
    check_units(&both, &[span(1, 4, 6)], &[span(1, 0, 1), span(2, 0, 3)]);
    check_units(&both, &[span(1, 0, 5)], &[span(2, 0, 1)]);
    check_units(&both, &[span(3, 0, 4)], &[span(1, 0, 2)]);
    check_units(&both, &[span(1, 0, 1), span(3, 0, 1)], &[span(1, 0, 2), span(2, 0, 2)]);
}

#[test]
fn an_empty_cart_is_not_checked_out() {
    let mut till = Till::first();
    assert_eq!(till.cart.checkout(), Err(Fault::NoLines));
    till.add(1);
    till.cart.clear();
    assert_eq!(till.cart.checkout(), Err(Fault::NoLines));
}

#[test]
fn an_order_closes_the_cart_as_far_as_it_was_seen() {
    let mut one = Till::first();
    one.add(5);
    let mut server = one.second(9);
    one.add(1);
    let sold = checkout(&mut one);
    server.cart.close(&sold);
    assert!(server.cart.is_empty());
    assert_eq!(one.cart.believable(Some(&server.cart), one.actor, &[].into(), &[]), Belief::Merge);
    meet(&mut one, &mut server);
    let mut forged = sold;
    forged.lines[0].added[0].to = COUNT_MAX;
    one.add(1);
    server.cart.close(&forged);
    meet(&mut one, &mut server);
    assert_eq!(one.shown(), 1, "an order moves nobody's count");
}

#[test]
fn an_order_of_another_cart_closes_nothing() {
    let mut one = Till::first();
    one.add(5);
    let mut sold = one.clone().cart.checkout().expect("five tomatoes");
    sold.cart_id = CartId(Uuid::from_u128(99));
    one.cart.close(&sold);
    assert_eq!(one.shown(), 5);
}

#[test]
fn what_was_sold_is_known_in_any_order_and_once() {
    let span = |from, to| SoldUnits::from(vec![Span { actor: actor(1), from, to }]);
    let mut known = SoldUnits::default();
    for (from, to) in [(6, 9), (0, 2), (1, 3), (3, 4), (6, 9), (7, 8)] {
        known.merge(&span(from, to));
    }
    let spans: Vec<_> = known.spans().iter().map(|span| (span.from, span.to)).collect();
    assert_eq!(spans, [(0, 4), (6, 9)]);
}

#[test]
fn a_sale_that_no_cart_can_have_made_is_refused() {
    let mut till = Till::first();
    till.add(5);
    till.second(2).take(1);
    let sold = checkout(&mut till);
    let faulty: [Damage<Sold>; 6] = [
        (|sold| sold.lines[0].quantity = amount(6), "more than its units"),
        (|sold| sold.lines[0].added.push(Span { actor: actor(7), from: 3, to: 3 }), "an empty span"),
        (|sold| sold.lines[0].added[0] = Span { actor: actor(1), from: COUNT_MAX, to: COUNT_MAX + 5 }, "out of bounds"),
        (
            |sold| sold.lines[0].added = [(0, 3), (1, 3)].map(|(from, to)| Span { actor: actor(1), from, to }).to_vec(),
            "a device twice",
        ),
        (|sold| sold.lines.push(sold.lines[0].clone()), "a product twice"),
        (|sold| sold.lines[0].unit_price = price("-1.00"), "a price below nothing"),
    ];
    for (forge, what) in faulty {
        let mut forged = sold.clone();
        forge(&mut forged);
        assert!(forged.check().is_err(), "{what}");
    }
    assert_eq!(Sold { lines: Vec::new(), ..sold }.check(), Err(Fault::NoLines));
}
