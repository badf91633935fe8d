//! What a home may sell: every available unit of its warehouse but a share kept back is granted to
//! the journal that sells there. The grant is [`outpost_schema::stock::Allotment::grant`], over sets.

use std::collections::BTreeSet;

use outpost_schema::{clock::Timestamp, id::WarehouseId, stock::StockKey};

use super::{Tx, columns};
use crate::error::Error;

/// Grants, given the stock rows `at_home (product_id, warehouse_id)`; `$1` is kept back, `$2` is now.
/// The rows are locked in the order of their keys before anything is counted.
macro_rules! granting {
    ($at_home:literal) => {
        concat!(
            "with at_home as (",
            $at_home,
            "), wanted as (
                select i.incarnation_id, s.product_id, s.warehouse_id, s.quantity - s.reserved_quantity - $1 as units
                from at_home h
                join stock s using (product_id, warehouse_id)
                join warehouses w on w.warehouse_id = s.warehouse_id
                join incarnations i on i.node_id = w.home_of and i.state = 'active'
                    and i.number = (select max(number) from incarnations where node_id = w.home_of)
                where s.quantity - s.reserved_quantity > $1
                order by s.product_id, s.warehouse_id
                for no key update of s
            ), granted as (
                insert into allotments as a (incarnation_id, product_id, warehouse_id, granted)
                select incarnation_id, product_id, warehouse_id, units from wanted
                on conflict (incarnation_id, product_id, warehouse_id) do update
                    set granted = greatest(a.granted, a.consumed + a.returned + a.reclaimed - a.received)
                                  + excluded.granted
            )
            update stock s set promised = s.promised + n.units, updated_at = $2
            from wanted n
            where s.product_id = n.product_id and s.warehouse_id = n.warehouse_id"
        )
    };
}

const GRANT_KEYS: &str =
    granting!("select product_id, warehouse_id from unnest($3::uuid[], $4::uuid[]) as k (product_id, warehouse_id)");

const GRANT_ALL: &str = granting!("select product_id, warehouse_id from stock where warehouse_id = $3");

/// Grants what these stock rows have available, where they lie at a home. Says how many rows did.
///
/// # Errors
/// If Postgres fails.
pub async fn of_rows(tx: &Tx, keys: &BTreeSet<StockKey>, kept_back: i64, now: Timestamp) -> Result<u64, Error> {
    let (products, warehouses) = columns(keys);
    tx.execute(GRANT_KEYS, &[&kept_back, &now, &products, &warehouses]).await
}

/// Grants all that a warehouse has available, if it is a home. Says how many rows did.
///
/// # Errors
/// If Postgres fails.
pub async fn of_warehouse(tx: &Tx, warehouse_id: WarehouseId, kept_back: i64, now: Timestamp) -> Result<u64, Error> {
    tx.execute(GRANT_ALL, &[&kept_back, &now, &warehouse_id]).await
}
