//! A full disk: nothing is half written, nobody pays for what is not on the disk, and what head
//! office answers is noted all the same.

use outpost_schema::verdict::Verdict;
use outpost_sync::wire::Pushed;

use super::*;
use crate::{
    disk::{Disk, RESERVE_FILE},
    sell::CheckoutWanted,
};

/// A full database: it may not take one page more. A disk that is full says the same, for the log.
fn fill(shop: &Shop) {
    let pages = |tx: &rusqlite::Transaction<'_>| Ok(tx.query_row("pragma page_count", [], |row| row.get::<_, i64>(0))?);
    let pages = shop.node.db().write(pages).expect("counted");
    bound(shop, pages);
}

fn bound(shop: &Shop, pages: i64) {
    let sql = format!("pragma max_page_count = {pages}");
    let bound = shop.node.db().write(|tx| Ok(tx.query_row(&sql, [], |row| row.get::<_, i64>(0))?));
    assert_eq!(bound.expect("bounded"), pages);
}

/// Sells until the disk is full.
fn sell_out(shop: &Shop) -> i64 {
    fill(shop);
    (0..1_000).find(|_| shop.sell(&[(TEA, 1), (CAKE, 1)]).is_err()).expect("it is full in the end")
}

#[test]
fn a_sale_on_a_full_disk_leaves_nothing_and_says_so() {
    let shop = Shop::new(&physical());
    let sold = sell_out(&shop);
    assert_eq!(shop.count("orders"), sold);
    shop.refuses("disk_full", |shop| shop.sell(&[(TEA, 1), (CAKE, 1)]));
    let cart = {
        bound(&shop, 100_000);
        let cart = a_cart(&shop, 50, &[(TEA, 2), (CAKE, 1)]);
        keep_cart(&shop, &cart);
        sell_out(&shop);
        cart
    };
    let wanted = CheckoutWanted {
        cart_id: cart.cart_id(),
        prices: [].into(),
        terms: Terms::carried_out(vec![Tendered::card("T-1")]),
    };
    shop.refuses("disk_full", |shop| shop.node.checkout(&wanted));
    let kept = shop.node.db().read(|conn| crate::db::carts::load(conn, cart.cart_id())).expect("reads");
    assert_eq!(kept, Some(cart), "the cart is as it was");
    let told = shop.sell(&[(TEA, 1), (CAKE, 1)]).expect_err("full").to_string();
    assert!(told.contains("take no money") && told.contains("free some space"), "{told}");

    bound(&shop, 100_000);
    let before = shop.node.identity().expect("reads").expect("joined").receipts;
    let sold = shop.sell(&[(TEA, 1)]).expect("there is room again");
    assert_eq!(sold.order.receipt.number, before + 1, "receipts are dense");
    shop.reopened().node.examine().expect("whole");
}

#[test]
fn a_page_of_news_on_a_full_disk_is_taken_whole_or_not() {
    let shop = Shop::new(&physical());
    fill(&shop);
    let cursor = shop.node.cursor().expect("reads");
    let many = (1_000..3_000).map(|id| product(ProductId(Uuid::from_u128(id)), "Some Product", Some("1"))).collect();
    let page = shop.page(vec![], many);
    let (products, before) = (shop.count("products"), cursor.clone());
    assert_eq!(shop.node.apply(cursor.as_deref(), &page).expect_err("full").code(), "disk_full");
    assert_eq!((shop.count("products"), shop.node.cursor().expect("reads")), (products, before));
    bound(&shop, 100_000);
    shop.node.apply(cursor.as_deref(), &page).expect("there is room again");
    assert_eq!(shop.count("products"), products + 2_000);
}

#[test]
fn while_the_reserve_is_given_up_answers_are_noted_and_nothing_is_sold() {
    let shop = Shop::new(&physical());
    shop.sell(&[(TEA, 1)]).expect("sold");
    let push = shop.node.unsent().expect("waits");
    let answer = Pushed::Settled { acked: shop.mark(1), verdicts: vec![(1, Verdict::Accepted)], carts: vec![] };
    // The answer's first try finds no room; the second has the reserve's.
    let tries = std::cell::Cell::new(0);
    let settled = shop.node.db().write_from_reserve(crate::stage::Work::Settle, |tx| {
        tries.set(tries.get() + 1);
        if tries.get() == 1 {
            return Err(Error::DiskFull);
        }
        crate::db::outbox::settle(tx, &push, &answer, Timestamp::from_micros(1))
    });
    settled.expect("noted");
    assert_eq!((tries.get(), shop.node.unsent().expect("reads").entries.len()), (2, 0));
    assert_eq!(shop.node.db().disk().0, Disk::Fine, "there is room here, so it is laid by again");
    assert!(shop.folder.path().join(RESERVE_FILE).is_file());
}
