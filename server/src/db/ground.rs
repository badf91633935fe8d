//! Loads and locks what a batch touches: one query per table, each only if the batch names
//! something of it, rows locked in the order of their keys.
//!
//! Whoever changes a stock row, a promise on it or an allotment of it locks the stock row first. So
//! what is read after the stock rows are locked stays true until the transaction ends.

mod returns;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join3};
use outpost_schema::{
    cart::SoldUnits,
    clock::Timestamp,
    fault::Fault,
    id::{CartId, IncarnationId, OrderId, ProductId, UserId, WarehouseId},
    journal::{Entry, Mark},
    money::Currency,
    op::Line,
    planted::{Bug, is_planted},
    quantity::Amount,
    settle::{Author, Elder, Known, KnownOrder, Touched},
    sizing::Outlook,
    stock::{Allotment, Level, StockKey},
};
use tokio_postgres::{Row, types::ToSql};

use super::{
    Tx, columns, counts, holds,
    sizing::{self, OUTLOOK},
    transfers, undone,
};
use crate::error::Error;

/// What was loaded, and what that changed.
#[derive(Debug)]
pub struct Ground {
    /// What the decisions may rely on.
    pub known: Known,
    /// Stock rows of which expired holds were released, so that nobody is refused for their sake.
    pub released: BTreeSet<StockKey>,
}

/// Loads what is named by `touched` and locks what may change, for these entries of this author.
///
/// # Errors
/// If Postgres fails.
pub async fn load(
    tx: &Tx,
    touched: &mut Touched,
    (author, entries): (&Author, &[Entry]),
    currency: Currency,
    now: Timestamp,
) -> Result<Ground, Error> {
    let mut known = Known::empty(currency, now);
    known.receipts = returns::receipts(tx, &touched.receipts).await?;
    let named = touched.orders.iter().chain(&touched.bought).chain(known.receipts.values());
    known.orders = orders(tx, &named.copied().collect()).await?;
    for (_, order) in known.orders.iter().filter(|(id, _)| touched.orders.contains(id)).collect::<Vec<_>>() {
        touched.order(order);
    }
    known.transfers = transfers::lock(tx, &touched.transfers).await?;
    for transfer in known.transfers.values() {
        touched.transfer(transfer);
    }
    returns::load(tx, touched, &mut known).await?;
    touched.stock.extend(holds::rows_of(tx, &touched.holds).await?);
    known.levels = stock(tx, &touched.stock, now).await?;
    let released = if touched.asks { release_expired(tx, &touched.stock, now).await? } else { BTreeMap::new() };
    known.levels.extend(&released);
    known.holds = holds::open_lines(tx, &touched.holds).await?;
    let held = held(tx, author.incarnation_id, &touched.stock);
    let counts = counts::in_force(tx, &touched.stock);
    let (held, sold, counts) = try_join3(held, sold(tx, &touched.sold), counts).await?;
    known.outlooks = held.iter().map(|(key, held)| (*key, held.outlook)).collect();
    known.allotments = keep_written_off(&mut known, author.incarnation_id, held);
    (known.sold, known.counts) = (sold, counts);
    known.moved = counts::beyond(tx, author, touched).await?;
    known.undone = undone::before(tx, author, touched).await?;
    elders(tx, author, touched, &mut known).await?;
    if author.is_superseded {
        known.carried = carried(tx, author.incarnation_id, entries).await?;
    }
    catalogue(tx, touched, &mut known).await?;
    people(tx, touched, &mut known).await?;
    Ok(Ground { known, released: released.into_keys().collect() })
}

/// The orders with these ids, locked.
async fn orders(tx: &Tx, ids: &BTreeSet<OrderId>) -> Result<BTreeMap<OrderId, KnownOrder>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = tx
        .query(
            "select o.order_id, o.warehouse_id, o.fulfilment, o.status, i.products, i.amounts
             from orders o
             cross join lateral (
                 select array_agg(product_id order by line) as products, array_agg(quantity order by line) as amounts
                 from order_items where order_id = o.order_id
             ) i
             where o.order_id = any($1)
             order by o.order_id
             for no key update of o",
            &[&ids.iter().collect::<Vec<_>>()],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get("order_id")?, order(row)?))).collect()
}

fn order(row: &Row) -> Result<KnownOrder, Error> {
    let (products, amounts): (Vec<ProductId>, Vec<Amount>) = (row.try_get("products")?, row.try_get("amounts")?);
    Ok(KnownOrder {
        warehouse_id: row.try_get("warehouse_id")?,
        fulfilment: row.try_get("fulfilment")?,
        status: row.try_get("status")?,
        lines: products.into_iter().zip(amounts).map(|(product_id, amount)| Line { product_id, amount }).collect(),
    })
}

/// The stock rows with these keys, locked. A row that is missing though its product and warehouse
/// exist is made first.
pub async fn stock(tx: &Tx, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<BTreeMap<StockKey, Level>, Error> {
    let levels = lock_stock(tx, keys).await?;
    let missing: BTreeSet<_> = keys.iter().filter(|key| !levels.contains_key(key)).copied().collect();
    if missing.is_empty() {
        return Ok(levels);
    }
    // Whether this made them or somebody else did meanwhile, they are there now if they can be.
    make_stock(tx, &missing, now).await?;
    lock_stock(tx, keys).await
}

/// The statement that [`lock_stock`] runs.
pub fn lock_stock_sql() -> String {
    let locking = if is_planted(Bug::ReadThenWritten) { "" } else { "for no key update of s" };
    format!(
        "select s.product_id, s.warehouse_id, s.balance, s.promised
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         join stock s using (product_id, warehouse_id)
         order by s.product_id, s.warehouse_id
         {locking}"
    )
}

/// Those of the stock rows that there are, locked in the order of their keys.
///
/// # Errors
/// If Postgres fails.
pub async fn lock_stock(tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<BTreeMap<StockKey, Level>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (products, warehouses) = columns(keys);
    let rows = tx.query(&lock_stock_sql(), &[&products, &warehouses]).await?;
    rows.iter().map(|row| Ok((stock_key(row)?, level(row)?))).collect()
}

async fn make_stock(tx: &Tx, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<(), Error> {
    let (products, warehouses) = columns(keys);
    tx.execute(
        "insert into stock (product_id, warehouse_id, updated_at)
         select product_id, warehouse_id, $3
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         join products p using (product_id)
         join warehouses w using (warehouse_id)
         order by product_id, warehouse_id
         on conflict do nothing",
        &[&products, &warehouses, &now],
    )
    .await?;
    Ok(())
}

/// Closes the expired holds of these stock rows, which are locked, and tells the rows that changed.
///
/// # Errors
/// If Postgres fails.
pub async fn release_expired(
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    now: Timestamp,
) -> Result<BTreeMap<StockKey, Level>, Error> {
    let (products, warehouses) = columns(keys);
    let rows = tx
        .query(
            "with released as (
                 update holds h set closed_at = $3, outcome = 'expired'
                 from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
                 where h.product_id = k.product_id and h.warehouse_id = k.warehouse_id
                   and h.closed_at is null and h.expires_at <= $3
                 returning h.product_id, h.warehouse_id, h.amount
             ), sums as (
                 select product_id, warehouse_id, sum(amount)::bigint as amount
                 from released group by product_id, warehouse_id
             )
             update stock s set promised = s.promised - r.amount, updated_at = $3
             from sums r
             where s.product_id = r.product_id and s.warehouse_id = r.warehouse_id
             returning s.product_id, s.warehouse_id, s.balance, s.promised",
            &[&products, &warehouses, &now],
        )
        .await?;
    rows.iter().map(|row| Ok((stock_key(row)?, level(row)?))).collect()
}

fn level(row: &Row) -> Result<Level, Error> {
    Ok(Level { balance: row.try_get("balance")?, promised: row.try_get("promised")? })
}

pub(super) fn stock_key(row: &Row) -> Result<StockKey, Error> {
    Ok(StockKey { product_id: row.try_get("product_id")?, warehouse_id: row.try_get("warehouse_id")? })
}

/// What a journal has of a row.
struct Held {
    allotment: Allotment,
    outlook: Outlook,
    /// Units that are still written off with it; none if nothing ever was.
    written_off: Option<i64>,
}

/// The journal's allotments of these stock rows, which are locked.
///
/// # Errors
/// If Postgres fails.
pub async fn allotments(
    tx: &Tx,
    incarnation_id: IncarnationId,
    keys: &BTreeSet<StockKey>,
) -> Result<BTreeMap<StockKey, Allotment>, Error> {
    let found = held(tx, incarnation_id, keys).await?;
    Ok(found.into_iter().map(|(key, held)| (key, held.allotment)).collect())
}

/// The same, with what is known beside their totals.
async fn held(
    tx: &Tx,
    incarnation_id: IncarnationId,
    keys: &BTreeSet<StockKey>,
) -> Result<BTreeMap<StockKey, Held>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (products, warehouses) = columns(keys);
    let rows = tx
        .query(
            &format!(
                "select a.product_id, a.warehouse_id, a.granted, a.reclaimed, a.consumed, a.returned, a.received,
                        l.units as written_off, {OUTLOOK}
                 from unnest($2::uuid[], $3::uuid[]) as k (product_id, warehouse_id)
                 join allotments a using (product_id, warehouse_id)
                 left join written_off l on l.incarnation_id = a.incarnation_id and l.product_id = a.product_id
                     and l.warehouse_id = a.warehouse_id
                 where a.incarnation_id = $1"
            ),
            &[&incarnation_id, &products, &warehouses],
        )
        .await?;
    let held = |row| -> Result<Held, Error> {
        Ok(Held {
            allotment: allotment(row)?,
            outlook: sizing::outlook(row)?,
            written_off: row.try_get("written_off")?,
        })
    };
    rows.iter().map(|row| Ok((stock_key(row)?, held(row)?))).collect()
}

/// Reads the totals of an allotment.
///
/// # Errors
/// If the row has no such columns.
pub(super) fn allotment(row: &Row) -> Result<Allotment, Error> {
    Ok(Allotment {
        granted: row.try_get("granted")?,
        reclaimed: row.try_get("reclaimed")?,
        consumed: row.try_get("consumed")?,
        returned: row.try_get("returned")?,
        received: row.try_get("received")?,
    })
}

/// Those of the earlier lives that are the author's own.
async fn elders(tx: &Tx, author: &Author, touched: &Touched, known: &mut Known) -> Result<(), Error> {
    for (life, marks) in touched.elders.iter().filter(|(life, _)| author.elders.contains(life)) {
        let held = held(tx, *life, &touched.stock).await?;
        let allotments = keep_written_off(known, *life, held);
        known.elders.insert(*life, Elder { told: told(tx, *life, marks).await?, allotments });
    }
    Ok(())
}

/// Notes what is still written off with a life, and hands its allotments on.
fn keep_written_off(
    known: &mut Known,
    life: IncarnationId,
    found: BTreeMap<StockKey, Held>,
) -> BTreeMap<StockKey, Allotment> {
    let mut allotments = BTreeMap::new();
    for (key, held) in found {
        allotments.insert(key, held.allotment);
        if let Some(units) = held.written_off {
            known.written_off.insert((life, key), units);
        }
    }
    allotments
}

/// Those of the entries that are decided, told by that life itself or carried before.
async fn told(tx: &Tx, life: IncarnationId, marks: &BTreeSet<Mark>) -> Result<BTreeSet<Mark>, Error> {
    let (seqs, hashes): (Vec<_>, Vec<_>) = marks.iter().map(|mark| (mark.seq, mark.hash)).unzip();
    let rows = tx
        .query(
            "select m.seq, m.hash
             from unnest($2::bigint[], $3::bytea[]) as m (seq, hash)
             where exists (select from ops o where o.incarnation_id = $1 and o.seq = m.seq and o.hash = m.hash
                               and o.verdict <> 'set_aside')
                or exists (select from carried c where c.incarnation_id = $1 and c.seq = m.seq and c.hash = m.hash)",
            &[&life, &seqs, &hashes],
        )
        .await?;
    rows.iter().map(|row| Ok(Mark { seq: row.try_get(0)?, hash: row.try_get(1)? })).collect()
}

/// Those of the entries that a later life of their device has carried.
async fn carried(tx: &Tx, life: IncarnationId, entries: &[Entry]) -> Result<BTreeSet<Mark>, Error> {
    let (seqs, hashes): (Vec<_>, Vec<_>) = entries.iter().map(|entry| (entry.seq, entry.hash)).unzip();
    let sql = "select c.seq, c.hash from unnest($2::bigint[], $3::bytea[]) as m (seq, hash)
               join carried c on c.incarnation_id = $1 and c.seq = m.seq and c.hash = m.hash";
    let rows = tx.query(sql, &[&life, &seqs, &hashes]).await?;
    rows.iter().map(|row| Ok(Mark { seq: row.try_get(0)?, hash: row.try_get(1)? })).collect()
}

/// The units of these cart lines that were checked out, locked.
async fn sold(
    tx: &Tx,
    keys: &BTreeSet<(CartId, ProductId)>,
) -> Result<BTreeMap<(CartId, ProductId), SoldUnits>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (carts, products): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let rows = tx
        .query(
            "select u.cart_id, u.product_id, u.units
             from unnest($1::uuid[], $2::uuid[]) as k (cart_id, product_id)
             join cart_units u using (cart_id, product_id)
             order by u.cart_id, u.product_id
             for no key update of u",
            &[&carts, &products],
        )
        .await?;
    rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), units(row.try_get(2)?)?))).collect()
}

fn units(kept: &[u8]) -> Result<SoldUnits, Error> {
    rmp_serde::from_slice(kept).map_err(|_| Fault::Unreadable { what: "sold units of a cart" }.into())
}

/// Products and warehouses that exist. Those of a stock row do; the rest is asked for.
async fn catalogue(tx: &Tx, touched: &Touched, known: &mut Known) -> Result<(), Error> {
    known.products = known.levels.keys().map(|key| key.product_id).collect();
    known.warehouses = known.levels.keys().map(|key| key.warehouse_id).collect();
    let products: Vec<ProductId> = touched.products.difference(&known.products).copied().collect();
    let warehouses: Vec<WarehouseId> = touched.warehouses.difference(&known.warehouses).copied().collect();
    let (products, warehouses) = try_join(
        ids(tx, "select product_id from products where product_id = any($1)", &products),
        ids(tx, "select warehouse_id from warehouses where warehouse_id = any($1)", &warehouses),
    )
    .await?;
    known.products.extend(products);
    known.warehouses.extend(warehouses);
    Ok(())
}

/// People, their addresses and what they said.
async fn people(tx: &Tx, touched: &Touched, known: &mut Known) -> Result<(), Error> {
    let users: Vec<UserId> = touched.users.iter().copied().collect();
    let addresses: Vec<_> = touched.addresses.iter().copied().collect();
    let reviews: Vec<_> = touched.reviews.iter().copied().collect();
    known.users = ids(tx, "select user_id from users where user_id = any($1)", &users).await?;
    known.addresses = ids(tx, "select address_id from addresses where address_id = any($1)", &addresses).await?;
    known.reviews = ids(tx, "select review_id from reviews where review_id = any($1)", &reviews).await?;
    known.emails = emails(tx, &touched.emails).await?;
    Ok(())
}

/// Who has these e-mails, locked, because they may lose them.
async fn emails(tx: &Tx, emails: &BTreeSet<String>) -> Result<BTreeMap<String, UserId>, Error> {
    if emails.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = tx
        .query(
            "select email, user_id from users where email = any($1) order by user_id for no key update",
            &[&emails.iter().collect::<Vec<_>>()],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Those of the ids that a query finds; nothing is asked for none.
async fn ids<T>(tx: &Tx, sql: &str, ids: &[T]) -> Result<BTreeSet<T>, Error>
where
    T: Ord + ToSql + Sync + for<'a> tokio_postgres::types::FromSql<'a>,
{
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = tx.query(sql, &[&ids]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}
