//! Transfers as the feed told them last.

use std::collections::BTreeSet;

use outpost_schema::{
    id::TransferId,
    transfer::{Route, Row, Transfer, TransferCode},
};
use rusqlite::{Connection, OptionalExtension as _, Row as Found, params};

use super::identity::Identity;
use crate::error::Error;

pub(super) const COLUMNS: &str = "transfer_id, prefix, number, from_id, to_id, sent_at, complete";
pub(super) const ROW: &str = "transfer_id, product_id, warehouse_id, sent, arrived, damaged, lost from transfer_lines";

/// A transfer whose rows are still to be read.
pub(super) fn of_row(row: &Found<'_>) -> rusqlite::Result<Transfer> {
    let (from_id, to_id, sent_at): (Option<_>, Option<_>, Option<_>) = (row.get(3)?, row.get(4)?, row.get(5)?);
    Ok(Transfer {
        transfer_id: row.get(0)?,
        code: TransferCode { prefix: row.get(1)?, number: row.get(2)? },
        route: from_id.zip(to_id).zip(sent_at).map(|((from_id, to_id), sent_at)| Route { from_id, to_id, sent_at }),
        complete: row.get(6)?,
        rows: Vec::new(),
    })
}

/// One of its rows.
pub(super) fn row_of_row(row: &Found<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        product_id: row.get(1)?,
        warehouse_id: row.get(2)?,
        sent: row.get(3)?,
        arrived: row.get(4)?,
        damaged: row.get(5)?,
        lost: row.get(6)?,
    })
}

/// The image of a transfer, whole.
pub(crate) fn find(conn: &Connection, id: TransferId) -> Result<Option<Transfer>, Error> {
    let mut heads = conn.prepare_cached(&format!("select {COLUMNS} from transfers where transfer_id = ?1"))?;
    let Some(head) = heads.query_row([id], of_row).optional()? else { return Ok(None) };
    let mut rows =
        conn.prepare_cached(&format!("select {ROW} where transfer_id = ?1 order by product_id, warehouse_id"))?;
    let rows = rows.query_map([id], row_of_row)?.collect::<Result<_, _>>()?;
    Ok(Some(Transfer { rows, ..head }))
}

/// Those that are not over by their images, or all.
pub(crate) fn ids(conn: &Connection, all: bool) -> Result<BTreeSet<TransferId>, Error> {
    let mut statement = conn.prepare_cached(
        "select transfer_id from transfers t where ?1 or from_id is null or exists (
             select 1 from transfer_lines l where l.transfer_id = t.transfer_id
             group by l.product_id having sum(l.sent) - sum(l.lost) <> sum(l.arrived))",
    )?;
    Ok(statement.query_map([all], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Keeps a transfer as told.
pub(crate) fn save(conn: &Connection, transfer: &Transfer) -> Result<(), Error> {
    let id = transfer.transfer_id;
    conn.prepare_cached(&format!("insert or replace into transfers ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?
        .execute(params![
            id,
            transfer.code.prefix,
            transfer.code.number,
            transfer.route.map(|route| route.from_id),
            transfer.route.map(|route| route.to_id),
            transfer.route.map(|route| route.sent_at),
            transfer.complete
        ])?;
    conn.prepare_cached("delete from transfer_lines where transfer_id = ?1")?.execute([id])?;
    let mut insert = conn.prepare_cached(
        "insert into transfer_lines (transfer_id, product_id, warehouse_id, sent, arrived, damaged, lost)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    transfer.rows.iter().try_for_each(|row| {
        let Row { product_id, warehouse_id, sent, arrived, damaged, lost } = row;
        insert.execute(params![id, product_id, warehouse_id, sent, arrived, damaged, lost]).map(drop)
    })?;
    Ok(())
}

/// A transfer left this node's scope.
pub(crate) fn forget(conn: &Connection, id: TransferId) -> Result<(), Error> {
    for sql in ["delete from transfer_lines where transfer_id = ?1", "delete from transfers where transfer_id = ?1"] {
        conn.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}

/// The next code. A device that was put back counts under another prefix, as with receipts.
pub(crate) fn next_code(conn: &Connection, identity: &Identity) -> Result<TransferCode, Error> {
    let sql = "update identity set transfers = transfers + 1 returning transfers";
    let number = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(TransferCode { prefix: identity.card.prefix.clone(), number })
}
