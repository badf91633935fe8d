//! What the mistakes of [`outpost_schema::planted`] that take more than a line do here.

use outpost_schema::{clock::Timestamp, id::IncarnationId, verdict::Verdict};
use outpost_sync::wire::Page;
use rusqlite::{Connection, params};

use super::{Db, allotments, identity::Identity, inbox};
use crate::{error::Error, stage::Work};

/// [`outpost_schema::planted::Bug::GrantTakenFromAnswer`]: what was granted is granted here and now.
pub(crate) fn take_grant(conn: &Connection, identity: &Identity, verdict: &Verdict) -> Result<(), Error> {
    let Verdict::Granted(grants) = verdict else { return Ok(()) };
    for grant in grants {
        let (life, key) = (identity.incarnation_id(), identity.stock_of(grant.product_id));
        let granted = allotments::of(conn, life, key)?.grant(grant.amount.units());
        allotments::save(conn, life, key, &granted)?;
    }
    Ok(())
}

/// [`outpost_schema::planted::Bug::AckedTakenForContained`]: what is acknowledged is laid over no image any more.
pub(crate) fn drop_overlay(conn: &Connection, life: IncarnationId, acked: i64) -> Result<(), Error> {
    conn.execute("delete from pending where incarnation_id = ?1 and seq <= ?2", params![life, acked])?;
    conn.execute(
        "update stock set own_balance = coalesce((select sum(balance) from pending p
             where p.product_id = stock.product_id and p.warehouse_id = stock.warehouse_id), 0)",
        [],
    )?;
    Ok(())
}

/// [`outpost_schema::planted::Bug::CursorBeforePage`]: a page in two transactions, the cursor first.
pub(crate) fn cursor_before_page(db: &Db, asked: Option<&str>, page: &Page, now: Timestamp) -> Result<(), Error> {
    let cursor = Page { aggregates: Vec::new(), ..page.clone() };
    db.write_at(Work::Apply, |tx| inbox::apply(tx, (asked, &cursor), 0, now, || false))?;
    let asked = Some(page.cursor.as_str());
    db.write_at(Work::Apply, |tx| inbox::apply(tx, (asked, page), 0, now, || false).map(drop))
}
