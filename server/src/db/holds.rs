//! Holds: a group of wishes read and written as one, and further down one hold at a time, what orders use up, and
//! a list for people. The stock rows are locked first, always: they are what a hold changes.

mod list;
mod one;
mod orders;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::{CartId, HoldId, IncarnationId, NodeId, OrderId, ProductId, WarehouseId},
    quantity::Amount,
    stock::{Level, StockKey},
};
use outpost_sync::{
    hold::{Decided, Held},
    wire::{Buyer, Caller, HoldWanted},
};
use tokio_postgres::{Row, types::ToSql};

pub use self::{
    list::{HoldShown, ListWanted, list},
    one::{Found, allot, extend, lapsed, lock, on_rows, open_again, release, withdraw},
    orders::{open_lines, rows_of, use_up},
};
use super::{Tx, ground};
use crate::error::Error;

/// How the transaction of a group begins. Each statement's plan is kept, for the arrays differ in length at every
/// group and planning anew for each took half of Postgres's time; and a plan that was kept when there were few
/// holds must not read all of them once there are many.
pub const BEGIN: &str = "begin; set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off";

/// Journals and whose they are, and whether anything is promised now.
#[derive(Clone, Debug)]
pub struct Known {
    journals: HashMap<IncarnationId, (NodeId, IncarnationState)>,
    is_recovering: bool,
}

impl Known {
    /// What the caller's journal is; none if it is no node with such a journal.
    pub fn state(&self, caller: &Caller) -> Option<IncarnationState> {
        let journal = self.journals.get(&caller.incarnation_id);
        journal.filter(|(node_id, _)| *node_id == caller.node_id).map(|(_, state)| *state)
    }

    /// Whether head office is hearing from its devices, and so promises nothing.
    pub const fn is_recovering(&self) -> bool {
        self.is_recovering
    }
}

/// What a group of wishes is decided over.
#[derive(Clone, Debug)]
pub struct Read {
    /// Who of the callers is known.
    pub known: Known,
    /// The stock rows, locked.
    pub levels: BTreeMap<StockKey, Level>,
    /// The lines of holds with the wishes' ids, and the open ones of their buyers.
    pub held: Vec<Held>,
}

/// Reads what these wishes of these callers are decided over, and locks their stock rows.
///
/// # Errors
/// What Postgres says.
pub async fn read(tx: &Tx, callers: &[Caller], wanted: &[HoldWanted], now: Timestamp) -> Result<Read, Error> {
    let keys: BTreeSet<StockKey> = wanted.iter().flat_map(|wish| &wish.lines).map(|line| line.key()).collect();
    let wishes = Wishes::of(wanted);
    // All is asked at once, and Postgres answers in turn: lines are read when the rows are locked. That rests on no
    // question waiting for its plan while the next goes ahead.
    tx.prepare_all(&[KNOWN, &ground::lock_stock_sql(), wishes.sql]).await?;
    let (known, levels, held) = tokio::try_join!(known(tx, callers), ground::lock_stock(tx, &keys), wishes.lines(tx))?;
    if keys.len() == levels.len() {
        return Ok(Read { known, levels, held });
    }
    // What nobody stocked yet gets its row, and then everything is read over the rows as they are.
    let levels = ground::stock(tx, &keys, now).await?;
    let held = wishes.lines(tx).await?;
    Ok(Read { known, levels, held })
}

const KNOWN: &str = "
    select i.node_id, i.incarnation_id, i.state, e.recovered_at is null as is_recovering
    from (select recovered_at from epochs order by number desc limit 1) e
    left join incarnations i on i.incarnation_id = any($1)";

/// Which of these callers are nodes with such a journal.
///
/// # Errors
/// What Postgres says.
pub async fn known(tx: &Tx, callers: &[Caller]) -> Result<Known, Error> {
    let incarnations: BTreeSet<IncarnationId> = callers.iter().map(|caller| caller.incarnation_id).collect();
    let rows = tx.query(KNOWN, &[&incarnations.into_iter().collect::<Vec<_>>()]).await?;
    let mut known = Known { journals: HashMap::with_capacity(rows.len()), is_recovering: false };
    for row in &rows {
        known.is_recovering = row.try_get("is_recovering")?;
        if let Some(incarnation_id) = row.try_get::<_, Option<IncarnationId>>("incarnation_id")? {
            known.journals.insert(incarnation_id, (row.try_get("node_id")?, row.try_get("state")?));
        }
    }
    Ok(known)
}

/// What the caller's journal is: only an active one takes grants; none if there is no such journal.
///
/// # Errors
/// What Postgres says.
pub async fn state(tx: &Tx, caller: Caller) -> Result<Option<IncarnationState>, Error> {
    let row = tx
        .query_opt(
            "select i.state from incarnations i where i.incarnation_id = $1 and i.node_id = $2 for share",
            &[&caller.incarnation_id, &caller.node_id],
        )
        .await?;
    row.map(|row| Ok(row.try_get("state")?)).transpose()
}

/// The columns of a line.
macro_rules! lines_where {
    ($where:literal) => {
        concat!(
            "select h.hold_id, h.product_id, h.warehouse_id, h.amount, h.cart_id, h.order_id, h.created_at,
                h.expires_at, h.closed_at is null as is_open, h.allotted_to,
                h.outcome is not distinct from 'withdrawn' as is_withdrawn
            from holds h where ",
            $where
        )
    };
}
use lines_where;

const LINES: &str = lines_where!("h.hold_id = any($1)");

/// The same, and what their buyers hold already.
const LINES_AND_OWN: &str = concat!(
    lines_where!("h.hold_id = any($1)"),
    " union all ",
    lines_where!("h.cart_id = any($2) and h.closed_at is null and h.hold_id <> all($1)"),
    " union all ",
    lines_where!("h.order_id = any($3) and h.closed_at is null and h.hold_id <> all($1)")
);

/// Whose lines are asked for. Most wishes are for nobody in particular, and then nobody's are.
struct Wishes {
    sql: &'static str,
    ids: Vec<HoldId>,
    carts: Vec<CartId>,
    orders: Vec<OrderId>,
}

impl Wishes {
    fn of(wanted: &[HoldWanted]) -> Self {
        let (mut carts, mut orders) = (Vec::new(), Vec::new());
        for buyer in wanted.iter().filter_map(|wish| wish.buyer) {
            carts.extend(buyer.cart());
            orders.extend(buyer.order());
        }
        let sql = if carts.is_empty() && orders.is_empty() { LINES } else { LINES_AND_OWN };
        Self { sql, ids: wanted.iter().map(|wish| wish.hold_id).collect(), carts, orders }
    }

    async fn lines(&self, tx: &Tx) -> Result<Vec<Held>, Error> {
        let params: [&(dyn ToSql + Sync); 3] = [&self.ids, &self.carts, &self.orders];
        let count = if self.sql == LINES { 1 } else { 3 };
        let rows = tx.query(self.sql, &params[..count]).await?;
        rows.iter().map(held).collect()
    }
}

/// The lines of holds with the wishes' ids, and the open ones of their buyers, given their rows, which are locked.
///
/// # Errors
/// What Postgres says.
pub async fn lines(tx: &Tx, wanted: &[HoldWanted]) -> Result<Vec<Held>, Error> {
    Wishes::of(wanted).lines(tx).await
}

fn held(row: &Row) -> Result<Held, Error> {
    let cart: Option<CartId> = row.try_get("cart_id")?;
    let order: Option<OrderId> = row.try_get("order_id")?;
    Ok(Held {
        hold_id: row.try_get("hold_id")?,
        key: key(row)?,
        amount: row.try_get("amount")?,
        buyer: cart.map(Buyer::Cart).or(order.map(Buyer::Order)),
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        is_open: row.try_get("is_open")?,
        is_withdrawn: row.try_get("is_withdrawn")?,
    })
}

fn key(row: &Row) -> Result<StockKey, Error> {
    Ok(StockKey { product_id: row.try_get("product_id")?, warehouse_id: row.try_get("warehouse_id")? })
}

/// The columns of stock rows, in their order.
fn columns(keys: impl Iterator<Item = StockKey>) -> (Vec<ProductId>, Vec<WarehouseId>) {
    keys.map(|key| (key.product_id, key.warehouse_id)).unzip()
}

/// Places lines and brings their stock rows up to date.
const PLACE: &str = "
    with placed as (
        insert into holds
            (hold_id, product_id, warehouse_id, amount, cart_id, order_id, created_at, expires_at, closed_at, outcome)
        select h.hold_id, h.product_id, h.warehouse_id, h.amount, h.cart_id, h.order_id, $1::timestamptz, h.expires_at,
            case when not h.is_open then $1::timestamptz end, case when not h.is_open then 'released' end
        from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::uuid[], $7::uuid[], $8::timestamptz[],
                $9::boolean[])
            as h (hold_id, product_id, warehouse_id, amount, cart_id, order_id, expires_at, is_open)
    )
    update stock s set promised = l.promised, updated_at = $1
    from unnest($10::uuid[], $11::uuid[], $12::bigint[]) as l (product_id, warehouse_id, promised)
    where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id";

/// Writes what was decided.
///
/// # Errors
/// What Postgres says.
pub async fn write(tx: &Tx, decided: &Decided, now: Timestamp) -> Result<(), Error> {
    if !decided.placed.is_empty() {
        replace(tx, &decided.replaced, now).await?;
        tx.execute(PLACE, &Columns::of(decided).params(&now)).await?;
    }
    Ok(())
}

/// Writes what was decided as the last thing of its transaction.
///
/// # Errors
/// What Postgres says.
pub async fn write_last(tx: &Tx, decided: &Decided, now: Timestamp) -> Result<(), Error> {
    if !decided.placed.is_empty() {
        replace(tx, &decided.replaced, now).await?;
        tx.execute_last(PLACE, &Columns::of(decided).params(&now)).await?;
    }
    Ok(())
}

/// What was decided, as [`PLACE`] takes it.
struct Columns {
    ids: Vec<HoldId>,
    products: Vec<ProductId>,
    warehouses: Vec<WarehouseId>,
    amounts: Vec<Amount>,
    carts: Vec<Option<CartId>>,
    orders: Vec<Option<OrderId>>,
    expiries: Vec<Timestamp>,
    are_open: Vec<bool>,
    rows: (Vec<ProductId>, Vec<WarehouseId>),
    promised: Vec<i64>,
}

impl Columns {
    fn of(decided: &Decided) -> Self {
        let placed = &decided.placed;
        let (products, warehouses) = columns(placed.iter().map(|held| held.key));
        Self {
            ids: column(placed, |held| held.hold_id),
            products,
            warehouses,
            amounts: column(placed, |held| held.amount),
            carts: column(placed, |held| held.buyer.and_then(Buyer::cart)),
            orders: column(placed, |held| held.buyer.and_then(Buyer::order)),
            expiries: column(placed, |held| held.expires_at),
            are_open: column(placed, |held| held.is_open),
            rows: columns(decided.levels.keys().copied()),
            promised: decided.levels.values().map(|level| level.promised).collect(),
        }
    }

    fn params<'a>(&'a self, now: &'a Timestamp) -> [&'a (dyn ToSql + Sync); 12] {
        [
            now,
            &self.ids,
            &self.products,
            &self.warehouses,
            &self.amounts,
            &self.carts,
            &self.orders,
            &self.expiries,
            &self.are_open,
            &self.rows.0,
            &self.rows.1,
            &self.promised,
        ]
    }
}

fn column<T>(placed: &[Held], of: impl Fn(&Held) -> T) -> Vec<T> {
    placed.iter().map(of).collect()
}

/// Closes lines in whose place others come.
async fn replace(tx: &Tx, replaced: &[(HoldId, StockKey)], now: Timestamp) -> Result<(), Error> {
    if replaced.is_empty() {
        return Ok(());
    }
    let ids: Vec<HoldId> = replaced.iter().map(|(hold_id, _)| *hold_id).collect();
    let (products, warehouses) = columns(replaced.iter().map(|(_, key)| *key));
    tx.execute(
        "update holds h set closed_at = $1, outcome = 'released'
         from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as r (hold_id, product_id, warehouse_id)
         where h.hold_id = r.hold_id and h.product_id = r.product_id and h.warehouse_id = r.warehouse_id",
        &[&now, &ids, &products, &warehouses],
    )
    .await?;
    Ok(())
}

/// The rows of up to `limit` lines that are past their time.
///
/// # Errors
/// What Postgres says.
pub async fn expired_rows(tx: &Tx, now: Timestamp, limit: i64) -> Result<BTreeSet<StockKey>, Error> {
    let rows = tx
        .query(
            "select h.product_id, h.warehouse_id from holds h
            where h.closed_at is null and h.expires_at <= $1 order by h.expires_at limit $2",
            &[&now, &limit],
        )
        .await?;
    rows.iter().map(key).collect()
}

#[cfg(test)]
mod tests;
