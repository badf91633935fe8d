//! Stock rows of a node's warehouses, and what the server granted to the node's own journals.

use outpost_schema::{
    feed::{Aggregate, Granted, Key, Kind, Stock},
    id::NodeId,
};

use super::{Found, Warehouses, column, key_of};
use crate::{db::Tx, error::Error};

pub(super) async fn rows(tx: &Tx, warehouses: Warehouses<'_>, keys: &[&Key]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select s.product_id, s.warehouse_id, s.balance, s.promised, s.updated_at
            from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
            join stock s on s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
            where s.warehouse_id = any($3)",
            &[&column(keys, 0), &column(keys, 1), &warehouses],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let stock = Stock {
                product_id: row.try_get("product_id")?,
                warehouse_id: row.try_get("warehouse_id")?,
                balance: row.try_get("balance")?,
                promised: row.try_get("promised")?,
                updated_at: row.try_get("updated_at")?,
            };
            Ok((key_of(Kind::Stock, [stock.product_id.0, stock.warehouse_id.0]), Aggregate::Stock(stock)))
        })
        .collect()
}

pub(super) async fn allotments(tx: &Tx, node_id: NodeId, keys: &[&Key]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select a.incarnation_id, a.product_id, a.warehouse_id, a.granted, a.reclaimed, a.full_mark,
                    case when a.keep_granted = a.granted then a.keep end as keep
            from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as k (incarnation_id, product_id, warehouse_id)
            join allotments a on a.incarnation_id = k.incarnation_id
                and a.product_id = k.product_id and a.warehouse_id = k.warehouse_id
            join incarnations i on i.incarnation_id = a.incarnation_id
            where i.node_id = $4",
            &[&column(keys, 0), &column(keys, 1), &column(keys, 2), &node_id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let granted = Granted {
                incarnation_id: row.try_get("incarnation_id")?,
                product_id: row.try_get("product_id")?,
                warehouse_id: row.try_get("warehouse_id")?,
                granted: row.try_get("granted")?,
                reclaimed: row.try_get("reclaimed")?,
                full: row.try_get("full_mark")?,
                keep: row.try_get("keep")?,
            };
            let ids = [granted.incarnation_id.0, granted.product_id.0, granted.warehouse_id.0];
            Ok((key_of(Kind::Allotment, ids), Aggregate::Allotment(granted)))
        })
        .collect()
}
