//! Writes goods that came back, and what was given for them.

use outpost_schema::{
    id::{IncarnationId, WarehouseId},
    returned::{Refund, Return, ReturnLine},
    settle::{Known, Settled},
    word::Word as _,
};

use crate::{db::Tx, error::Error};

/// Writes the returns with their lines and refunds, and which payments were given back in full.
///
/// # Errors
/// If Postgres fails, or a row has come meanwhile.
pub(super) async fn write(
    tx: &Tx,
    incarnation_id: IncarnationId,
    known: &Known,
    settled: &Settled,
) -> Result<(), Error> {
    if settled.returns.is_empty() {
        return Ok(());
    }
    insert_returns(tx, incarnation_id, known, &settled.returns).await?;
    insert_lines(tx, &settled.returns).await?;
    insert_refunds(tx, &settled.returns).await?;
    raise_refunded(tx, settled).await
}

async fn insert_returns(
    tx: &Tx,
    incarnation_id: IncarnationId,
    known: &Known,
    returns: &[(i64, Return)],
) -> Result<(), Error> {
    let seqs: Vec<_> = returns.iter().map(|(seq, _)| *seq).collect();
    let ids: Vec<_> = returns.iter().map(|(_, back)| back.return_id).collect();
    let orders: Vec<_> = returns.iter().map(|(_, back)| back.order_id).collect();
    let users: Vec<_> = returns.iter().map(|(_, back)| back.user_id).collect();
    let order_prefixes: Vec<_> = returns.iter().map(|(_, back)| &back.order_receipt.prefix).collect();
    let order_numbers: Vec<_> = returns.iter().map(|(_, back)| back.order_receipt.number).collect();
    let prefixes: Vec<_> = returns.iter().map(|(_, back)| &back.receipt.prefix).collect();
    let numbers: Vec<_> = returns.iter().map(|(_, back)| back.receipt.number).collect();
    let nodes: Vec<_> = returns.iter().map(|(_, back)| back.node_id).collect();
    let warehouses: Vec<_> = returns.iter().map(|(_, back)| back.warehouse_id).collect();
    let sold_at = |back: &Return| known.bought.get(&back.order_id).map(|bought| bought.warehouse_id);
    let sold_at: Vec<WarehouseId> =
        returns.iter().map(|(_, back)| sold_at(back).unwrap_or(back.warehouse_id)).collect();
    let taken_by: Vec<_> = returns.iter().map(|(_, back)| back.taken_by).collect();
    let reasons: Vec<_> = returns.iter().map(|(_, back)| &back.reason).collect();
    let created: Vec<_> = returns.iter().map(|(_, back)| back.created_at).collect();
    tx.execute(
        "insert into returns (return_id, order_id, user_id, order_receipt_prefix, order_receipt_number, receipt_prefix,
                              receipt_number, node_id, warehouse_id, sold_at, taken_by, reason, created_at,
                              incarnation_id, seq)
         select return_id, order_id, user_id, order_prefix, order_number, prefix, number, node_id, warehouse_id, sold_at,
                taken_by, reason, created_at, $1, seq
         from unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::text[], $9::bigint[],
                     $10::uuid[], $11::uuid[], $12::uuid[], $13::uuid[], $14::text[], $15::timestamptz[])
              as r (seq, return_id, order_id, user_id, order_prefix, order_number, prefix, number, node_id, warehouse_id,
                    sold_at, taken_by, reason, created_at)",
        &[
            &incarnation_id,
            &seqs,
            &ids,
            &orders,
            &users,
            &order_prefixes,
            &order_numbers,
            &prefixes,
            &numbers,
            &nodes,
            &warehouses,
            &sold_at,
            &taken_by,
            &reasons,
            &created,
        ],
    )
    .await?;
    Ok(())
}

async fn insert_lines(tx: &Tx, returns: &[(i64, Return)]) -> Result<(), Error> {
    let lines: Vec<(&Return, &ReturnLine, i32)> = returns
        .iter()
        .flat_map(|(_, back)| back.lines.iter().zip(0..).map(move |(line, place)| (back, line, place)))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = lines.iter().map(|(back, _, _)| back.return_id).collect();
    let places: Vec<_> = lines.iter().map(|(_, _, place)| *place).collect();
    let items: Vec<_> = lines.iter().map(|(_, line, _)| line.order_item_id).collect();
    let products: Vec<_> = lines.iter().map(|(_, line, _)| line.product_id).collect();
    let quantities: Vec<_> = lines.iter().map(|(_, line, _)| line.quantity).collect();
    let conditions: Vec<_> = lines.iter().map(|(_, line, _)| line.condition.word()).collect();
    tx.execute(
        "insert into return_lines (return_id, line, order_item_id, product_id, quantity, condition)
         select return_id, line, order_item_id, product_id, quantity, condition
         from unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[])
              as l (return_id, line, order_item_id, product_id, quantity, condition)",
        &[&ids, &places, &items, &products, &quantities, &conditions],
    )
    .await?;
    Ok(())
}

async fn insert_refunds(tx: &Tx, returns: &[(i64, Return)]) -> Result<(), Error> {
    let refunds: Vec<(&Return, &Refund)> =
        returns.iter().flat_map(|(_, back)| back.refunds.iter().map(move |refund| (back, refund))).collect();
    if refunds.is_empty() {
        return Ok(());
    }
    let order_ids: Vec<_> = refunds.iter().map(|(back, _)| back.order_id).collect();
    let users: Vec<_> = refunds.iter().map(|(back, _)| back.user_id).collect();
    let return_ids: Vec<_> = refunds.iter().map(|(back, _)| back.return_id).collect();
    let given_back: Vec<_> = refunds.iter().map(|(_, refund)| refund.refunds).collect();
    let ids: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.payment_id).collect();
    let amounts: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.amount).collect();
    let currencies: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.currency).collect();
    let tenders: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.tender.word()).collect();
    let statuses: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.status.word()).collect();
    let references: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.transaction_ref.as_deref()).collect();
    let created: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.created_at).collect();
    let updated: Vec<_> = refunds.iter().map(|(_, refund)| refund.payment.updated_at).collect();
    tx.execute(
        "insert into payments (order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref,
                               created_at, updated_at, return_id, refunds_id)
         select p.order_id, p.payment_id, p.user_id, p.amount, p.currency, p.tender, p.status, p.transaction_ref,
                p.created_at, p.updated_at, p.return_id, p.refunds_id
         from unnest($1::uuid[], $2::uuid[], $3::numeric[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[], $10::uuid[], $11::uuid[], $12::uuid[])
              as p (order_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at,
                    return_id, refunds_id, user_id)",
        &[
            &order_ids,
            &ids,
            &amounts,
            &currencies,
            &tenders,
            &statuses,
            &references,
            &created,
            &updated,
            &return_ids,
            &given_back,
            &users,
        ],
    )
    .await?;
    Ok(())
}

async fn raise_refunded(tx: &Tx, settled: &Settled) -> Result<(), Error> {
    if settled.refunded.is_empty() {
        return Ok(());
    }
    let (orders, payments): (Vec<_>, Vec<_>) = settled.refunded.keys().copied().unzip();
    let moments: Vec<_> = settled.refunded.values().copied().collect();
    tx.execute(
        "update payments p set status = 'refunded', updated_at = r.updated_at
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as r (order_id, payment_id, updated_at)
         where p.order_id = r.order_id and p.payment_id = r.payment_id and p.status <> 'refunded'",
        &[&orders, &payments, &moments],
    )
    .await?;
    Ok(())
}
