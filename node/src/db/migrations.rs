//! The database's tables, grown one migration at a time, each in a transaction of its own.

use outpost_schema::journal::Hash;
use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use crate::{error::Error, stage};

/// One step: its name and its SQL.
type Migration = (&'static str, &'static str);

const MIGRATIONS: &[Migration] = &[
    ("0001_shop", include_str!("../../../migrations/node/0001_shop.sql")),
    ("0002_stock", include_str!("../../../migrations/node/0002_stock.sql")),
    ("0003_orders", include_str!("../../../migrations/node/0003_orders.sql")),
    ("0004_line", include_str!("../../../migrations/node/0004_line.sql")),
    ("0005_lives", include_str!("../../../migrations/node/0005_lives.sql")),
    ("0007_checks", include_str!("../../../migrations/node/0007_checks.sql")),
];

const APPLIED: &str = "create table if not exists migrations (
    name   text not null primary key,
    digest blob not null
) strict, without rowid";

/// Brings the database to this program's schema; whatever was applied before must be as it was then.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), Error> {
    migrate_by(conn, MIGRATIONS)
}

fn migrate_by(conn: &mut Connection, migrations: &[Migration]) -> Result<(), Error> {
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
    migrations.iter().skip(applied.len()).try_for_each(|migration| apply(conn, *migration))
}

fn applied(conn: &Connection) -> Result<Vec<(String, Hash)>, Error> {
    let mut statement = conn.prepare("select name, digest from migrations order by name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn apply(conn: &mut Connection, (name, sql): Migration) -> Result<(), Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql)?;
    tx.execute("insert into migrations (name, digest) values (?1, ?2)", params![name, digest_of(sql)])?;
    stage::reach("migration.before_commit");
    tx.commit()?;
    stage::reach("migration.after_commit");
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
        steps.iter().try_for_each(|step| migrate_by(&mut conn, step))
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
        migrate_by(&mut conn, &[FIRST, broken]).expect_err("a is there already");
        migrate_by(&mut conn, &[FIRST, SECOND]).expect("nothing of the broken one stayed");
    }
}
