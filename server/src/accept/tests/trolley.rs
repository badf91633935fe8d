//! Carts that ride beside a push.

use outpost_schema::{
    cart::Cart,
    clock::Hlc,
    id::{CartId, ProductId, UserId},
    journal::{Entry, Mark},
    op::{Op, Sale},
    quantity::Amount,
};
use outpost_sync::wire::{Push, Pushed, Standing};
use uuid::Uuid;

use super::*;

const OWNER: UserId = UserId(Uuid::from_u128(0xa));

fn open(till: &Till, number: u128) -> Cart {
    let at = Hlc { at: till.now(), tick: 0 };
    Cart::open(CartId(Uuid::from_u128(number)), OWNER, till.card.warehouse_id, till.card.incarnation_id, at)
}

fn add(till: &Till, cart: &mut Cart, product: ProductId, units: i64) {
    cart.add(till.card.incarnation_id, product, Amount::new(units).unwrap(), None, till.now()).unwrap();
}

async fn send(shop: &Shop, till: &Till, carts: &[&Cart]) -> Vec<CartId> {
    let push = Push { carts: carts.iter().map(|cart| (*cart).clone()).collect(), ..Push::default() };
    match super::super::push(&shop.server, till.caller(), till.standing(), &push).await.unwrap() {
        Pushed::Settled { carts, .. } => carts,
        answer @ (Pushed::Elsewhere { .. } | Pushed::OtherEpoch { .. } | Pushed::Frozen) => {
            panic!("settled was expected: {answer:?}")
        }
    }
}

/// What the table of carts shows of the owner.
async fn shown(shop: &Shop) -> Vec<(ProductId, i64)> {
    let sql = "select product_id, quantity from carts where user_id = $1 order by product_id";
    let rows = shop.client.query(sql, &[&OWNER]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn carts_of_two_tills_merge_and_are_shown() {
    let shop = Shop::open(50).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (one, other) = (shop.till("One", warehouse, false).await, shop.till("Other", warehouse, false).await);
    let mut cart = open(&one, 1);
    add(&one, &mut cart, tea, 2);
    assert_eq!(send(&shop, &one, &[&cart]).await, [cart.cart_id()]);
    let mut copy = cart.clone();
    add(&other, &mut copy, tea, 3);
    add(&one, &mut cart, shop.product_id(), 1);
    send(&shop, &one, &[&cart]).await;
    send(&shop, &other, &[&copy]).await;
    assert_eq!(shown(&shop).await, [(tea, 5)], "a product that is not known yet is left out");
    cart.park("table 4", one.card.incarnation_id, Hlc { at: one.now(), tick: 1 }).unwrap();
    send(&shop, &one, &[&cart]).await;
    assert_eq!(shown(&shop).await, []);
    assert_eq!(shop.count("feed where kind = 10").await, 1);
}

#[tokio::test]
async fn a_state_with_others_units_waits_for_them() {
    let shop = Shop::open(51).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (one, other) = (shop.till("One", warehouse, false).await, shop.till("Other", warehouse, false).await);
    let mut cart = open(&one, 1);
    add(&one, &mut cart, tea, 2);
    let mut copy = cart.clone();
    add(&other, &mut copy, tea, 3);
    assert_eq!(send(&shop, &other, &[&copy]).await, [cart.cart_id()], "it is safely kept");
    assert_eq!((shown(&shop).await, shop.count("cart_states_aside").await), (vec![], 1));
    send(&shop, &one, &[&cart]).await;
    assert_eq!((shown(&shop).await, shop.count("cart_states_aside").await), (vec![(tea, 5)], 0));
}

#[tokio::test]
async fn a_clock_that_runs_ahead_is_one_concern_for_an_op_and_a_cart_of_one_push() {
    let shop = Shop::open(53).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let till = shop.till("One", warehouse, false).await;
    let ahead = Hlc { at: till.now().plus_seconds(3_600), tick: 0 };
    let goods = Op::Received(till.goods(&[(tea, 1)]).into());
    let life = till.card.incarnation_id;
    let entry = Entry::write(life, Mark::START, ahead, String::new(), &goods, [0; 16]);
    let cart = Cart::open(CartId(Uuid::from_u128(1)), OWNER, warehouse, life, ahead);
    // Twice, as a device sends it that changed it in between.
    let push = Push { entries: vec![entry.clone()], carts: vec![cart.clone(), cart], ..Push::default() };
    let standing = Standing { head: entry.mark(), ..till.standing() };
    let answer = super::super::push(&shop.server, till.caller(), standing, &push).await.unwrap();
    assert!(matches!(answer, Pushed::Settled { acked, .. } if acked == entry.mark()), "{answer:?}");
    assert_eq!(shop.concern_kinds().await, ["clock_ahead"]);
}

#[tokio::test]
async fn a_cart_that_cannot_be_is_a_concern_and_changes_nothing() {
    let shop = Shop::open(52).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (one, other) = (shop.till("One", warehouse, false).await, shop.till("Other", warehouse, false).await);
    let mut cart = open(&one, 1);
    add(&one, &mut cart, tea, 2);
    send(&shop, &one, &[&cart]).await;
    let mut forged = open(&other, 1);
    add(&other, &mut forged, tea, 9);
    send(&shop, &other, &[&forged]).await;
    assert_eq!(shown(&shop).await, [(tea, 2)]);
    assert_eq!(shop.concern_kinds().await, ["cart_not_believable"]);
}

#[tokio::test]
async fn the_same_units_checked_out_at_two_tills_are_noticed() {
    let shop = Shop::open(53).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (mut one, mut other) = (shop.till("One", warehouse, false).await, shop.till("Other", warehouse, false).await);
    let mut cart = open(&one, 1);
    add(&one, &mut cart, tea, 2);
    for till in [&mut one, &mut other] {
        let sold = cart.clone().checkout().unwrap();
        let order = till.order(&[(tea, 2)]);
        let entry = till.write(&Op::Sale(Box::new(Sale {
            order,
            sold: Some(sold),
            holds: Vec::new(),
            to_be_confirmed: false,
        })));
        till.push(&shop, &[entry]).await;
    }
    assert_eq!(shop.count("orders").await, 2, "both stand");
    assert_eq!(shop.concern_kinds().await, ["cart_sold_twice", "owed"]);
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_stamp_from_the_future_wins_nothing() {
    let shop = Shop::open(54).await;
    let warehouse = shop.warehouse("Market").await;
    let till = shop.till("One", warehouse, false).await;
    let at = Hlc { at: till.now().plus_seconds(2_000_000_000), tick: 0 };
    let mut cart = open(&till, 1);
    cart.park("future", till.card.incarnation_id, at).unwrap();
    send(&shop, &till, &[&cart]).await;
    assert_eq!(shop.concern_kinds().await, ["clock_ahead"]);
    let mut later = cart.clone();
    shop.world.pass(600);
    assert!(later.cap(till.now()), "the till's own stamp still lies ahead");
    later.resume(till.card.incarnation_id, Hlc { at: till.now().plus_seconds(299), tick: 0 });
    send(&shop, &till, &[&later]).await;
}

#[tokio::test]
async fn a_clock_that_runs_ahead_may_show_in_an_op_and_in_a_cart_of_one_push() {
    let shop = Shop::open(56).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("One", warehouse, false).await;
    let years = 70 * 365 * 86_400;
    shop.world.pass(years);
    let push = Push { entries: vec![till.receive(&[(tea, 1)])], carts: vec![open(&till, 1)], ..Push::default() };
    shop.world.pass(-years);
    let answer = super::super::push(&shop.server, till.caller(), till.standing(), &push).await.unwrap();
    assert!(matches!(answer, Pushed::Settled { .. }), "{answer:?}");
    assert_eq!(shop.count("concerns where kind = 'clock_ahead' and closed_at is null").await, 1);
}
