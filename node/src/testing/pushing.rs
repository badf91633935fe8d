//! What waits, and how answers settle it.

use outpost_schema::{
    journal::{Hash, Mark},
    verdict::{Refusal, Verdict},
};
use outpost_sync::wire::{PUSH_BYTES_MAX, PUSH_CARTS_MAX, PUSH_ENTRIES_MAX, Push, Pushed};

use super::*;
use crate::State;

fn asked(shop: &Shop, times: usize) {
    for _ in 0..times {
        shop.node.ask(&[line(TEA, 1)]).expect("asks");
    }
}

fn settled(shop: &Shop, seq: i64, verdicts: Vec<(i64, Verdict)>) -> Pushed {
    Pushed::Settled { acked: shop.mark(seq), verdicts, carts: vec![] }
}

fn seqs(push: &Push) -> Vec<i64> {
    push.entries.iter().map(|entry| entry.seq).collect()
}

#[test]
fn entries_wait_in_order_until_they_are_answered() {
    let shop = Shop::new(&card());
    asked(&shop, 3);
    let push = shop.node.unsent().expect("waits");
    assert_eq!(seqs(&push), [1, 2, 3]);
    let two = vec![(1, Verdict::Accepted), (2, Verdict::Refused(Refusal::NothingLeft))];
    shop.node.settle(&push, &settled(&shop, 2, two)).expect("settles");
    assert_eq!(seqs(&shop.node.unsent().expect("waits")), [3]);
    let standing = shop.node.standing().expect("stands");
    assert_eq!((standing.head, standing.acked), (shop.mark(3), shop.mark(2)));
    let status = shop.node.status().expect("status");
    assert_eq!((status.waiting, status.refused), (1, 1));
    assert!(status.waiting_since.is_some() && status.contact_at.is_some());
}

#[test]
fn a_push_stays_within_its_limits() {
    let shop = Shop::new(&card());
    asked(&shop, PUSH_ENTRIES_MAX + 1);
    assert_eq!(shop.node.unsent().expect("waits").entries.len(), PUSH_ENTRIES_MAX);

    let shop = Shop::new(&card());
    let long = vec![line(TEA, 1); 2_000];
    let bytes_each = {
        shop.node.ask(&long).expect("asks");
        shop.node.unsent().expect("waits").entries[0].body.0.len()
    };
    let fits = PUSH_BYTES_MAX / bytes_each;
    for _ in 0..fits {
        shop.node.ask(&long).expect("asks");
    }
    assert_eq!(shop.node.unsent().expect("waits").entries.len(), fits, "one more would be too long");
}

#[test]
fn carts_wait_beside_the_entries() {
    let shop = Shop::new(&card());
    for number in 0..=PUSH_CARTS_MAX as u128 {
        keep_cart(&shop, &a_cart(&shop, 1_000 + number, &[(TEA, 1)]));
    }
    let push = shop.node.unsent().expect("waits");
    assert_eq!((push.entries.len(), push.carts.len()), (0, PUSH_CARTS_MAX));
    assert_eq!(shop.node.status().expect("status").carts_waiting, PUSH_CARTS_MAX as i64 + 1);
    let mut changed = push.carts[0].clone();
    changed.add(LIFE, CAKE, amount(1), None, Timestamp::from_micros(9)).expect("adds");
    keep_cart(&shop, &changed);
    let answer = Pushed::Settled { acked: Mark::START, verdicts: vec![], carts: vec![] };
    shop.node.settle(&push, &answer).expect("settles");
    let waits: Vec<_> = shop.node.unsent().expect("waits").carts.iter().map(|cart| cart.cart_id()).collect();
    assert_eq!(waits.len(), 2, "the one that did not fit, and the one changed meanwhile");
    assert!(waits.contains(&changed.cart_id()));
}

#[test]
fn a_lost_reply_never_loses_a_refusal() {
    let shop = Shop::new(&card());
    asked(&shop, 3);
    assert!(shop.node.stand_at(shop.mark(2)).expect("looks up"), "the server has two of them");
    assert_eq!(shop.node.standing().expect("stands").acked, shop.mark(2));
    let push = shop.node.unsent().expect("waits");
    assert_eq!(seqs(&push), [1, 2, 3], "their answers were lost, so they are asked for again");
    let verdicts = vec![(1, Verdict::Refused(Refusal::NothingLeft)), (2, Verdict::Accepted)];
    shop.node.settle(&push, &settled(&shop, 3, verdicts)).expect("settles");
    assert_eq!(
        seqs(&shop.node.unsent().expect("waits")),
        [] as [i64; 0],
        "what was not answered is not asked for ever"
    );
    assert_eq!(shop.node.status().expect("status").refused, 1);
}

#[test]
fn what_the_server_lost_is_pushed_again() {
    let shop = Shop::new(&card());
    asked(&shop, 3);
    let push = shop.node.unsent().expect("waits");
    let all = (1..=3).map(|seq| (seq, Verdict::Accepted)).collect();
    shop.node.settle(&push, &settled(&shop, 3, all)).expect("settles");
    assert!(shop.node.stand_at(shop.mark(1)).expect("looks up"));
    assert_eq!(seqs(&shop.node.unsent().expect("waits")), [2, 3]);
    assert!(shop.node.stand_at(Mark::START).expect("looks up"));
    assert_eq!(seqs(&shop.node.unsent().expect("waits")), [1, 2, 3]);
}

#[test]
fn a_mark_that_the_journal_lacks_means_that_this_device_was_rolled_back() {
    let shop = Shop::new(&card());
    asked(&shop, 2);
    let strange = [Mark { seq: 2, hash: Hash([1; 32]) }, Mark { seq: 3, hash: Hash([2; 32]) }];
    for mark in strange {
        assert!(!shop.node.stand_at(mark).expect("looks up"));
        assert_eq!(shop.node.status().expect("status").state, State::RolledBack);
        assert_eq!(shop.node.standing().expect("stands").acked, Mark::START);
    }
    shop.node.freeze().expect("notes");
    assert_eq!(shop.node.status().expect("status").state, State::RolledBack, "which says more");
    assert_eq!(shop.node.unsent().expect("waits").entries, []);
}

#[test]
fn a_frozen_journal_is_kept_unsent() {
    let shop = Shop::new(&physical());
    shop.sell(&[(TEA, 2)]).expect("sells");
    keep_cart(&shop, &a_cart(&shop, 50, &[(TEA, 1)]));
    shop.node.freeze().expect("notes");
    shop.sell(&[(TEA, 1)]).expect("goes on recording");
    let push = shop.node.unsent().expect("nothing");
    assert!(push.entries.is_empty() && push.carts.is_empty());
    let status = shop.node.status().expect("status");
    assert_eq!((status.state, status.waiting, status.carts_waiting), (State::Frozen, 2, 1));
    assert_eq!(status.worth, money("7.50"));
}

#[test]
fn an_answer_about_another_journal_moves_nothing() {
    let shop = Shop::new(&card());
    asked(&shop, 1);
    let push = shop.node.unsent().expect("waits");
    let foreign = Mark { seq: 1, hash: Hash([1; 32]) };
    shop.node.settle(&push, &Pushed::Settled { acked: foreign, verdicts: vec![], carts: vec![] }).expect("settles");
    assert_eq!(shop.node.standing().expect("stands").acked, Mark::START);
}

#[test]
fn the_last_problem_is_told_until_the_server_answers() {
    let shop = Shop::new(&card());
    shop.node.note_problem("the line is cut").expect("notes");
    assert_eq!(shop.node.status().expect("status").problem.as_deref(), Some("the line is cut"));
    shop.tell(vec![]);
    assert_eq!(shop.node.status().expect("status").problem, None);
}
