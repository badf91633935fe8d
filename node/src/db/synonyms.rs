//! Synonyms that head office keeps, as the feed told them.

use outpost_schema::{
    id::SynonymsId,
    synonym::{Group, Phrase, Synonyms},
};
use rusqlite::{Connection, Row, params, types::Type};

use super::catalogue::json;
use crate::error::Error;

pub(super) const COLUMNS: &str = "synonyms_id, phrases, also, created_at";

pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Synonyms> {
    let phrases = |at| -> rusqlite::Result<Vec<Phrase>> {
        let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error));
        serde_json::from_str(row.get_ref(at)?.as_str()?).map_err(unreadable)
    };
    let group = Group { phrases: phrases(1)?, also: phrases(2)? };
    Ok(Synonyms { synonyms_id: row.get(0)?, group, created_at: row.get(3)? })
}

/// Keeps a group as told.
pub(crate) fn save(conn: &Connection, told: &Synonyms) -> Result<(), Error> {
    conn.prepare_cached(&format!(
        "insert into synonyms ({COLUMNS}) values (?1, ?2, ?3, ?4)
         on conflict (synonyms_id) do update set
             phrases = excluded.phrases, also = excluded.also, created_at = excluded.created_at"
    ))?
    .execute(params![told.synonyms_id, json(&told.group.phrases), json(&told.group.also), told.created_at])?;
    Ok(())
}

/// The group was taken out.
pub(crate) fn forget(conn: &Connection, synonyms_id: SynonymsId) -> Result<(), Error> {
    conn.prepare_cached("delete from synonyms where synonyms_id = ?1")?.execute([synonyms_id])?;
    Ok(())
}

/// What is another one with every change of them.
pub(crate) fn mark(conn: &Connection) -> Result<[u8; 8], Error> {
    Ok(conn.prepare_cached("select mark from synonyms_mark")?.query_row([], |row| row.get(0))?)
}

/// All groups, the first that was entered first. One that cannot be read says nothing here; a comparison with head
/// office mends it.
pub(crate) fn all(conn: &Connection) -> Result<Vec<Group>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {COLUMNS} from synonyms order by synonyms_id"))?;
    let rows = statement.query_map([], |row| Ok(of_row(row).ok()))?;
    let mut found = Vec::new();
    for synonyms in rows {
        found.extend(synonyms?.map(|synonyms| synonyms.group));
    }
    Ok(found)
}
