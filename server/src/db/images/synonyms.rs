//! Synonyms: everyone's.

use outpost_schema::feed::{Aggregate, Kind};
use uuid::Uuid;

use super::{Found, key_of};
use crate::{
    db::{Tx, synonyms},
    error::Error,
};

pub(super) async fn synonyms(tx: &Tx, ids: &[Uuid]) -> Result<Found, Error> {
    let sql = format!("select {} from synonyms where synonyms_id = any($1)", synonyms::COLUMNS);
    let image = |row| {
        let synonyms = synonyms::of_row(row)?;
        Ok((key_of(Kind::Synonyms, [synonyms.synonyms_id.0]), Aggregate::Synonyms(Box::new(synonyms))))
    };
    tx.query(&sql, &[&ids]).await?.iter().map(image).collect()
}
