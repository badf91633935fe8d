//! What head office looks at: devices, stock, orders, concerns and sums over them. Read only.

mod concerns;
mod returns;

use std::collections::HashMap;

use outpost_schema::{
    clock::Timestamp,
    device::{IncarnationState, NodeKind},
    id::{NodeId, OrderId, ProductId, WarehouseId},
    money::{Currency, Money},
    order::{Fulfilment, OrderStatus},
};
use serde::Serialize;
use tokio_postgres::Row;

pub use self::concerns::{ConcernSeen, ConcernShown, ConcernsWanted, Touched, concerns, show_concern};
pub use self::returns::{ReturnSeen, returns};
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

/// A stock row, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StockSeen {
    /// Of what.
    pub product_id: ProductId,
    /// Its sku.
    pub sku: Option<String>,
    /// Its name.
    pub name: String,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What people call that place.
    pub warehouse: String,
    /// Units on hand.
    pub quantity: i64,
    /// Units on hand that are promised.
    pub reserved_quantity: i64,
    /// Units that may still be promised.
    pub available: i64,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Units promised that are no longer there.
    pub unbacked: i64,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

/// Which stock rows are wanted, in the order of product and warehouse.
#[derive(Clone, Copy, Debug, Default)]
pub struct StockWanted {
    /// Only there.
    pub warehouse_id: Option<WarehouseId>,
    /// Only of that.
    pub product_id: Option<ProductId>,
    /// Only after that row.
    pub after: Option<(ProductId, WarehouseId)>,
    /// At most so many.
    pub limit: i64,
}

/// Stock rows.
///
/// # Errors
/// What Postgres says.
pub async fn stock(tx: &Tx, wanted: StockWanted) -> Result<Vec<StockSeen>, Error> {
    let (after_product, after_warehouse) = wanted.after.unzip();
    let sql =
        "select s.product_id, p.sku, p.name, s.warehouse_id, w.name as warehouse, s.quantity, s.reserved_quantity,
            s.quantity - s.reserved_quantity as available, greatest(-s.balance, 0) as owed,
            s.promised - s.reserved_quantity as unbacked, s.updated_at
        from stock s
        join products p using (product_id)
        join warehouses w using (warehouse_id)
        where ($1::uuid is null or s.warehouse_id = $1)
            and ($2::uuid is null or s.product_id = $2)
            and ($3::uuid is null or (s.product_id, s.warehouse_id) > ($3, $4::uuid))
        order by s.product_id, s.warehouse_id limit $5";
    let rows = tx
        .query(sql, &[&wanted.warehouse_id, &wanted.product_id, &after_product, &after_warehouse, &wanted.limit])
        .await?;
    rows.iter().map(stock_row).collect()
}

fn stock_row(row: &Row) -> Result<StockSeen, Error> {
    Ok(StockSeen {
        product_id: row.try_get("product_id")?,
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        warehouse_id: row.try_get("warehouse_id")?,
        warehouse: row.try_get("warehouse")?,
        quantity: row.try_get("quantity")?,
        reserved_quantity: row.try_get("reserved_quantity")?,
        available: row.try_get("available")?,
        owed: row.try_get("owed")?,
        unbacked: row.try_get("unbacked")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// A warehouse and the sums of its stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WarehouseSeen {
    /// Its id.
    pub warehouse_id: WarehouseId,
    /// What people call it.
    pub name: String,
    /// The one device that sells from it, if only one does.
    pub home_of: Option<String>,
    /// Products whose book has begun there.
    pub products: i64,
    /// Those of them that are sold out.
    pub sold_out: i64,
    /// Units on hand.
    pub quantity: i64,
    /// Units on hand that are promised.
    pub reserved_quantity: i64,
    /// Units that left although the book had none.
    pub owed: i64,
    /// Units promised that are no longer there.
    pub unbacked: i64,
}

/// Every warehouse, by name.
///
/// # Errors
/// What Postgres says.
pub async fn warehouses(tx: &Tx) -> Result<Vec<WarehouseSeen>, Error> {
    let sql = "select w.warehouse_id, w.name, n.name as home_of, count(s.product_id) as products,
            count(*) filter (where s.quantity = 0) as sold_out,
            coalesce(sum(s.quantity), 0)::bigint as quantity,
            coalesce(sum(s.reserved_quantity), 0)::bigint as reserved_quantity,
            coalesce(sum(greatest(-s.balance, 0)), 0)::bigint as owed,
            coalesce(sum(s.promised - s.reserved_quantity), 0)::bigint as unbacked
        from warehouses w
        left join nodes n on n.node_id = w.home_of
        left join stock s on s.warehouse_id = w.warehouse_id
        group by w.warehouse_id, w.name, n.name order by w.name";
    tx.query(sql, &[]).await?.iter().map(warehouse).collect()
}

fn warehouse(row: &Row) -> Result<WarehouseSeen, Error> {
    Ok(WarehouseSeen {
        warehouse_id: row.try_get("warehouse_id")?,
        name: row.try_get("name")?,
        home_of: row.try_get("home_of")?,
        products: row.try_get("products")?,
        sold_out: row.try_get("sold_out")?,
        quantity: row.try_get("quantity")?,
        reserved_quantity: row.try_get("reserved_quantity")?,
        owed: row.try_get("owed")?,
        unbacked: row.try_get("unbacked")?,
    })
}

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
