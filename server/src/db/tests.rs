//! What a transaction promises to whoever writes one.

use std::{
    future::pending,
    pin::pin,
    sync::atomic::{AtomicU32, Ordering},
};

use futures_util::{future::join_all, poll};

use super::*;
use crate::testing::TestDatabase;

async fn rows(tx: &Tx) -> i64 {
    tx.query_one("select count(*) from settings", &[]).await.unwrap().get(0)
}

async fn insert(tx: &Tx, name: &str) -> Result<u64, Error> {
    tx.execute("insert into settings (name, value) values ($1, '')", &[&name]).await
}

#[tokio::test]
async fn what_fails_leaves_nothing_and_the_connection_is_clean() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    let failed = db
        .transaction(|tx| async move {
            insert(&tx, "one").await?;
            insert(&tx, "one").await
        })
        .await;
    let error = failed.unwrap_err();
    assert_eq!(error.constraint(), Some("settings_pkey"));
    assert!(error.is_overtaken() && !error.is_worth_another_try());
    assert_eq!(db.transaction(|tx| async move { Ok(rows(&tx).await) }).await.unwrap(), 0);
}

#[tokio::test]
#[should_panic(expected = "passed over")]
async fn an_error_that_is_passed_over_is_not_taken_for_a_commit() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    let work = |tx: Tx| async move {
        insert(&tx, "one").await?;
        let _passed_over = insert(&tx, "one").await;
        Ok(())
    };
    db.transaction(work).await.unwrap();
}

#[tokio::test]
async fn work_that_is_abandoned_is_never_committed() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    let begun = AtomicU32::new(0);
    {
        let mut abandoned = pin!(db.transaction(|tx| {
            let begun = &begun;
            async move {
                insert(&tx, "one").await?;
                begun.store(1, Ordering::SeqCst);
                pending::<Result<(), Error>>().await
            }
        }));
        while begun.load(Ordering::SeqCst) == 0 {
            assert!(poll!(abandoned.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
    }
    // The row's name is free as soon as Postgres sees the connection gone.
    db.transaction(|tx| async move { insert(&tx, "one").await }).await.unwrap();
    assert_eq!(db.transaction(|tx| async move { Ok(rows(&tx).await) }).await.unwrap(), 1);
}

#[tokio::test]
async fn a_deadlock_is_tried_again_until_both_are_done() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    db.transaction(|tx| async move { insert(&tx, "a").await }).await.unwrap();
    db.transaction(|tx| async move { insert(&tx, "b").await }).await.unwrap();
    let tries = AtomicU32::new(0);
    let touch = |first: &'static str, second: &'static str| {
        let (db, tries) = (&db, &tries);
        async move {
            db.transaction(|tx| async move {
                let sql = "update settings set value = value || 'x' where name = $1";
                tx.execute(sql, &[&first]).await?;
                // Both hold their first row before either asks for its second, the first time round.
                tries.fetch_add(1, Ordering::SeqCst);
                while tries.load(Ordering::SeqCst) < 2 {
                    tokio::task::yield_now().await;
                }
                tx.execute(sql, &[&second]).await
            })
            .await
        }
    };
    let (one, other) = tokio::join!(touch("a", "b"), touch("b", "a"));
    assert_eq!((one.unwrap(), other.unwrap()), (1, 1));
    assert!(tries.load(Ordering::SeqCst) > 2, "one of them was tried again");
    let value = db
        .transaction(|tx| async move { tx.query_one("select string_agg(value, '') from settings", &[]).await })
        .await
        .unwrap();
    assert_eq!(value.get::<_, &str>(0), "xxxx", "each once");
}

#[tokio::test]
async fn a_connection_that_is_gone_is_replaced_before_anything_is_lost() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    let tries = AtomicU32::new(0);
    let done = db
        .transaction(|tx| {
            let (tries, database) = (&tries, &database);
            async move {
                insert(&tx, "one").await?;
                if tries.fetch_add(1, Ordering::SeqCst) == 0 {
                    let pid: i32 = tx.query_one("select pg_backend_pid()", &[]).await?.get(0);
                    let killer = database.connect().await;
                    killer.execute("select pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
                }
                Ok(tx.query_one("select count(*) from settings", &[]).await?.get(0))
            }
        })
        .await;
    assert_eq!((done.unwrap(), tries.load(Ordering::SeqCst)), (1_i64, 2));
}

#[tokio::test]
async fn a_snapshot_reads_one_moment_and_writes_nothing() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    let seen = db
        .snapshot(|tx| {
            let db = &db;
            async move {
                let before = rows(&tx).await;
                db.transaction(|tx| async move { insert(&tx, "one").await }).await?;
                Ok((before, rows(&tx).await))
            }
        })
        .await;
    assert_eq!(seen.unwrap(), (0, 0));
    let written = db.snapshot(|tx| async move { insert(&tx, "two").await }).await;
    assert_eq!(written.unwrap_err().code(), "database_failed");
}

#[tokio::test]
async fn more_callers_than_connections_take_turns() {
    let database = TestDatabase::create().await;
    let db = Db::new(database.config());
    let callers = (0..CONNECTIONS_MAX * 2).map(|caller| {
        let db = &db;
        async move {
            let name = &caller.to_string();
            db.transaction(|tx| async move { insert(&tx, name).await }).await
        }
    });
    assert!(join_all(callers).await.into_iter().all(|done| matches!(done, Ok(1))));
}
