//! Programs of different versions in one network: each is told what it can understand, nothing that
//! either wrote is lost on the way through the other, and what was withheld comes with the update.

use outpost_schema::{
    cart::Cart, feed::Aggregate, foreign::Foreign, id::ProductId, settle::Raised, verdict::ConcernKind,
};
use outpost_server::{db::concerns, publish};
use outpost_sync::{
    round::{Failure, Local as _, Remote as _, Trouble},
    wire::{PROTOCOL, Pulled, Push, Standing},
};
use serde_json::json;

use crate::support::{Rule, Shop, amount};

#[tokio::test]
async fn a_till_of_version_1_is_told_what_it_knows_and_the_rest_once_it_is_updated() {
    let (shop, tea) = a_till_and_tea().await;
    let till = &shop.tills[0];
    till.line.speak(1);
    till.until_level().await;
    raise(&shop, &[ConcernKind::Owed, ConcernKind::ImageMended]).await;
    till.sell(tea, 1).expect("in the hand");
    till.until_level().await;
    assert_eq!((till.waiting(), concerns_at(&shop)), (0, vec![ConcernKind::Owed]), "it hears what it has a word for");
    let Ok(Pulled::Page(page)) = pull(&shop).await else { panic!("a page") };
    assert_eq!(page.protocol, 1);

    till.line.speak(PROTOCOL);
    till.until_level().await;
    assert_eq!(concerns_at(&shop), [ConcernKind::Owed, ConcernKind::ImageMended], "and now the rest");
    let done = till.round().await.expect("level");
    assert_eq!(done.received, 0, "once, and not with every round");
    shop.agree().await;

    // Head office goes back to an older program for a day, and forward again.
    till.line.speak(1);
    raise(&shop, &[ConcernKind::JournalHole]).await;
    till.until_level().await;
    assert_eq!(concerns_at(&shop).len(), 2);
    till.line.speak(PROTOCOL);
    till.until_level().await;
    assert_eq!(concerns_at(&shop).len(), 3);
    shop.agree().await;
}

#[tokio::test]
async fn a_till_that_is_updated_while_sales_wait_counts_none_twice() {
    let (shop, tea) = a_till_and_tea().await;
    let till = &shop.tills[0];
    till.line.speak(1);
    till.until_level().await;
    till.line.cut();
    for _ in 0..5 {
        till.sell(tea, 1).expect("in the hand");
    }
    till.line.mend();
    till.line.speak(PROTOCOL);
    publish::reprice(&shop.server, &[(tea, Some(crate::support::money("3.00")))]).await.expect("news");
    till.until_level().await;
    assert_eq!((till.shown(tea).balance, till.waiting()), (95, 0));
    shop.agree().await;
}

#[tokio::test]
async fn a_protocol_that_nobody_speaks_is_refused_and_what_waits_is_kept() {
    let (shop, tea) = a_till_and_tea().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("in the hand");
    for protocol in [0, PROTOCOL + 1, u16::MAX] {
        till.line.speak(protocol);
        let Err(Failure::Remote(Trouble::Told(problem))) = till.round().await else {
            panic!("{protocol} is not spoken")
        };
        assert_eq!((problem.code.as_str(), till.waiting()), ("unknown_protocol", 1));
    }
    till.line.speak(PROTOCOL);
    till.until_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn what_a_newer_till_writes_on_a_cart_survives_older_ones_and_head_office() {
    let mut shop = Shop::open(0).await;
    for _ in 0..2 {
        shop.add_till(shop.high_street, Rule::Physical).await;
    }
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.all_level().await;
    let (newer, older) = (&shop.tills[0], &shop.tills[1]);
    let cart = newer.carts.begin(None).expect("begun").cart_id();
    let plain = newer.carts.add(cart, tea, amount(2), None).expect("added");

    // The newer till's program adds a field to the cart and one to its line.
    let mut form = serde_json::to_value(&plain).expect("a cart is JSON");
    form["gift_wrap"] = json!({ "at": 7, "value": ["red", { "ribbon": true }] });
    form["lines"][0]["engraving"] = json!("for Ada");
    let written: Cart = serde_json::from_value(form.clone()).expect("a cart");
    let standing = newer.node.standing().expect("readable");
    newer.line.push(standing, &Push { carts: vec![written], ..Push::default() }).await.expect("taken");

    older.until_level().await;
    older.carts.add(cart, tea, amount(1), None).expect("added at the older till");
    older.carts.park(cart, "hat").expect("parked");
    older.until_level().await;
    let standing = newer.node.standing().expect("readable");
    let Ok(Pulled::Page(page)) = newer.line.pull(standing, None, 0).await else { panic!("a page") };
    let told = page.aggregates.iter().find_map(|told| if let Aggregate::Cart(told) = told { Some(told) } else { None });
    let told = told.expect("the cart is told");
    let back = serde_json::to_value(told).expect("a cart is JSON");
    assert_eq!(
        (&back["gift_wrap"], &back["lines"][0]["engraving"]),
        (&form["gift_wrap"], &form["lines"][0]["engraving"])
    );
    assert_eq!((told.quantity(tea), told.label()), (3, "hat"), "and what the older till did is there too");
    shop.all_level().await;
    shop.agree().await;
}

#[tokio::test]
async fn what_head_office_does_not_know_of_a_body_is_kept_byte_for_byte() {
    let (shop, tea) = a_till_and_tea().await;
    let till = &shop.tills[0];
    till.sell(tea, 1).expect("in the hand");
    let mut push = till.node.unsent().expect("readable");
    // The same sale as version 3 would have written it: with a field that nobody here knows.
    let entry = &mut push.entries[0];
    let mut body: Foreign = rmp_serde::from_slice(&entry.body.0[16..]).expect("a body");
    if let Foreign::Map(fields) = &mut body {
        let word = |text: &str| Foreign::Text(text.to_owned());
        fields.insert(word("loyalty"), word("gold"));
    }
    let salt = entry.body.0[..16].to_vec();
    entry.body.0 = [salt, rmp_serde::to_vec_named(&body).expect("encodes")].concat();
    let sealed = crate::bad_input::sealed(&till.card, entry.clone());
    push.entries[0] = sealed.clone();
    let standing = Standing { head: sealed.mark(), ..till.node.standing().expect("readable") };
    till.line.push(standing, &push).await.expect("taken");
    let row = shop.client().await.query_one("select body, hash, verdict from ops", &[]).await.expect("it is there");
    assert_eq!((row.get::<_, Vec<u8>>(0), row.get(1)), (sealed.body.0, sealed.hash));
    assert_eq!(row.get::<_, String>(2), "accepted", "what it knows of it is booked");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn attributes_and_the_figures_of_a_concern_travel_whatever_they_are() {
    let (shop, tea) = a_till_and_tea().await;
    let attributes = json!({ "origin": { "hill": "Darjeeling", "metres": 2042.5 }, "tags": [1, null, true] });
    let edit = "update products set attributes = $1, updated_at = now()";
    shop.client().await.execute(edit, &[&attributes]).await.expect("edited");
    raise(&shop, &[ConcernKind::Fork]).await;
    let till = &shop.tills[0];
    till.until_level().await;
    let known = till.node.product(tea).expect("readable").expect("known").product.attributes;
    assert_eq!(serde_json::Value::Object(known), attributes);
    let detail = till.node.concerns(9).expect("readable").pop().expect("told").detail;
    assert_eq!(detail, json!({ "of": "fork", "later": [1, { "word": null }] }));
    shop.agree().await;
}

/// A shop with one till that sells what is in the hand, and a hundred of tea.
async fn a_till_and_tea() -> (Shop, ProductId) {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", 100).await;
    shop.all_level().await;
    (shop, tea)
}

/// Concerns of the till's own.
async fn raise(shop: &Shop, kinds: &[ConcernKind]) {
    let raised: Vec<_> = kinds
        .iter()
        .map(|kind| Raised {
            kind: *kind,
            subject: "x".to_owned(),
            detail: json!({ "of": kind, "later": [1, { "word": null }] }),
            scope: shop.tills[0].card.node_id.0,
            seq: None,
        })
        .collect();
    let (server, raised) = (&shop.server, &raised);
    let opened = server
        .db
        .transaction(|tx| async move { concerns::open(&tx, &*server.world, None, raised, server.now()).await });
    opened.await.expect("opened");
}

fn concerns_at(shop: &Shop) -> Vec<ConcernKind> {
    let mut kinds: Vec<_> = shop.tills[0].node.concerns(99).expect("readable").iter().map(|told| told.kind).collect();
    kinds.sort();
    kinds
}

async fn pull(shop: &Shop) -> Result<Pulled, Trouble> {
    let till = &shop.tills[0];
    let standing = till.node.standing().expect("readable");
    till.line.pull(standing, None, 0).await
}
