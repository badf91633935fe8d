//! Concerns, and verdicts that came later than the push.

use outpost_schema::{
    feed::{Aggregate, Key, Kind, Ruling},
    id::NodeId,
    verdict::Concern,
};
use postgres_types::Json;
use uuid::Uuid;

use super::{Found, column, key_of};
use crate::{db::Tx, error::Error};

pub(super) async fn concerns(tx: &Tx, scopes: &[Uuid], ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select concern_id, kind, subject, detail, scope, opened_at, closed_at
            from concerns where concern_id = any($1) and scope = any($2)",
            &[&ids, &scopes],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let concern = Concern {
                concern_id: row.try_get("concern_id")?,
                kind: row.try_get("kind")?,
                subject: row.try_get("subject")?,
                detail: row.try_get("detail")?,
                scope: row.try_get("scope")?,
                opened_at: row.try_get("opened_at")?,
                closed_at: row.try_get("closed_at")?,
            };
            Ok((key_of(Kind::Concern, [concern.concern_id.0]), Aggregate::Concern(Box::new(concern))))
        })
        .collect()
}

pub(super) async fn rulings(tx: &Tx, node_id: NodeId, keys: &[&Key]) -> Result<Found, Error> {
    let seqs: Vec<i64> = column(keys, 1).iter().map(|seq| low_half(*seq)).collect();
    let rows = tx
        .query(
            "select o.incarnation_id, o.seq, o.verdict_detail
            from unnest($1::uuid[], $2::bigint[]) as k (incarnation_id, seq)
            join ops o on o.incarnation_id = k.incarnation_id and o.seq = k.seq
            join incarnations i on i.incarnation_id = o.incarnation_id
            where i.node_id = $3",
            &[&column(keys, 0), &seqs, &node_id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let ruling = Ruling {
                incarnation_id: row.try_get("incarnation_id")?,
                seq: row.try_get("seq")?,
                verdict: row.try_get::<_, Json<_>>("verdict_detail")?.0,
            };
            let ids = [ruling.incarnation_id.0, Uuid::from_u64_pair(0, ruling.seq.cast_unsigned())];
            Ok((key_of(Kind::Verdict, ids), Aggregate::Verdict(Box::new(ruling))))
        })
        .collect()
}

/// A seq stands in the low half of an id.
fn low_half(id: Uuid) -> i64 {
    id.as_u64_pair().1.cast_signed()
}
