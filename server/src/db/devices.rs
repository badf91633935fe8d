//! Devices as head office acts on them: what they have open, and what was done about them.

use outpost_schema::{
    clock::Timestamp,
    device::{Card, IncarnationState},
    id::{IncarnationId, NodeId, WarehouseId},
    money::{Currency, Money},
    stock::SalePolicy,
};
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Tx, warehouses};
use crate::error::Error;

/// A life of a device's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Which.
    pub incarnation_id: IncarnationId,
    /// What it is.
    pub state: IncarnationState,
    /// Whether head office, which was put back, still waits for what was granted to it.
    pub report_owed: bool,
    /// Whether the last that its device told of it is that it is over.
    pub is_closed: bool,
}

/// A device with the lives of its journal, oldest first, all locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which.
    pub node_id: NodeId,
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub warehouse_id: WarehouseId,
    /// Its lives.
    pub lives: Vec<Life>,
    /// Since when it is closed.
    pub retired_at: Option<Timestamp>,
    /// Its ops that wait for something.
    pub waiting: i64,
}

impl Device {
    /// The ids of its lives.
    pub fn incarnations(&self) -> Vec<IncarnationId> {
        self.lives.iter().map(|life| life.incarnation_id).collect()
    }

    /// Whether it is suspended, or closed.
    pub fn is_suspended(&self) -> bool {
        let newest = self.lives.last().map(|life| life.state);
        newest.is_some_and(|state| matches!(state, IncarnationState::Suspended | IncarnationState::Retired))
    }
}

/// Locks a device with its lives; none if there is no such device.
///
/// # Errors
/// If Postgres fails.
pub async fn lock(tx: &Tx, node_id: NodeId) -> Result<Option<Device>, Error> {
    let lives = tx
        .query(
            "select i.incarnation_id, i.state, i.report_owed,
                    i.ended_at is not null and exists (
                        select from ops o
                        where o.incarnation_id = i.incarnation_id and o.seq = i.acked_seq and o.kind = 'life_ended')
                    as is_closed
             from incarnations i where i.node_id = $1 order by i.number
             for no key update of i",
            &[&node_id],
        )
        .await?;
    let Some(row) = tx
        .query_opt(
            "select n.name, n.warehouse_id, n.retired_at,
                    (select count(*) from ops o join incarnations l using (incarnation_id)
                     where l.node_id = n.node_id and o.verdict = 'set_aside') as waiting
             from nodes n where n.node_id = $1
             for no key update of n",
            &[&node_id],
        )
        .await?
    else {
        return Ok(None);
    };
    let life = |row: &Row| {
        Ok(Life {
            incarnation_id: row.try_get("incarnation_id")?,
            state: row.try_get("state")?,
            report_owed: row.try_get("report_owed")?,
            is_closed: row.try_get("is_closed")?,
        })
    };
    Ok(Some(Device {
        node_id,
        name: row.try_get("name")?,
        warehouse_id: row.try_get("warehouse_id")?,
        lives: lives.iter().map(life).collect::<Result<_, Error>>()?,
        retired_at: row.try_get("retired_at")?,
        waiting: row.try_get("waiting")?,
    }))
}

/// What could be lost with a device, or be sold twice if others get it: what it may sell without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// Units.
    pub units: i64,
    /// In how many stock rows.
    pub rows: i64,
    /// Their worth by today's prices.
    pub worth: Money,
    /// Units among them that have no price.
    pub unpriced: i64,
}

/// What a device may sell without asking, in all of its lives.
///
/// # Errors
/// If Postgres fails.
pub async fn bound(tx: &Tx, node_id: NodeId) -> Result<Bound, Error> {
    let row = tx
        .query_one(
            "select coalesce(sum(o.units), 0)::bigint as units,
                    count(distinct (o.product_id, o.warehouse_id)) as rows,
                    coalesce(sum(round(o.units * p.price / p.price_per, 4)), 0) as worth,
                    coalesce(sum(o.units) filter (where p.price is null), 0)::bigint as unpriced
             from (
                 select a.product_id, a.warehouse_id,
                        a.granted + a.received - a.consumed - a.returned - a.reclaimed as units
                 from allotments a join incarnations i using (incarnation_id)
                 where i.node_id = $1
             ) o
             join products p using (product_id)
             where o.units > 0",
            &[&node_id],
        )
        .await?;
    Ok(Bound {
        units: row.try_get("units")?,
        rows: row.try_get("rows")?,
        worth: row.try_get("worth")?,
        unpriced: row.try_get("unpriced")?,
    })
}

/// Suspends the newest life of a device, or resumes it. One that forked stays frozen.
///
/// # Errors
/// If Postgres fails.
pub async fn set_state(tx: &Tx, node_id: NodeId, from: IncarnationState, to: IncarnationState) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "update incarnations i set state = $3
             where i.node_id = $1 and i.state = $2
               and i.number = (select max(number) from incarnations where node_id = $1)",
            &[&node_id, &from, &to],
        )
        .await?;
    Ok(changed == 1)
}

/// Closes a device: nobody sells alone from where it stood, and its name and prefix stay taken.
///
/// # Errors
/// If Postgres fails.
pub async fn retire(tx: &Tx, node_id: NodeId, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "update incarnations set state = 'retired' where node_id = $1 and state in ('active', 'suspended')",
        &[&node_id],
    )
    .await?;
    tx.execute("update nodes set retired_at = $2 where node_id = $1", &[&node_id, &now]).await?;
    warehouses::leave_homes(tx, node_id, &[]).await
}

/// Where it stands, then what else it receives; none if it is closed.
///
/// # Errors
/// If Postgres fails.
pub async fn scope(tx: &Tx, node_id: NodeId) -> Result<Option<Vec<WarehouseId>>, Error> {
    let sql = "select scope from nodes where node_id = $1 and retired_at is null";
    Ok(tx.query_opt(sql, &[&node_id]).await?.map(|row| row.try_get(0)).transpose()?)
}

/// Whether only it sells at this place, if the book has it there.
///
/// # Errors
/// If Postgres fails.
pub async fn stands_at(tx: &Tx, node_id: NodeId, warehouse_id: WarehouseId) -> Result<Option<bool>, Error> {
    let sql = "select w.home_of is not distinct from n.node_id from nodes n join warehouses w using (warehouse_id)
               where n.node_id = $1 and n.warehouse_id = $2";
    Ok(tx.query_opt(sql, &[&node_id, &warehouse_id]).await?.map(|row| row.try_get(0)).transpose()?)
}

/// A device stands elsewhere from now on. What it still says of where it stood is booked.
///
/// # Errors
/// If Postgres fails.
pub async fn relocate(tx: &Tx, node_id: NodeId, scope: &[WarehouseId]) -> Result<(), Error> {
    tx.execute(
        "update nodes set warehouse_id = ($2::uuid[])[1], scope = $2,
                former = array(select distinct w from unnest(former || scope) w where w <> all ($2))
         where node_id = $1",
        &[&node_id, &scope],
    )
    .await?;
    warehouses::leave_homes(tx, node_id, scope).await
}

/// What it still says of these places, as far as they are known, is booked.
///
/// # Errors
/// If Postgres fails.
pub async fn remember_places(tx: &Tx, node_id: NodeId, places: &[WarehouseId]) -> Result<(), Error> {
    tx.execute(
        "update nodes set former = array(select distinct w from unnest(former || $2) w
                                         join warehouses on warehouse_id = w where w <> all (scope))
         where node_id = $1",
        &[&node_id, &places],
    )
    .await?;
    Ok(())
}

/// What a device joins with now: the card of its newest life.
///
/// # Errors
/// If Postgres fails, or the device is not there.
pub async fn card(
    tx: &Tx,
    node_id: NodeId,
    policy: Option<SalePolicy>,
    currency: Currency,
    server: &str,
) -> Result<Card, Error> {
    let row = tx
        .query_one(
            "select n.name, n.kind, n.warehouse_id, coalesce(i.prefix, n.prefix) as prefix, i.incarnation_id,
                    exists (select from warehouses w where w.warehouse_id = n.warehouse_id and w.home_of = n.node_id)
                    as is_home
             from nodes n join incarnations i using (node_id)
             where n.node_id = $1 order by i.number desc limit 1",
            &[&node_id],
        )
        .await?;
    let is_home: bool = row.try_get("is_home")?;
    let by_default = if is_home { SalePolicy::Physical } else { SalePolicy::Strict };
    Ok(Card {
        node_id,
        incarnation_id: row.try_get("incarnation_id")?,
        name: row.try_get("name")?,
        kind: row.try_get("kind")?,
        warehouse_id: row.try_get("warehouse_id")?,
        is_home,
        policy: policy.unwrap_or(by_default),
        prefix: row.try_get("prefix")?,
        currency,
        server: server.to_owned(),
    })
}

/// Something that was done to a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Done {
    /// Names it.
    pub act_id: Uuid,
    /// To which device.
    pub node_id: NodeId,
    /// What.
    pub act: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// Units that it took away.
    pub units: i64,
    /// Their worth.
    pub worth: Money,
    /// When.
    pub at: Timestamp,
}

fn done(row: &Row) -> Result<Done, Error> {
    Ok(Done {
        act_id: row.try_get("act_id")?,
        node_id: row.try_get("node_id")?,
        act: row.try_get("act")?,
        by: row.try_get("by_whom")?,
        note: row.try_get("note")?,
        units: row.try_get("units")?,
        worth: row.try_get("worth")?,
        at: row.try_get("done_at")?,
    })
}

const ACTS: &str = "select act_id, node_id, act, by_whom, note, units, worth, done_at from device_acts";

/// The act with this id, if it was done.
///
/// # Errors
/// If Postgres fails.
pub async fn act(tx: &Tx, act_id: Uuid) -> Result<Option<Done>, Error> {
    tx.query_opt(&format!("{ACTS} where act_id = $1"), &[&act_id]).await?.as_ref().map(done).transpose()
}

/// What was done to a device, newest first.
///
/// # Errors
/// If Postgres fails.
pub async fn acts(tx: &Tx, node_id: NodeId) -> Result<Vec<Done>, Error> {
    let sql = format!("{ACTS} where node_id = $1 order by done_at desc, act_id desc limit 100");
    tx.query(&sql, &[&node_id]).await?.iter().map(done).collect()
}

/// Keeps an act.
///
/// # Errors
/// If Postgres fails.
pub async fn keep(tx: &Tx, done: &Done) -> Result<(), Error> {
    tx.execute(
        "insert into device_acts (act_id, node_id, act, by_whom, note, units, worth, done_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[&done.act_id, &done.node_id, &done.act, &done.by, &done.note, &done.units, &done.worth, &done.at],
    )
    .await?;
    Ok(())
}
