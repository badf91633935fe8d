//! What people must look at, as the feed tells it.

use outpost_schema::{
    id::{ConcernId, NodeId},
    verdict::{Concern, ConcernKind},
};
use rusqlite::{Connection, Row, params};

use crate::error::Error;

/// Keeps a concern as told.
pub(crate) fn save(conn: &Connection, concern: &Concern) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into concerns (concern_id, kind, subject, detail, scope, opened_at, closed_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         on conflict (concern_id) do update set
             kind = excluded.kind, subject = excluded.subject, detail = excluded.detail, scope = excluded.scope,
             opened_at = excluded.opened_at, closed_at = excluded.closed_at",
    )?
    .execute(params![
        concern.concern_id,
        concern.kind,
        concern.subject,
        concern.detail.to_string(),
        concern.scope.as_bytes(),
        concern.opened_at,
        concern.closed_at
    ])?;
    Ok(())
}

/// Concerns, open ones first, then newest first.
pub(crate) fn list(conn: &Connection, limit: i64) -> Result<Vec<Concern>, Error> {
    let mut statement = conn.prepare_cached(
        "select concern_id, kind, subject, detail, scope, opened_at, closed_at from concerns
         order by closed_at is not null, opened_at desc limit ?1",
    )?;
    let rows = statement.query_map([limit], of_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Concern> {
    Ok(Concern {
        concern_id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        detail: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
        scope: uuid::Uuid::from_bytes(row.get(4)?),
        opened_at: row.get(5)?,
        closed_at: row.get(6)?,
    })
}

/// Whether head office has suspended this device: it says so by a concern, which is open as long as that holds.
/// That of a device which is retired is over, and holds for ever.
pub(crate) fn is_suspended(conn: &Connection, node_id: NodeId) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached(
        "select exists (
             select 1 from concerns
             where kind = ?1 and subject = ?2 and (closed_at is null or json_extract(detail, '$.retired')))",
    )?;
    Ok(statement.query_row(params![ConcernKind::Suspended, node_id.to_string()], |row| row.get(0))?)
}

/// How many are open.
pub(crate) fn count_open(conn: &Connection) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached("select count(*) from concerns where closed_at is null")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The concern left this node's scope.
pub(crate) fn forget(conn: &Connection, concern_id: ConcernId) -> Result<(), Error> {
    conn.prepare_cached("delete from concerns where concern_id = ?1")?.execute([concern_id])?;
    Ok(())
}
