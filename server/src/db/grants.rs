//! What a home may sell: every available unit of its warehouse but a share kept back is granted to
//! the journal that sells there. The grant is [`outpost_schema::stock::Allotment::grant`], over sets.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, NodeId, WarehouseId},
    stock::StockKey,
};

use super::{Tx, columns};
use crate::error::Error;

/// Grants, given the stock rows `at_home (product_id, warehouse_id)`; `$1` is kept back where the place says nothing
/// else, `$2` is now. What a home gave back is for others, and not granted again unasked.
/// The rows are locked in the order of their keys before anything is counted. Nothing is granted while
/// head office hears from its devices, nor to a journal that it has not heard or that was given up.
macro_rules! granting {
    ($at_home:literal) => {
        concat!(
            "with at_home as (",
            $at_home,
            "), wanted as (
                select i.incarnation_id, s.product_id, s.warehouse_id,
                       s.quantity - s.reserved_quantity - coalesce(w.kept_back, $1) - coalesce(a.spared, 0) as units
                from at_home h
                join stock s using (product_id, warehouse_id)
                join warehouses w on w.warehouse_id = s.warehouse_id
                join incarnations i on i.node_id = w.home_of and i.state = 'active' and not i.report_owed and i.given_up_at is null
                    and i.number = (select max(number) from incarnations where node_id = w.home_of)
                left join allotments a on a.incarnation_id = i.incarnation_id
                    and a.product_id = s.product_id and a.warehouse_id = s.warehouse_id
                where s.quantity - s.reserved_quantity > coalesce(w.kept_back, $1) + coalesce(a.spared, 0)
                  and not exists (
                      select from epochs e
                      where e.number = (select max(number) from epochs) and e.recovered_at is null)
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

const GRANT_HOMES: &str = granting!(
    "select product_id, warehouse_id from stock join warehouses using (warehouse_id)
     where home_of is not null"
);

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

/// Grants all that every home has available.
///
/// # Errors
/// If Postgres fails.
pub async fn of_homes(tx: &Tx, kept_back: i64, now: Timestamp) -> Result<u64, Error> {
    tx.execute(GRANT_HOMES, &[&kept_back, &now]).await
}

/// Keeps the totals (G, W) that a journal's node knows of these stock rows, which are locked, where they
/// are larger than ours, and promises what that opens.
///
/// # Errors
/// If Postgres fails.
pub async fn hear(
    tx: &Tx,
    incarnation_id: IncarnationId,
    told: &BTreeMap<StockKey, (i64, i64)>,
    now: Timestamp,
) -> Result<(), Error> {
    if told.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = columns(&told.keys().copied().collect());
    let (granted, reclaimed): (Vec<i64>, Vec<i64>) = told.values().copied().unzip();
    tx.execute(
        "with told as (
             select t.product_id, t.warehouse_id,
                    greatest(t.granted, coalesce(a.granted, 0)) as granted,
                    greatest(t.reclaimed, coalesce(a.reclaimed, 0)) as reclaimed,
                    coalesce(a.received - a.consumed - a.returned, 0) as own,
                    coalesce(greatest(0, a.granted + a.received - a.consumed - a.returned - a.reclaimed), 0) as was_open
             from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])
                  as t (product_id, warehouse_id, granted, reclaimed)
             left join allotments a on a.incarnation_id = $1 and a.product_id = t.product_id
                 and a.warehouse_id = t.warehouse_id
             where t.granted > coalesce(a.granted, 0) or t.reclaimed > coalesce(a.reclaimed, 0)
         ), kept as (
             insert into allotments (incarnation_id, product_id, warehouse_id, granted, reclaimed)
             select $1, product_id, warehouse_id, granted, reclaimed from told
             on conflict (incarnation_id, product_id, warehouse_id) do update
                 set granted = excluded.granted, reclaimed = excluded.reclaimed
         )
         update stock s set promised = s.promised + greatest(0, t.granted + t.own - t.reclaimed) - t.was_open,
                            updated_at = $6
         from told t
         where s.product_id = t.product_id and s.warehouse_id = t.warehouse_id",
        &[&incarnation_id, &products, &warehouses, &granted, &reclaimed, &now],
    )
    .await?;
    Ok(())
}

/// What a reclaim would free, and did: units that a journal had open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// The stock rows.
    pub keys: BTreeSet<StockKey>,
    /// Units, together.
    pub units: i64,
}

/// Of what a device was granted elsewhere than at `stands` it is to keep nothing: it never stood there, or has left.
///
/// # Errors
/// If Postgres fails.
pub async fn call_all_back(tx: &Tx, node_id: NodeId, stands: WarehouseId) -> Result<(), Error> {
    tx.execute(
        "update allotments a set keep = 0, keep_granted = a.granted
         from incarnations i
         where i.incarnation_id = a.incarnation_id and i.node_id = $1 and a.warehouse_id <> $2
           and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0",
        &[&node_id, &stands],
    )
    .await?;
    Ok(())
}

/// All that a device gave back itself is told by now: what is left where it was called back from is free. Says which
/// stock rows that moved.
///
/// # Errors
/// If Postgres fails.
pub async fn take_what_it_left(tx: &Tx, life: IncarnationId, now: Timestamp) -> Result<BTreeSet<StockKey>, Error> {
    let rows = tx
        .query(
            "select distinct a.warehouse_id
             from allotments a join incarnations i using (incarnation_id) join nodes n using (node_id)
             where a.incarnation_id = $1 and a.keep = 0 and a.keep_granted = a.granted
               and a.warehouse_id <> all (n.scope)
               and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0",
            &[&life],
        )
        .await?;
    let places = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<WarehouseId>, _>>()?;
    if places.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(reclaim(tx, life, Some(&places), now).await?.keys)
}

/// Takes back what a journal, which is locked, has open at these places: its W rises by that, and the units
/// are promised to nobody. None means every place. The stock rows are locked in the order of their keys before anything is counted.
///
/// # Errors
/// If Postgres fails.
pub async fn reclaim(
    tx: &Tx,
    incarnation_id: IncarnationId,
    places: Option<&[WarehouseId]>,
    now: Timestamp,
) -> Result<Open, Error> {
    tx.execute(
        "select from allotments a join stock s using (product_id, warehouse_id)
         where a.incarnation_id = $1 and ($2::uuid[] is null or a.warehouse_id = any($2))
           and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0
         order by s.product_id, s.warehouse_id
         for no key update of s",
        &[&incarnation_id, &places],
    )
    .await?;
    let rows = tx
        .query(
            "with open as (
                 select product_id, warehouse_id, granted + received - consumed - returned - reclaimed as units
                 from allotments
                 where incarnation_id = $1 and ($3::uuid[] is null or warehouse_id = any($3))
                   and granted + received - consumed - returned - reclaimed > 0
             ), taken as (
                 update allotments a set reclaimed = a.reclaimed + o.units
                 from open o
                 where a.incarnation_id = $1 and a.product_id = o.product_id and a.warehouse_id = o.warehouse_id
             )
             update stock s set promised = s.promised - o.units, updated_at = $2
             from open o
             where s.product_id = o.product_id and s.warehouse_id = o.warehouse_id
             returning s.product_id, s.warehouse_id, o.units",
            &[&incarnation_id, &now, &places],
        )
        .await?;
    opened(&rows)
}

/// The rows (product, warehouse, units) that a change opened.
pub(super) fn opened(rows: &[tokio_postgres::Row]) -> Result<Open, Error> {
    let mut open = Open::default();
    for row in rows {
        open.keys.insert(StockKey { product_id: row.try_get(0)?, warehouse_id: row.try_get(1)? });
        open.units += row.try_get::<_, i64>(2)?;
    }
    Ok(open)
}
