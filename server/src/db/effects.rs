//! Writes what was decided: one statement over arrays for each table, none for a table that nothing
//! happened to.
//!
//! New rows are plain inserts: a row that has come since it was looked for breaks its key, and the
//! whole batch is decided anew, knowing it.

mod orders;
mod people;
mod returns;

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, IncarnationId, ProductId},
    settle::{Known, Moved, Settled},
    sizing::Outlook,
    stock::{Allotment, StockKey},
    word::Word as _,
};

use super::{Tx, columns, confirmations, counts, deliveries, holds, sizing::Columns, transfers, undone, written_off};
use crate::error::Error;

/// Writes everything of `settled` but its verdicts and concerns. `sold_before` are the cart lines of
/// which something had been checked out before.
///
/// # Errors
/// If Postgres fails, or a row has come meanwhile.
pub async fn write(
    tx: &Tx,
    incarnation_id: IncarnationId,
    known: &Known,
    sold_before: &BTreeSet<(CartId, ProductId)>,
    settled: &Settled,
    now: Timestamp,
) -> Result<(), Error> {
    people::take_emails(tx, &settled.demoted).await?;
    people::insert_users(tx, &settled.users).await?;
    people::make_aliases(tx, &settled.demoted).await?;
    people::insert_addresses(tx, &settled.addresses).await?;
    orders::insert_orders(tx, incarnation_id, &settled.orders).await?;
    orders::insert_items(tx, &settled.orders).await?;
    orders::insert_payments(tx, &settled.orders).await?;
    confirmations::insert(tx, &settled.awaited).await?;
    people::insert_reviews(tx, &settled.reviews).await?;
    orders::raise_statuses(tx, settled).await?;
    transfers::write(tx, known, settled).await?;
    deliveries::add(tx, &settled.delivered).await?;
    undone::insert(tx, &settled.undone).await?;
    returns::write(tx, incarnation_id, known, settled).await?;
    insert_movements(tx, incarnation_id, &settled.movements).await?;
    update_levels(tx, known, &settled.levels, now).await?;
    write_allotments(tx, incarnation_id, (&known.allotments, Some(&known.outlooks)), &settled.allotments).await?;
    for (life, elder) in &known.elders {
        let keys = settled.elder_allotments.iter().filter(|(of, _)| of == life).map(|(_, key)| *key).collect();
        write_allotments(tx, *life, (&elder.allotments, None), &keys).await?;
    }
    counts::write(tx, known, &settled.counts).await?;
    written_off::reduce(tx, &known.written_off, &settled.given_back).await?;
    holds::use_up(tx, &settled.used_up, now).await?;
    insert_carried(tx, incarnation_id, settled).await?;
    write_sold(tx, known, sold_before, &settled.sold).await
}

async fn insert_movements(tx: &Tx, incarnation_id: IncarnationId, movements: &[Moved]) -> Result<(), Error> {
    if movements.is_empty() {
        return Ok(());
    }
    let products: Vec<_> = movements.iter().map(|moved| moved.movement.key.product_id).collect();
    let warehouses: Vec<_> = movements.iter().map(|moved| moved.movement.key.warehouse_id).collect();
    let deltas: Vec<_> = movements.iter().map(|moved| moved.movement.delta).collect();
    let reasons: Vec<_> = movements.iter().map(|moved| moved.movement.why.reason.word()).collect();
    let persons: Vec<_> = movements.iter().map(|moved| moved.movement.why.remark.person.as_deref()).collect();
    let notes: Vec<_> = movements.iter().map(|moved| moved.movement.why.remark.note.as_deref()).collect();
    let lots: Vec<_> = movements.iter().map(|moved| moved.movement.why.lot.lot.as_deref()).collect();
    let expiries: Vec<_> = movements.iter().map(|moved| moved.movement.why.lot.expires.as_deref()).collect();
    let ops = movements.iter().map(|moved| moved.of.unwrap_or((incarnation_id, moved.seq)));
    let (lives, seqs): (Vec<_>, Vec<_>) = ops.unzip();
    let lines: Vec<_> = movements.iter().map(|moved| moved.line).collect();
    let moments: Vec<_> = movements.iter().map(|moved| moved.at).collect();
    tx.execute(
        "insert into stock_movements (product_id, warehouse_id, delta, reason, incarnation_id, seq, line, moved_at,
             person, note, lot, expires)
         select product_id, warehouse_id, delta, reason, incarnation_id, seq, line, moved_at, person, note, lot, expires
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::integer[],
                     $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[])
              as m (incarnation_id, product_id, warehouse_id, delta, reason, seq, line, moved_at, person, note, lot, expires)",
        &[
            &lives,
            &products,
            &warehouses,
            &deltas,
            &reasons,
            &seqs,
            &lines,
            &moments,
            &persons,
            &notes,
            &lots,
            &expiries,
        ],
    )
    .await?;
    Ok(())
}

async fn update_levels(tx: &Tx, known: &Known, keys: &BTreeSet<StockKey>, now: Timestamp) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = columns(keys);
    let levels: Vec<_> = keys.iter().map(|key| known.levels.get(key).copied().unwrap_or_default()).collect();
    let balances: Vec<_> = levels.iter().map(|level| level.balance).collect();
    let promised: Vec<_> = levels.iter().map(|level| level.promised).collect();
    tx.execute(
        "update stock s set balance = l.balance, promised = l.promised, updated_at = $5
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
              as l (product_id, warehouse_id, balance, promised)
         where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id",
        &[&products, &warehouses, &balances, &promised, &now],
    )
    .await?;
    Ok(())
}

macro_rules! keeping {
    ($outlooks:literal) => {
        concat!(
            "insert into allotments (incarnation_id, product_id, warehouse_id, granted, consumed, returned, received,
                 reclaimed, sold_units, sold_squares, sold_since, sold_at, asked, asked_at, spared)
             select $1, a.* from unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                 $8::bigint[], $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[], $13::bigint[],
                 $14::timestamptz[], $15::bigint[]) as a
             on conflict (incarnation_id, product_id, warehouse_id) do update
                 set granted = excluded.granted, consumed = excluded.consumed, returned = excluded.returned,
                     received = excluded.received, reclaimed = excluded.reclaimed",
            $outlooks
        )
    };
}

const TOTALS: &str = keeping!("");

const WITH_OUTLOOKS: &str = keeping!(
    ", sold_units = excluded.sold_units, sold_squares = excluded.sold_squares, sold_since = excluded.sold_since,
       sold_at = excluded.sold_at, asked = excluded.asked, asked_at = excluded.asked_at, spared = excluded.spared"
);

/// Writes totals, and what they are sized by where that is known.
async fn write_allotments(
    tx: &Tx,
    incarnation_id: IncarnationId,
    (allotments, outlooks): (&BTreeMap<StockKey, Allotment>, Option<&BTreeMap<StockKey, Outlook>>),
    keys: &BTreeSet<StockKey>,
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let (products, warehouses) = columns(keys);
    let allotments: Vec<_> = keys.iter().map(|key| allotments.get(key).copied().unwrap_or_default()).collect();
    let granted: Vec<_> = allotments.iter().map(|allotment| allotment.granted).collect();
    let consumed: Vec<_> = allotments.iter().map(|allotment| allotment.consumed).collect();
    let returned: Vec<_> = allotments.iter().map(|allotment| allotment.returned).collect();
    let received: Vec<_> = allotments.iter().map(|allotment| allotment.received).collect();
    let reclaimed: Vec<_> = allotments.iter().map(|allotment| allotment.reclaimed).collect();
    let outlook = |key| outlooks.and_then(|outlooks| outlooks.get(key)).copied().unwrap_or_default();
    let sized = Columns::of(&keys.iter().map(outlook).collect::<Vec<_>>());
    tx.execute(
        if outlooks.is_some() { WITH_OUTLOOKS } else { TOTALS },
        &[
            &incarnation_id,
            &products,
            &warehouses,
            &granted,
            &consumed,
            &returned,
            &received,
            &reclaimed,
            &sized.sold_units,
            &sized.sold_squares,
            &sized.sold_since,
            &sized.sold_at,
            &sized.asked,
            &sized.asked_at,
            &sized.spared,
        ],
    )
    .await?;
    Ok(())
}

/// Remembers which entries of earlier lives are in the book by now.
async fn insert_carried(tx: &Tx, incarnation_id: IncarnationId, settled: &Settled) -> Result<(), Error> {
    if settled.carried.is_empty() {
        return Ok(());
    }
    let lives: Vec<_> = settled.carried.iter().map(|brought| brought.life).collect();
    let seqs: Vec<_> = settled.carried.iter().map(|brought| brought.mark.seq).collect();
    let hashes: Vec<_> = settled.carried.iter().map(|brought| brought.mark.hash).collect();
    let kinds: Vec<_> = settled.carried.iter().map(|brought| brought.kind).collect();
    let by: Vec<_> = settled.carried.iter().map(|brought| brought.seq).collect();
    tx.execute(
        "insert into carried (incarnation_id, seq, hash, kind, by_id, by_seq)
         select incarnation_id, seq, hash, kind, $1, by_seq
         from unnest($2::uuid[], $3::bigint[], $4::bytea[], $5::text[], $6::bigint[])
              as c (incarnation_id, seq, hash, kind, by_seq)",
        &[&incarnation_id, &lives, &seqs, &hashes, &kinds, &by],
    )
    .await?;
    Ok(())
}

/// Cart lines that were locked are updated, others are new.
async fn write_sold(
    tx: &Tx,
    known: &Known,
    before: &BTreeSet<(CartId, ProductId)>,
    keys: &BTreeSet<(CartId, ProductId)>,
) -> Result<(), Error> {
    let update = "update cart_units u set units = s.units
         from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as s (cart_id, product_id, units)
         where u.cart_id = s.cart_id and u.product_id = s.product_id";
    let insert = "insert into cart_units (cart_id, product_id, units)
         select cart_id, product_id, units
         from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as s (cart_id, product_id, units)";
    let (old, new): (Vec<_>, Vec<_>) = keys.iter().copied().partition(|key| before.contains(key));
    for (sql, keys) in [(update, old), (insert, new)] {
        if keys.is_empty() {
            continue;
        }
        let units = |key| rmp_serde::to_vec(&known.sold.get(key)).expect("our own types always encode into memory");
        let units: Vec<Vec<u8>> = keys.iter().map(units).collect();
        let (carts, products): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        tx.execute(sql, &[&carts, &products, &units]).await?;
    }
    Ok(())
}
