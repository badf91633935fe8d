//! Fed images read back as the aggregates that they were told as, by ranges of keys.
//!
//! Every query walks a primary key. Parts without a whole (an item whose order is not there) come back
//! as a key that cannot be read, and so does a row with a value that no such aggregate has: both are
//! unlike anything the server tells, and found.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::Cart,
    catalogue::{Category, Warehouse},
    delivery::Delivery,
    digest::{Ids, KeyRange, laid_over},
    feed::{Aggregate, Granted, Key, Kind, Stock},
    id::{OrderId, PaymentId, UserId},
    op::{Op, OpKind},
    order::{OrderItem, Payment},
    transfer::Transfer,
    word::Word as _,
};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter, types::Type};
use uuid::Uuid;

use super::{
    catalogue, concerns, confirmations, deliveries, identity, journal, orders, people, returns, rules, synonyms,
    transfers,
};
use crate::error::Error;

/// Sorts behind every id.
const BEHIND: [u8; 17] = [0xff; 17];

/// What is there of a range.
#[derive(Debug)]
pub(crate) struct Fed {
    /// By key; none where something is there that cannot be read.
    pub(crate) rows: BTreeMap<Ids, Option<Aggregate>>,
    /// The last key, if the limit ended it before the range did.
    pub(crate) upto: Option<Ids>,
}

/// The first `limit` aggregates of a range.
pub(crate) fn rows(conn: &Connection, range: &KeyRange, limit: usize) -> Result<Fed, Error> {
    let read = Read { conn, range, limit };
    match range.kind {
        Kind::Warehouse => read.plain("warehouse_id, name, home_of, created_at", "warehouses", warehouse),
        Kind::Category => read.plain("category_id, name, parent_id", "categories", category),
        Kind::Product => products(&read),
        Kind::Stock => read.plain("product_id, warehouse_id, fed_balance, fed_promised, updated_at", "stock", stock),
        Kind::Allotment => {
            read.plain("incarnation_id, product_id, warehouse_id, granted, reclaimed", "allotments", allotment)
        }
        Kind::User => read.plain(
            "user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of",
            "users",
            |row| Ok(Aggregate::User(Box::new(people::user_of_row(row)?))),
        ),
        Kind::Address => read
            .plain(people::ADDRESS, "addresses", |row| Ok(Aggregate::Address(Box::new(people::address_of_row(row)?)))),
        Kind::Order => whole_orders(&read),
        Kind::Review => read.plain("review_id, product_id, user_id, rating, comment, created_at", "reviews", |row| {
            Ok(Aggregate::Review(Box::new(people::review_of_row(row)?)))
        }),
        Kind::Cart => read.plain("cart_id, state, owner", "cart_states", cart),
        Kind::Concern => {
            read.plain("concern_id, kind, subject, detail, scope, opened_at, closed_at", "concerns", |row| {
                Ok(Aggregate::Concern(Box::new(concerns::of_row(row)?)))
            })
        }
        Kind::Transfer => whole_transfers(&read),
        Kind::Delivery => whole_deliveries(&read),
        Kind::Return => whole_returns(&read),
        Kind::Confirmation => read.plain(confirmations::COLUMNS, "order_confirmations", |row| {
            Ok(Aggregate::Confirmation(confirmations::of_row(row)?))
        }),
        Kind::Synonyms => {
            read.plain(synonyms::COLUMNS, "synonyms", |row| Ok(Aggregate::Synonyms(Box::new(synonyms::of_row(row)?))))
        }
        Kind::Rule => read.plain(rules::COLUMNS, "rules", |row| Ok(Aggregate::Rule(Box::new(rules::of_row(row)?)))),
        // Part of the journal, and no image.
        Kind::Verdict => Ok(Fed { rows: BTreeMap::new(), upto: None }),
    }
}

/// One reading of a range.
struct Read<'a> {
    conn: &'a Connection,
    range: &'a KeyRange,
    limit: usize,
}

type Found<T> = Vec<(Ids, Option<T>)>;

impl Read<'_> {
    /// Aggregates that are one row each; the columns begin with the key's.
    fn plain(
        &self,
        columns: &str,
        table: &str,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<Aggregate>,
    ) -> Result<Fed, Error> {
        let rows = self.heads(columns, table, of_row)?;
        let upto = self.ended(&rows);
        Ok(Fed { rows: rows.into_iter().collect(), upto })
    }

    /// The first rows of a table whose primary key is the aggregates'.
    fn heads<T>(
        &self,
        columns: &str,
        table: &str,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        let width = self.range.kind.width();
        let key: Vec<&str> = columns.split(", ").take(width).collect();
        let key = key.join(", ");
        let places = |from: usize| (from..from + width).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "select {columns} from {table} where ({key}) > ({}) and ({key}) <= ({}) order by {key} limit ?{}",
            places(1),
            places(1 + width),
            1 + 2 * width
        );
        self.query(&sql, self.range.upto.as_ref(), Some(i64::try_from(self.limit).unwrap_or(i64::MAX)), of_row)
    }

    /// All rows of a table that are parts of the aggregates up to a key.
    fn parts<T>(
        &self,
        sql: &str,
        upto: Option<&Ids>,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        self.query(sql, upto.or(self.range.upto.as_ref()), None, of_row)
    }

    fn query<T>(
        &self,
        sql: &str,
        upto: Option<&Ids>,
        limit: Option<i64>,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        let width = self.range.kind.width();
        let (low, high) = (low(self.range.after.as_ref(), width), high(upto, width));
        let ends = low.iter().chain(&high).map(|end| end as &dyn ToSql);
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(ends.chain(limit.iter().map(|limit| limit as &dyn ToSql))))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let ids = (0..width).map(|place| row.get(place).map(Uuid::from_bytes)).collect::<Result<Ids, _>>()?;
            found.push((ids, readable(of_row(row))?));
        }
        Ok(found)
    }

    /// The last key, if there may be more behind it.
    fn ended<T>(&self, rows: &Found<T>) -> Option<Ids> {
        rows.last().filter(|_| rows.len() >= self.limit).map(|(ids, _)| ids.clone())
    }
}

fn low(after: Option<&Ids>, width: usize) -> Vec<Vec<u8>> {
    after.map_or_else(|| vec![Vec::new(); width], |ids| ids.iter().map(|id| id.as_bytes().to_vec()).collect())
}

fn high(upto: Option<&Ids>, width: usize) -> Vec<Vec<u8>> {
    upto.map_or_else(|| vec![BEHIND.to_vec(); width], |ids| ids.iter().map(|id| id.as_bytes().to_vec()).collect())
}

/// A value that its column cannot have makes its row unreadable; any other error is the database's.
fn readable<T>(row: rusqlite::Result<T>) -> Result<Option<T>, Error> {
    match row {
        Ok(value) => Ok(Some(value)),
        Err(
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..),
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn unreadable(column: usize, why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(why))
}

fn warehouse(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Warehouse(Warehouse {
        warehouse_id: row.get(0)?,
        name: row.get(1)?,
        home_of: row.get(2)?,
        created_at: row.get(3)?,
    }))
}

fn category(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Category(Category { category_id: row.get(0)?, name: row.get(1)?, parent_id: row.get(2)? }))
}

fn stock(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Stock(Stock {
        product_id: row.get(0)?,
        warehouse_id: row.get(1)?,
        balance: row.get(2)?,
        promised: row.get(3)?,
        updated_at: row.get(4)?,
    }))
}

fn allotment(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Allotment(Granted {
        incarnation_id: row.get(0)?,
        product_id: row.get(1)?,
        warehouse_id: row.get(2)?,
        granted: row.get(3)?,
        reclaimed: row.get(4)?,
        // What is said beside the totals is not compared.
        full: 0,
        keep: None,
    }))
}

fn cart(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    let cart: Cart = rmp_serde::from_slice(&row.get::<_, Vec<u8>>(1)?).map_err(|error| unreadable(1, error))?;
    let stands_right = cart.cart_id() == row.get(0)? && cart.owner() == row.get::<_, UserId>(2)?;
    if stands_right { Ok(Aggregate::Cart(Box::new(cart))) } else { Err(unreadable(2, std::fmt::Error)) }
}

fn products(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(catalogue::PRODUCT, "products", catalogue::of_row)?;
    let upto = read.ended(&heads);
    let barcodes = read.parts(
        "select product_id, barcode from barcodes where product_id > ?1 and product_id <= ?2 order by product_id",
        upto.as_ref(),
        |row| row.get(1),
    )?;
    let mut barcodes = gathered(barcodes);
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let barcodes = barcodes.remove(&ids).unwrap_or(Some(Vec::new()));
        let whole = head.zip(barcodes).map(|(mut product, barcodes)| {
            product.barcodes = barcodes;
            Aggregate::Product(Box::new(product))
        });
        rows.insert(ids, whole);
    }
    rows.extend(barcodes.into_keys().map(|ids| (ids, None)));
    Ok(Fed { rows, upto })
}

fn whole_orders(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(orders::COLUMNS, "orders", orders::of_row)?;
    let upto = read.ended(&heads);
    let items = read.parts(
        "select order_id, order_item_id, product_id, quantity, unit_price, price_per, line from order_items
         where order_id > ?1 and order_id <= ?2 order by order_id, line, order_item_id",
        upto.as_ref(),
        item,
    )?;
    let payments = read.parts(
        "select order_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at, user_id,
             refunds_id
         from payments where order_id > ?1 and order_id <= ?2 and return_id is null order by order_id",
        upto.as_ref(),
        payment,
    )?;
    let (mut items, mut payments) = (gathered(items), gathered(payments));
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let items = items.remove(&ids).unwrap_or(Some(Vec::new()));
        let payments = payments.remove(&ids).unwrap_or(Some(Vec::new()));
        let whole = head.zip(items).zip(payments).and_then(|((order, items), payments)| {
            // Two columns repeat what stands elsewhere: an item's place, and whose payment it is.
            let in_place = items.iter().zip(0..).all(|((line, _), place)| *line == place);
            let is_buyers = payments.iter().all(|(whose, _)| *whose == (order.user_id, None));
            let items = items.into_iter().map(|(_, item)| item).collect();
            let payments = payments.into_iter().map(|(_, payment)| payment).collect();
            let order = outpost_schema::order::Order { items, payments, ..order };
            (in_place && is_buyers).then(|| Aggregate::Order(Box::new(order)))
        });
        rows.insert(ids, whole);
    }
    rows.extend(items.into_keys().chain(payments.into_keys()).map(|ids| (ids, None)));
    Ok(Fed { rows, upto })
}

fn whole_transfers(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(transfers::COLUMNS, "transfers", transfers::of_row)?;
    let upto = read.ended(&heads);
    let rows = read.parts(
        &format!(
            "select {} where transfer_id > ?1 and transfer_id <= ?2 order by transfer_id, product_id, warehouse_id",
            transfers::ROW
        ),
        upto.as_ref(),
        transfers::row_of_row,
    )?;
    let whole = |transfer, rows| Aggregate::Transfer(Box::new(Transfer { rows, ..transfer }));
    Ok(Fed { rows: put_together(heads, gathered(rows), whole), upto })
}

fn whole_deliveries(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(deliveries::COLUMNS, "deliveries", deliveries::of_row)?;
    let upto = read.ended(&heads);
    let lines = read.parts(
        "select delivery_id, product_id, expected, received from delivery_lines
         where delivery_id > ?1 and delivery_id <= ?2 order by delivery_id, product_id",
        upto.as_ref(),
        deliveries::line_of_row,
    )?;
    let whole = |delivery, lines| Aggregate::Delivery(Box::new(Delivery { lines, ..delivery }));
    Ok(Fed { rows: put_together(heads, gathered(lines), whole), upto })
}

/// Wholes of their heads and parts; parts without a head cannot be read.
fn put_together<H, P>(
    heads: Found<H>,
    mut parts: BTreeMap<Ids, Option<Vec<P>>>,
    whole: impl Fn(H, Vec<P>) -> Aggregate,
) -> BTreeMap<Ids, Option<Aggregate>> {
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let parts = parts.remove(&ids).unwrap_or(Some(Vec::new()));
        rows.insert(ids, head.zip(parts).map(|(head, parts)| whole(head, parts)));
    }
    rows.extend(parts.into_keys().map(|ids| (ids, None)));
    rows
}

fn whole_returns(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(returns::COLUMNS, "returns", returns::of_row)?;
    let upto = read.ended(&heads);
    let sql = format!(
        "select return_id, {} from return_lines where return_id > ?1 and return_id <= ?2 order by return_id, line",
        returns::LINE
    );
    let lines = read.parts(&sql, upto.as_ref(), |row| Ok((row.get::<_, i64>(5)?, returns::line_of_row(row, 1)?)))?;
    let sql = format!(
        "select return_id, {}, order_id, user_id from payments
         where return_id > ?1 and return_id <= ?2 order by return_id, payment_id",
        returns::REFUND
    );
    let refunds = read.parts(&sql, upto.as_ref(), |row| {
        Ok(((row.get::<_, OrderId>(10)?, row.get::<_, UserId>(11)?), returns::refund_of_row(row, 1)?))
    })?;
    let (mut lines, mut refunds) = (gathered(lines), gathered(refunds));
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let lines = lines.remove(&ids).unwrap_or(Some(Vec::new()));
        let refunds = refunds.remove(&ids).unwrap_or(Some(Vec::new()));
        let whole = head.zip(lines).zip(refunds).and_then(|((mut back, lines), refunds)| {
            // Columns that repeat what stands elsewhere: a line's place, and whose order a refund is of.
            let in_place = lines.iter().zip(0..).all(|((line, _), place)| *line == place);
            let is_its = refunds.iter().all(|(whose, _)| *whose == (back.order_id, back.user_id));
            back.lines = lines.into_iter().map(|(_, line)| line).collect();
            back.refunds = refunds.into_iter().map(|(_, refund)| refund).collect();
            (in_place && is_its).then(|| Aggregate::Return(Box::new(back)))
        });
        rows.insert(ids, whole);
    }
    rows.extend(lines.into_keys().chain(refunds.into_keys()).map(|ids| (ids, None)));
    Ok(Fed { rows, upto })
}

fn item(row: &Row<'_>) -> rusqlite::Result<(i64, OrderItem)> {
    let item = OrderItem {
        order_item_id: row.get(1)?,
        product_id: row.get(2)?,
        quantity: row.get(3)?,
        unit_price: row.get(4)?,
        price_per: row.get(5)?,
    };
    Ok((row.get(6)?, item))
}

/// A payment with whose it is, and which one it gives back: none, or it is no payment of the sale.
fn payment(row: &Row<'_>) -> rusqlite::Result<((UserId, Option<PaymentId>), Payment)> {
    let payment = Payment {
        payment_id: row.get(1)?,
        amount: row.get(2)?,
        currency: row.get(3)?,
        tender: row.get(4)?,
        status: row.get(5)?,
        transaction_ref: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    };
    Ok(((row.get(9)?, row.get(10)?), payment))
}

/// The parts of each whole; none if one of them cannot be read.
fn gathered<T>(parts: Found<T>) -> BTreeMap<Ids, Option<Vec<T>>> {
    let mut gathered: BTreeMap<Ids, Option<Vec<T>>> = BTreeMap::new();
    for (ids, part) in parts {
        let all = gathered.entry(ids).or_insert_with(|| Some(Vec::new()));
        *all = all.take().zip(part).map(|(mut all, part)| {
            all.push(part);
            all
        });
    }
    gathered
}

/// The aggregates that something of this node's own is laid over, but for stock: ops that no image
/// contains yet, and carts that wait to be pushed.
pub(crate) struct Own(BTreeSet<Key>);

impl Own {
    /// All of them.
    pub(crate) fn load(conn: &Connection) -> Result<Self, Error> {
        let mut keys = BTreeSet::new();
        // What earlier lives left untold is carried by this one.
        let life = identity::load(conn)?.incarnation_id();
        let acked = journal::acked(conn, life)?.seq;
        lay(conn, "incarnation_id = ?1 and seq > ?2", params![life, acked], &mut keys)?;
        // The list of words repeats the index's, or SQLite would not know that it may use it.
        lay(conn, "verdict in ('refused', 'set_aside') and verdict = 'set_aside'", params![], &mut keys)?;
        let mut statement = conn.prepare_cached("select cart_id from cart_states where unsent > 0")?;
        let carts = statement.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
        for cart in carts {
            keys.insert(Key { kind: Kind::Cart, ids: vec![cart?] });
        }
        Ok(Self(keys))
    }

    /// Those in a range; of stock, the rows with something pending over them.
    pub(crate) fn within(&self, conn: &Connection, range: &KeyRange) -> Result<BTreeSet<Ids>, Error> {
        match range.kind {
            Kind::Stock => waiting_stock(conn, range),
            Kind::Warehouse
            | Kind::Category
            | Kind::Product
            | Kind::Allotment
            | Kind::User
            | Kind::Address
            | Kind::Order
            | Kind::Review
            | Kind::Cart
            | Kind::Concern
            | Kind::Transfer
            | Kind::Delivery
            | Kind::Return
            | Kind::Rule
            | Kind::Confirmation
            | Kind::Synonyms
            | Kind::Verdict => {
                let keys = self.0.iter().filter(|key| key.kind == range.kind && range.has(&key.ids));
                Ok(keys.map(|key| key.ids.clone()).collect())
            }
        }
    }
}

/// Everything that this node's own journal ever made, as far as the journal is there.
pub(crate) fn made_here(conn: &Connection) -> Result<BTreeSet<Key>, Error> {
    let mut keys = BTreeSet::new();
    lay(
        conn,
        "kind in ('sale', 'customer_added', 'address_added', 'reviewed', 'returned', 'carried')",
        params![],
        &mut keys,
    )?;
    Ok(keys)
}

fn lay(conn: &Connection, which: &str, params: impl rusqlite::Params, keys: &mut BTreeSet<Key>) -> Result<(), Error> {
    let mut statement = conn.prepare_cached(&format!("select kind, body from journal where {which}"))?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        // What cannot be read is looked at by whoever checks the journal's chain.
        let (kind, body) =
            (row.get_ref(0)?.as_str().unwrap_or_default(), row.get_ref(1)?.as_blob().unwrap_or_default());
        let op = OpKind::of_word(kind).and_then(|kind| Op::from_body(kind, body));
        keys.extend(op.iter().flat_map(laid_over));
    }
    Ok(())
}

fn waiting_stock(conn: &Connection, range: &KeyRange) -> Result<BTreeSet<Ids>, Error> {
    let mut statement = conn.prepare_cached(
        "select distinct product_id, warehouse_id from pending
         where (product_id, warehouse_id) > (?1, ?2) and (product_id, warehouse_id) <= (?3, ?4)",
    )?;
    let (low, high) = (low(range.after.as_ref(), 2), high(range.upto.as_ref(), 2));
    let rows = statement.query_map(params_from_iter(low.iter().chain(&high)), |row| {
        Ok(vec![Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?)])
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
