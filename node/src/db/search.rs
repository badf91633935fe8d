//! What the search index is made of: products with what is counted of them here, and what of that changed since a
//! position. Rows of `catalogue_changes` are written by triggers, in the transaction of the change itself.

use std::collections::HashMap;

use outpost_schema::{
    catalogue::Product,
    clock::Timestamp,
    id::{ProductId, WarehouseId},
    planted::{Bug, is_planted},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::catalogue;
use crate::error::Error;

/// A row of the changes, told from a row of another past by its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Place {
    pub(crate) position: i64,
    pub(crate) mark: [u8; 8],
}

/// What must be indexed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Everything,
    Products(Vec<ProductId>),
}

/// A product as it is indexed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Without its barcodes.
    pub(crate) product: Product,
    /// Its barcodes, with a space between two.
    pub(crate) codes: String,
    /// Whether there is any of it where the device stands.
    pub(crate) is_here: bool,
    /// Whether there is any of it in some warehouse that is known here.
    pub(crate) is_anywhere: bool,
}

/// The newest change.
pub(crate) fn newest(conn: &Connection) -> Result<Place, Error> {
    let mut statement =
        conn.prepare_cached("select position, mark from catalogue_changes order by position desc limit 1")?;
    Ok(statement.query_row([], |row| Ok(Place { position: row.get(0)?, mark: row.get(1)? }))?)
}

/// What changed after a place; everything, if the place is none of this database's past.
pub(crate) fn since(conn: &Connection, place: Place) -> Result<Changed, Error> {
    let mut mark = conn.prepare_cached("select mark from catalogue_changes where position = ?1")?;
    let known: Option<[u8; 8]> = mark.query_row([place.position], |row| row.get(0)).optional()?;
    let is_everything = |row: &Row<'_>| row.get::<_, bool>(0);
    let mut everything = conn.prepare_cached(
        "select exists (select 1 from catalogue_changes
             where position > ?1 and product_id is null and category_id is null)",
    )?;
    if (known != Some(place.mark) && !is_planted(Bug::IndexPlaceTrusted))
        || everything.query_row([place.position], is_everything)?
    {
        return Ok(Changed::Everything);
    }
    let mut changed = conn.prepare_cached(
        "select distinct product_id from catalogue_changes where position > ?1 and product_id is not null",
    )?;
    let mut products: Vec<ProductId> =
        changed.query_map([place.position], |row| row.get(0))?.collect::<Result<_, _>>()?;
    products.extend(in_changed_categories(conn, place)?);
    products.sort_unstable();
    products.dedup();
    Ok(Changed::Products(products))
}

/// Products whose category, or one that it lies in, changed its name or place.
fn in_changed_categories(conn: &Connection, place: Place) -> Result<Vec<ProductId>, Error> {
    let mut any = conn.prepare_cached(
        "select exists (select 1 from catalogue_changes where position > ?1 and category_id is not null)",
    )?;
    if !any.query_row([place.position], |row| row.get::<_, bool>(0))? {
        return Ok(Vec::new());
    }
    let mut within = conn.prepare_cached(
        "with recursive changed (category_id) as (
             select category_id from catalogue_changes where position > ?1 and category_id is not null
             union
             select c.category_id from categories c join changed on c.parent_id = changed.category_id
         )
         select product_id from products where category_id in (select category_id from changed)",
    )?;
    let rows = within.query_map([place.position], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the changes before a place, which the index reflects for good. The place itself stays: it is what the
/// index is known by.
pub(crate) fn forget(conn: &Connection, upto: Place) -> Result<(), Error> {
    conn.prepare_cached("delete from catalogue_changes where position < ?1")?.execute([upto.position])?;
    Ok(())
}

fn entries(conn: &Connection, which: &str, params: impl rusqlite::Params) -> Result<Vec<Entry>, Error> {
    let sql = format!(
        "select {}, coalesce((select group_concat(barcode, ' ') from barcodes b where b.product_id = p.product_id), ''),
             exists (select 1 from stock s where s.product_id = p.product_id and s.warehouse_id = ?1 and s.quantity > 0),
             exists (select 1 from stock s where s.product_id = p.product_id and s.quantity > 0)
         from products p where {which}",
        catalogue::PRODUCT
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params, |row| {
        let product = catalogue::of_row(row)?;
        Ok(Entry { product, codes: row.get(13)?, is_here: row.get(14)?, is_anywhere: row.get(15)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The product as it is indexed, if there is one.
pub(crate) fn entry(
    conn: &Connection,
    here: Option<WarehouseId>,
    product_id: ProductId,
) -> Result<Option<Entry>, Error> {
    Ok(entries(conn, "p.product_id = ?2", params![here, product_id])?.pop())
}

/// The next products after one, in the order of their ids.
pub(crate) fn page(
    conn: &Connection,
    here: Option<WarehouseId>,
    after: Option<ProductId>,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let which = "p.product_id > coalesce(?2, x'') order by p.product_id limit ?3";
    entries(conn, which, params![here, after, i64::try_from(limit).unwrap_or(i64::MAX)])
}

/// In how many orders of this place since a moment each product was.
pub(crate) fn sold(conn: &Connection, here: WarehouseId, since: Timestamp) -> Result<HashMap<ProductId, u32>, Error> {
    let mut statement = conn.prepare_cached(
        "select i.product_id, count(*) from orders o join order_items i on i.order_id = o.order_id
         where o.warehouse_id = ?1 and o.created_at > ?2 and o.status <> 'cancelled' group by i.product_id",
    )?;
    let rows = statement.query_map(params![here, since], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The oldest position that is kept.
pub(crate) fn oldest(conn: &Connection) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached("select min(position) from catalogue_changes")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
