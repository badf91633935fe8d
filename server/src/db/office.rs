//! What head office looks at: devices, stock, orders, concerns and sums over them. Read only.

mod concerns;
mod orders;
mod returns;
mod stock;

use std::collections::HashMap;

use outpost_schema::{
    clock::Timestamp,
    device::{IncarnationState, NodeKind},
    id::NodeId,
    money::{Currency, Money},
};
use serde::Serialize;

pub use self::{
    concerns::{ConcernSeen, ConcernShown, ConcernsWanted, Touched, concerns, show_concern},
    orders::{ConfirmationSeen, OrderSeen, OrdersWanted, orders},
    returns::{ReturnSeen, returns},
    stock::{StockSeen, StockWanted, WarehouseSeen, stock, warehouses},
};
use super::{Tx, nodes::Report};
use crate::error::Error;

/// The receipt of a row `o` of orders or returns, as [`outpost_schema::order::Receipt`] writes it.
pub(in crate::db) const RECEIPT: &str =
    "o.receipt_prefix || '-' || lpad(o.receipt_number::text, greatest(6, length(o.receipt_number::text)), '0')";

/// A device, as head office sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeSeen {
    /// Its id.
    pub node_id: NodeId,
    /// What people call it.
    pub name: String,
    /// What sort it is.
    pub kind: NodeKind,
    /// Where it stands.
    pub warehouse: String,
    /// Whether only it sells from there.
    pub is_home: bool,
    /// Its last contact; none yet, if it has not joined.
    pub seen_at: Option<Timestamp>,
    /// How far the server has its journal.
    pub ops: i64,
    /// Those of them that wait, set aside.
    pub set_aside: i64,
    /// Units that it may still sell without asking: what could be lost with it.
    pub open_units: i64,
    /// Those of them that nobody can say of whether they are sold.
    pub in_doubt: i64,
    /// Whether it has reported since the database was last restored.
    pub report: Report,
    /// Whether one of its journals went on in two ways.
    pub is_frozen: bool,
    /// What its present journal is.
    pub state: IncarnationState,
    /// Orders that it took since the moment asked for.
    pub orders: i64,
    /// Money that it took since then, less what was given back.
    pub takings: Money,
}

/// Every device, by name, with its sums since a moment.
///
/// # Errors
/// What Postgres says.
pub async fn nodes(tx: &Tx, since: Timestamp, currency: Currency) -> Result<Vec<NodeSeen>, Error> {
    let sums = takings(tx, since, currency).await?;
    let seen = |node: super::nodes::NodeSeen| {
        let (orders, takings) = sums.get(&node.node_id).copied().unwrap_or_default();
        NodeSeen {
            node_id: node.node_id,
            name: node.name,
            kind: node.kind,
            warehouse: node.warehouse,
            is_home: node.is_home,
            seen_at: node.seen_at,
            ops: node.acked_seq,
            set_aside: node.set_aside,
            open_units: node.open_units,
            in_doubt: node.in_doubt,
            report: node.report,
            is_frozen: node.state == IncarnationState::Frozen,
            state: node.state,
            orders,
            takings,
        }
    };
    Ok(super::nodes::nodes(tx).await?.into_iter().map(seen).collect())
}

/// How many orders each device took since a moment, and the money, less what was given back.
async fn takings(tx: &Tx, since: Timestamp, currency: Currency) -> Result<HashMap<NodeId, (i64, Money)>, Error> {
    let sql = "with sold as (
            select o.node_id, count(*) as orders, sum((select sum(p.amount) from payments p
                where p.order_id = o.order_id and p.return_id is null and p.status in ('succeeded', 'refunded')
                    and p.currency = $2)) as taken
            from orders o where o.created_at >= $1 group by o.node_id
        ), back as (
            select r.node_id, sum(p.amount) as taken from returns r join payments p using (return_id)
            where r.created_at >= $1 and p.currency = $2 group by r.node_id
        )
        select node_id, coalesce(orders, 0), coalesce(sold.taken, 0) + coalesce(back.taken, 0)
        from sold full join back using (node_id)";
    let rows = tx.query(sql, &[&since, &currency]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}

/// The whole network in a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Orders ever taken.
    pub orders: i64,
    /// Units sold or to be handed over, of orders that were not called off.
    pub units: i64,
    /// Money taken, less what was given back.
    pub takings: Money,
    /// Ops ever received.
    pub ops: i64,
    /// Ops that wait, set aside.
    pub set_aside: i64,
    /// Open concerns.
    pub concerns: i64,
    /// Units on hand.
    pub quantity: i64,
    /// Units promised.
    pub promised: i64,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Units promised that are no longer there.
    pub unbacked: i64,
    /// Products in the catalogue.
    pub products: i64,
}

/// The whole network in a few numbers.
///
/// # Errors
/// What Postgres says.
pub async fn totals(tx: &Tx, currency: Currency) -> Result<Totals, Error> {
    let sql = "select (select count(*) from orders) as orders,
            (select coalesce(sum(i.quantity), 0)::bigint from order_items i join orders o using (order_id)
                where o.status <> 'cancelled') as units,
            (select coalesce(sum(p.amount), 0) from payments p
                where p.status in ('succeeded', 'refunded') and p.currency = $1) as takings,
            (select coalesce(sum(i.acked_seq), 0)::bigint from incarnations i) as ops,
            (select count(*) from ops s where s.verdict = 'set_aside') as set_aside,
            (select count(*) from concerns c where c.closed_at is null) as concerns,
            (select count(*) from products) as products,
            coalesce(sum(s.quantity), 0)::bigint as quantity, coalesce(sum(s.promised), 0)::bigint as promised,
            coalesce(sum(greatest(-s.balance, 0)), 0)::bigint as owed,
            coalesce(sum(s.promised - s.reserved_quantity), 0)::bigint as unbacked
        from stock s";
    let row = tx.query_one(sql, &[&currency]).await?;
    Ok(Totals {
        orders: row.try_get("orders")?,
        units: row.try_get("units")?,
        takings: row.try_get("takings")?,
        ops: row.try_get("ops")?,
        set_aside: row.try_get("set_aside")?,
        concerns: row.try_get("concerns")?,
        quantity: row.try_get("quantity")?,
        promised: row.try_get("promised")?,
        owed: row.try_get("owed")?,
        unbacked: row.try_get("unbacked")?,
        products: row.try_get("products")?,
    })
}
