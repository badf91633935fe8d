//! Ops that cannot be booked yet wait, and hold nobody up.

use outpost_schema::id::ProductId;
use outpost_server::{accept, publish};

use crate::support::{Rule, Shop, Till, line};

#[tokio::test]
async fn an_op_about_an_unknown_product_waits_until_it_is_entered() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let (tea, fig) = (shop.product("TEA", "2.50", 10).await, shop.product("FIG", "0.60", 0).await);
    let till = &shop.tills[0];
    till.until_level().await;

    // Head office removes figs while the till, which cannot hear it, receives and sells some.
    publish::remove(&shop.server, fig).await.expect("nobody had any");
    till.node.receive(&[line(fig, 10)]).expect("a crate came");
    till.sell(fig, 4).expect("sold");
    till.sell(tea, 1).expect("sold");
    assert_eq!((balance(till, fig), balance(till, tea)), (6, 9));

    till.until_level().await;
    assert_eq!(till.node.status().expect("readable").set_aside, 2, "the till knows");
    assert_eq!(shop.number("select count(*) from orders").await, 1, "the later sale of tea went through");
    assert_eq!(shop.concerns().await.len(), 2, "one for each that waits");
    assert_eq!((balance(till, fig), balance(till, tea)), (6, 9), "what it shows does not jump");
    shop.keeps_its_laws().await;

    enter_again(&shop, fig).await;
    assert_eq!((balance(till, fig), balance(till, tea)), (6, 9));
    till.until_level().await;
    assert_eq!((balance(till, fig), balance(till, tea)), (6, 9), "not when it is booked either");
    assert_eq!(till.node.not_booked(10).expect("readable").len(), 0, "the till hears that all is well");
    assert_eq!(shop.concerns().await, []);
    assert_eq!(shop.number("select count(*) from orders").await, 2);
    shop.agree().await;
}

#[tokio::test]
async fn what_waits_goes_on_being_shown_whatever_others_do_to_the_same_goods() {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let (tea, fig) = (shop.product("TEA", "2.50", 10).await, shop.product("FIG", "0.60", 0).await);
    shop.all_level().await;
    publish::remove(&shop.server, fig).await.expect("nobody had any");
    let (till, other) = (&shop.tills[0], &shop.tills[1]);
    till.node.receive(&[line(tea, 5), line(fig, 5)]).expect("one crate of each came");
    till.until_level().await;
    assert_eq!((balance(till, tea), balance(other, tea)), (15, 10));

    other.sell(tea, 2).expect("sold");
    shop.all_level().await;
    assert_eq!((balance(till, tea), balance(other, tea)), (13, 8), "the crate of tea still stands there");
    enter_again(&shop, fig).await;
    shop.all_level().await;
    assert_eq!((balance(till, tea), balance(other, tea)), (13, 13));
    shop.agree().await;
}

/// What the till shows of a product, known to the catalogue or not.
fn balance(till: &Till, product: ProductId) -> i64 {
    let rows = till.node.stock_of(product).expect("readable");
    rows.iter().map(|(_, level)| level.balance).sum()
}

/// Head office enters the product again, under its old id.
async fn enter_again(shop: &Shop, product: ProductId) {
    let client = shop.client().await;
    let insert = "insert into products (product_id, sku, name, price, created_at, updated_at)
                  values ($1, 'FIG', 'Figs', 0.60, now(), now())";
    client.execute(insert, &[&product]).await.expect("entered");
    accept::retry_set_aside(&shop.server).await.expect("tried again");
}
