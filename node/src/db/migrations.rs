//! The database's tables, grown one migration at a time, each in a transaction of its own. A database
//! that something was written to is copied before the first of them.

use std::path::Path;

use outpost_schema::journal::Hash;
use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::former;
use crate::{
    error::Error,
    stage::{self, Moment},
};

/// One step: its name and its SQL.
type Migration = (&'static str, &'static str);

const MIGRATIONS: &[Migration] = &[
    ("0001_shop", include_str!("../../../migrations/node/0001_shop.sql")),
    ("0002_stock", include_str!("../../../migrations/node/0002_stock.sql")),
    ("0003_orders", include_str!("../../../migrations/node/0003_orders.sql")),
    ("0004_line", include_str!("../../../migrations/node/0004_line.sql")),
    ("0005_lives", include_str!("../../../migrations/node/0005_lives.sql")),
    ("0006_protocol", include_str!("../../../migrations/node/0006_protocol.sql")),
    ("0007_epochs", include_str!("../../../migrations/node/0007_epochs.sql")),
    ("0008_checks", include_str!("../../../migrations/node/0008_checks.sql")),
    ("0009_filling", include_str!("../../../migrations/node/0009_filling.sql")),
    ("0010_movements", include_str!("../../../migrations/node/0010_movements.sql")),
    ("0011_counts", include_str!("../../../migrations/node/0011_counts.sql")),
    ("0012_transfers", include_str!("../../../migrations/node/0012_transfers.sql")),
    ("0013_returns", include_str!("../../../migrations/node/0013_returns.sql")),
    ("0014_heard_at", include_str!("../../../migrations/node/0014_heard_at.sql")),
    ("0015_rules", include_str!("../../../migrations/node/0015_rules.sql")),
    ("0016_confirmations", include_str!("../../../migrations/node/0016_confirmations.sql")),
    ("0017_countings", include_str!("../../../migrations/node/0017_countings.sql")),
    ("0018_sizing", include_str!("../../../migrations/node/0018_sizing.sql")),
    ("0019_search", include_str!("../../../migrations/node/0019_search.sql")),
    ("0020_synonyms", include_str!("../../../migrations/node/0020_synonyms.sql")),
    ("0021_places", include_str!("../../../migrations/node/0021_places.sql")),
];

const APPLIED: &str = "create table if not exists migrations (
    name   text not null primary key,
    digest blob not null
) strict, without rowid";

/// Brings the database in `file` to this program's schema; whatever was applied before must be as it
/// was then. Says how many migrations that took.
///
/// # Errors
/// `newer_schema`, `changed_migration`, `no_room_to_migrate`, or what the disk says. The database is
/// then at one of the migrations, whole.
pub(super) fn migrate(conn: &mut Connection, file: &Path) -> Result<usize, Error> {
    migrate_by(conn, MIGRATIONS, |conn, first| former::keep(conn, file, first))
}

/// Whether the database has exactly this program's schema.
pub(super) fn is_current(conn: &Connection) -> Result<bool, Error> {
    let ours = MIGRATIONS.iter().map(|(name, sql)| ((*name).to_owned(), digest_of(sql)));
    let has_list = conn.prepare("select 1 from sqlite_schema where name = 'migrations'")?.exists([])?;
    Ok(has_list && applied(conn)?.into_iter().eq(ours))
}

/// The names of the migrations, in order.
pub(crate) fn names() -> Vec<&'static str> {
    MIGRATIONS.iter().map(|(name, _)| *name).collect()
}

/// Names this program's schema: the digest of its last migration.
pub(crate) fn schema() -> Hash {
    MIGRATIONS.last().map_or(Hash::START, |(_, sql)| digest_of(sql))
}

fn migrate_by(
    conn: &mut Connection,
    migrations: &[Migration],
    keep_former: impl FnOnce(&Connection, &'static str) -> Result<(), Error>,
) -> Result<usize, Error> {
    conn.execute_batch(APPLIED)?;
    let applied = applied(conn)?;
    for ((name, digest), migration) in applied.iter().zip(migrations.iter().map(Some).chain(std::iter::repeat(None))) {
        let (expected, sql) = migration.ok_or_else(|| Error::NewerSchema { name: name.clone() })?;
        if name != expected {
            return Err(Error::NewerSchema { name: name.clone() });
        }
        if *digest != digest_of(sql) {
            return Err(Error::ChangedMigration { name: name.clone() });
        }
    }
    let missing = &migrations[applied.len()..];
    if let (Some((first, _)), false) = (missing.first(), applied.is_empty()) {
        keep_former(conn, first)?;
    }
    missing.iter().try_for_each(|migration| apply(conn, *migration))?;
    Ok(missing.len())
}

fn applied(conn: &Connection) -> Result<Vec<(String, Hash)>, Error> {
    let mut statement = conn.prepare("select name, digest from migrations order by name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn apply(conn: &mut Connection, (name, sql): Migration) -> Result<(), Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    stage::reach_migration(name, Moment::Begun);
    tx.execute_batch(sql)?;
    tx.execute("insert into migrations (name, digest) values (?1, ?2)", params![name, digest_of(sql)])?;
    stage::reach_migration(name, Moment::BeforeCommit);
    tx.commit()?;
    stage::reach_migration(name, Moment::AfterCommit);
    Ok(())
}

fn digest_of(sql: &str) -> Hash {
    Hash(Sha256::digest(sql).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration = ("0001_a", "create table a (x integer) strict;");
    const SECOND: Migration = ("0002_b", "create table b (x integer) strict;");

    fn migrated(steps: &[&[Migration]]) -> Result<(), Error> {
        let mut conn = Connection::open_in_memory().expect("memory");
        steps.iter().try_for_each(|step| by(&mut conn, step).map(drop))
    }

    fn by(conn: &mut Connection, migrations: &[Migration]) -> Result<usize, Error> {
        migrate_by(conn, migrations, |_, _| Ok(()))
    }

    #[test]
    fn migrations_are_applied_once_and_then_grow() {
        migrated(&[&[FIRST], &[FIRST], &[FIRST, SECOND]]).expect("grows");
    }

    #[test]
    fn a_newer_database_is_told_from_a_changed_one() {
        let newer = migrated(&[&[FIRST, SECOND], &[FIRST]]).expect_err("newer");
        assert_eq!((newer.code(), newer.to_string().contains("0002_b")), ("newer_schema", true));
        let changed = migrated(&[&[FIRST], &[("0001_a", "create table a (y integer) strict;")]]).expect_err("changed");
        assert_eq!(changed.code(), "changed_migration");
    }

    #[test]
    fn a_migration_that_fails_midway_leaves_nothing() {
        let mut conn = Connection::open_in_memory().expect("memory");
        let broken = ("0002_b", "create table b (x integer) strict; create table a (x integer) strict;");
        by(&mut conn, &[FIRST, broken]).expect_err("a is there already");
        by(&mut conn, &[FIRST, SECOND]).expect("nothing of the broken one stayed");
    }

    fn tables(conn: &Connection) -> Vec<String> {
        let mut statement =
            conn.prepare("select name from sqlite_schema where type = 'table' order by name").expect("reads");
        let rows = statement.query_map([], |row| row.get(0)).expect("reads");
        rows.collect::<Result<_, _>>().expect("reads")
    }

    #[test]
    fn what_was_there_is_copied_before_it_is_changed_and_forgotten_later() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = folder.path().join("some.db");
        let mut conn = Connection::open(&file).expect("opens");
        let copy = |conn: &Connection, first: &'static str| former::keep(conn, &file, first);
        migrate_by(&mut conn, &[FIRST], copy).expect("made");
        assert_eq!(former::copies(&file).expect("readable").len(), 0, "nothing was there before");
        conn.execute("insert into a (x) values (7)", []).expect("written");
        assert_eq!(migrate_by(&mut conn, &[FIRST, SECOND], copy).expect("grows"), 1);
        let copies = former::copies(&file).expect("readable");
        assert_eq!(copies, [folder.path().join("some.db.before-0002_b")]);
        let former = Connection::open(&copies[0]).expect("opens");
        let kept: i64 = former.query_row("select x from a", [], |row| row.get(0)).expect("reads");
        assert_eq!((kept, tables(&former), tables(&conn).len()), (7, vec!["a".to_owned(), "migrations".to_owned()], 3));
        former::forget(&file).expect("removed");
        assert_eq!(former::copies(&file).expect("readable").len(), 0);
    }

    #[test]
    fn without_a_copy_nothing_is_changed() {
        let mut conn = Connection::open_in_memory().expect("memory");
        by(&mut conn, &[FIRST]).expect("made");
        let no_room = |_: &Connection, _: &str| Err(Error::NoRoomToMigrate { needed: 7 });
        let error = migrate_by(&mut conn, &[FIRST, SECOND], no_room).expect_err("no room");
        assert_eq!((error.code(), tables(&conn).len()), ("no_room_to_migrate", 2));
    }
}
