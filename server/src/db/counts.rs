//! Counts in force, and what moved beyond what a counting device had heard.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    count::{Cut, InForce, Skew, Span, Told},
    fault::Fault,
    id::{IncarnationId, ProductId, WarehouseId},
    settle::{Author, Counted, Known, Past, Touched},
    stock::StockKey,
};
use tokio_postgres::Row;

use super::{Tx, columns, ground::stock_key};
use crate::error::Error;

/// The last count of each of these stock rows, which the caller has locked.
///
/// # Errors
/// If Postgres fails.
pub async fn in_force(tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<BTreeMap<StockKey, InForce>, Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (products, warehouses) = columns(keys);
    let rows = tx
        .query(
            "select c.product_id, c.warehouse_id, c.incarnation_id, c.seq, c.line, c.lines, c.answered, c.counted,
                    c.doubtful, c.counting_from, c.counting_to, c.cut
             from unnest($1::uuid[], $2::uuid[]) as k (product_id, warehouse_id)
             join counts c using (product_id, warehouse_id)",
            &[&products, &warehouses],
        )
        .await?;
    rows.iter().map(|row| Ok((stock_key(row)?, count(row)?))).collect()
}

fn count(row: &Row) -> Result<InForce, Error> {
    let (from, to): (Option<Timestamp>, Option<Timestamp>) =
        (row.try_get("counting_from")?, row.try_get("counting_to")?);
    let cut: Cut =
        rmp_serde::from_slice(row.try_get("cut")?).map_err(|_| Fault::Unreadable { what: "cut of a count" })?;
    Ok(InForce {
        life: row.try_get("incarnation_id")?,
        seq: row.try_get("seq")?,
        cut,
        while_counting: from.zip(to).map(|(from, to)| Span { from, to }),
        counted: row.try_get("counted")?,
        line: row.try_get("line")?,
        lines: row.try_get("lines")?,
        answered: row.try_get("answered")?,
        doubtful: row.try_get("doubtful")?,
    })
}

/// Writes counts that are new, or have answered.
///
/// # Errors
/// If Postgres fails.
pub async fn write(tx: &Tx, known: &Known, keys: &BTreeSet<StockKey>) -> Result<(), Error> {
    let counts: Vec<_> = keys.iter().filter_map(|key| Some((key, known.counts.get(key)?))).collect();
    if counts.is_empty() {
        return Ok(());
    }
    let products: Vec<_> = counts.iter().map(|(key, _)| key.product_id).collect();
    let warehouses: Vec<_> = counts.iter().map(|(key, _)| key.warehouse_id).collect();
    let lives: Vec<_> = counts.iter().map(|(_, count)| count.life).collect();
    let seqs: Vec<_> = counts.iter().map(|(_, count)| count.seq).collect();
    let places: Vec<_> = counts.iter().map(|(_, count)| count.line).collect();
    let lines: Vec<_> = counts.iter().map(|(_, count)| count.lines).collect();
    let answered: Vec<_> = counts.iter().map(|(_, count)| count.answered).collect();
    let counted: Vec<_> = counts.iter().map(|(_, count)| count.counted).collect();
    let doubtful: Vec<_> = counts.iter().map(|(_, count)| count.doubtful).collect();
    let from: Vec<_> = counts.iter().map(|(_, count)| count.while_counting.map(|span| span.from)).collect();
    let to: Vec<_> = counts.iter().map(|(_, count)| count.while_counting.map(|span| span.to)).collect();
    let encode = |cut| rmp_serde::to_vec_named(cut).expect("our own types always encode into memory");
    let cuts: Vec<_> = counts.iter().map(|(_, count)| encode(&count.cut)).collect();
    tx.execute(
        "insert into counts (product_id, warehouse_id, incarnation_id, seq, line, lines, answered, counted, doubtful,
             counting_from, counting_to, cut)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::integer[], $6::integer[],
             $7::integer[], $8::bigint[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::bytea[])
         on conflict (product_id, warehouse_id) do update set
             incarnation_id = excluded.incarnation_id, seq = excluded.seq, line = excluded.line,
             lines = excluded.lines, answered = excluded.answered, counted = excluded.counted,
             doubtful = excluded.doubtful, counting_from = excluded.counting_from,
             counting_to = excluded.counting_to, cut = excluded.cut",
        &[&products, &warehouses, &lives, &seqs, &places, &lines, &answered, &counted, &doubtful, &from, &to, &cuts],
    )
    .await?;
    Ok(())
}

/// Of the stock rows that a batch counts, every movement that the counting device had not heard of: by the journals
/// that may act there, from where it had heard them, and by head office. Counts are no movements of goods, and neither is
/// what was lost on the road: at the sender it comes back from there and is lost, in one act.
const BEYOND: &str = "
    with journals as (
        select i.incarnation_id, coalesce(h.seq, 0) as heard, i.clock_ahead, i.clock_is_steady
        from incarnations i
        join nodes n using (node_id)
        left join unnest($3::uuid[], $4::bigint[]) as h (incarnation_id, seq) using (incarnation_id)
        where (h.seq is not null or n.scope @> array[$2::uuid])
          and i.incarnation_id <> $5 and i.acked_seq > coalesce(h.seq, 0)
    )
    select m.product_id, m.warehouse_id, coalesce(c.incarnation_id, m.incarnation_id) as life,
           coalesce(c.seq, m.seq) as seq, m.moved_at, m.delta, j.clock_ahead, j.clock_is_steady,
           false as is_written_off
    from journals j
    join stock_movements m on m.incarnation_id = j.incarnation_id and m.seq > j.heard
    left join carried c on c.by_id = m.incarnation_id and c.by_seq = m.seq
    where m.product_id = any($1) and m.warehouse_id = $2 and m.reason <> 'counted'
    union all
    select m.product_id, m.warehouse_id, null, 0, m.moved_at, m.delta, 0, true, m.reason = 'lost' and m.delta < 0
    from stock_movements m
    where m.product_id = any($1) and m.warehouse_id = $2 and m.act_id is not null
      and not exists (select from stock_movements t where t.product_id = m.product_id
          and t.warehouse_id = m.warehouse_id and t.act_id = m.act_id and t.reason = 'transferred')";

/// What `BEYOND` finds for the counts of a batch.
///
/// # Errors
/// If Postgres fails.
pub async fn beyond(tx: &Tx, author: &Author, touched: &Touched) -> Result<BTreeMap<StockKey, Vec<Past>>, Error> {
    let mut found: BTreeMap<StockKey, Vec<Past>> = BTreeMap::new();
    for (warehouse_id, Heard { products, upto }) in heard(&touched.cuts) {
        let (lives, seqs): (Vec<_>, Vec<_>) = upto.into_iter().unzip();
        let products: Vec<_> = products.into_iter().collect();
        let rows = tx.query(BEYOND, &[&products, &warehouse_id, &lives, &seqs, &author.incarnation_id]).await?;
        found.extend(products.into_iter().map(|product_id| (StockKey { product_id, warehouse_id }, Vec::new())));
        for row in &rows {
            found.entry(stock_key(row)?).or_default().push(past(row)?);
        }
    }
    Ok(found)
}

/// What the counts of a batch name of one place, and how far all of them had heard each journal.
#[derive(Default)]
struct Heard {
    products: BTreeSet<ProductId>,
    upto: BTreeMap<IncarnationId, i64>,
}

/// One for each place. A device that was alone for long counts the same goods more than once: what the last count had
/// heard of is beyond the first, so of each journal everything is loaded that one of them had not heard.
fn heard(cuts: &[Counted]) -> BTreeMap<WarehouseId, Heard> {
    let mut places: BTreeMap<WarehouseId, Heard> = BTreeMap::new();
    for counted in cuts {
        let known = counted.cut.known();
        let before = places.get(&counted.warehouse_id).map(|heard| &heard.upto);
        let lives: BTreeSet<_> = known.keys().chain(before.into_iter().flat_map(BTreeMap::keys)).copied().collect();
        let least = |life: IncarnationId| {
            let of = |known: &BTreeMap<IncarnationId, i64>| known.get(&life).copied().unwrap_or(0);
            (life, of(&known).min(before.map_or(i64::MAX, of)))
        };
        let upto = lives.into_iter().map(least).collect();
        let heard = places.entry(counted.warehouse_id).or_default();
        heard.upto = upto;
        heard.products.extend(&counted.products);
    }
    places
}

fn past(row: &Row) -> Result<Past, Error> {
    let moved_at: Timestamp = row.try_get("moved_at")?;
    let life: Option<IncarnationId> = row.try_get("life")?;
    let ahead: Option<i64> = row.try_get("clock_ahead")?;
    let is_steady = row.try_get("clock_is_steady")?;
    let at = match life {
        None => Some(Span::at(moved_at)),
        Some(_) => ahead.and_then(|ahead| Skew { ahead, is_steady }.span(moved_at, moved_at)),
    };
    Ok(Past {
        told: Told { life, seq: row.try_get("seq")?, at },
        delta: row.try_get("delta")?,
        is_written_off: row.try_get("is_written_off")?,
    })
}
