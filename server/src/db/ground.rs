//! Loads and locks what a batch touches: one query per table, each only if the batch names
//! something of it, rows locked in the order of their keys.
//!
//! Whoever changes a stock row, a promise on it or an allotment of it locks the stock row first. So
//! what is read after the stock rows are locked stays true until the transaction ends.

mod held;
mod lives;
mod returns;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join3};
use outpost_schema::{
    cart::SoldUnits,
    clock::Timestamp,
    fault::Fault,
    id::{CartId, OrderId, ProductId, UserId, WarehouseId},
    journal::Entry,
    money::Currency,
    op::Line,
    quantity::Amount,
    settle::{Author, Known, KnownOrder, Touched},
    stock::StockKey,
};
use tokio_postgres::{Row, types::ToSql};

pub(super) use self::{held::allotment, stock::stock_key};
pub use self::{
    held::allotments,
    stock::{lock_stock, lock_stock_sql, release_expired, stock},
};
use self::{
    held::{held, keep_written_off},
    lives::{carried, elders},
};
use super::{Tx, counts, holds, transfers, undone};
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
