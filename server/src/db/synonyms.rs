//! Synonyms that head office keeps: one row a group.

use outpost_schema::{
    clock::Timestamp,
    id::SynonymsId,
    synonym::{Group, Phrase, Synonyms},
};
use tokio_postgres::Row;

use super::Tx;
use crate::error::Error;

/// The columns of [`of_row`].
pub(super) const COLUMNS: &str = "synonyms_id, phrases, also, created_at";

/// A group, read from its row.
///
/// # Errors
/// If it is no group.
pub(super) fn of_row(row: &Row) -> Result<Synonyms, Error> {
    let (phrases, also): (Vec<String>, Vec<String>) = (row.try_get("phrases")?, row.try_get("also")?);
    let (synonyms_id, created_at) = (row.try_get("synonyms_id")?, row.try_get("created_at")?);
    Ok(Synonyms { synonyms_id, group: Group::of(&phrases, &also)?, created_at })
}

/// Groups in the order in which they were entered, after one.
///
/// # Errors
/// What Postgres says, or a row that cannot be read.
pub async fn list(tx: &Tx, after: Option<SynonymsId>, limit: i64) -> Result<Vec<Synonyms>, Error> {
    let sql = format!(
        "select {COLUMNS} from synonyms where $1::uuid is null or synonyms_id > $1 order by synonyms_id limit $2"
    );
    tx.query(&sql, &[&after, &limit]).await?.iter().map(of_row).collect()
}

/// All groups. Whoever else would change them waits until this transaction is over: what may be added depends on all.
///
/// # Errors
/// What Postgres says, or a row that cannot be read.
pub async fn locked(tx: &Tx) -> Result<Vec<Synonyms>, Error> {
    tx.execute("lock table synonyms in share row exclusive mode", &[]).await?;
    list(tx, None, i64::MAX).await
}

/// Enters groups.
///
/// # Errors
/// What Postgres says.
pub async fn add(tx: &Tx, groups: &[(SynonymsId, &Group)], at: Timestamp) -> Result<(), Error> {
    let sql = format!("insert into synonyms ({COLUMNS}) values ($1, $2, $3, $4)");
    let texts = |phrases: &[Phrase]| phrases.iter().map(Phrase::to_string).collect::<Vec<_>>();
    for (synonyms_id, group) in groups {
        tx.execute(&sql, &[synonyms_id, &texts(&group.phrases), &texts(&group.also), &at]).await?;
    }
    Ok(())
}

/// Takes groups out. Says how many there were.
///
/// # Errors
/// What Postgres says.
pub async fn remove(tx: &Tx, groups: &[SynonymsId]) -> Result<u64, Error> {
    tx.execute("delete from synonyms where synonyms_id = any($1)", &[&groups]).await
}
