//! Holds on a real Postgres, through the desk.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use futures_util::future::join_all;
use outpost_schema::{
    id::{CartId, HoldId},
    quantity::Amount,
};
use outpost_sync::wire::{Caller, HoldPlaced, HoldWanted};
use uuid::Uuid;

use crate::{
    db::fixture::{Network, OFFICE, SHOP, TILL, product},
    hold::{Desk, Unheld, allot, release, sweep},
};

fn wish(id: u128, units: i64, cart: Option<u128>) -> HoldWanted {
    HoldWanted {
        hold_id: HoldId(Uuid::from_u128(id)),
        product_id: product(0),
        warehouse_id: SHOP,
        amount: Amount::new(units).unwrap(),
        cart_id: cart.map(|cart| CartId(Uuid::from_u128(cart))),
        seconds: 60,
    }
}

struct Counter {
    network: Network,
    desk: Desk,
}

impl Counter {
    async fn open(balance: i64) -> Self {
        let network = Network::open(1).await;
        network.stock(0..3, balance).await;
        let desk = Desk::open(&network.server);
        Self { network, desk }
    }

    async fn place(&self, wanted: HoldWanted) -> Result<HoldPlaced, Unheld> {
        self.desk.place(TILL, wanted).await
    }

    /// How many the first product's row has promised, checked against the sum of what is open.
    async fn promised(&self) -> i64 {
        let row = self
            .network
            .client
            .query_one(
                "select s.promised, s.reserved_quantity,
                    coalesce((select sum(h.amount) from holds h where h.closed_at is null
                        and h.product_id = s.product_id and h.warehouse_id = s.warehouse_id), 0)::bigint +
                    coalesce((select sum(greatest(0, a.granted + a.received - a.consumed - a.returned - a.reclaimed))
                        from allotments a where a.product_id = s.product_id and a.warehouse_id = s.warehouse_id), 0)::bigint
                from stock s where s.product_id = $1 and s.warehouse_id = $2",
                &[&product(0), &SHOP],
            )
            .await
            .unwrap();
        let (promised, reserved, sum): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert_eq!((promised, reserved), (sum, sum), "what is promised is the sum of its promises");
        promised
    }
}

fn code(answer: &Result<HoldPlaced, Unheld>) -> &'static str {
    answer.as_ref().map_or_else(Unheld::code, |_| "placed")
}

#[tokio::test]
async fn of_many_callers_exactly_as_many_are_served_as_there_are_units() {
    let counter = Counter::open(10).await;
    let answers = join_all((1..=64).map(|id| counter.place(wish(id, 1, None)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(refused.iter().all(|unheld| matches!(unheld, Unheld::NothingLeft { available: 0 })), "{refused:?}");
    assert_eq!(counter.promised().await, 10);
}

#[tokio::test]
async fn several_servers_promise_no_unit_twice() {
    let counter = Counter::open(10).await;
    let other = Desk::open(&Arc::clone(&counter.network.server));
    let third = Desk::open(&Arc::clone(&counter.network.server));
    let desks = [&counter.desk, &other, &third];
    let answers = join_all((1..=60).map(|id| desks[id as usize % 3].place(TILL, wish(id, 1, None)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(counter.promised().await, 10);
}

#[tokio::test]
async fn a_hold_asked_for_again_is_the_same_hold() {
    let counter = Counter::open(10).await;
    let first = counter.place(wish(1, 3, None)).await.unwrap();
    assert_eq!(counter.place(wish(1, 3, None)).await.unwrap(), first);
    assert_eq!(code(&counter.place(wish(1, 4, None)).await), "hold_id_taken");
    let elsewhere = HoldWanted { product_id: product(1), ..wish(1, 3, None) };
    assert_eq!(code(&counter.place(elsewhere).await), "hold_id_taken");
    assert_eq!(counter.promised().await, 3);
}

#[tokio::test]
async fn nobody_is_refused_because_of_a_hold_that_is_over() {
    let counter = Counter::open(10).await;
    counter.place(wish(1, 10, None)).await.unwrap();
    let refused = counter.place(wish(2, 1, None)).await;
    assert!(matches!(refused, Err(Unheld::NothingLeft { available: 0 })), "{refused:?}");
    counter.network.world.pass(61);
    assert_eq!(counter.promised().await, 10, "it counts until it is released");
    counter.place(wish(2, 4, None)).await.unwrap();
    assert_eq!(counter.promised().await, 4);
    assert_eq!(code(&counter.place(wish(1, 10, None)).await), "hold_closed");
}

#[tokio::test]
async fn the_sweeper_releases_what_is_over_and_nothing_else() {
    let counter = Counter::open(10).await;
    counter.place(wish(1, 3, None)).await.unwrap();
    counter.network.world.pass(50);
    counter.place(wish(2, 4, None)).await.unwrap();
    counter.network.world.pass(20);
    sweep(&counter.network.server).await.unwrap();
    assert_eq!(counter.promised().await, 4);
}

#[tokio::test]
async fn a_buyer_s_own_hold_is_replaced() {
    let counter = Counter::open(10).await;
    counter.place(wish(1, 8, Some(7))).await.unwrap();
    counter.place(wish(2, 10, Some(7))).await.unwrap();
    assert_eq!(counter.promised().await, 10);
    assert_eq!(code(&counter.place(wish(3, 1, Some(8))).await), "nothing_left");
    let elsewhere = HoldWanted { product_id: product(1), ..wish(4, 2, Some(7)) };
    counter.place(elsewhere).await.unwrap();
    assert_eq!(counter.promised().await, 10, "another product's hold of that cart is another hold");
}

#[tokio::test]
async fn a_released_hold_is_free_again_and_stays_released() {
    let counter = Counter::open(10).await;
    let (server, id) = (&counter.network.server, wish(1, 3, None).hold_id);
    counter.place(wish(1, 3, None)).await.unwrap();
    for _ in 0..2 {
        release(server, TILL, id).await.unwrap();
        assert_eq!(counter.promised().await, 0);
    }
    let unknown = release(server, TILL, HoldId(Uuid::from_u128(9))).await;
    assert!(matches!(unknown, Err(Unheld::UnknownHold)), "{unknown:?}");
}

#[tokio::test]
async fn a_hold_becomes_allotment_once_and_of_one_journal() {
    let counter = Counter::open(10).await;
    let (server, id) = (&counter.network.server, wish(1, 3, None).hold_id);
    counter.place(wish(1, 3, None)).await.unwrap();
    // An old excess never eats the new grant.
    counter
        .network
        .client
        .execute(
            "insert into allotments (incarnation_id, product_id, warehouse_id, granted, consumed)
            values ($1, $2, $3, 2, 5)",
            &[&TILL.incarnation_id, &product(0), &SHOP],
        )
        .await
        .unwrap();
    for _ in 0..2 {
        allot(server, TILL, id).await.unwrap();
        assert_eq!(counter.promised().await, 3, "the same units, promised to the till");
    }
    assert!(matches!(allot(server, OFFICE, id).await, Err(Unheld::Closed)));
    assert!(matches!(release(server, TILL, id).await, Err(Unheld::Closed)));
    let row = counter.network.client.query_one("select granted from allotments", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 8);
}

#[tokio::test]
async fn strangers_and_frozen_journals_get_nothing() {
    let counter = Counter::open(10).await;
    let stranger = Caller { node_id: OFFICE.node_id, ..TILL };
    let answers =
        join_all([counter.desk.place(stranger, wish(1, 1, None)), counter.desk.place(TILL, wish(2, 1, None))]).await;
    assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["unknown_node", "placed"]);
    counter.network.client.execute("update incarnations set state = 'frozen'", &[]).await.unwrap();
    let answer = allot(&counter.network.server, TILL, wish(2, 1, None).hold_id).await;
    assert!(matches!(answer, Err(Unheld::Frozen)), "{answer:?}");
}

#[tokio::test]
async fn what_nobody_stocks_and_times_that_are_none_are_refused() {
    let counter = Counter::open(10).await;
    let unknown = HoldWanted { product_id: product(99), ..wish(1, 1, None) };
    assert_eq!(code(&counter.place(unknown).await), "unknown_stock");
    for seconds in [0, -1, 86_401] {
        assert_eq!(code(&counter.place(HoldWanted { seconds, ..wish(1, 1, None) }).await), "bad_seconds");
    }
}
