//! Stock rows with what people ask about them: names, levels at which goods run low, this device's own part.

use outpost_schema::{
    catalogue::Product,
    clock::Timestamp,
    id::{IncarnationId, WarehouseId},
    quantity::Unit,
    stock::{Level, StockKey},
};
use rusqlite::{Connection, params};

use crate::error::Error;

/// A stock row, as people look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub key: StockKey,
    /// The product's sku.
    pub sku: Option<String>,
    /// The product's name; none if the product is not known here.
    pub name: Option<String>,
    /// What it is counted in.
    pub unit: Unit,
    /// The warehouse's name.
    pub warehouse: Option<String>,
    /// The two sums.
    pub level: Level,
    /// Units that this device may sell without asking.
    pub open: i64,
    /// At how many or fewer it runs low, if that was laid down.
    pub low_at: Option<i64>,
    /// When it last changed; none if it never was there.
    pub updated_at: Option<Timestamp>,
}

impl Row {
    /// A product that was never there.
    pub(crate) fn none(key: StockKey, product: &Product) -> Self {
        Self {
            key,
            sku: product.sku.clone(),
            name: Some(product.name.clone()),
            unit: product.unit,
            warehouse: None,
            level: Level::default(),
            open: 0,
            low_at: None,
            updated_at: None,
        }
    }
}

/// The level that counts for a row `s`: the one laid down for the product there, else for the product, else for the
/// warehouse, else for all. One look into an index each.
const LOW_AT: &str = "coalesce(
    (select cast(value as integer) from rules where sort = 'low' and product_id = s.product_id and warehouse_id = s.warehouse_id),
    (select cast(value as integer) from rules where sort = 'low' and product_id = s.product_id and warehouse_id is null),
    (select cast(value as integer) from rules where sort = 'low' and product_id is null and warehouse_id = s.warehouse_id),
    (select cast(value as integer) from rules where sort = 'low' and product_id is null and warehouse_id is null))";

fn rows(conn: &Connection, inner: &str, params: impl rusqlite::Params) -> Result<Vec<Row>, Error> {
    let sql = format!(
        "select s.product_id, s.warehouse_id, p.sku, p.name, coalesce(p.unit, 'each'), w.name,
             s.fed_balance + s.own_balance, max(s.fed_promised + s.own_promised, 0),
             coalesce(max(0, a.granted + a.received - a.consumed - a.returned - a.reclaimed), 0), s.low_at, s.updated_at
         from ({inner}) s
         left join products p on p.product_id = s.product_id
         left join warehouses w on w.warehouse_id = s.warehouse_id
         left join allotments a on a.incarnation_id = ?1 and a.product_id = s.product_id and a.warehouse_id = s.warehouse_id
         order by s.product_id, s.warehouse_id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params, |row| {
        Ok(Row {
            key: StockKey { product_id: row.get(0)?, warehouse_id: row.get(1)? },
            sku: row.get(2)?,
            name: row.get(3)?,
            unit: row.get(4)?,
            warehouse: row.get(5)?,
            level: Level { balance: row.get(6)?, promised: row.get(7)? },
            open: row.get(8)?,
            low_at: row.get(9)?,
            updated_at: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every warehouse's row of a product.
pub(crate) fn of_product(
    conn: &Connection,
    product_id: outpost_schema::id::ProductId,
    life: Option<IncarnationId>,
) -> Result<Vec<Row>, Error> {
    let inner = format!("select s.*, {LOW_AT} as low_at from stock s where s.product_id = ?2");
    rows(conn, &inner, params![life, product_id])
}

/// Rows that run low, after one, in the order of keys: one walk of the primary key, which ends with the page.
pub(crate) fn low(
    conn: &Connection,
    place: Option<WarehouseId>,
    after: Option<StockKey>,
    life: Option<IncarnationId>,
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let inner = format!(
        "select * from (select s.*, {LOW_AT} as low_at from stock s
             where (s.product_id, s.warehouse_id) > (coalesce(?2, x''), coalesce(?3, x''))
                 and (?4 is null or s.warehouse_id = ?4)) s
         where s.quantity <= s.low_at order by s.product_id, s.warehouse_id limit ?5"
    );
    let (product, warehouse) = after.map(|key| (key.product_id, key.warehouse_id)).unzip();
    rows(conn, &inner, params![life, product, warehouse, place, i64::try_from(limit).unwrap_or(i64::MAX)])
}
