//! Holds on a real Postgres, through the desk.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use futures_util::future::join_all;
use outpost_schema::{
    id::{CartId, HoldId, OrderId, WarehouseId},
    quantity::Amount,
    stock::StockKey,
};
use outpost_sync::wire::{Buyer, Caller, HoldLine, HoldPlaced, HoldWanted};
use uuid::Uuid;

use super::{ListWanted, list};
use crate::{
    db::fixture::{DEPOT, Network, OFFICE, SHOP, TILL, product},
    hold::{Desk, Unheld, allot, extend, release, standing::By, sweep},
};

fn key(number: u64, warehouse_id: WarehouseId) -> StockKey {
    StockKey { product_id: product(number), warehouse_id }
}

fn wish(id: u128, units: i64, cart: Option<u128>) -> HoldWanted {
    several(id, &[(key(0, SHOP), units)], cart.map(|cart| Buyer::Cart(CartId(Uuid::from_u128(cart)))))
}

fn several(id: u128, lines: &[(StockKey, i64)], buyer: Option<Buyer>) -> HoldWanted {
    let line = |(StockKey { product_id, warehouse_id }, units): &(StockKey, i64)| HoldLine {
        product_id: *product_id,
        warehouse_id: *warehouse_id,
        amount: Amount::new(*units).unwrap(),
    };
    let lines = lines.iter().map(line).collect();
    HoldWanted { hold_id: HoldId(Uuid::from_u128(id)), lines, buyer, seconds: 60 }
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

    /// How many the first product has promised in the shop.
    async fn promised(&self) -> i64 {
        self.promised_of(key(0, SHOP)).await
    }

    /// How many a row has promised, checked against the sum of what is open.
    async fn promised_of(&self, key: StockKey) -> i64 {
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
                &[&key.product_id, &key.warehouse_id],
            )
            .await
            .unwrap();
        let (promised, reserved, sum): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert_eq!((promised, reserved), (sum, sum), "what is promised is the sum of its promises");
        promised
    }
}

fn code<T>(answer: &Result<T, Unheld>) -> &'static str {
    answer.as_ref().map_or_else(Unheld::code, |_| "placed")
}

/// How much was available of each line that was refused.
fn left(answer: &Result<HoldPlaced, Unheld>) -> Vec<i64> {
    match answer {
        Err(Unheld::NothingLeft { available }) => available.iter().map(|line| line.available).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_many_callers_exactly_as_many_are_served_as_there_are_units() {
    let counter = Counter::open(10).await;
    let answers = join_all((1..=64).map(|id| counter.place(wish(id, 1, None)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert!(answers.iter().filter(|answer| answer.is_err()).all(|answer| left(answer) == [0]), "{answers:?}");
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
    let elsewhere = several(1, &[(key(1, SHOP), 3)], None);
    assert_eq!(code(&counter.place(elsewhere).await), "hold_id_taken");
    assert_eq!(counter.promised().await, 3);
}

#[tokio::test]
async fn nobody_is_refused_because_of_a_hold_that_is_over() {
    let counter = Counter::open(10).await;
    counter.place(wish(1, 10, None)).await.unwrap();
    let refused = counter.place(wish(2, 1, None)).await;
    assert_eq!(left(&refused), [0]);
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
    let elsewhere = several(4, &[(key(1, SHOP), 2)], wish(4, 2, Some(7)).buyer);
    counter.place(elsewhere).await.unwrap();
    assert_eq!(counter.promised().await, 10, "another product's hold of that cart is another hold");
}

#[tokio::test]
async fn a_buyer_who_holds_less_than_before_settles_what_was_promised_beyond_the_book() {
    let counter = Counter::open(4).await;
    counter.place(wish(1, 4, Some(7))).await.unwrap();
    let client = &counter.network.client;
    // A till sells there too, and has not been heard since: nothing is withdrawn.
    let grant = "insert into allotments (incarnation_id, product_id, warehouse_id, granted) values ($1, $2, $3, 1)";
    client.execute(grant, &[&OFFICE.incarnation_id, &product(0), &SHOP]).await.unwrap();
    client.batch_execute("update stock set balance = 2, promised = promised + 1").await.unwrap();
    let (server, rows) = (&counter.network.server, [key(0, SHOP)].into());
    let (server, rows) = (&**server, &rows);
    server.db.transaction(|tx| async move { crate::grants::after_change(server, &tx, rows).await }).await.unwrap();
    let open = async || client.query_one("select count(*) from concerns where closed_at is null", &[]).await.unwrap();
    assert_eq!(open().await.get::<_, i64>(0), 1);
    counter.place(wish(2, 1, Some(7))).await.unwrap();
    assert_eq!(open().await.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_released_hold_is_free_again_and_stays_released() {
    let counter = Counter::open(10).await;
    let (server, id) = (&counter.network.server, wish(1, 3, None).hold_id);
    counter.place(wish(1, 3, None)).await.unwrap();
    for _ in 0..2 {
        release(server, By::Node(TILL), id).await.unwrap();
        assert_eq!(counter.promised().await, 0);
    }
    let unknown = release(server, By::Node(TILL), HoldId(Uuid::from_u128(9))).await;
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
    assert!(matches!(release(server, By::Node(TILL), id).await, Err(Unheld::Closed)));
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
    let unknown = several(1, &[(key(0, SHOP), 1), (key(99, SHOP), 1)], None);
    assert_eq!(code(&counter.place(unknown).await), "unknown_stock");
    for seconds in [0, -1, 86_401] {
        assert_eq!(code(&counter.place(HoldWanted { seconds, ..wish(1, 1, None) }).await), "bad_seconds");
    }
}

#[tokio::test]
async fn several_lines_over_several_warehouses_are_held_together_or_not_at_all() {
    let counter = Counter::open(10).await;
    let rows = [key(0, SHOP), key(0, DEPOT), key(1, SHOP)];
    counter.place(several(1, &rows.map(|row| (row, 6)), None)).await.unwrap();
    let refused = counter.place(several(2, &[(rows[0], 4), (rows[1], 5), (rows[2], 9)], None)).await;
    assert_eq!(left(&refused), [4, 4, 4], "each line says what there is");
    assert!(refused.unwrap_err().to_string().starts_with("2 of the 3 lines want more"));
    for row in rows {
        assert_eq!(counter.promised_of(row).await, 6, "of the refused one nothing is held");
    }
    release(&counter.network.server, By::Node(TILL), wish(1, 1, None).hold_id).await.unwrap();
    for row in rows {
        assert_eq!(counter.promised_of(row).await, 0, "all of it is released");
    }
    let twice = counter.place(several(3, &[(rows[0], 1), (rows[0], 2)], None)).await;
    assert_eq!(code(&twice), "bad_lines");
}

#[tokio::test]
async fn what_an_order_holds_is_never_in_its_own_way() {
    let counter = Counter::open(10).await;
    let order = |number| Some(Buyer::Order(OrderId(Uuid::from_u128(number))));
    let rows = [key(0, SHOP), key(0, DEPOT)];
    counter.place(several(1, &rows.map(|row| (row, 8)), order(7))).await.unwrap();
    assert_eq!(code(&counter.place(several(2, &[(rows[0], 9)], order(8))).await), "nothing_left");
    counter.place(several(3, &[(rows[0], 10)], order(7))).await.unwrap();
    assert_eq!((counter.promised_of(rows[0]).await, counter.promised_of(rows[1]).await), (10, 8));
}

#[tokio::test]
async fn a_thousand_callers_want_the_last_units_of_two_places() {
    let counter = Counter::open(20).await;
    let other = Desk::open(&counter.network.server);
    let place = |id: u128| {
        // In either order, over two desks, as two programs would.
        let mut rows = [(key(0, SHOP), 1), (key(0, DEPOT), 2)];
        rows.rotate_left(id as usize % 2);
        let (desk, wanted) = ([&counter.desk, &other][id as usize % 3 % 2], several(id, &rows, None));
        desk.place(TILL, wanted)
    };
    let answers = join_all((1..=1_000).map(place)).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert!(answers.iter().filter(|answer| answer.is_err()).all(|answer| left(answer).iter().sum::<i64>() == 10));
    assert_eq!((counter.promised().await, counter.promised_of(key(0, DEPOT)).await), (10, 20));
}

#[tokio::test]
async fn a_hold_is_extended_and_says_the_truth_when_it_cannot_be() {
    let counter = Counter::open(10).await;
    let (server, id) = (&counter.network.server, wish(1, 3, None).hold_id);
    let placed = counter.place(wish(1, 3, None)).await.unwrap();
    let until = placed.expires_at.plus_seconds(60);
    for _ in 0..2 {
        assert_eq!(extend(server, By::Node(TILL), id, until).await.unwrap().expires_at, until);
    }
    let shorter = extend(server, By::Office, id, placed.expires_at).await.unwrap();
    assert_eq!(shorter.expires_at, until, "it is never cut short");
    assert_eq!(counter.place(wish(1, 3, None)).await.unwrap().expires_at, until, "a repeat hears of it");
    counter.network.world.pass(90);
    sweep(server).await.unwrap();
    assert_eq!(counter.promised().await, 3, "it lasts");
    let too_long = server.now().plus_seconds(86_401);
    assert_eq!(code(&extend(server, By::Node(TILL), id, too_long).await), "bad_seconds");
    let later = server.now().plus_seconds(60);
    let unknown = extend(server, By::Office, HoldId(Uuid::from_u128(9)), later).await;
    assert_eq!(code(&unknown), "unknown_hold");
    release(server, By::Office, id).await.unwrap();
    assert_eq!(code(&extend(server, By::Node(TILL), id, later).await), "hold_closed");
}

#[tokio::test]
async fn a_hold_whose_time_came_is_extended_as_long_as_its_units_are_there() {
    let counter = Counter::open(10).await;
    let (server, world) = (&counter.network.server, &counter.network.world);
    let extend = async |id: u128| {
        let until = server.now().plus_seconds(60);
        extend(server, By::Node(TILL), HoldId(Uuid::from_u128(id)), until).await
    };
    counter.place(several(1, &[(key(0, SHOP), 7), (key(0, DEPOT), 2)], None)).await.unwrap();
    world.pass(61);
    extend(1).await.unwrap();
    assert_eq!(left(&counter.place(wish(2, 4, None)).await), [3], "nobody had released it, so it never let go");

    world.pass(61);
    sweep(server).await.unwrap();
    assert_eq!(counter.promised().await, 0);
    extend(1).await.unwrap();
    assert_eq!((counter.promised().await, counter.promised_of(key(0, DEPOT)).await), (7, 2), "held again");

    world.pass(61);
    counter.place(wish(3, 4, None)).await.unwrap();
    assert_eq!(left(&extend(1).await), [6], "of one line too few are left; the other was never let go");
    assert_eq!((counter.promised().await, counter.promised_of(key(0, DEPOT)).await), (4, 2), "nothing was changed");
    world.pass(61);
    extend(1).await.unwrap();
    assert_eq!(counter.promised().await, 7, "what was in its way is over too");
    assert_eq!(code(&extend(3).await), "nothing_left");
}

#[tokio::test]
async fn what_a_buyer_or_a_suspended_device_has_no_claim_to_is_not_held_again() {
    let counter = Counter::open(10).await;
    let (server, world) = (&counter.network.server, &counter.network.world);
    counter.place(wish(1, 3, Some(7))).await.unwrap();
    counter.place(wish(2, 3, None)).await.unwrap();
    world.pass(61);
    sweep(server).await.unwrap();
    counter.place(wish(3, 2, Some(7))).await.unwrap();
    let until = server.now().plus_seconds(60);
    let extend = async |by, id: u128| extend(server, by, HoldId(Uuid::from_u128(id)), until).await;
    assert_eq!(code(&extend(By::Office, 1).await), "hold_closed", "that cart's newer hold took its place");
    counter.network.client.execute("update incarnations set state = 'suspended'", &[]).await.unwrap();
    assert_eq!(code(&extend(By::Node(TILL), 2).await), "suspended");
    assert_eq!(counter.promised().await, 2);
    extend(By::Node(TILL), 3).await.unwrap();
}

#[tokio::test]
async fn who_extends_and_who_takes_what_is_over_never_both_win() {
    let counter = Counter::open(10).await;
    let (server, mut extended) = (&counter.network.server, 0);
    for round in 0..20 {
        let (held, wanted) = (wish(2 * round + 1, 10, None), wish(2 * round + 2, 10, None));
        counter.place(held.clone()).await.unwrap();
        // In half of the rounds its time has come.
        counter.network.world.pass(if round % 2 == 0 { 59 } else { 61 });
        let until = server.now().plus_seconds(60);
        let (lasts, taken) =
            tokio::join!(extend(server, By::Node(TILL), held.hold_id, until), counter.place(wanted.clone()));
        assert_ne!(lasts.is_ok(), taken.is_ok(), "{lasts:?} {taken:?}");
        assert_eq!(counter.promised().await, 10);
        extended += usize::from(lasts.is_ok());
        let last = if lasts.is_ok() { held } else { wanted };
        release(server, By::Node(TILL), last.hold_id).await.unwrap();
    }
    assert!(extended >= 10, "whose time had not come was never late");
}

#[tokio::test]
async fn holds_stay_right_while_a_backup_holds_an_old_snapshot_open() {
    let counter = Counter::open(10).await;
    let server = &counter.network.server;
    counter.place(wish(1, 4, None)).await.unwrap();
    let backup = counter.network.database.connect().await;
    backup
        .batch_execute("begin isolation level repeatable read read only; lock table holds, stock in access share mode")
        .await
        .unwrap();
    let seen = "select s.promised, (select sum(amount)::bigint from holds where closed_at is null)
                from stock s where s.product_id = $1 and s.warehouse_id = $2";
    let look = async || {
        let row = backup.query_one(seen, &[&product(0), &SHOP]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, Option<i64>>(1))
    };
    assert_eq!(look().await, (4, Some(4)));

    counter.place(wish(2, 6, None)).await.unwrap();
    assert_eq!(code(&counter.place(wish(3, 1, None)).await), "nothing_left");
    release(server, By::Node(TILL), wish(2, 6, None).hold_id).await.unwrap();
    counter.network.world.pass(61);
    counter.place(wish(4, 10, None)).await.unwrap();
    counter.network.world.pass(61);
    sweep(server).await.unwrap();
    assert_eq!(counter.promised().await, 0);
    assert_eq!(look().await, (4, Some(4)), "the backup sees one moment, and it is whole");
    backup.batch_execute("commit").await.unwrap();
    assert_eq!(look().await, (0, None));
}

#[tokio::test]
async fn people_read_what_is_held() {
    let counter = Counter::open(10).await;
    counter.place(several(1, &[(key(0, SHOP), 2), (key(1, DEPOT), 3)], wish(1, 1, Some(7)).buyer)).await.unwrap();
    counter.network.world.pass(30);
    counter.place(wish(2, 4, None)).await.unwrap();
    let now = counter.network.server.now().plus_seconds(30);
    let shown = async |wanted: ListWanted| {
        let work = |tx| async move { list(&tx, wanted, now).await };
        let lines = counter.network.server.db.snapshot(work).await.unwrap();
        lines.into_iter().map(|line| (line.warehouse, line.amount)).collect::<Vec<_>>()
    };
    let all = ListWanted { limit: 10, ..ListWanted::default() };
    let line = |warehouse: &str, units: i64| (warehouse.to_owned(), units);
    assert_eq!(shown(all).await, [line("Shop", 2), line("Depot", 3), line("Shop", 4)]);
    assert_eq!(shown(ListWanted { over: true, ..all }).await, [line("Shop", 2), line("Depot", 3)]);
    assert_eq!(shown(ListWanted { warehouse_id: Some(DEPOT), ..all }).await, [line("Depot", 3)]);
    assert_eq!(shown(ListWanted { product_id: Some(product(0)), limit: 1, ..all }).await, [line("Shop", 2)]);
}
