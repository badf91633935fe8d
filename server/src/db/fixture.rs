//! A small network for tests of feed, holds and api, written straight into the tables.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use outpost_schema::{
    id::{IncarnationId, NodeId, ProductId, WarehouseId},
    journal::Mark,
    world::Seeded,
};
use outpost_sync::wire::{Caller, Standing};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{db::databases, server::Server, testing::TestDatabase};

/// What a journal says that has sent nothing.
pub(crate) const AT_START: Standing =
    Standing { incarnation_id: TILL.incarnation_id, head: Mark::START, acked: Mark::START };

/// A server, two warehouses, and two nodes: the till receives the first warehouse, the office both.
pub(crate) struct Network {
    pub(crate) server: Arc<Server>,
    pub(crate) world: Arc<Seeded>,
    pub(crate) database: TestDatabase,
    /// A connection of the test's own.
    pub(crate) client: Client,
}

pub(crate) const SHOP: WarehouseId = WarehouseId(Uuid::from_u128(0x51));
pub(crate) const DEPOT: WarehouseId = WarehouseId(Uuid::from_u128(0x52));
pub(crate) const TILL: Caller =
    Caller { node_id: NodeId(Uuid::from_u128(0x61)), incarnation_id: IncarnationId(Uuid::from_u128(0x71)) };
pub(crate) const OFFICE: Caller =
    Caller { node_id: NodeId(Uuid::from_u128(0x62)), incarnation_id: IncarnationId(Uuid::from_u128(0x72)) };

impl Network {
    pub(crate) async fn open(seed: u64) -> Self {
        let (database, world) = (TestDatabase::create().await, Arc::new(Seeded::new(seed)));
        let server = Arc::new(Server::open(database.config(), world.clone()).await.unwrap());
        let client = database.connect().await;
        client
            .batch_execute(
                "insert into warehouses (warehouse_id, name, created_at) values
                    ('00000000-0000-0000-0000-000000000051', 'Shop', now()),
                    ('00000000-0000-0000-0000-000000000052', 'Depot', now());
                insert into nodes (node_id, name, kind, warehouse_id, scope, prefix, created_at) values
                    ('00000000-0000-0000-0000-000000000061', 'Till', 'till',
                        '00000000-0000-0000-0000-000000000051', '{00000000-0000-0000-0000-000000000051}', 'T', now()),
                    ('00000000-0000-0000-0000-000000000062', 'Office', 'kiosk',
                        '00000000-0000-0000-0000-000000000052', '{00000000-0000-0000-0000-000000000051}', 'O', now());
                insert into incarnations (incarnation_id, node_id, number, created_at) values
                    ('00000000-0000-0000-0000-000000000071', '00000000-0000-0000-0000-000000000061', 1, now()),
                    ('00000000-0000-0000-0000-000000000072', '00000000-0000-0000-0000-000000000062', 1, now())",
            )
            .await
            .unwrap();
        Self { server, world, database, client }
    }

    /// Products with these numbers, with `balance` units of each in both warehouses.
    pub(crate) async fn stock(&self, numbers: std::ops::Range<u64>, balance: i64) {
        let products: Vec<Uuid> = numbers.map(|number| product(number).0).collect();
        self.client
            .execute(
                "with made as (
                    insert into products (product_id, name, created_at, updated_at)
                    select p, p::text, now(), now() from unnest($1::uuid[]) p
                    returning product_id
                )
                insert into stock (product_id, warehouse_id, balance, updated_at)
                select m.product_id, w, $2, now() from made m cross join unnest($3::uuid[]) w",
                &[&products, &balance, &vec![SHOP, DEPOT]],
            )
            .await
            .unwrap();
    }

    /// Every device sells there.
    pub(crate) async fn all_stand_in(&self, warehouse_id: WarehouseId) {
        self.client.execute("update nodes set warehouse_id = $1", &[&warehouse_id]).await.unwrap();
    }

    /// Nobody can connect to the database, and nobody is connected: as if Postgres had gone away.
    pub(crate) async fn close_the_door(&self) {
        let name = self.database.name();
        let outside = self.outside().await;
        outside.batch_execute(&format!("alter database {name} with allow_connections false")).await.unwrap();
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
        outside.execute(sql, &[&name]).await.unwrap();
    }

    /// Postgres is back.
    pub(crate) async fn open_the_door(&self) {
        let name = self.database.name();
        self.outside()
            .await
            .batch_execute(&format!("alter database {name} with allow_connections true"))
            .await
            .unwrap();
    }

    async fn outside(&self) -> Client {
        let mut config = self.database.config();
        databases::connect(config.dbname("postgres")).await.unwrap()
    }

    /// Something is wrong that no request is to blame for.
    pub(crate) async fn break_a_table(&self) {
        self.client.batch_execute("alter table feed rename to feed_elsewhere").await.unwrap();
    }
}

/// The product with that number.
pub(crate) fn product(number: u64) -> ProductId {
    ProductId(Uuid::from_u128(0x1000 + u128::from(number)))
}
