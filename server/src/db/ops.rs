//! Every op ever pushed, as first written, with the verdict it got; what set-aside ops wait for; and
//! the entries that contradict a journal.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::{Hlc, Timestamp},
    id::IncarnationId,
    journal::{Body, Entry, Hash},
    op::{OpKind, VERSION},
    stock::StockKey,
    verdict::{SetAside, Verdict},
    word::Word as _,
};
use serde_json::Value;
use uuid::Uuid;

use super::Tx;
use crate::error::Error;

/// Ops that are decided anew in one transaction, as many as a push may bring.
const RETRIED_MAX: i64 = outpost_sync::wire::PUSH_ENTRIES_MAX as i64;

/// What the server knows of these seqs of a journal: the hash, and the verdict the op has.
///
/// # Errors
/// If Postgres fails.
pub async fn known(
    tx: &Tx,
    incarnation_id: IncarnationId,
    from: i64,
    to: i64,
) -> Result<BTreeMap<i64, (Hash, Verdict)>, Error> {
    let rows = tx
        .query(
            "select seq, hash, verdict_detail from ops where incarnation_id = $1 and seq between $2 and $3",
            &[&incarnation_id, &from, &to],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, verdict(row.try_get(2)?)?)))).collect()
}

fn verdict(stored: Value) -> Result<Verdict, Error> {
    serde_json::from_value(stored)
        .map_err(|_| outpost_schema::fault::Fault::Unreadable { what: "a kept verdict" }.into())
}

fn stored(verdict: &Verdict) -> Value {
    serde_json::to_value(verdict).expect("our own types always encode into memory")
}

/// Keeps entries with their verdicts, one for each, in order.
///
/// # Errors
/// If Postgres fails.
pub async fn insert(
    tx: &Tx,
    incarnation_id: IncarnationId,
    entries: &[Entry],
    verdicts: &[(i64, Verdict)],
    now: Timestamp,
) -> Result<(), Error> {
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    let moments: Vec<_> = entries.iter().map(|entry| entry.hlc.at).collect();
    let ticks: Vec<_> = entries.iter().map(|entry| i64::from(entry.hlc.tick)).collect();
    let seen: Vec<_> = entries.iter().map(|entry| &entry.seen).collect();
    let kinds: Vec<_> = entries.iter().map(|entry| &entry.kind).collect();
    let versions: Vec<_> = entries.iter().map(|entry| i32::from(entry.version)).collect();
    let bodies: Vec<_> = entries.iter().map(|entry| entry.body.0.as_slice()).collect();
    let hashes: Vec<_> = entries.iter().map(|entry| entry.hash).collect();
    let words: Vec<_> = verdicts.iter().map(|(_, verdict)| verdict.word()).collect();
    let details: Vec<_> = verdicts.iter().map(|(_, verdict)| stored(verdict)).collect();
    tx.execute(
        "insert into ops (incarnation_id, seq, hlc_at, hlc_tick, seen, kind, version, body, hash,
                          verdict, verdict_detail, accepted_at)
         select $1, seq, hlc_at, hlc_tick, seen, kind, version, body, hash, verdict, verdict_detail, $12
         from unnest($2::bigint[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::integer[],
                     $8::bytea[], $9::bytea[], $10::text[], $11::jsonb[])
              as e (seq, hlc_at, hlc_tick, seen, kind, version, body, hash, verdict, verdict_detail)",
        &[&incarnation_id, &seqs, &moments, &ticks, &seen, &kinds, &versions, &bodies, &hashes, &words, &details, &now],
    )
    .await?;
    insert_lacks(tx, incarnation_id, verdicts).await
}

/// The ids that set-aside ops lack.
pub fn lacked(verdicts: &[(i64, Verdict)]) -> impl Iterator<Item = (i64, Uuid)> + '_ {
    verdicts.iter().flat_map(|(seq, verdict)| {
        let ids: &[Uuid] = match verdict {
            Verdict::SetAside(SetAside::Lacks { ids }) => ids,
            Verdict::SetAside(
                SetAside::Newer | SetAside::Malformed { .. } | SetAside::NoRight | SetAside::IdTaken { .. },
            )
            | Verdict::Accepted
            | Verdict::Granted(_)
            | Verdict::Refused(_) => &[],
        };
        ids.iter().map(|id| (*seq, *id))
    })
}

async fn insert_lacks(tx: &Tx, incarnation_id: IncarnationId, verdicts: &[(i64, Verdict)]) -> Result<(), Error> {
    let (seqs, ids): (Vec<_>, Vec<_>) = lacked(verdicts).unzip();
    if seqs.is_empty() {
        return Ok(());
    }
    tx.execute(
        "insert into op_lacks (incarnation_id, seq, lacked_id)
         select $1, seq, lacked_id from unnest($2::bigint[], $3::uuid[]) as l (seq, lacked_id)
         on conflict do nothing",
        &[&incarnation_id, &seqs, &ids],
    )
    .await?;
    Ok(())
}

/// The hashes of at most `count` ops after `seq` of a journal.
///
/// # Errors
/// If Postgres fails.
pub async fn hashes_after(tx: &Tx, incarnation_id: IncarnationId, seq: i64, count: usize) -> Result<Vec<Hash>, Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = tx
        .query(
            "select hash from ops where incarnation_id = $1 and seq > $2 order by seq limit $3",
            &[&incarnation_id, &seq, &count],
        )
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Keeps entries that are not applied: they contradict the journal, or it is frozen.
///
/// # Errors
/// If Postgres fails.
pub async fn insert_evidence(
    tx: &Tx,
    incarnation_id: IncarnationId,
    entries: &[Entry],
    encoded: &[Vec<u8>],
    now: Timestamp,
) -> Result<(), Error> {
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    let hashes: Vec<_> = entries.iter().map(|entry| entry.hash).collect();
    tx.execute(
        "insert into evidence (incarnation_id, seq, hash, entry, received_at)
         select $1, seq, hash, entry, $5
         from unnest($2::bigint[], $3::bytea[], $4::bytea[]) as e (seq, hash, entry)
         on conflict do nothing",
        &[&incarnation_id, &seqs, &hashes, &encoded, &now],
    )
    .await?;
    Ok(())
}

/// Whether some set-aside op waits for one of these ids.
///
/// # Errors
/// If Postgres fails.
pub async fn is_awaited(tx: &Tx, ids: &[Uuid]) -> Result<bool, Error> {
    Ok(tx.query_opt("select from op_lacks where lacked_id = any($1) limit 1", &[&ids]).await?.is_some())
}

/// Why set-aside ops are worth another decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something that they lacked has arrived.
    Arrived,
    /// This program knows their kind and version by now, or their author may act elsewhere than then.
    Changed,
}

impl Cause {
    /// The ops it concerns, as a query of (incarnation_id, seq).
    fn ops(self) -> String {
        match self {
            Self::Arrived => "select l.incarnation_id, l.seq
                 from op_lacks l
                 where exists (select from products where product_id = l.lacked_id)
                    or exists (select from users where user_id = l.lacked_id)
                    or exists (select from addresses where address_id = l.lacked_id)
                    or exists (select from warehouses where warehouse_id = l.lacked_id)
                    or exists (select from orders where order_id = l.lacked_id)
                    or exists (select from ops o where o.incarnation_id = l.incarnation_id and o.seq = l.seq
                        and o.kind in ('returned', 'carried'))"
                .to_owned(),
            // Our own words, which need no quoting.
            Self::Changed => {
                let kinds: Vec<_> = OpKind::WORDS.iter().map(|(_, word)| format!("'{word}'")).collect();
                let answer = |reason| stored(&Verdict::SetAside(reason));
                format!(
                    "select o.incarnation_id, o.seq
                     from ops o
                     where o.verdict = 'set_aside' and (o.verdict_detail = '{}'
                        or o.verdict_detail = '{}' and o.version <= {VERSION} and o.kind in ({}))",
                    answer(SetAside::NoRight),
                    answer(SetAside::Newer),
                    kinds.join(", ")
                )
            }
        }
    }
}

/// Journals with set-aside ops that are worth another decision.
///
/// # Errors
/// If Postgres fails.
pub async fn worth_a_retry(tx: &Tx, cause: Cause) -> Result<BTreeSet<IncarnationId>, Error> {
    let sql = format!("select distinct incarnation_id from ({}) a", cause.ops());
    let rows = tx.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// The set-aside ops of a journal after `after` that are worth another decision, with the verdicts
/// they have, in the order of the journal; as many as one transaction decides.
///
/// # Errors
/// If Postgres fails.
pub async fn to_retry(
    tx: &Tx,
    incarnation_id: IncarnationId,
    cause: Cause,
    after: i64,
) -> Result<Vec<(Entry, Verdict)>, Error> {
    let sql = format!(
        "select seq, hlc_at, hlc_tick, seen, kind, version, body, hash, verdict_detail
         from ops
         where incarnation_id = $1 and verdict = 'set_aside' and seq > $2
           and seq in (select seq from ({}) a where a.incarnation_id = $1)
         order by seq
         limit $3",
        cause.ops()
    );
    let rows = tx.query(&sql, &[&incarnation_id, &after, &RETRIED_MAX]).await?;
    rows.iter().map(|row| Ok((entry(row)?, verdict(row.try_get("verdict_detail")?)?))).collect()
}

/// A kept op as an entry. The hash before it is not kept beside it, and deciding needs none.
fn entry(row: &tokio_postgres::Row) -> Result<Entry, Error> {
    let (tick, version): (i64, i32) = (row.try_get("hlc_tick")?, row.try_get("version")?);
    Ok(Entry {
        seq: row.try_get("seq")?,
        hlc: Hlc { at: row.try_get("hlc_at")?, tick: u32::try_from(tick).unwrap_or(u32::MAX) },
        seen: row.try_get("seen")?,
        kind: row.try_get("kind")?,
        version: u16::try_from(version).unwrap_or(u16::MAX),
        body: Body(row.try_get("body")?),
        prev_hash: Hash::START,
        hash: row.try_get("hash")?,
    })
}

/// Writes the later verdicts of ops that had been set aside, and what they lack now.
///
/// # Errors
/// If Postgres fails.
pub async fn rule_again(tx: &Tx, incarnation_id: IncarnationId, verdicts: &[(i64, Verdict)]) -> Result<(), Error> {
    let seqs: Vec<_> = verdicts.iter().map(|(seq, _)| *seq).collect();
    let words: Vec<_> = verdicts.iter().map(|(_, verdict)| verdict.word()).collect();
    let details: Vec<_> = verdicts.iter().map(|(_, verdict)| stored(verdict)).collect();
    tx.execute("delete from op_lacks where incarnation_id = $1 and seq = any($2)", &[&incarnation_id, &seqs]).await?;
    tx.execute(
        "update ops o set verdict = v.verdict, verdict_detail = v.verdict_detail
         from unnest($2::bigint[], $3::text[], $4::jsonb[]) as v (seq, verdict, verdict_detail)
         where o.incarnation_id = $1 and o.seq = v.seq",
        &[&incarnation_id, &seqs, &words, &details],
    )
    .await?;
    insert_lacks(tx, incarnation_id, verdicts).await
}

/// Sends the images of these stock rows again, because what a node lays over them has changed.
///
/// # Errors
/// If Postgres fails.
pub async fn renew_stock(tx: &Tx, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<(), Error> {
    let (products, warehouses) = super::columns(keys);
    tx.execute(
        "update stock s set updated_at = $3
         from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
         where s.product_id = k.product_id and s.warehouse_id = k.warehouse_id",
        &[&products, &warehouses, &now],
    )
    .await?;
    Ok(())
}
