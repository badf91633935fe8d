#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use outpost_sync::wire::Pulled;
use uuid::Uuid;

use super::*;
use crate::{
    db::fixture::{AT_START, Network, TILL, product},
    feed::{Limits, Unserved, cursor::Cursor, page},
};

const DAY: i64 = 24 * 60 * 60;

/// A network with ten products, of which nobody was told yet.
async fn network() -> Network {
    let network = Network::open(1).await;
    network.client.execute(&products(), &[]).await.unwrap();
    network
}

fn products() -> String {
    let ids: Vec<String> = (0..10).map(|number| format!("('{}'::uuid)", product(number))).collect();
    format!(
        "insert into products (product_id, name, created_at, updated_at)
        select p, p::text, now(), now() from (values {}) as v (p)",
        ids.join(", ")
    )
}

impl Network {
    async fn delete(&self, number: u64) {
        self.client.execute("delete from products where product_id = $1", &[&product(number)]).await.unwrap();
    }

    async fn pulled(&self, cursor: Option<&Cursor>) -> Result<(Cursor, usize), Unserved> {
        let served = page(&self.server, TILL, AT_START, cursor, Limits::default()).await?;
        let Pulled::Page(page) = served.pulled else { panic!("a page was expected: {:?}", served.pulled) };
        let gone = page.aggregates.iter().filter(|it| matches!(it, outpost_schema::feed::Aggregate::Gone(_)));
        Ok((page.cursor.parse().unwrap(), gone.count()))
    }

    async fn after(&self, days: i64) -> u64 {
        self.world.pass(days * DAY);
        look(&self.server, 30).await.unwrap()
    }

    /// Waits until every transaction that has begun is over: a snapshot knows those of other tests too.
    async fn quiet(&self) {
        let row = self.client.query_one("select pg_current_xact_id()::text::bigint", &[]).await.unwrap();
        let begun: i64 = row.get(0);
        while self.number("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint").await <= begun {}
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn notes_of_what_is_gone_are_kept_to_the_horizon_and_no_longer() {
    let network = network().await;
    let (away, _) = network.pulled(None).await.unwrap();
    network.delete(1).await;
    network.quiet().await;
    assert_eq!(network.after(0).await, 0);
    let (back, gone) = network.pulled(Some(&away)).await.unwrap();
    assert_eq!(gone, 1);
    network.delete(2).await;
    assert_eq!(network.after(29).await, 0, "both are younger");
    assert_eq!(network.pulled(Some(&away)).await.unwrap().1, 2, "whoever is away can still be told");
    assert_eq!(network.after(2).await, 1, "the first was gone when the first moment was noted");
    assert!(matches!(network.pulled(Some(&away)).await, Err(Unserved::TooLongAway)), "a ghost would stay");
    assert_eq!(network.pulled(Some(&back)).await.unwrap().1, 1, "who has heard it is told the rest one by one");
    assert_eq!(network.pulled(None).await.unwrap().1, 1, "who knows nothing yet misses nothing");
    assert_eq!(network.number("select count(*) from feed where gone").await, 1);
}

#[tokio::test]
async fn a_change_that_is_open_while_a_moment_is_noted_is_not_older_than_it() {
    let network = network().await;
    let (away, _) = network.pulled(None).await.unwrap();
    let slow = network.database.connect().await;
    slow.batch_execute("begin").await.unwrap();
    slow.execute("delete from products where product_id = $1", &[&product(1)]).await.unwrap();
    assert_eq!(network.after(0).await, 0);
    slow.batch_execute("commit").await.unwrap();
    network.quiet().await;
    assert_eq!(network.after(31).await, 0, "it ended after the moment was noted, whenever that was");
    assert_eq!(network.pulled(Some(&away)).await.unwrap().1, 1);
    assert_eq!(network.after(31).await, 1);
}

#[tokio::test]
async fn many_are_dropped_a_few_at_a_time() {
    let network = network().await;
    let sql = "insert into feed (kind, key, scope, changed, gone)
        select 3, uuid_send(gen_random_uuid()), $1, pg_current_xact_id(), true from generate_series(1, 5000)";
    network.client.execute(sql, &[&Uuid::nil()]).await.unwrap();
    network.quiet().await;
    network.after(0).await;
    assert_eq!(network.after(31).await, 5_000);
}

#[tokio::test]
async fn moments_of_another_life_and_of_a_clock_that_ran_ahead_are_void() {
    let network = network().await;
    network.delete(1).await;
    network.quiet().await;
    let other = "insert into feed_moments (epoch_id, at, upto) values (gen_random_uuid(), 'epoch', '9000000')";
    network.client.execute(other, &[]).await.unwrap();
    network.after(0).await;
    assert_eq!(network.number("select count(*) from feed_moments").await, 1, "the other life's is forgotten");
    let ahead = "insert into feed_moments (epoch_id, at, upto) select $1, '9000-01-01', pg_current_xact_id()";
    let epoch = network.server.epoch().await.unwrap().epoch_id;
    network.client.execute(ahead, &[&epoch]).await.unwrap();
    assert_eq!(network.after(1).await, 0);
    assert_eq!(network.number("select count(*) from feed_moments").await, 2, "hourly ones go on");

    // What an older life dropped says nothing about cursors of this one.
    let (cursor, _) = network.pulled(None).await.unwrap();
    let older = "update feed_horizon set dropped = '9000000', epoch_id = gen_random_uuid()";
    network.client.execute(older, &[]).await.unwrap();
    assert!(network.pulled(Some(&cursor)).await.is_ok());
    assert_eq!(network.after(31).await, 1);
    assert!(network.pulled(Some(&cursor)).await.is_ok(), "it counts anew");
}

#[tokio::test]
async fn one_at_a_time_looks() {
    let network = network().await;
    let other = network.database.connect().await;
    other.batch_execute("begin; select pg_advisory_xact_lock(8031453536740144133)").await.unwrap();
    network.after(0).await;
    assert_eq!(network.number("select count(*) from feed_moments").await, 0, "somebody else is at it");
    other.batch_execute("commit").await.unwrap();
    network.after(0).await;
    network.after(0).await;
    assert_eq!(network.number("select count(*) from feed_moments").await, 1, "one an hour");
}
