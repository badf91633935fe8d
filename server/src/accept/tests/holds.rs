//! Orders that use up holds, in the transaction of their push.

use outpost_schema::{
    id::{HoldId, ProductId, WarehouseId},
    op::{Op, Sale},
    quantity::Amount,
    stock::StockKey,
    verdict::Verdict,
};
use outpost_sync::wire::{HoldLine, HoldWanted};

use super::shop::{Shop, Till};
use crate::hold::{Desk, Unheld, extend, standing::By, sweep};

struct Web {
    shop: Shop,
    desk: Desk,
    till: Till,
    tea: ProductId,
    depot: WarehouseId,
    market: WarehouseId,
}

impl Web {
    /// Five at each of two places, none allotted to anybody.
    async fn open(seed: u64) -> Self {
        let shop = Shop::open(seed).await;
        let (depot, market, tea) =
            (shop.warehouse("Depot").await, shop.warehouse("Market").await, shop.product().await);
        for (name, place) in [("Goods in", depot), ("Market goods in", market)] {
            let mut till = shop.till(name, place, false).await;
            let received = [till.receive(&[(tea, 5)])];
            till.push(&shop, &received).await;
        }
        let till = shop.till("Web", depot, false).await;
        let desk = Desk::open(&shop.server);
        Self { shop, desk, till, tea, depot, market }
    }

    async fn hold(&self, lines: &[(WarehouseId, i64)]) -> Result<HoldId, Unheld> {
        let hold_id = HoldId::new(self.till.now(), self.till.chance());
        let line = |(warehouse_id, units): &(WarehouseId, i64)| HoldLine {
            product_id: self.tea,
            warehouse_id: *warehouse_id,
            amount: Amount::new(*units).unwrap(),
        };
        let lines = lines.iter().map(line).collect();
        let wanted = HoldWanted { hold_id, lines, buyer: None, seconds: 60 };
        self.desk.place(self.till.caller(), wanted).await.map(|placed| placed.hold_id)
    }

    /// An order of so many that uses these up.
    async fn order(&mut self, units: i64, holds: Vec<HoldId>) -> Vec<Verdict> {
        let order = self.till.order_to_ship(&[(self.tea, units)]);
        let entries = [self.till.write(&Op::Sale(Box::new(Sale { order, sold: None, holds, to_be_confirmed: false })))];
        self.till.push(&self.shop, &entries).await
    }

    async fn level(&self) -> (i64, i64) {
        self.shop.level(self.tea, self.depot).await
    }

    async fn closed_as(&self, outcome: &str) -> i64 {
        self.shop
            .count(&format!("holds where outcome = '{outcome}' and (ordered_as is null) = (outcome <> 'ordered')"))
            .await
    }
}

#[tokio::test]
async fn what_was_held_becomes_the_order_s() {
    let mut web = Web::open(61).await;
    let hold = web.hold(&[(web.depot, 5)]).await.unwrap();
    assert_eq!(web.order(5, vec![hold]).await, [Verdict::Accepted]);
    assert_eq!((web.level().await, web.closed_as("ordered").await), ((5, 5), 1));
    assert!(web.shop.concern_kinds().await.is_empty(), "nothing is promised beyond the book");
    assert!(matches!(web.hold(&[(web.depot, 1)]).await, Err(Unheld::NothingLeft { .. })), "nor free in between");
    web.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn of_a_hold_over_two_places_an_order_uses_up_what_is_at_its_own() {
    let mut web = Web::open(62).await;
    let hold = web.hold(&[(web.depot, 2), (web.market, 3)]).await.unwrap();
    assert_eq!(web.order(2, vec![hold]).await, [Verdict::Accepted]);
    let levels = (web.level().await, web.shop.level(web.tea, web.market).await);
    assert_eq!(levels, ((5, 2 + 2), (5, 3)), "two for the order, and two for the next");
    let until = web.shop.server.now().plus_seconds(120);
    assert_eq!(extend(&web.shop.server, By::Office, hold, until).await.unwrap().expires_at, until, "the rest stands");
    web.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn an_order_whose_hold_is_over_is_booked_all_the_same() {
    let mut web = Web::open(63).await;
    let hold = web.hold(&[(web.depot, 5)]).await.unwrap();
    web.shop.world.pass(61);
    web.hold(&[(web.depot, 4)]).await.unwrap();
    assert_eq!(web.order(5, vec![hold, HoldId(uuid::Uuid::nil())]).await, [Verdict::Accepted]);
    let outcomes = (web.closed_as("ordered").await, web.closed_as("withdrawn").await);
    assert_eq!(
        (web.level().await, outcomes),
        ((5, 5), (1, 1)),
        "a hold is no longer there to be had, an order is kept"
    );
    assert_eq!(web.shop.concern_kinds().await, ["hold_withdrawn"]);
    web.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_hold_that_an_ask_of_the_same_push_released_is_not_used_up_too() {
    let mut web = Web::open(65).await;
    let hold = web.hold(&[(web.depot, 3)]).await.unwrap();
    web.shop.world.pass(61);
    let order = web.till.order_to_ship(&[(web.tea, 3)]);
    let sale = Op::Sale(Box::new(Sale { order, sold: None, holds: vec![hold], to_be_confirmed: false }));
    let entries = [web.till.ask(&[(web.tea, 5)]), web.till.write(&sale)];
    web.till.push(&web.shop, &entries).await;
    assert_eq!((web.level().await, web.closed_as("ordered").await), ((5, 5), 1), "three of the five are the order's");
    web.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_hold_whose_order_came_after_its_time_lasts_no_longer() {
    let mut web = Web::open(66).await;
    let hold = web.hold(&[(web.depot, 2)]).await.unwrap();
    web.shop.world.pass(61);
    sweep(&web.shop.server).await.unwrap();
    assert_eq!((web.level().await, web.closed_as("expired").await), ((5, 0), 1));
    assert_eq!(web.order(2, vec![hold]).await, [Verdict::Accepted]);
    let promised = web.level().await.1;
    let until = web.shop.server.now().plus_seconds(60);
    let again = extend(&web.shop.server, By::Office, hold, until).await;
    assert!(matches!(again, Err(Unheld::Closed)), "the units are the order's, not twice: {again:?}");
    assert_eq!((web.level().await, web.closed_as("ordered").await), ((5, promised), 1));
    web.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_push_that_is_repeated_uses_a_hold_up_once() {
    let mut web = Web::open(64).await;
    let hold = web.hold(&[(web.depot, 3)]).await.unwrap();
    let order = web.till.order_to_ship(&[(web.tea, 3)]);
    let entries =
        [web.till.write(&Op::Sale(Box::new(Sale { order, sold: None, holds: vec![hold], to_be_confirmed: false })))];
    for _ in 0..2 {
        web.till.say(&web.shop, &entries).await.unwrap();
        assert_eq!(web.level().await, (5, 3 + 1), "three for the order, and of two that are left one for the next");
    }
    let key = StockKey { product_id: web.tea, warehouse_id: web.depot };
    let sql = "select granted, consumed from allotments where incarnation_id = $1 and product_id = $2";
    let row = web.shop.client.query_one(sql, &[&web.till.card.incarnation_id, &key.product_id]).await.unwrap();
    let totals = (row.get::<_, i64>(0), row.get::<_, i64>(1));
    assert_eq!(totals, (3 + 1, 3), "it sold what was granted for it, and has one for the next");
    web.shop.keeps_its_laws().await;
}
