//! Countings: people walk along bins, sell meanwhile, look again, and approve.

use outpost_schema::{
    count::Upto,
    counting::{CountingNumber, CountingState, Stale, Standing, Terms, Tolerance, Why},
    op::{Count, CountLine, Op},
    stock::Allotment,
};
use outpost_sync::round::Anew;

use super::*;
use crate::{
    countings::{Approval, At, Opening, Scanned, Tally, Typed},
    db::identity::{self, State},
    stockroom::Seen,
};

const FIRST: CountingNumber = CountingNumber(1);
const SECOND: CountingNumber = CountingNumber(2);
const STRICT: Tolerance = Tolerance { units: 0, percent: 0 };

fn open(shop: &Shop, bins: &[&str], tolerance: Tolerance) -> Result<CountingNumber, Error> {
    let bins = bins.iter().map(|bin| (*bin).to_owned()).collect();
    let terms = Terms { blind: true, tolerance };
    Ok(shop.node.open_counting(&Opening { person: "Cy".to_owned(), bins, terms })?.number)
}

fn at(bin: &str, person: &str) -> At {
    At { bin: bin.to_owned(), person: person.to_owned(), marks: Vec::new(), done: Vec::new() }
}

fn typed(bin: &str, person: &str, lines: &[(ProductId, i64)]) -> Typed {
    let lines = lines.iter().map(|&(product_id, counted)| Seen { product_id, counted }).collect();
    Typed { at: at(bin, person), lines, again: false, alone: false }
}

fn see(shop: &Shop, bin: &str, person: &str, lines: &[(ProductId, i64)]) {
    shop.node.count_in(FIRST, &typed(bin, person, lines)).expect("written down");
}

fn scan(shop: &Shop, bin: &str, person: &str, product_id: ProductId) -> Result<i64, Error> {
    shop.node.scan_in(FIRST, &Scanned { at: at(bin, person), product_id, amount: amount(1), alone: false })
}

fn review(shop: &Shop) -> Vec<Tally> {
    shop.node.review_counting(FIRST).expect("reviewed").1
}

fn standing(shop: &Shop, product: ProductId) -> Standing {
    let tallies = shop.node.counting(FIRST).expect("reads").1;
    let tally = tallies.into_iter().find(|tally| tally.product_id == product).expect("counted");
    tally.judged.expect("told").standing
}

fn approve(shop: &Shop, reason: Option<&str>) -> Result<Vec<CountLine>, Error> {
    let reason = reason.map(str::to_owned);
    shop.node.approve(FIRST, &Approval { person: "Dee".to_owned(), products: Vec::new(), reason })
}

fn counts(shop: &Shop) -> Vec<Count> {
    let entries = shop.node.unsent().expect("waits").entries;
    let ops = entries.iter().map(|entry| outpost_schema::settle::decode(entry).expect("our own"));
    ops.filter_map(|op| if let Op::Counted(count) = op { Some(count) } else { None }).collect()
}

#[test]
fn two_people_count_two_bins_while_the_device_sells() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 12), line(CAKE, 3)]).expect("receives");
    open(&shop, &["A1", "A2"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 5)]);
    for units in 1..=6 {
        assert_eq!(scan(&shop, "A2", "Ben", TEA).expect("scanned"), units);
    }
    see(&shop, "A2", "Ben", &[(CAKE, 3)]);
    shop.sell(&[(TEA, 2)]).expect("sells from what was counted");
    let tallies = review(&shop);
    let tea = tallies.iter().find(|tally| tally.product_id == TEA).expect("counted");
    let sight = tea.judged.as_ref().and_then(|judged| judged.sight.as_ref()).expect("a number");
    assert_eq!((sight.seen, sight.counted, sight.expected, sight.variance()), (11, 9, 10, -1));
    assert_eq!((tea.looks.len(), tea.worth), (2, Some(money("-2.50"))));
    assert_eq!(shop.level(TEA).balance, 10, "nothing is booked yet");
    shop.refuses("count_again", |shop| approve(shop, None));

    let lines = approve(&shop, Some("it is one short, I looked too")).expect("booked");
    let line = |product_id, counted, delta| CountLine { product_id, counted, delta };
    assert_eq!(lines, [line(TEA, 9, -1), line(CAKE, 3, 0)]);
    assert_eq!((shop.level(TEA).balance, shop.open(TEA), shop.level(CAKE).balance), (9, 9, 3));
    let said = counts(&shop);
    assert_eq!(said.len(), 2, "each product was seen at another moment");
    assert_eq!(said[0].remark.person.as_deref(), Some("Ada, Ben"));
    let note = said[0].remark.note.clone().expect("a note");
    assert_eq!(note, "counting 1, approved by Dee (it is one short, I looked too): 5 in A1 by Ada, 6 in A2 by Ben");
    let (counting, _) = shop.node.counting(FIRST).expect("reads");
    assert_eq!((counting.state, counting.closed.expect("over").0), (CountingState::Approved, "Dee".to_owned()));
}

#[test]
fn what_is_approved_twice_is_booked_once() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 12)]).expect("receives");
    open(&shop, &["A1"], Tolerance::USUAL).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 11)]);
    shop.refuses("not_reviewed", |shop| approve(shop, None));
    review(&shop);
    let lines = approve(&shop, None).expect("booked");
    assert_eq!(approve(&shop, None).expect("told again"), lines);
    assert_eq!((counts(&shop).len(), shop.level(TEA).balance), (1, 11));
    shop.refuses("counting_over", |shop| shop.node.cancel_counting(FIRST, "Cy"));
    shop.refuses("counting_over", |shop| shop.node.count_in(FIRST, &typed("A1", "Ada", &[(TEA, 1)])));
    let shop = shop.reopened();
    assert_eq!((approve(&shop, None).expect("told again"), counts(&shop).len()), (lines, 1));
}

#[test]
fn all_that_is_approved_at_once_is_booked_or_nothing() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 12), line(CAKE, 12)]).expect("receives");
    open(&shop, &["A1"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 12), (CAKE, 7)]);
    review(&shop);
    shop.refuses("count_again", |shop| approve(shop, None));
    let only = |product| Approval { person: "Dee".to_owned(), products: vec![product], reason: None };
    assert_eq!(shop.node.approve(FIRST, &only(TEA)).expect("it fits").len(), 1);
    shop.refuses("approved_already", |shop| shop.node.recount(FIRST, &[TEA]));
    shop.refuses("not_in_counting", |shop| shop.node.approve(FIRST, &only(CHEESE)));
    assert_eq!(shop.node.counting(FIRST).expect("reads").0.state, CountingState::Review, "the cake is not");
    approve(&shop, Some("eaten")).expect("booked");
    assert_eq!((counts(&shop).len(), shop.level(CAKE).balance), (2, 7));
}

#[test]
fn a_bin_and_a_product_belong_to_one_counting() {
    let shop = Shop::new(&home());
    open(&shop, &["A1", " A2 "], STRICT).expect("opens");
    shop.refuses("bin_taken", |shop| open(shop, &["A3", "a2"], STRICT));
    assert_eq!(shop.node.countings(false).expect("reads").len(), 1, "a refusal leaves nothing");
    assert_eq!(open(&shop, &["B1"], STRICT).expect("others are free"), SECOND);
    shop.refuses("bin_taken", |shop| shop.node.begin_bin(SECOND, &at("A1", "Ben")));
    see(&shop, "A1", "Ada", &[(TEA, 1)]);
    shop.refuses("product_taken", |shop| shop.node.count_in(SECOND, &typed("B1", "Ben", &[(TEA, 2)])));
    shop.refuses("unknown_bin", |shop| shop.node.count_in(SECOND, &typed("A1", "Ben", &[(CAKE, 2)])));
    assert_eq!(shop.node.begin_bin(FIRST, &at("a3", "Ada")).expect("begins").bins, ["A1", "A2", "A3"]);
    shop.node.cancel_counting(FIRST, "Cy").expect("given up");
    shop.node.cancel_counting(FIRST, "Cy").expect("and again");
    shop.node.begin_bin(SECOND, &at("A1", "Ben")).expect("free");
    shop.node.count_in(SECOND, &typed("B1", "Ben", &[(TEA, 2)])).expect("free");
    assert_eq!((shop.count("journal"), shop.level(TEA).balance), (0, 0), "nothing of a cancelled one is booked");
    assert_eq!(shop.node.countings(true).expect("reads").len(), 2);
}

#[test]
fn a_number_is_said_once_for_a_bin() {
    let shop = Shop::new(&home());
    open(&shop, &["A1"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 7)]);
    shop.refuses("counted_already", |shop| shop.node.count_in(FIRST, &typed("A1", "Ada", &[(TEA, 7)])));
    shop.refuses("counted_by_other", |shop| shop.node.count_in(FIRST, &typed("A1", "Ben", &[(TEA, 7)])));
    shop.refuses("counted_by_other", |shop| scan(shop, "A1", "Ben", TEA));
    let again = Typed { again: true, ..typed("A1", "ada ", &[(TEA, 8)]) };
    shop.node.count_in(FIRST, &again).expect("a slip of the pen is put right");
    assert_eq!(scan(&shop, "A1", "Ada", TEA).expect("and one more"), 9);
    shop.refuses("no_lines", |shop| shop.node.count_in(FIRST, &typed("A1", "Ada", &[])));
    shop.refuses("amount_out_of_range", |shop| shop.node.count_in(FIRST, &typed("A1", "Ada", &[(CAKE, -1)])));
    let stranger = ProductId(Uuid::from_u128(99));
    shop.refuses("unknown_product", |shop| shop.node.count_in(FIRST, &typed("A1", "Ada", &[(stranger, 1)])));
    shop.refuses("empty", |shop| shop.node.count_in(FIRST, &typed("A1", " ", &[(CAKE, 1)])));
    shop.refuses("unknown_counting", |shop| shop.node.count_in(SECOND, &typed("A1", "Ada", &[(CAKE, 1)])));
    shop.refuses("no_lines", |shop| open(shop, &[], STRICT));
    shop.refuses("tolerance_out_of_range", |shop| open(shop, &["B1"], Tolerance { units: -1, percent: 0 }));
}

#[test]
fn a_difference_is_counted_again_by_somebody_else() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 20)]).expect("receives");
    open(&shop, &["A1", "A2"], Tolerance { units: 1, percent: 0 }).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 5)]);
    see(&shop, "A2", "Ben", &[(TEA, 7)]);
    review(&shop);
    assert_eq!(standing(&shop, TEA), Standing::Recount(Why::Variance));
    shop.refuses("under_review", |shop| shop.node.count_in(FIRST, &typed("A1", "Ben", &[(TEA, 5)])));

    shop.node.recount(FIRST, &[TEA]).expect("asked for");
    shop.node.recount(FIRST, &[TEA]).expect("and once more");
    shop.refuses("same_person", |shop| shop.node.count_in(FIRST, &typed("A1", "Ada", &[(TEA, 5)])));
    see(&shop, "A1", "Ben", &[(TEA, 5)]);
    review(&shop);
    shop.refuses("count_again", |shop| approve(shop, Some("no word helps while a bin is missing")));
    // Nobody else is there.
    let alone = Typed { alone: true, ..typed("A2", "Ben", &[(TEA, 2)]) };
    shop.node.count_in(FIRST, &alone).expect("said so");
    review(&shop);
    assert_eq!(standing(&shop, TEA), Standing::Recount(Why::Variance), "twelve and seven");

    shop.node.recount(FIRST, &[TEA]).expect("a third time");
    see(&shop, "A1", "Ada", &[(TEA, 5)]);
    see(&shop, "A2", "Ada", &[(TEA, 6)]);
    review(&shop);
    assert_eq!(standing(&shop, TEA), Standing::Confirmed, "eleven, and twelve at first");
    assert_eq!(approve(&shop, None).expect("booked")[0].counted, 11);
    assert_eq!(shop.level(TEA).balance, 11);
}

#[test]
fn a_sale_between_two_bins_wants_another_count_and_leaves_fewer() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 12)]).expect("receives");
    open(&shop, &["A1", "A2"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 5)]);
    shop.sell(&[(TEA, 1)]).expect("from A1");
    see(&shop, "A2", "Ada", &[(TEA, 7)]);
    review(&shop);
    assert_eq!(standing(&shop, TEA), Standing::Recount(Why::MovedMeanwhile));
    shop.refuses("count_again", |shop| approve(shop, None));
    assert_eq!(approve(&shop, Some("it was from A1")).expect("booked")[0].counted, 11);
    assert_eq!(shop.level(TEA).balance, 11, "what is there");
}

#[test]
fn a_person_who_began_with_a_bin_looked_at_any_time_since() {
    for begins in [false, true] {
        let shop = Shop::new(&home());
        shop.node.receive(&[line(TEA, 12)]).expect("receives");
        open(&shop, &["A1"], STRICT).expect("opens");
        if begins {
            shop.node.begin_bin(FIRST, &at("A1", "ADA")).expect("begins");
        }
        shop.sell(&[(TEA, 1)]).expect("before or after the eyes");
        see(&shop, "A1", "Ada", &[(TEA, 12)]);
        review(&shop);
        let expected = if begins { Why::MovedMeanwhile } else { Why::Variance };
        assert_eq!(standing(&shop, TEA), Standing::Recount(expected));
    }
}

#[test]
fn what_was_put_right_since_is_counted_again() {
    let stale = Standing::Recount(Why::Stale(Stale::BookChanged));
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 12)]).expect("receives");
    open(&shop, &["A1"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 10)]);
    review(&shop);
    shop.node.count(&[Seen { product_id: TEA, counted: 10 }]).expect("counted without bins");
    assert_eq!(standing(&shop, TEA), stale);
    shop.refuses("count_again", |shop| approve(shop, Some("no word makes it a number")));
    assert_eq!(shop.level(TEA).balance, 10, "the difference is booked once");
    shop.node.recount(FIRST, &[TEA]).expect("again");
    see(&shop, "A1", "Ben", &[(TEA, 10)]);
    review(&shop);
    assert_eq!(standing(&shop, TEA), Standing::Fits);
    approve(&shop, None).expect("booked");
    assert_eq!(shop.allotment(TEA), Allotment { received: 12, consumed: 2, ..Allotment::default() });
}

#[test]
fn an_older_copy_of_the_device_approves_nothing_and_a_new_life_counts_again() {
    let shop = Shop::new(&home());
    shop.node.receive(&[line(TEA, 12)]).expect("receives");
    open(&shop, &["A1"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 12)]);
    review(&shop);
    let db = shop.node.db();
    db.write(|tx| identity::set_back(tx, State::Restored, [7; 16])).expect("put back");
    shop.refuses("rolled_back", |shop| approve(shop, None));
    db.write(|tx| {
        tx.execute("update identity set state = 'active', incarnation_id = ?1", [Uuid::from_u128(77).as_bytes()])?;
        Ok(())
    })
    .expect("another life");
    assert_eq!(standing(&shop, TEA), Standing::Recount(Why::Stale(Stale::OtherLife)));
    shop.refuses("count_again", |shop| approve(shop, Some("no word helps")));
}

#[test]
fn a_counting_survives_that_the_device_is_filled_anew() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 12, 4);
    open(&shop, &["A1"], STRICT).expect("opens");
    see(&shop, "A1", "Ada", &[(TEA, 12)]);
    let before = shop.node.counting(FIRST).expect("reads");
    for has_journal in [false, true] {
        if has_journal {
            shop.sell(&[(TEA, 1)]).expect("sells");
        }
        shop.node.start_anew(&Anew::OtherEpoch(EpochId(Uuid::from_u128(41)))).expect("notes");
        shop.node.do_without_file().expect("notes");
        let page = shop.page(vec![], vec![product(TEA, "Tea", Some("2.60")), image(TEA, 20, 0)]);
        shop.node.apply(None, &page).expect("applies and takes over");
        assert_eq!(shop.node.counting(FIRST).expect("reads"), before);
    }
    review(&shop);
    let lines = approve(&shop, Some("the book came anew")).expect("booked");
    assert_eq!(lines, [CountLine { product_id: TEA, counted: 11, delta: 0 }]);
}

#[test]
fn a_count_says_what_was_done_elsewhere_when_the_eyes_looked_and_not_when_it_is_approved() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 12, 4);
    let other = |number, seq| Upto { incarnation_id: IncarnationId(Uuid::from_u128(number)), seq };
    let hear = |others: Vec<Upto>, told: Vec<Aggregate>| {
        let page = Page { others, ..shop.page(vec![], told) };
        shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &page).expect("applies");
        page.server_time
    };
    let heard_at = hear(vec![other(77, 3)], vec![]);
    open(&shop, &["A1", "A2"], STRICT).expect("opens");
    let marked = |bin, marks: Vec<Upto>, done: Vec<Upto>| Typed {
        at: At { marks, done, ..at(bin, "Ada") },
        ..typed(bin, "Ada", &[(TEA, 6)])
    };
    let first = marked("A1", vec![other(78, 5), other(79, 1)], vec![other(81, 2)]);
    shop.node.count_in(FIRST, &first).expect("seen");
    // What is told now was done by others since, as far as anybody here knows.
    hear(vec![other(77, 8)], vec![image(TEA, 9, 4)]);
    let second = marked("A2", vec![other(78, 6), other(79, 1)], vec![other(81, 4)]);
    shop.node.count_in(FIRST, &second).expect("seen");
    hear(vec![other(77, 9), other(80, 2)], vec![image(TEA, 8, 4)]);
    shop.sell(&[(TEA, 1)]).expect("sells");
    review(&shop);
    let line = approve(&shop, None).expect("booked")[0];
    assert_eq!((line.counted, line.delta), (11, 0));
    let cut = counts(&shop)[0].cut.clone().expect("a cut");
    assert_eq!(cut.heard, [other(77, 3), other(78, 5)]);
    assert_eq!(
        (cut.read, cut.done, cut.heard_at),
        (vec![other(79, 1)], vec![other(78, 6), other(81, 4)], Some(heard_at))
    );
    assert!(cut.until.expect("it ended") < shop.node.world().now());
}

#[test]
fn those_who_count_are_not_told_what_should_be_there() {
    for blind in [true, false] {
        let shop = Shop::new(&home());
        shop.node.receive(&[line(TEA, 20)]).expect("receives");
        let terms = Terms { blind, tolerance: STRICT };
        let opening = Opening { person: "Cy".to_owned(), bins: vec!["A1".to_owned()], terms };
        shop.node.open_counting(&opening).expect("opens");
        see(&shop, "A1", "Ada", &[(TEA, 5)]);
        let told = || shop.node.counting(FIRST).expect("reads").1.remove(0);
        assert_eq!((told().judged.is_some(), told().worth.is_some()), (!blind, !blind), "while it is counted");
        review(&shop);
        assert_eq!((told().judged.is_some(), told().looks.len()), (true, 1));
        shop.node.recount(FIRST, &[TEA]).expect("again");
        assert_eq!((told().judged.is_some(), told().worth), (!blind, None), "while it is counted again");
        assert_eq!((told().round, told().looks.len()), (2, 0), "nor what the first one saw");
        assert_eq!(told().missing, ["A1"], "but where");
        see(&shop, "A1", "Ben", &[(TEA, 6)]);
        assert_eq!(told().judged.is_some(), !blind);
    }
}

#[test]
fn at_a_home_nobody_counts_before_the_device_has_heard_what_the_book_says_there() {
    const ELSEWHERE: WarehouseId = WarehouseId(Uuid::from_u128(77));
    let shop = Shop::new(&card());
    shop.node.join(&Card { warehouse_id: ELSEWHERE, is_home: true, ..card() }).expect("it moves");
    open(&shop, &["A1"], STRICT).expect("opens");
    let refused = shop.node.count_in(FIRST, &typed("A1", "Ada", &[(TEA, 5)])).expect_err("what is five beside?");
    assert_eq!(refused.code(), "not_heard");
    assert_eq!(scan(&shop, "A1", "Ada", TEA).expect_err("the same").code(), "not_heard");
    let seen = [Seen { product_id: TEA, counted: 5 }];
    assert_eq!(shop.node.count(&seen).expect_err("and said at once").code(), "not_heard");
    shop.node.apply(None, &shop.page(Vec::new(), Vec::new())).expect("applies");
    see(&shop, "A1", "Ada", &[(TEA, 5)]);
}
