//! The node's tables as this program knows them: the text that a node of the same version embeds.

use outpost_schema::journal::Hash;
use sha2::{Digest as _, Sha256};

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../migrations/node/", $name, ".sql")))),*]
    };
}

/// The node's migrations, by name, in the order in which they are applied. A node takes only a file
/// that has exactly its own, so one that is forgotten here costs speed and nothing else.
pub(super) const MIGRATIONS: &[(&str, &str)] = embedded![
    "0001_shop",
    "0002_stock",
    "0003_orders",
    "0004_line",
    "0005_lives",
    "0006_protocol",
    "0007_epochs",
    "0008_checks",
    "0009_filling",
    "0010_movements",
    "0011_counts",
    "0012_transfers",
    "0013_returns",
    "0014_heard_at",
    "0015_rules",
    "0016_confirmations",
    "0017_countings",
    "0018_sizing",
    "0019_search",
    "0020_synonyms",
    "0021_places",
];

/// Where the node notes what was applied.
pub(super) const APPLIED: &str = "create table migrations (
    name   text not null primary key,
    digest blob not null
) strict, without rowid";

/// What the file alone has: what it says of itself, and what belongs to single nodes. A node takes
/// its own of these and drops the tables.
pub(super) const OWN: &str = "
    create table file (
        format   integer not null,
        epoch    blob not null,
        cursor   text not null,
        seen     text not null,
        currency text not null,
        made_at  integer not null
    ) strict;
    create table file_scope (warehouse_id blob not null) strict;
    create table file_journals (
        node_id blob not null, incarnation_id blob not null, seq integer not null, hash blob not null,
        set_aside text not null
    ) strict;
    create table file_allotments (
        incarnation_id blob not null, product_id blob not null, warehouse_id blob not null,
        granted integer not null, reclaimed integer not null, full_mark integer not null, keep integer
    ) strict;
    create table file_concerns (
        concern_id blob not null, kind text not null, subject text not null, detail text not null,
        scope blob not null, opened_at integer not null, closed_at integer
    ) strict;
    create table file_rulings (incarnation_id blob not null, seq integer not null, verdict text not null) strict;
";

/// How the tables of [`OWN`] are to be read.
pub(super) const FORMAT: i64 = 1;

/// The digest of one migration, as the node keeps it.
pub(super) fn digest_of(sql: &str) -> Hash {
    Hash(Sha256::digest(sql).into())
}

/// Names the schema: the digest of its last migration.
pub fn digest() -> Hash {
    MIGRATIONS.last().map_or(Hash::START, |(_, sql)| digest_of(sql))
}
