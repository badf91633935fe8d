//! A lost device that was not: whatever it tells late, the book ends exact.

use super::*;
use crate::{count::Cut, delivery::ReceiptUndone, settle::write_off::write_off, stock::Reason};

/// Writes off what the author has open.
fn lose(known: &mut Known) -> i64 {
    let own = known.allotments.get(&key()).copied().unwrap_or_default();
    let Some(written) = write_off(known.levels[&key()], own) else { return 0 };
    known.levels.insert(key(), written.level);
    known.allotments.insert(key(), written.allotment);
    *known.written_off.entry((author().incarnation_id, key())).or_default() += written.units;
    written.units
}

/// The author after it was closed at its home.
fn gone() -> Author {
    Author { left_homes: BTreeSet::from([shop()]), is_closed: true, ..author() }
}

fn remaining(known: &Known) -> i64 {
    known.written_off.get(&(author().incarnation_id, key())).copied().unwrap_or_default()
}

#[test]
fn what_a_lost_device_could_sell_leaves_the_book_and_is_nobody_s() {
    let mut known = allotted(10, 4);
    assert_eq!(lose(&mut known), 4);
    assert_eq!(known.levels[&key()], Level { balance: 6, promised: 0 });
    assert_eq!((known.allotments[&key()].open(), remaining(&known), lose(&mut known)), (0, 4, 0));
}

#[test]
fn late_ops_reduce_the_write_off_first() {
    let sold = |units| sale(100, units);
    let cases: [(&str, Vec<Op>, i64, Level); 7] = [
        ("nothing comes", vec![], 4, Level { balance: 6, promised: 0 }),
        ("a part was sold", vec![sold(3)], 1, Level { balance: 6, promised: 0 }),
        ("all was sold", vec![sold(4)], 0, Level { balance: 6, promised: 0 }),
        ("more was sold than it had", vec![sold(5)], 0, Level { balance: 5, promised: 0 }),
        ("a part is given back", vec![Op::GaveBack(goods(3))], 1, Level { balance: 9, promised: 0 }),
        ("one is owed to a customer", vec![shipped_later(100, 1)], 3, Level { balance: 7, promised: 1 }),
        (
            "sold, given back and handed over",
            vec![sold(1), Op::GaveBack(goods(1)), shipped_later(200, 2), told(200, OrderStatus::Shipped)],
            0,
            Level { balance: 7, promised: 0 },
        ),
    ];
    for (what, ops, left, level) in cases {
        let mut known = allotted(10, 4);
        lose(&mut known);
        let settled = run(&mut known, &author(), &ops);
        assert!(verdicts(&settled).iter().all(|verdict| *verdict == Verdict::Accepted), "{what}");
        assert_eq!((remaining(&known), known.levels[&key()]), (left, level), "{what}");
        assert_eq!(known.allotments[&key()].open(), 0, "{what}");
        let back: i64 = settled
            .movements
            .iter()
            .filter(|moved| moved.movement.why.reason == Reason::Lost)
            .map(|moved| moved.movement.delta)
            .sum();
        assert_eq!(back, 4 - left, "{what}");
    }
}

#[test]
fn a_unit_that_was_lost_is_found_once() {
    let found = seen(CountLine { product_id: tea(), counted: 9, delta: 3 });
    let mut known = known(10, 4);
    known.allotments.insert(key(), Allotment::default().receive(4));
    lose(&mut known);
    run(&mut known, &at_home(), &[Op::Counted(found)]);
    assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: 9, promised: 3 }, 1));
    run(&mut known, &at_home(), &[sale(100, 3)]);
    assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: 7, promised: 1 }, 0));
}

/// Ten are there, three more than its book had; the four that were written off are among the seven that it had.
#[test]
fn what_a_device_had_not_heard_to_be_lost_it_did_not_find() {
    let count = |counted, delta| Op::Counted(seen(CountLine { product_id: tea(), counted, delta }));
    let mut known = known(7, 4);
    known.allotments.insert(key(), Allotment::default().receive(4));
    lose(&mut known);
    run(&mut known, &at_home(), &[count(10, 3)]);
    assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: 6, promised: 3 }, 4));
    // It has heard of it by now, and counts once more.
    run(&mut known, &at_home(), &[count(10, 4)]);
    assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: 10, promised: 7 }, 0));
}

#[test]
fn what_was_taken_out_of_a_home_that_was_left_had_been_its_own_and_what_came_is_everybody_s() {
    let broke = |units: i64| adjusted::adjusted(Cause::Damaged, -units);
    let undone = ReceiptUndone { received: goods(2).into(), seq: 1, hash: None };
    let cases: [(&str, Vec<Op>, i64, Level); 5] = [
        ("a part broke", vec![broke(3)], 1, Level { balance: 6, promised: 0 }),
        ("more broke than was left", vec![broke(5)], 0, Level { balance: 5, promised: 0 }),
        ("some came", vec![Op::Received(goods(2).into())], 4, Level { balance: 8, promised: 0 }),
        (
            "some came by mistake",
            vec![Op::Received(goods(2).into()), Op::ReceiptUndone(undone)],
            2,
            Level { balance: 8, promised: 0 },
        ),
        (
            "some came and broke, and the rest was sold",
            vec![Op::Received(goods(2).into()), broke(3), sale(100, 3)],
            0,
            Level { balance: 6, promised: 0 },
        ),
    ];
    for (what, ops, left, level) in cases {
        let mut known = allotted(10, 4);
        lose(&mut known);
        run(&mut known, &gone(), &ops);
        assert_eq!((remaining(&known), known.levels[&key()]), (left, level), "{what}");
    }
    let mut known = allotted(10, 4);
    lose(&mut known);
    run(&mut known, &author(), &[broke(3)]);
    assert_eq!(
        (remaining(&known), known.levels[&key()]),
        (4, Level { balance: 3, promised: 0 }),
        "beside others it was anybody's"
    );
}

#[test]
fn what_a_device_has_open_at_a_home_that_it_left_stays_its_own_until_it_has_told_all() {
    let mut known = allotted(10, 4);
    run(&mut known, &gone(), &[adjusted::adjusted(Cause::Damaged, -1), Op::Received(goods(2).into())]);
    assert_eq!(known.levels[&key()], Level { balance: 11, promised: 3 });
    // One that was moved goes on selling what came until it takes its new card, and gives it back before.
    let mut known = allotted(10, 4);
    let moved = Author { is_closed: false, ..gone() };
    run(&mut known, &moved, &[adjusted::adjusted(Cause::Damaged, -1), Op::Received(goods(2).into())]);
    assert_eq!(known.levels[&key()], Level { balance: 11, promised: 5 });
    run(&mut known, &moved, &[Op::GaveBack(goods(5))]);
    assert_eq!(known.levels[&key()], Level { balance: 11, promised: 0 });
}

/// Ten were its own; it found two more, or lacked two, and does not know that all ten were written off.
#[test]
fn what_a_device_counts_late_at_a_home_that_it_left_is_what_is_there() {
    for (counted, delta, left, own) in [
        (12, 2, 0, Allotment { granted: 10, received: 2, reclaimed: 12, ..Allotment::default() }),
        (8, -2, 2, Allotment { granted: 10, consumed: 2, reclaimed: 8, ..Allotment::default() }),
    ] {
        let mut known = allotted(10, 10);
        lose(&mut known);
        let cut = Cut { since: NOW, until: None, heard_at: None, heard: vec![], read: vec![], done: vec![] };
        let count = Count { cut: Some(cut), ..seen(CountLine { product_id: tea(), counted, delta }) };
        run(&mut known, &gone(), &[Op::Counted(count)]);
        assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: counted, promised: 0 }, left));
        assert_eq!(known.allotments[&key()], own, "as in its own book");
    }
}

#[test]
fn movements_of_one_op_that_give_back_have_lines_of_their_own() {
    let coffee = StockKey { product_id: ProductId(id(7)), ..key() };
    let mut known = allotted(10, 4);
    known.products.insert(coffee.product_id);
    known.levels.insert(coffee, Level { balance: 9, promised: 0 });
    lose(&mut known);
    known.written_off.insert((author().incarnation_id, coffee), 2);
    let mut both = goods(2);
    both.lines.push(Line { product_id: coffee.product_id, amount: amount(2) });
    let settled = run(&mut known, &author(), &[Op::GaveBack(both)]);
    let lines: Vec<_> = settled.movements.iter().map(|moved| (moved.seq, moved.line)).collect();
    assert_eq!(lines, [(1, -1), (1, -2)]);
    assert_eq!(settled.given_back.len(), 2);
}

#[test]
fn a_suspended_device_is_refused_what_it_asks_and_its_facts_are_taken() {
    let mut known = allotted(10, 4);
    known.is_suspended = true;
    let settled = run(&mut known, &author(), &[Op::AllotmentAsked(goods(2)), sale(100, 1)]);
    assert_eq!(verdicts(&settled), [Verdict::Refused(Refusal::Suspended), Verdict::Accepted]);
}

/// Ops and write-offs of one device in any order: the book is what moved, the promises are what is open, and what
/// stays written off is what was, and what a count at home would find twice, less what was taken or seen since.
#[test]
fn the_laws_hold_whatever_is_written_off_when() {
    for seed in 0..500 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut known = known(rng.random_range(0..20), 0);
        let (mut moved, mut left) = (known.levels[&key()].balance, 0);
        let author = [author(), at_home(), gone()].into_iter().nth(rng.random_range(0..3)).expect("one of three");
        for round in 0..40u128 {
            if rng.random_bool(0.15) {
                let units = lose(&mut known);
                (moved, left) = (moved - units, left + units);
            }
            let before = known.allotments.get(&key()).copied().unwrap_or_default();
            let settled = run(&mut known, &author, &[laws::random_op(&mut rng, round)]);
            let after = known.allotments.get(&key()).copied().unwrap_or_default();
            let seen = settled.movements.iter().filter(|moved| moved.movement.why.reason == Reason::Counted);
            let seen: i64 = seen.map(|moved| moved.movement.delta.max(0)).sum();
            // Beside the lines of an op, below 0, stands what of the write-off changes with it.
            let again = settled.movements.iter().filter(|moved| moved.line < 0);
            left += again.map(|moved| (-moved.movement.delta).max(0)).sum::<i64>();
            // Of what the device saw beyond its book, what it had not heard to be lost was no find.
            let unheard = (laws::COUNTED - seen - moved).max(0);
            let found = seen.min(left - unheard).max(0);
            left -= (after.consumed - before.consumed + after.returned - before.returned + found).min(left);
            moved += settled.movements.iter().map(|moved| moved.movement.delta).sum::<i64>();
            let told = |round| format!("seed {seed} round {round}");
            let level = known.levels[&key()];
            let orders = known.orders.values().filter(|order| is_promised(order.fulfilment, order.status));
            let ordered: i64 = orders.flat_map(|order| &order.lines).map(|line| line.amount.units()).sum();
            assert_eq!(remaining(&known), left, "{}", told(round));
            assert_eq!(level.balance, moved, "{}", told(round));
            assert_eq!(level.promised, ordered + after.open(), "{}", told(round));
        }
    }
}

/// Twenty were written off; the device has heard so, took in 41, sold three of 61, and counts 58 where its book says 38.
#[test]
fn what_came_back_of_a_write_off_unheard_is_in_a_count_at_home_once() {
    let mut known = known(41, 41);
    let own = Allotment { granted: 20, received: 41, reclaimed: 20, ..Allotment::default() };
    known.allotments.insert(key(), own);
    let life = author().incarnation_id;
    known.written_off.insert((life, key()), 20);
    let order = order(10, 3, Fulfilment::CarryOut);
    let sale = Op::Sale(Box::new(Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: false }));
    let lines = vec![CountLine { product_id: tea(), counted: 58, delta: 20 }];
    let count = Op::Counted(Count { warehouse_id: shop(), lines, cut: None, remark: Remark::default() });
    run(&mut known, &at_home(), &[sale, count]);
    assert_eq!((known.levels[&key()], known.written_off[&(life, key())]), (Level { balance: 58, promised: 58 }, 0));
    assert_eq!((known.allotments[&key()].open(), known.allotments[&key()].reclaimed), (58, 20));
}

/// Four were written off; the device has heard so and was granted two since, which it is asked for.
#[test]
fn what_a_lost_device_got_since_and_gives_back_it_has_no_longer_and_as_much_comes_back() {
    let mut known = allotted(10, 4);
    lose(&mut known);
    known.allotments.entry(key()).and_modify(|own| *own = own.grant(2));
    known.levels.entry(key()).and_modify(|level| level.promised += 2);
    run(&mut known, &author(), &[Op::GaveBack(goods(2))]);
    assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: 8, promised: 0 }, 2));
    assert_eq!(known.allotments[&key()].open(), 0, "or it would give them back again and again");
    let late = Op::GaveBack(goods(1));
    run(&mut known, &author(), &[late]);
    assert_eq!((known.levels[&key()], remaining(&known)), (Level { balance: 9, promised: 0 }, 1));
    assert_eq!(known.allotments[&key()].open(), 0);
}
