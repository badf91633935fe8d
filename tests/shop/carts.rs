//! One cart at several tills.

use outpost_schema::id::{CartId, ProductId};

use crate::support::{Rule, Shop, amount};

#[tokio::test]
async fn a_cart_begun_at_one_till_is_finished_at_another() {
    let (shop, [tea, oil]) = two_counters().await;
    let (front, back) = (&shop.tills[0], &shop.tills[1]);
    let cart = begin(&shop, tea);
    front.carts.park(cart, "the lady with the hat").expect("parked");
    shop.all_level().await;

    let seen = back.carts.get(cart).expect("it came");
    assert_eq!((seen.quantity(tea), seen.label()), (2, "the lady with the hat"));
    back.carts.add(cart, oil, amount(1), None).expect("added");
    let order = back.check_out(cart).expect("sold");
    assert_eq!(order.items.len(), 2);
    shop.all_level().await;
    assert!(front.carts.get(cart).expect("known").is_empty(), "nothing is left to sell twice");
    assert_eq!((front.shown(tea).quantity(), front.shown(oil).quantity()), (8, 9));
    assert_eq!(shop.concerns().await, []);
    shop.agree().await;
}

#[tokio::test]
async fn an_add_that_the_checkout_did_not_see_stays_in_the_cart() {
    let (shop, [tea, _]) = two_counters().await;
    let (front, back) = (&shop.tills[0], &shop.tills[1]);
    let cart = begin(&shop, tea);
    shop.all_level().await;
    front.carts.add(cart, tea, amount(1), None).expect("added");
    assert_eq!(back.check_out(cart).expect("sold").items[0].quantity.units(), 2);
    shop.all_level().await;
    for till in &shop.tills {
        assert_eq!(till.carts.get(cart).expect("known").quantity(tea), 1);
    }
    shop.agree().await;
}

#[tokio::test]
async fn a_cart_checked_out_at_two_offline_tills_is_two_orders_and_one_concern() {
    let (shop, [tea, _]) = two_counters().await;
    let cart = begin(&shop, tea);
    shop.all_level().await;
    for till in &shop.tills {
        till.check_out(cart).expect("neither knows of the other");
    }
    shop.all_level().await;
    assert_eq!(shop.number("select count(*) from orders").await, 2, "both are facts");
    assert_eq!(shop.concerns().await, [("cart_sold_twice".to_owned(), cart.to_string())]);
    for till in &shop.tills {
        assert_eq!(till.shown(tea).quantity(), 6, "two and two have left the shop");
        assert!(till.carts.get(cart).expect("known").is_empty());
    }
    shop.agree().await;
}

#[tokio::test]
async fn a_cart_that_moves_to_another_shop_leaves_the_first() {
    let (mut shop, [tea, _]) = two_counters().await;
    let harbour = shop.add_place("Harbour").await;
    let there = shop.add_till(harbour, Rule::Physical).await;
    let cart = begin(&shop, tea);
    shop.all_level().await;
    assert!(shop.tills[there].carts.get(cart).is_err(), "not in its scope yet");

    shop.tills[0].carts.hand_over(cart, None, Some(harbour)).expect("handed over");
    shop.all_level().await;
    assert_eq!(shop.tills[there].carts.get(cart).expect("it came").quantity(tea), 2);
    for till in &shop.tills[..2] {
        assert!(till.carts.get(cart).is_err(), "{} keeps what is no longer its own", till.card.name);
    }
    shop.agree().await;
}

/// A shop with two counters that sell what is in the customer's hand, and ten of two products.
async fn two_counters() -> (Shop, [ProductId; 2]) {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let goods = [shop.product("TEA", "2.50", 10).await, shop.product("OIL", "7.10", 10).await];
    shop.all_level().await;
    (shop, goods)
}

/// A cart with two of a product, begun at the first till.
fn begin(shop: &Shop, product: ProductId) -> CartId {
    let front = &shop.tills[0];
    let cart = front.carts.begin(None).expect("a cart").cart_id();
    front.carts.add(cart, product, amount(2), None).expect("added");
    cart
}
