//! Taking over what is aside. Where nothing was ever done here the database aside becomes the node's
//! own, whole. Elsewhere the fed tables are made equal to it range by range, each range one short
//! transaction between sales: what differs is replaced, what the server does not know goes, and what
//! is this node's own stays: its journal, what its uncontained ops made, what it may sell.

mod own;
mod tables;

use std::path::Path;

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, OrderId},
    settle::Touched,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, ToSql, params, types::Value};
use uuid::Uuid;

use self::tables::{GROUPS, Group, next_end, range, stock as stock_sql};
use super::{
    aside, carts,
    filling::{self, Row, Why},
    identity, journal, orders, pending_ops,
    stock::{self, Contained, Place},
    verdicts,
};
use crate::error::Error;

/// Rows of a range: a transaction of about ten milliseconds, which a sale can wait for unnoticed.
const RANGE_ROWS: i64 = 1_000;

/// Carts of a range, each of which is decoded and merged.
const RANGE_CARTS: i64 = 100;

/// Where stock stands among the groups, and where carts do: after all plain rows.
const STOCK: usize = GROUPS.len();
const CARTS: usize = STOCK + 1;

/// What the server fills. Every other table is this node's own.
const FED: [&str; 24] = [
    "warehouses",
    "categories",
    "products",
    "barcodes",
    "reviews",
    "users",
    "addresses",
    "stock",
    "allotments",
    "orders",
    "order_items",
    "payments",
    "returns",
    "return_lines",
    "concerns",
    "transfers",
    "transfer_lines",
    "deliveries",
    "delivery_lines",
    "cart_states",
    "carts",
    "rules",
    "order_confirmations",
    "synonyms",
];

/// Neither fed nor carried over: what says how far the feed was read, which tables there are, and what of the
/// catalogue and of synonyms changed since somebody read them: of another database nobody knows anything.
const LEFT: [&str; 5] = ["feed_position", "migrations", "filling", "catalogue_changes", "synonyms_mark"];

/// Makes another database known to a connection, under a name.
pub(super) fn attach(conn: &Connection, path: &Path, name: &str) -> Result<(), Error> {
    let path = path.to_str().ok_or_else(|| Error::Files {
        what: path.display().to_string(),
        cause: std::io::Error::new(std::io::ErrorKind::InvalidFilename, "its name is no UTF-8"),
    })?;
    conn.execute(&format!("attach database ?1 as {name}"), [path])?;
    Ok(())
}

/// Forgets it again.
pub(super) fn detach(conn: &Connection) -> Result<(), Error> {
    conn.execute_batch("drop table if exists temp.own; drop table if exists temp.own_upto")?;
    Ok(conn.execute_batch(&format!("detach database {}", aside::NAME))?)
}

/// Carries what is the node's own from its database at `old` into the one aside, which is then to take
/// its place. The journal is empty. Says which carts are in it.
///
/// # Errors
/// What SQLite says; the database aside is then worth nothing.
pub(super) fn move_in(aside: &Path, old: &Path, now: Timestamp) -> Result<Vec<CartId>, Error> {
    let mut conn = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "journal_mode", "off")?;
    conn.pragma_update(None, "synchronous", "off")?;
    attach(&conn, old, "old")?;
    let tx = conn.transaction()?;
    for table in own_tables(&tx)? {
        tx.execute_batch(&format!("insert or replace into main.{table} select * from old.{table}"))?;
    }
    for cart in carts::states(&tx, "select state from old.cart_states where unsent > 0", [])? {
        carts::merge(&tx, &cart, now)?;
        carts::keep_unsent(&tx, cart.cart_id())?;
    }
    aside::undress(&tx)?;
    let carts = ids(&tx, "select cart_id from main.cart_states union select cart_id from old.cart_states")?;
    tx.commit()?;
    conn.close().map_err(|(_, error)| error)?;
    aside::make_certain(aside)?;
    Ok(carts)
}

fn own_tables(conn: &Connection) -> Result<Vec<String>, Error> {
    let sql = "select name from main.sqlite_schema where type = 'table' and name not like 'sqlite_%' and name not like 'file%'";
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names.into_iter().filter(|name| !FED.contains(&name.as_str()) && !LEFT.contains(&name.as_str())).collect())
}

/// What a range brought.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Whether that was all.
    pub(crate) is_last: bool,
    /// Rows that it looked at, about.
    pub(crate) rows: u64,
    /// Carts that it changed.
    pub(crate) carts: Vec<CartId>,
}

/// How many rows there are to take over, about.
pub(crate) fn rows(conn: &Connection) -> Result<u64, Error> {
    let heads = GROUPS.iter().map(|group| group.tables[0].name).chain(["stock", "cart_states"]);
    heads
        .map(|table| {
            let count: i64 = conn.query_row(&format!("select count(*) from aside.{table}"), [], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
        .sum()
}

/// Takes the next range over, within a transaction of its own.
pub(crate) fn step(conn: &Connection, now: Timestamp) -> Result<Step, Error> {
    let row = filling::find(conn)?.ok_or_else(|| Error::damaged("nothing is being taken over"))?;
    let over = Over { conn, contained: Contained::by(conn, &aside::journals(conn)?)?, row: &row, now };
    over.note_own()?;
    let mut step =
        Step { rows: if row.place == CARTS { RANGE_CARTS } else { RANGE_ROWS }.unsigned_abs(), ..Step::default() };
    let after = match row.place {
        place if place < STOCK => over.group(&GROUPS[place])?,
        STOCK => over.stock()?,
        CARTS => over.carts(&mut step.carts)?,
        _ => {
            over.finish()?;
            step.is_last = true;
            return Ok(step);
        }
    };
    match after {
        Some(after) => filling::note_place(conn, row.place, &after)?,
        None => filling::note_place(conn, row.place + 1, &Value::Null)?,
    }
    Ok(step)
}

struct Over<'a> {
    conn: &'a Connection,
    contained: Contained,
    row: &'a Row,
    now: Timestamp,
}

/// A range: behind its begin, up to its end if it has one.
struct Range {
    begin: Value,
    end: Value,
}

impl Range {
    fn is_last(&self) -> bool {
        self.end == Value::Null
    }

    /// Where the next one begins.
    fn next(self) -> Option<Value> {
        (self.end != Value::Null).then_some(self.end)
    }
}

impl Over<'_> {
    /// Plain rows.
    fn group(&self, group: &Group) -> Result<Option<Value>, Error> {
        let range = self.range(group.tables[0].name, group.key, RANGE_ROWS)?;
        for table in group.tables.iter().rev() {
            self.run(&table.remove(group.key, range.is_last()), &range, &[])?;
        }
        for table in group.tables {
            self.run(&table.replace(group.key, range.is_last()), &range, &[])?;
        }
        if group.key == "order_id" {
            self.raise_statuses(&range)?;
        }
        if let Some(kind) = group.laid_over {
            for (incarnation, seq, set_aside) in self.contained.journals() {
                let no_longer = tables::no_longer_pending(range.is_last());
                self.run(&no_longer, &range, &[&kind.number(), incarnation, seq, set_aside])?;
            }
        }
        Ok(range.next())
    }

    /// Own orders keep their content, and their statuses rise. Since when one stands the feed says: head office that was
    /// put back may have heard of two returns in another order.
    fn raise_statuses(&self, range: &Range) -> Result<(), Error> {
        let sql = format!(
            "select a.order_id from aside.orders a join main.orders m on m.order_id = a.order_id
             where {0} and (a.status <> m.status or a.updated_at <> m.updated_at)
             union
             select a.order_id from aside.payments a
             join main.payments m on m.order_id = a.order_id and m.payment_id = a.payment_id
             where {0} and (a.status <> m.status or a.updated_at <> m.updated_at)",
            tables::range("a", "order_id", range.is_last())
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let differing: Vec<OrderId> =
            statement.query_map(params![range.begin, range.end], |row| row.get(0))?.collect::<Result<_, _>>()?;
        differing.into_iter().try_for_each(|order_id| orders::raise_from_aside(self.conn, order_id))
    }

    /// Stock rows, what is laid over them, and what this node may sell of them.
    fn stock(&self) -> Result<Option<Value>, Error> {
        let range = self.range("stock", "product_id", RANGE_ROWS)?;
        let is_last = range.is_last();
        for (incarnation, seq, set_aside) in self.contained.journals() {
            self.run(&stock_sql::contained(is_last), &range, &[incarnation, seq, set_aside])?;
        }
        self.run(&stock_sql::replace(is_last), &range, &[])?;
        self.run(&stock_sql::forget(is_last), &range, &[])?;
        self.run(&stock_sql::remove(is_last), &range, &[])?;
        let identity = identity::load(self.conn)?;
        for (incarnation, ..) in self.contained.journals() {
            // To a life that is over nothing more is given, as in the inbox.
            let is_heard = *incarnation != identity.incarnation_id() || identity.state.ending().is_none();
            self.run(&stock_sql::allotments(is_last), &range, &[incarnation, &is_heard])?;
        }
        Ok(range.next())
    }

    /// Carts are merged. In another life of the server's database all of them are pushed again, so that
    /// a restored server gets back what it lost; else one that it does not know is gone, unless it was
    /// changed here since the node was last level.
    fn carts(&self, changed: &mut Vec<CartId>) -> Result<Option<Value>, Error> {
        let conn = self.conn;
        let span = self.range("cart_states", "cart_id", RANGE_CARTS)?;
        let told = format!(
            "select a.state from aside.cart_states a where {} and not exists
                 (select 1 from main.cart_states m where m.cart_id = a.cart_id and m.state = a.state)",
            range("a", "cart_id", span.is_last())
        );
        for cart in carts::states(conn, &told, params![span.begin, span.end])? {
            carts::merge(conn, &cart, self.now)?;
            changed.push(cart.cart_id());
        }
        if self.row.why == Why::OtherEpoch {
            let again = format!(
                "update main.cart_states as m set unsent = unsent + 1 where {}",
                range("m", "cart_id", span.is_last())
            );
            self.run(&again, &span, &[])?;
            return Ok(span.next());
        }
        let gone = format!(
            "select m.cart_id from main.cart_states m where {} and m.unsent = 0
                 and m.updated_at <= coalesce((select level_at from main.feed_position), 0)
                 and not exists (select 1 from aside.cart_states a where a.cart_id = m.cart_id)",
            range("m", "cart_id", span.is_last())
        );
        let mut statement = conn.prepare_cached(&gone)?;
        let gone: Vec<CartId> =
            statement.query_map(params![span.begin, span.end], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for cart_id in gone {
            carts::forget(conn, cart_id)?;
            changed.push(cart_id);
        }
        Ok(span.next())
    }

    /// With the last range goes the position from which the feed is read on.
    fn finish(&self) -> Result<(), Error> {
        for (incarnation, seq, verdict) in aside::rulings(self.conn)? {
            verdicts::note(self.conn, incarnation, seq, &verdict)?;
        }
        for acked in aside::journals(self.conn)? {
            journal::raise_acked(self.conn, acked.incarnation_id, acked.mark)?;
        }
        self.conn.execute(
            "update main.feed_position set cursor = f.cursor, seen = f.seen, protocol = p.protocol
             from aside.file f, aside.feed_position p",
            [],
        )?;
        filling::end(self.conn)
    }

    /// The next range of a table.
    fn range(&self, table: &str, key: &str, rows: i64) -> Result<Range, Error> {
        // An empty key is below every one that there is.
        let is_first = self.row.after == Value::Null;
        let begin = if is_first { Value::Blob(Vec::new()) } else { self.row.after.clone() };
        let mut statement = self.conn.prepare_cached(&next_end(table, key))?;
        let end = statement.query_row(params![begin, rows - 1], |row| row.get(0))?;
        Ok(Range { begin, end })
    }

    fn run(&self, sql: &str, range: &Range, more: &[&dyn ToSql]) -> Result<(), Error> {
        let params: Vec<&dyn ToSql> =
            [&range.begin as &dyn ToSql, &range.end].into_iter().chain(more.iter().copied()).collect();
        self.conn.prepare_cached(sql)?.execute(params.as_slice())?;
        Ok(())
    }

    /// Notes the ids that uncontained ops of this node name, and lays what those ops did over the images
    /// again, if an image that contained them is replaced by one that does not.
    fn note_own(&self) -> Result<(), Error> {
        self.conn.execute_batch(
            "create temp table if not exists own (id blob not null primary key) without rowid;
             create temp table if not exists own_upto (incarnation_id blob not null primary key, seq integer not null)",
        )?;
        let mut upto = self.conn.prepare_cached("select seq from temp.own_upto where incarnation_id = ?1")?;
        let mut note_upto = self.conn.prepare_cached(
            "insert into temp.own_upto (incarnation_id, seq) values (?1, ?2)
             on conflict (incarnation_id) do update set seq = excluded.seq",
        )?;
        let identity = identity::load(self.conn)?;
        for incarnation in journal::lives(self.conn)? {
            let noted: Option<i64> = upto.query_row([incarnation], |row| row.get(0)).optional()?;
            let (contained, set_aside) = self.contained.of(incarnation);
            // Between two ranges more may be done.
            let (seq, set_aside) = noted.map_or((contained, set_aside), |noted| (noted, "[]"));
            note_upto.execute(params![incarnation, journal::head(self.conn, incarnation)?.seq])?;
            let mut ops = journal::uncontained(self.conn, incarnation, seq, set_aside)?;
            let touched = Touched::by(ops.iter().map(|(_, op)| op));
            let named = touched.users.iter().map(|id| id.0).chain(touched.addresses.iter().map(|id| id.0));
            let named = named.chain(touched.reviews.iter().map(|id| id.0)).chain(touched.orders.iter().map(|id| id.0));
            let named = named.chain(touched.returns.iter().map(|id| id.0));
            let mut note = self.conn.prepare_cached("insert into temp.own (id) values (?1) on conflict do nothing")?;
            named.collect::<Vec<Uuid>>().iter().try_for_each(|id| note.execute([id.as_bytes()]).map(drop))?;
            if incarnation != identity.incarnation_id() {
                // What an earlier life did is laid over under the entries that carry it.
                continue;
            }
            // What head office was told by the life that wrote it is in the images under that name.
            ops.retain(|(seq, op)| {
                let first = own::first_written(Place { incarnation_id: incarnation, seq: *seq }, op);
                first.incarnation_id == incarnation || !self.contained.has(first)
            });
            for (seq, op) in &ops {
                pending_ops::lay_over(self.conn, Place { incarnation_id: incarnation, seq: *seq }, op)?;
            }
            for (seq, key, change) in own::changes(self.conn, &identity, &ops)? {
                stock::lay_again(self.conn, Place { incarnation_id: incarnation, seq }, key, change)?;
            }
        }
        Ok(())
    }
}

fn ids(conn: &Connection, sql: &str) -> Result<Vec<CartId>, Error> {
    let mut statement = conn.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
