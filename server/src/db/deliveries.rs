//! Deliveries that are expected, with what came of them.

use std::collections::BTreeMap;

use outpost_schema::{
    delivery::{Closing, Delivery, DeliveryLine},
    id::{DeliveryId, ProductId, WarehouseId},
    planted::{Bug, is_planted},
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Params, Tx};
use crate::error::Error;

const COLUMNS: &str = "d.delivery_id, d.warehouse_id, d.supplier, d.reference, d.due_at, d.created_at,
                       d.closed_at, d.closed_by, d.closed_note";

/// Those of the deliveries that are expected at one of these warehouses.
///
/// # Errors
/// If Postgres fails.
pub async fn within(tx: &Tx, ids: &[Uuid], warehouses: &[WarehouseId]) -> Result<Vec<Delivery>, Error> {
    which_are(tx, "where d.delivery_id = any($1) and d.warehouse_id = any($2)", &[&ids, &warehouses]).await
}

/// Deliveries at a warehouse or at all of them: those that wait for something, or all; the one that is due first
/// comes first.
///
/// # Errors
/// If Postgres fails.
pub async fn list(tx: &Tx, at: Option<WarehouseId>, all: bool, limit: i64) -> Result<Vec<Delivery>, Error> {
    let which = "where ($1::uuid is null or d.warehouse_id = $1) and ($2 or d.closed_at is null and exists (
                     select from delivery_lines l where l.delivery_id = d.delivery_id and l.received < l.expected))
                 order by d.due_at nulls last, d.delivery_id limit $3";
    which_are(tx, which, &[&at, &all, &limit]).await
}

/// The deliveries that somebody may mean by an id or a reference.
///
/// # Errors
/// If Postgres fails.
pub async fn named(tx: &Tx, name: &str) -> Result<Vec<Delivery>, Error> {
    which_are(tx, "where d.delivery_id::text = lower($1) or d.reference = $1 order by d.delivery_id", &[&name]).await
}

async fn which_are(tx: &Tx, which: &str, params: Params<'_>) -> Result<Vec<Delivery>, Error> {
    let heads = tx.query(&format!("select {COLUMNS} from deliveries d {which}"), params).await?;
    let mut deliveries = heads.iter().map(head).collect::<Result<Vec<_>, _>>()?;
    let mut lines = lines(tx, &deliveries.iter().map(|delivery| delivery.delivery_id).collect::<Vec<_>>()).await?;
    for delivery in &mut deliveries {
        delivery.lines = lines.remove(&delivery.delivery_id).unwrap_or_default();
    }
    Ok(deliveries)
}

fn head(row: &Row) -> Result<Delivery, Error> {
    let at: Option<_> = row.try_get("closed_at")?;
    let said: Option<(String, String)> = Option::zip(row.try_get("closed_by")?, row.try_get("closed_note")?);
    Ok(Delivery {
        delivery_id: row.try_get("delivery_id")?,
        warehouse_id: row.try_get("warehouse_id")?,
        supplier: row.try_get("supplier")?,
        reference: row.try_get("reference")?,
        due_at: row.try_get("due_at")?,
        created_at: row.try_get("created_at")?,
        closing: at.zip(said).map(|(at, (by, note))| Closing { at, by, note }),
        lines: Vec::new(),
    })
}

async fn lines(tx: &Tx, ids: &[DeliveryId]) -> Result<BTreeMap<DeliveryId, Vec<DeliveryLine>>, Error> {
    let mut lines: BTreeMap<DeliveryId, Vec<DeliveryLine>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(lines);
    }
    let sql = "select delivery_id, product_id, expected, received from delivery_lines
               where delivery_id = any($1) order by delivery_id, product_id";
    for row in tx.query(sql, &[&ids]).await? {
        lines.entry(row.try_get("delivery_id")?).or_default().push(DeliveryLine {
            product_id: row.try_get("product_id")?,
            expected: row.try_get("expected")?,
            received: row.try_get("received")?,
        });
    }
    Ok(lines)
}

/// Adds what came of deliveries up, whether or not they are known. Nobody decides by these sums, so they are added to
/// without a look at them.
pub(super) async fn add(tx: &Tx, delivered: &BTreeMap<(DeliveryId, ProductId), i64>) -> Result<(), Error> {
    if delivered.is_empty() {
        return Ok(());
    }
    let (deliveries, products): (Vec<_>, Vec<_>) = delivered.keys().copied().unzip();
    let units: Vec<_> = delivered.values().copied().collect();
    let which = if is_planted(Bug::ClosedDeliveryDropped) { IF_OPEN } else { "" };
    tx.execute(
        &format!(
            "insert into delivery_lines as l (delivery_id, product_id, received)
             select * from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as d (delivery_id, product_id, received)
             {which}
             order by delivery_id, product_id
             on conflict (delivery_id, product_id) do update set received = l.received + excluded.received"
        ),
        &[&deliveries, &products, &units],
    )
    .await
    .map(drop)
}

const IF_OPEN: &str = "
    where not exists (select from deliveries c where c.delivery_id = d.delivery_id and c.closed_at is not null)";

/// Expects a delivery.
///
/// # Errors
/// If Postgres fails; `deliveries_reference_key` if that supplier's reference is expected there already.
pub async fn expect(tx: &Tx, delivery: &Delivery) -> Result<(), Error> {
    tx.execute(
        "insert into deliveries (delivery_id, warehouse_id, supplier, reference, due_at, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            &delivery.delivery_id,
            &delivery.warehouse_id,
            &delivery.supplier,
            &delivery.reference,
            &delivery.due_at,
            &delivery.created_at,
        ],
    )
    .await?;
    let products: Vec<_> = delivery.lines.iter().map(|line| line.product_id).collect();
    let expected: Vec<_> = delivery.lines.iter().map(|line| line.expected).collect();
    tx.execute(
        "insert into delivery_lines (delivery_id, product_id, expected)
         select $1, product_id, expected from unnest($2::uuid[], $3::bigint[]) as l (product_id, expected)
         order by product_id",
        &[&delivery.delivery_id, &products, &expected],
    )
    .await
    .map(drop)
}

/// Closes a delivery by hand; one that is closed stays as it was closed.
///
/// # Errors
/// If Postgres fails.
pub async fn close(tx: &Tx, delivery_id: DeliveryId, closing: &Closing) -> Result<(), Error> {
    tx.execute(
        "update deliveries set closed_at = $2, closed_by = $3, closed_note = $4
         where delivery_id = $1 and closed_at is null",
        &[&delivery_id, &closing.at, &closing.by, &closing.note],
    )
    .await
    .map(drop)
}
