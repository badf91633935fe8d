//! Products with their barcodes, and the tree of categories.

use std::collections::{HashMap, HashSet};

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Category, Product},
    clock::Timestamp,
    id::{CategoryId, ProductId},
    money::Money,
};
use serde_json::Value;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::Tx;
use crate::error::Error;

/// The lock under which the catalogue is written: imports and edits take turns, and nobody waits
/// for anybody in a ring. Any number will do that nothing else uses.
const LOCK: i64 = 0x6f75_7470_6f73_7403;

/// A product, read from a row that [`PRODUCT`] selects.
const PRODUCT: &str = "p.product_id, p.sku, p.name, p.description, p.price, p.unit, p.price_per, p.category_id, \
    p.seller_id, p.image_urls, p.attributes, \
    array(select b.barcode from barcodes b where b.product_id = p.product_id order by b.barcode) as barcodes, \
    p.created_at, p.updated_at";

/// Waits until nobody else writes the catalogue; until the transaction ends, nobody will.
///
/// # Errors
/// What Postgres says.
pub async fn lock(tx: &Tx) -> Result<(), Error> {
    tx.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await.map(drop)
}

fn product(row: &Row) -> Result<Product, Error> {
    Ok(Product {
        product_id: row.try_get("product_id")?,
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        price: row.try_get("price")?,
        unit: row.try_get("unit")?,
        price_per: row.try_get("price_per")?,
        category_id: row.try_get("category_id")?,
        seller_id: row.try_get("seller_id")?,
        image_urls: row.try_get::<_, Json<Vec<String>>>("image_urls")?.0,
        attributes: row.try_get::<_, Json<_>>("attributes")?.0,
        barcodes: row.try_get("barcodes")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn category(row: &Row) -> Result<Category, Error> {
    Ok(Category {
        category_id: row.try_get("category_id")?,
        name: row.try_get("name")?,
        parent_id: row.try_get("parent_id")?,
    })
}

/// One product.
///
/// # Errors
/// What Postgres says.
pub async fn by_id(tx: &Tx, product_id: ProductId) -> Result<Option<Product>, Error> {
    let sql = format!("select {PRODUCT} from products p where p.product_id = $1");
    tx.query_opt(&sql, &[&product_id]).await?.as_ref().map(product).transpose()
}

/// One product, which nobody can change or start to use until the transaction ends.
///
/// # Errors
/// What Postgres says.
pub async fn by_id_locked(tx: &Tx, product_id: ProductId) -> Result<Option<Product>, Error> {
    let sql = format!("select {PRODUCT} from products p where p.product_id = $1 for update of p");
    tx.query_opt(&sql, &[&product_id]).await?.as_ref().map(product).transpose()
}

/// The product with that sku, or that barcode, or that id.
///
/// # Errors
/// What Postgres says.
pub async fn by_word(tx: &Tx, word: &str) -> Result<Option<Product>, Error> {
    let sql = format!(
        "select {PRODUCT} from products p
         where p.sku = $1
            or p.product_id in (select b.barcode_product_id from
                (select product_id as barcode_product_id from barcodes where barcode in ($1, '0' || $1)) b)
            or p.product_id::text = lower($1)
         order by p.sku = $1 desc nulls last limit 1"
    );
    tx.query_opt(&sql, &[&word]).await?.as_ref().map(product).transpose()
}

/// The products that have these skus or barcodes, by those words.
///
/// # Errors
/// What Postgres says.
pub async fn ids_of_words(tx: &Tx, words: &[String]) -> Result<HashMap<String, ProductId>, Error> {
    let sql = "select w.word, coalesce(p.product_id, b.product_id) as product_id
        from unnest($1::text[]) as w (word)
        left join products p on p.sku = w.word
        left join lateral (
            select product_id from barcodes where barcode in (w.word, '0' || w.word) order by barcode desc limit 1
        ) b on true
        where coalesce(p.product_id, b.product_id) is not null";
    let rows = tx.query(sql, &[&words]).await?;
    rows.iter().map(|row| Ok((row.try_get("word")?, row.try_get("product_id")?))).collect()
}

/// Products in the order of their names, after the name and id given; those whose name, sku or barcode
/// begins with `begins_with`, or all.
///
/// # Errors
/// What Postgres says.
pub async fn list(tx: &Tx, begins_with: &str, after: Option<ProductId>, limit: i64) -> Result<Vec<Product>, Error> {
    let sql = format!(
        "select {PRODUCT} from products p
         where ($1 = '' or p.sku = $1 or starts_with(lower(p.name), lower($1))
                or exists (select 1 from barcodes b where b.product_id = p.product_id and b.barcode = $1))
           and ($2::uuid is null or p.product_id > $2)
         order by p.product_id limit $3"
    );
    tx.query(&sql, &[&begins_with, &after, &limit]).await?.iter().map(product).collect()
}

/// The products that any of these skus or barcodes name.
///
/// # Errors
/// What Postgres says.
pub async fn named_by(tx: &Tx, skus: &[String], barcodes: &[Barcode]) -> Result<Vec<Product>, Error> {
    let sql = format!(
        "with named as (
             select p.product_id from unnest($1::text[]) u (sku) join products p using (sku)
             union
             select b.product_id from unnest($2::text[]) u (barcode) join barcodes b using (barcode)
         )
         select {PRODUCT} from named join products p using (product_id)"
    );
    tx.query(&sql, &[&skus, &barcodes]).await?.iter().map(product).collect()
}

/// The whole tree.
///
/// # Errors
/// What Postgres says.
pub async fn categories(tx: &Tx) -> Result<Vec<Category>, Error> {
    let rows = tx.query("select category_id, name, parent_id from categories order by name", &[]).await?;
    rows.iter().map(category).collect()
}

/// Adds categories, parents first or together with their children.
///
/// # Errors
/// What Postgres says.
pub async fn insert_categories(tx: &Tx, categories: &[Category]) -> Result<(), Error> {
    if categories.is_empty() {
        return Ok(());
    }
    let ids: Vec<CategoryId> = categories.iter().map(|one| one.category_id).collect();
    let names: Vec<&str> = categories.iter().map(|one| one.name.as_str()).collect();
    let parents: Vec<Option<CategoryId>> = categories.iter().map(|one| one.parent_id).collect();
    let sql = "insert into categories (category_id, name, parent_id)
        select u.category_id, u.name, u.parent_id from unnest($1::uuid[], $2::text[], $3::uuid[])
            as u (category_id, name, parent_id)";
    tx.execute(sql, &[&ids, &names, &parents]).await.map(drop)
}

/// Adds products, without their barcodes.
///
/// # Errors
/// What Postgres says.
pub async fn insert_products(tx: &Tx, products: &[&Product]) -> Result<(), Error> {
    let sql = "insert into products (product_id, sku, name, description, price, unit, price_per, category_id,
            seller_id, image_urls, attributes, created_at, updated_at)
        select u.product_id, u.sku, u.name, u.description, u.price, u.unit, u.price_per, u.category_id,
            u.seller_id, u.image_urls, u.attributes, u.created_at, u.updated_at
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::bigint[],
            $8::uuid[], $9::uuid[], $10::jsonb[], $11::jsonb[], $12::timestamptz[], $13::timestamptz[])
            as u (product_id, sku, name, description, price, unit, price_per, category_id,
                seller_id, image_urls, attributes, created_at, updated_at)";
    write(tx, sql, products).await
}

/// Writes products anew, without their barcodes.
///
/// # Errors
/// What Postgres says.
pub async fn update_products(tx: &Tx, products: &[&Product]) -> Result<(), Error> {
    let sql = "update products p set sku = u.sku, name = u.name, description = u.description, price = u.price,
            unit = u.unit, price_per = u.price_per, category_id = u.category_id, seller_id = u.seller_id,
            image_urls = u.image_urls, attributes = u.attributes, created_at = u.created_at, updated_at = u.updated_at
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::bigint[],
            $8::uuid[], $9::uuid[], $10::jsonb[], $11::jsonb[], $12::timestamptz[], $13::timestamptz[])
            as u (product_id, sku, name, description, price, unit, price_per, category_id,
                seller_id, image_urls, attributes, created_at, updated_at)
        where p.product_id = u.product_id";
    write(tx, sql, products).await
}

async fn write(tx: &Tx, sql: &str, products: &[&Product]) -> Result<(), Error> {
    if products.is_empty() {
        return Ok(());
    }
    fn of<'a, T>(products: &[&'a Product], part: impl Fn(&'a Product) -> T) -> Vec<T> {
        products.iter().map(|product| part(product)).collect()
    }
    let parameters: [&(dyn ToSql + Sync); 13] = [
        &of(products, |p| p.product_id),
        &of(products, |p| p.sku.as_deref()),
        &of(products, |p| p.name.as_str()),
        &of(products, |p| p.description.as_deref()),
        &of(products, |p| p.price),
        &of(products, |p| p.unit),
        &of(products, |p| p.price_per),
        &of(products, |p| p.category_id),
        &of(products, |p| p.seller_id),
        &of(products, |p| Value::from(p.image_urls.clone())),
        &of(products, |p| Value::Object(p.attributes.clone())),
        &of(products, |p| p.created_at),
        &of(products, |p| p.updated_at),
    ];
    tx.execute(sql, &parameters).await.map(drop)
}

/// Gives products barcodes that nobody has.
///
/// # Errors
/// What Postgres says.
pub async fn insert_barcodes(tx: &Tx, barcodes: &[(Barcode, ProductId)]) -> Result<(), Error> {
    if barcodes.is_empty() {
        return Ok(());
    }
    let digits: Vec<&str> = barcodes.iter().map(|(barcode, _)| barcode.digits()).collect();
    let products: Vec<ProductId> = barcodes.iter().map(|(_, product_id)| *product_id).collect();
    let sql = "insert into barcodes (barcode, product_id)
        select u.barcode, u.product_id from unnest($1::text[], $2::uuid[]) as u (barcode, product_id)";
    tx.execute(sql, &[&digits, &products]).await.map(drop)
}

/// Takes from a product the barcodes that are not in `kept`.
///
/// # Errors
/// What Postgres says.
pub async fn keep_barcodes(tx: &Tx, product_id: ProductId, kept: &[Barcode]) -> Result<(), Error> {
    let sql = "delete from barcodes where product_id = $1 and barcode <> all ($2)";
    tx.execute(sql, &[&product_id, &kept]).await.map(drop)
}

/// What keeps a product from being deleted: units on hand, units promised, whether a book was kept of
/// it anywhere, whether it was ordered, reviewed or lies in a cart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Units on hand, at all warehouses.
    pub quantity: i64,
    /// Units promised, at all warehouses.
    pub promised: i64,
    /// Whether there is a stock row, even of nothing.
    pub has_book: bool,
    /// Whether it is in an order.
    pub is_ordered: bool,
    /// Whether somebody reviewed it.
    pub is_reviewed: bool,
    /// Whether it lies in somebody's cart.
    pub is_in_cart: bool,
    /// Whether a delivery of it is or was expected.
    pub is_delivered: bool,
}

/// What a product is used by.
///
/// # Errors
/// What Postgres says.
pub async fn uses(tx: &Tx, product_id: ProductId) -> Result<Uses, Error> {
    let sql =
        "select coalesce(sum(s.quantity), 0)::bigint as quantity, coalesce(sum(s.promised), 0)::bigint as promised,
            count(s.product_id) > 0 as has_book,
            exists (select 1 from order_items i where i.product_id = $1) as is_ordered,
            exists (select 1 from reviews r where r.product_id = $1) as is_reviewed,
            exists (select 1 from carts c where c.product_id = $1) as is_in_cart,
            exists (select 1 from delivery_lines l where l.product_id = $1) as is_delivered
        from stock s where s.product_id = $1";
    let row = tx.query_one(sql, &[&product_id]).await?;
    Ok(Uses {
        quantity: row.try_get("quantity")?,
        promised: row.try_get("promised")?,
        has_book: row.try_get("has_book")?,
        is_ordered: row.try_get("is_ordered")?,
        is_reviewed: row.try_get("is_reviewed")?,
        is_in_cart: row.try_get("is_in_cart")?,
        is_delivered: row.try_get("is_delivered")?,
    })
}

/// Deletes a product with its barcodes; triggers leave a tombstone.
///
/// # Errors
/// What Postgres says.
pub async fn delete(tx: &Tx, product_id: ProductId) -> Result<(), Error> {
    tx.execute("delete from products where product_id = $1", &[&product_id]).await.map(drop)
}

/// How many products there are.
///
/// # Errors
/// What Postgres says.
pub async fn count(tx: &Tx) -> Result<i64, Error> {
    tx.query_one("select count(*) from products", &[]).await?.try_get(0).map_err(Error::from)
}

/// Which of these products there are.
///
/// # Errors
/// What Postgres says.
pub async fn known_ids(tx: &Tx, ids: &[ProductId]) -> Result<HashSet<ProductId>, Error> {
    let rows = tx.query("select product_id from products where product_id = any ($1)", &[&ids]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Sets prices where they are others, and says how many that were.
///
/// # Errors
/// What Postgres says.
pub async fn set_prices(tx: &Tx, prices: &[(ProductId, Option<Money>)], at: Timestamp) -> Result<usize, Error> {
    let (ids, prices): (Vec<ProductId>, Vec<Option<Money>>) = prices.iter().copied().unzip();
    let sql = "update products p set price = u.price, updated_at = $3
        from unnest($1::uuid[], $2::numeric[]) as u (product_id, price)
        where p.product_id = u.product_id and p.price is distinct from u.price";
    Ok(usize::try_from(tx.execute(sql, &[&ids, &prices, &at]).await?).unwrap_or(usize::MAX))
}

/// Whether there is that category.
///
/// # Errors
/// What Postgres says.
pub async fn is_category(tx: &Tx, category_id: CategoryId) -> Result<bool, Error> {
    let sql = "select exists (select 1 from categories where category_id = $1)";
    Ok(tx.query_one(sql, &[&category_id]).await?.try_get(0)?)
}
