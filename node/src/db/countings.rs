//! Countings of this device: bins, looks and rounds, as they are written down.

use outpost_schema::{
    clock::Timestamp,
    count::Upto,
    counting::{Book, CountingNumber, CountingState, Look, Moment, Moved, Round, Terms, Tolerance},
    id::{IncarnationId, ProductId, WarehouseId},
    op::CountLine,
    stock::StockKey,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::stock::Place;
use crate::error::Error;

const COLUMNS: &str = "counting, warehouse_id, opened_by, opened_at, blind, tolerance_units, tolerance_percent, state, \
                       closed_by, closed_at";

/// A counting, without what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) number: CountingNumber,
    pub(crate) warehouse_id: WarehouseId,
    pub(crate) opened_by: String,
    pub(crate) opened_at: Timestamp,
    pub(crate) terms: Terms,
    pub(crate) state: CountingState,
    pub(crate) closed: Option<(String, Timestamp)>,
}

/// A round of a product, as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredRound {
    pub(crate) is_open: bool,
    pub(crate) round: Round,
    pub(crate) booked: Option<CountLine>,
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let tolerance = Tolerance { units: row.get(5)?, percent: row.get(6)? };
    let (by, at): (Option<_>, Option<_>) = (row.get(8)?, row.get(9)?);
    Ok(Stored {
        number: row.get(0)?,
        warehouse_id: row.get(1)?,
        opened_by: row.get(2)?,
        opened_at: row.get(3)?,
        terms: Terms { blind: row.get(4)?, tolerance },
        state: row.get(7)?,
        closed: by.zip(at),
    })
}

/// Opens one.
pub(crate) fn open(
    conn: &Connection,
    warehouse_id: WarehouseId,
    (by, at): (&str, Timestamp),
    terms: Terms,
) -> Result<CountingNumber, Error> {
    let mut statement = conn.prepare_cached(
        "insert into countings (warehouse_id, opened_by, opened_at, blind, tolerance_units, tolerance_percent, state)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7) returning counting",
    )?;
    let Terms { blind, tolerance: Tolerance { units, percent } } = terms;
    let row = params![warehouse_id, by, at, blind, units, percent, CountingState::Open];
    Ok(statement.query_row(row, |row| row.get(0))?)
}

/// The counting.
pub(crate) fn find(conn: &Connection, number: CountingNumber) -> Result<Option<Stored>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {COLUMNS} from countings where counting = ?1"))?;
    Ok(statement.query_row([number], stored).optional()?)
}

/// All of them, or those that are not over; the latest first.
pub(crate) fn list(conn: &Connection, all: bool) -> Result<Vec<Stored>, Error> {
    let which = if all { "" } else { "where state in ('open', 'review')" };
    let mut statement =
        conn.prepare_cached(&format!("select {COLUMNS} from countings {which} order by counting desc"))?;
    let rows = statement.query_map([], stored)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// It is a step further.
pub(crate) fn set_state(
    conn: &Connection,
    number: CountingNumber,
    state: CountingState,
    closed: Option<(&str, Timestamp)>,
) -> Result<(), Error> {
    conn.prepare_cached("update countings set state = ?2, closed_by = ?3, closed_at = ?4 where counting = ?1")?
        .execute(params![number, state, closed.map(|(by, _)| by), closed.map(|(_, at)| at)])?;
    Ok(())
}

/// Its bins, by name.
pub(crate) fn bins(conn: &Connection, number: CountingNumber) -> Result<Vec<String>, Error> {
    let mut statement = conn.prepare_cached("select bin from counting_bins where counting = ?1 order by bin")?;
    let rows = statement.query_map([number], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// To which counting that is not over a bin belongs.
pub(crate) fn holder(conn: &Connection, bin: &str) -> Result<Option<CountingNumber>, Error> {
    let mut statement = conn.prepare_cached(
        "select counting from counting_bins join countings using (counting)
         where bin = ?1 and state in ('open', 'review')",
    )?;
    Ok(statement.query_row([bin], |row| row.get(0)).optional()?)
}

/// The bin belongs to it from now on.
pub(crate) fn add_bin(conn: &Connection, number: CountingNumber, bin: &str) -> Result<(), Error> {
    conn.prepare_cached("insert into counting_bins (counting, bin) values (?1, ?2)")?.execute(params![number, bin])?;
    Ok(())
}

/// A person begins with a bin, perhaps anew.
pub(crate) fn begin(
    conn: &Connection,
    number: CountingNumber,
    (bin, person): (&str, &str),
    moment: &Moment,
) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into counting_begun (counting, bin, person, moment) values (?1, ?2, ?3, ?4)
         on conflict (counting, bin, person) do update set moment = excluded.moment",
    )?
    .execute(params![number, bin, person, spelled(moment)])?;
    Ok(())
}

/// When that was.
pub(crate) fn begun(
    conn: &Connection,
    number: CountingNumber,
    (bin, person): (&str, &str),
) -> Result<Option<Moment>, Error> {
    let mut statement =
        conn.prepare_cached("select moment from counting_begun where counting = ?1 and bin = ?2 and person = ?3")?;
    let moment: Option<String> = statement.query_row(params![number, bin, person], |row| row.get(0)).optional()?;
    moment.map(|text| moment_of(&text)).transpose()
}

/// How far other devices were read to be in the course of it.
pub(crate) fn marks(conn: &Connection, number: CountingNumber) -> Result<Vec<Upto>, Error> {
    let mut statement = conn.prepare_cached("select incarnation_id, seq from counting_marks where counting = ?1")?;
    let rows = statement.query_map([number], |row| Ok(Upto { incarnation_id: row.get(0)?, seq: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// They were read once more.
pub(crate) fn note_marks(conn: &Connection, number: CountingNumber, marks: &[Upto]) -> Result<(), Error> {
    let mut note = conn.prepare_cached(
        "insert into counting_marks (counting, incarnation_id, seq) values (?1, ?2, ?3)
         on conflict (counting, incarnation_id) do update set seq = max(seq, excluded.seq)",
    )?;
    marks.iter().try_for_each(|mark| {
        note.execute(params![number, mark.incarnation_id, mark.seq])?;
        Ok(())
    })
}

/// The products that were seen in it, or are to be.
pub(crate) fn products(conn: &Connection, number: CountingNumber) -> Result<Vec<ProductId>, Error> {
    let mut statement =
        conn.prepare_cached("select distinct product_id from counting_rounds where counting = ?1 order by product_id")?;
    let rows = statement.query_map([number], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Another counting that is not over in which a product is counted and not booked.
pub(crate) fn elsewhere(
    conn: &Connection,
    number: CountingNumber,
    product: ProductId,
) -> Result<Option<CountingNumber>, Error> {
    let mut statement = conn.prepare_cached(
        "select counting from counting_rounds join countings using (counting)
         where product_id = ?2 and counting <> ?1 and state in ('open', 'review')
         group by counting having max(counted) is null limit 1",
    )?;
    Ok(statement.query_row(params![number, product], |row| row.get(0)).optional()?)
}

/// The rounds of a product, in order.
pub(crate) fn rounds(conn: &Connection, number: CountingNumber, product: ProductId) -> Result<Vec<StoredRound>, Error> {
    let mut statement = conn.prepare_cached(
        "select round, is_open, book_balance, book_seq, counted, delta from counting_rounds
         where counting = ?1 and product_id = ?2 order by round",
    )?;
    let rows = statement.query_map(params![number, product], |row| {
        let book: (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
        let booked: (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
        let book = book.0.zip(book.1).map(|(balance, seq)| Book { balance, seq });
        let booked = booked.0.zip(booked.1);
        let booked = booked.map(|(counted, delta)| CountLine { product_id: product, counted, delta });
        Ok((row.get::<_, i64>(0)?, row.get(1)?, book, booked))
    })?;
    rows.map(|row| {
        let (number_of_it, is_open, book, booked) = row?;
        let looks = looks(conn, number, product, number_of_it)?;
        Ok(StoredRound { is_open, round: Round { looks, book }, booked })
    })
    .collect()
}

fn looks(conn: &Connection, number: CountingNumber, product: ProductId, round: i64) -> Result<Vec<Look>, Error> {
    let mut statement = conn.prepare_cached(
        "select bin, person, units, began, ended from counting_looks
         where counting = ?1 and product_id = ?2 and round = ?3 order by bin",
    )?;
    let rows = statement.query_map(params![number, product, round], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?, row.get::<_, String>(4)?))
    })?;
    rows.map(|row| {
        let (bin, person, units, from, to) = row?;
        Ok(Look { bin, person, units, from: moment_of(&from)?, to: moment_of(&to)? })
    })
    .collect()
}

/// Another round of a product begins; rounds are numbered from 1.
pub(crate) fn add_round(conn: &Connection, number: CountingNumber, product: ProductId) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into counting_rounds (counting, product_id, round, is_open)
         select ?1, ?2, coalesce(max(round), 0) + 1, true from counting_rounds where counting = ?1 and product_id = ?2",
    )?
    .execute(params![number, product])?;
    Ok(())
}

/// Writes down what was seen in a bin, in the last round of a product, in the place of what stood there; the book is
/// noted with the first look.
pub(crate) fn save_look(
    conn: &Connection,
    number: CountingNumber,
    product: ProductId,
    look: &Look,
    book: Book,
) -> Result<(), Error> {
    conn.prepare_cached(
        "update counting_rounds set book_balance = ?3, book_seq = ?4
         where counting = ?1 and product_id = ?2 and is_open and book_seq is null",
    )?
    .execute(params![number, product, book.balance, book.seq])?;
    conn.prepare_cached(
        "insert into counting_looks (counting, product_id, round, bin, person, units, began, ended)
         select ?1, ?2, max(round), ?3, ?4, ?5, ?6, ?7 from counting_rounds where counting = ?1 and product_id = ?2
         on conflict (counting, product_id, round, bin) do update set
             person = excluded.person, units = excluded.units, began = excluded.began, ended = excluded.ended",
    )?
    .execute(params![
        number,
        product,
        look.bin,
        look.person,
        look.units,
        spelled(&look.from),
        spelled(&look.to)
    ])?;
    Ok(())
}

/// The last round of a product is over.
pub(crate) fn close_round(conn: &Connection, number: CountingNumber, product: ProductId) -> Result<(), Error> {
    conn.prepare_cached("update counting_rounds set is_open = false where counting = ?1 and product_id = ?2")?
        .execute(params![number, product])?;
    Ok(())
}

/// The last round of a product is booked, by this op.
pub(crate) fn note_booked(conn: &Connection, number: CountingNumber, line: CountLine, by: Place) -> Result<(), Error> {
    conn.prepare_cached(
        "update counting_rounds set incarnation_id = ?3, seq = ?4, counted = ?5, delta = ?6
         where counting = ?1 and product_id = ?2 and round =
             (select max(round) from counting_rounds where counting = ?1 and product_id = ?2)",
    )?
    .execute(params![number, line.product_id, by.incarnation_id, by.seq, line.counted, line.delta])?;
    Ok(())
}

/// What this life of the device moved of a row after an entry, in order.
pub(crate) fn moved_since(
    conn: &Connection,
    life: IncarnationId,
    key: StockKey,
    seq: i64,
) -> Result<Vec<Moved>, Error> {
    let mut statement = conn.prepare_cached(
        "select seq, delta, reason from stock_movements
         where incarnation_id = ?1 and seq > ?2 and product_id = ?3 and warehouse_id = ?4 order by seq, line",
    )?;
    let rows = statement.query_map(params![life, seq, key.product_id, key.warehouse_id], |row| {
        Ok(Moved { seq: row.get(0)?, delta: row.get(1)?, reason: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn spelled(moment: &Moment) -> String {
    serde_json::to_string(moment).expect("our own types always encode into memory")
}

fn moment_of(text: &str) -> Result<Moment, Error> {
    serde_json::from_str(text).map_err(Error::damaged)
}
