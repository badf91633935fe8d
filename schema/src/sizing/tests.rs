//! What an allotment comes to, by table and for any numbers.

use proptest::prelude::*;

use super::*;
use crate::stock::{Allotment, Level};

const START: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

fn after(days: i64) -> Timestamp {
    START.plus_seconds(days * DAY)
}

/// A till that sells so many a day, for so many days.
fn steady(a_day: i64, days: i64) -> Demand {
    let sales = (0..days).flat_map(|day| (0..a_day).map(move |_| day));
    sales.fold(None, |demand, day| Some(Demand::after(demand, 1, after(day)))).expect("a day at least")
}

#[test]
fn a_day_keeps_nineteen_parts_of_twenty_and_a_fortnight_half() {
    let share = |seconds| kept(seconds) * 1_000 / WHOLE;
    assert_eq!([0, DAY, 14 * DAY, 60 * DAY, 5_000 * DAY].map(share), [1_000, 950, 487, 46, 0].map(i128::from));
    assert!((0..200).all(|hour| kept(hour * 3_600) > kept((hour + 1) * 3_600)), "it only falls");
    assert_eq!(kept(-5), WHOLE, "a clock that went back takes nothing");
}

#[test]
fn marks_follow_what_is_sold_and_how_long_nobody_is_heard() {
    let full = |a_day, cover_days| Marks::of(Some(steady(a_day, 60)), cover_days * DAY, after(60)).full;
    // A day of 10 sales has a deviation of about 3; two of them and the mean are 16.
    for (a_day, days, expected) in [(1, 1, 3), (10, 1, 16), (10, 3, 41), (10, 30, 320), (100, 1, 116)] {
        assert!(
            (expected - 2..=expected + 2).contains(&full(a_day, days)),
            "{a_day} a day for {days}: {}",
            full(a_day, days)
        );
    }
    assert_eq!(Marks::of(None, DAY, START), Marks::default(), "what is never sold needs no units");
    let once = Demand::first(1, START);
    let later = |days| Marks::of(Some(once), DAY, after(days)).full;
    assert_eq!((later(0), later(90)), (1, 0), "one sale is forgotten after a season");
    let heavy = Demand::first(2_500, START);
    assert!(Marks::of(Some(heavy), DAY, START).full >= 1_500, "a piece of cheese is one sale of many grams");
}

#[test]
fn marks_stand_apart() {
    for (full, low, high) in [(0, 0, 1), (1, 1, 2), (3, 3, 4), (4, 3, 6), (16, 12, 24), (100, 75, 150)] {
        assert_eq!(Marks::around(full), Marks { low, full, high });
    }
    let marks = Marks::around(16);
    assert!(marks.is_low(11) && !marks.is_low(12));
    assert_eq!([(0, 1), (3, 20), (20, 5)].map(|(open, units)| marks.ask(open, units)), [16, 17, 0]);
}

#[test]
fn a_wait_is_remembered_and_fades_and_no_clock_makes_it_longer() {
    let waits = Waits::default().heard(3 * DAY, START);
    assert_eq!((waits.longest, waits.cover(START)), (3 * DAY, 3 * DAY));
    assert_eq!(waits.heard(60, after(14)).longest / 3_600, 35, "half after two weeks");
    assert_eq!(waits.cover(after(60)), COVER_MIN);
    assert_eq!(Waits { longest: i64::MAX, at: None }.cover(START), COVER_MAX);
    let (old, seen) = (START.plus_seconds(-400 * DAY), START.plus_seconds(-60));
    assert_eq!(
        [waited(old, Some(seen), START), waited(old, None, START), waited(after(9), Some(seen), START)],
        [60, 0, 0]
    );
    assert!(is_near(Some(seen), START) && !is_near(Some(old), START) && !is_near(None, START));
}

fn claims(of: &[(i64, i64)]) -> Vec<Claim> {
    of.iter().map(|(weight, most)| Claim { weight: *weight, most: *most }).collect()
}

#[test]
fn what_is_kept_back_is_granted_to_nobody_and_asked_of_nobody() {
    let level = |balance, promised| Level { balance, promised };
    let cases = [
        (level(10, 4), 0, Some(6)),
        (level(10, 4), 2, Some(4)),
        (level(10, 4), 6, Some(0)),
        // What came back would be kept back itself, unit after unit, until nobody had any.
        (level(10, 4), 7, None),
        (level(10, 11), 0, None),
    ];
    for (level, kept_back, expected) in cases {
        assert_eq!(free(level, kept_back), expected, "{level:?} {kept_back}");
    }
    assert_eq!([0, 2, 9].map(|spared| due_at_home(level(10, 4), 1, spared)), [5, 3, 0]);
}

#[test]
fn shares_are_by_weight_and_nobody_gets_more_than_it_takes() {
    for (units, of, expected) in [
        (0, &[(1, 5), (1, 5)][..], &[0, 0][..]),
        (3, &[(1, 5), (1, 5)], &[2, 1]),
        (9, &[(1, 2), (1, 9), (1, 9)], &[2, 4, 3]),
        (8, &[(3, 9), (1, 9)], &[6, 2]),
        (1, &[(3, 9), (1, 9)], &[1, 0]),
        (100, &[(3, 9), (1, 9)], &[9, 9]),
        (5, &[(1, 0), (9, 0)], &[0, 0]),
        (5, &[], &[]),
    ] {
        assert_eq!(shares(units, &claims(of)), expected, "{units} of {of:?}");
    }
    let enormous = claims(&[(1, i64::MAX / 4), (3, i64::MAX / 4)]);
    assert_eq!(shares(SUM_MAX, &enormous).iter().sum::<i64>(), SUM_MAX);
}

fn holder(open: i64, full: i64) -> Holder {
    Holder {
        open,
        coming: 0,
        marks: Marks::around(full),
        weight: full.max(1) * PARTS,
        asked: 0,
        is_near: true,
        is_served: false,
    }
}

fn grants(moves: &[Move]) -> Vec<i64> {
    moves.iter().map(|is| is.grant).collect()
}

fn keeps(moves: &[Move]) -> Vec<Option<i64>> {
    moves.iter().map(|is| is.keep).collect()
}

#[test]
fn whoever_is_low_is_topped_up_and_the_others_are_left_alone() {
    let moves = plan(50, &[holder(1, 8), holder(7, 8), holder(8, 8)]);
    assert_eq!((grants(&moves), keeps(&moves)), (vec![7, 0, 0], vec![None; 3]));
}

#[test]
fn while_units_are_scarce_a_third_of_them_waits_at_head_office_for_whoever_asks() {
    let both = [holder(0, 8), holder(0, 8)];
    assert_eq!(grants(&plan(16, &both)), [8, 8], "there is enough");
    assert_eq!(grants(&plan(9, &both)), [3, 3]);
    assert_eq!(grants(&plan(1, &both)), [0, 0], "the last unit goes where it is sold");
    let waiting = Holder { asked: 1, ..holder(0, 8) };
    assert_eq!(grants(&plan(1, &[both[0], waiting])), [0, 1], "to somebody who waits");
}

#[test]
fn when_units_run_short_whoever_has_far_too_many_is_asked() {
    let moves = plan(1, &[holder(0, 8), holder(30, 8), holder(10, 8)]);
    assert_eq!((grants(&moves), keeps(&moves)), (vec![1, 0, 0], vec![None, Some(23), None]));
    // Nobody is asked twice for the same, and nothing is granted before it is back.
    let asked = Holder { coming: 7, ..holder(30, 8) };
    assert_eq!(plan(0, &[holder(1, 8), asked, holder(10, 8)]), vec![Move::default(); 3]);
}

#[test]
fn two_who_wait_for_more_than_there_is_do_not_hand_a_unit_to_and_fro() {
    let waits = |open, asked| Holder { asked, ..holder(open, 0) };
    let mut both = [waits(6, 30), waits(5, 31)];
    let mut handed = 0;
    for _ in 0..9 {
        let asked_back = plan(0, &both).iter().position(|is| is.keep.is_some());
        let Some(giver) = asked_back else { break };
        both[giver].open -= 1;
        let came = plan(1, &both);
        for (holder, is) in both.iter_mut().zip(came) {
            (holder.open, holder.asked) = (holder.open + is.grant, holder.asked - is.grant);
        }
        handed += 1;
    }
    assert!(handed <= 1, "{both:?}");
}

#[test]
fn whoever_waits_at_a_till_is_served_from_any_spare_unit_but_not_from_what_others_need() {
    let waiting = Holder { asked: 2, ..holder(0, 0) };
    let moves = plan(0, &[waiting, holder(9, 8), holder(8, 8)]);
    let asked = vec![None, Some(8), Some(7)];
    assert_eq!((grants(&moves), keeps(&moves)), (vec![0; 3], asked), "one is spare, and one is the last of eight");
    let far_more = Holder { weight: 1_000 * PARTS, ..holder(8, 8) };
    assert_eq!(plan(0, &[Holder { asked: 2, ..holder(0, 0) }, far_more]), vec![Move::default(); 2]);
    let far = Holder { is_near: false, ..holder(90, 8) };
    assert_eq!(plan(0, &[waiting, far]), vec![Move::default(); 2], "who is not heard is asked nothing");
    assert_eq!(grants(&plan(5, &[far, Holder { is_near: false, ..holder(0, 8) }])), [0, 0]);
}

#[test]
fn of_a_row_that_is_short_everybody_in_reach_keeps_a_fair_part_of_what_is_there() {
    let keeps =
        |short, open: &[i64]| keep_while_short(short, &open.iter().map(|open| holder(*open, 4)).collect::<Vec<_>>());
    assert_eq!(keeps(0, &[5, 5]), [None, None], "nothing is short");
    assert_eq!(keeps(3, &[5, 5]), [Some(4), Some(3)]);
    assert_eq!(keeps(3, &[9, 1]), [Some(6), None], "who has little keeps it");
    assert_eq!(keeps(20, &[5, 5]), [Some(0), Some(0)], "no more is there to be asked for");
    let far = Holder { is_near: false, ..holder(5, 4) };
    assert_eq!(keep_while_short(3, &[far, holder(2, 4)]), [None, Some(0)], "who is out of reach does not hear");
}

#[test]
fn whoever_was_asked_to_keep_less_is_not_asked_again() {
    let allotment = Allotment::default().grant(5);
    let holding =
        |recall| Holding { allotment, outlook: Outlook { recall, ..Outlook::default() }, cover: DAY, is_near: true };
    let mut holdings = [holding(None), holding(Some((1, 5)))];
    assert_eq!(call_back(3, &mut holdings, START), [0]);
    assert_eq!(holdings.map(|holding| holding.outlook.keep(5)), [Some(4), Some(1)]);
    assert_eq!(call_back(3, &mut holdings, START), Vec::<usize>::new(), "once is enough");
}

#[test]
fn for_a_hold_that_was_refused_spare_units_are_asked_back_if_that_is_enough() {
    let holding = |open, recall: Option<i64>, is_near| {
        let outlook = Outlook { recall: recall.map(|keep| (keep, open)), ..Outlook::default() };
        Holding { allotment: Allotment::default().grant(open), outlook, cover: DAY, is_near }
    };
    let keeps = |wanted, available, mut holdings: Vec<Holding>| {
        let asked = call_for(wanted, available, &mut holdings, START);
        let kept: Vec<_> = holdings.iter().map(|own| own.outlook.keep(own.allotment.granted)).collect();
        assert_eq!(call_for(wanted, available, &mut holdings, START), Vec::<usize>::new(), "once is enough");
        (asked, kept)
    };
    let two = || vec![holding(5, None, true), holding(3, None, true)];
    assert_eq!(keeps(2, 0, two()), (vec![0], vec![Some(3), None]), "whoever has most to spare");
    assert_eq!(keeps(2, 1, two()), (vec![0], vec![Some(4), None]), "what is available need not come");
    assert_eq!(keeps(8, 0, two()), (vec![0, 1], vec![Some(0), Some(0)]));
    assert_eq!(keeps(9, 0, two()), (vec![], vec![None, None]), "it would not be enough");
    assert_eq!(keeps(1_000_000, 0, two()), (vec![], vec![None, None]), "a wish without measure empties no till");
    let coming = vec![holding(5, Some(3), true), holding(3, None, true)];
    assert_eq!(keeps(2, 0, coming), (vec![], vec![Some(3), None]), "it is on its way");
    let half = vec![holding(5, Some(3), true), holding(6, None, true)];
    assert_eq!(keeps(4, 0, half), (vec![1], vec![Some(3), Some(4)]), "half of it is on its way");
    assert_eq!(keeps(2, 0, vec![holding(5, None, false)]), (vec![], vec![None]), "who is not heard is asked nothing");
    let needed = Outlook { demand: Some(steady(5, 60)), ..Outlook::default() };
    let sells = Holding { outlook: needed, ..holding(4, None, true) };
    let mut holdings = [sells];
    assert_eq!(call_for(4, 0, &mut holdings, after(60)), Vec::<usize>::new(), "who sells keeps its share");
}

fn any_claims() -> impl Strategy<Value = Vec<Claim>> {
    let claim = (1..5_000_i64, 0..60_i64).prop_map(|(weight, most)| Claim { weight, most });
    prop::collection::vec(claim, 0..12)
}

fn any_holders() -> impl Strategy<Value = Vec<Holder>> {
    let holder = (0..40_i64, 0..20_i64, 0..3_i64, prop::bool::weighted(0.8))
        .prop_map(|(open, full, asked, is_near)| Holder { asked, is_near, ..holder(open, full) });
    prop::collection::vec(holder, 0..10)
}

/// What the holders and the rest are after everybody did as it was asked.
fn done(available: i64, holders: &[Holder], moves: &[Move]) -> (i64, Vec<Holder>) {
    let mut free = available;
    let next = holders.iter().zip(moves).map(|(holder, is)| {
        let kept = is.keep.map_or(holder.open, |keep| keep.min(holder.open));
        free += holder.open - kept - is.grant;
        Holder { open: kept + is.grant, asked: (holder.asked - is.grant).max(0), ..*holder }
    });
    let next = next.collect();
    (free, next)
}

proptest! {
    #[test]
    fn shares_sum_to_what_there_is_or_is_taken(units in 0..400_i64, claims in any_claims()) {
        let given = shares(units, &claims);
        let taken: i64 = claims.iter().map(|claim| claim.most).sum();
        prop_assert_eq!(given.iter().sum::<i64>(), units.min(taken));
        prop_assert!(given.iter().zip(&claims).all(|(given, claim)| (0..=claim.most).contains(given)));
    }

    #[test]
    fn one_unit_more_takes_nothing_from_anybody(units in 0..400_i64, claims in any_claims()) {
        let (less, more) = (shares(units, &claims), shares(units + 1, &claims));
        prop_assert!(less.iter().zip(&more).all(|(less, more)| less <= more));
    }

    #[test]
    fn equal_claims_differ_by_one_at_most(units in 0..400_i64, weight in 1..5_000_i64, mosts in prop::collection::vec(0..60_i64, 1..12)) {
        let claims: Vec<_> = mosts.iter().map(|most| Claim { weight, most: *most }).collect();
        let given = shares(units, &claims);
        let highest = given.iter().copied().max().unwrap_or(0);
        prop_assert!(given.iter().zip(&claims).all(|(given, claim)| *given >= (highest - 1).min(claim.most)));
    }

    #[test]
    fn never_more_is_granted_than_is_available_and_only_what_is_spare_is_asked_for(available in 0..60_i64, holders in any_holders()) {
        let moves = plan(available, &holders);
        prop_assert!(moves.iter().map(|is| is.grant).sum::<i64>() <= available);
        for (holder, is) in holders.iter().zip(&moves) {
            prop_assert!(is.grant >= 0 && is.keep.is_none_or(|keep| (0..holder.open).contains(&keep)));
            prop_assert!(holder.is_near || *is == Move::default());
            prop_assert!(is.grant == 0 || is.keep.is_none(), "nobody gets and gives at once");
        }
    }

    #[test]
    fn what_is_short_is_asked_for_and_no_unit_more(short in 0..90_i64, holders in any_holders()) {
        let near: i64 = holders.iter().filter(|holder| holder.is_near).map(|holder| holder.open).sum();
        let kept = keep_while_short(short, &holders);
        let asked: i64 = holders.iter().zip(&kept).map(|(holder, keep)| keep.map_or(0, |keep| holder.open - keep)).sum();
        prop_assert_eq!(asked, short.min(near));
        prop_assert!(holders.iter().zip(&kept).all(|(holder, keep)| keep.is_none() || holder.is_near));
    }

    #[test]
    fn doing_as_it_says_comes_to_rest(available in 0..60_i64, holders in any_holders()) {
        let (mut free, mut now) = (available, holders);
        for _ in 0..20 {
            let moves = plan(free, &now);
            if moves.iter().all(|is| *is == Move::default()) {
                return Ok(());
            }
            (free, now) = done(free, &now, &moves);
        }
        prop_assert!(false, "still {free} and {now:?}");
    }

    #[test]
    fn who_sells_evenly_with_enough_there_is_topped_up_now_and_then_and_never_asked(a_day in 1..20_i64) {
        let (mut demand, mut open, mut told) = (steady(a_day, 40), 0, 0);
        for day in 40..80 {
            for _ in 0..a_day {
                demand = demand.sold(1, after(day));
                let marks = Marks::of(Some(demand), DAY, after(day));
                let holder = Holder { open, coming: 0, marks, weight: 1, asked: 0, is_near: true, is_served: false };
                let [is] = plan(1_000, &[holder])[..] else { panic!("one move for one holder") };
                prop_assert!(is.keep.is_none());
                told += i64::from(is.grant > 0);
                open += is.grant - 1;
            }
        }
        let quarter = (Marks::of(Some(demand), DAY, after(80)).full / 4).max(1);
        prop_assert!(told <= 40 * a_day / quarter + 5, "{told} grants for {} sales", 40 * a_day);
    }

    #[test]
    fn sales_may_be_told_in_any_order(days in prop::collection::vec((0..30_i64, 1..50_i64), 1..10)) {
        let tell = |sales: &[(i64, i64)]| sales.iter().fold(None, |known, (day, units)| Some(Demand::after(known, *units, after(*day))));
        let mut sorted = days.clone();
        sorted.sort_unstable();
        let (one, other) = (tell(&days).expect("a sale"), tell(&sorted).expect("a sale"));
        prop_assert_eq!((one.since, one.at), (other.since, other.at));
        prop_assert!((one.units - other.units).abs() <= 10, "{:?} and {:?}", one, other);
    }
}
