//! Aggregates of several tables, put together.

use std::collections::BTreeMap;

use outpost_schema::{
    delivery::Delivery,
    digest::Ids,
    feed::Aggregate,
    id::{OrderId, PaymentId, UserId},
    order::{OrderItem, Payment},
    transfer::Transfer,
};
use rusqlite::Row;

use super::{
    Fed,
    read::{Read, gathered, put_together},
};
use crate::{
    db::{catalogue, deliveries, orders, returns, transfers},
    error::Error,
};

pub(super) fn products(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(catalogue::PRODUCT, "products", catalogue::of_row)?;
    let upto = read.ended(&heads);
    let barcodes = read.parts(
        "select product_id, barcode from barcodes where product_id > ?1 and product_id <= ?2 order by product_id",
        upto.as_ref(),
        |row| row.get(1),
    )?;
    let mut barcodes = gathered(barcodes);
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let barcodes = barcodes.remove(&ids).unwrap_or(Some(Vec::new()));
        let whole = head.zip(barcodes).map(|(mut product, barcodes)| {
            product.barcodes = barcodes;
            Aggregate::Product(Box::new(product))
        });
        rows.insert(ids, whole);
    }
    rows.extend(barcodes.into_keys().map(|ids| (ids, None)));
    Ok(Fed { rows, upto })
}

pub(super) fn orders(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(orders::COLUMNS, "orders", orders::of_row)?;
    let upto = read.ended(&heads);
    let items = read.parts(
        "select order_id, order_item_id, product_id, quantity, unit_price, price_per, line from order_items
         where order_id > ?1 and order_id <= ?2 order by order_id, line, order_item_id",
        upto.as_ref(),
        item,
    )?;
    let payments = read.parts(
        "select order_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at, user_id,
             refunds_id
         from payments where order_id > ?1 and order_id <= ?2 and return_id is null order by order_id",
        upto.as_ref(),
        payment,
    )?;
    let (mut items, mut payments) = (gathered(items), gathered(payments));
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let items = items.remove(&ids).unwrap_or(Some(Vec::new()));
        let payments = payments.remove(&ids).unwrap_or(Some(Vec::new()));
        let whole = head.zip(items).zip(payments).and_then(|((order, items), payments)| {
            // Two columns repeat what stands elsewhere: an item's place, and whose payment it is.
            let in_place = items.iter().zip(0..).all(|((line, _), place)| *line == place);
            let is_buyers = payments.iter().all(|(whose, _)| *whose == (order.user_id, None));
            let items = items.into_iter().map(|(_, item)| item).collect();
            let payments = payments.into_iter().map(|(_, payment)| payment).collect();
            let order = outpost_schema::order::Order { items, payments, ..order };
            (in_place && is_buyers).then(|| Aggregate::Order(Box::new(order)))
        });
        rows.insert(ids, whole);
    }
    rows.extend(items.into_keys().chain(payments.into_keys()).map(|ids| (ids, None)));
    Ok(Fed { rows, upto })
}

pub(super) fn transfers(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(transfers::COLUMNS, "transfers", transfers::of_row)?;
    let upto = read.ended(&heads);
    let rows = read.parts(
        &format!(
            "select {} where transfer_id > ?1 and transfer_id <= ?2 order by transfer_id, product_id, warehouse_id",
            transfers::ROW
        ),
        upto.as_ref(),
        transfers::row_of_row,
    )?;
    let whole = |transfer, rows| Aggregate::Transfer(Box::new(Transfer { rows, ..transfer }));
    Ok(Fed { rows: put_together(heads, gathered(rows), whole), upto })
}

pub(super) fn deliveries(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(deliveries::COLUMNS, "deliveries", deliveries::of_row)?;
    let upto = read.ended(&heads);
    let lines = read.parts(
        "select delivery_id, product_id, expected, received from delivery_lines
         where delivery_id > ?1 and delivery_id <= ?2 order by delivery_id, product_id",
        upto.as_ref(),
        deliveries::line_of_row,
    )?;
    let whole = |delivery, lines| Aggregate::Delivery(Box::new(Delivery { lines, ..delivery }));
    Ok(Fed { rows: put_together(heads, gathered(lines), whole), upto })
}

pub(super) fn returns(read: &Read<'_>) -> Result<Fed, Error> {
    let heads = read.heads(returns::COLUMNS, "returns", returns::of_row)?;
    let upto = read.ended(&heads);
    let sql = format!(
        "select return_id, {} from return_lines where return_id > ?1 and return_id <= ?2 order by return_id, line",
        returns::LINE
    );
    let lines = read.parts(&sql, upto.as_ref(), |row| Ok((row.get::<_, i64>(5)?, returns::line_of_row(row, 1)?)))?;
    let sql = format!(
        "select return_id, {}, order_id, user_id from payments
         where return_id > ?1 and return_id <= ?2 order by return_id, payment_id",
        returns::REFUND
    );
    let refunds = read.parts(&sql, upto.as_ref(), |row| {
        Ok(((row.get::<_, OrderId>(10)?, row.get::<_, UserId>(11)?), returns::refund_of_row(row, 1)?))
    })?;
    let (mut lines, mut refunds) = (gathered(lines), gathered(refunds));
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let lines = lines.remove(&ids).unwrap_or(Some(Vec::new()));
        let refunds = refunds.remove(&ids).unwrap_or(Some(Vec::new()));
        let whole = head.zip(lines).zip(refunds).and_then(|((mut back, lines), refunds)| {
            // Columns that repeat what stands elsewhere: a line's place, and whose order a refund is of.
            let in_place = lines.iter().zip(0..).all(|((line, _), place)| *line == place);
            let is_its = refunds.iter().all(|(whose, _)| *whose == (back.order_id, back.user_id));
            back.lines = lines.into_iter().map(|(_, line)| line).collect();
            back.refunds = refunds.into_iter().map(|(_, refund)| refund).collect();
            (in_place && is_its).then(|| Aggregate::Return(Box::new(back)))
        });
        rows.insert(ids, whole);
    }
    rows.extend(lines.into_keys().chain(refunds.into_keys()).map(|ids| (ids, None)));
    Ok(Fed { rows, upto })
}

fn item(row: &Row<'_>) -> rusqlite::Result<(i64, OrderItem)> {
    let item = OrderItem {
        order_item_id: row.get(1)?,
        product_id: row.get(2)?,
        quantity: row.get(3)?,
        unit_price: row.get(4)?,
        price_per: row.get(5)?,
    };
    Ok((row.get(6)?, item))
}

/// A payment with whose it is, and which one it gives back: none, or it is no payment of the sale.
fn payment(row: &Row<'_>) -> rusqlite::Result<((UserId, Option<PaymentId>), Payment)> {
    let payment = Payment {
        payment_id: row.get(1)?,
        amount: row.get(2)?,
        currency: row.get(3)?,
        tender: row.get(4)?,
        status: row.get(5)?,
        transaction_ref: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    };
    Ok(((row.get(9)?, row.get(10)?), payment))
}
