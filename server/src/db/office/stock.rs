//! Stock as people read it, row by row and place by place.

use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, WarehouseId},
};
use serde::Serialize;
use tokio_postgres::Row;

use crate::{db::Tx, error::Error};

/// A stock row, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StockSeen {
    /// Of what.
    pub product_id: ProductId,
    /// Its sku.
    pub sku: Option<String>,
    /// Its name.
    pub name: String,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What people call that place.
    pub warehouse: String,
    /// Units on hand.
    pub quantity: i64,
    /// Units on hand that are promised.
    pub reserved_quantity: i64,
    /// Units that may still be promised.
    pub available: i64,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Units promised that are no longer there.
    pub unbacked: i64,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// Which stock rows are wanted, in the order of product and warehouse.
#[derive(Clone, Copy, Debug, Default)]
pub struct StockWanted {
    /// Only there.
    pub warehouse_id: Option<WarehouseId>,
    /// Only of that.
    pub product_id: Option<ProductId>,
    /// Only after that row.
    pub after: Option<(ProductId, WarehouseId)>,
    /// At most so many.
    pub limit: i64,
}

/// Stock rows.
///
/// # Errors
/// What Postgres says.
pub async fn stock(tx: &Tx, wanted: StockWanted) -> Result<Vec<StockSeen>, Error> {
    let (after_product, after_warehouse) = wanted.after.unzip();
    let sql =
        "select s.product_id, p.sku, p.name, s.warehouse_id, w.name as warehouse, s.quantity, s.reserved_quantity,
            s.quantity - s.reserved_quantity as available, greatest(-s.balance, 0) as owed,
            s.promised - s.reserved_quantity as unbacked, s.updated_at
        from stock s
        join products p using (product_id)
        join warehouses w using (warehouse_id)
        where ($1::uuid is null or s.warehouse_id = $1)
            and ($2::uuid is null or s.product_id = $2)
            and ($3::uuid is null or (s.product_id, s.warehouse_id) > ($3, $4::uuid))
        order by s.product_id, s.warehouse_id limit $5";
    let rows = tx
        .query(sql, &[&wanted.warehouse_id, &wanted.product_id, &after_product, &after_warehouse, &wanted.limit])
        .await?;
    rows.iter().map(stock_row).collect()
}

fn stock_row(row: &Row) -> Result<StockSeen, Error> {
    Ok(StockSeen {
        product_id: row.try_get("product_id")?,
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        warehouse_id: row.try_get("warehouse_id")?,
        warehouse: row.try_get("warehouse")?,
        quantity: row.try_get("quantity")?,
        reserved_quantity: row.try_get("reserved_quantity")?,
        available: row.try_get("available")?,
        owed: row.try_get("owed")?,
        unbacked: row.try_get("unbacked")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// A warehouse and the sums of its stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WarehouseSeen {
    /// Its id.
    pub warehouse_id: WarehouseId,
    /// What people call it.
    pub name: String,
    /// The one device that sells from it, if only one does.
    pub home_of: Option<String>,
    /// Products whose book has begun there.
    pub products: i64,
    /// Those of them that are sold out.
    pub sold_out: i64,
    /// Units on hand.
    pub quantity: i64,
    /// Units on hand that are promised.
    pub reserved_quantity: i64,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Units promised that are no longer there.
    pub unbacked: i64,
}

/// Every warehouse, by name.
///
/// # Errors
/// What Postgres says.
pub async fn warehouses(tx: &Tx) -> Result<Vec<WarehouseSeen>, Error> {
    let sql = "select w.warehouse_id, w.name, n.name as home_of, count(s.product_id) as products,
            count(*) filter (where s.quantity = 0) as sold_out,
            coalesce(sum(s.quantity), 0)::bigint as quantity,
            coalesce(sum(s.reserved_quantity), 0)::bigint as reserved_quantity,
            coalesce(sum(greatest(-s.balance, 0)), 0)::bigint as owed,
            coalesce(sum(s.promised - s.reserved_quantity), 0)::bigint as unbacked
        from warehouses w
        left join nodes n on n.node_id = w.home_of
        left join stock s on s.warehouse_id = w.warehouse_id
        group by w.warehouse_id, w.name, n.name order by w.name";
    tx.query(sql, &[]).await?.iter().map(warehouse).collect()
}

fn warehouse(row: &Row) -> Result<WarehouseSeen, Error> {
    Ok(WarehouseSeen {
        warehouse_id: row.try_get("warehouse_id")?,
        name: row.try_get("name")?,
        home_of: row.try_get("home_of")?,
        products: row.try_get("products")?,
        sold_out: row.try_get("sold_out")?,
        quantity: row.try_get("quantity")?,
        reserved_quantity: row.try_get("reserved_quantity")?,
        owed: row.try_get("owed")?,
        unbacked: row.try_get("unbacked")?,
    })
}
