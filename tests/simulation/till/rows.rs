//! What a till knows, read from its own tables by somebody who trusts no other code that reads them.

use std::collections::BTreeMap;

use outpost_node::{Error, State};
use outpost_schema::{
    cart::Cart,
    clock::Hlc,
    feed::{Key, Kind},
    id::IncarnationId,
    journal::{Body, Entry, Hash},
    stock::{Allotment, Level, StockKey},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Value};
use uuid::Uuid;

use crate::step::Name;

/// The life of its journal.
pub fn life(conn: &Connection) -> Result<IncarnationId, Error> {
    Ok(conn.prepare_cached("select incarnation_id from identity")?.query_row([], |row| row.get(0))?)
}

/// Whether it knows itself to be an old copy.
pub fn is_old_image(conn: &Connection) -> Result<bool, Error> {
    let state: State = conn.prepare_cached("select state from identity")?.query_row([], |row| row.get(0))?;
    Ok(state.is_old_image())
}

/// The two sums of a row.
pub fn level(conn: &Connection, key: StockKey) -> Result<Level, Error> {
    let mut statement = conn.prepare_cached(
        "select fed_balance + own_balance, max(fed_promised + own_promised, 0) from stock
         where product_id = ?1 and warehouse_id = ?2",
    )?;
    let level = statement.query_row(params![key.product_id, key.warehouse_id], |row| {
        Ok(Level { balance: row.get(0)?, promised: row.get(1)? })
    });
    Ok(level.optional()?.unwrap_or_default())
}

/// What its present life may do with a row.
pub fn allotment(conn: &Connection, key: StockKey) -> Result<Allotment, Error> {
    let mut statement = conn.prepare_cached(
        "select granted, reclaimed, consumed, returned, received from allotments
         where incarnation_id = (select incarnation_id from identity) and product_id = ?1 and warehouse_id = ?2",
    )?;
    let allotment = statement.query_row(params![key.product_id, key.warehouse_id], |row| {
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

/// Entries of its life without an answer, and carts that wait.
pub fn waiting(conn: &Connection) -> Result<usize, Error> {
    let mut statement = conn.prepare_cached(
        "select (select count(*) from journal
                 where incarnation_id = (select incarnation_id from identity) and verdict is null)
              + (select count(*) from cart_states where unsent > 0)",
    )?;
    let waiting: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(waiting).unwrap_or_default())
}

/// Whether an entry is there as it was written, or was forgotten because every backup has it.
pub fn has(conn: &Connection, name: Name) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached(
        "select seq, hlc_at, hlc_tick, seen, journal.kind, version, body, prev_hash, hash from journal
         where incarnation_id = ?1 and seq = ?2",
    )?;
    match statement.query_row(params![name.life, name.mark.seq], entry_of_row).optional()? {
        Some(entry) => Ok(entry.mark() == name.mark && entry.is_whole(name.life)),
        None => may_have_forgotten(conn, name),
    }
}

fn entry_of_row(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        hlc: Hlc { at: row.get(1)?, tick: row.get(2)? },
        seen: row.get(3)?,
        kind: row.get(4)?,
        version: row.get(5)?,
        body: Body(row.get(6)?),
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    })
}

/// What is archived, and before everything that is still here: the first of that tells the hash of the last
/// that went.
fn may_have_forgotten(conn: &Connection, name: Name) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached(
        "select journal.seq, prev_hash, archived from journal join acked using (incarnation_id)
         where incarnation_id = ?1 order by journal.seq limit 1",
    )?;
    let first = statement
        .query_row([name.life], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Hash>(1)?, row.get::<_, i64>(2)?)));
    let Some((first, before, archived)) = first.optional()? else { return Ok(false) };
    let seq = name.mark.seq;
    Ok(seq <= archived && (seq < first - 1 || seq == first - 1 && name.mark.hash == before))
}

/// The answers of head office, by place in the journal of each life.
pub fn verdicts(conn: &Connection) -> Result<BTreeMap<(IncarnationId, i64), String>, Error> {
    let mut statement = conn.prepare_cached(
        "select incarnation_id, seq, verdict from journal
         where verdict is not null and verdict not in ('unanswered', 'carried')",
    )?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every entry of a life, with its hash and its answer.
pub fn answered(conn: &Connection, life: IncarnationId) -> Result<BTreeMap<i64, (Hash, String)>, Error> {
    let mut statement =
        conn.prepare_cached("select seq, hash, coalesce(verdict, 'none') from journal where incarnation_id = ?1")?;
    let rows = statement.query_map([life], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether something of the till's own is laid over a stock row.
pub fn is_overlaid(conn: &Connection, key: StockKey) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached("select 1 from pending where product_id = ?1 and warehouse_id = ?2")?;
    Ok(statement.exists(params![key.product_id, key.warehouse_id])?)
}

/// The row that an aggregate begins with, column by column.
pub fn shown(conn: &Connection, key: &Key) -> Result<Option<String>, Error> {
    let Some(table) = table(key.kind) else { return Ok(None) };
    let mut statement = conn.prepare(&format!("select * from {table}"))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let ids = (0..key.kind.width()).map(|place| row.get(place).map(Uuid::from_bytes));
        if ids.collect::<Result<Vec<_>, _>>().is_ok_and(|ids| ids == key.ids) {
            let said = columns.iter().map(|column| Ok(format!("{column} {:?}", row.get::<_, Value>(column.as_str())?)));
            return Ok(Some(said.collect::<rusqlite::Result<Vec<_>>>()?.join(", ")));
        }
    }
    Ok(None)
}

/// Where the aggregates of a kind are; the keys are the first columns.
const fn table(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Warehouse => Some("warehouses"),
        Kind::Category => Some("categories"),
        Kind::Product => Some("products"),
        Kind::Stock => Some("stock"),
        Kind::Allotment => Some("allotments"),
        Kind::User => Some("users"),
        Kind::Address => Some("addresses"),
        Kind::Order => Some("orders"),
        Kind::Review => Some("reviews"),
        Kind::Return => Some("returns"),
        Kind::Cart => Some("cart_states"),
        Kind::Concern => Some("concerns"),
        Kind::Transfer => Some("transfers"),
        Kind::Delivery => Some("deliveries"),
        Kind::Rule => Some("rules"),
        Kind::Confirmation => Some("order_confirmations"),
        Kind::Synonyms => Some("synonyms"),
        Kind::Verdict => None,
    }
}

/// Every cart, shown or not.
pub fn carts(conn: &Connection) -> Result<Vec<Cart>, Error> {
    let mut statement = conn.prepare_cached("select state from cart_states order by cart_id")?;
    let states = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(states.iter().map(|state| rmp_serde::from_slice(state).expect("a cart can be read")).collect())
}
