//! What came back, as head office looks at it.

use outpost_schema::{
    clock::Timestamp,
    id::{OrderId, ReturnId},
    money::Money,
    order::Receipt,
};
use serde::Serialize;
use tokio_postgres::Row;

use crate::{db::Tx, error::Error};

/// A return, with the names of where it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReturnSeen {
    /// Its id.
    pub return_id: ReturnId,
    /// The number on its receipt.
    pub receipt: String,
    /// The order whose goods came back.
    pub order_id: OrderId,
    /// The number on that order's receipt.
    pub order_receipt: String,
    /// Who took it back.
    pub node: String,
    /// Where the goods are now.
    pub warehouse: String,
    /// Units that came back.
    pub units: i64,
    /// Those of them that nobody can sell.
    pub damaged: i64,
    /// Money that was given for them.
    pub refunded: Money,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

/// The newest returns.
///
/// # Errors
/// What Postgres says.
pub async fn returns(tx: &Tx, limit: i64) -> Result<Vec<ReturnSeen>, Error> {
    let sql = "select r.return_id, r.receipt_prefix, r.receipt_number, r.order_id, r.order_receipt_prefix,
            r.order_receipt_number, n.name as node, w.name as warehouse, r.reason, r.created_at,
            coalesce(sum(l.quantity), 0)::bigint as units,
            coalesce(sum(l.quantity) filter (where l.condition = 'damaged'), 0)::bigint as damaged,
            (select coalesce(-sum(p.amount), 0) from payments p where p.return_id = r.return_id) as refunded
        from returns r
        join nodes n using (node_id)
        join warehouses w on w.warehouse_id = r.warehouse_id
        left join return_lines l using (return_id)
        group by r.return_id, n.name, w.name
        order by r.created_at desc, r.return_id desc limit $1";
    let receipt = |row: &Row, prefix: &str, number: &str| {
        Ok::<_, Error>(Receipt { prefix: row.try_get(prefix)?, number: row.try_get(number)? }.to_string())
    };
    let seen = |row: &Row| {
        Ok(ReturnSeen {
            return_id: row.try_get("return_id")?,
            receipt: receipt(row, "receipt_prefix", "receipt_number")?,
            order_id: row.try_get("order_id")?,
            order_receipt: receipt(row, "order_receipt_prefix", "order_receipt_number")?,
            node: row.try_get("node")?,
            warehouse: row.try_get("warehouse")?,
            units: row.try_get("units")?,
            damaged: row.try_get("damaged")?,
            refunded: row.try_get("refunded")?,
            reason: row.try_get("reason")?,
            created_at: row.try_get("created_at")?,
        })
    };
    tx.query(sql, &[&limit]).await?.iter().map(seen).collect()
}
