//! Homes that a device leaves: what it tells of them late, and who sells there then.

use outpost_schema::{
    id::{ProductId, WarehouseId},
    movement::{Adjusted, Cause, Change, Lot, Remark},
    op::Op,
    stock::SalePolicy,
    transfer::{Dispatched, TransferCode},
    verdict::Verdict,
};
use uuid::Uuid;

use super::*;
use crate::devices::{self, Moving, Signed};

/// A kiosk at its home with ten of tea.
struct Kept {
    shop: Shop,
    kiosk: Till,
    tea: ProductId,
    home: WarehouseId,
}

fn signed(act: u128) -> Signed {
    Signed { act_id: Uuid::from_u128(act), by: "Ada".to_owned(), note: None }
}

impl Kept {
    async fn open(seed: u64) -> Self {
        let shop = Shop::open(seed).await;
        let (home, tea) = (shop.warehouse("Kiosk").await, shop.product().await);
        let mut kiosk = shop.till("Kiosk", home, true).await;
        let came = [kiosk.receive(&[(tea, 10)])];
        kiosk.push(&shop, &came).await;
        Self { shop, kiosk, tea, home }
    }

    /// It is lost for good: its ten are written off, and it is closed.
    async fn close(&self) {
        let node = self.kiosk.card.node_id;
        devices::write_off(&self.shop.server, node, 10, &signed(1)).await.unwrap();
        devices::retire(&self.shop.server, node, true, &signed(2)).await.unwrap();
        assert_eq!((self.level().await, self.missing().await), ((0, 0), 10));
    }

    async fn tell(&mut self, op: Op) {
        let told = [self.kiosk.write(&op)];
        assert_eq!(self.kiosk.push(&self.shop, &told).await, [Verdict::Accepted]);
        self.shop.keeps_its_laws().await;
    }

    fn broke(&self, units: i64) -> Op {
        let lines = vec![Change { product_id: self.tea, delta: -units, lot: Lot::default() }];
        Op::Adjusted(Adjusted { warehouse_id: self.home, cause: Cause::Damaged, lines, remark: Remark::default() })
    }

    async fn relocate(&self, to: WarehouseId, is_home: bool, act: u128) -> bool {
        let moving = Moving { to, also: vec![], is_home, policy: Some(SalePolicy::Strict), server: String::new() };
        let moved = devices::relocate(&self.shop.server, self.kiosk.card.node_id, &moving, &signed(act)).await;
        moved.unwrap().is_home
    }

    async fn level(&self) -> (i64, i64) {
        self.shop.level(self.tea, self.home).await
    }

    async fn missing(&self) -> i64 {
        self.shop.client.query_one("select sum(units)::bigint from written_off", &[]).await.unwrap().get(0)
    }

    async fn left_homes(&self) -> Vec<WarehouseId> {
        self.shop.client.query_one("select left_homes from nodes", &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn what_a_device_that_was_closed_as_lost_took_out_of_its_home_was_not_lost() {
    let mut kept = Kept::open(230).await;
    let road = kept.shop.warehouse("Road").await;
    kept.close().await;
    kept.tell(kept.broke(3)).await;
    assert_eq!((kept.level().await, kept.missing().await), ((0, 0), 7), "they broke, and were not lost as well");
    let code = TransferCode { prefix: "K1".to_owned(), number: 1 };
    let goods = kept.kiosk.goods(&[(kept.tea, 2)]);
    let told = Dispatched { code, from_id: kept.home, to_id: road, lines: goods.lines, remark: Remark::default() };
    kept.tell(Op::Dispatched(told)).await;
    assert_eq!((kept.level().await, kept.missing().await), ((0, 0), 5), "they were sent");
    let came = kept.kiosk.goods(&[(kept.tea, 4)]).into();
    kept.tell(Op::Received(came)).await;
    assert_eq!((kept.level().await, kept.missing().await), ((4, 0), 5), "what came is for whoever sells there now");
    let sold = [kept.kiosk.sell(&[(kept.tea, 1)])];
    kept.kiosk.push(&kept.shop, &sold).await;
    assert_eq!((kept.level().await, kept.missing().await), ((4, 0), 4));
    kept.tell(kept.broke(6)).await;
    assert_eq!((kept.level().await, kept.missing().await), ((2, 0), 0), "two more than it had were of what came");
    assert_eq!(kept.shop.concern_kinds().await, Vec::<String>::new());
}

#[tokio::test]
async fn who_moves_into_a_home_that_was_closed_gets_what_the_lost_device_took_in_late() {
    let mut kept = Kept::open(231).await;
    kept.close().await;
    let next = kept.shop.till("Next", kept.home, true).await;
    let came = kept.kiosk.goods(&[(kept.tea, 4)]).into();
    kept.tell(Op::Received(came)).await;
    assert_eq!((kept.level().await, kept.missing().await), ((4, 4), 10));
    let open = crate::give_up::life(&kept.shop.server, "Next", None).await.unwrap().open_units;
    assert_eq!((open, next.card.is_home), (4, true));
}

#[tokio::test]
async fn a_home_that_a_device_leaves_is_remembered_until_it_works_there_beside_others() {
    let mut kept = Kept::open(232).await;
    let (home, pier) = (kept.home, kept.shop.warehouse("Pier").await);
    let back = kept.kiosk.goods(&[(kept.tea, 10)]);
    kept.tell(Op::GaveBack(back)).await;
    assert!(kept.relocate(home, true, 1).await, "where it was at home it is so again");
    assert_eq!((kept.level().await, kept.left_homes().await), ((10, 0), vec![]));
    assert!(!kept.relocate(pier, false, 2).await);
    assert_eq!(kept.left_homes().await, [home]);
    assert!(!kept.relocate(home, false, 3).await);
    assert_eq!(kept.left_homes().await, [], "not where it works beside others");
    kept.tell(kept.broke(1)).await;
    assert_eq!((kept.level().await, kept.shop.count("allotments where consumed > 0").await), ((9, 0), 0));
}

#[tokio::test]
async fn where_a_device_stands_nothing_changes_while_it_does() {
    let mut kept = Kept::open(233).await;
    let moving = |to, is_home| Moving { to, also: vec![], is_home, policy: None, server: String::new() };
    let (server, node) = (&kept.shop.server, kept.kiosk.card.node_id);
    let refused = devices::relocate(server, node, &moving(kept.home, false), &signed(1)).await.unwrap_err();
    assert_eq!(refused.code(), "stands_there", "also while it has ten to sell, or it would give them back in vain");
    assert!(
        refused.to_string().starts_with("it stands there already, where only it sells; to change that"),
        "{refused}"
    );
    let pier = kept.shop.warehouse("Pier").await;
    let back = kept.kiosk.goods(&[(kept.tea, 10)]);
    kept.tell(Op::GaveBack(back)).await;
    let server = &kept.shop.server;
    devices::relocate(server, node, &moving(pier, false), &signed(2)).await.unwrap();
    let refused = devices::relocate(server, node, &moving(pier, true), &signed(3)).await.unwrap_err();
    assert_eq!(refused.code(), "stands_there");
    devices::relocate(server, node, &moving(pier, false), &signed(4)).await.expect("the same card once more");
}

#[tokio::test]
async fn what_a_device_took_in_before_it_heard_that_it_was_moved_stays_its_own() {
    let mut kept = Kept::open(234).await;
    let back = kept.kiosk.goods(&[(kept.tea, 10)]);
    kept.tell(Op::GaveBack(back)).await;
    let pier = kept.shop.warehouse("Pier").await;
    kept.relocate(pier, false, 1).await;
    let came = kept.kiosk.goods(&[(kept.tea, 4)]).into();
    kept.tell(Op::Received(came)).await;
    assert_eq!(kept.level().await, (14, 4), "it may sell them until it goes, and nobody else");
    kept.tell(kept.broke(1)).await;
    assert_eq!(kept.level().await, (13, 3));
    let back = kept.kiosk.goods(&[(kept.tea, 3)]);
    kept.tell(Op::GaveBack(back)).await;
    assert_eq!(kept.level().await, (13, 0));
}
