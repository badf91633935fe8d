//! Lines that are cut, lose answers, repeat and hold back.

use std::collections::BTreeSet;

use outpost_schema::id::ProductId;
use outpost_sync::{
    round::{Local as _, Remote as _},
    wire::Pulled,
};

use crate::support::{
    Rule, Shop, amount,
    chance::{Chance, seeds},
    line,
    told::Told,
    wire::{Fate, Harm},
};

#[tokio::test]
async fn tills_go_on_selling_while_the_line_is_cut_and_then_everything_agrees() {
    let mut shop = Shop::open(3).await;
    let stall = shop.add_place("Stall").await;
    shop.add_till(stall, Rule::Home).await;
    let tea = shop.product("TEA", "2.50", 100).await;
    shop.stock("Stall", &[("TEA".to_owned(), 40)]).await;
    for till in 0..3 {
        shop.allot(till, tea, 20).await;
    }
    shop.all_level().await;

    shop.tills.iter().for_each(|till| till.line.cut());
    let mut receipts = BTreeSet::new();
    for till in &shop.tills {
        assert!(till.round().await.is_err(), "the line is cut");
        for units in [3, 4, 5] {
            receipts.insert(till.sell(tea, units).expect("allotted").receipt.to_string());
        }
        assert_eq!((till.open(tea) % 20, till.waiting()), (8, 3), "{}", till.card.name);
    }
    assert_eq!(shop.number("select count(*) from orders").await, 0);

    shop.tills.iter().for_each(|till| till.line.mend());
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 12);
    assert_eq!(shop.number("select sum(delta)::bigint from stock_movements where reason = 'sold'").await, -48);
    let at_head_office: BTreeSet<String> = shop.server_receipts().await;
    assert_eq!(at_head_office, receipts);
    shop.agree().await;
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_is_sent_again_and_changes_nothing() {
    let (shop, tea) = shop_with_tea().await;
    let till = &shop.tills[0];
    till.sell(tea, 2).expect("allotted");
    till.line.next([Fate::AnswerLost]);
    assert!(till.round().await.is_err());
    assert_eq!((till.waiting(), shop.number("select count(*) from orders").await), (1, 1), "it arrived all the same");
    shop.all_level().await;
    assert_eq!((till.waiting(), shop.number("select count(*) from orders").await), (0, 1));
    shop.agree().await;
}

#[tokio::test]
async fn a_refusal_whose_answer_was_lost_is_heard_the_second_time() {
    let (shop, tea) = shop_with_tea().await;
    let till = &shop.tills[0];
    till.node.ask(&[line(tea, 100)]).expect("written down");
    till.until_level().await;
    till.node.ask(&[line(tea, 1)]).expect("written down");
    till.line.next([Fate::AnswerLost]);
    assert!(till.round().await.is_err());
    shop.all_level().await;
    assert_eq!(till.node.not_booked(10).expect("readable").len(), 1, "the refused ask");
    shop.agree().await;
}

#[tokio::test]
async fn a_request_that_arrives_twice_counts_once() {
    let (shop, tea) = shop_with_tea().await;
    let till = &shop.tills[0];
    till.sell(tea, 2).expect("allotted");
    till.node.ask(&[line(tea, 3)]).expect("written down");
    till.line.next([Fate::Twice, Fate::Twice, Fate::Twice]);
    shop.all_level().await;
    assert_eq!((till.open(tea), till.shown(tea).balance), (11, 28));
    shop.agree().await;
}

#[tokio::test]
async fn a_push_that_arrives_after_a_later_one_counts_once() {
    let (shop, tea) = shop_with_tea().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("allotted");
    till.line.next([Fate::Late]);
    assert!(till.round().await.is_err(), "it is still on the way");
    till.sell(tea, 2).expect("allotted");
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 2);
    assert_eq!(shop.number("select count(*) from incarnations where state = 'frozen'").await, 0, "an echo is no fork");
    shop.agree().await;
}

#[tokio::test]
async fn an_old_page_that_arrives_late_is_not_applied() {
    let (shop, tea) = shop_with_tea().await;
    let (till, other) = (&shop.tills[0], &shop.tills[1]);
    shop.allot(1, tea, 9).await;
    other.sell(tea, 4).expect("allotted");
    other.until_level().await;
    let asked = till.node.cursor().expect("readable");
    let old = till.line.pull(till.node.standing().expect("readable"), asked.as_deref(), 0).await.expect("a page");
    let Pulled::Page(old) = old else { panic!("no page: {old:?}") };

    other.sell(tea, 5).expect("allotted");
    other.until_level().await;
    till.sell(tea, 1).expect("allotted");
    till.until_level().await;
    let (before, cursor) = (till.shown(tea), till.node.cursor().expect("readable"));
    assert_eq!(before.balance, 20);
    till.node.apply(asked.as_deref(), &old).expect("passed over");
    assert_eq!((till.shown(tea), till.node.cursor().expect("readable")), (before, cursor));
    other.until_level().await;
    shop.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_line_does_nothing_is_lost_and_nothing_happens_twice() {
    for seed in seeds(6) {
        let _told = Told(seed);
        a_day_in_bad_weather(seed).await;
    }
}

async fn a_day_in_bad_weather(seed: u64) {
    let mut shop = Shop::open(2).await;
    let stall = shop.add_place("Stall").await;
    shop.add_till(stall, Rule::Home).await;
    let goods = [shop.product("TEA", "2.50", 60).await, shop.product("OIL", "7.10", 60).await];
    shop.stock("Stall", &[("TEA".to_owned(), 30), ("OIL".to_owned(), 30)]).await;
    shop.all_level().await;
    let mut chance = Chance::of(seed);
    let mut receipts = BTreeSet::new();
    for (number, till) in shop.tills.iter().enumerate() {
        till.line.weather(seed * 10 + number as u64, 45);
    }
    for _ in 0..90 {
        let number = chance.below(shop.tills.len());
        receipts.extend(something_happens(&shop, number, &goods, &mut chance).await);
    }
    for Harm { dropped, repeated, reordered, truncated, .. } in shop.tills.iter().map(|till| till.line.harm()) {
        assert!(dropped + repeated + reordered + truncated > 0, "the weather was fine");
    }
    shop.tills.iter().for_each(|till| till.line.mend());
    shop.all_level().await;
    assert!(shop.tills.iter().all(|till| !till.line.is_late()), "what was held back arrived");
    assert_eq!(shop.server_receipts().await, receipts);
    shop.agree().await;
}

/// One thing of a shop's day. Gives the receipt if it was a sale.
async fn something_happens(shop: &Shop, number: usize, goods: &[ProductId], chance: &mut Chance) -> Option<String> {
    let till = &shop.tills[number];
    let (product, units) = (*chance.one_of(goods), 1 + chance.below(3) as i64);
    match chance.below(10) {
        0..=2 => return till.sell(product, units).ok().map(|order| order.receipt.to_string()),
        3 => _ = till.node.receive(&[line(product, units)]).expect("goods come in"),
        4 => _ = till.node.ask(&[line(product, units)]).expect("an ask is written down"),
        5 => _ = till.node.give_back(&[line(product, 1)]),
        6 => {
            let cart = till.carts.begin(None).expect("a cart");
            till.carts.add(cart.cart_id(), product, amount(units), None).expect("an add");
        }
        _ => _ = till.round().await,
    }
    None
}

/// Two tills at a shop with thirty of tea; the first may sell ten.
async fn shop_with_tea() -> (Shop, ProductId) {
    let shop = Shop::open(2).await;
    let tea = shop.product("TEA", "2.50", 30).await;
    shop.allot(0, tea, 10).await;
    shop.all_level().await;
    (shop, tea)
}
