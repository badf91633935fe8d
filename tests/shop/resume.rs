//! A round may break off at any byte, in either direction, and the next one goes on from there. Over
//! real TCP and the node's own uplink.

use outpost_node::uplink::Uplink;
use outpost_schema::{id::ProductId, money::Money};
use outpost_server::publish;
use outpost_sync::{
    round::{self, Local as _, Remote as _},
    wire::Pulled,
};

use crate::{
    cable::Line,
    support::{Rule, Serving, Shop, Till, amount, chance::Chance, money, until_level},
};

/// Places at which a round is cut.
const CUTS: usize = 230;

/// Products with long texts, so that a page of them is full long before it has many.
const LONG: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_resumes_wherever_it_was_cut() {
    let (shop, goods) = long_catalogue().await;
    let serving = Serving::begin(&shop).await;
    let cable = Line::lay(serving.address).await.expect("a line");
    let till = &shop.tills[0];
    let uplink = Uplink::new(&cable.url(), till.card.node_id).expect("loopback");
    until_level(&till.node, &uplink).await;

    let whole = bytes_of_a_round(&shop, till, &goods, &cable, &uplink).await;
    let (mut chance, mut broken) = (Chance::of(7), 0);
    for cut in 0..CUTS {
        news(&shop, till, &goods, cut as i64).await;
        let byte = whole * cut as i64 / CUTS as i64 + chance.below(40) as i64;
        cable.cut_after(byte);
        let outcome = round::run(&*till.node, &uplink, 0).await;
        broken += usize::from(outcome.is_err());
        cable.mend();
        until_level(&till.node, &uplink).await;
        assert_eq!(till.waiting(), 0, "cut after {byte} of {whole} bytes");
        if cut % 20 == 0 {
            shop.agree().await;
        }
    }
    assert!(broken >= 200, "only {broken} of {CUTS} rounds were cut");
    assert_eq!(shop.number("select count(*) from orders").await, 1 + CUTS as i64);
    shop.agree().await;
}

/// A round as long as those that will be cut: it pushes a sale and a cart, and pulls several pages.
async fn bytes_of_a_round(shop: &Shop, till: &Till, goods: &[ProductId], cable: &Line, uplink: &Uplink) -> i64 {
    news(shop, till, goods, -1).await;
    let (standing, cursor) = (till.node.standing().expect("readable"), till.node.cursor().expect("readable"));
    let first = till.line.pull(standing, cursor.as_deref(), 0).await.expect("a page");
    assert!(matches!(first, Pulled::Page(page) if !page.level), "the news take several pages");
    let before = cable.carried();
    let done = round::run(&*till.node, uplink, 0).await.expect("a whole round");
    let whole = cable.carried() - before;
    assert!(done.pushed == 1 && done.received > LONG, "{done:?}");
    until_level(&till.node, uplink).await;
    whole
}

/// Something at both ends: a sale and a cart here, new prices there.
async fn news(shop: &Shop, till: &Till, goods: &[ProductId], cut: i64) {
    till.sell(goods[0], 1).expect("it is in the customer's hand");
    let cart = till.carts.begin(None).expect("a cart");
    till.carts.add(cart.cart_id(), goods[1], amount(2), None).expect("an add");
    let price = Money::from_parts((cut + 2) * 100).expect("a price");
    let prices: Vec<_> = goods.iter().map(|product| (*product, Some(price))).collect();
    assert_eq!(publish::reprice(&shop.server, &prices).await.expect("new prices"), goods.len());
}

async fn long_catalogue() -> (Shop, Vec<ProductId>) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let mut goods = Vec::new();
    for number in 0..LONG {
        let attributes = [("text".to_owned(), "long ".repeat(12_500).into())].into_iter().collect();
        let new = publish::ProductNew {
            name: format!("Product {number}"),
            price: Some(money("1.00")),
            attributes,
            ..publish::ProductNew::default()
        };
        goods.push(publish::create(&shop.server, new).await.expect("a product").product_id);
    }
    (shop, goods)
}
