//! What a push does to the journal, whatever its ops say.

use outpost_schema::{
    journal::{Entry, Mark, SEQ_MAX},
    verdict::{ConcernKind, Refusal, Verdict},
};
use outpost_sync::wire::{Caller, Pushed, Standing};

use super::*;

async fn shop_with_till(seed: u64) -> (Shop, Till, outpost_schema::id::ProductId) {
    let shop = Shop::open(seed).await;
    let warehouse = shop.warehouse("Market").await;
    let till = shop.till("Kiosk", warehouse, true).await;
    let product = shop.product().await;
    (shop, till, product)
}

#[tokio::test]
async fn a_push_that_comes_twice_books_once_and_is_answered_twice() {
    let (shop, mut till, tea) = shop_with_till(1).await;
    let entries = [till.receive(&[(tea, 5)]), till.sell(&[(tea, 2)]), till.sell(&[(tea, 1)])];
    let first = till.say(&shop, &entries).await.unwrap();
    let second = till.say(&shop, &entries).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(shop.count("orders").await, 2);
    assert_eq!(shop.level(tea, till.card.warehouse_id).await, (2, 2));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_journal_that_counts_beyond_all_bounds_is_refused() {
    let (shop, till, tea) = shop_with_till(21).await;
    let goods = outpost_schema::op::Op::Received(till.goods(&[(tea, 1)]).into());
    let (life, hlc) = (till.card.incarnation_id, outpost_schema::clock::Hlc::ZERO);
    for (seq, code) in [(SEQ_MAX, "broken_chain"), (i64::MAX - 1, "broken_chain"), (SEQ_MAX - 1, "elsewhere")] {
        let head = Mark { seq, ..Mark::START };
        let told = till.say(&shop, &[Entry::write(life, head, hlc, String::new(), &goods, [0; 16])]).await;
        let told = told.map_or_else(|error| error.code(), |_| "elsewhere");
        assert_eq!(told, code, "{seq}");
    }
}

#[tokio::test]
async fn a_lost_reply_never_loses_a_refusal() {
    let (shop, mut till, tea) = shop_with_till(2).await;
    let asked = [till.ask(&[(tea, 3)])];
    let lost = till.say(&shop, &asked).await.unwrap();
    // The shelf is filled before the node asks what became of it; the first answer stands.
    let more = [asked[0].clone(), till.receive(&[(tea, 9)])];
    let answer = till.push(&shop, &more).await;
    assert_eq!(answer, [Verdict::Refused(Refusal::NothingLeft), Verdict::Accepted]);
    assert!(matches!(lost, Pushed::Settled { verdicts, .. } if verdicts == [(1, answer[0].clone())]));
}

#[tokio::test]
async fn what_comes_out_of_order_is_told_where_the_server_stands() {
    let (shop, mut till, tea) = shop_with_till(3).await;
    let entries: Vec<Entry> = (0..3).map(|_| till.sell(&[(tea, 1)])).collect();
    let elsewhere = Pushed::Elsewhere { acked: Mark::START };
    assert_eq!(till.say(&shop, &entries[1..]).await.unwrap(), elsewhere, "a gap");
    assert_eq!(shop.count("ops").await, 0);
    till.push(&shop, &entries[..1]).await;
    let settled = till.say(&shop, &entries).await.unwrap();
    assert!(matches!(settled, Pushed::Settled { acked, .. } if acked == entries[2].mark()));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_altered_entry_is_not_taken() {
    let (shop, mut till, tea) = shop_with_till(4).await;
    let good = till.sell(&[(tea, 1)]);
    let mut altered = till.sell(&[(tea, 1)]);
    altered.body.0[20] ^= 1;
    let code = |answer: Result<Pushed, crate::error::Error>| answer.unwrap_err().code();
    assert_eq!(code(till.say(&shop, &[good.clone(), altered]).await), "broken_chain");
    let beyond = Entry { seq: i64::MIN, ..good.clone() };
    assert_eq!(code(till.say(&shop, &[beyond]).await), "broken_chain");
    assert_eq!(code(till.say(&shop, &[good.clone(), good]).await), "broken_chain");
    assert_eq!(shop.count("ops").await + shop.count("evidence").await, 0);
}

#[tokio::test]
async fn text_that_postgres_cannot_keep_is_refused_at_the_door() {
    let (shop, mut till, tea) = shop_with_till(5).await;
    let op = sale(till.order(&[(tea, 1)]));
    let hlc = outpost_schema::clock::Hlc { at: till.now(), tick: 0 };
    let entry = Entry::write(till.card.incarnation_id, Mark::START, hlc, "1:\0:".to_owned(), &op, [0; 16]);
    till.head = entry.mark();
    assert_eq!(till.say(&shop, &[entry]).await.unwrap_err().code(), "nul_character");
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let (shop, mut till, tea) = shop_with_till(6).await;
    let entries: Vec<Entry> = (0..501).map(|_| till.sell(&[(tea, 1)])).collect();
    assert_eq!(till.say(&shop, &entries).await.unwrap_err().code(), "too_much");
}

#[tokio::test]
async fn nobody_speaks_for_another_device() {
    let (shop, mut till, tea) = shop_with_till(7).await;
    let other = shop.till("Other", till.card.warehouse_id, false).await;
    let entry = till.sell(&[(tea, 1)]);
    let push = outpost_sync::wire::Push { entries: vec![entry], ..Default::default() };
    let stranger = Caller { node_id: other.card.node_id, ..till.caller() };
    let answer = super::super::push(&shop.server, stranger, till.standing(), &push).await;
    assert_eq!(answer.unwrap_err().code(), "unknown_node");
}

#[tokio::test]
async fn a_journal_that_goes_on_in_two_ways_is_frozen_and_what_comes_is_kept() {
    let (shop, mut till, tea) = shop_with_till(8).await;
    let mut clone = till.clone();
    let (one, other) = (till.sell(&[(tea, 1)]), clone.sell(&[(tea, 2)]));
    till.push(&shop, &[one]).await;
    let forked = [other, clone.sell(&[(tea, 3)])];
    assert_eq!(clone.say(&shop, &forked).await.unwrap(), Pushed::Frozen);
    assert_eq!(shop.count("orders").await, 1);
    assert_eq!(shop.count("evidence").await, 2);
    let concerns = shop.concerns().await;
    assert!(concerns.iter().any(|concern| concern.kind == ConcernKind::Fork
        && concern.subject == till.card.incarnation_id.to_string()));

    // Nothing more is booked of either; nothing is lost of either.
    let late = till.sell(&[(tea, 1)]);
    assert_eq!(till.say(&shop, std::slice::from_ref(&late)).await.unwrap(), Pushed::Frozen);
    assert_eq!(till.say(&shop, &[late]).await.unwrap(), Pushed::Frozen, "twice");
    assert_eq!(shop.count("evidence").await, 3);
    assert_eq!(shop.count("ops").await, 1);
    assert_eq!(shop.count("incarnations where state = 'frozen'").await, 1);
}

#[tokio::test]
async fn two_ends_that_disagree_agree_before_anything_is_booked() {
    let (shop, mut till, tea) = shop_with_till(9).await;
    let image = till.clone();
    let entries: Vec<Entry> = (0..3).map(|_| till.sell(&[(tea, 1)])).collect();
    till.push(&shop, &entries).await;
    let elsewhere = Pushed::Elsewhere { acked: till.head };

    // A lost reply, and nothing to push again: the node looks the mark up and finds it.
    let behind = Till { acked: Mark::START, ..till.clone() };
    assert_eq!(behind.say(&shop, &[]).await.unwrap(), elsewhere);
    // An old image does not find it.
    assert_eq!(image.say(&shop, &[]).await.unwrap(), elsewhere);
    // It is an old image too if its journal ends before what the server has.
    let rolled_back = Till { head: entries[0].mark(), ..behind.clone() };
    assert_eq!(rolled_back.say(&shop, &entries[..1]).await.unwrap(), elsewhere);
    // The server lost what it had acknowledged: the node pushes again from where the server stands.
    let further = Standing {
        incarnation_id: till.caller().incarnation_id,
        head: till.head,
        acked: Mark { seq: 9, hash: till.head.hash },
    };
    let push = outpost_sync::wire::Push::default();
    assert_eq!(super::super::push(&shop.server, till.caller(), further, &push).await.unwrap(), elsewhere);
    // A new entry that does not follow the last known one.
    let mut other = Till { head: Mark { seq: 3, hash: entries[1].hash }, ..till.clone() };
    let stray = other.sell(&[(tea, 1)]);
    assert_eq!(other.say(&shop, &[stray]).await.unwrap(), elsewhere);
    assert_eq!(shop.count("ops").await, 3);
}

#[tokio::test]
async fn one_batch_of_500_ends_like_500_batches_of_one() {
    let (one, mut till, tea) = shop_with_till(10).await;
    let (many, mut twin, same_tea) = shop_with_till(10).await;
    assert_eq!((tea, till.card.node_id), (same_tea, twin.card.node_id), "one seed is one network");
    let more: Vec<_> = vec![one.product().await, one.product().await];
    for product in &more {
        many.add_product(*product).await;
    }
    let mut entries = vec![till.receive(&[(tea, 400), (more[0], 300)])];
    while entries.len() < 500 {
        let line = entries.len() % 3;
        entries.push(match entries.len() % 50 {
            7 => till.receive(&[(more[1], 9)]),
            _ => till.sell(&[(tea, 1), (more[line % 2], 2), (more[1], 1)]),
        });
    }
    twin.head = till.head;
    let verdicts = till.push(&one, &entries).await;
    for (entry, verdict) in entries.iter().zip(verdicts) {
        assert_eq!(twin.push(&many, std::slice::from_ref(entry)).await, [verdict]);
    }
    for sql in SAME {
        assert_eq!(rows(&one, sql).await, rows(&many, sql).await, "{sql}");
    }
    one.keeps_its_laws().await;
    many.keeps_its_laws().await;
}

/// What must be equal, times of writing apart.
const SAME: [&str; 8] = [
    "select product_id, warehouse_id, balance, promised from stock order by 1, 2",
    "select incarnation_id, product_id, granted, reclaimed, consumed, returned, received from allotments order by 1, 2",
    "select product_id, delta, reason, seq, line, moved_at from stock_movements order by seq, line",
    "select order_id, total_amount, status, receipt_number, seq from orders order by 1",
    "select order_id, order_item_id, product_id, quantity, line from order_items order by 1, 2",
    "select order_id, payment_id, amount, status from payments order by 1, 2",
    "select seq, hlc_at, body, hash, verdict_detail from ops order by 1",
    "select kind, subject, detail from concerns where closed_at is null order by 1, 2",
];

async fn rows(shop: &Shop, sql: &str) -> Vec<String> {
    let rows = shop.client.query(&format!("select row_to_json(r)::text from ({sql}) r"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn many_pushes_at_once_keep_the_laws() {
    let (shop, till, tea) = shop_with_till(11).await;
    let more = [shop.product().await, shop.product().await, shop.product().await];
    let mut tills = vec![till];
    for number in 0..7 {
        tills.push(shop.till(&format!("Till {number}"), tills[0].card.warehouse_id, false).await);
    }
    let pushes = tills.iter_mut().enumerate().map(async |(place, till)| {
        for round in 0..6 {
            let lines = [(more[(place + round) % 3], 1), (tea, 2), (more[(place + round + 1) % 3], 1)];
            let entries = [till.sell(&lines), till.ask(&lines), till.receive(&[(tea, 3)])];
            till.push(&shop, &entries).await;
        }
    });
    futures_util::future::join_all(pushes).await;
    assert_eq!(shop.count("orders").await, 48);
    shop.keeps_its_laws().await;
}
