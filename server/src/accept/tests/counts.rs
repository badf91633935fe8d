//! Counts while others sell: what is told late and was done before is in the book once.

use outpost_schema::{
    clock::Timestamp,
    count::{Cut, Upto},
    id::ProductId,
    movement::Remark,
    op::{Count, CountLine, Op},
    verdict::Verdict,
};

use super::*;

fn upto(till: &Till) -> Upto {
    Upto { incarnation_id: till.caller().incarnation_id, seq: till.head.seq }
}

fn count(till: &Till, seen: &[(ProductId, i64)], (heard, read): (Vec<Upto>, Vec<Upto>)) -> Op {
    let line =
        |(product_id, counted): &(ProductId, i64)| CountLine { product_id: *product_id, counted: *counted, delta: 0 };
    let cut = Cut {
        since: Timestamp::from_micros(1_770_000_000_000_000),
        until: None,
        heard_at: None,
        heard,
        read,
        done: vec![],
    };
    let (warehouse_id, lines) = (till.card.warehouse_id, seen.iter().map(line).collect());
    Op::Counted(Count { warehouse_id, lines, cut: Some(cut), remark: Remark::default() })
}

#[tokio::test]
async fn a_late_sale_from_before_a_count_is_answered_and_one_from_after_counts() {
    let shop = Shop::open(60).await;
    let (warehouse, tea, jam) = (shop.warehouse("Market").await, shop.product().await, shop.product().await);
    let mut kiosk = shop.till("Kiosk", warehouse, false).await;
    let mut hand = shop.till("Hand", warehouse, false).await;
    let came = [hand.receive(&[(tea, 10), (jam, 4)])];
    hand.push(&shop, &came).await;

    let before = kiosk.sell(&[(tea, 3)]);
    let seen = count(&hand, &[(tea, 7), (jam, 4)], (vec![], vec![upto(&kiosk)]));
    let seen = [hand.write(&seen)];
    let after = kiosk.sell(&[(tea, 2), (jam, 1)]);
    assert_eq!(hand.push(&shop, &seen).await, [Verdict::Accepted]);
    assert_eq!((shop.level(tea, warehouse).await.0, shop.level(jam, warehouse).await.0), (7, 4));

    kiosk.push(&shop, &[before, after]).await;
    assert_eq!((shop.level(tea, warehouse).await.0, shop.level(jam, warehouse).await.0), (5, 3));
    let answers = "select string_agg(delta || ' in line ' || line, ', ' order by line) from stock_movements
                   where reason = 'counted'";
    let answers: String = shop.client.query_one(answers, &[]).await.unwrap().get(0);
    assert_eq!(answers, "-3 in line 0, 3 in line 2", "the count's own, and its answer to the late sale");
    assert!(shop.concern_kinds().await.is_empty());
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn what_was_sold_after_the_eyes_and_heard_before_the_count_was_written_down_counts() {
    let shop = Shop::open(66).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut kiosk = shop.till("Kiosk", warehouse, false).await;
    let mut hand = shop.till("Hand", warehouse, false).await;
    let came = [hand.receive(&[(tea, 6)])];
    hand.push(&shop, &came).await;
    let mark = upto(&kiosk);
    let sold = [kiosk.sell(&[(tea, 2)])];
    kiosk.push(&shop, &sold).await;
    let seen = count(&hand, &[(tea, 5)], (vec![upto(&kiosk)], vec![mark]));
    let seen = [hand.write(&seen)];
    assert_eq!(hand.push(&shop, &seen).await, [Verdict::Accepted]);
    assert_eq!(shop.level(tea, warehouse).await.0, 3, "five were seen, and two sold since");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn of_two_counts_that_come_together_the_first_knows_what_moved_between_them() {
    let shop = Shop::open(59).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut kiosk = shop.till("Kiosk", warehouse, false).await;
    let mut hand = shop.till("Hand", warehouse, false).await;
    let came = [kiosk.receive(&[(tea, 1)])];
    kiosk.push(&shop, &came).await;

    let one = count(&hand, &[(tea, 1)], (vec![upto(&kiosk)], vec![]));
    let one = hand.write(&one);
    let sold = [kiosk.sell(&[(tea, 1)])];
    kiosk.push(&shop, &sold).await;
    let asked = hand.ask(&[(tea, 1)]);
    let none = count(&hand, &[(tea, 0)], (vec![], vec![upto(&kiosk)]));
    let none = hand.write(&none);
    let verdicts = hand.push(&shop, &[one, asked, none]).await;
    let nothing = Verdict::Refused(outpost_schema::verdict::Refusal::NothingLeft);
    assert_eq!(verdicts, [Verdict::Accepted, nothing, Verdict::Accepted], "the one that was seen is sold");
    assert_eq!(shop.level(tea, warehouse).await, (0, 0));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_count_that_comes_late_knows_what_was_told_before_it() {
    let shop = Shop::open(61).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut kiosk = shop.till("Kiosk", warehouse, false).await;
    let mut hand = shop.till("Hand", warehouse, false).await;
    let came = [kiosk.receive(&[(tea, 10)])];
    kiosk.push(&shop, &came).await;
    let heard = upto(&kiosk);

    let sold = [kiosk.sell(&[(tea, 2)])];
    let read = upto(&kiosk);
    let seen = count(&hand, &[(tea, 8)], (vec![heard], vec![read]));
    let seen = [hand.write(&seen)];
    let later = [kiosk.sell(&[(tea, 1)])];
    kiosk.push(&shop, &sold).await;
    kiosk.push(&shop, &later).await;
    hand.push(&shop, &seen).await;
    assert_eq!(shop.level(tea, warehouse).await.0, 7, "eight were seen, and one was sold since");

    // Nobody read the mark: what the kiosk sold since it was heard is doubtful.
    let seen = count(&hand, &[(tea, 7)], (vec![heard], vec![]));
    let seen = [hand.write(&seen)];
    hand.push(&shop, &seen).await;
    assert_eq!(
        (shop.level(tea, warehouse).await.0, shop.concern_kinds().await),
        (4, vec!["recount_wanted".to_owned()])
    );
    let seen = count(&hand, &[(tea, 7)], (vec![], vec![upto(&kiosk)]));
    let seen = [hand.write(&seen)];
    hand.push(&shop, &seen).await;
    assert_eq!((shop.level(tea, warehouse).await.0, shop.concern_kinds().await), (7, Vec::<String>::new()));
    shop.keeps_its_laws().await;
}
