//! What this node's journals may sell without asking, row by row: totals of the server's, and the node's own.

use outpost_schema::{
    clock::Timestamp,
    feed::Granted,
    id::{IncarnationId, ProductId, WarehouseId},
    planted::{Bug, is_planted},
    stock::{Allotment, StockKey},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{error::Error, stockroom::Scarce};

/// What an incarnation may do with a row.
pub(crate) fn of(conn: &Connection, incarnation: IncarnationId, key: StockKey) -> Result<Allotment, Error> {
    let mut statement = conn.prepare_cached(
        "select granted, reclaimed, consumed, returned, received from allotments
         where incarnation_id = ?1 and product_id = ?2 and warehouse_id = ?3",
    )?;
    let allotment = statement.query_row(params![incarnation, key.product_id, key.warehouse_id], |row| {
        Ok(Allotment {
            granted: row.get(0)?,
            reclaimed: row.get(1)?,
            consumed: row.get(2)?,
            returned: row.get(3)?,
            received: row.get(4)?,
        })
    });
    Ok(allotment.optional()?.unwrap_or_default())
}

/// Units that an incarnation may sell without asking, of everything.
pub(crate) fn open_units(conn: &Connection, incarnation: IncarnationId) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached(
        "select coalesce(sum(max(0, granted + received - consumed - returned - reclaimed)), 0) from allotments
         where incarnation_id = ?1",
    )?;
    Ok(statement.query_row([incarnation], |row| row.get(0))?)
}

/// The same of everything that does not lie at this place.
pub(crate) fn open_units_beside(
    conn: &Connection,
    incarnation: IncarnationId,
    place: WarehouseId,
) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached(
        "select coalesce(sum(max(0, granted + received - consumed - returned - reclaimed)), 0) from allotments
         where incarnation_id = ?1 and warehouse_id <> ?2",
    )?;
    Ok(statement.query_row(params![incarnation, place], |row| row.get(0))?)
}

/// What an incarnation may sell without asking at a place, product by product.
pub(crate) fn open_rows(
    conn: &Connection,
    incarnation: IncarnationId,
    place: WarehouseId,
) -> Result<Vec<(ProductId, i64)>, Error> {
    let mut statement = conn.prepare_cached(
        "select product_id, granted + received - consumed - returned - reclaimed from allotments
         where incarnation_id = ?1 and warehouse_id = ?2 and granted + received - consumed - returned - reclaimed > 0
         order by product_id",
    )?;
    let rows = statement.query_map(params![incarnation, place], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps an allotment.
pub(crate) fn save(
    conn: &Connection,
    incarnation: IncarnationId,
    key: StockKey,
    allotment: &Allotment,
) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into allotments (incarnation_id, product_id, warehouse_id, granted, reclaimed, consumed, returned,
             received)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         on conflict (incarnation_id, product_id, warehouse_id) do update set
             granted = excluded.granted, reclaimed = excluded.reclaimed, consumed = excluded.consumed,
             returned = excluded.returned, received = excluded.received",
    )?
    .execute(params![
        incarnation,
        key.product_id,
        key.warehouse_id,
        allotment.granted,
        allotment.reclaimed,
        allotment.consumed,
        allotment.returned,
        allotment.received
    ])?;
    Ok(())
}

/// Takes in what a page tells of the totals that are the server's, and what it says beside them.
pub(crate) fn take(conn: &Connection, told: &Granted) -> Result<(), Error> {
    let key = StockKey { product_id: told.product_id, warehouse_id: told.warehouse_id };
    let reclaimed = if is_planted(Bug::ReclaimUnheard) { 0 } else { told.reclaimed };
    let heard = of(conn, told.incarnation_id, key)?.told(told.granted, reclaimed);
    save(conn, told.incarnation_id, key, &heard)?;
    save_beside(conn, told)
}

/// Takes in the totals that the server raises, of whatever moment: the larger wins. What it says beside them is as it
/// was told last.
pub(crate) fn hear(conn: &Connection, told: &Granted) -> Result<(), Error> {
    let key = StockKey { product_id: told.product_id, warehouse_id: told.warehouse_id };
    let heard = of(conn, told.incarnation_id, key)?.hear(told.granted, told.reclaimed);
    save(conn, told.incarnation_id, key, &heard)?;
    save_beside(conn, told)
}

/// What the server says beside the totals.
fn save_beside(conn: &Connection, told: &Granted) -> Result<(), Error> {
    conn.prepare_cached(
        "update allotments set full_mark = ?4, keep = ?5
         where incarnation_id = ?1 and product_id = ?2 and warehouse_id = ?3 and (full_mark <> ?4 or keep is not ?5)",
    )?
    .execute(params![told.incarnation_id, told.product_id, told.warehouse_id, told.full, told.keep])?;
    Ok(())
}

/// Rows of which the server asked an incarnation to give back, and what it may keep, where it has more open.
pub(crate) fn recalled(conn: &Connection, incarnation: IncarnationId) -> Result<Vec<(StockKey, i64)>, Error> {
    let mut statement = conn.prepare_cached(
        "select product_id, warehouse_id, keep from allotments
         where incarnation_id = ?1 and keep is not null and granted + received - consumed - returned - reclaimed > keep
         order by product_id, warehouse_id",
    )?;
    let rows = statement.query_map([incarnation], |row| {
        Ok((StockKey { product_id: row.get(0)?, warehouse_id: row.get(1)? }, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Rows of which an incarnation has less open than the server would have it, scarcest first.
pub(crate) fn below_full(conn: &Connection, incarnation: IncarnationId) -> Result<Vec<Scarce>, Error> {
    let mut statement = conn.prepare_cached(
        "select a.product_id, coalesce(p.name, hex(a.product_id)),
                max(0, a.granted + a.received - a.consumed - a.returned - a.reclaimed) as open, a.full_mark
         from allotments a left join products p using (product_id)
         where a.incarnation_id = ?1 and a.full_mark > 0
           and a.granted + a.received - a.consumed - a.returned - a.reclaimed < a.full_mark
         order by open * 1.0 / a.full_mark, 2",
    )?;
    let rows = statement.query_map([incarnation], |row| {
        Ok(Scarce { product_id: row.get(0)?, name: row.get(1)?, open: row.get(2)?, full: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Of how many rows an incarnation has little open, as schema's `Marks` has it.
pub(crate) fn count_scarce(conn: &Connection, incarnation: IncarnationId) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached(
        "select count(*) from allotments
         where incarnation_id = ?1 and full_mark > 0
           and max(0, granted + received - consumed - returned - reclaimed) < full_mark - full_mark / 4",
    )?;
    Ok(statement.query_row([incarnation], |row| row.get(0))?)
}

/// A row's full mark, and when an incarnation last asked for more of it by itself, with what had been granted then.
pub(crate) fn full_and_asked(
    conn: &Connection,
    incarnation: IncarnationId,
    key: StockKey,
) -> Result<(i64, Option<(Timestamp, i64)>), Error> {
    let mut statement = conn.prepare_cached(
        "select full_mark, asked_at, asked_granted from allotments
         where incarnation_id = ?1 and product_id = ?2 and warehouse_id = ?3",
    )?;
    let found = statement.query_row(params![incarnation, key.product_id, key.warehouse_id], |row| {
        let (at, granted): (Option<Timestamp>, Option<i64>) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, at.zip(granted)))
    });
    Ok(found.optional()?.unwrap_or_default())
}

/// An incarnation asked for more of a row by itself.
pub(crate) fn note_asked(
    conn: &Connection,
    incarnation: IncarnationId,
    key: StockKey,
    at: Timestamp,
    granted: i64,
) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into allotments (incarnation_id, product_id, warehouse_id, asked_at, asked_granted)
         values (?1, ?2, ?3, ?4, ?5)
         on conflict (incarnation_id, product_id, warehouse_id) do update set
             asked_at = excluded.asked_at, asked_granted = excluded.asked_granted",
    )?
    .execute(params![incarnation, key.product_id, key.warehouse_id, at, granted])?;
    Ok(())
}

/// Sets the two totals that the server raises to what it says. The node's own sums stay; a row without
/// anything in it goes.
pub(crate) fn set(
    conn: &Connection,
    incarnation: IncarnationId,
    key: StockKey,
    granted: i64,
    reclaimed: i64,
) -> Result<(), Error> {
    let told = Allotment { granted, reclaimed, ..of(conn, incarnation, key)? };
    save(conn, incarnation, key, &told)?;
    conn.prepare_cached(
        "delete from allotments where incarnation_id = ?1 and product_id = ?2 and warehouse_id = ?3
             and granted = 0 and reclaimed = 0 and consumed = 0 and returned = 0 and received = 0",
    )?
    .execute(params![incarnation, key.product_id, key.warehouse_id])?;
    Ok(())
}

/// An allotment left the feed. This node's own totals stay: they are sums over its journal.
pub(crate) fn forget(
    conn: &Connection,
    own: IncarnationId,
    incarnation: IncarnationId,
    key: StockKey,
) -> Result<(), Error> {
    conn.prepare_cached(
        "delete from allotments
         where incarnation_id = ?1 and product_id = ?2 and warehouse_id = ?3 and incarnation_id <> ?4",
    )?
    .execute(params![incarnation, key.product_id, key.warehouse_id, own])?;
    Ok(())
}
