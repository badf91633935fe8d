//! Warehouses, devices, homes, and the life of the database.

use std::sync::Arc;

use outpost_schema::{
    id::UserId,
    stock::{SalePolicy, StockKey},
};

use super::*;
use crate::{
    db::settings,
    grants,
    nodes::{self, NodeWanted},
    server::Server,
};

fn wanted(name: &str, warehouse_id: outpost_schema::id::WarehouseId, is_home: bool) -> NodeWanted {
    let kind = outpost_schema::device::NodeKind::Kiosk;
    let server = "http://127.0.0.1:7070".to_owned();
    NodeWanted { name: name.to_owned(), kind, warehouse_id, also: vec![], is_home, policy: None, server }
}

#[tokio::test]
async fn the_first_warehouse_brings_the_guest() {
    let shop = Shop::open(60).await;
    let (first, _second) = (shop.warehouse("Market").await, shop.warehouse("Depot").await);
    let guest = shop.client.query_one("select user_id, home from users", &[]).await.unwrap();
    assert_eq!((guest.get(0), guest.get(1)), (UserId::GUEST, first));
    let twice = nodes::add_warehouse(&shop.server, "Market").await.unwrap_err();
    assert_eq!(twice.code(), "name_taken");
    assert_eq!(nodes::add_warehouse(&shop.server, "  ").await.unwrap_err().code(), "empty");
}

#[tokio::test]
async fn a_card_tells_a_device_all_that_it_must_know() {
    let shop = Shop::open(61).await;
    let warehouse = shop.warehouse("Market").await;
    let one = nodes::add_node(&shop.server, &wanted("Kiosk one", warehouse, true)).await.unwrap();
    assert_eq!((one.prefix.as_str(), one.policy, one.is_home), ("K1", SalePolicy::Physical, true));
    let other = nodes::add_node(&shop.server, &wanted("Kiosk two", warehouse, false)).await.unwrap();
    assert_eq!((other.prefix.as_str(), other.policy), ("K2", SalePolicy::Strict));
    let code =
        |answer: Result<_, crate::error::Error>| answer.map(|_: outpost_schema::device::Card| ()).unwrap_err().code();
    assert_eq!(code(nodes::add_node(&shop.server, &wanted("Kiosk one", warehouse, false)).await), "name_taken");
    let nowhere = outpost_schema::id::WarehouseId(uuid::Uuid::from_u128(1));
    assert_eq!(code(nodes::add_node(&shop.server, &wanted("Lost", nowhere, false)).await), "not_found");
    let taken = nodes::add_node(&shop.server, &wanted("Third", warehouse, true)).await.unwrap_err();
    assert!(taken.to_string().contains("Kiosk one"), "{taken}");
    assert_eq!(shop.count("nodes").await, 2, "nothing of the refused ones remains");
}

#[tokio::test]
async fn head_office_sees_where_each_device_stands() {
    let shop = Shop::open(62).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let mut till = shop.till("Kiosk", warehouse, true).await;
    let entries = [till.receive(&[(tea, 5)]), till.sell(&[(tea, 1)]), till.sell(&[(shop.product_id(), 1)])];
    till.push(&shop, &entries).await;
    let seen = &nodes::list(&shop.server).await.unwrap()[0];
    assert_eq!((seen.acked_seq, seen.open_units, seen.set_aside), (3, 4, 1));
    assert!(seen.seen_at.is_some() && seen.is_home);
}

/// Goods that head office puts into the book of a place, as an import does.
async fn import(shop: &Shop, key: StockKey, units: i64) {
    let StockKey { product_id, warehouse_id } = key;
    let sql = "with put as (
            insert into stock (product_id, warehouse_id, balance, updated_at) values ($1, $2, $3, now())
            on conflict (product_id, warehouse_id) do update set balance = stock.balance + excluded.balance
            returning product_id, warehouse_id
        ) insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at)
          select product_id, warehouse_id, $3, 'corrected', gen_random_uuid(), 0, now() from put";
    let server = &shop.server;
    server
        .db
        .transaction(|tx| async move {
            tx.execute(sql, &[&product_id, &warehouse_id, &units]).await?;
            grants::after_change(server, &tx, &[key].into()).await
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_home_gets_all_that_comes_but_what_is_kept_back() {
    let shop = Shop::open(63).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let key = StockKey { product_id: tea, warehouse_id: warehouse };
    import(&shop, key, 5).await;
    assert_eq!(shop.level(tea, warehouse).await, (5, 0), "nobody sells there yet");
    let mut till = shop.till("Kiosk", warehouse, true).await;
    assert_eq!(shop.level(tea, warehouse).await, (5, 5), "a new home gets what is there");

    // An old excess never eats what comes next.
    let sold = [till.sell(&[(tea, 8)])];
    till.push(&shop, &sold).await;
    assert_eq!(shop.concern_kinds().await, ["owed"]);
    import(&shop, key, 10).await;
    assert_eq!(shop.level(tea, warehouse).await, (7, 7));
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    shop.keeps_its_laws().await;

    shop.server.db.transaction(|tx| async move { settings::set_kept_back(&tx, 2).await }).await.unwrap();
    import(&shop, key, 5).await;
    assert_eq!(shop.level(tea, warehouse).await, (12, 10));
    let asked = [till.ask(&[(tea, 1)])];
    till.push(&shop, &asked).await;
    assert_eq!(shop.level(tea, warehouse).await, (12, 11), "what is kept back may still be asked for");
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_correction_that_leaves_less_than_is_promised_is_a_concern() {
    let shop = Shop::open(64).await;
    let (warehouse, tea) = (shop.warehouse("Market").await, shop.product().await);
    let _till = shop.till("Kiosk", warehouse, true).await;
    let key = StockKey { product_id: tea, warehouse_id: warehouse };
    import(&shop, key, 5).await;
    import(&shop, key, -3).await;
    assert_eq!(shop.concern_kinds().await, ["unbacked"]);
    shop.keeps_its_laws().await;
    import(&shop, key, -3).await;
    assert_eq!(shop.concern_kinds().await, ["owed", "unbacked"]);
    shop.keeps_its_laws().await;
    import(&shop, key, 6).await;
    assert_eq!(shop.concern_kinds().await, Vec::<String>::new());
    shop.keeps_its_laws().await;
}

#[tokio::test]
async fn a_restart_stays_in_its_epoch_and_another_cluster_begins_the_next() {
    let shop = Shop::open(65).await;
    let again = async || {
        let server = Server::open(shop.database.config(), shop.world.clone()).await.unwrap();
        server.epoch().await.unwrap().epoch_id
    };
    let first = shop.server.epoch().await.unwrap().epoch_id;
    assert_eq!(again().await, first);
    assert_eq!(again().await, first);
    // The database is restored onto another cluster, and later promoted there.
    for change in ["system_identifier = '7'", "timeline = timeline + 1"] {
        let before = again().await;
        shop.client.execute(&format!("update epochs set {change}"), &[]).await.unwrap();
        assert_ne!(again().await, before);
    }
    let numbers = shop.client.query_one("select array_agg(number order by number) from epochs", &[]).await.unwrap();
    assert_eq!(numbers.get::<_, Vec<i64>>(0), [1, 2, 3]);
}

#[tokio::test]
async fn servers_that_start_at_once_agree_on_the_epoch() {
    let database = crate::testing::TestDatabase::create().await;
    let world: Arc<outpost_schema::world::Seeded> = Arc::new(outpost_schema::world::Seeded::new(66));
    let open = async || Server::open(database.config(), world.clone()).await.unwrap().epoch().await.unwrap();
    let (one, other) = tokio::join!(open(), open());
    assert_eq!((one.epoch_id, one.number), (other.epoch_id, 1));
}

#[tokio::test]
async fn the_currency_is_chosen_once() {
    let shop = Shop::open(67).await;
    let open = |code: &str| {
        let currency = Some(code.parse().unwrap());
        Server::open_with(shop.database.config(), shop.world.clone(), currency)
    };
    assert_eq!(open("USD").await.unwrap().currency, shop.server.currency);
    assert_eq!(open("EUR").await.unwrap_err().code(), "other_currency");
}
