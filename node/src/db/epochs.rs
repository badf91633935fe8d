//! Which life of the server's database this node knows, and the report that it owes to it.

use outpost_schema::{
    feed::Granted,
    id::{EpochId, IncarnationId, ProductId, WarehouseId},
    planted::{Bug, is_planted},
};
use outpost_sync::wire::{REPORT_MAX, Report};
use rusqlite::{Connection, params};

use super::identity::{self, State};
use crate::error::Error;

/// What is known of the server's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Which it is; none if none was told yet.
    pub epoch: Option<EpochId>,
    /// Whether what was granted is still to be told to it.
    pub report_owed: bool,
    /// Whether the journal's mark was acknowledged in that life, and not in the last one.
    pub is_marked: bool,
    /// Whether it grants nothing, because it is hearing from its devices.
    pub is_recovering: bool,
}

impl Known {
    /// In which life the journal's mark was acknowledged; none while a report is owed, because who has not
    /// reported is not believed.
    pub fn acked_in(self) -> Option<EpochId> {
        self.epoch.filter(|_| self.is_marked && !self.report_owed)
    }
}

/// What is known.
pub(crate) fn known(conn: &Connection) -> Result<Known, Error> {
    let mut statement =
        conn.prepare_cached("select epoch_id, report_owed, is_marked, is_recovering from server_epoch")?;
    Ok(statement.query_row([], |row| {
        Ok(Known { epoch: row.get(0)?, report_owed: row.get(1)?, is_marked: row.get(2)?, is_recovering: row.get(3)? })
    })?)
}

/// The server lives another life: it is told what was granted, and every cart again.
pub(crate) fn begin(conn: &Connection, epoch: EpochId) -> Result<(), Error> {
    conn.execute(
        "update server_epoch set epoch_id = ?1, report_owed = 1, is_marked = 0, told_upto = null, is_recovering = 1",
        [epoch],
    )?;
    conn.execute("update cart_states set unsent = unsent + 1", [])?;
    Ok(())
}

/// A page of this life was applied. The first life that is ever heard of is noticed here: a server may wait for the
/// report of a device that had joined and never called.
pub(crate) fn note_page(conn: &Connection, epoch: EpochId, is_recovering: bool) -> Result<(), Error> {
    if known(conn)?.epoch != Some(epoch) {
        begin(conn, epoch)?;
    }
    // A page is told only to who agrees with the server on the journal's mark.
    conn.prepare_cached(
        "update server_epoch set is_recovering = ?1, is_marked = 1 where is_recovering <> ?1 or is_marked = 0",
    )?
    .execute([is_recovering])?;
    Ok(())
}

/// The next page of the report that is owed. A device that was set back owes none: it has forgotten
/// grants itself.
pub(crate) fn report(conn: &Connection) -> Result<Option<Report>, Error> {
    let Known { epoch: Some(epoch), report_owed: true, .. } = known(conn)? else { return Ok(None) };
    let identity = identity::load(conn)?;
    match identity.state {
        State::Active | State::Frozen => {}
        State::RolledBack | State::Restored => return Ok(None),
    }
    let mut granted = granted(conn, identity.incarnation_id(), REPORT_MAX + 1)?;
    let last = granted.len() <= REPORT_MAX;
    granted.truncate(REPORT_MAX);
    Ok(Some(Report { epoch, granted, last, stands: Some(identity::stands(conn, &identity)?) }))
}

/// The totals after the last row that was told.
fn granted(conn: &Connection, incarnation: IncarnationId, limit: usize) -> Result<Vec<Granted>, Error> {
    let mut statement = conn.prepare_cached(
        "select a.product_id, a.warehouse_id, a.granted, a.reclaimed, a.returned
         from allotments a, server_epoch e
         where a.incarnation_id = ?1 and (a.granted > 0 or a.reclaimed > 0)
           and (a.product_id, a.warehouse_id) >
               (coalesce(substr(e.told_upto, 1, 16), x''), coalesce(substr(e.told_upto, 17), x''))
         order by a.product_id, a.warehouse_id limit ?2",
    )?;
    let rows = statement.query_map(params![incarnation, limit as i64], |row| {
        Ok(Granted {
            incarnation_id: incarnation,
            product_id: row.get(0)?,
            warehouse_id: row.get(1)?,
            granted: row.get(2)?,
            reclaimed: row.get::<_, i64>(3)?
                + if is_planted(Bug::TotalsAheadOfOps) { row.get::<_, i64>(4)? } else { 0 },
            full: 0,
            keep: None,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A page of the report was taken, by the life that it was meant for.
pub(crate) fn reported(conn: &Connection, sent: &Report) -> Result<(), Error> {
    let upto = sent.granted.last().map(|told| place(told.product_id, told.warehouse_id));
    conn.execute(
        "update server_epoch set report_owed = ?2, told_upto = case when ?2 then coalesce(?3, told_upto) end
         where epoch_id = ?1",
        params![sent.epoch, !sent.last, upto],
    )?;
    Ok(())
}

fn place(product: ProductId, warehouse: WarehouseId) -> Vec<u8> {
    [*product.0.as_bytes(), *warehouse.0.as_bytes()].concat()
}
