//! Long pages and the till: whoever waits for the database gets it between two parts of a page.

use std::sync::mpsc::channel;

use super::*;
use crate::db::inbox;

/// A page that tells so many products' stock here, after what the shop knows.
fn long_page(shop: &Shop, rows: u128) -> Page {
    let images = (0..rows).map(|number| image(ProductId(Uuid::from_u128(0x10_0000 + number)), 7, 0));
    shop.page(vec![], images.collect())
}

#[test]
fn a_sale_that_waits_is_made_before_a_long_page_is_through() {
    const ROWS: u128 = 20_000;
    let shop = Shop::new(&card());
    shop.stock(TEA, 10, 4);
    let (before, page) = (shop.count("stock"), long_page(&shop, ROWS));
    let asked = shop.node.cursor().expect("readable");
    let (is_there, begun) = channel();
    std::thread::scope(|threads| {
        let sale = shop.node.db().write(|_| {
            // Both come while the database is taken: first the page, then a customer.
            threads.spawn(|| shop.node.apply(asked.as_deref(), &page).expect("applied"));
            while !shop.node.db().is_wanted() {
                std::thread::yield_now();
            }
            let sale = threads.spawn(|| {
                is_there.send(()).expect("somebody hears");
                shop.sell(&[(TEA, 1)]).expect("sold");
                (shop.count("stock") - before, shop.node.cursor().expect("readable"))
            });
            begun.recv().expect("the customer is there");
            Ok(sale)
        });
        let (told, cursor) = sale.expect("written").join().expect("no panic");
        assert!((1..20_000).contains(&told), "{told} rows of the page were there when the sale was made");
        assert_eq!(cursor, asked, "the page's cursor comes with its last part");
    });
    assert_eq!((shop.count("stock") - before, shop.node.cursor().expect("readable")), (20_000, Some(page.cursor)));
    assert_eq!(shop.level(TEA), Level { balance: 9, promised: 3 });
}

#[test]
fn a_page_in_parts_ends_as_one_in_a_piece() {
    let (whole, parts) = (Shop::new(&card()), Shop::new(&card()));
    let page = long_page(&whole, 333);
    whole.node.apply(whole.node.cursor().expect("readable").as_deref(), &page).expect("applied");
    let asked = parts.node.cursor().expect("readable");
    let (mut from, mut commits) = (0, 0);
    while from < page.aggregates.len() {
        let now = parts.node.world().now();
        let taken = parts.node.db().write(|tx| inbox::apply(tx, (asked.as_deref(), &page), from, now, || true));
        from = taken.expect("applied").upto;
        commits += 1;
        assert_eq!(parts.node.cursor().expect("readable") == asked, from < page.aggregates.len());
    }
    assert_eq!(commits, 7, "a part is fifty");
    assert_eq!((whole.count("stock"), whole.node.cursor().ok()), (parts.count("stock"), parts.node.cursor().ok()));
    assert_eq!(parts.node.status().expect("readable").level_at.is_some(), page.level);
}

#[test]
fn a_page_of_which_another_was_faster_stops() {
    let shop = Shop::new(&card());
    let (asked, page) = (shop.node.cursor().expect("readable"), long_page(&shop, 120));
    let some = |from| {
        let now = shop.node.world().now();
        shop.node.db().write(|tx| inbox::apply(tx, (asked.as_deref(), &page), from, now, || true)).expect("applied")
    };
    assert_eq!(some(0).upto, 50);
    shop.tell(vec![image(TEA, 3, 0)]);
    let (rows, cursor) = (shop.count("stock"), shop.node.cursor().expect("readable"));
    assert_eq!(some(50).upto, 120, "nothing is left to do");
    assert_eq!((shop.count("stock"), shop.node.cursor().expect("readable")), (rows, cursor));
}

#[test]
fn who_does_not_wait_is_not_made_room_for() {
    let shop = Shop::new(&card());
    assert!(!shop.node.db().is_wanted());
    let at_work = shop.node.db().write(|_| Ok(shop.node.db().is_wanted())).expect("done");
    assert!(!at_work, "the one at work is not waiting");
}
