//! What changes while somebody compares is no fault: many histories, and never an alarm.

use outpost_node::Node;
use outpost_schema::{digest::FORM, id::EpochId, order::Fulfilment};
use outpost_schema::{
    digest::KeyRange,
    feed::{Aggregate, Kind},
    id::ProductId,
};
use outpost_server::{feed::cursor::Cursor, publish};
use outpost_sync::{
    round::{Local as _, Remote as _, Trouble},
    verify::{self, Holder as _, Outcome, ROUNDS_BETWEEN, Referee as _},
    wire::{DIGEST_EXCEPT_MAX, DIGEST_RANGES_MAX, DigestAsked, Digested, Imaged, ImagesAsked, RangeAsked, RangeTold},
};
use uuid::Uuid;

use super::{customer, full_shop, hear, review, sell_to, walk};
use crate::support::{
    Shop, Till, amount,
    chance::{Chance, seeds},
    line, money,
    told::Told,
};

/// Steps of one history.
const STEPS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_while_it_is_compared_is_no_difference() {
    let (mut compared, mut moving) = (0, 0);
    for seed in seeds(6) {
        let _told = Told(seed);
        let (shop, goods) = full_shop().await;
        let mut chance = Chance::of(seed);
        let mut slow = None;
        for _ in 0..STEPS {
            step(&shop, &goods, &mut chance, &mut slow).await;
            let till = &shop.tills[chance.below(2)];
            let rows = *chance.one_of(&[1, 4, 20, 2_000]);
            let anew = chance.in_a_hundred(20);
            let outcome = verify::slice(&*till.node, &till.line, anew, rows).await;
            match outcome {
                Ok(Outcome::Compared(found)) => {
                    assert!(found.mended.is_empty() && found.unexplained == 0, "an alarm for nothing: {found:?}");
                    compared += found.rows.iter().map(|(_, rows)| rows).sum::<usize>();
                    moving += found.moving;
                }
                Ok(Outcome::NotNow) => {}
                other => panic!("{other:?}"),
            }
        }
        if let Some(client) = slow.take() {
            end_slow(client).await;
        }
        shop.all_level().await;
        for till in &shop.tills {
            let found = walk(till, 30).await;
            assert_eq!((found.mended.len(), found.unexplained, found.moving), (0, 0, 0), "{found:?}");
        }
        shop.agree().await;
    }
    assert!(compared > 1_000 && moving > 20, "the histories are about something: {compared} compared, {moving} moving");
}

async fn end_slow(client: tokio_postgres::Client) {
    client.batch_execute("commit").await.expect("committed");
}

async fn step(shop: &Shop, goods: &[ProductId], chance: &mut Chance, slow: &mut Option<tokio_postgres::Client>) {
    let number = chance.below(2);
    let till = &shop.tills[number];
    let product = goods[chance.below(2)];
    match chance.below(14) {
        0..=2 => drop(sell_to(till, product, 1, None, Fulfilment::CarryOut)),
        3 => drop(sell_to(till, product, 1, None, Fulfilment::Ship)),
        4 => {
            let user = customer(till, &format!("{}@example.com", chance.below(1_000_000_000)));
            review(till, product, user);
        }
        5 => {
            let cart = till.carts.list().expect("readable").first().map(outpost_schema::cart::Cart::cart_id);
            let cart = cart.unwrap_or_else(|| till.carts.begin(None).expect("a cart").cart_id());
            till.carts.add(cart, product, amount(1), None).expect("added");
        }
        6 => drop(till.node.ask(&[line(product, 1)]).expect("asked")),
        7 => hand_over(till),
        8 => {
            let price = money(&format!("{}.50", chance.below(90) + 1));
            publish::reprice(&shop.server, &[(product, Some(price))]).await.expect("a price");
        }
        9 if slow.is_none() => {
            let client = shop.client().await;
            let sql = "begin; update products set name = name || '!', updated_at = now() where sku = 'FIG'";
            client.batch_execute(sql).await.expect("begun");
            *slow = Some(client);
        }
        9 | 10 => {
            if let Some(client) = slow.take() {
                end_slow(client).await;
            }
        }
        11 => {
            let push = till.node.unsent().expect("readable");
            let answer = till.line.push(till.node.standing().expect("readable"), &push).await.expect("it arrives");
            if chance.in_a_hundred(60) {
                till.node.settle(&push, &answer).expect("noted");
            }
        }
        _ => till.until_level().await,
    }
}

fn hand_over(till: &Till) {
    let orders = till.node.orders(None, None, 50).expect("readable");
    let own = orders.iter().find(|order| order.is_promised() && order.warehouse_id == till.card.warehouse_id);
    if let Some(order) = own {
        till.node.advance(order.order_id, outpost_schema::order::OrderStatus::Shipped).expect("told");
    }
}

#[tokio::test]
async fn one_slice_is_small_and_comes_by_itself_after_some_rounds() {
    let mut shop = Shop::open(1).await;
    shop.products(700, 5).await;
    shop.all_level().await;
    let till = &shop.tills[0];
    let held = till.node.held(true, 250).expect("readable").expect("it has heard of everything");
    let rows: usize = held.pieces.iter().map(|piece| piece.rows.len()).sum();
    assert!((240..=250).contains(&rows), "no more than was named: {rows}");
    assert!(held.next.is_some());

    till.node.put_off().expect("noted");
    assert_eq!(verify::when_due(&*till.node, &till.line).await.expect("the line is good"), None);
    for _ in 0..ROUNDS_BETWEEN {
        assert!(!till.node.is_due().expect("readable"));
        till.round().await.expect("a round");
    }
    assert!(till.node.is_due().expect("readable"));
    let outcome = verify::when_due(&*till.node, &till.line).await.expect("the line is good");
    assert!(matches!(outcome, Some(Outcome::Compared(_))), "{outcome:?}");
    assert!(!till.node.is_due().expect("readable"), "and not at once again");
    assert!(till.node.checked().expect("readable").compared_at.is_some());
    verify::slice(&*till.node, &till.line, true, 100).await.expect("the line is good");
    shop.restart(0, 99);
    let next = shop.tills[0].node.held(false, 250).expect("readable").expect("held");
    assert!(
        next.pieces.first().is_some_and(|piece| piece.range.kind >= Kind::Product),
        "the walk goes on where it stood"
    );
}

fn asked(node: &Node, cursor: String) -> (DigestAsked, outpost_sync::wire::Standing) {
    let ranges = vec![RangeAsked { range: KeyRange::all(Kind::Product), except: vec![] }];
    (DigestAsked { form: FORM, cursor, ranges, report: None }, node.standing().expect("readable"))
}

fn code<T: std::fmt::Debug>(answer: Result<T, Trouble>) -> String {
    match answer {
        Err(Trouble::Told(problem)) => problem.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_so() {
    let (shop, goods) = full_shop().await;
    let till = &shop.tills[0];
    let cursor = till.node.cursor().expect("readable").expect("it has one");
    let (good, standing) = asked(&till.node, cursor.clone());
    let told = till.line.digest(standing, &good).await.expect("answered");
    assert!(
        matches!(&told, Digested::Ranges(told) if matches!(told[..], [RangeTold::Sum(sum)] if sum.rows == 3)),
        "{told:?}"
    );

    let (made_up, _) = asked(&till.node, "1.tomato".to_owned());
    assert_eq!(code(till.line.digest(standing, &made_up).await), "bad_cursor");
    let mut read: Cursor = cursor.parse().expect("the server's own");
    read.since = "900000000:900000000:".parse().expect("a snapshot");
    let (ahead, _) = asked(&till.node, read.to_string());
    let pull_first = till.line.digest(standing, &ahead).await;
    assert_eq!(pull_first, Ok(Digested::PullFirst), "a pull tells what is wrong with it");
    let mut read: Cursor = cursor.parse().expect("the server's own");
    read.epoch = EpochId(Uuid::from_u128(7));
    let (other_epoch, _) = asked(&till.node, read.to_string());
    assert_eq!(till.line.digest(standing, &other_epoch).await, Ok(Digested::PullFirst));
    let images = ImagesAsked { cursor: read.to_string(), range: KeyRange::all(Kind::Product), keys: vec![] };
    assert_eq!(till.line.images(standing, &images).await, Ok(Imaged::PullFirst));
    let other_form = DigestAsked { form: FORM + 1, ..good.clone() };
    assert_eq!(till.line.digest(standing, &other_form).await, Ok(Digested::OtherForm { form: FORM }));

    let many = DigestAsked { ranges: vec![good.ranges[0].clone(); DIGEST_RANGES_MAX + 1], ..good.clone() };
    assert_eq!(code(till.line.digest(standing, &many).await), "too_much");
    let except = vec![vec![goods[0].0]; DIGEST_EXCEPT_MAX + 1];
    let ranges = vec![RangeAsked { range: KeyRange::all(Kind::Product), except }];
    assert_eq!(code(till.line.digest(standing, &DigestAsked { ranges, ..good.clone() }).await), "too_much");
    for range in [KeyRange::all(Kind::Verdict), KeyRange { upto: Some(vec![]), ..KeyRange::all(Kind::Stock) }] {
        let ranges = vec![RangeAsked { range, except: vec![] }];
        assert_eq!(code(till.line.digest(standing, &DigestAsked { ranges, ..good.clone() }).await), "unreadable");
    }
    // A node of another shop sees nothing of this one's, whatever it asks for.
    let keys = vec![vec![goods[0].0, shop.tills[0].card.warehouse_id.0]];
    let foreign = ImagesAsked {
        cursor: shop.tills[1].node.cursor().expect("readable").expect("one"),
        range: KeyRange::all(Kind::Stock),
        keys,
    };
    let told =
        shop.tills[1].line.images(shop.tills[1].node.standing().expect("readable"), &foreign).await.expect("answered");
    let Imaged::Images { page, .. } = told else { panic!("{told:?}") };
    let kiosk = shop.tills[0].card.warehouse_id;
    let is_foreign = |told: &Aggregate| matches!(told, Aggregate::Stock(stock) if stock.warehouse_id == kiosk);
    assert!(!page.aggregates.iter().any(is_foreign));
    hear(till).await;
}
