//! Brings a database to the tables that this program knows, one migration after another.
//!
//! Each migration is one transaction, taken under a lock that every server takes, so two servers
//! that start at once take turns and one that is killed leaves nothing half done. Migrations only
//! grow: the text of one that was applied never changes, and a database that knows more than this
//! program is left alone.

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_postgres::{Client, Transaction};

use crate::stage::{self, Moment};

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../migrations/server/", $name, ".sql")))),*]
    };
}

/// The server's migrations, by name, in the order in which they are applied.
///
/// A new one is a file in `migrations/server` and a line here; its name sorts after all others.
pub const MIGRATIONS: &[(&str, &str)] = embedded![
    "0001_network",
    "0002_catalogue",
    "0003_stock",
    "0004_orders",
    "0005_concerns",
    "0006_feed",
    "0007_lives",
    "0008_horizon",
    "0009_recovery",
    "0010_checks",
    "0011_backups",
    "0012_movements",
    "0013_counts",
    "0014_transfers",
    "0015_returns",
    "0016_devices",
    "0017_holds",
    "0018_rules",
    "0019_confirmations",
    "0020_sizing",
    "0021_withdrawals",
    "0022_synonyms",
    "0023_receipts_undone",
    "0024_left_homes",
];

/// The lock that every migrating server takes; any number will do that nothing else uses.
const LOCK: i64 = 0x6f75_7470_6f73_7401;

/// Why a database was not brought up to date. What was applied before stays applied.
#[derive(Debug, Error)]
pub enum MigrateError {
    /// The database has a migration that this program lacks.
    #[error(
        "the database has the migration {name}, which this program does not know, so it is from a newer version; \
         install that version of outpost-server, or restore a backup from before it"
    )]
    DatabaseIsNewer {
        /// The first such migration.
        name: String,
    },
    /// The text of a migration is not the one that was applied.
    #[error(
        "the migration {name} is not the one that was applied to this database; \
         give the file its old text back and put the change into a new migration"
    )]
    TextChanged {
        /// The first such migration.
        name: String,
    },
    /// A migration that sorts before one that was applied.
    #[error("the migration {name} comes before {after}, which was applied without it; rename it so that it comes last")]
    OutOfOrder {
        /// The one that was slipped in.
        name: String,
        /// The last one that was applied.
        after: String,
    },
    /// Postgres refused the migration; none of it remains.
    #[error(
        "the migration {name} failed and left nothing behind; mend what Postgres names and start again: {}",
        super::said(source)
    )]
    Failed {
        /// Which one.
        name: String,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
    /// The list of what was applied could not be read or written.
    #[error("the database's list of migrations cannot be used; check that it can be reached and written: {}", super::said(.0))]
    Database(#[from] tokio_postgres::Error),
}

impl MigrateError {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DatabaseIsNewer { .. } => "database_is_newer",
            Self::TextChanged { .. } => "migration_changed",
            Self::OutOfOrder { .. } => "migration_out_of_order",
            Self::Failed { .. } => "migration_failed",
            Self::Database(_) => "database_failed",
        }
    }
}

/// Applies what is missing of [`MIGRATIONS`] and says how many that were.
pub async fn migrate(client: &mut Client) -> Result<usize, MigrateError> {
    apply(client, MIGRATIONS).await
}

/// Applies what is missing of `list`, which is sorted by name, and says how many that were.
pub async fn apply(client: &mut Client, list: &[(&str, &str)]) -> Result<usize, MigrateError> {
    let mut applied_here = 0;
    loop {
        // The lock ends with the transaction, so it is never left behind, whatever happens to us.
        let tx = client.transaction().await?;
        tx.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        let Some((name, text)) = next(&applied(&tx).await?, list)? else {
            tx.commit().await?;
            return Ok(applied_here);
        };
        stage::reach_migration(name, Moment::Begun);
        apply_one(&tx, name, text).await?;
        stage::reach_migration(name, Moment::BeforeCommit);
        tx.commit().await?;
        stage::reach_migration(name, Moment::AfterCommit);
        tracing::info!(migration = name, "migration {name} applied");
        applied_here += 1;
    }
}

/// What a database knows of a migration: its name and the digest of its text.
type Applied = (String, String);

async fn applied(tx: &Transaction<'_>) -> Result<Vec<Applied>, MigrateError> {
    if tx.query_opt("select 1 where to_regclass('migrations') is null", &[]).await?.is_some() {
        tx.batch_execute(
            "create table migrations (
                name text constraint migrations_key primary key,
                digest text not null,
                applied_at timestamptz not null default now()
            )",
        )
        .await?;
    }
    let rows = tx.query("select name, digest from migrations order by name collate \"C\"", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn apply_one(tx: &Transaction<'_>, name: &str, text: &str) -> Result<(), MigrateError> {
    let failed = |source| MigrateError::Failed { name: name.into(), source };
    tx.batch_execute(text).await.map_err(failed)?;
    tx.execute("insert into migrations (name, digest) values ($1, $2)", &[&name, &digest(&[text])]).await?;
    Ok(())
}

/// The first migration that is still to be applied, if what was applied is the beginning of `list`.
fn next<'a>(applied: &[Applied], list: &[(&'a str, &'a str)]) -> Result<Option<(&'a str, &'a str)>, MigrateError> {
    for (name, applied_digest) in applied {
        let Some((_, text)) = list.iter().find(|(known, _)| known == name) else {
            return Err(MigrateError::DatabaseIsNewer { name: name.clone() });
        };
        if digest(&[text]) != *applied_digest {
            return Err(MigrateError::TextChanged { name: name.clone() });
        }
    }
    let missing = list.iter().find(|(name, _)| applied.iter().all(|(known, _)| known != name));
    if let Some((name, _)) = missing
        && let Some((after, _)) = applied.last()
        && *name < after.as_str()
    {
        return Err(MigrateError::OutOfOrder { name: (*name).into(), after: after.clone() });
    }
    Ok(missing.copied())
}

/// The digest of texts, each with its length, so that no two lists of texts look alike.
pub(crate) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::testing::TestDatabase;

    const FIRST: (&str, &str) = ("0001_words", "create table words (word text)");
    const SECOND: (&str, &str) = ("0002_tomato", "insert into words values ('tomato')");

    async fn words(client: &Client) -> i64 {
        client.query_one("select count(*) from words", &[]).await.unwrap().get(0)
    }

    #[test]
    fn every_file_is_embedded_in_the_order_of_names() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/server");
        let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "sql")).collect();
        files.sort();
        let names: Vec<_> = files.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, MIGRATIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn only_a_list_that_continues_what_was_applied_is_taken() {
        let known = |(name, text): (&str, &str)| (name.to_owned(), digest(&[text]));
        let changed = ("0001_words", "create table other ()");
        type Case<'a> = (&'a [Applied], &'a [(&'a str, &'a str)], Result<Option<&'a str>, &'a str>);
        let cases: [Case<'_>; 6] = [
            (&[], &[FIRST, SECOND], Ok(Some("0001_words"))),
            (&[known(FIRST)], &[FIRST, SECOND], Ok(Some("0002_tomato"))),
            (&[known(FIRST), known(SECOND)], &[FIRST, SECOND], Ok(None)),
            (&[known(FIRST), known(SECOND)], &[FIRST], Err("database_is_newer")),
            (&[known(FIRST)], &[changed, SECOND], Err("migration_changed")),
            (&[known(SECOND)], &[FIRST, SECOND], Err("migration_out_of_order")),
        ];
        for (applied, list, expected) in cases {
            let got = next(applied, list).map(|found| found.map(|(name, _)| name));
            assert_eq!(got.map_err(|error| error.code()), expected);
        }
    }

    #[tokio::test]
    async fn each_is_applied_once() {
        let database = TestDatabase::empty().await;
        let mut client = database.connect().await;
        assert_eq!(apply(&mut client, &[FIRST]).await.unwrap(), 1);
        assert_eq!(apply(&mut client, &[FIRST, SECOND]).await.unwrap(), 1);
        assert_eq!(apply(&mut client, &[FIRST, SECOND]).await.unwrap(), 0);
        assert_eq!(words(&client).await, 1);
    }

    #[tokio::test]
    async fn servers_that_start_at_once_take_turns() {
        let database = TestDatabase::empty().await;
        let (mut one, mut other) = (database.connect().await, database.connect().await);
        let list = [FIRST, SECOND];
        let (here, there) = tokio::join!(apply(&mut one, &list), apply(&mut other, &list));
        assert_eq!(here.unwrap() + there.unwrap(), 2);
        assert_eq!(words(&one).await, 1);
    }

    #[tokio::test]
    async fn one_that_fails_leaves_nothing_and_is_tried_again() {
        let database = TestDatabase::empty().await;
        let mut client = database.connect().await;
        let broken = ("0002_tomato", "insert into words values ('tomato'); select 1 / 0");
        let error = apply(&mut client, &[FIRST, broken]).await.unwrap_err();
        assert_eq!(error.code(), "migration_failed");
        assert!(error.to_string().contains("division by zero"), "{error}");
        assert_eq!(words(&client).await, 0);
        assert_eq!(apply(&mut client, &[FIRST, SECOND]).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn one_that_is_cut_short_leaves_no_lock_and_nothing_half_done() {
        let database = TestDatabase::empty().await;
        let (mut cut, mut next) = (database.connect().await, database.connect().await);
        apply(&mut next, &[FIRST]).await.unwrap();
        let endless = ("0002_tomato", "insert into words values ('tomato'); select pg_sleep(3600)");
        let list = [FIRST, endless];
        let mut cut_short = Box::pin(apply(&mut cut, &list));
        // Until the lock is seen taken, the endless one is on its way; then its server is killed.
        while next
            .query_one(
                "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
                &[],
            )
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            assert!(futures_util::poll!(&mut cut_short).is_pending());
        }
        drop(cut_short);
        let pid_gone = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
        next.execute(pid_gone, &[]).await.unwrap();
        assert_eq!(apply(&mut next, &[FIRST, SECOND]).await.unwrap(), 1);
        assert_eq!(words(&next).await, 1);
    }
}
