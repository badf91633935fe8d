//! Stock rows: what the feed told, and over it what this node did that no image contains yet.

use outpost_schema::{
    clock::Timestamp,
    feed,
    id::{IncarnationId, ProductId},
    movement::Why,
    stock::{Level, Movement, StockKey},
};
use outpost_sync::wire::Acked;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::journal;
use crate::error::Error;

/// The two sums of a row as shown here: the feed's and this node's own.
pub(crate) fn level(conn: &Connection, key: StockKey) -> Result<Level, Error> {
    let mut statement = conn.prepare_cached(
        "select fed_balance + own_balance, max(fed_promised + own_promised, 0) from stock
         where product_id = ?1 and warehouse_id = ?2",
    )?;
    let level = statement.query_row(params![key.product_id, key.warehouse_id], |row| {
        Ok(Level { balance: row.get(0)?, promised: row.get(1)? })
    });
    Ok(level.optional()?.unwrap_or_default())
}

/// Every warehouse's row of a product.
pub(crate) fn of_product(conn: &Connection, product_id: ProductId) -> Result<Vec<(StockKey, Level)>, Error> {
    let mut statement = conn.prepare_cached(
        "select warehouse_id, fed_balance + own_balance, max(fed_promised + own_promised, 0) from stock
         where product_id = ?1 order by warehouse_id",
    )?;
    let rows = statement.query_map([product_id], |row| {
        let key = StockKey { product_id, warehouse_id: row.get(0)? };
        Ok((key, Level { balance: row.get(1)?, promised: row.get(2)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The op at this place of the journal moved goods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) incarnation_id: IncarnationId,
    pub(crate) seq: i64,
}

/// Writes one movement.
pub(crate) fn save_movement(
    conn: &Connection,
    place: Place,
    line: usize,
    movement: &Movement,
    at: Timestamp,
) -> Result<(), Error> {
    let line = i64::try_from(line).unwrap_or(i64::MAX);
    let Movement { key, delta, why: Why { reason, remark, lot } } = movement;
    conn.prepare_cached(
        "insert into stock_movements (incarnation_id, seq, line, product_id, warehouse_id, delta, reason, moved_at,
             person, note, lot, expires)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        place.incarnation_id,
        place.seq,
        line,
        key.product_id,
        key.warehouse_id,
        delta,
        reason,
        at,
        remark.person,
        remark.note,
        lot.lot,
        lot.expires
    ])?;
    Ok(())
}

/// Lays what an op did to a row over the fed image, until an image contains it.
pub(crate) fn lay_over(
    conn: &Connection,
    place: Place,
    key: StockKey,
    change: Level,
    at: Timestamp,
) -> Result<(), Error> {
    if change == Level::default() {
        return Ok(());
    }
    lay(conn, place, key, change, "")?;
    conn.prepare_cached(
        "insert into stock (product_id, warehouse_id, own_balance, own_promised, updated_at) values (?1, ?2, ?3, ?4, ?5)
         on conflict (product_id, warehouse_id) do update set
             own_balance = own_balance + excluded.own_balance, own_promised = own_promised + excluded.own_promised,
             updated_at = excluded.updated_at",
    )?
    .execute(params![key.product_id, key.warehouse_id, change.balance, change.promised, at])?;
    Ok(())
}

/// The same of an op that an image contained before, unless it is laid over already. The sums follow when the row's
/// own image is taken over.
pub(crate) fn lay_again(conn: &Connection, place: Place, key: StockKey, change: Level) -> Result<(), Error> {
    lay(conn, place, key, change, "on conflict do nothing")
}

fn lay(conn: &Connection, place: Place, key: StockKey, change: Level, again: &str) -> Result<(), Error> {
    conn.prepare_cached(&format!(
        "insert into pending (product_id, warehouse_id, incarnation_id, seq, balance, promised)
         values (?1, ?2, ?3, ?4, ?5, ?6) {again}"
    ))?
    .execute(params![
        key.product_id,
        key.warehouse_id,
        place.incarnation_id,
        place.seq,
        change.balance,
        change.promised
    ])?;
    Ok(())
}

/// What an op moved, line by line.
pub(crate) fn moved(conn: &Connection, place: Place) -> Result<Vec<(StockKey, i64)>, Error> {
    let mut statement = conn.prepare_cached(
        "select product_id, warehouse_id, delta from stock_movements where incarnation_id = ?1 and seq = ?2 order by line",
    )?;
    let rows = statement.query_map(params![place.incarnation_id, place.seq], |row| {
        Ok((StockKey { product_id: row.get(0)?, warehouse_id: row.get(1)? }, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What ops of an earlier life did is laid over the images until one contains the op that carries it;
/// `places` are the old seq and the new one of each.
pub(crate) fn carry_over(
    conn: &Connection,
    elder: IncarnationId,
    incarnation: IncarnationId,
    places: &[(i64, i64)],
) -> Result<(), Error> {
    let places = serde_json::to_string(places).expect("our own types always encode into memory");
    conn.prepare_cached(
        "update pending set incarnation_id = ?2, seq = carried.seq
         from (select value ->> 0 as elder_seq, value ->> 1 as seq from json_each(?3)) carried
         where pending.incarnation_id = ?1 and pending.seq = carried.elder_seq",
    )?
    .execute(params![elder, incarnation, places])?;
    Ok(())
}

/// How far an image contains each journal of this node, with the set-aside seqs spelled for SQLite.
pub(crate) struct Contained(Vec<(IncarnationId, i64, String)>);

impl Contained {
    /// What a page says its images contain. If a journal went on in two ways, the images may contain
    /// the other one's entries: of this one's they contain what was acknowledged here.
    pub(crate) fn by(conn: &Connection, acked: &[Acked]) -> Result<Self, Error> {
        let spell = |acked: &Acked| {
            let is_ours = journal::has(conn, acked.incarnation_id, acked.mark)?;
            let mark = if is_ours { acked.mark } else { journal::acked(conn, acked.incarnation_id)? };
            let set_aside: Vec<String> = acked.set_aside.iter().map(i64::to_string).collect();
            Ok((acked.incarnation_id, mark.seq, format!("[{}]", set_aside.join(","))))
        };
        acked.iter().map(spell).collect::<Result<_, _>>().map(Self)
    }

    /// Each journal: up to which seq, but those in this list.
    pub(crate) fn journals(&self) -> &[(IncarnationId, i64, String)] {
        &self.0
    }

    /// Whether they contain what was written at this place.
    pub(super) fn has(&self, place: Place) -> bool {
        let (upto, set_aside) = self.of(place.incarnation_id);
        place.seq <= upto && !serde_json::from_str::<Vec<i64>>(set_aside).is_ok_and(|aside| aside.contains(&place.seq))
    }

    /// The same of one journal; of one that the images do not know they contain nothing.
    pub(super) fn of(&self, incarnation: IncarnationId) -> (i64, &str) {
        let known = self.0.iter().find(|(known, ..)| *known == incarnation);
        known.map_or((0, "[]"), |(_, seq, set_aside)| (*seq, set_aside))
    }
}

/// Takes in an image of a row. Own ops that it contains are no longer laid over it; the others stay.
pub(crate) fn take_image(conn: &Connection, image: &feed::Stock, contained: &Contained) -> Result<(), Error> {
    let mut no_longer = conn.prepare_cached(
        "delete from pending where product_id = ?1 and warehouse_id = ?2 and incarnation_id = ?3 and seq <= ?4
             and seq not in (select value from json_each(?5))",
    )?;
    for (incarnation, seq, set_aside) in &contained.0 {
        no_longer.execute(params![image.product_id, image.warehouse_id, incarnation, seq, set_aside])?;
    }
    conn.prepare_cached(
        "insert into stock (product_id, warehouse_id, fed_balance, fed_promised, own_balance, own_promised, updated_at)
         select ?1, ?2, ?3, ?4, coalesce(sum(balance), 0), coalesce(sum(promised), 0), ?5
         from pending where product_id = ?1 and warehouse_id = ?2
         on conflict (product_id, warehouse_id) do update set
             fed_balance = excluded.fed_balance, fed_promised = excluded.fed_promised,
             own_balance = excluded.own_balance, own_promised = excluded.own_promised,
             updated_at = excluded.updated_at",
    )?
    .execute(params![image.product_id, image.warehouse_id, image.balance, image.promised, image.updated_at])?;
    Ok(())
}

/// A row is gone at the server, or left this node's scope: nothing of it is fed any more.
pub(crate) fn lose_image(conn: &Connection, key: StockKey, contained: &Contained, at: Timestamp) -> Result<(), Error> {
    let StockKey { product_id, warehouse_id } = key;
    take_image(conn, &feed::Stock { product_id, warehouse_id, balance: 0, promised: 0, updated_at: at }, contained)?;
    conn.prepare_cached(
        "delete from stock where product_id = ?1 and warehouse_id = ?2 and not exists
             (select 1 from pending where product_id = ?1 and warehouse_id = ?2)",
    )?
    .execute(params![product_id, warehouse_id])?;
    Ok(())
}
