//! Deliveries that are expected, as the feed told them last.

use std::collections::BTreeSet;

use outpost_schema::{
    delivery::{Closing, Delivery, DeliveryLine},
    id::{DeliveryId, IncarnationId},
    journal::Mark,
    movement::Received,
    op::{Op, OpKind},
    planted::{Bug, is_planted},
    word::Word as _,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Error;

/// A receipt is looked for among so many entries: what was scanned a moment ago.
const UNDO_WITHIN: i64 = 1_000;

pub(super) const COLUMNS: &str =
    "delivery_id, warehouse_id, supplier, reference, due_at, created_at, closed_at, closed_by, closed_note";

/// A delivery whose lines are still to be read.
pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let (at, by, note): (Option<_>, Option<_>, Option<_>) = (row.get(6)?, row.get(7)?, row.get(8)?);
    Ok(Delivery {
        delivery_id: row.get(0)?,
        warehouse_id: row.get(1)?,
        supplier: row.get(2)?,
        reference: row.get(3)?,
        due_at: row.get(4)?,
        created_at: row.get(5)?,
        closing: at.zip(by).zip(note).map(|((at, by), note)| Closing { at, by, note }),
        lines: Vec::new(),
    })
}

/// One of its lines.
pub(super) fn line_of_row(row: &Row<'_>) -> rusqlite::Result<DeliveryLine> {
    Ok(DeliveryLine { product_id: row.get(1)?, expected: row.get(2)?, received: row.get(3)? })
}

/// The image of a delivery, whole.
pub(crate) fn find(conn: &Connection, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let mut heads = conn.prepare_cached(&format!("select {COLUMNS} from deliveries where delivery_id = ?1"))?;
    let Some(head) = heads.query_row([id], of_row).optional()? else { return Ok(None) };
    let mut lines = conn.prepare_cached(
        "select delivery_id, product_id, expected, received from delivery_lines
         where delivery_id = ?1 order by product_id",
    )?;
    let lines = lines.query_map([id], line_of_row)?.collect::<Result<_, _>>()?;
    Ok(Some(Delivery { lines, ..head }))
}

/// All of them, the one that is due first first.
pub(crate) fn ids(conn: &Connection) -> Result<Vec<DeliveryId>, Error> {
    let sql = "select delivery_id from deliveries order by due_at is null, due_at, delivery_id";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Those that somebody may mean by a reference.
pub(crate) fn of_reference(conn: &Connection, reference: &str) -> Result<Vec<DeliveryId>, Error> {
    let mut statement = conn.prepare_cached("select delivery_id from deliveries where reference = ?1")?;
    Ok(statement.query_map([reference], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Keeps a delivery as told.
pub(crate) fn save(conn: &Connection, delivery: &Delivery) -> Result<(), Error> {
    let id = delivery.delivery_id;
    let closing = delivery.closing.as_ref();
    conn.prepare_cached(&format!(
        "insert or replace into deliveries ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    ))?
    .execute(params![
        id,
        delivery.warehouse_id,
        delivery.supplier,
        delivery.reference,
        delivery.due_at,
        delivery.created_at,
        closing.map(|closing| closing.at),
        closing.map(|closing| &closing.by),
        closing.map(|closing| &closing.note)
    ])?;
    conn.prepare_cached("delete from delivery_lines where delivery_id = ?1")?.execute([id])?;
    let mut insert = conn.prepare_cached(
        "insert into delivery_lines (delivery_id, product_id, expected, received) values (?1, ?2, ?3, ?4)",
    )?;
    delivery
        .lines
        .iter()
        .try_for_each(|line| insert.execute(params![id, line.product_id, line.expected, line.received]).map(drop))?;
    Ok(())
}

/// A delivery left this node's scope.
pub(crate) fn forget(conn: &Connection, id: DeliveryId) -> Result<(), Error> {
    for sql in ["delete from delivery_lines where delivery_id = ?1", "delete from deliveries where delivery_id = ?1"] {
        conn.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}

/// The last receipt of this life that nobody has undone, if it was written a moment ago.
pub(crate) fn last_receipt(conn: &Connection, life: IncarnationId) -> Result<Option<(Mark, Received)>, Error> {
    let mut statement = conn.prepare_cached(
        "select seq, kind, body, hash from journal
         where incarnation_id = ?1 and seq > (select max(seq) from journal where incarnation_id = ?1) - ?2
             and kind in ('received', 'receipt_undone')
         order by seq desc",
    )?;
    let mut rows = statement.query(params![life, UNDO_WITHIN])?;
    let mut undone = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (seq, kind, body): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let op = OpKind::of_word(&kind).and_then(|kind| Op::from_body(kind, &body))?;
        if let Op::ReceiptUndone(told) = op {
            undone.insert(told.seq);
        } else if let Op::Received(received) = op
            && (!undone.contains(&seq) || is_planted(Bug::UndoForgotten))
        {
            return Ok(Some((Mark { seq, hash: row.get(3)? }, received)));
        }
    }
    Ok(None)
}
