#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use outpost_schema::{
    id::{ProductId, WarehouseId},
    rule::{Goods, RuleSort},
    stock::SalePolicy,
    world::Seeded,
};
use tokio_postgres::Client;
use uuid::Uuid;

use super::*;
use crate::{
    db::{
        rules::RuleSeen,
        shelf::{self, PromiseSort},
    },
    nodes,
    publish::{self, ProductNew},
    testing::TestDatabase,
};

struct Office {
    server: Server,
    outside: Client,
    shop: WarehouseId,
    tea: ProductId,
    cake: ProductId,
    _database: TestDatabase,
}

impl Office {
    async fn open() -> Self {
        let database = TestDatabase::create().await;
        let server = Server::open(database.config(), Arc::new(Seeded::new(3))).await.unwrap();
        let shop = nodes::add_warehouse(&server, "High Street").await.unwrap().warehouse_id;
        let add = async |sku: &str| {
            let new = ProductNew { sku: Some(sku.to_owned()), name: sku.to_owned(), ..ProductNew::default() };
            publish::create(&server, new).await.unwrap().product_id
        };
        let (tea, cake) = (add("TEA").await, add("CAKE").await);
        let outside = database.connect().await;
        Self { server, outside, shop, tea, cake, _database: database }
    }

    async fn all(&self, sort: RuleSort) -> Vec<RuleSeen> {
        self.server.db.snapshot(|tx| async move { rules::list(&tx, Some(sort), None, 100).await }).await.unwrap()
    }

    /// Whether the feed says of each rule that it is gone, and to whom.
    async fn feed(&self) -> Vec<(Uuid, bool)> {
        let rows = self.outside.query("select scope, gone from feed where kind = 20 order by key", &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn stock(&self, product: ProductId, balance: i64, promised: i64) {
        let sql = "insert into stock (product_id, warehouse_id, balance, promised, updated_at) values ($1, $2, $3, $4, now())";
        self.outside.execute(sql, &[&product, &self.shop, &balance, &promised]).await.unwrap();
    }

    async fn low(&self) -> Vec<(String, i64)> {
        let low = self.server.db.snapshot(|tx| async move { shelf::low(&tx, None, None, 100).await }).await.unwrap();
        low.into_iter().map(|row| (row.name, row.low_at)).collect()
    }
}

fn low(product_id: Option<ProductId>, warehouse_id: Option<WarehouseId>, units: i64) -> Says {
    Says::LowAt { product_id, warehouse_id, units }
}

#[tokio::test]
async fn a_rule_takes_the_place_of_the_one_about_the_same_and_is_told() {
    let office = Office::open().await;
    let policy = |policy| [Says::Policy { kind: None, goods: Goods::Product(office.tea), policy }];
    assert_eq!(lay_down(&office.server, &policy(SalePolicy::Strict)).await.unwrap(), 1);
    assert_eq!(lay_down(&office.server, &policy(SalePolicy::Strict)).await.unwrap(), 0, "nothing changed");
    assert_eq!(lay_down(&office.server, &policy(SalePolicy::Physical)).await.unwrap(), 1);
    let seen = office.all(RuleSort::Policy).await;
    assert_eq!((seen.len(), seen[0].product.as_deref()), (1, Some("TEA")));
    assert_eq!(seen[0].rule.says, policy(SalePolicy::Physical)[0]);
    assert_eq!(office.feed().await, [(Uuid::nil(), false)]);

    lay_down(&office.server, &[low(Some(office.tea), Some(office.shop), 5)]).await.unwrap();
    assert_eq!(office.feed().await[1], (office.shop.0, false), "only there");
    assert_eq!(take_back(&office.server, &policy(SalePolicy::Strict)).await.unwrap(), 1, "whatever it says");
    assert_eq!(office.feed().await[0], (Uuid::nil(), true));
    let kept = office.all(RuleSort::Low).await.remove(0);
    take_back_one(&office.server, kept.rule.rule_id).await.unwrap();
    assert_eq!(take_back_one(&office.server, kept.rule.rule_id).await.unwrap_err().code(), "not_found");
    assert!(office.feed().await.iter().all(|(_, gone)| *gone));
}

#[tokio::test]
async fn rules_are_all_laid_down_or_none() {
    let office = Office::open().await;
    let nobody = ProductId(Uuid::from_u128(7));
    let cases = [
        (vec![low(None, None, 1), low(Some(nobody), None, 1)], "not_found"),
        (vec![low(None, None, 1), low(None, None, 2)], "rule_twice"),
        (vec![low(None, None, 1), low(Some(office.tea), None, -1)], "amount_out_of_range"),
    ];
    for (says, code) in cases {
        assert_eq!(lay_down(&office.server, &says).await.unwrap_err().code(), code);
        assert_eq!(office.all(RuleSort::Low).await, [], "{code}");
    }
    // A product takes its rules along.
    lay_down(&office.server, &[low(Some(office.cake), None, 1)]).await.unwrap();
    publish::remove(&office.server, office.cake).await.unwrap();
    assert_eq!((office.all(RuleSort::Low).await.len(), office.feed().await), (0, vec![(Uuid::nil(), true)]));
}

#[tokio::test]
async fn goods_run_low_by_the_rule_that_is_about_the_least() {
    let office = Office::open().await;
    office.stock(office.tea, 5, 2).await;
    office.stock(office.cake, 0, 0).await;
    assert_eq!(office.low().await, [], "nothing is laid down");
    let steps = [
        (low(None, None, 0), vec![("CAKE", 0)]),
        (low(None, Some(office.shop), 5), vec![("TEA", 5), ("CAKE", 5)]),
        (low(Some(office.tea), None, 4), vec![("CAKE", 5)]),
        (low(Some(office.tea), Some(office.shop), 9), vec![("TEA", 9), ("CAKE", 5)]),
    ];
    for (says, expected) in steps {
        lay_down(&office.server, &[says]).await.unwrap();
        let expected: Vec<_> = expected.into_iter().map(|(name, units)| (name.to_owned(), units)).collect();
        assert_eq!(office.low().await, expected);
    }
}

#[tokio::test]
async fn a_row_is_looked_at_closely() {
    let office = Office::open().await;
    office.stock(office.tea, 5, 2).await;
    let sql = "insert into holds (hold_id, product_id, warehouse_id, amount, expires_at, created_at)
        values (gen_random_uuid(), $1, $2, 2, now(), now())";
    office.outside.execute(sql, &[&office.tea, &office.shop]).await.unwrap();
    let sql = "insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at, note)
        select $1, $2, n, 'received', gen_random_uuid(), 0, to_timestamp(n), 'opening stock' from generate_series(1, 5) n";
    office.outside.execute(sql, &[&office.tea, &office.shop]).await.unwrap();
    let tea = office.tea;
    let promises =
        office.server.db.snapshot(|tx| async move { shelf::promises(&tx, tea, None, 10).await }).await.unwrap();
    let seen: Vec<_> = promises.iter().map(|one| (one.sort, one.units, one.warehouse.as_str())).collect();
    assert_eq!(seen, [(PromiseSort::Hold, 2, "High Street")]);
    let (mut deltas, mut older_than) = (Vec::new(), None);
    loop {
        let work = |tx| async move { shelf::movements(&tx, tea, None, older_than, 2).await };
        let page = office.server.db.snapshot(work).await.unwrap();
        let Some(last) = page.last() else { break };
        older_than = Some(last.place);
        deltas.extend(page.iter().map(|moved| moved.delta));
    }
    assert_eq!(deltas, [5, 4, 3, 2, 1], "the newest first, each once");
}
