//! Orders to be confirmed: those taken here, and what the feed told of all.

use outpost_schema::{feed::Confirmation, id::OrderId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Error;

pub(super) const COLUMNS: &str = "order_id, warehouse_id, asked_at, confirmed_at";

pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Confirmation> {
    Ok(Confirmation {
        order_id: row.get(0)?,
        warehouse_id: row.get(1)?,
        asked_at: row.get(2)?,
        confirmed_at: row.get(3)?,
    })
}

/// Keeps one as it was told, or as it was asked for here.
pub(crate) fn save(conn: &Connection, told: &Confirmation) -> Result<(), Error> {
    conn.prepare_cached(&format!(
        "insert into order_confirmations ({COLUMNS}) values (?1, ?2, ?3, ?4)
         on conflict (order_id) do update set
             warehouse_id = excluded.warehouse_id, asked_at = excluded.asked_at, confirmed_at = excluded.confirmed_at"
    ))?
    .execute(params![told.order_id, told.warehouse_id, told.asked_at, told.confirmed_at])?;
    Ok(())
}

/// What is known of an order; nothing, if it needed no confirmation.
pub(crate) fn find(conn: &Connection, order_id: OrderId) -> Result<Option<Confirmation>, Error> {
    let mut statement =
        conn.prepare_cached(&format!("select {COLUMNS} from order_confirmations where order_id = ?1"))?;
    Ok(statement.query_row([order_id], of_row).optional()?)
}

/// It is gone at the server, or left this node's scope.
pub(crate) fn forget(conn: &Connection, order_id: OrderId) -> Result<(), Error> {
    conn.prepare_cached("delete from order_confirmations where order_id = ?1")?.execute([order_id])?;
    Ok(())
}
