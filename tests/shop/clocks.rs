//! Clocks that are wrong, at a till and at head office.

use std::sync::Arc;

use outpost_node::{Node, carts::Carts};
use outpost_schema::{
    clock::Timestamp,
    id::{Chance, HoldId},
    stock::StockKey,
    world::{Seeded, World},
};
use outpost_server::{api, hold::Desk, publish, server::Server};
use outpost_sync::wire::HoldWanted;

use crate::support::{Rule, Shop, Till, amount, caller, money, wire::Wire};

/// A clock that is off by so many microseconds.
struct Off(Seeded, i64);

impl World for Off {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.now().micros() + self.1)
    }

    fn chance(&self) -> [u8; 16] {
        self.0.chance()
    }

    fn id_chance(&self) -> Chance {
        self.0.id_chance()
    }
}

const DAY: i64 = 86_400 * 1_000_000;

#[tokio::test]
async fn a_till_in_2099_is_booked_and_told_once_whatever_it_pushes_together() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.all_level().await;
    let Till { card, folder, .. } = shop.tills.remove(0);
    let node = Arc::new(Node::open(&folder, Arc::new(Off(Seeded::new(5), 75 * 365 * DAY))).expect("it opens"));
    let carts = Carts::open(Arc::clone(&node), &folder).expect("carts open");
    let line = Wire::lay(shop.router.clone(), card.node_id);
    let till = Till { node, carts, card, also: Vec::new(), folder, line };
    // An entry and a cart in one push, each of which shows the clock.
    till.sell(tea, 1).expect("in the hand");
    let cart = till.carts.begin(None).expect("begun").cart_id();
    till.carts.add(cart, tea, amount(2), None).expect("added");
    till.until_level().await;
    assert_eq!((till.waiting(), shop.number("select count(*) from orders").await), (0, 1));
    assert_eq!(shop.number("select count(*) from cart_states").await, 1);
    assert_eq!(shop.concerns().await, [("clock_ahead".to_owned(), till.card.node_id.to_string())], "one concern");
    till.sell(tea, 1).expect("it sells on");
    till.until_level().await;
    assert_eq!(till.shown(tea).balance, 8);
    assert_eq!(shop.concerns().await.len(), 1, "and is told once");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_head_office_that_is_a_day_behind_passes_nothing_over_and_keeps_its_holds() {
    let mut shop = Shop::open(0).await;
    shop.add_till(shop.high_street, Rule::Physical).await;
    let tea = shop.product("TEA", "2.50", 10).await;
    shop.all_level().await;
    let desk = Desk::open(&shop.server);
    let hold_id = HoldId::new(shop.server.now(), Seeded::new(6).id_chance());
    let key = StockKey { product_id: tea, warehouse_id: shop.high_street };
    let wanted = HoldWanted::of_one(hold_id, key, amount(4), 3_600);
    let who = caller(&shop.tills[0].card);
    let placed = desk.place(who, wanted.clone()).await.expect("there are ten");
    drop(desk);

    let behind = Server::open(shop.database.config(), Arc::new(Off(Seeded::new(1_000_007), -DAY))).await;
    let behind = Arc::new(behind.expect("it opens"));
    shop.tills[0].line = Wire::lay(api::router(Arc::clone(&behind)), who.node_id);
    assert_eq!(behind.epoch().await.expect("readable").number, 1, "a clock begins no other life");
    publish::reprice(&behind, &[(tea, Some(money("9.00")))]).await.expect("news");
    shop.tills[0].sell(tea, 1).expect("in the hand");
    shop.tills[0].until_level().await;
    let offer = shop.tills[0].node.product(tea).expect("readable").expect("known");
    assert_eq!((offer.product.price, offer.level.balance), (Some(money("9.00")), 9), "the change is heard");
    let again = Desk::open(&behind).place(who, wanted).await.expect("it stands");
    assert_eq!(again, placed, "as it was told");
    assert_eq!(shop.number("select promised from stock").await, 5, "four held, and one for the next sale");
    shop.server = behind;
    shop.all_level().await;
    shop.agree().await;
}
