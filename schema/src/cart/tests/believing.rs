//! States that a device sent, honest and forged.

use std::collections::BTreeSet;

use super::*;

fn awaiting(numbers: &[u128]) -> Belief {
    Belief::KeepAside { awaits: numbers.iter().copied().map(actor).collect::<BTreeSet<_>>() }
}

#[test]
fn a_device_is_believed_about_itself() {
    let mut till = Till::first();
    till.add(3);
    till.take(1);
    assert_eq!(till.cart.believable(None, till.actor, &[].into(), &[]), Belief::Merge);
    let mut other = till.second(2);
    other.add(1);
    other.cart.remove(TOMATO);
    other.cart.park("", other.actor, hlc(5)).expect("a short label");
    assert_eq!(other.cart.believable(Some(&till.cart), other.actor, &[].into(), &[]), Belief::Merge);
    assert_eq!(
        till.cart.believable(Some(&other.cart), till.actor, &[].into(), &[]),
        Belief::Merge,
        "a stale state is harmless"
    );
}

#[test]
fn what_it_says_of_others_waits_for_them() {
    let acts: [fn(&mut Till); 6] = [
        |till| till.add(1),
        |till| till.take(1),
        |till| till.cart.give_to(UserId::GUEST, till.actor, hlc(7)),
        |till| till.cart.move_to(WarehouseId(Uuid::nil()), till.actor, hlc(7)),
        |till| till.cart.park("", till.actor, hlc(7)).expect("a short label"),
        |till| till.cart.add(till.actor, CHEESE, Amount::ONE, None, moment(1)).expect("there is room"),
    ];
    for act in acts {
        let mut server = Till::first();
        server.add(3);
        let mut third = server.second(3);
        act(&mut third);
        let mut second = server.second(2);
        second.cart.merge(&third.cart);
        second.add(1);
        assert_eq!(second.cart.believable(Some(&server.cart), second.actor, &[].into(), &[]), awaiting(&[3]));
        server.cart.merge(&third.cart);
        assert_eq!(second.cart.believable(Some(&server.cart), second.actor, &[].into(), &[]), Belief::Merge);
    }
}

#[test]
fn who_heard_a_write_before_its_stamp_was_capped_tells_no_lie() {
    let till = Till::first();
    let mut other = till.second(2);
    other.add(2);
    let mut capped = till.cart.clone();
    assert!(capped.cap(Timestamp::from_micros(-1_000_000_000_000)), "head office's clock was put back");
    for is_first in [false, true] {
        let mut shelf = Shelf { known: (!is_first).then(|| capped.clone()), ..Shelf::default() };
        shelf.take_in(other.actor, &[].into(), other.cart.clone());
        shelf.take_in(till.actor, &[].into(), capped.clone());
        assert_eq!((shelf.aside.len(), shelf.known.expect("believed").quantity(TOMATO)), (0, 2), "{is_first}");
    }
}

#[test]
fn two_states_kept_aside_for_each_other_are_both_merged() {
    let (mut one, server) = (Till::first(), Till::first());
    let mut two = one.second(2);
    one.add(2);
    two.add(3);
    meet(&mut one, &mut two);
    two.cart.park("", two.actor, hlc(9)).expect("a short label");
    meet(&mut one, &mut two);
    assert_eq!(one.cart.believable(Some(&server.cart), one.actor, &[].into(), &[]), awaiting(&[2]));
    assert_eq!(two.cart.believable(Some(&server.cart), two.actor, &[].into(), &[]), awaiting(&[1]));
    let aside = [(one.actor, one.cart.clone()), (two.actor, two.cart.clone())];
    assert_eq!(one.cart.believable(Some(&server.cart), one.actor, &[].into(), &aside), Belief::Merge);
    assert_eq!(two.cart.believable(Some(&server.cart), two.actor, &[].into(), &aside), Belief::Merge);
    let hearsay = [(actor(3), two.cart.clone())];
    assert_eq!(one.cart.believable(Some(&server.cart), one.actor, &[].into(), &hearsay), awaiting(&[2]));
}

#[test]
fn what_no_device_can_have_made_is_refused() {
    let mut server = Till::first();
    server.add(3);
    let forgeries: [Damage<Line>; 9] = [
        (|line| raise(&mut line.p, actor(2), u64::MAX), "a count is out of bounds"),
        (|line| raise(&mut line.n, actor(2), COUNT_MAX + 1), "a count is out of bounds"),
        (|line| raise(&mut line.rp, actor(1), 4), "it clears what was never counted"),
        (|line| raise(&mut line.rp, actor(3), 1), "it clears what was never counted"),
        (|line| raise(&mut line.rn, actor(2), u64::MAX), "it clears what was never counted"),
        (|line| line.p = Clock::new(), "a line began without a unit"),
        (|line| line.began.by = actor(2), "a line began without a unit"),
        (|line| line.began.cleared = 1, "a line began after more than was cleared"),
        (|line| line.began.unit_price = price("-0.01"), "a price is below nothing"),
    ];
    for (forge, why) in forgeries {
        let mut forged = server.second(2);
        forge(forged.line());
        assert_eq!(forged.cart.believable(Some(&server.cart), forged.actor, &[].into(), &[]), refused(why));
    }
}

#[test]
fn a_forged_count_of_another_device_never_gets_in() {
    let mut server = Till::first();
    server.add(3);
    let mut forged = server.second(2);
    raise(&mut forged.line().p, actor(1), COUNT_MAX);
    assert_eq!(forged.cart.believable(Some(&server.cart), forged.actor, &[].into(), &[]), awaiting(&[1]));
    let mut earlier = server.second(2);
    earlier.line().began.at = moment(0);
    assert_eq!(earlier.cart.believable(Some(&server.cart), earlier.actor, &[].into(), &[]), awaiting(&[1]));
}

#[test]
fn a_label_or_birthday_that_no_till_gives_is_refused() {
    let till = Till::first();
    let mut forged = till.second(2);
    forged.cart.label.write("x".repeat(text::LINE_MAX + 1), forged.actor, hlc(9));
    let too_long = Fault::TooLong { field: "label", max: text::LINE_MAX };
    assert_eq!(forged.cart.believable(Some(&till.cart), forged.actor, &[].into(), &[]), Belief::Refuse(too_long));
    let mut younger = till.second(2);
    younger.cart.created_at = moment(0);
    assert_eq!(
        younger.cart.believable(Some(&till.cart), younger.actor, &[].into(), &[]),
        refused("it is another cart")
    );
}

#[test]
fn a_device_brings_no_more_lines_than_a_cart_may_keep() {
    let mut till = Till::first();
    till.add(1);
    let line = till.line().clone();
    let products = (1_000..).map(|number| ProductId(Uuid::from_u128(number)));
    till.cart.lines.extend(products.zip(std::iter::repeat_n(line, LINES_KEPT_MAX)));
    let fault = Fault::TooManyLines { count: LINES_KEPT_MAX + 1, max: LINES_KEPT_MAX };
    assert_eq!(till.cart.believable(None, till.actor, &[].into(), &[]), Belief::Refuse(fault));
    assert_eq!(
        till.cart.believable(Some(&till.cart), actor(2), &[].into(), &[]),
        Belief::Merge,
        "others' lines are not its own"
    );
}
