//! Orders with their items and payments. Content never changes; statuses only rise.

use outpost_schema::{
    clock::Timestamp,
    id::{OrderId, PaymentId, UserId},
    order::{Order, OrderItem, OrderStatus, Payment, PaymentStatus, Receipt},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::Error;

pub(super) const COLUMNS: &str = "order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id, \
                       created_at, updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment";

/// An order whose items and payments are still to be read.
pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order {
        order_id: row.get(0)?,
        user_id: row.get(1)?,
        total_amount: row.get(2)?,
        status: row.get(3)?,
        shipping_address_id: row.get(4)?,
        billing_address_id: row.get(5)?,
        payment_id: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        receipt: Receipt { prefix: row.get(9)?, number: row.get(10)? },
        node_id: row.get(11)?,
        warehouse_id: row.get(12)?,
        fulfilment: row.get(13)?,
        items: Vec::new(),
        payments: Vec::new(),
    })
}

/// The order, whole.
pub(crate) fn find(conn: &Connection, order_id: OrderId) -> Result<Option<Order>, Error> {
    let mut statement = conn.prepare_cached(&format!("select {COLUMNS} from orders where order_id = ?1"))?;
    let order = statement.query_row([order_id], of_row).optional()?;
    order.map(|order| whole(conn, order)).transpose()
}

/// Orders, newest first, of one customer or of all, older than `before`.
pub(crate) fn list(
    conn: &Connection,
    user: Option<UserId>,
    before: Option<OrderId>,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    // Ids sort by time, so the key itself is the order; a missing bound is above every id.
    let mut statement = conn.prepare_cached(&format!(
        "select {COLUMNS} from orders where (?1 is null or user_id = ?1) and order_id < coalesce(?2, x'ffffffffffffffffffffffffffffffffff')
         order by order_id desc limit ?3"
    ))?;
    let heads: Vec<Order> = statement.query_map(params![user, before, limit], of_row)?.collect::<Result<_, _>>()?;
    heads.into_iter().map(|order| whole(conn, order)).collect()
}

/// The order with this receipt.
pub(crate) fn of_receipt(conn: &Connection, receipt: &Receipt) -> Result<Option<Order>, Error> {
    let mut statement = conn
        .prepare_cached(&format!("select {COLUMNS} from orders where receipt_prefix = ?1 and receipt_number = ?2"))?;
    let order = statement.query_row(params![receipt.prefix, receipt.number], of_row).optional()?;
    order.map(|order| whole(conn, order)).transpose()
}

fn whole(conn: &Connection, order: Order) -> Result<Order, Error> {
    let items = items(conn, order.order_id)?;
    let payments = payments(conn, &order)?;
    Ok(Order { items, payments, ..order })
}

fn items(conn: &Connection, order_id: OrderId) -> Result<Vec<OrderItem>, Error> {
    let mut statement = conn.prepare_cached(
        "select order_item_id, product_id, quantity, unit_price, price_per from order_items
         where order_id = ?1 order by line, order_item_id",
    )?;
    let rows = statement.query_map([order_id], |row| {
        Ok(OrderItem {
            order_item_id: row.get(0)?,
            product_id: row.get(1)?,
            quantity: row.get(2)?,
            unit_price: row.get(3)?,
            price_per: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn payments(conn: &Connection, order: &Order) -> Result<Vec<Payment>, Error> {
    let mut statement = conn.prepare_cached(
        "select payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at from payments
         where order_id = ?1 and return_id is null order by payment_id is not ?2, created_at, payment_id",
    )?;
    let rows = statement.query_map(params![order.order_id, order.payment_id], |row| {
        Ok(Payment {
            payment_id: row.get(0)?,
            amount: row.get(1)?,
            currency: row.get(2)?,
            tender: row.get(3)?,
            status: row.get(4)?,
            transaction_ref: row.get(5)?,
            created_at: row.get(6)?,
            updated_at: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes in an order as it is told, here or by the feed: what is new is added, and statuses rise. When a
/// status that is known already began is the feed's word: two tills may both have told it.
pub(crate) fn merge(conn: &Connection, order: &Order) -> Result<(), Error> {
    if insert(conn, order)? {
        for (item, line) in order.items.iter().zip(0..) {
            insert_item(conn, order.order_id, item, line)?;
        }
    } else {
        hear_status(conn, order.order_id, order.status, order.updated_at)?;
    }
    order.payments.iter().try_for_each(|payment| merge_payment(conn, order, payment))
}

/// Raises an order's status, if it is higher than the one known.
pub(crate) fn raise_status(
    conn: &Connection,
    order_id: OrderId,
    status: OrderStatus,
    at: Timestamp,
) -> Result<(), Error> {
    let mut statement = conn.prepare_cached("select status from orders where order_id = ?1")?;
    let known: Option<OrderStatus> = statement.query_row([order_id], |row| row.get(0)).optional()?;
    if known.is_some_and(|known| status > known) {
        conn.prepare_cached("update orders set status = ?2, updated_at = ?3 where order_id = ?1")?
            .execute(params![order_id, status, at])?;
    }
    Ok(())
}

/// The feed tells a status: it may raise the one known, and when that began is its word.
fn hear_status(conn: &Connection, order_id: OrderId, status: OrderStatus, at: Timestamp) -> Result<(), Error> {
    raise_status(conn, order_id, status, at)?;
    conn.prepare_cached("update orders set updated_at = ?3 where order_id = ?1 and status = ?2 and updated_at <> ?3")?
        .execute(params![order_id, status, at])?;
    Ok(())
}

/// The order is gone at the server, or left this node's scope.
pub(crate) fn forget(conn: &Connection, order_id: OrderId) -> Result<(), Error> {
    for sql in [
        "delete from order_items where order_id = ?1",
        "delete from payments where order_id = ?1
             and (return_id is null or not exists (select 1 from returns r where r.return_id = payments.return_id))",
        "delete from orders where order_id = ?1",
    ] {
        conn.prepare_cached(sql)?.execute([order_id])?;
    }
    Ok(())
}

/// Raises the statuses of an order and its payments to those that the database aside has, which are the feed's.
pub(super) fn raise_from_aside(conn: &Connection, order_id: OrderId) -> Result<(), Error> {
    let mut orders = conn.prepare_cached("select status, updated_at from aside.orders where order_id = ?1")?;
    let told = orders.query_row([order_id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((status, at)) = told {
        hear_status(conn, order_id, status, at)?;
    }
    let mut payments = conn.prepare_cached(
        "select a.payment_id, a.status, a.updated_at from aside.payments a
         join main.payments m on m.order_id = a.order_id and m.payment_id = a.payment_id where a.order_id = ?1",
    )?;
    let told = payments.query_map([order_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for told in told.collect::<Result<Vec<_>, _>>()? {
        let (payment_id, status, at) = told;
        raise_payment(conn, order_id, payment_id, status, at)?;
    }
    Ok(())
}

fn insert(conn: &Connection, order: &Order) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached(&format!(
        "insert into orders ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         on conflict (order_id) do nothing"
    ))?;
    let rows = statement.execute(params![
        order.order_id,
        order.user_id,
        order.total_amount,
        order.status,
        order.shipping_address_id,
        order.billing_address_id,
        order.payment_id,
        order.created_at,
        order.updated_at,
        order.receipt.prefix,
        order.receipt.number,
        order.node_id,
        order.warehouse_id,
        order.fulfilment
    ])?;
    Ok(rows > 0)
}

fn insert_item(conn: &Connection, order_id: OrderId, item: &OrderItem, line: i64) -> Result<(), Error> {
    conn.prepare_cached(
        "insert into order_items (order_id, order_item_id, product_id, quantity, unit_price, price_per, line)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        order_id,
        item.order_item_id,
        item.product_id,
        item.quantity,
        item.unit_price,
        item.price_per,
        line
    ])?;
    Ok(())
}

fn merge_payment(conn: &Connection, order: &Order, payment: &Payment) -> Result<(), Error> {
    let rows = conn
        .prepare_cached(
            "insert into payments (order_id, payment_id, user_id, amount, currency, tender, status, transaction_ref,
                 created_at, updated_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             on conflict (order_id, payment_id) do nothing",
        )?
        .execute(params![
            order.order_id,
            payment.payment_id,
            order.user_id,
            payment.amount,
            payment.currency,
            payment.tender,
            payment.status,
            payment.transaction_ref,
            payment.created_at,
            payment.updated_at
        ])?;
    if rows == 0 {
        raise_payment(conn, order.order_id, payment.payment_id, payment.status, payment.updated_at)?;
    }
    Ok(())
}

fn raise_payment(
    conn: &Connection,
    order_id: OrderId,
    payment_id: PaymentId,
    told: PaymentStatus,
    at: Timestamp,
) -> Result<(), Error> {
    let key = params![order_id, payment_id];
    let mut statement = conn.prepare_cached("select status from payments where order_id = ?1 and payment_id = ?2")?;
    let known: PaymentStatus = statement.query_row(key, |row| row.get(0))?;
    if told > known {
        conn.prepare_cached(
            "update payments set status = ?3, updated_at = ?4 where order_id = ?1 and payment_id = ?2",
        )?
        .execute(params![order_id, payment_id, told, at])?;
    }
    conn.prepare_cached(
        "update payments set updated_at = ?4
         where order_id = ?1 and payment_id = ?2 and status = ?3 and updated_at <> ?4",
    )?
    .execute(params![order_id, payment_id, told, at])?;
    Ok(())
}
