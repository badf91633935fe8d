//! What people must look at: one open row per kind and subject.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    feed,
    id::{ConcernId, IncarnationId},
    settle::{Raised, each_once},
    stock::{Level, StockKey},
    verdict::{Concern, ConcernKind},
    world::World,
};
use serde_json::json;
use uuid::Uuid;

use super::Tx;
use crate::error::Error;

/// Opens concerns; one that is open already is brought up to date: a clock that is ahead is noticed by an entry and
/// by a cart of one push. What happened one after the other is all told ([`brought_up_to_date`], said again in SQL
/// because two pushes may do it at once). What says the same as before is told to nobody again. `by` is whose ops
/// raised them.
///
/// [`brought_up_to_date`]: outpost_schema::settle::brought_up_to_date
///
/// # Errors
/// If Postgres fails.
pub async fn open(
    tx: &Tx,
    world: &dyn World,
    by: Option<IncarnationId>,
    raised: &[Raised],
    now: Timestamp,
) -> Result<(), Error> {
    if raised.is_empty() {
        return Ok(());
    }
    let raised = each_once(raised);
    let ids: Vec<_> = raised.iter().map(|_| ConcernId::new(now, world.id_chance())).collect();
    let kinds: Vec<_> = raised.iter().map(|concern| concern.kind).collect();
    let subjects: Vec<_> = raised.iter().map(|concern| &concern.subject).collect();
    let details: Vec<_> = raised.iter().map(|concern| &concern.detail).collect();
    let scopes: Vec<_> = raised.iter().map(|concern| concern.scope).collect();
    let incarnations: Vec<_> = raised.iter().map(|concern| concern.seq.and(by)).collect();
    let seqs: Vec<_> = raised.iter().map(|concern| concern.seq).collect();
    tx.execute(
        "insert into concerns (concern_id, kind, subject, detail, scope, incarnation_id, seq, opened_at)
         select concern_id, kind, subject, detail, scope, incarnation_id, seq, $8
         from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::uuid[], $6::uuid[], $7::bigint[])
              as r (concern_id, kind, subject, detail, scope, incarnation_id, seq)
         order by kind, subject
         on conflict (kind, subject) where closed_at is null do update set detail = case
             when jsonb_typeof(excluded.detail -> 'parts') = 'array' then excluded.detail || jsonb_build_object('parts',
                 coalesce(concerns.detail -> 'parts', jsonb_build_array(concerns.detail)) || (excluded.detail -> 'parts'))
             else excluded.detail
         end where concerns.detail is distinct from excluded.detail",
        &[&ids, &kinds, &subjects, &details, &scopes, &incarnations, &seqs, &now],
    )
    .await?;
    Ok(())
}

/// Brings those of these concerns that are open up to date; none is opened.
///
/// # Errors
/// If Postgres fails.
pub async fn renew(tx: &Tx, told: &[Raised]) -> Result<(), Error> {
    let kinds: Vec<_> = told.iter().map(|concern| concern.kind).collect();
    let subjects: Vec<_> = told.iter().map(|concern| &concern.subject).collect();
    let details: Vec<_> = told.iter().map(|concern| &concern.detail).collect();
    tx.execute(
        "update concerns c set detail = t.detail
         from unnest($1::text[], $2::text[], $3::jsonb[]) as t (kind, subject, detail)
         where c.kind = t.kind and c.subject = t.subject and c.closed_at is null and c.detail <> t.detail",
        &[&kinds, &subjects, &details],
    )
    .await?;
    Ok(())
}

/// Closes concerns that are over; those that are not open are left alone.
///
/// # Errors
/// If Postgres fails.
pub async fn close(tx: &Tx, over: &[(ConcernKind, String)], now: Timestamp) -> Result<(), Error> {
    if over.is_empty() {
        return Ok(());
    }
    let kinds: Vec<_> = over.iter().map(|(kind, _)| *kind).collect();
    let subjects: Vec<_> = over.iter().map(|(_, subject)| subject).collect();
    tx.execute(
        "update concerns c set closed_at = $3
         from unnest($1::text[], $2::text[]) as o (kind, subject)
         where c.kind = o.kind and c.subject = o.subject and c.closed_at is null",
        &[&kinds, &subjects, &now],
    )
    .await?;
    Ok(())
}

/// Opens and closes the concerns of these stock rows, as their figures now ask. For every change of
/// stock that no push made; the caller has locked the rows by changing them.
///
/// # Errors
/// If Postgres fails.
pub async fn look_at_stock(tx: &Tx, world: &dyn World, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = super::columns(keys);
    let rows = tx
        .query(
            "select s.product_id, s.warehouse_id, s.balance, s.promised
             from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
             join stock s using (product_id, warehouse_id)
             where s.balance < 0 or s.promised > s.reserved_quantity or exists (
                 select from concerns c
                 where c.closed_at is null and c.kind in ('owed', 'unbacked')
                   and c.subject = s.product_id || '/' || s.warehouse_id)",
            &[&products, &warehouses],
        )
        .await?;
    let (mut raised, mut over) = (Vec::new(), Vec::new());
    for row in rows {
        let key = StockKey { product_id: row.try_get("product_id")?, warehouse_id: row.try_get("warehouse_id")? };
        let level = Level { balance: row.try_get("balance")?, promised: row.try_get("promised")? };
        for (kind, units) in [(ConcernKind::Owed, level.owed()), (ConcernKind::Unbacked, level.unbacked())] {
            let subject = format!("{}/{}", key.product_id, key.warehouse_id);
            if units > 0 {
                let detail = json!({ "product": key.product_id, "warehouse": key.warehouse_id, "units": units });
                raised.push(Raised { kind, subject, detail, scope: key.warehouse_id.0, seq: None });
            } else {
                over.push((kind, subject));
            }
        }
    }
    open(tx, world, None, &raised, now).await?;
    close(tx, &over, now).await
}

/// The open concerns, or the newest ones whether open or closed; newest first.
///
/// # Errors
/// If Postgres fails.
pub async fn list(tx: &Tx, is_open_only: bool, limit: i64) -> Result<Vec<Concern>, Error> {
    let rows = tx
        .query(
            "select concern_id, kind, subject, detail, scope, opened_at, closed_at
             from concerns
             where closed_at is null or not $1
             order by opened_at desc, concern_id desc
             limit $2",
            &[&is_open_only, &limit],
        )
        .await?;
    rows.iter().map(concern).collect()
}

fn concern(row: &tokio_postgres::Row) -> Result<Concern, Error> {
    Ok(Concern {
        concern_id: row.try_get("concern_id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        detail: row.try_get("detail")?,
        scope: row.try_get("scope")?,
        opened_at: row.try_get("opened_at")?,
        closed_at: row.try_get("closed_at")?,
    })
}

/// A concern that only head office hears of.
pub fn for_head_office(kind: ConcernKind, subject: String, detail: serde_json::Value) -> Raised {
    let scope: Uuid = feed::NOBODY;
    Raised { kind, subject, detail, scope, seq: None }
}
