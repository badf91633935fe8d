//! Goods that came back, with what was given for them.

use std::collections::HashMap;

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::ReturnId,
    order::{Payment, Receipt},
    returned::{Refund, Return, ReturnLine},
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Found, Warehouses, key_of};
use crate::{db::Tx, error::Error};

pub(super) async fn returns(tx: &Tx, warehouses: Warehouses<'_>, ids: &[Uuid]) -> Result<Found, Error> {
    let rows = tx
        .query(
            "select return_id, order_id, user_id, order_receipt_prefix, order_receipt_number, receipt_prefix, receipt_number,
                node_id, warehouse_id, taken_by, reason, created_at
            from returns where return_id = any($1) and (warehouse_id = any($2) or sold_at = any($2))",
            &[&ids, &warehouses],
        )
        .await?;
    let found: Vec<Uuid> = rows.iter().map(|row| row.try_get("return_id")).collect::<Result<_, _>>()?;
    let (mut lines, mut refunds) = (lines(tx, &found).await?, refunds(tx, &found).await?);
    rows.iter()
        .map(|row| {
            let mut back = back(row)?;
            back.lines = lines.remove(&back.return_id).unwrap_or_default();
            back.refunds = refunds.remove(&back.return_id).unwrap_or_default();
            Ok((key_of(Kind::Return, [back.return_id.0]), Aggregate::Return(Box::new(back))))
        })
        .collect()
}

fn back(row: &Row) -> Result<Return, Error> {
    Ok(Return {
        return_id: row.try_get("return_id")?,
        order_id: row.try_get("order_id")?,
        user_id: row.try_get("user_id")?,
        order_receipt: Receipt {
            prefix: row.try_get("order_receipt_prefix")?,
            number: row.try_get("order_receipt_number")?,
        },
        receipt: Receipt { prefix: row.try_get("receipt_prefix")?, number: row.try_get("receipt_number")? },
        node_id: row.try_get("node_id")?,
        warehouse_id: row.try_get("warehouse_id")?,
        taken_by: row.try_get("taken_by")?,
        reason: row.try_get("reason")?,
        created_at: row.try_get("created_at")?,
        lines: Vec::new(),
        refunds: Vec::new(),
    })
}

async fn lines(tx: &Tx, returns: &[Uuid]) -> Result<HashMap<ReturnId, Vec<ReturnLine>>, Error> {
    let rows = tx
        .query(
            "select return_id, order_item_id, product_id, quantity, condition
            from return_lines where return_id = any($1) order by return_id, line",
            &[&returns],
        )
        .await?;
    let mut lines: HashMap<ReturnId, Vec<ReturnLine>> = HashMap::with_capacity(returns.len());
    for row in rows {
        lines.entry(row.try_get("return_id")?).or_default().push(ReturnLine {
            order_item_id: row.try_get("order_item_id")?,
            product_id: row.try_get("product_id")?,
            quantity: row.try_get("quantity")?,
            condition: row.try_get("condition")?,
        });
    }
    Ok(lines)
}

async fn refunds(tx: &Tx, returns: &[Uuid]) -> Result<HashMap<ReturnId, Vec<Refund>>, Error> {
    let rows = tx
        .query(
            "select return_id, refunds_id, payment_id, amount, currency, tender, status, transaction_ref, created_at,
                updated_at
            from payments where return_id = any($1) order by return_id, payment_id",
            &[&returns],
        )
        .await?;
    let mut refunds: HashMap<ReturnId, Vec<Refund>> = HashMap::with_capacity(returns.len());
    for row in rows {
        let payment = Payment {
            payment_id: row.try_get("payment_id")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            tender: row.try_get("tender")?,
            status: row.try_get("status")?,
            transaction_ref: row.try_get("transaction_ref")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        };
        let refund = Refund { refunds: row.try_get("refunds_id")?, payment };
        refunds.entry(row.try_get("return_id")?).or_default().push(refund);
    }
    Ok(refunds)
}
