//! What devices are granted unasked, and whom is asked to give back when a product runs short.

use outpost_schema::{
    feed::{Aggregate, Granted},
    id::{HoldId, WarehouseId},
    op::Op,
    planted::{self, Bug},
    quantity::Amount,
    stock::StockKey,
    verdict::{Grant, Refusal, Verdict},
};
use outpost_sync::wire::{HoldLine, HoldWanted, Pulled};

use super::*;
use crate::{
    feed, grants,
    hold::{Desk, Unheld},
};

/// Two tills that sell tea from one depot, of which the first has so many and there are so many in all.
struct Depot {
    shop: Shop,
    one: Till,
    other: Till,
    key: StockKey,
}

impl Depot {
    async fn open(seed: u64, there: i64, ones: i64) -> Self {
        let shop = Shop::open(seed).await;
        let (warehouse_id, product_id) = (shop.warehouse("Depot").await, shop.product().await);
        let mut one = shop.till("One", warehouse_id, false).await;
        let other = shop.till("Other", warehouse_id, false).await;
        let entries = [one.receive(&[(product_id, there)]), one.ask(&[(product_id, ones)])];
        one.push(&shop, &entries).await;
        Self { shop, one, other, key: StockKey { product_id, warehouse_id } }
    }

    /// So long that what was asked for before is nobody's customer's any more, and both are still within reach.
    async fn an_hour_later(&mut self) {
        self.shop.world.pass(3_600);
        for till in [&mut self.one, &mut self.other] {
            let sold = [till.receive(&[(self.key.product_id, 1)])];
            till.push(&self.shop, &sold).await;
        }
    }

    async fn promised(&self) -> i64 {
        self.shop.level(self.key.product_id, self.key.warehouse_id).await.1
    }

    /// What the feed tells a till of its allotment.
    async fn told(&self, till: &Till) -> Granted {
        let page = feed::page(&self.shop.server, till.caller(), till.standing(), None, feed::Limits::default()).await;
        let Pulled::Page(page) = page.unwrap().pulled else { panic!("both know the same of the journal") };
        let own = |told: &Aggregate| if let Aggregate::Allotment(granted) = told { Some(*granted) } else { None };
        page.aggregates.iter().find_map(own).unwrap()
    }
}

fn granted(depot: &Depot, units: i64) -> Verdict {
    Verdict::Granted(vec![Grant { product_id: depot.key.product_id, amount: Amount::new(units).unwrap() }])
}

#[tokio::test]
async fn who_sells_is_topped_up_in_the_same_round_and_before_it_is_empty() {
    let mut depot = Depot::open(90, 100, 3).await;
    let tea = depot.key.product_id;
    let sold = [depot.one.sell(&[(tea, 1)]), depot.one.sell(&[(tea, 1)])];
    depot.one.push(&depot.shop, &sold).await;
    let told = depot.told(&depot.one).await;
    let open = told.granted - 2;
    assert!(told.full >= 2 && open == told.full, "{told:?}");
    assert_eq!(depot.promised().await, open);
    depot.shop.keeps_its_laws().await;

    let sold = [depot.one.sell(&[(tea, 1)])];
    depot.one.push(&depot.shop, &sold).await;
    let again = depot.told(&depot.one).await;
    assert!(again.granted == told.granted || again.granted - 3 == again.full, "{again:?}: nothing, or to full");
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn when_a_product_runs_short_who_has_it_to_spare_is_asked_and_nothing_is_free_before_it_says_so() {
    let mut depot = Depot::open(91, 10, 10).await;
    let tea = depot.key.product_id;
    let asked = [depot.other.ask(&[(tea, 4)])];
    assert_eq!(depot.other.push(&depot.shop, &asked).await, [Verdict::Refused(Refusal::NothingLeft)]);
    assert_eq!(depot.told(&depot.one).await.keep, None, "somebody has just asked for them there");
    depot.an_hour_later().await;
    assert_eq!(depot.told(&depot.other).await.granted, 2, "what came in meanwhile goes to whoever waits");
    let told = depot.told(&depot.one).await;
    assert_eq!((told.granted, told.keep), (10, Some(8)));
    assert_eq!(depot.promised().await, 12, "it is still the first till's");
    depot.shop.keeps_its_laws().await;

    // An older device never hears of it, and is told the same totals.
    let page = feed::page(&depot.shop.server, depot.one.caller(), depot.one.standing(), None, feed::Limits::default());
    let older = outpost_sync::speak::pulled(3, page.await.unwrap().pulled).unwrap();
    let Pulled::Page(older) = older else { panic!("a page") };
    assert!(older.aggregates.contains(&Aggregate::Allotment(told.totals())));

    let back = Op::GaveBack(depot.one.goods(&[(tea, 2)]));
    let back = [depot.one.write(&back)];
    depot.one.push(&depot.shop, &back).await;
    assert_eq!((depot.told(&depot.other).await.granted, depot.promised().await), (4, 12), "whoever waited gets it");
    depot.shop.keeps_its_laws().await;

    // It is granted more than it had then, and is asked no more.
    let asked = [depot.one.receive(&[(tea, 3)]), depot.one.ask(&[(tea, 3)])];
    assert_eq!(depot.one.push(&depot.shop, &asked).await, [Verdict::Accepted, granted(&depot, 3)]);
    assert_eq!(depot.told(&depot.one).await.keep, None);
}

#[tokio::test]
async fn the_last_units_are_shared_by_what_is_sold() {
    let mut depot = Depot::open(92, 6, 1).await;
    let tea = depot.key.product_id;
    let asked = [depot.other.ask(&[(tea, 5)])];
    depot.other.push(&depot.shop, &asked).await;
    depot.shop.world.pass(3_600);
    let sold = [depot.one.sell(&[(tea, 1)])];
    depot.one.push(&depot.shop, &sold).await;
    // Both sell one at a time; the first has nothing left, and the other has five of which it sold one.
    let sold = [depot.other.sell(&[(tea, 1)])];
    depot.other.push(&depot.shop, &sold).await;
    assert_eq!(depot.promised().await, 4);
    let asked = [depot.one.ask(&[(tea, 2)])];
    assert_eq!(depot.one.push(&depot.shop, &asked).await, [Verdict::Refused(Refusal::NothingLeft)]);
    assert_eq!(depot.told(&depot.other).await.keep, Some(2), "two each");
    depot.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn whoever_has_it_to_spare_is_asked_for_what_a_hold_was_refused() {
    let mut depot = Depot::open(95, 10, 10).await;
    let (tea, warehouse_id) = (depot.key.product_id, depot.key.warehouse_id);
    depot.an_hour_later().await;
    let desk = Desk::open(&depot.shop.server);
    let caller = depot.other.caller();
    let wish = |units| {
        let hold_id = HoldId::new(depot.other.now(), depot.other.chance());
        let line = HoldLine { product_id: tea, warehouse_id, amount: Amount::new(units).unwrap() };
        HoldWanted { hold_id, lines: vec![line], buyer: None, seconds: 60 }
    };
    let forgot = Some(Bug::RefusalAsksNobody);
    for (bug, units, keep) in
        [(None, 13, None), (forgot, 5, None), (None, 5, Some(7)), (None, 4, Some(7)), (None, 6, Some(6))]
    {
        planted::plant(bug);
        let refused = desk.place(caller, wish(units)).await.unwrap_err();
        planted::plant(None);
        assert!(matches!(refused, Unheld::NothingLeft { .. }), "{refused:?}");
        assert_eq!(depot.told(&depot.one).await.keep, keep, "after {units} were wanted");
    }
    assert_eq!(depot.promised().await, 10, "nothing is free before it says so");

    let back = Op::GaveBack(depot.one.goods(&[(tea, 4)]));
    let back = [depot.one.write(&back)];
    depot.one.push(&depot.shop, &back).await;
    desk.place(caller, wish(6)).await.unwrap();
    depot.shop.keeps_its_laws().await;
}

async fn keep_back(depot: &Depot, at: Option<WarehouseId>, units: Option<i64>) {
    grants::keep_back(&depot.shop.server, at, units).await.unwrap();
}

#[tokio::test]
async fn what_is_kept_back_is_granted_to_nobody_unasked() {
    let mut depot = Depot::open(93, 10, 1).await;
    let (tea, warehouse) = (depot.key.product_id, depot.key.warehouse_id);
    keep_back(&depot, None, Some(2)).await;
    keep_back(&depot, Some(warehouse), Some(9)).await;
    let kept = grants::kept_back(&depot.shop.server).await.unwrap();
    assert_eq!((kept.units, kept.warehouses.len(), kept.warehouses[0].units), (2, 1, 9));
    let sold = [depot.one.sell(&[(tea, 1)])];
    depot.one.push(&depot.shop, &sold).await;
    assert_eq!(depot.promised().await, 0, "nine are left, and nine are for orders");
    let asked = [depot.one.ask(&[(tea, 1)])];
    assert_eq!(depot.one.push(&depot.shop, &asked).await, [granted(&depot, 1)], "whoever asks gets them");
    let wrong = grants::keep_back(&depot.shop.server, None, Some(-1)).await.unwrap_err();
    assert_eq!(wrong.code(), "amount_out_of_range");
    keep_back(&depot, Some(warehouse), None).await;
    assert_eq!(grants::kept_back(&depot.shop.server).await.unwrap().warehouses, []);
}

#[tokio::test]
async fn what_a_home_gives_back_is_for_others_until_it_asks() {
    let shop = Shop::open(94).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let received = [till.receive(&[(tea, 10)])];
    till.push(&shop, &received).await;
    let back = Op::GaveBack(till.goods(&[(tea, 4)]));
    let back = [till.write(&back)];
    till.push(&shop, &back).await;
    assert_eq!(shop.level(tea, warehouse).await, (10, 6));
    let received = [till.receive(&[(tea, 1)])];
    till.push(&shop, &received).await;
    assert_eq!(shop.level(tea, warehouse).await, (11, 7), "four are still for orders");
    let asked = [till.ask(&[(tea, 3)])];
    till.push(&shop, &asked).await;
    assert_eq!(shop.level(tea, warehouse).await, (11, 10));
    shop.keeps_its_laws().await;
}
