//! One stock row looked at closely: who was promised what, and what moved it; and all the rows that run low.

use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, WarehouseId},
    stock::{Reason, StockKey},
};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Tx, office::RECEIPT};
use crate::error::Error;

/// Of what sort a promise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromiseSort {
    /// A device may sell it without asking.
    Allotment,
    /// Held for a cart or an order until it expires or is released.
    Hold,
    /// Ordered, and to be handed over.
    Order,
}

impl PromiseSort {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allotment => "allotment",
            Self::Hold => "hold",
            Self::Order => "order",
        }
    }
}

/// One open promise of a stock row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// Of what sort.
    pub sort: PromiseSort,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What people call that place.
    pub warehouse: String,
    /// To whom: the life of a device, the hold or the order.
    pub id: Uuid,
    /// The device's name, or the order's receipt.
    pub name: Option<String>,
    /// How much.
    pub units: i64,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Until when, if it ends by itself.
    pub until: Option<Timestamp>,
}

/// Every open promise of a product, in one warehouse or in all: allotments, then holds, then orders, the largest
/// first; and no more than `limit`.
///
/// # Errors
/// What Postgres says.
pub async fn promises(
    tx: &Tx,
    product_id: ProductId,
    warehouse_id: Option<WarehouseId>,
    limit: i64,
) -> Result<Vec<Promise>, Error> {
    let sql = format!(
        "select p.sort, p.warehouse_id, w.name as warehouse, p.id, p.name, p.units, p.since, p.until from (
            select 0 as sort, a.warehouse_id, a.incarnation_id as id, n.name,
                granted + received - consumed - returned - reclaimed as units, null::timestamptz as since,
                null::timestamptz as until
            from allotments a join incarnations i using (incarnation_id) join nodes n using (node_id)
            where a.product_id = $1 and granted + received - consumed - returned - reclaimed > 0
            union all
            select 1, warehouse_id, hold_id, null, amount, created_at, expires_at
            from holds where product_id = $1 and closed_at is null
            union all
            select 2, o.warehouse_id, o.order_id, {RECEIPT},
                sum(i.quantity)::bigint, o.created_at, null
            from orders o join order_items i using (order_id)
            where i.product_id = $1 and o.fulfilment = 'ship' and o.status in ('pending', 'processed')
            group by o.order_id
        ) p join warehouses w using (warehouse_id)
        where $2::uuid is null or p.warehouse_id = $2
        order by w.name, p.sort, p.units desc, p.id limit $3"
    );
    tx.query(&sql, &[&product_id, &warehouse_id, &limit]).await?.iter().map(promise).collect()
}

fn promise(row: &Row) -> Result<Promise, Error> {
    let sort = match row.try_get::<_, i32>("sort")? {
        0 => PromiseSort::Allotment,
        1 => PromiseSort::Hold,
        _ => PromiseSort::Order,
    };
    Ok(Promise {
        sort,
        warehouse_id: row.try_get("warehouse_id")?,
        warehouse: row.try_get("warehouse")?,
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        units: row.try_get("units")?,
        since: row.try_get("since")?,
        until: row.try_get("until")?,
    })
}

/// One movement of a stock row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovementSeen {
    /// Its place among the others; the next page begins behind the last one's.
    pub place: MovementPlace,
    /// Where.
    pub warehouse: String,
    /// By how much; negative is out.
    pub delta: i64,
    /// Why.
    pub reason: Reason,
    /// When, by the clock of whoever did it.
    pub moved_at: Timestamp,
    /// The device; none if head office did it.
    pub node: Option<String>,
    /// The sort of op.
    pub op: Option<String>,
    /// The receipt, if goods were sold.
    pub receipt: Option<String>,
    /// Who did it, as people there know them.
    pub person: Option<String>,
    /// The maker's lot or batch.
    pub lot: Option<String>,
    /// Until when it is good, as the label says.
    pub expires: Option<String>,
    /// What was noted beside it.
    pub note: Option<String>,
}

/// The place of a movement: the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovementPlace {
    /// When.
    pub at: Timestamp,
    /// The life of a journal, or head office's act.
    pub by: Uuid,
    /// The op there; 0 of head office.
    pub seq: i64,
    /// The op's line.
    pub line: i32,
}

/// What moved a product, in one warehouse or in all: the newest first, older than a place. A sale's order is looked for
/// around its time, which is what orders have an index of.
///
/// # Errors
/// What Postgres says.
pub async fn movements(
    tx: &Tx,
    product_id: ProductId,
    warehouse_id: Option<WarehouseId>,
    older_than: Option<MovementPlace>,
    limit: i64,
) -> Result<Vec<MovementSeen>, Error> {
    let sql = format!(
        "select m.*, w.name as warehouse, n.name as node, p.kind as op, {RECEIPT} as receipt
        from (
            select warehouse_id, delta, reason, moved_at, person, lot, expires, note, incarnation_id, coalesce(incarnation_id, act_id) as by,
                coalesce(seq, 0) as seq, line
            from stock_movements
            where product_id = $1 and ($2::uuid is null or warehouse_id = $2)
                and ($3::timestamptz is null
                    or (moved_at, coalesce(incarnation_id, act_id), coalesce(seq, 0), line) < ($3, $4::uuid, $5::bigint, $6::integer))
            order by moved_at desc, coalesce(incarnation_id, act_id) desc, coalesce(seq, 0) desc, line desc limit $7
        ) m
        join warehouses w using (warehouse_id)
        left join incarnations i using (incarnation_id)
        left join nodes n using (node_id)
        left join ops p on p.incarnation_id = m.incarnation_id and p.seq = m.seq
        left join orders o on m.reason = 'sold' and o.incarnation_id = m.incarnation_id and o.seq = m.seq
            and o.created_at between m.moved_at - interval '10 minutes' and m.moved_at + interval '10 minutes'
        order by m.moved_at desc, m.by desc, m.seq desc, m.line desc"
    );
    let place = older_than;
    let (at, by) = (place.map(|place| place.at), place.map(|place| place.by));
    let (seq, line) = (place.map(|place| place.seq), place.map(|place| place.line));
    let rows = tx.query(&sql, &[&product_id, &warehouse_id, &at, &by, &seq, &line, &limit]).await?;
    rows.iter().map(movement).collect()
}

fn movement(row: &Row) -> Result<MovementSeen, Error> {
    let moved_at = row.try_get("moved_at")?;
    let place =
        MovementPlace { at: moved_at, by: row.try_get("by")?, seq: row.try_get("seq")?, line: row.try_get("line")? };
    Ok(MovementSeen {
        place,
        warehouse: row.try_get("warehouse")?,
        delta: row.try_get("delta")?,
        reason: row.try_get("reason")?,
        moved_at,
        node: row.try_get("node")?,
        op: row.try_get("op")?,
        receipt: row.try_get("receipt")?,
        person: row.try_get("person")?,
        lot: row.try_get("lot")?,
        expires: row.try_get("expires")?,
        note: row.try_get("note")?,
    })
}

/// A stock row that runs low.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LowSeen {
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
    /// At how many or fewer it runs low.
    pub low_at: i64,
}

/// Rows of which no more are on hand than was laid down for that product there, else for the product, else for the
/// warehouse, else for all; in the order of products and warehouses, after one. The rules are few or indexed, and the
/// rows are walked in the order of their key, so a page ends as soon as it is full.
///
/// # Errors
/// What Postgres says.
pub async fn low(
    tx: &Tx,
    warehouse_id: Option<WarehouseId>,
    after: Option<StockKey>,
    limit: i64,
) -> Result<Vec<LowSeen>, Error> {
    let sql = "with common as (
            select warehouse_id, value::bigint as low_at from rules where sort = 'low' and product_id is null
        )
        select s.product_id, p.sku, p.name, s.warehouse_id, w.name as warehouse, s.quantity, s.reserved_quantity,
            l.low_at
        from stock s
        cross join lateral (
            select coalesce(
                (select r.value::bigint from rules r
                 where r.sort = 'low' and r.product_id = s.product_id and (r.warehouse_id = s.warehouse_id or r.warehouse_id is null)
                 order by r.warehouse_id nulls last limit 1),
                (select c.low_at from common c
                 where c.warehouse_id = s.warehouse_id or c.warehouse_id is null
                 order by c.warehouse_id nulls last limit 1)
            ) as low_at
        ) l
        join products p on p.product_id = s.product_id
        join warehouses w on w.warehouse_id = s.warehouse_id
        where s.quantity <= l.low_at and ($1::uuid is null or s.warehouse_id = $1)
            and ($2::uuid is null or (s.product_id, s.warehouse_id) > ($2, $3::uuid))
        order by s.product_id, s.warehouse_id limit $4";
    let (product, warehouse) = after.map(|key| (key.product_id, key.warehouse_id)).unzip();
    let rows = tx.query(sql, &[&warehouse_id, &product, &warehouse, &limit]).await?;
    rows.iter().map(low_row).collect()
}

fn low_row(row: &Row) -> Result<LowSeen, Error> {
    Ok(LowSeen {
        product_id: row.try_get("product_id")?,
        sku: row.try_get("sku")?,
        name: row.try_get("name")?,
        warehouse_id: row.try_get("warehouse_id")?,
        warehouse: row.try_get("warehouse")?,
        quantity: row.try_get("quantity")?,
        reserved_quantity: row.try_get("reserved_quantity")?,
        low_at: row.try_get("low_at")?,
    })
}
