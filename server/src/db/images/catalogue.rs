//! Warehouses, categories and products: everyone's.

use outpost_schema::{
    catalogue::{Category, Product, Warehouse},
    feed::{Aggregate, Kind},
};
use postgres_types::Json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Found, key_of};
use crate::{db::Tx, error::Error};

pub(super) async fn warehouses(tx: &Tx, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query("select warehouse_id, name, home_of, created_at from warehouses where warehouse_id = any($1)", &[&ids])
        .await?;
    rows.iter()
        .map(|row| {
            let warehouse = Warehouse {
                warehouse_id: row.try_get("warehouse_id")?,
                name: row.try_get("name")?,
                home_of: row.try_get("home_of")?,
                created_at: row.try_get("created_at")?,
            };
            Ok((key_of(Kind::Warehouse, [warehouse.warehouse_id.0]), Aggregate::Warehouse(warehouse)))
        })
        .collect()
}

pub(super) async fn categories(tx: &Tx, ids: &[Uuid]) -> Result<Found, Error> {
    let rows =
        tx.query("select category_id, name, parent_id from categories where category_id = any($1)", &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let category = Category {
                category_id: row.try_get("category_id")?,
                name: row.try_get("name")?,
                parent_id: row.try_get("parent_id")?,
            };
            Ok((key_of(Kind::Category, [category.category_id.0]), Aggregate::Category(category)))
        })
        .collect()
}

pub(super) async fn products(tx: &Tx, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select p.product_id, p.sku, p.name, p.description, p.price, p.unit, p.price_per, p.category_id,
                p.seller_id, p.image_urls, p.attributes, p.created_at, p.updated_at,
                array(select b.barcode from barcodes b where b.product_id = p.product_id order by b.barcode) as barcodes
            from products p
            where p.product_id = any($1)",
            &[&ids],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let product = product(row)?;
            Ok((key_of(Kind::Product, [product.product_id.0]), Aggregate::Product(Box::new(product))))
        })
        .collect()
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
