//! What came back of orders so far, for those of which a return tells.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    id::{OrderId, OrderItemId, PaymentId, UserId},
    money::{Currency, Money},
    order::Receipt,
    returned::Bought,
    settle::{Known, Touched},
};
use uuid::Uuid;

use crate::{
    db::{Tx, images::orders},
    error::Error,
};

/// The orders with these receipts, by what stands for their ids. If a receipt was printed twice, the first has it.
pub(super) async fn receipts(tx: &Tx, receipts: &BTreeSet<Receipt>) -> Result<BTreeMap<OrderId, OrderId>, Error> {
    if receipts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let prefixes: Vec<_> = receipts.iter().map(|receipt| &receipt.prefix).collect();
    let numbers: Vec<_> = receipts.iter().map(|receipt| receipt.number).collect();
    let rows = tx
        .query(
            "select o.order_id, o.receipt_prefix, o.receipt_number
             from unnest($1::text[], $2::bigint[]) as k (prefix, number)
             join orders o on o.receipt_prefix = k.prefix and o.receipt_number = k.number
             order by o.order_id",
            &[&prefixes, &numbers],
        )
        .await?;
    let mut found = BTreeMap::new();
    for row in rows {
        let receipt = Receipt { prefix: row.try_get(1)?, number: row.try_get(2)? };
        found.entry(receipt.stand_in()).or_insert(row.try_get(0)?);
    }
    Ok(found)
}

/// Loads what returns of these ops depend on. Their orders are locked, so nobody takes of them back meanwhile.
pub(super) async fn load(tx: &Tx, touched: &Touched, known: &mut Known) -> Result<(), Error> {
    if touched.returns.is_empty() {
        return Ok(());
    }
    let returns: Vec<_> = touched.returns.iter().copied().collect();
    known.returns = super::ids(tx, "select return_id from returns where return_id = any($1)", &returns).await?;
    let named = touched.bought.iter().chain(known.receipts.values());
    let ids: BTreeSet<OrderId> = named.filter(|id| known.orders.contains_key(id)).copied().collect();
    known.bought = bought(tx, &ids, known).await?;
    Ok(())
}

async fn bought(tx: &Tx, ids: &BTreeSet<OrderId>, known: &Known) -> Result<BTreeMap<OrderId, Bought>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let (mut items, mut payments) = (orders::items(tx, &uuids).await?, orders::payments(tx, &uuids).await?);
    let users = buyers(tx, &uuids).await?;
    let mut bought: BTreeMap<OrderId, Bought> = BTreeMap::new();
    for (order_id, order) in known.orders.iter().filter(|(id, _)| ids.contains(id)) {
        let items = items.remove(order_id).unwrap_or_default();
        let payments = payments.remove(order_id).unwrap_or_default();
        let whose = (users.get(order_id).copied().unwrap_or(UserId::GUEST), order.warehouse_id);
        bought.insert(*order_id, Bought::of_parts(whose, &items, &payments, known.currency));
    }
    let orders: Vec<_> = ids.iter().copied().collect();
    for (order_id, item, units) in returned(tx, &orders).await? {
        bought.entry(order_id).and_modify(|bought| bought.note_returned(item, units));
    }
    for (order_id, refund, of, amount) in refunded(tx, &orders, known.currency).await? {
        bought.entry(order_id).and_modify(|bought| bought.note_refunded(refund, of, amount));
    }
    Ok(bought)
}

async fn buyers(tx: &Tx, orders: &[Uuid]) -> Result<BTreeMap<OrderId, UserId>, Error> {
    let rows = tx.query("select order_id, user_id from orders where order_id = any($1)", &[&orders]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn returned(tx: &Tx, orders: &[OrderId]) -> Result<Vec<(OrderId, OrderItemId, i64)>, Error> {
    let rows = tx
        .query(
            "select r.order_id, l.order_item_id, sum(l.quantity)::bigint
             from returns r join return_lines l using (return_id)
             where r.order_id = any($1) and l.order_item_id is not null
             group by r.order_id, l.order_item_id",
            &[&orders],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

type Refunded = (OrderId, PaymentId, Option<PaymentId>, Money);

/// Every refund, and how much of which payment it gives back: nothing of it if it is in another currency.
async fn refunded(tx: &Tx, orders: &[OrderId], currency: Currency) -> Result<Vec<Refunded>, Error> {
    let rows = tx
        .query(
            "select order_id, payment_id, refunds_id, case when currency = $2 then -amount else 0 end
             from payments where order_id = any($1) and return_id is not null",
            &[&orders, &currency],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))).collect()
}
