//! Transfers as their ops told them, whole.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{TransferId, WarehouseId},
    settle::{Known, Settled},
    stock::{Reason, StockKey},
    transfer::{Route, Row, Transfer, TransferCode},
};
use tokio_postgres::Row as Found;
use uuid::Uuid;

use super::{Params, Tx, written_off::Act};
use crate::error::Error;

const COLUMNS: &str = "t.transfer_id, t.prefix, t.number, t.from_id, t.to_id, t.sent_at, t.complete";

/// Those of the transfers that are known, locked: whoever changes a transfer's sums does that first.
///
/// # Errors
/// If Postgres fails.
pub async fn lock(tx: &Tx, ids: &BTreeSet<TransferId>) -> Result<BTreeMap<TransferId, Transfer>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<_> = ids.iter().collect();
    let which = "where t.transfer_id = any($1) order by t.transfer_id for no key update of t";
    let found = which_are(tx, which, &[&ids]).await?;
    Ok(found.into_iter().map(|transfer| (transfer.transfer_id, transfer)).collect())
}

/// A transfer.
///
/// # Errors
/// If Postgres fails.
pub async fn find(tx: &Tx, id: TransferId) -> Result<Option<Transfer>, Error> {
    Ok(which_are(tx, "where t.transfer_id = $1", &[&id]).await?.pop())
}

/// Those of the transfers that left, go or came to one of these warehouses.
///
/// # Errors
/// If Postgres fails.
pub async fn within(tx: &Tx, ids: &[Uuid], warehouses: &[WarehouseId]) -> Result<Vec<Transfer>, Error> {
    let which = "where t.transfer_id = any($1) and (t.from_id = any($2) or t.to_id = any($2) or exists (
                     select from transfer_lines l where l.transfer_id = t.transfer_id and l.warehouse_id = any($2)))";
    which_are(tx, which, &[&ids, &warehouses]).await
}

/// What of all transfers head office looks at: those that are not over, or all; the newest first.
///
/// # Errors
/// If Postgres fails.
pub async fn list(tx: &Tx, all: bool, limit: i64) -> Result<Vec<Transfer>, Error> {
    let which = "where $1 or t.from_id is null or (
                     select bool_or(o.sent - o.lost <> o.arrived) from (
                         select sum(l.sent) as sent, sum(l.lost) as lost, sum(l.arrived) as arrived
                         from transfer_lines l where l.transfer_id = t.transfer_id group by l.product_id) o)
                 order by t.sent_at desc nulls first, t.transfer_id limit $2";
    which_are(tx, which, &[&all, &limit]).await
}

async fn which_are(tx: &Tx, which: &str, params: Params<'_>) -> Result<Vec<Transfer>, Error> {
    let heads = tx.query(&format!("select {COLUMNS} from transfers t {which}"), params).await?;
    let mut transfers = heads.iter().map(head).collect::<Result<Vec<_>, _>>()?;
    let mut rows = rows(tx, &transfers.iter().map(|transfer| transfer.transfer_id).collect::<Vec<_>>()).await?;
    for transfer in &mut transfers {
        transfer.rows = rows.remove(&transfer.transfer_id).unwrap_or_default();
    }
    Ok(transfers)
}

fn head(row: &Found) -> Result<Transfer, Error> {
    let (from_id, to_id): (Option<WarehouseId>, Option<WarehouseId>) = (row.try_get("from_id")?, row.try_get("to_id")?);
    let sent_at: Option<Timestamp> = row.try_get("sent_at")?;
    Ok(Transfer {
        transfer_id: row.try_get("transfer_id")?,
        code: TransferCode { prefix: row.try_get("prefix")?, number: row.try_get("number")? },
        route: from_id.zip(to_id).zip(sent_at).map(|((from_id, to_id), sent_at)| Route { from_id, to_id, sent_at }),
        complete: row.try_get("complete")?,
        rows: Vec::new(),
    })
}

async fn rows(tx: &Tx, ids: &[TransferId]) -> Result<BTreeMap<TransferId, Vec<Row>>, Error> {
    let mut rows: BTreeMap<TransferId, Vec<Row>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(rows);
    }
    let sql = "select transfer_id, product_id, warehouse_id, sent, arrived, damaged, lost from transfer_lines
               where transfer_id = any($1) order by transfer_id, product_id, warehouse_id";
    for row in tx.query(sql, &[&ids]).await? {
        rows.entry(row.try_get("transfer_id")?).or_default().push(Row {
            product_id: row.try_get("product_id")?,
            warehouse_id: row.try_get("warehouse_id")?,
            sent: row.try_get("sent")?,
            arrived: row.try_get("arrived")?,
            damaged: row.try_get("damaged")?,
            lost: row.try_get("lost")?,
        });
    }
    Ok(rows)
}

/// Writes the transfers that a batch changed. New ones are plain inserts, as everywhere: one that has come
/// meanwhile breaks its key.
pub(super) async fn write(tx: &Tx, known: &Known, settled: &Settled) -> Result<(), Error> {
    let of = |ids: &BTreeSet<TransferId>| -> Vec<&Transfer> {
        ids.iter().filter_map(|id| known.transfers.get(id)).collect()
    };
    let (new, changed) = (of(&settled.new_transfers), of(&(&settled.transfers - &settled.new_transfers)));
    save_heads(
        tx,
        &new,
        "insert into transfers (transfer_id, prefix, number, from_id, to_id, sent_at, complete)
         select transfer_id, prefix, number, from_id, to_id, sent_at, complete from h order by transfer_id",
    )
    .await?;
    save_heads(
        tx,
        &changed,
        "update transfers t set from_id = h.from_id, to_id = h.to_id, sent_at = h.sent_at, complete = h.complete
         from h where t.transfer_id = h.transfer_id",
    )
    .await?;
    save_rows(tx, &of(&settled.transfers)).await
}

async fn save_heads(tx: &Tx, transfers: &[&Transfer], sql: &str) -> Result<(), Error> {
    if transfers.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = transfers.iter().map(|transfer| transfer.transfer_id).collect();
    let prefixes: Vec<_> = transfers.iter().map(|transfer| &transfer.code.prefix).collect();
    let numbers: Vec<_> = transfers.iter().map(|transfer| transfer.code.number).collect();
    let from: Vec<_> = transfers.iter().map(|transfer| transfer.route.map(|route| route.from_id)).collect();
    let to: Vec<_> = transfers.iter().map(|transfer| transfer.route.map(|route| route.to_id)).collect();
    let sent: Vec<_> = transfers.iter().map(|transfer| transfer.route.map(|route| route.sent_at)).collect();
    let complete: Vec<_> = transfers.iter().map(|transfer| transfer.complete).collect();
    let heads = "with h as (
        select * from unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::bool[])
            as h (transfer_id, prefix, number, from_id, to_id, sent_at, complete))";
    tx.execute(&format!("{heads} {sql}"), &[&ids, &prefixes, &numbers, &from, &to, &sent, &complete]).await.map(drop)
}

/// Sums only grow, and the transfer is locked: what is written is what is there from now on.
async fn save_rows(tx: &Tx, transfers: &[&Transfer]) -> Result<(), Error> {
    let rows: Vec<(TransferId, &Row)> =
        transfers.iter().flat_map(|transfer| transfer.rows.iter().map(|row| (transfer.transfer_id, row))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
    let products: Vec<_> = rows.iter().map(|(_, row)| row.product_id).collect();
    let warehouses: Vec<_> = rows.iter().map(|(_, row)| row.warehouse_id).collect();
    let sums = |sum: fn(&Row) -> i64| rows.iter().map(|(_, row)| sum(row)).collect::<Vec<_>>();
    let (sent, arrived) = (sums(|row| row.sent), sums(|row| row.arrived));
    let (damaged, lost) = (sums(|row| row.damaged), sums(|row| row.lost));
    tx.execute(
        "insert into transfer_lines (transfer_id, product_id, warehouse_id, sent, arrived, damaged, lost)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
         on conflict (transfer_id, product_id, warehouse_id) do update
             set sent = excluded.sent, arrived = excluded.arrived, damaged = excluded.damaged, lost = excluded.lost",
        &[&ids, &products, &warehouses, &sent, &arrived, &damaged, &lost],
    )
    .await
    .map(drop)
}

/// An act of head office that writes off what a transfer lacks.
#[derive(Clone, Copy, Debug)]
pub struct WriteOff<'a> {
    /// What is given up, where it left.
    pub units: &'a [(StockKey, i64)],
    /// Who gives it up.
    pub by: &'a str,
    /// Names its movements, and says when and why.
    pub act: Act<'a>,
}

/// Writes a transfer after goods of it were written off, and the movements that say so: at the sender the goods come
/// back from the road, and are lost.
///
/// # Errors
/// If Postgres fails.
pub async fn write_off(tx: &Tx, after: &Transfer, write_off: &WriteOff<'_>) -> Result<(), Error> {
    save_rows(tx, &[after]).await?;
    let products: Vec<_> = write_off.units.iter().map(|(key, _)| key.product_id).collect();
    let warehouses: Vec<_> = write_off.units.iter().map(|(key, _)| key.warehouse_id).collect();
    let units: Vec<_> = write_off.units.iter().map(|(_, units)| *units).collect();
    tx.execute(
        "insert into stock_movements (product_id, warehouse_id, delta, reason, act_id, line, moved_at, person, note)
         select u.product_id, u.warehouse_id, u.units * m.sign, m.reason, $6, 2 * u.at::integer + m.place, $7, $8, $9
         from unnest($1::uuid[], $2::uuid[], $3::bigint[]) with ordinality as u (product_id, warehouse_id, units, at)
         cross join (values (1, $4::text, 0), (-1, $5::text, 1)) as m (sign, reason, place)",
        &[
            &products,
            &warehouses,
            &units,
            &Reason::Transferred,
            &Reason::Lost,
            &write_off.act.act_id,
            &write_off.act.at,
            &write_off.by,
            &write_off.act.note,
        ],
    )
    .await
    .map(drop)
}
