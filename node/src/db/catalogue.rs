//! Products with their barcodes, categories and warehouses, and the plain ways to find them.

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Category, Product, Warehouse},
    id::{CategoryId, ProductId, WarehouseId},
};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params, params_from_iter};

use crate::error::Error;

pub(super) const PRODUCT: &str = "product_id, sku, name, description, price, unit, price_per, category_id, seller_id, \
                       image_urls, attributes, created_at, updated_at";

/// A product whose barcodes are still to be read.
pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        product_id: row.get(0)?,
        sku: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        price: row.get(4)?,
        unit: row.get(5)?,
        price_per: row.get(6)?,
        category_id: row.get(7)?,
        seller_id: row.get(8)?,
        image_urls: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
        attributes: serde_json::from_str(&row.get::<_, String>(10)?).unwrap_or_default(),
        barcodes: Vec::new(),
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
    })
}

/// The product.
pub(crate) fn find(conn: &Connection, product_id: ProductId) -> Result<Option<Product>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {PRODUCT} from products where product_id = ?1"))?;
    let product = statement.query_row([product_id], of_row).optional()?;
    product.map(|product| with_barcodes(conn, product)).transpose()
}

/// What a sale must know of a product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priced {
    pub(crate) price: Option<outpost_schema::money::Money>,
    pub(crate) price_per: i64,
}

/// The product's price.
pub(crate) fn price(conn: &Connection, product_id: ProductId) -> Result<Option<Priced>, Error> {
    let mut statement = conn.prepare_cached("select price, price_per from products where product_id = ?1")?;
    Ok(statement.query_row([product_id], |row| Ok(Priced { price: row.get(0)?, price_per: row.get(1)? })).optional()?)
}

/// Products scanned by this code.
pub(crate) fn of_barcode(conn: &Connection, barcode: &Barcode) -> Result<Vec<Product>, Error> {
    let sql = format!(
        "select {PRODUCT} from products where product_id in (select product_id from barcodes where barcode = ?1)
         order by product_id"
    );
    query(conn, &sql, params![barcode])
}

/// Products with exactly this sku.
pub(crate) fn of_sku(conn: &Connection, sku: &str) -> Result<Vec<Product>, Error> {
    query(conn, &format!("select {PRODUCT} from products where sku = ?1 order by product_id"), params![sku])
}

/// Products whose name begins with the text.
pub(crate) fn of_name(conn: &Connection, text: &str, limit: i64) -> Result<Vec<Product>, Error> {
    let sql = format!(
        r"select {PRODUCT} from products where name like ?1 escape '\' order by name collate nocase, product_id
         limit ?2"
    );
    query(conn, &sql, params![pattern("", text), limit])
}

/// Products whose name contains each of the words.
pub(crate) fn of_words(conn: &Connection, words: &[&str], limit: i64) -> Result<Vec<Product>, Error> {
    let all = vec![r"name like ? escape '\'"; words.len()].join(" and ");
    let sql =
        format!("select {PRODUCT} from products where {all} order by name collate nocase, product_id limit {limit}");
    query(conn, &sql, params_from_iter(words.iter().map(|word| pattern("%", word))))
}

/// Products by name, those after `(name, product_id)`.
pub(crate) fn page(
    conn: &Connection,
    category: Option<CategoryId>,
    after: Option<(&str, ProductId)>,
    limit: i64,
) -> Result<Vec<Product>, Error> {
    let sql = format!(
        "select {PRODUCT} from products
         where (?1 is null or category_id = ?1) and (?2 is null or (name collate nocase, product_id) > (?2, ?3))
         order by name collate nocase, product_id limit ?4"
    );
    let (name, product_id) = after.unzip();
    query(conn, &sql, params![category, name, product_id, limit])
}

fn query(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Product>, Error> {
    let mut statement = conn.prepare_cached(sql)?;
    let products: Vec<Product> = statement.query_map(params, of_row)?.collect::<Result<_, _>>()?;
    products.into_iter().map(|product| with_barcodes(conn, product)).collect()
}

fn with_barcodes(conn: &Connection, product: Product) -> Result<Product, Error> {
    let mut statement = conn.prepare_cached("select barcode from barcodes where product_id = ?1 order by barcode")?;
    let rows = statement.query_map([product.product_id], |row| row.get(0))?;
    Ok(Product { barcodes: rows.collect::<Result<_, _>>()?, ..product })
}

/// A pattern for `like` that takes the text as it is, with `before` in front of it.
pub(super) fn pattern(before: &str, text: &str) -> String {
    let mut pattern = before.to_owned();
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Keeps a product as told.
pub(crate) fn save(conn: &Connection, product: &Product) -> Result<(), Error> {
    conn.prepare_cached(&format!(
        "insert into products ({PRODUCT}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         on conflict (product_id) do update set
             sku = excluded.sku, name = excluded.name, description = excluded.description, price = excluded.price,
             unit = excluded.unit, price_per = excluded.price_per, category_id = excluded.category_id,
             seller_id = excluded.seller_id, image_urls = excluded.image_urls, attributes = excluded.attributes,
             created_at = excluded.created_at, updated_at = excluded.updated_at"
    ))?
    .execute(params![
        product.product_id,
        product.sku,
        product.name,
        product.description,
        product.price,
        product.unit,
        product.price_per,
        product.category_id,
        product.seller_id,
        json(&product.image_urls),
        json(&product.attributes),
        product.created_at,
        product.updated_at
    ])?;
    // Those that stay are left alone: each that goes or comes is a change to the search index.
    conn.prepare_cached(
        "delete from barcodes where product_id = ?1 and barcode not in (select value from json_each(?2))",
    )?
    .execute(params![product.product_id, json(&product.barcodes)])?;
    let mut barcode = conn.prepare_cached(
        "insert into barcodes (barcode, product_id) values (?1, ?2) on conflict (barcode, product_id) do nothing",
    )?;
    for code in &product.barcodes {
        barcode.execute(params![code, product.product_id])?;
    }
    Ok(())
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types always encode into memory")
}

/// The product is gone at the server.
pub(crate) fn forget(conn: &Connection, product_id: ProductId) -> Result<(), Error> {
    execute(conn, "delete from barcodes where product_id = ?1", &product_id)?;
    execute(conn, "delete from products where product_id = ?1", &product_id)
}

/// Keeps a category as told.
pub(crate) fn save_category(conn: &Connection, category: &Category) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into categories (category_id, name, parent_id) values (?1, ?2, ?3)
         on conflict (category_id) do update set name = excluded.name, parent_id = excluded.parent_id",
    )?
    .execute(params![category.category_id, category.name, category.parent_id])?;
    Ok(())
}

/// Every category, by name.
pub(crate) fn categories(conn: &Connection) -> Result<Vec<Category>, Error> {
    let mut statement =
        conn.prepare_cached("select category_id, name, parent_id from categories order by name, category_id")?;
    let rows = statement
        .query_map([], |row| Ok(Category { category_id: row.get(0)?, name: row.get(1)?, parent_id: row.get(2)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The category is gone at the server.
pub(crate) fn forget_category(conn: &Connection, category_id: CategoryId) -> Result<(), Error> {
    execute(conn, "delete from categories where category_id = ?1", &category_id)
}

/// Keeps a warehouse as told.
pub(crate) fn save_warehouse(conn: &Connection, warehouse: &Warehouse) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into warehouses (warehouse_id, name, home_of, created_at) values (?1, ?2, ?3, ?4)
         on conflict (warehouse_id) do update set
             name = excluded.name, home_of = excluded.home_of, created_at = excluded.created_at",
    )?
    .execute(params![warehouse.warehouse_id, warehouse.name, warehouse.home_of, warehouse.created_at])?;
    Ok(())
}

/// Every warehouse, by name.
pub(crate) fn warehouses(conn: &Connection) -> Result<Vec<Warehouse>, Error> {
    let mut statement = conn
        .prepare_cached("select warehouse_id, name, home_of, created_at from warehouses order by name, warehouse_id")?;
    let rows = statement.query_map([], |row| {
        Ok(Warehouse { warehouse_id: row.get(0)?, name: row.get(1)?, home_of: row.get(2)?, created_at: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The warehouse is gone at the server.
pub(crate) fn forget_warehouse(conn: &Connection, warehouse_id: WarehouseId) -> Result<(), Error> {
    execute(conn, "delete from warehouses where warehouse_id = ?1", &warehouse_id)
}

fn execute(conn: &Connection, sql: &str, id: &dyn ToSql) -> Result<(), Error> {
    conn.prepare_cached(sql)?.execute([id])?;
    Ok(())
}
