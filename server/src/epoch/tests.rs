#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{fs::Permissions, os::unix::fs::PermissionsExt, process::Command};

use outpost_sync::wire::{Page, Pulled};

use super::*;
use crate::{
    cluster::{Cluster as Private, DATABASE, Durability},
    db::{
        Db, databases,
        fixture::{AT_START, Network, TILL},
    },
    feed::{Limits, cursor::Cursor, page},
};

fn cluster(system_identifier: &str, timeline: i32) -> Cluster {
    Cluster { system_identifier: system_identifier.to_owned(), timeline }
}

#[test]
fn another_cluster_or_another_timeline_is_another_life() {
    let was = cluster("7", 1);
    assert_eq!(compare(None, &was), Some(Reason::First));
    assert_eq!(compare(Some(&was), &was), None);
    assert_eq!(compare(Some(&was), &cluster("7", 2)), Some(Reason::Promoted { was: 1, is: 2 }));
    assert_eq!(compare(Some(&cluster("7", 2)), &was), Some(Reason::Promoted { was: 2, is: 1 }), "set back to a moment");
    for other in [cluster("8", 1), cluster("8", 2)] {
        assert_eq!(compare(Some(&was), &other), Some(Reason::OtherCluster { was: was.clone() }));
    }
}

async fn begin_now(network: &Network) -> Epoch {
    let reason = &Reason::Restored { from: "a test".to_owned() };
    let world = &*network.world;
    network.server.db.transaction(|tx| async move { begin(&tx, world, reason).await }).await.unwrap()
}

async fn pulled(server: &Server, cursor: Option<&Cursor>) -> Pulled {
    page(server, TILL, AT_START, cursor, Limits::default()).await.unwrap().pulled
}

async fn a_page(server: &Server, cursor: Option<&Cursor>) -> Page {
    let pulled = pulled(server, cursor).await;
    let Pulled::Page(page) = pulled else { panic!("a page was expected: {pulled:?}") };
    *page
}

#[tokio::test]
async fn a_cursor_of_the_last_epoch_is_told_of_the_next() {
    let network = Network::open(300).await;
    network.stock(0..3, 5).await;
    let before = a_page(&network.server, None).await;
    assert!(!before.recovering);
    let epoch = begin_now(&network).await;
    let cursor: Cursor = before.cursor.parse().unwrap();
    assert_eq!(pulled(&network.server, Some(&cursor)).await, Pulled::OtherEpoch { epoch: epoch.epoch_id });
    let after = a_page(&network.server, None).await;
    assert!(after.recovering && after.epoch == epoch.epoch_id && after.aggregates.len() == before.aggregates.len());
}

/// A pool of a server that runs, and whose database was promoted or moved since.
#[tokio::test]
async fn every_new_connection_is_looked_at_before_it_is_used() {
    let network = Network::open(301).await;
    for (change, reason, number) in
        [("timeline = timeline + 1", "promoted", 2), ("system_identifier = '7'", "other_cluster", 3)]
    {
        let sql = format!("update epochs set {change} where number = (select max(number) from epochs)");
        network.client.execute(&sql, &[]).await.unwrap();
        let former = network.server.epoch().await.unwrap().cluster;
        // Two processes notice it, one begins the epoch.
        for _ in 0..2 {
            let config = network.database.config();
            let moved = crate::server::moved(Db::new(config.clone()), network.world.clone());
            let db = Db::guarded(config, former.clone(), moved);
            for _ in 0..2 {
                let epoch = db.snapshot(|tx| async move { epochs::newest(&tx).await }).await.unwrap().unwrap();
                assert_eq!((epoch.number, epoch.reason.as_str(), epoch.is_recovering()), (number, reason, true));
            }
        }
    }
}

#[tokio::test]
async fn a_data_folder_that_was_copied_back_is_noticed() {
    let network = Network::open(302).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("server");
    let file = high_water::beside(&data);
    assert_eq!(file, folder.path().join("server.high-water"));
    let number = async || network.server.epoch().await.unwrap().number;
    high_water::look(&network.server, &file).await.unwrap();
    high_water::look(&network.server, &file).await.unwrap();
    assert_eq!(number().await, 1, "it only goes on");

    let text = std::fs::read_to_string(&file).unwrap();
    let ahead = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("xmax")).unwrap().to_owned();
        text.replace(&line, "xmax = 9000000000")
    };
    std::fs::write(&file, ahead(&text)).unwrap();
    high_water::look(&network.server, &file).await.unwrap();
    assert_eq!(network.server.epoch().await.unwrap().reason, "set_back");
    assert_eq!(number().await, 2);
    high_water::look(&network.server, &file).await.unwrap();
    assert_eq!(number().await, 2, "it is noticed once");

    // One that is of a later epoch, of another network, or damaged.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("number = 2", "number = 3")).unwrap();
    high_water::look(&network.server, &file).await.unwrap();
    assert_eq!(number().await, 3);
    let other = Network::open(303).await;
    high_water::look(&other.server, &file).await.unwrap();
    assert_eq!(other.server.epoch().await.unwrap().number, 1);
    std::fs::write(&file, "tomato").unwrap();
    high_water::look(&network.server, &file).await.unwrap();
    assert_eq!(number().await, 3);
    assert!(std::fs::read_to_string(&file).unwrap().contains("network"), "it is written anew");
}

/// Moved by a dump: the numbers that the feed holds are from a cluster that had come further.
#[tokio::test]
async fn a_network_that_is_moved_to_a_fresh_cluster_tells_everything_anew() {
    let network = Network::open(304).await;
    network.stock(0..20, 5).await;
    network
        .client
        .batch_execute("update feed_horizon set dropped = '5000000000'; update feed set changed = '6000000000'")
        .await
        .unwrap();
    let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap();
    let fresh = Private::start_with(&folder.path().join("data"), Durability::Throwaway).await.unwrap();
    let dump = Command::new("pg_dump").arg("--format=plain").arg(network.database.url()).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let file = folder.path().join("network.sql");
    std::fs::write(&file, dump.stdout).unwrap();
    let loaded =
        Command::new("psql").args(["--quiet", "--no-psqlrc", "--file"]).arg(&file).arg(fresh.url(DATABASE)).output();
    assert!(loaded.unwrap().status.success());

    let server = Server::open(fresh.config(DATABASE), network.world.clone()).await.unwrap();
    let epoch = server.epoch().await.unwrap();
    assert_eq!((epoch.number, epoch.reason.as_str(), epoch.is_recovering()), (2, "other_cluster", true));
    let page = a_page(&server, None).await;
    let products = page.aggregates.iter().filter(|told| matches!(told, outpost_schema::feed::Aggregate::Product(_)));
    assert_eq!((products.count(), page.level), (20, true), "nothing lies in a future that never comes");
    let client = databases::connect(&fresh.config(DATABASE)).await.unwrap();
    let horizon: String = client.query_one("select dropped::text from feed_horizon", &[]).await.unwrap().get(0);
    assert_eq!(horizon, "0");
    let cursor: Cursor = page.cursor.parse().unwrap();
    assert!(matches!(pulled(&server, Some(&cursor)).await, Pulled::Page(page) if page.aggregates.is_empty()));
    drop(server);
    fresh.stop().unwrap();
}

#[tokio::test]
async fn a_network_without_devices_has_nobody_to_hear() {
    let network = Network::open(305).await;
    network.client.execute("update incarnations set state = 'superseded'", &[]).await.unwrap();
    assert!(!begin_now(&network).await.is_recovering(), "what was granted to a life that is over is known");
}
