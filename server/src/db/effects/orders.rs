//! Writes orders with their items and payments, and what became of orders.

use outpost_schema::{
    id::IncarnationId,
    order::{Order, OrderItem, Payment},
    settle::Settled,
    word::Word as _,
};

use crate::{db::Tx, error::Error};

pub(super) async fn insert_orders(
    tx: &Tx,
    incarnation_id: IncarnationId,
    orders: &[(i64, Order)],
) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let seqs: Vec<_> = orders.iter().map(|(seq, _)| *seq).collect();
    let ids: Vec<_> = orders.iter().map(|(_, order)| order.order_id).collect();
    let users: Vec<_> = orders.iter().map(|(_, order)| order.user_id).collect();
    let totals: Vec<_> = orders.iter().map(|(_, order)| order.total_amount).collect();
    let statuses: Vec<_> = orders.iter().map(|(_, order)| order.status.word()).collect();
    let shipped_to: Vec<_> = orders.iter().map(|(_, order)| order.shipping_address_id).collect();
    let billed_to: Vec<_> = orders.iter().map(|(_, order)| order.billing_address_id).collect();
    let payments: Vec<_> = orders.iter().map(|(_, order)| order.payment_id).collect();
    let created: Vec<_> = orders.iter().map(|(_, order)| order.created_at).collect();
    let updated: Vec<_> = orders.iter().map(|(_, order)| order.updated_at).collect();
    let prefixes: Vec<_> = orders.iter().map(|(_, order)| &order.receipt.prefix).collect();
    let numbers: Vec<_> = orders.iter().map(|(_, order)| order.receipt.number).collect();
    let nodes: Vec<_> = orders.iter().map(|(_, order)| order.node_id).collect();
    let warehouses: Vec<_> = orders.iter().map(|(_, order)| order.warehouse_id).collect();
    let fulfilments: Vec<_> = orders.iter().map(|(_, order)| order.fulfilment.word()).collect();
    tx.execute(
        "insert into orders (order_id, user_id, total_amount, status, shipping_address_id, billing_address_id,
                             payment_id, created_at, updated_at, receipt_prefix, receipt_number, node_id,
                             warehouse_id, fulfilment, incarnation_id, seq)
         select order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id,
                created_at, updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment, $1, seq
         from unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::numeric[], $6::text[], $7::uuid[], $8::uuid[],
                     $9::uuid[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::bigint[], $14::uuid[],
                     $15::uuid[], $16::text[])
              as o (seq, order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id,
                    created_at, updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment)",
        &[
            &incarnation_id,
            &seqs,
            &ids,
            &users,
            &totals,
            &statuses,
            &shipped_to,
            &billed_to,
            &payments,
            &created,
            &updated,
            &prefixes,
            &numbers,
            &nodes,
            &warehouses,
            &fulfilments,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_items(tx: &Tx, orders: &[(i64, Order)]) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let items: Vec<(&Order, &OrderItem, i32)> = orders
        .iter()
        .flat_map(|(_, order)| order.items.iter().zip(0..).map(move |(item, line)| (order, item, line)))
        .collect();
    let order_ids: Vec<_> = items.iter().map(|(order, _, _)| order.order_id).collect();
    let ids: Vec<_> = items.iter().map(|(_, item, _)| item.order_item_id).collect();
    let products: Vec<_> = items.iter().map(|(_, item, _)| item.product_id).collect();
    let quantities: Vec<_> = items.iter().map(|(_, item, _)| item.quantity).collect();
    let prices: Vec<_> = items.iter().map(|(_, item, _)| item.unit_price).collect();
    let price_pers: Vec<_> = items.iter().map(|(_, item, _)| item.price_per).collect();
    let lines: Vec<_> = items.iter().map(|(_, _, line)| *line).collect();
    tx.execute(
        "insert into order_items (order_id, order_item_id, product_id, quantity, unit_price, price_per, line)
         select order_id, order_item_id, product_id, quantity, unit_price, price_per, line
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::numeric[], $6::bigint[], $7::integer[])
              as i (order_id, order_item_id, product_id, quantity, unit_price, price_per, line)",
        &[&order_ids, &ids, &products, &quantities, &prices, &price_pers, &lines],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_payments(tx: &Tx, orders: &[(i64, Order)]) -> Result<(), Error> {
    let payments: Vec<(&Order, &Payment)> =
        orders.iter().flat_map(|(_, order)| order.payments.iter().map(move |payment| (order, payment))).collect();
    if payments.is_empty() {
        return Ok(());
    }
    let order_ids: Vec<_> = payments.iter().map(|(order, _)| order.order_id).collect();
    let ids: Vec<_> = payments.iter().map(|(_, payment)| payment.payment_id).collect();
    let users: Vec<_> = payments.iter().map(|(order, _)| order.user_id).collect();
    let amounts: Vec<_> = payments.iter().map(|(_, payment)| payment.amount).collect();
    let currencies: Vec<_> = payments.iter().map(|(_, payment)| payment.currency).collect();
    let tenders: Vec<_> = payments.iter().map(|(_, payment)| payment.tender.word()).collect();
    let statuses: Vec<_> = payments.iter().map(|(_, payment)| payment.status.word()).collect();
    let references: Vec<_> = payments.iter().map(|(_, payment)| payment.transaction_ref.as_deref()).collect();
    let created: Vec<_> = payments.iter().map(|(_, payment)| payment.created_at).collect();
    let updated: Vec<_> = payments.iter().map(|(_, payment)| payment.updated_at).collect();
    tx.execute(
        "insert into payments (order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref,
                               created_at, updated_at)
         select order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref, created_at, updated_at
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::numeric[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::timestamptz[], $10::timestamptz[])
              as p (order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref, created_at,
                    updated_at)",
        &[&order_ids, &ids, &users, &amounts, &currencies, &tenders, &statuses, &references, &created, &updated],
    )
    .await?;
    Ok(())
}

pub(super) async fn raise_statuses(tx: &Tx, settled: &Settled) -> Result<(), Error> {
    if settled.statuses.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = settled.statuses.keys().copied().collect();
    let statuses: Vec<_> = settled.statuses.values().map(|(status, _)| status.word()).collect();
    let moments: Vec<_> = settled.statuses.values().map(|(_, at)| *at).collect();
    tx.execute(
        "update orders o set status = s.status, updated_at = s.updated_at
         from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as s (order_id, status, updated_at)
         where o.order_id = s.order_id",
        &[&ids, &statuses, &moments],
    )
    .await?;
    Ok(())
}
