//! What nodes said of their comparing.

use outpost_schema::clock::Timestamp;
use outpost_sync::wire::{Caller, Report};
use serde::Serialize;

use super::Tx;
use crate::error::Error;

/// Keeps a node's report.
///
/// # Errors
/// [`Error::UnknownNode`], or what Postgres says.
pub async fn keep(tx: &Tx, caller: Caller, report: &Report, now: Timestamp) -> Result<(), Error> {
    let kept = tx
        .execute(
            "insert into checks as c (node_id, compared_at, walked_at, walked_rows, unexplained, mended)
             select i.node_id, $3, $4, $5, $6, $7 from incarnations i where i.node_id = $1 and i.incarnation_id = $2
             on conflict (node_id) do update
                 set compared_at = excluded.compared_at, walked_at = excluded.walked_at,
                     walked_rows = excluded.walked_rows, unexplained = excluded.unexplained,
                     mended = greatest(c.mended, excluded.mended)",
            &[
                &caller.node_id,
                &caller.incarnation_id,
                &now,
                &report.walked_at,
                &report.walked_rows,
                &report.unexplained,
                &report.mended,
            ],
        )
        .await?;
    if kept == 0 { Err(Error::UnknownNode) } else { Ok(()) }
}

/// When a node last compared itself, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckSeen {
    /// What people call the node.
    pub name: String,
    /// Its last slice; none if it never said.
    pub compared_at: Option<Timestamp>,
    /// The end of its last whole walk.
    pub walked_at: Option<Timestamp>,
    /// Aggregates compared in it.
    pub walked_rows: i64,
    /// Those that differ although each is as the book has it.
    pub unexplained: i64,
    /// Rows ever mended.
    pub mended: i64,
}

/// Every node, by name.
///
/// # Errors
/// What Postgres says.
pub async fn all(tx: &Tx) -> Result<Vec<CheckSeen>, Error> {
    let sql = "select n.name, c.compared_at, c.walked_at, coalesce(c.walked_rows, 0) as walked_rows,
                   coalesce(c.unexplained, 0) as unexplained, coalesce(c.mended, 0) as mended
               from nodes n left join checks c using (node_id) order by n.name";
    let seen = |row: &tokio_postgres::Row| {
        Ok(CheckSeen {
            name: row.try_get("name")?,
            compared_at: row.try_get("compared_at")?,
            walked_at: row.try_get("walked_at")?,
            walked_rows: row.try_get("walked_rows")?,
            unexplained: row.try_get("unexplained")?,
            mended: row.try_get("mended")?,
        })
    };
    tx.query(sql, &[]).await?.iter().map(seen).collect()
}
