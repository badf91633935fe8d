//! A database that a seed leaves is as good as new.

use outpost_server::{server::Server, testing::TestDatabase};

use super::{
    super::{ground::Lent, rows::Rows},
    *,
};

#[tokio::test]
async fn an_emptied_database_equals_a_fresh_one_table_by_table() {
    let mut network = Network::open(1).await;
    let tea = network.product(0);
    network.tills[0].is_allotted(tea, 3).await;
    network.tills[0].sell(tea, 2);
    network.tills[2].sell(tea, 9);
    let (_, hold) = network.hold(2);
    network.does(&hold).await;
    network.all_level().await;
    network.office.back_up().await;
    network.does(&Deed::BeginSlow { product: tea }).await;
    let before = Rows::read(network.office.ground.auditor().client()).await;
    let full = before.sorted().values().filter(|rows| !rows.is_empty()).count();
    assert!(full > 20, "the day left something in {full} tables only");
    drop(network);

    let world = Arc::new(Seeded::new(7));
    let ground = Lent::emptied(&world).await;
    let emptied = Rows::read(ground.auditor().client()).await;
    let database = TestDatabase::create().await;
    let _server = Server::open(database.config(), Arc::new(Seeded::new(7))).await.expect("the server opens");
    let fresh = Rows::read(&database.connect().await).await;
    for ((name, emptied), (fresh_name, fresh)) in emptied.sorted().iter().zip(fresh.sorted()) {
        assert_eq!((*name, emptied), (fresh_name, &fresh));
    }
    assert_eq!(emptied.sorted().len(), fresh.sorted().len());
}

#[tokio::test]
async fn one_seed_is_one_beginning_whatever_was_there_before() {
    let mut beginnings = Vec::new();
    for seed in [3, 4, 3] {
        let network = Network::open(seed).await;
        beginnings.push((network.office.cards(), network.office.products()));
    }
    assert_eq!(beginnings[0], beginnings[2]);
    assert_ne!(beginnings[0], beginnings[1]);
}

#[tokio::test]
async fn the_database_has_no_counters_that_a_seed_could_leave_behind() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let sql = "select count(*) from pg_class where relkind in ('S', 'm', 'p')";
    let counters: i64 = client.query_one(sql, &[]).await.expect("a count").get(0);
    assert_eq!(counters, 0);
}
