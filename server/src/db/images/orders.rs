//! Orders with their items and payments, and carts.

use std::collections::HashMap;

use outpost_schema::{
    cart::Cart,
    fault::Fault,
    feed::{Aggregate, Confirmation, Kind},
    id::OrderId,
    order::{Order, OrderItem, Payment, Receipt},
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Found, Warehouses, key_of};
use crate::{db::Tx, error::Error};

pub(super) async fn orders(tx: &Tx, warehouses: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select order_id, user_id, total_amount, status, shipping_address_id, billing_address_id, payment_id,
                created_at, updated_at, receipt_prefix, receipt_number, node_id, warehouse_id, fulfilment
            from orders where order_id = any($1) and warehouse_id = any($2)",
            &[&ids, &warehouses],
        )
        .await?;
    let found: Vec<Uuid> = rows.iter().map(|row| row.try_get("order_id")).collect::<Result<_, _>>()?;
    let (mut items, mut payments) = (items(tx, &found).await?, payments(tx, &found).await?);
    rows.iter()
        .map(|row| {
            let mut order = order(row)?;
            order.items = items.remove(&order.order_id).unwrap_or_default();
            order.payments = payments.remove(&order.order_id).unwrap_or_default();
            Ok((key_of(Kind::Order, [order.order_id.0]), Aggregate::Order(Box::new(order))))
        })
        .collect()
}

fn order(row: &Row) -> Result<Order, Error> {
    Ok(Order {
        order_id: row.try_get("order_id")?,
        user_id: row.try_get("user_id")?,
        total_amount: row.try_get("total_amount")?,
        status: row.try_get("status")?,
        shipping_address_id: row.try_get("shipping_address_id")?,
        billing_address_id: row.try_get("billing_address_id")?,
        payment_id: row.try_get("payment_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        receipt: Receipt { prefix: row.try_get("receipt_prefix")?, number: row.try_get("receipt_number")? },
        node_id: row.try_get("node_id")?,
        warehouse_id: row.try_get("warehouse_id")?,
        fulfilment: row.try_get("fulfilment")?,
        items: Vec::new(),
        payments: Vec::new(),
    })
}

/// Items of these orders, as they stand on the receipt.
pub(in crate::db) async fn items(tx: &Tx, orders: &[Uuid]) -> Result<HashMap<OrderId, Vec<OrderItem>>, Error> {
    let rows = tx
        .query(
            "select order_id, order_item_id, product_id, quantity, unit_price, price_per
            from order_items where order_id = any($1) order by order_id, line",
            &[&orders],
        )
        .await?;
    let mut items: HashMap<OrderId, Vec<OrderItem>> = HashMap::with_capacity(orders.len());
    for row in rows {
        items.entry(row.try_get("order_id")?).or_default().push(OrderItem {
            order_item_id: row.try_get("order_item_id")?,
            product_id: row.try_get("product_id")?,
            quantity: row.try_get("quantity")?,
            unit_price: row.try_get("unit_price")?,
            price_per: row.try_get("price_per")?,
        });
    }
    Ok(items)
}

/// Payments of these orders, as they were sold.
pub(in crate::db) async fn payments(tx: &Tx, orders: &[Uuid]) -> Result<HashMap<OrderId, Vec<Payment>>, Error> {
    let rows = tx
        .query(
            "select order_id, payment_id, amount, currency, tender, status, transaction_ref, created_at, updated_at
            from payments where order_id = any($1) and return_id is null order by order_id, created_at, payment_id",
            &[&orders],
        )
        .await?;
    let mut payments: HashMap<OrderId, Vec<Payment>> = HashMap::with_capacity(orders.len());
    for row in rows {
        payments.entry(row.try_get("order_id")?).or_default().push(Payment {
            payment_id: row.try_get("payment_id")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            tender: row.try_get("tender")?,
            status: row.try_get("status")?,
            transaction_ref: row.try_get("transaction_ref")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        });
    }
    Ok(payments)
}

pub(super) async fn carts(tx: &Tx, homes: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query("select cart_id, state from cart_states where cart_id = any($1) and home = any($2)", &[&ids, &homes])
        .await?;
    rows.iter()
        .map(|row| {
            let state: Vec<u8> = row.try_get("state")?;
            let cart: Cart = rmp_serde::from_slice(&state).map_err(|_| Fault::Unreadable { what: "a cart" })?;
            Ok((key_of(Kind::Cart, [row.try_get("cart_id")?]), Aggregate::Cart(Box::new(cart))))
        })
        .collect()
}

pub(super) async fn confirmations(tx: &Tx, warehouses: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select order_id, warehouse_id, asked_at, confirmed_at from order_confirmations
            where order_id = any($1) and warehouse_id = any($2)",
            &[&ids, &warehouses],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let confirmation = Confirmation {
                order_id: row.try_get("order_id")?,
                warehouse_id: row.try_get("warehouse_id")?,
                asked_at: row.try_get("asked_at")?,
                confirmed_at: row.try_get("confirmed_at")?,
            };
            Ok((key_of(Kind::Confirmation, [confirmation.order_id.0]), Aggregate::Confirmation(confirmation)))
        })
        .collect()
}
