//! Devices that are suspended, lost, closed or moved.

use outpost_schema::{
    device::IncarnationState,
    id::{HoldId, NodeId, ProductId, WarehouseId},
    op::{LifeEnded, Op},
    quantity::Amount,
    stock::StockKey,
    verdict::{ConcernKind, Refusal, Verdict},
};
use outpost_sync::wire::HoldWanted;
use uuid::Uuid;

use super::*;
use crate::{
    api::problem::Failure,
    db::{devices as rows, office::NodeSeen},
    devices::{self, Bound, Moving, Signed, Undone},
    give_up,
    hold::{self, Desk},
};

/// A till at a shared place with ten of tea, six of them its own.
struct Lent {
    shop: Shop,
    till: Till,
    other: Till,
    tea: ProductId,
    place: WarehouseId,
}

fn signed(act: u128) -> Signed {
    Signed { act_id: Uuid::from_u128(act), by: "Ada".to_owned(), note: Some("it was stolen".to_owned()) }
}

impl Lent {
    async fn open(seed: u64) -> Self {
        let shop = Shop::open(seed).await;
        let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
        shop.client.execute("update products set price = 2.5", &[]).await.unwrap();
        let (mut till, mut other) = (shop.till("Till", place, false).await, shop.till("Other", place, false).await);
        let entries = [other.receive(&[(tea, 10)])];
        other.push(&shop, &entries).await;
        let entries = [till.ask(&[(tea, 6)])];
        till.push(&shop, &entries).await;
        Self { shop, till, other, tea, place }
    }

    fn node(&self) -> NodeId {
        self.till.card.node_id
    }

    async fn level(&self) -> (i64, i64) {
        self.shop.level(self.tea, self.place).await
    }

    async fn bound(&self) -> Bound {
        devices::find(&self.shop.server, "Till").await.unwrap().1
    }

    async fn seen(&self) -> NodeSeen {
        let (currency, begin) = (self.shop.server.currency, outpost_schema::clock::Timestamp::from_micros(0));
        let nodes =
            self.shop.server.db.snapshot(|tx| async move { crate::db::office::nodes(&tx, begin, currency).await });
        nodes.await.unwrap().into_iter().find(|node| node.node_id == self.node()).unwrap()
    }

    async fn sell(&mut self, units: i64) {
        let sold = [self.till.sell(&[(self.tea, units)])];
        assert_eq!(self.till.push(&self.shop, &sold).await, [Verdict::Accepted]);
        self.shop.keeps_its_laws().await;
    }

    async fn missing(&self) -> i64 {
        let sql = "select coalesce(sum(units), 0)::bigint from written_off";
        self.shop.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

fn code<T: std::fmt::Debug>(answer: Result<T, Undone>) -> &'static str {
    answer.unwrap_err().code()
}

#[tokio::test]
async fn a_suspended_device_is_granted_nothing_and_what_it_tells_is_booked() {
    let mut lent = Lent::open(200).await;
    let node = lent.node();
    for _ in 0..2 {
        devices::suspend(&lent.shop.server, node, &signed(1)).await.unwrap();
    }
    assert_eq!(lent.seen().await.state, IncarnationState::Suspended);
    assert_eq!(lent.shop.concern_kinds().await, ["suspended"]);
    let told = lent.shop.concerns().await.remove(0);
    assert_eq!((told.subject, told.scope), (node.to_string(), node.0), "it hears of it");
    let entries = [lent.till.ask(&[(lent.tea, 1)]), lent.till.sell(&[(lent.tea, 2)])];
    let refused = Verdict::Refused(Refusal::Suspended);
    assert_eq!(lent.till.push(&lent.shop, &entries).await, [refused, Verdict::Accepted]);
    assert_eq!(lent.level().await, (8, 4));
    let desk = Desk::open(&lent.shop.server);
    let key = StockKey { product_id: lent.tea, warehouse_id: lent.place };
    let wanted = HoldWanted::of_one(HoldId(Uuid::from_u128(5)), key, Amount::new(1).unwrap(), 60);
    assert_eq!(desk.place(lent.till.caller(), wanted.clone()).await.unwrap_err().code(), "suspended");
    desk.place(lent.other.caller(), wanted.clone()).await.unwrap();
    let allotted = hold::allot(&lent.shop.server, lent.till.caller(), wanted.hold_id).await;
    assert_eq!(allotted.unwrap_err().code(), "suspended");
    hold::release(&lent.shop.server, hold::standing::By::Node(lent.till.caller()), wanted.hold_id).await.unwrap();

    devices::resume(&lent.shop.server, node, &signed(2)).await.unwrap();
    assert_eq!(lent.shop.concern_kinds().await, Vec::<String>::new());
    let entries = [lent.till.ask(&[(lent.tea, 1)])];
    assert!(matches!(lent.till.push(&lent.shop, &entries).await[..], [Verdict::Granted(_)]));
    lent.shop.keeps_its_laws().await;
    assert_eq!(code(devices::suspend(&lent.shop.server, node, &signed(2)).await), "act_taken");
    assert_eq!(lent.shop.count("device_acts").await, 2);
}

#[tokio::test]
async fn a_suspended_home_gets_nothing_until_it_is_resumed() {
    let shop = Shop::open(201).await;
    let (place, tea) = (shop.warehouse("Market").await, shop.product().await);
    let (home, mut other) = (shop.till("Home", place, true).await, shop.till("Other", place, false).await);
    devices::suspend(&shop.server, home.card.node_id, &signed(1)).await.unwrap();
    let entries = [other.receive(&[(tea, 4)])];
    other.push(&shop, &entries).await;
    assert_eq!(shop.level(tea, place).await, (4, 0));
    devices::resume(&shop.server, home.card.node_id, &signed(2)).await.unwrap();
    assert_eq!(shop.level(tea, place).await, (4, 4));
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn whoever_begins_another_life_stays_suspended() {
    begins_another_life_suspended("active").await;
}

#[tokio::test]
async fn a_device_whose_journal_was_frozen_before_it_was_suspended_stays_suspended_too() {
    begins_another_life_suspended("frozen").await;
}

/// A till that is suspended while its newest life is this.
async fn begins_another_life_suspended(state: &str) {
    let lent = Lent::open(202).await;
    let life = lent.till.caller().incarnation_id;
    let sql = format!("update incarnations set state = '{state}' where incarnation_id = '{life}'");
    lent.shop.client.execute(&sql, &[]).await.unwrap();
    devices::suspend(&lent.shop.server, lent.node(), &signed(1)).await.unwrap();
    lent.till.next_life(&lent.shop, outpost_schema::id::IncarnationId(Uuid::from_u128(77))).await;
    assert_eq!(lent.seen().await.state, IncarnationState::Suspended);
}

#[tokio::test]
async fn what_was_written_off_comes_back_with_what_is_told_late() {
    let mut lent = Lent::open(203).await;
    let node = lent.node();
    let price = "15".parse().unwrap();
    assert_eq!(lent.bound().await, Bound { units: 6, rows: 1, worth: price, unpriced: 0 });
    let done = devices::write_off(&lent.shop.server, node, 6, &signed(1)).await.unwrap();
    assert_eq!((done.units, done.worth, done.by.as_str()), (6, price, "Ada"));
    let again = devices::write_off(&lent.shop.server, node, 6, &signed(1)).await.unwrap();
    assert_eq!((again.units, lent.level().await, lent.missing().await), (6, (4, 0), 6), "once");
    assert_eq!(lent.shop.concern_kinds().await, ["suspended", "written_off"]);
    let sql = "select delta, act_id, note from stock_movements where reason = 'lost'";
    let lost = lent.shop.client.query_one(sql, &[]).await.unwrap();
    assert_eq!((lost.get(0), lost.get(1), lost.get(2)), (-6_i64, Uuid::from_u128(1), "it was stolen"));
    lent.shop.keeps_its_laws().await;

    // It was only offline: four were sold, of which nobody knew.
    lent.sell(4).await;
    assert_eq!((lent.level().await, lent.missing().await), ((4, 0), 2));
    let told = lent.shop.concerns().await;
    let told = told.iter().find(|one| one.kind == ConcernKind::WrittenOff).unwrap();
    assert_eq!(told.detail["units"], 2);
    let back = lent.till.goods(&[(lent.tea, 2)]);
    let back = [lent.till.write(&Op::GaveBack(back))];
    lent.till.push(&lent.shop, &back).await;
    assert_eq!((lent.level().await, lent.missing().await), ((6, 0), 0));
    assert_eq!(lent.shop.concern_kinds().await, ["suspended"], "nothing is missing any more");
    lent.sell(1).await;
    assert_eq!(lent.level().await, (5, 0), "what it never had is booked as ever");
}

#[tokio::test]
async fn a_bound_that_has_changed_is_not_what_was_agreed_to() {
    let mut lent = Lent::open(204).await;
    lent.sell(1).await;
    let node = lent.node();
    assert_eq!(code(devices::write_off(&lent.shop.server, node, 6, &signed(1)).await), "bound_changed");
    assert_eq!(code(devices::reclaim(&lent.shop.server, node, 4, &signed(1)).await), "bound_changed");
    assert_eq!((lent.level().await, lent.seen().await.state), ((9, 5), IncarnationState::Active), "nothing was done");
    let failure = Failure::from(devices::reclaim(&lent.shop.server, node, 4, &signed(1)).await.unwrap_err());
    assert_eq!((failure.status.as_u16(), failure.problem.code.as_str()), (409, "bound_changed"));
    devices::reclaim(&lent.shop.server, node, 5, &signed(1)).await.unwrap();
    assert_eq!((lent.level().await, lent.bound().await.units), ((9, 0), 0));

    // Bounded: it sells them all the same, and others had got them.
    let entries = [lent.other.ask(&[(lent.tea, 9)])];
    lent.other.push(&lent.shop, &entries).await;
    lent.sell(5).await;
    assert_eq!((lent.level().await, lent.shop.concern_kinds().await), ((4, 9), vec!["unbacked".to_owned()]));
}

#[tokio::test]
async fn a_life_in_doubt_is_decided_about_with_its_device() {
    let lent = Lent::open(205).await;
    let wanted = outpost_sync::wire::LifeWanted {
        incarnation_id: outpost_schema::id::IncarnationId(Uuid::from_u128(77)),
        reason: outpost_schema::device::LifeReason::RolledBack,
        unsettled: vec![],
        stands: None,
    };
    crate::lives::begin(&lent.shop.server, lent.till.caller(), lent.till.standing(), &wanted).await.unwrap();
    assert_eq!(lent.shop.concern_kinds().await, ["life_begun"]);
    devices::reclaim(&lent.shop.server, lent.node(), 6, &signed(1)).await.unwrap();
    assert_eq!((lent.level().await, lent.shop.concern_kinds().await), ((10, 0), vec![]));
    lent.shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_device_is_closed_when_it_has_told_all_and_given_all_back() {
    let mut lent = Lent::open(206).await;
    let (node, life) = (lent.node(), lent.till.card.incarnation_id);
    assert_eq!(code(devices::retire(&lent.shop.server, node, false, &signed(1)).await), "still_open");
    assert_eq!(lent.shop.concern_kinds().await, ["suspended"], "it is told what to do");
    let back = lent.till.goods(&[(lent.tea, 6)]);
    let back = [lent.till.write(&Op::GaveBack(back))];
    lent.till.push(&lent.shop, &back).await;
    assert_eq!(code(devices::retire(&lent.shop.server, node, false, &signed(1)).await), "not_closed");
    let unknown = lent.shop.product_id();
    let entries =
        [lent.till.sell(&[(unknown, 1)]), lent.till.write(&Op::LifeEnded(LifeEnded { incarnation_id: life }))];
    lent.till.push(&lent.shop, &entries).await;
    assert_eq!(code(devices::retire(&lent.shop.server, node, false, &signed(1)).await), "ops_wait");
    lent.shop.add_product(unknown).await;
    devices::retire(&lent.shop.server, node, false, &signed(1)).await.unwrap();
    assert_eq!(lent.seen().await.state, IncarnationState::Retired);
    let kinds = lent.shop.concern_kinds().await;
    assert_eq!(kinds, ["owed"], "and of what waited, what was sold of nothing");
    assert_eq!(code(devices::resume(&lent.shop.server, node, &signed(2)).await), "retired");
    devices::write_off(&lent.shop.server, node, 0, &signed(3)).await.unwrap();
    assert_eq!(lent.shop.concern_kinds().await, ["owed"], "nobody could end a suspension of what is closed");

    // Its name stays taken, and a fact of it is one all the same.
    let wanted = crate::nodes::NodeWanted {
        name: "Till".to_owned(),
        kind: outpost_schema::device::NodeKind::Till,
        warehouse_id: lent.place,
        also: vec![],
        is_home: false,
        policy: None,
        server: String::new(),
    };
    assert_eq!(crate::nodes::add_node(&lent.shop.server, &wanted).await.unwrap_err().code(), "name_taken");
    lent.sell(1).await;
}

#[tokio::test]
async fn a_lost_device_is_closed_once_it_is_written_off() {
    let lent = Lent::open(207).await;
    let node = lent.node();
    assert_eq!(code(devices::retire(&lent.shop.server, node, true, &signed(1)).await), "still_open");
    devices::write_off(&lent.shop.server, node, 6, &signed(2)).await.unwrap();
    devices::retire(&lent.shop.server, node, true, &signed(1)).await.unwrap();
    let told = "select detail from concerns where kind = 'suspended' and closed_at is not null";
    let told: serde_json::Value = lent.shop.client.query_one(told, &[]).await.unwrap().get(0);
    assert_eq!(told["retired"], true, "a device that turns up sells nothing");
    assert_eq!(lent.shop.concern_kinds().await, ["written_off"]);
}

#[tokio::test]
async fn a_device_that_moves_takes_another_card_and_what_it_still_says_is_booked() {
    let mut lent = Lent::open(208).await;
    let node = lent.node();
    let depot = lent.shop.warehouse("Depot").await;
    let moving = Moving { to: depot, also: vec![], is_home: true, policy: None, server: "http://x".to_owned() };
    assert_eq!(code(devices::relocate(&lent.shop.server, node, &moving, &signed(1)).await), "still_open");
    let back = lent.till.goods(&[(lent.tea, 6)]);
    let back = [lent.till.write(&Op::GaveBack(back))];
    lent.till.push(&lent.shop, &back).await;
    let card = devices::relocate(&lent.shop.server, node, &moving, &signed(1)).await.unwrap();
    assert_eq!((card.node_id, card.warehouse_id, card.is_home), (node, depot, true));
    assert_eq!((card.incarnation_id, &card.prefix), (lent.till.card.incarnation_id, &lent.till.card.prefix));
    assert_eq!(devices::relocate(&lent.shop.server, node, &moving, &signed(1)).await.unwrap(), card, "the same again");

    // A sale that it had not told yet, and one at its new home.
    lent.sell(1).await;
    assert_eq!(lent.level().await, (9, 0));
    lent.till.card = card;
    let entries = [lent.till.receive(&[(lent.tea, 3)]), lent.till.sell(&[(lent.tea, 1)])];
    lent.till.push(&lent.shop, &entries).await;
    assert_eq!(lent.shop.level(lent.tea, depot).await, (2, 2));
    lent.shop.keeps_its_laws().await;
    let acts = lent.shop.server.db.snapshot(|tx| async move { rows::acts(&tx, node).await }).await.unwrap();
    assert_eq!(acts.iter().map(|done| done.act.as_str()).collect::<Vec<_>>(), ["move"]);
    assert_eq!(give_up::life(&lent.shop.server, "Till", None).await.unwrap().open_units, 2);
}

#[tokio::test]
async fn a_device_gets_nothing_more_where_it_stood_before() {
    let mut lent = Lent::open(209).await;
    let node = lent.node();
    let depot = lent.shop.warehouse("Depot").await;
    let back = lent.till.goods(&[(lent.tea, 6)]);
    let back = [lent.till.write(&Op::GaveBack(back))];
    lent.till.push(&lent.shop, &back).await;
    let moving = Moving { to: depot, also: vec![], is_home: false, policy: None, server: String::new() };
    devices::relocate(&lent.shop.server, node, &moving, &signed(1)).await.unwrap();
    // It has not taken its card yet, so it asks for what it could never give back.
    let asked = [lent.till.ask(&[(lent.tea, 2)])];
    assert_eq!(lent.till.push(&lent.shop, &asked).await, [Verdict::Refused(Refusal::NothingLeft)]);
    assert_eq!(lent.level().await, (10, 0));
}

#[tokio::test]
async fn a_device_that_was_not_heard_since_head_office_was_put_back_neither_moves_nor_is_closed() {
    let lent = Lent::open(210).await;
    let (node, life) = (lent.node(), lent.till.caller().incarnation_id);
    let owes = format!("update incarnations set report_owed = true where incarnation_id = '{life}'");
    lent.shop.client.execute(&owes, &[]).await.unwrap();
    assert_eq!(code(devices::retire(&lent.shop.server, node, false, &signed(1)).await), "unheard");
    let moving = Moving { to: lent.place, also: vec![], is_home: false, policy: None, server: String::new() };
    assert_eq!(code(devices::relocate(&lent.shop.server, node, &moving, &signed(2)).await), "unheard");
    assert_eq!(
        code(devices::retire(&lent.shop.server, node, true, &signed(3)).await),
        "still_open",
        "nobody will hear it"
    );
}
