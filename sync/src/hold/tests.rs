//! Who gets a hold, case by case.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use outpost_schema::id::{CartId, OrderId, ProductId, WarehouseId};
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn key(product: u128) -> StockKey {
    StockKey { product_id: ProductId(Uuid::from_u128(product)), warehouse_id: WarehouseId(Uuid::from_u128(2)) }
}

fn cart(number: u128) -> Option<Buyer> {
    Some(Buyer::Cart(CartId(Uuid::from_u128(number))))
}

/// A wish for units of some products.
fn several(id: u128, lines: &[(u128, i64)], buyer: Option<Buyer>) -> HoldWanted {
    let line = |(product, units): &(u128, i64)| {
        let StockKey { product_id, warehouse_id } = key(*product);
        HoldLine { product_id, warehouse_id, amount: Amount::new(*units).unwrap() }
    };
    let lines = lines.iter().map(line).collect();
    HoldWanted { hold_id: HoldId(Uuid::from_u128(id)), lines, buyer, seconds: 60 }
}

fn wish(id: u128, units: i64, of_cart: Option<u128>) -> HoldWanted {
    several(id, &[(1, units)], of_cart.and_then(cart))
}

/// So many of products 1 and 2, of which these wishes have their holds.
fn book(balance: i64, held: &[HoldWanted]) -> Book {
    let lines = held.iter().flat_map(|wish| wish.lines.iter().map(|line| Held::new(wish, line, NOW)));
    let lines: Vec<Held> = lines.collect();
    let of = |key: StockKey| lines.iter().filter(|line| line.key == key).map(|line| line.amount.units()).sum();
    let levels = [key(1), key(2)].map(|key| (key, Level { balance, promised: of(key) }));
    Book::new(levels.into(), lines)
}

/// `p` placed, a digit: so many left of its first line that is short, `t` taken, `c` closed, `?` unknown.
fn told(decided: &Decided) -> String {
    let letter = |answer: &Answer| match answer {
        Answer::Placed(_) => 'p',
        Answer::NothingLeft(rooms) => {
            let short = rooms.iter().find(|room| room.available < room.wanted).unwrap();
            char::from_digit(u32::try_from(short.available).unwrap(), 10).unwrap()
        }
        Answer::IdTaken => 't',
        Answer::Closed => 'c',
        Answer::UnknownStock => '?',
    };
    decided.answers.iter().map(letter).collect()
}

fn promised(decided: &Decided) -> Option<i64> {
    decided.levels.get(&key(1)).map(|level| level.promised)
}

#[test]
fn each_is_decided_over_what_those_before_left() {
    let wishes = [wish(1, 3, None), wish(2, 3, None), wish(3, 2, None), wish(4, 1, None)];
    let decided = decide(book(5, &[]), &wishes, NOW);
    assert_eq!((told(&decided).as_str(), promised(&decided)), ("p2p0", Some(5)));
    assert_eq!((decided.placed.len(), decided.short.len()), (2, 1));
    let refused = decide(book(1, &[]), &[wish(1, 2, None), wish(2, 5, None)], NOW);
    assert_eq!(refused.short, [(key(1), 2)].into(), "the fewest that somebody did not get");
}

#[test]
fn several_lines_are_held_together_or_not_at_all() {
    let wishes = [several(1, &[(1, 4), (2, 2)], None), several(2, &[(1, 1), (2, 4)], None), wish(3, 1, None)];
    let decided = decide(book(5, &[]), &wishes, NOW);
    assert_eq!((told(&decided).as_str(), promised(&decided)), ("p3p", Some(5)));
    let Answer::NothingLeft(rooms) = &decided.answers[1] else { panic!("{decided:?}") };
    let rooms: Vec<_> = rooms.iter().map(|room| (room.wanted, room.available)).collect();
    assert_eq!(rooms, [(1, 1), (4, 3)], "each line says what there is");
    assert_eq!((decided.placed.len(), decided.short), (3, [(key(2), 4)].into()));
}

#[test]
fn a_repeat_is_the_same_hold_and_another_content_is_not() {
    let decided = decide(book(5, &[wish(1, 3, None)]), &[wish(1, 3, None), wish(1, 2, None)], NOW);
    assert_eq!((told(&decided).as_str(), promised(&decided)), ("pt", None));
    assert_eq!(told(&decide(book(5, &[wish(1, 3, None)]), &[wish(1, 3, Some(7))], NOW)), "t", "another buyer's");
    let twice = decide(book(5, &[]), &[wish(1, 3, None), wish(1, 3, None)], NOW);
    assert_eq!((told(&twice).as_str(), promised(&twice), twice.placed.len()), ("pp", Some(3), 1));
    let (forth, back) = (several(1, &[(1, 2), (2, 3)], None), several(1, &[(2, 3), (1, 2)], None));
    assert_eq!(told(&decide(book(5, &[forth]), &[back, wish(1, 2, None)], NOW)), "pt", "in whatever order");
}

#[test]
fn a_repeat_hears_how_long_it_lasts_by_now() {
    let longer = HoldWanted { seconds: 90, ..wish(1, 3, None) };
    let decided = decide(book(5, &[longer]), &[wish(1, 3, None)], NOW);
    let expires_at = NOW.plus_seconds(90);
    assert_eq!(decided.answers, [Answer::Placed(HoldPlaced { hold_id: wish(1, 3, None).hold_id, expires_at })]);
    let late = decide(book(5, &[wish(1, 3, None)]), &[wish(1, 3, None)], NOW.plus_seconds(60));
    assert_eq!(told(&late), "c", "its time has come, though nobody released it");
}

#[test]
fn a_buyer_s_own_hold_never_blocks_that_buyer() {
    let order = Some(Buyer::Order(OrderId(Uuid::from_u128(7))));
    for buyer in [cart(7), order] {
        let mine = several(1, &[(1, 4)], buyer);
        let decided = decide(book(5, std::slice::from_ref(&mine)), &[several(2, &[(1, 5)], buyer)], NOW);
        assert_eq!((told(&decided).as_str(), promised(&decided)), ("p", Some(5)));
        assert_eq!(decided.replaced, [(mine.hold_id, key(1))]);
        assert_eq!(told(&decide(book(5, &[mine]), &[wish(2, 5, Some(8))], NOW)), "1", "another's blocks");
    }
    let (of_cart, of_order) = (several(1, &[(1, 4)], cart(7)), several(2, &[(1, 5)], order));
    assert_eq!(told(&decide(book(5, &[of_cart]), &[of_order], NOW)), "1", "a cart is no order");
}

#[test]
fn who_holds_less_than_before_frees_the_rest() {
    let mine = wish(1, 4, Some(7));
    let decided = decide(book(5, std::slice::from_ref(&mine)), &[wish(2, 1, Some(7))], NOW);
    assert_eq!((promised(&decided), decided.freed), (Some(1), [key(1)].into()));
    assert!(decide(book(5, &[mine]), &[wish(2, 5, Some(7))], NOW).freed.is_empty());
}

#[test]
fn only_the_rows_that_are_held_anew_are_replaced() {
    let mine = several(1, &[(1, 4), (2, 4)], cart(7));
    let decided = decide(book(5, std::slice::from_ref(&mine)), &[several(2, &[(2, 5)], cart(7)), mine.clone()], NOW);
    assert_eq!((told(&decided).as_str(), promised(&decided)), ("pp", None), "the rest of it stands");
    assert_eq!(decided.replaced, [(mine.hold_id, key(2))]);
    let refused = decide(book(5, &[mine]), &[several(2, &[(1, 5), (2, 6)], cart(7))], NOW);
    assert_eq!((told(&refused).as_str(), refused.replaced.len(), promised(&refused)), ("5", 0, None));
}

#[test]
fn within_one_group_a_buyer_s_last_wish_counts() {
    let wishes = [wish(1, 4, Some(7)), wish(2, 2, Some(7)), wish(3, 3, None), wish(1, 4, Some(7))];
    let decided = decide(book(5, &[]), &wishes, NOW);
    assert_eq!((told(&decided).as_str(), promised(&decided)), ("pppc", Some(5)));
    let open: Vec<bool> = decided.placed.iter().map(|held| held.is_open).collect();
    assert_eq!((open, decided.replaced.len()), (vec![false, true, true], 0));
}

#[test]
fn what_nobody_stocks_is_unknown() {
    assert_eq!(told(&decide(Book::default(), &[wish(1, 1, None)], NOW)), "?");
    let decided = decide(book(5, &[]), &[several(1, &[(1, 1), (9, 1)], None)], NOW);
    assert_eq!((told(&decided).as_str(), promised(&decided)), ("?", None), "nor is what stands beside it held");
}

#[test]
fn promises_beyond_the_book_leave_nothing() {
    let mut short = book(2, &[]);
    short.levels.values_mut().for_each(|level| level.promised = 9);
    assert_eq!(told(&decide(short, &[wish(1, 1, None)], NOW)), "0");
}

#[test]
fn no_line_too_many_and_one_row_twice_are_no_wish() {
    let many: Vec<(u128, i64)> = (0..=HOLD_LINES_MAX as u128).map(|product| (product, 1)).collect();
    let timed = |seconds| HoldWanted { seconds, ..wish(1, 1, None) };
    for (wanted, unfit) in [
        (several(1, &many[1..], None), Ok(())),
        (several(1, &many, None), Err(Unfit::Lines)),
        (several(1, &[], None), Err(Unfit::Lines)),
        (several(1, &[(1, 1), (2, 1), (1, 1)], None), Err(Unfit::Lines)),
        (timed(HOLD_SECONDS_MAX), Ok(())),
        (timed(HOLD_SECONDS_MAX + 1), Err(Unfit::Seconds)),
        (timed(0), Err(Unfit::Seconds)),
    ] {
        assert_eq!(check(&wanted), unfit, "{} lines, {} s", wanted.lines.len(), wanted.seconds);
    }
}

#[test]
fn a_hold_is_extended_while_it_has_something_and_never_cut_short() {
    let hold = several(1, &[(1, 1), (2, 1)], None);
    let lasts = |seconds| {
        let placed = HoldPlaced { hold_id: hold.hold_id, expires_at: NOW.plus_seconds(seconds) };
        Extension::Lasts(placed, BTreeMap::new())
    };
    for (closed, passed, until, expected) in [
        (0, 0, 90, lasts(90)),
        (1, 59, 90, lasts(90)),
        (0, 0, 30, lasts(60)),
        (0, 10, HOLD_SECONDS_MAX + 10, lasts(HOLD_SECONDS_MAX + 10)),
        (0, 0, HOLD_SECONDS_MAX + 1, Extension::BadMoment),
        (0, 10, 10, Extension::BadMoment),
        (2, 0, 90, Extension::Closed),
        // Nobody has released it since its time came, so it still has what it promised.
        (0, 60, 90, lasts(90)),
        (1, 100, 130, lasts(130)),
    ] {
        let extended =
            extend(&lines(&hold, closed), &BTreeMap::new(), NOW.plus_seconds(until), NOW.plus_seconds(passed));
        assert_eq!(extended, expected, "{closed} closed, after {passed} s until {until} s");
    }
    assert_eq!(extend(&[], &BTreeMap::new(), NOW, NOW), Extension::UnknownHold);
}

#[test]
fn what_was_released_since_its_time_came_is_held_again_if_all_of_it_is_there() {
    let hold = several(1, &[(1, 3), (2, 4)], None);
    let level = |balance, promised| Level { balance, promised };
    let now = NOW.plus_seconds(61);
    let extended = |closed, lapsed: &[(u128, Level)]| {
        let lapsed = lapsed.iter().map(|(product, level)| (key(*product), *level)).collect();
        match extend(&lines(&hold, closed), &lapsed, now.plus_seconds(60), now) {
            Extension::Lasts(placed, levels) => {
                assert_eq!(placed.expires_at, now.plus_seconds(60));
                format!("{:?}", levels.values().map(|level| level.promised).collect::<Vec<_>>())
            }
            Extension::NothingLeft(rooms) => {
                let left: Vec<_> = rooms.iter().map(|room| format!("{} of {}", room.available, room.wanted)).collect();
                left.join(", ")
            }
            other @ (Extension::Closed | Extension::BadMoment | Extension::UnknownHold) => format!("{other:?}"),
        }
    };
    assert_eq!(extended(2, &[(1, level(10, 7)), (2, level(4, 0))]), "[10, 4]");
    assert_eq!(extended(1, &[(1, level(10, 7))]), "[10]", "the other line was never released");
    assert_eq!(extended(1, &[(1, level(10, 8))]), "2 of 3");
    assert_eq!(extended(2, &[(1, level(10, 0)), (2, level(3, 9))]), "10 of 3, 0 of 4", "all of it or nothing");
    assert_eq!(extended(2, &[]), "Closed", "an order or somebody's hand ended both");
}

/// The lines of a hold, the first of them closed.
fn lines(hold: &HoldWanted, closed: usize) -> Vec<Held> {
    let mut lines: Vec<Held> = hold.lines.iter().map(|line| Held::new(hold, line, NOW)).collect();
    lines[..closed].iter_mut().for_each(|line| line.is_open = false);
    lines
}
