//! Goods that came back, with their lines and refunds. Content never changes, but for the names that head office gives
//! to what this node could not name; so an image replaces what is there.

use outpost_schema::{
    clock::Timestamp,
    id::{NodeId, OrderId, ReturnId},
    money::Money,
    order::{Payment, Receipt},
    returned::{Refund, Return, ReturnLine},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Error;

pub(super) const COLUMNS: &str = "return_id, order_id, user_id, order_receipt_prefix, order_receipt_number, \
                                  receipt_prefix, receipt_number, node_id, warehouse_id, taken_by, reason, created_at";

/// A return whose lines and refunds are still to be read.
pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Return> {
    Ok(Return {
        return_id: row.get(0)?,
        order_id: row.get(1)?,
        user_id: row.get(2)?,
        order_receipt: Receipt { prefix: row.get(3)?, number: row.get(4)? },
        receipt: Receipt { prefix: row.get(5)?, number: row.get(6)? },
        node_id: row.get(7)?,
        warehouse_id: row.get(8)?,
        taken_by: row.get(9)?,
        reason: row.get(10)?,
        created_at: row.get(11)?,
        lines: Vec::new(),
        refunds: Vec::new(),
    })
}

/// The columns of a line after its return's id, in the order of [`line_of_row`].
pub(super) const LINE: &str = "order_item_id, product_id, quantity, condition, line";

/// A line, whose columns begin at `at`.
pub(super) fn line_of_row(row: &Row<'_>, at: usize) -> rusqlite::Result<ReturnLine> {
    Ok(ReturnLine {
        order_item_id: row.get(at)?,
        product_id: row.get(at + 1)?,
        quantity: row.get(at + 2)?,
        condition: row.get(at + 3)?,
    })
}

/// The columns of a refund after its return's id, in the order of [`refund_of_row`].
pub(super) const REFUND: &str =
    "refunds_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at";

/// A refund, whose columns begin at `at`.
pub(super) fn refund_of_row(row: &Row<'_>, at: usize) -> rusqlite::Result<Refund> {
    let payment = Payment {
        payment_id: row.get(at + 1)?,
        amount: row.get(at + 2)?,
        currency: row.get(at + 3)?,
        tender: row.get(at + 4)?,
        status: row.get(at + 5)?,
        transaction_ref: row.get(at + 6)?,
        created_at: row.get(at + 7)?,
        updated_at: row.get(at + 8)?,
    };
    Ok(Refund { refunds: row.get(at)?, payment })
}

/// The return, whole.
pub(crate) fn find(conn: &Connection, return_id: ReturnId) -> Result<Option<Return>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {COLUMNS} from returns where return_id = ?1"))?;
    let back = statement.query_row([return_id], of_row).optional()?;
    back.map(|back| whole(conn, back)).transpose()
}

/// What came back of an order, the oldest first; also what was taken back by its receipt alone.
pub(crate) fn of_order(conn: &Connection, order_id: OrderId, receipt: &Receipt) -> Result<Vec<Return>, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "select {COLUMNS} from returns where order_id in (?1, ?2) order by created_at, return_id"
    ))?;
    let heads: Vec<Return> =
        statement.query_map(params![order_id, receipt.stand_in()], of_row)?.collect::<Result<_, _>>()?;
    heads.into_iter().map(|back| whole(conn, back)).collect()
}

/// The newest returns, wherever they were taken.
pub(crate) fn list(conn: &Connection, limit: i64) -> Result<Vec<Return>, Error> {
    let mut statement = conn
        .prepare_cached(&format!("select {COLUMNS} from returns order by created_at desc, return_id desc limit ?1"))?;
    let heads: Vec<Return> = statement.query_map([limit], of_row)?.collect::<Result<_, _>>()?;
    heads.into_iter().map(|back| whole(conn, back)).collect()
}

/// What this node gave back since a moment for orders that it does not have.
pub(crate) fn given_blindly(conn: &Connection, own: NodeId, since: Option<Timestamp>) -> Result<Money, Error> {
    let mut statement = conn.prepare_cached(
        "select coalesce(-sum(p.amount), 0) from returns r join payments p on p.return_id = r.return_id
         where r.node_id = ?1 and r.created_at > coalesce(?2, -1)
             and not exists (select 1 from orders o where o.order_id = r.order_id)",
    )?;
    Ok(statement.query_row(params![own, since], |row| row.get(0))?)
}

fn whole(conn: &Connection, mut back: Return) -> Result<Return, Error> {
    let mut lines =
        conn.prepare_cached(&format!("select {LINE} from return_lines where return_id = ?1 order by line"))?;
    back.lines = lines.query_map([back.return_id], |row| line_of_row(row, 0))?.collect::<Result<_, _>>()?;
    let mut refunds =
        conn.prepare_cached(&format!("select {REFUND} from payments where return_id = ?1 order by payment_id"))?;
    back.refunds = refunds.query_map([back.return_id], |row| refund_of_row(row, 0))?.collect::<Result<_, _>>()?;
    Ok(back)
}

/// Keeps a return as it is told, here or by the feed.
pub(crate) fn save(conn: &Connection, back: &Return) -> Result<(), Error> {
    forget(conn, back.return_id)?;
    conn.prepare_cached(&format!(
        "insert into returns ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    ))?
    .execute(params![
        back.return_id,
        back.order_id,
        back.user_id,
        back.order_receipt.prefix,
        back.order_receipt.number,
        back.receipt.prefix,
        back.receipt.number,
        back.node_id,
        back.warehouse_id,
        back.taken_by,
        back.reason,
        back.created_at
    ])?;
    back.lines.iter().zip(0..).try_for_each(|(line, place)| save_line(conn, back.return_id, line, place))?;
    back.refunds.iter().try_for_each(|refund| save_refund(conn, back, refund))
}

fn save_line(conn: &Connection, return_id: ReturnId, line: &ReturnLine, place: i64) -> Result<(), Error> {
    conn.prepare_cached(&format!("insert into return_lines (return_id, {LINE}) values (?1, ?2, ?3, ?4, ?5, ?6)"))?
        .execute(params![return_id, line.order_item_id, line.product_id, line.quantity, line.condition, place])?;
    Ok(())
}

fn save_refund(conn: &Connection, back: &Return, refund: &Refund) -> Result<(), Error> {
    let payment = &refund.payment;
    conn.prepare_cached(&format!(
        "insert or replace into payments (order_id, return_id, user_id, {REFUND})
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    ))?
    .execute(params![
        back.order_id,
        back.return_id,
        back.user_id,
        refund.refunds,
        payment.payment_id,
        payment.amount,
        payment.currency,
        payment.tender,
        payment.status,
        payment.transaction_ref,
        payment.created_at,
        payment.updated_at
    ])?;
    Ok(())
}

/// The return is gone at the server, or left this node's scope.
pub(crate) fn forget(conn: &Connection, return_id: ReturnId) -> Result<(), Error> {
    for sql in [
        "delete from return_lines where return_id = ?1",
        "delete from payments where return_id = ?1",
        "delete from returns where return_id = ?1",
    ] {
        conn.prepare_cached(sql)?.execute([return_id])?;
    }
    Ok(())
}
