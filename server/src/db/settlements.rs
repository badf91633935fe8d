//! What people did about concerns, and the acts by which head office puts things right itself.

use outpost_schema::{
    clock::Timestamp,
    id::{ConcernId, UserId},
    settlement::Settlement,
    stock::StockKey,
    verdict::ConcernKind,
};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Tx, written_off::Act};
use crate::error::Error;

/// A concern that is locked.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// Which.
    pub concern_id: ConcernId,
    /// Its sort.
    pub kind: ConcernKind,
    /// What it is about.
    pub subject: String,
    /// Its figures.
    pub detail: Value,
    /// Whether it is over.
    pub is_over: bool,
}

/// Locks a concern; none if there is no such concern.
///
/// # Errors
/// If Postgres fails.
pub async fn lock(tx: &Tx, concern_id: ConcernId) -> Result<Option<Locked>, Error> {
    let sql = "select concern_id, kind, subject, detail, closed_at is not null as is_over
               from concerns where concern_id = $1 for no key update";
    let read = |row: Row| {
        Ok(Locked {
            concern_id: row.try_get("concern_id")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject")?,
            detail: row.try_get("detail")?,
            is_over: row.try_get("is_over")?,
        })
    };
    tx.query_opt(sql, &[&concern_id]).await?.map(read).transpose()
}

/// What somebody did about a concern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Names it.
    pub settlement_id: Uuid,
    /// About which concern.
    pub concern_id: ConcernId,
    /// What.
    pub settlement: Settlement,
    /// Who.
    pub by: String,
    /// What they say of it.
    pub note: Option<String>,
    /// What put it right, where that was done elsewhere.
    pub act: Option<String>,
    /// Whether the concern was over with it.
    pub closed: bool,
    /// When.
    pub at: Timestamp,
}

const SETTLED: &str =
    "select settlement_id, concern_id, settlement, by_whom, note, act, closed, settled_at from settlements";

fn settled(row: &Row) -> Result<Settled, Error> {
    Ok(Settled {
        settlement_id: row.try_get("settlement_id")?,
        concern_id: row.try_get("concern_id")?,
        settlement: row.try_get("settlement")?,
        by: row.try_get("by_whom")?,
        note: row.try_get("note")?,
        act: row.try_get("act")?,
        closed: row.try_get("closed")?,
        at: row.try_get("settled_at")?,
    })
}

/// The settlement with this id, if it was made.
///
/// # Errors
/// If Postgres fails.
pub async fn find(tx: &Tx, settlement_id: Uuid) -> Result<Option<Settled>, Error> {
    let sql = format!("{SETTLED} where settlement_id = $1");
    tx.query_opt(&sql, &[&settlement_id]).await?.as_ref().map(settled).transpose()
}

/// What was done about these concerns, oldest first.
///
/// # Errors
/// If Postgres fails.
pub async fn of_concerns(tx: &Tx, concerns: &[ConcernId]) -> Result<Vec<Settled>, Error> {
    let sql = format!("{SETTLED} where concern_id = any($1) order by settled_at, settlement_id");
    tx.query(&sql, &[&concerns]).await?.iter().map(settled).collect()
}

/// Keeps a settlement.
///
/// # Errors
/// If Postgres fails.
pub async fn keep(tx: &Tx, made: &Settled) -> Result<(), Error> {
    tx.execute(
        "insert into settlements (settlement_id, concern_id, settlement, by_whom, note, act, closed, settled_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &made.settlement_id,
            &made.concern_id,
            &made.settlement,
            &made.by,
            &made.note,
            &made.act,
            &made.closed,
            &made.at,
        ],
    )
    .await?;
    Ok(())
}

/// Moves the book of a stock row, which is locked, to what is, by so many units.
///
/// # Errors
/// If Postgres fails.
pub async fn correct(tx: &Tx, key: StockKey, units: i64, act: Act<'_>) -> Result<(), Error> {
    tx.execute(
        "with corrected as (
             insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at, note)
             values ($1, $2, $3, 'corrected', $4, 0, $5, $6)
         )
         update stock set balance = balance + $3, updated_at = $5 where product_id = $1 and warehouse_id = $2",
        &[&key.product_id, &key.warehouse_id, &units, &act.act_id, &act.at, &act.note],
    )
    .await?;
    Ok(())
}

/// Two people who gave one e-mail are one: the second id stays valid, and names the first.
///
/// # Errors
/// If Postgres fails.
pub async fn merge(tx: &Tx, keeper: UserId, alias: UserId) -> Result<(), Error> {
    tx.execute("update users set alias_of = $1, email = null where user_id = $2", &[&keeper, &alias]).await?;
    Ok(())
}

/// They are two: the second is nobody's alias, and has no e-mail yet.
///
/// # Errors
/// If Postgres fails.
pub async fn keep_apart(tx: &Tx, keeper: UserId, alias: UserId) -> Result<(), Error> {
    tx.execute("update users set alias_of = null where user_id = $2 and alias_of = $1", &[&keeper, &alias]).await?;
    Ok(())
}
