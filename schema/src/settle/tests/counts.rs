//! Counts while others sell: whatever is told when, the book ends with what is there.

use super::*;
use crate::count::{Cut, InForce, Skew, Span, Told, Upto};

const MINUTE: i64 = 60_000_000;

fn life(till: usize) -> IncarnationId {
    IncarnationId(id(40 + till as u128))
}

fn by(till: usize) -> Author {
    Author { incarnation_id: life(till), ..author() }
}

fn upto(till: usize, seq: i64) -> Upto {
    Upto { incarnation_id: life(till), seq }
}

fn counted(counted: i64, cut: Cut) -> Op {
    let line = CountLine { product_id: tea(), counted, delta: 0 };
    Op::Counted(Count { cut: Some(cut), ..seen(line) })
}

fn cut(heard: Vec<Upto>, read: Vec<Upto>) -> Cut {
    Cut { since: NOW, until: None, heard_at: None, heard, read, done: vec![] }
}

/// Tells one entry of a till, with all that was told before it in reach.
fn tell(known: &mut Known, history: &mut Vec<Past>, author: &Author, entry: &Entry) -> Settled {
    known.moved = [(key(), history.clone())].into();
    let settled = settle(known, author, std::slice::from_ref(entry));
    let told = Told {
        life: Some(author.incarnation_id),
        seq: entry.seq,
        at: author.skew.and_then(|skew| skew.span(entry.hlc.at, entry.hlc.at)),
    };
    let moved = settled.movements.iter().filter(|moved| moved.movement.why.reason != crate::stock::Reason::Counted);
    history.extend(moved.map(|moved| Past { told, delta: moved.movement.delta, is_written_off: false }));
    settled
}

fn in_seq(seq: i64, op: &Op) -> Entry {
    Entry { seq, ..entry(seq, op) }
}

#[test]
fn a_sale_from_before_that_is_told_late_is_in_the_book_once() {
    let (mut known, mut history) = (known(10, 0), Vec::new());
    // Till 1 sold three, unheard; till 0 sees seven and reads its mark.
    let settled = tell(&mut known, &mut history, &by(0), &in_seq(1, &counted(7, cut(vec![], vec![upto(1, 1)]))));
    assert_eq!((known.levels[&key()].balance, concerns(&settled).len()), (7, 0));
    let late = tell(&mut known, &mut history, &by(1), &in_seq(1, &sale(100, 3)));
    assert_eq!(known.levels[&key()].balance, 7);
    let moved: Vec<_> = late.movements.iter().map(|moved| (moved.of, moved.line, moved.movement.delta)).collect();
    assert_eq!(moved, [(None, 0, -3), (Some((life(0), 1)), 1, 3)], "the count answers, under a line of its own");
    // What it sells afterwards counts.
    tell(&mut known, &mut history, &by(1), &in_seq(2, &sale(200, 2)));
    assert_eq!((known.levels[&key()].balance, known.counts[&key()].answered), (5, 1));
}

#[test]
fn what_was_told_first_and_done_afterwards_counts() {
    let (mut known, mut history) = (known(10, 0), Vec::new());
    tell(&mut known, &mut history, &by(1), &in_seq(1, &sale(100, 3)));
    tell(&mut known, &mut history, &by(1), &in_seq(2, &sale(200, 2)));
    // The count was made between the two, and is told after both.
    tell(&mut known, &mut history, &by(0), &in_seq(1, &counted(6, cut(vec![upto(1, 1)], vec![upto(1, 1)]))));
    assert_eq!(known.levels[&key()].balance, 4, "six were seen, and two were sold since");
    // Whoever counts hears of the row, also where nothing moved.
    let settled = tell(&mut known, &mut history, &by(0), &in_seq(2, &counted(4, cut(vec![], vec![upto(1, 2)]))));
    assert_eq!((settled.movements.len(), settled.levels.contains(&key())), (0, true));
}

#[test]
fn what_nobody_knows_leaves_fewer_and_asks_for_another_count() {
    let (mut known, mut history) = (known(10, 0), Vec::new());
    tell(&mut known, &mut history, &by(1), &in_seq(1, &sale(100, 3)));
    let settled = tell(&mut known, &mut history, &by(0), &in_seq(1, &counted(7, cut(vec![], vec![]))));
    assert_eq!((known.levels[&key()].balance, known.counts[&key()].doubtful), (4, 3));
    assert_eq!(concerns(&settled), [ConcernKind::RecountWanted]);
    let late = tell(&mut known, &mut history, &by(1), &in_seq(2, &Op::Received(goods(5).into())));
    assert_eq!((known.levels[&key()].balance, known.counts[&key()].doubtful), (4, 8));
    assert_eq!(concerns(&late), [ConcernKind::RecountWanted]);
    // Somebody looks again, and at the till too.
    let settled = tell(&mut known, &mut history, &by(0), &in_seq(2, &counted(12, cut(vec![], vec![upto(1, 2)]))));
    assert_eq!((known.levels[&key()].balance, concerns(&settled).len()), (12, 0));
    assert!(settled.closed.contains(&(ConcernKind::RecountWanted, format!("{}/{}", tea(), shop()))));
}

fn steady(till: usize) -> Author {
    Author { skew: Some(Skew { ahead: 0, is_steady: true }), ..by(till) }
}

fn at(minutes: i64, entry: Entry) -> Entry {
    Entry { hlc: Hlc { at: Timestamp::from_micros(NOW.micros() + minutes * MINUTE), tick: 0 }, ..entry }
}

#[test]
fn a_time_decides_where_clocks_are_known() {
    let (mut known, mut history) = (known(10, 0), Vec::new());
    tell(&mut known, &mut history, &steady(0), &at(0, in_seq(1, &counted(7, cut(vec![], vec![])))));
    let before = tell(&mut known, &mut history, &steady(1), &at(-30, in_seq(1, &sale(100, 3))));
    assert_eq!((known.levels[&key()].balance, concerns(&before).len()), (7, 0));
    tell(&mut known, &mut history, &steady(1), &at(30, in_seq(2, &sale(200, 2))));
    assert_eq!((known.levels[&key()].balance, known.counts[&key()].doubtful), (5, 0));
    tell(&mut known, &mut history, &steady(1), &at(1, in_seq(3, &sale(300, 1))));
    assert_eq!((known.levels[&key()].balance, known.counts[&key()].doubtful), (4, 1));
}

#[test]
fn what_was_done_between_the_eyes_and_their_word_counts() {
    let steady = |till| Author { skew: Some(Skew { ahead: 0, is_steady: true }), ..by(till) };
    let later = |minutes: i64| Timestamp::from_micros(NOW.micros() + minutes * MINUTE);
    let at = |minutes, entry: Entry| Entry { hlc: Hlc { at: later(minutes), tick: 0 }, ..entry };
    let sold = |minutes, seq, units| at(minutes, in_seq(seq, &sale(100 * u128::try_from(seq).expect("small"), units)));
    for (until, balance, doubtful) in [(Some(later(5)), 4, 1), (None, 4, 3)] {
        let (mut known, mut history) = (known(10, 0), Vec::new());
        // Two bins are seen within five minutes, and booked two hours later; the other till sold all the while.
        for entry in [sold(-30, 1, 4), sold(3, 2, 1), sold(60, 3, 2)] {
            tell(&mut known, &mut history, &steady(1), &entry);
        }
        let cut = Cut { until, ..cut(vec![], vec![]) };
        tell(&mut known, &mut history, &steady(0), &at(120, in_seq(1, &counted(7, cut))));
        let count = &known.counts[&key()];
        assert_eq!((known.levels[&key()].balance, count.doubtful), (balance, doubtful), "{until:?}");
    }
}

#[test]
fn what_was_done_after_the_last_bin_counts_and_between_the_bins_leaves_fewer() {
    let (mut known, mut history) = (known(10, 0), Vec::new());
    let between = Cut { done: vec![upto(1, 2)], ..cut(vec![upto(1, 1)], vec![]) };
    tell(&mut known, &mut history, &by(0), &in_seq(1, &counted(7, between)));
    let mut told = |seq, op: &Op| {
        tell(&mut known, &mut history, &by(1), &in_seq(seq, op));
        (known.levels[&key()].balance, known.counts[&key()].doubtful)
    };
    assert_eq!(told(1, &sale(100, 3)), (7, 0), "before the first");
    assert_eq!(told(2, &sale(200, 2)), (5, 2), "from which bin, nobody knows");
    assert_eq!(told(3, &sale(300, 1)), (4, 2), "after the last");
    assert_eq!(told(4, &Op::Received(goods(5).into())), (9, 2));
}

#[test]
fn of_two_counts_the_one_that_saw_more_stands() {
    let cases = [
        // Who read whom, what the book says, whether people are asked.
        (vec![], vec![upto(0, 1)], 5, 0),
        (vec![upto(1, 1)], vec![], 7, 0),
        (vec![], vec![], 7, 1),
    ];
    for (first, second, balance, asked) in cases {
        let (mut known, mut history) = (known(10, 0), Vec::new());
        tell(&mut known, &mut history, &by(0), &in_seq(1, &counted(7, cut(vec![], first))));
        let settled = tell(&mut known, &mut history, &by(1), &in_seq(1, &counted(5, cut(vec![], second.clone()))));
        let told = concerns(&settled).iter().filter(|kind| **kind == ConcernKind::RecountWanted).count();
        assert_eq!((known.levels[&key()].balance, told), (balance, asked), "{second:?}");
    }
}

#[test]
fn what_was_written_off_after_the_eyes_had_counted_is_counted_again() {
    for (after, is_asked) in [(60, true), (-60, false)] {
        let moment = Timestamp::from_micros(NOW.micros() + after * MINUTE);
        let told = Told { life: None, seq: 0, at: Some(Span::at(moment)) };
        let mut history = vec![Past { told, delta: -3, is_written_off: true }];
        let mut known = known(7, 0);
        let settled = tell(&mut known, &mut history, &steady(0), &at(0, in_seq(1, &counted(9, cut(vec![], vec![])))));
        assert_eq!(known.levels[&key()].balance, if is_asked { 6 } else { 9 });
        assert_eq!(concerns(&settled) == [ConcernKind::RecountWanted], is_asked, "written off {after} minutes later");
    }
}

/// What really happens at a shop of three tills, and in which order it is told.
struct Day {
    there: i64,
    journals: Vec<Vec<Op>>,
    /// Whether each count knew how far every other till was.
    is_exact: bool,
}

fn day(rng: &mut ChaCha8Rng, reads_all: bool) -> Day {
    let mut day = Day { there: 20, journals: vec![Vec::new(); 3], is_exact: true };
    for number in 0..30u128 {
        let till = rng.random_range(0..3);
        let op = match rng.random_range(0..10) {
            0..6 => {
                // Nobody sells what is not there.
                let units = rng.random_range(1..4).min(day.there);
                if units == 0 {
                    continue;
                }
                day.there -= units;
                sale(1_000 + 10 * number, units)
            }
            6 => {
                day.there += 5;
                Op::Received(goods(5).into())
            }
            _ => {
                let others = (0..3).filter(|other| *other != till);
                let read: Vec<_> = others
                    .filter(|_| reads_all || rng.random_bool(0.5))
                    .map(|other| upto(other, day.journals[other].len() as i64))
                    .collect();
                day.is_exact &= read.len() == 2;
                counted(day.there, cut(Vec::new(), read))
            }
        };
        day.journals[till].push(op);
    }
    day
}

#[test]
fn the_book_ends_with_what_is_there_whatever_is_told_when() {
    for seed in 0..400 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let day = day(&mut rng, seed % 2 == 0);
        let (mut known, mut history) = (known(20, 0), Vec::new());
        let (mut next, mut asked) = ([0; 3], BTreeSet::new());
        while next != [0, 1, 2].map(|till| day.journals[till].len()) {
            let till = rng.random_range(0..3);
            if let Some(op) = day.journals[till].get(next[till]) {
                next[till] += 1;
                let settled = tell(&mut known, &mut history, &by(till), &in_seq(next[till] as i64, op));
                asked.extend(concerns(&settled));
                settled.closed.iter().for_each(|(kind, _)| _ = asked.remove(kind));
            }
        }
        let balance = known.levels[&key()].balance;
        let is_counted = known.counts.contains_key(&key());
        if day.is_exact || !asked.contains(&ConcernKind::RecountWanted) {
            assert!(!is_counted || balance == day.there, "seed {seed}: {balance} in the book, {} there", day.there);
        } else {
            let doubtful = known.counts[&key()].doubtful;
            assert!(balance <= day.there, "seed {seed}: {balance} in the book, {} there, {doubtful}", day.there);
        }
    }
}

#[test]
fn a_count_in_force_reads_back() {
    let span = Span { from: NOW, to: NOW };
    let count = InForce {
        life: life(0),
        seq: 3,
        cut: cut(vec![upto(1, 2)], vec![]),
        while_counting: Some(span),
        counted: 7,
        line: 0,
        lines: 1,
        answered: 2,
        doubtful: 4,
    };
    let bytes = rmp_serde::to_vec_named(&count).expect("our own types always encode into memory");
    assert_eq!(rmp_serde::from_slice::<InForce>(&bytes).expect("decodes"), count);
}
