//! What the server has archived may be forgotten, and what another life of the server is told.

use outpost_schema::{
    device::Card,
    journal::{Hash, Mark},
    stock::SalePolicy,
    verdict::Verdict,
};
use outpost_sync::{
    round::Anew,
    wire::{Hole, Pushed, Report, Stands},
};

use super::*;
use crate::db::{epochs, journal};

/// A till with so many entries, all of them answered, and as many archived.
fn till_with(entries: i64, archived: i64) -> Shop {
    let shop = Shop::new(&physical());
    for _ in 0..entries {
        shop.node.ask(&[line(TEA, 1)]).expect("asks");
    }
    let push = shop.node.unsent().expect("waits");
    let verdicts = (1..=entries).map(|seq| (seq, Verdict::Accepted)).collect();
    let answer = Pushed::Settled { acked: shop.mark(entries), verdicts, carts: vec![] };
    shop.node.settle(&push, &answer).expect("settles");
    archive(&shop, archived);
    shop
}

fn archive(shop: &Shop, archived: i64) {
    let head = shop.node.standing().expect("stands").acked;
    let acked = Acked { incarnation_id: LIFE, mark: head, set_aside: vec![], archived, over: false };
    shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &shop.page(vec![acked], vec![])).expect("applies");
}

/// Forgets as if everything had been written long ago.
fn forget(shop: &Shop, limit: usize) -> usize {
    let long_after = Timestamp::from_micros(i64::MAX);
    shop.node.db().write(|tx| journal::forget(tx, long_after, limit)).expect("forgets")
}

#[test]
fn without_a_backup_nothing_is_ever_forgotten() {
    let shop = till_with(5, 0);
    assert_eq!((forget(&shop, 100), shop.count("journal")), (0, 5));
}

#[test]
fn only_what_is_archived_old_and_answered_is_forgotten_and_never_the_last() {
    let shop = till_with(10, 4);
    assert_eq!(shop.node.forget_archived().expect("looks"), 0, "it was written just now");
    assert_eq!((forget(&shop, 3), forget(&shop, 3), forget(&shop, 3)), (3, 1, 0), "a few at a time");
    assert_eq!(shop.count("journal"), 6);
    shop.node.examine().expect("what is kept is a chain");
    let shop = shop.reopened();
    shop.node.ask(&[line(TEA, 1)]).expect("it goes on");
    archive(&shop, 10);
    assert_eq!(forget(&shop, 100), 6, "what waits is kept");
    shop.node.examine().expect("what is kept is a chain");

    let all = till_with(3, 3);
    assert_eq!((forget(&all, 100), all.count("journal")), (2, 1), "the next entry follows the last");
    let aside = till_with(3, 3);
    let rule =
        |tx: &rusqlite::Transaction<'_>| Ok(tx.execute("update journal set verdict = 'set_aside' where seq = 2", [])?);
    aside.node.db().write(rule).expect("rules");
    assert_eq!((forget(&aside, 100), aside.count("journal")), (1, 2), "an answer may still change");
}

#[test]
fn a_server_that_asks_for_what_was_forgotten_is_told_of_the_hole() {
    let shop = till_with(10, 6);
    let (second, sixth, seventh) = (shop.mark(2), shop.mark(6), shop.mark(7));
    forget(&shop, 100);
    assert!(shop.node.stand_at(sixth).expect("looks up"), "the first that is kept follows it");
    assert_eq!(shop.node.unsent().expect("waits").hole, None);
    assert!(shop.node.stand_at(second).expect("looks up"), "it was there once");
    let push = shop.node.unsent().expect("waits");
    assert_eq!((push.hole, push.entries.len()), (Some(Hole { after: second, before: seventh }), 4));
    assert!(shop.node.stand_at(Mark::START).expect("looks up"));
    assert_eq!(shop.node.unsent().expect("waits").hole, Some(Hole { after: Mark::START, before: seventh }));
    let strange = Mark { hash: Hash([9; 32]), ..sixth };
    assert!(!shop.node.stand_at(strange).expect("looks up"), "that much can still be compared");
}

#[test]
fn another_life_of_the_server_is_told_everything_in_pages() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 30, 7);
    shop.tell(vec![told_totals(CAKE, 5, 2)]);
    keep_cart(&shop, &a_cart(&shop, 50, &[(TEA, 1)]));
    let epoch = EpochId(Uuid::from_u128(40));
    let first = shop.node.report().expect("reads").expect("owed to the first life that it hears of, too");
    assert_eq!((first.epoch, first.granted.len()), (epoch, 2));
    shop.node.reported(&first).expect("notes");
    let push = shop.node.unsent().expect("waits");
    assert_eq!((push.epoch, push.carts.len()), (Some(epoch), 1));
    shop.node.settle(&push, &Pushed::Settled { acked: Mark::START, verdicts: vec![], carts: vec![] }).expect("settles");
    assert_eq!(shop.node.report().expect("reads"), None, "nothing is owed");

    let next = EpochId(Uuid::from_u128(41));
    shop.node.start_anew(&Anew::OtherEpoch(next)).expect("notes");
    shop.node.do_without_file().expect("notes");
    let shop = shop.reopened();
    let push = shop.node.unsent().expect("waits");
    assert_eq!((push.epoch, push.carts.len()), (None, 1), "its mark is of the last life; its carts go again");
    assert!(shop.node.status().expect("reads").is_recovering);
    let report = shop.node.report().expect("reads").expect("owed");
    let told: Vec<_> = report.granted.iter().map(|told| (told.granted, told.reclaimed)).collect();
    assert_eq!((report.epoch, &told[..], report.last), (next, &[(7, 0), (5, 2)][..], true));

    // Cut after the first row: it goes on behind it, and a late answer for the last life changes nothing.
    let page =
        |epoch, last| Report { epoch, granted: report.granted[..1].to_vec(), last, stands: report.stands.clone() };
    shop.node.reported(&page(next, false)).expect("notes");
    shop.node.reported(&page(epoch, true)).expect("notes");
    let shop = shop.reopened();
    let rest = shop.node.report().expect("reads").expect("owed");
    assert_eq!((rest.granted, rest.last), (report.granted[1..].to_vec(), true));
    shop.node.reported(&page(next, true)).expect("notes");
    assert_eq!(shop.node.report().expect("reads"), None);
    assert_eq!(shop.node.unsent().expect("waits").epoch, None, "its mark is still of the last life");
    let page = Page { epoch: next, ..shop.page(vec![], vec![]) };
    shop.node.apply(None, &page).expect("applies");
    assert_eq!(shop.node.unsent().expect("waits").epoch, Some(next));
}

#[test]
fn another_life_of_the_server_is_told_where_it_stands_and_stood_before_anything_of_it_is_kept() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 30, 0);
    let stands = |warehouse_id, is_home, former| Some(Stands { warehouse_id, is_home, former });
    let report = shop.node.report().expect("reads").expect("owed");
    assert_eq!(report.stands, stands(HERE, card().is_home, vec![]));
    shop.node.reported(&report).expect("notes");
    let there = Card { warehouse_id: ELSEWHERE, is_home: true, policy: SalePolicy::Physical, ..card() };
    shop.node.join(&there).expect("it moves, and reads the feed from the start");
    assert_eq!(shop.node.report().expect("reads"), None, "who gave the card knows where it stands");

    let next = EpochId(Uuid::from_u128(41));
    let page = Page { epoch: next, ..shop.page(vec![], vec![image(TEA, 12, 0)]) };
    shop.node.apply(None, &page).expect("notes");
    assert_eq!(shop.node.cursor().expect("reads"), None, "it may be told of the wrong place");
    let report = shop.node.report().expect("reads").expect("head office may have forgotten that it gave that card");
    assert_eq!((report.epoch, report.stands.clone(), report.last), (next, stands(ELSEWHERE, true, vec![HERE]), true));
    shop.node.reported(&report).expect("notes");
    shop.node.apply(None, &page).expect("applies");
    assert_eq!(shop.node.cursor().expect("reads").as_deref(), Some(&*page.cursor));

    shop.node.join(&card()).expect("and back");
    shop.node.start_anew(&Anew::OtherEpoch(EpochId(Uuid::from_u128(42)))).expect("notes");
    let report = shop.node.report().expect("reads").expect("owed");
    assert_eq!(report.stands, stands(HERE, card().is_home, vec![ELSEWHERE]), "what it did there may still be told");
}

#[test]
fn a_page_of_a_life_that_was_not_announced_is_noticed() {
    let shop = Shop::new(&card());
    shop.stock(TEA, 30, 7);
    shop.node.reported(&shop.node.report().expect("reads").expect("owed")).expect("notes");
    shop.node.start_anew(&Anew::TooLongAway).expect("notes");
    shop.node.do_without_file().expect("notes");
    let next = EpochId(Uuid::from_u128(42));
    let page = Page { epoch: next, recovering: true, ..shop.page(vec![], vec![]) };
    shop.node.apply(None, &page).expect("applies");
    let known = shop.node.db().read(epochs::known).expect("reads");
    assert_eq!((known.epoch, known.report_owed, known.is_recovering), (Some(next), true, true));
    let page = Page { recovering: false, epoch: next, ..shop.page(vec![], vec![]) };
    shop.node.apply(shop.node.cursor().expect("cursor").as_deref(), &page).expect("applies");
    assert!(!shop.node.status().expect("reads").is_recovering);
}
