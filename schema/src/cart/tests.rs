//! The rules of a cart, one by one: two tills act without knowing of each other, and meet.

mod believing;
mod bytes;
mod oracle;
mod selling;

use uuid::Uuid;

use super::*;
use crate::text;

const TOMATO: ProductId = ProductId(Uuid::from_u128(0x70));
const CHEESE: ProductId = ProductId(Uuid::from_u128(0x71));

fn actor(number: u128) -> IncarnationId {
    IncarnationId(Uuid::from_u128(number))
}

fn hlc(micros: i64) -> Hlc {
    Hlc { at: moment(micros), tick: 0 }
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("test amount")
}

fn price(text: &str) -> Option<Money> {
    Some(text.parse().expect("test money"))
}

/// One replica and the actor that writes there.
#[derive(Clone)]
struct Till {
    cart: Cart,
    actor: IncarnationId,
}

impl Till {
    fn first() -> Self {
        let (owner, home) = (UserId(Uuid::from_u128(1)), WarehouseId(Uuid::from_u128(2)));
        let cart = Cart::open(CartId(Uuid::from_u128(3)), owner, home, actor(1), hlc(1));
        Self { cart, actor: actor(1) }
    }

    /// Another till that has seen all of this one's cart.
    fn second(&self, number: u128) -> Self {
        Self { cart: self.cart.clone(), actor: actor(number) }
    }

    fn add(&mut self, units: i64) {
        self.add_at(units, "1.00", 10);
    }

    fn add_at(&mut self, units: i64, at_price: &str, at: i64) {
        self.cart.add(self.actor, TOMATO, amount(units), price(at_price), moment(at)).expect("there is room");
    }

    fn take(&mut self, units: i64) {
        self.cart.take(self.actor, TOMATO, amount(units)).expect("within bounds");
    }

    fn set(&mut self, units: i64) {
        self.cart.set(self.actor, TOMATO, units, price("1.00"), moment(10)).expect("there is room");
    }

    fn shown(&self) -> i64 {
        self.cart.quantity(TOMATO)
    }

    fn line(&mut self) -> &mut Line {
        self.cart.lines.get_mut(&TOMATO).expect("tomatoes were added")
    }
}

/// A way to damage a thing, and what is wrong then.
type Damage<T> = (fn(&mut T), &'static str);

fn refused(why: &'static str) -> Belief {
    Belief::Refuse(Fault::UnbelievableCart { why })
}

fn claim(sold: &mut SoldUnits, order: &Sold) -> u64 {
    assert_eq!(order.check(), Ok(()));
    order.lines.iter().map(|line| sold.claim(line).units()).sum()
}

fn checkout(till: &mut Till) -> Sold {
    till.cart.checkout().expect("something is shown")
}

fn meet(one: &mut Till, two: &mut Till) {
    one.cart.merge(&two.cart);
    two.cart.merge(&one.cart);
    assert_eq!(one.cart, two.cart);
}

/// Two tills know of `before` tomatoes, act without knowing of each other, and meet; the shown
/// quantity is then `after`, and one more tomato makes it one more.
fn check(before: i64, one: impl Fn(&mut Till), two: impl Fn(&mut Till), after: i64) {
    let mut first = Till::first();
    first.add(before);
    let mut second = first.second(2);
    one(&mut first);
    two(&mut second);
    meet(&mut first, &mut second);
    assert_eq!(first.shown(), after);
    second.add(1);
    meet(&mut first, &mut second);
    assert_eq!(first.shown(), after + 1);
}

#[test]
fn two_adds_both_count() {
    check(1, |till| till.add(2), |till| till.add(3), 6);
}

#[test]
fn an_add_unseen_by_a_removal_survives() {
    check(10, |till| till.cart.remove(TOMATO), |till| till.add(1), 1);
    check(10, |till| till.cart.clear(), |till| till.add(1), 1);
    check(10, |till| till.set(0), |till| till.add(1), 1);
    check(10, |till| till.take(99), |till| till.add(1), 1);
}

#[test]
fn two_removals_remove_once() {
    check(3, |till| till.cart.remove(TOMATO), |till| till.cart.remove(TOMATO), 0);
    check(3, |till| till.take(3), |till| till.take(3), 0);
}

#[test]
fn two_takes_of_two_from_three_show_nothing_and_owe_nothing() {
    check(3, |till| till.take(2), |till| till.take(2), 0);
}

#[test]
fn two_takes_both_count() {
    check(10, |till| till.take(2), |till| till.take(3), 5);
}

#[test]
fn setting_a_quantity_is_the_difference_to_what_was_seen() {
    check(3, |till| till.set(5), |till| till.add(1), 6);
    check(3, |till| till.set(1), |till| till.add(1), 2);
    check(3, |till| till.set(3), |till| till.set(4), 4);
}

#[test]
fn what_was_removed_and_added_again_counts_once() {
    let again = |till: &mut Till| {
        till.cart.remove(TOMATO);
        till.add(2);
    };
    check(5, again, |_| (), 2);
    check(5, again, again, 4);
}

#[test]
fn a_clearing_may_arrive_before_what_it_covers() {
    let mut one = Till::first();
    one.add(5);
    let mut two = one.second(2);
    let mut ahead = one.second(3);
    ahead.add(4);
    let added = ahead.cart.clone();
    ahead.cart.remove(TOMATO);
    ahead.line().p = Clock::new();
    two.cart.merge(&ahead.cart);
    assert_eq!(two.shown(), 0);
    two.add(1);
    assert_eq!(two.shown(), 1, "what is still to come is owed by nobody");
    two.cart.merge(&added);
    assert_eq!(two.shown(), 1);
}

#[test]
fn taking_from_a_cart_without_the_product_does_nothing() {
    let mut till = Till::first();
    let before = till.cart.clone();
    till.take(5);
    till.cart.remove(TOMATO);
    till.set(0);
    assert_eq!(till.cart, before);
}

#[test]
fn a_restored_device_counts_in_new_numbers() {
    let mut till = Till::first();
    till.add(1);
    let mut restored = till.second(9);
    till.add(4);
    restored.add(2);
    meet(&mut till, &mut restored);
    assert_eq!(till.shown(), 7);
}

#[test]
fn a_line_keeps_the_price_of_its_present_life() {
    let mut till = Till::first();
    till.add_at(1, "2.00", 10);
    till.add_at(1, "2.20", 20);
    let shown = |till: &Till| till.cart.lines().first().map(|line| (line.unit_price, line.added_at));
    assert_eq!(shown(&till), Some((price("2.00"), moment(10))));
    let mut other = till.second(2);
    till.cart.checkout().expect("two tomatoes");
    till.add_at(1, "2.50", 30);
    meet(&mut till, &mut other);
    assert_eq!(shown(&other), Some((price("2.50"), moment(30))));
}

#[test]
fn of_two_beginnings_the_earlier_gives_the_price() {
    let (mut one, mut two) = (Till::first(), Till::first().second(2));
    one.add_at(1, "2.50", 30);
    two.add_at(1, "2.00", 10);
    meet(&mut one, &mut two);
    assert_eq!(one.cart.lines()[0].unit_price, price("2.00"));
}

#[test]
fn lines_are_shown_in_the_order_they_began() {
    let mut till = Till::first();
    till.add_at(1, "1.00", 20);
    till.cart.add(till.actor, CHEESE, amount(300), None, moment(10)).expect("there is room");
    let order: Vec<_> = till.cart.lines().iter().map(|line| line.product_id).collect();
    assert_eq!(order, [CHEESE, TOMATO]);
    till.cart.remove(CHEESE);
    assert_eq!(till.cart.lines().len(), 1);
    assert!(!till.cart.is_empty());
    till.cart.clear();
    assert!(till.cart.is_empty());
}

#[test]
fn the_last_word_on_a_parked_cart_wins() {
    let (mut one, mut two) = (Till::first(), Till::first().second(2));
    one.cart.park("red coat", one.actor, hlc(50)).expect("a short label");
    two.cart.give_to(UserId(Uuid::from_u128(77)), two.actor, hlc(40));
    two.cart.move_to(WarehouseId(Uuid::from_u128(78)), two.actor, hlc(40));
    two.cart.resume(two.actor, hlc(49));
    meet(&mut one, &mut two);
    assert!(one.cart.is_parked());
    assert_eq!((one.cart.label(), one.cart.owner().0.as_u128()), ("red coat", 77));
    assert_eq!(one.cart.home().0.as_u128(), 78);
    two.cart.resume(two.actor, hlc(3));
    meet(&mut one, &mut two);
    assert!(!one.cart.is_parked(), "who has seen a parking undoes it, even with a slow clock");
}

#[test]
fn a_device_that_stamps_two_writes_alike_does_not_part_the_replicas() {
    let (mut one, mut two) = (Till::first(), Till::first());
    one.cart.give_to(UserId(Uuid::from_u128(5)), one.actor, hlc(9));
    two.cart.give_to(UserId(Uuid::from_u128(6)), two.actor, hlc(9));
    meet(&mut one, &mut two);
}

#[test]
fn a_label_is_bounded() {
    let mut till = Till::first();
    let long = "x".repeat(text::LINE_MAX + 1);
    assert!(till.cart.park(&long, till.actor, hlc(5)).is_err());
    assert!(!till.cart.is_parked());
}

#[test]
fn a_stamp_from_2099_is_capped_and_then_beaten() {
    let mut till = Till::first();
    let mut other = till.second(2);
    till.cart.park("", till.actor, hlc(4_070_908_800_000_000)).expect("a short label");
    assert!(till.cart.cap(moment(1_000)));
    assert!(!till.cart.cap(moment(1_000)));
    other.cart.resume(other.actor, hlc(2 * crate::clock::DRIFT_MAX_MICROS));
    meet(&mut till, &mut other);
    assert!(!till.cart.is_parked());
}

#[test]
fn a_till_whose_clock_ran_ahead_hears_what_others_do_to_its_cart() {
    let mut till = Till::first();
    till.cart.park("", till.actor, hlc(4_070_908_800_000_000)).expect("a short label");
    let mut server = till.cart.clone();
    assert!(server.cap(moment(1_000)));
    till.cart.hear(&server, false);
    assert_eq!(till.cart, server, "the two say the same, stamps too");
    server.resume(actor(2), hlc(2 * crate::clock::DRIFT_MAX_MICROS));
    till.cart.hear(&server, true);
    assert!(!till.cart.is_parked(), "what somebody did later wins, though something else waits here");
}

#[test]
fn another_cart_says_nothing_about_this_one() {
    let mut till = Till::first();
    let mut stranger = till.clone();
    stranger.cart.cart_id = CartId(Uuid::from_u128(99));
    stranger.add(1);
    till.cart.merge(&stranger.cart);
    assert!(till.cart.is_empty());
    assert_eq!(stranger.cart.believable(Some(&till.cart), actor(1), &[].into(), &[]), refused("it is another cart"));
}

#[test]
fn a_line_never_shows_more_than_the_largest_amount() {
    let mut one = Till::first();
    one.add(AMOUNT_MAX);
    let full = one.cart.clone();
    let again = one.cart.add(one.actor, TOMATO, Amount::ONE, None, moment(1));
    assert_eq!(again, Err(Fault::AmountOutOfRange { units: AMOUNT_MAX + 1 }));
    assert_eq!(one.cart, full);
    let mut two = Till::first().second(2);
    two.add(7);
    meet(&mut one, &mut two);
    assert_eq!(one.shown(), AMOUNT_MAX);
    let sold = one.cart.checkout().expect("a lot of tomatoes");
    assert_eq!(sold.check(), Ok(()));
    assert!(one.cart.is_empty());
}

#[test]
fn wrong_quantities_and_prices_are_refused() {
    let mut till = Till::first();
    let below = till.cart.set(till.actor, TOMATO, -1, None, moment(1));
    assert_eq!(below, Err(Fault::AmountOutOfRange { units: -1 }));
    let negative = till.cart.add(till.actor, TOMATO, Amount::ONE, price("-1.00"), moment(1));
    assert_eq!(negative, Err(Fault::NegativePrice));
    assert_eq!(till.cart.lines.len(), 0);
}

#[test]
fn a_count_stays_exact_or_is_refused() {
    let mut till = Till::first();
    till.add(5);
    let till_actor = till.actor;
    raise(&mut till.line().p, till_actor, COUNT_MAX);
    till.cart.remove(TOMATO);
    let beyond = till.cart.add(till.actor, TOMATO, Amount::ONE, None, moment(1));
    assert_eq!(beyond, Err(Fault::AmountOutOfRange { units: 1 }));
}

#[test]
fn a_cart_shows_and_keeps_no_more_lines_than_its_limits() {
    let mut till = Till::first();
    let product = |number: usize| ProductId(Uuid::from_u128(number as u128));
    let add = |till: &mut Till, number| till.cart.add(till.actor, product(number), Amount::ONE, None, moment(1));
    for number in 0..LINES_MAX {
        assert_eq!(add(&mut till, number), Ok(()));
    }
    let full = Err(Fault::TooManyLines { count: LINES_MAX + 1, max: LINES_MAX });
    assert_eq!(add(&mut till, LINES_MAX), full);
    assert_eq!(add(&mut till, 0), Ok(()), "a line that is there may grow");
    till.cart.clear();
    assert_eq!(add(&mut till, LINES_MAX), Ok(()));
    till.cart.clear();
    let began = Began { cleared: 0, at: moment(1), by: till.actor, unit_price: None };
    till.cart.lines.extend((LINES_MAX..LINES_KEPT_MAX).map(|number| (product(number), Line::new(began))));
    let kept = Err(Fault::TooManyLines { count: LINES_KEPT_MAX + 1, max: LINES_KEPT_MAX });
    assert_eq!(add(&mut till, LINES_KEPT_MAX), kept);
}
