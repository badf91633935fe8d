//! Orders, as head office looks at them.

use outpost_schema::{
    clock::Timestamp,
    id::OrderId,
    money::Money,
    order::{Fulfilment, OrderStatus},
};
use serde::Serialize;
use tokio_postgres::Row;

use super::RECEIPT;
use crate::{db::Tx, error::Error};

/// An order, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderSeen {
    /// Its id.
    pub order_id: OrderId,
    /// The number on the receipt.
    pub receipt: String,
    /// The device that took it.
    pub node: String,
    /// Whose stock it sells.
    pub warehouse: String,
    /// How the goods reach the customer.
    pub fulfilment: Fulfilment,
    /// Where it stands.
    pub status: OrderStatus,
    /// The sum of its lines.
    pub total_amount: Money,
    /// How many lines it has.
    pub lines: i64,
    /// Units of it that came back.
    pub returned: i64,
    /// Money that was given back for it.
    pub refunded: Money,
    /// When it was written down.
    pub created_at: Timestamp,
    /// Whether it awaits, or once awaited, head office's word that its goods are there; none where none was needed.
    pub confirmation: Option<ConfirmationSeen>,
}

/// What became of an order that no allotment covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmationSeen {
    /// Its goods are not there yet.
    Awaited,
    /// They are.
    Confirmed {
        /// Since when.
        at: Timestamp,
    },
}

/// Which orders are wanted, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrdersWanted {
    /// Only those before this one.
    pub before: Option<OrderId>,
    /// Only with this status.
    pub status: Option<OrderStatus>,
    /// Only those whose goods are not there yet, and that are still to be handed over.
    pub awaiting: bool,
    /// At most so many.
    pub limit: i64,
}

/// Orders, the newest first.
///
/// # Errors
/// What Postgres says.
pub async fn orders(tx: &Tx, wanted: OrdersWanted) -> Result<Vec<OrderSeen>, Error> {
    let OrdersWanted { before, status, awaiting, limit } = wanted;
    let sql = format!("select o.order_id, {RECEIPT} as receipt,
            n.name as node, w.name as warehouse, o.fulfilment, o.status, o.total_amount,
            (select count(*) from order_items i where i.order_id = o.order_id) as lines,
            (select coalesce(sum(l.quantity), 0)::bigint from returns r join return_lines l using (return_id)
                where r.order_id = o.order_id) as returned,
            (select coalesce(-sum(p.amount), 0) from payments p
                where p.order_id = o.order_id and p.return_id is not null) as refunded,
            o.created_at, c.order_id is not null as was_awaited, c.confirmed_at
        from orders o
        join nodes n using (node_id)
        join warehouses w on w.warehouse_id = o.warehouse_id
        left join order_confirmations c on c.order_id = o.order_id
        where ($1::uuid is null or (o.created_at, o.order_id) < (select b.created_at, b.order_id from orders b where b.order_id = $1))
            and ($2::text is null or o.status = $2)
            and (not $4 or c.order_id is not null and c.confirmed_at is null and o.status in ('pending', 'processed'))
        order by o.created_at desc, o.order_id desc limit $3");
    tx.query(&sql, &[&before, &status, &limit, &awaiting]).await?.iter().map(order).collect()
}

fn order(row: &Row) -> Result<OrderSeen, Error> {
    Ok(OrderSeen {
        order_id: row.try_get("order_id")?,
        receipt: row.try_get("receipt")?,
        node: row.try_get("node")?,
        warehouse: row.try_get("warehouse")?,
        fulfilment: row.try_get("fulfilment")?,
        status: row.try_get("status")?,
        total_amount: row.try_get("total_amount")?,
        lines: row.try_get("lines")?,
        returned: row.try_get("returned")?,
        refunded: row.try_get("refunded")?,
        created_at: row.try_get("created_at")?,
        confirmation: confirmation(row)?,
    })
}

fn confirmation(row: &Row) -> Result<Option<ConfirmationSeen>, Error> {
    let confirmed: Option<Timestamp> = row.try_get("confirmed_at")?;
    let seen = confirmed.map_or(ConfirmationSeen::Awaited, |at| ConfirmationSeen::Confirmed { at });
    Ok(row.try_get::<_, bool>("was_awaited")?.then_some(seen))
}
