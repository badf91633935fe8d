//! Nodes, as head office sees and adds them.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    device::{IncarnationState, NodeKind},
    id::{IncarnationId, NodeId, WarehouseId},
};
use outpost_sync::wire::Caller;
use serde::Serialize;
use uuid::Uuid;

use super::Tx;
use crate::{error::Error, give_up::Life};

/// Notes that a device was heard, if it was not since `before`: it waits for news and has nothing to tell.
///
/// # Errors
/// If Postgres fails.
pub async fn note_heard(tx: &Tx, node_id: NodeId, before: Timestamp, now: Timestamp) -> Result<(), Error> {
    let sql = "update nodes set seen_at = $3 where node_id = $1 and (seen_at is null or seen_at < $2)";
    tx.execute(sql, &[&node_id, &before, &now]).await?;
    Ok(())
}

/// Where a device sells.
///
/// # Errors
/// If Postgres fails.
pub async fn places(tx: &Tx, node_id: NodeId) -> Result<Vec<WarehouseId>, Error> {
    let sql = "select warehouse_id || scope from nodes where node_id = $1";
    let row = tx.query_opt(sql, &[&node_id]).await?;
    row.map_or(Ok(Vec::new()), |row| Ok(row.try_get(0)?))
}

/// Who is where a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// The other devices that sell there: which life, and what people call it.
    pub others: Vec<(IncarnationId, String)>,
}

/// Who else sells where the caller does; none if nobody knows the caller.
///
/// # Errors
/// If Postgres fails.
pub async fn beside(tx: &Tx, caller: Caller) -> Result<Option<Beside>, Error> {
    let sql = "select c.warehouse_id, o.incarnation_id, o.name
               from nodes c join incarnations l on l.node_id = c.node_id
               left join lateral (
                   select i.incarnation_id, n.name from nodes n join incarnations i on i.node_id = n.node_id
                   where n.warehouse_id = c.warehouse_id and n.node_id <> c.node_id and i.state = 'active'
                     and i.given_up_at is null) o on true
               where c.node_id = $1 and l.incarnation_id = $2
               order by o.name";
    let rows = tx.query(sql, &[&caller.node_id, &caller.incarnation_id]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut others = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(life) = row.try_get("incarnation_id")? {
            others.push((life, row.try_get("name")?));
        }
    }
    Ok(Some(Beside { warehouse_id: first.try_get("warehouse_id")?, others }))
}

/// A device, for a list that people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub place: String,
    /// When it was last heard.
    pub seen_at: Option<Timestamp>,
}

/// The devices whose journals are still taken, by name.
///
/// # Errors
/// If Postgres fails.
pub async fn devices(tx: &Tx) -> Result<Vec<Device>, Error> {
    let sql = "select n.name, w.name as place, n.seen_at
               from nodes n join warehouses w using (warehouse_id)
               where exists (select from incarnations i where i.node_id = n.node_id and i.state in ('active', 'suspended'))
               order by n.name";
    let device = |row: &tokio_postgres::Row| {
        Ok(Device { name: row.try_get("name")?, place: row.try_get("place")?, seen_at: row.try_get("seen_at")? })
    };
    tx.query(sql, &[]).await?.iter().map(device).collect()
}

/// A device to be kept.
#[derive(Clone, Debug)]
pub struct NewNode<'a> {
    /// Its id.
    pub node_id: NodeId,
    /// What people call it.
    pub name: &'a str,
    /// What sort it is.
    pub kind: NodeKind,
    /// Where it stands.
    pub warehouse_id: WarehouseId,
    /// The warehouses whose aggregates it receives.
    pub scope: &'a [WarehouseId],
    /// Of its receipt numbers.
    pub prefix: &'a str,
    /// Since when.
    pub created_at: Timestamp,
}

/// Keeps a new node with the first life of its journal.
///
/// # Errors
/// The broken constraint `nodes_name_key` if the name is taken.
pub async fn insert_node(tx: &Tx, node: &NewNode<'_>, incarnation_id: IncarnationId) -> Result<(), Error> {
    tx.execute(
        "insert into nodes (node_id, name, kind, warehouse_id, scope, prefix, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[&node.node_id, &node.name, &node.kind, &node.warehouse_id, &node.scope, &node.prefix, &node.created_at],
    )
    .await?;
    tx.execute(
        "insert into incarnations (incarnation_id, node_id, number, created_at) values ($1, $2, 1, $3)",
        &[&incarnation_id, &node.node_id, &node.created_at],
    )
    .await?;
    Ok(())
}

/// Lets nobody else add a node until the transaction ends, and lists the prefixes that are taken.
///
/// # Errors
/// If Postgres fails.
pub async fn lock_prefixes(tx: &Tx) -> Result<BTreeSet<String>, Error> {
    tx.execute("lock table nodes in share row exclusive mode", &[]).await?;
    let rows = tx.query("select prefix from nodes", &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// What head office sees of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSeen {
    /// The device.
    pub node_id: NodeId,
    /// What people call it.
    pub name: String,
    /// What sort it is.
    pub kind: NodeKind,
    /// Where it stands.
    pub warehouse_id: WarehouseId,
    /// What that place is called.
    pub warehouse: String,
    /// Whether only it sells from there.
    pub is_home: bool,
    /// Of its receipt numbers.
    pub prefix: String,
    /// Last contact.
    pub seen_at: Option<Timestamp>,
    /// The newest life of its journal.
    pub incarnation_id: IncarnationId,
    /// Whether that is still taken.
    pub state: IncarnationState,
    /// How far the server has it.
    pub acked_seq: i64,
    /// Units it may still sell without asking: what is lost at most if the device is.
    pub open_units: i64,
    /// Those of them that nobody can say of whether they are sold: lives that are over, frozen or given up.
    pub in_doubt: i64,
    /// Whether it has reported since the present epoch began.
    pub report: Report,
    /// Its ops that wait for something.
    pub set_aside: i64,
}

/// Whether a device has told what it had been granted, since the present epoch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It has, or nothing is waited for.
    Told,
    /// It is waited for.
    Owed,
    /// It is waited for no longer.
    GivenUp,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Told => "told",
            Self::Owed => "waited for",
            Self::GivenUp => "given up",
        })
    }
}

/// Every node, by name.
///
/// # Errors
/// If Postgres fails.
pub async fn nodes(tx: &Tx) -> Result<Vec<NodeSeen>, Error> {
    let rows = tx
        .query(
            "select n.node_id, n.name, n.kind, n.warehouse_id, w.name as warehouse, n.prefix, n.seen_at,
                    w.home_of is not distinct from n.node_id as is_home,
                    i.incarnation_id, i.state, i.acked_seq,
                    (select coalesce(sum(greatest(0, a.granted + a.received - a.consumed - a.returned - a.reclaimed)), 0)
                     from allotments a join incarnations l using (incarnation_id)
                     where l.node_id = n.node_id)::bigint as open_units,
                    (select coalesce(sum(greatest(0, a.granted + a.received - a.consumed - a.returned - a.reclaimed)), 0)
                     from allotments a join incarnations l using (incarnation_id)
                     where l.node_id = n.node_id and (l.state not in ('active', 'suspended') or l.given_up_at is not null))::bigint as in_doubt,
                    (select bool_or(l.report_owed and l.given_up_at is null) from incarnations l
                     where l.node_id = n.node_id) as is_awaited,
                    i.given_up_at is not null as is_given_up,
                    (select count(*) from ops o join incarnations l using (incarnation_id)
                     where l.node_id = n.node_id and o.verdict = 'set_aside') as set_aside
             from nodes n
             join warehouses w on w.warehouse_id = n.warehouse_id
             join lateral (
                 select incarnation_id, state, acked_seq, given_up_at from incarnations
                 where node_id = n.node_id order by number desc limit 1
             ) i on true
             order by n.name",
            &[],
        )
        .await?;
    rows.iter().map(node_seen).collect()
}

fn node_seen(row: &tokio_postgres::Row) -> Result<NodeSeen, Error> {
    Ok(NodeSeen {
        node_id: row.try_get("node_id")?,
        name: row.try_get("name")?,
        kind: row.try_get("kind")?,
        warehouse_id: row.try_get("warehouse_id")?,
        warehouse: row.try_get("warehouse")?,
        is_home: row.try_get("is_home")?,
        prefix: row.try_get("prefix")?,
        seen_at: row.try_get("seen_at")?,
        incarnation_id: row.try_get("incarnation_id")?,
        state: row.try_get("state")?,
        acked_seq: row.try_get("acked_seq")?,
        open_units: row.try_get("open_units")?,
        in_doubt: row.try_get("in_doubt")?,
        report: match (row.try_get("is_awaited")?, row.try_get("is_given_up")?) {
            (true, _) => Report::Owed,
            (false, true) => Report::GivenUp,
            (false, false) => Report::Told,
        },
        set_aside: row.try_get("set_aside")?,
    })
}

/// A life of the device of that name (or id): the one with that number, or the newest.
///
/// # Errors
/// If Postgres fails.
pub async fn life(tx: &Tx, name: &str, number: Option<i32>) -> Result<Option<Life>, Error> {
    let id = Uuid::try_parse(name).ok();
    let row = tx
        .query_opt(
            "select n.node_id, n.name, n.seen_at, i.incarnation_id, i.number, i.state, i.report_owed, i.given_up_at,
                    o.units, o.rows
             from nodes n
             join incarnations i using (node_id)
             cross join lateral (
                 select coalesce(sum(open), 0)::bigint as units, count(*) as rows
                 from (
                     select granted + received - consumed - returned - reclaimed as open
                     from allotments where incarnation_id = i.incarnation_id
                 ) a where open > 0
             ) o
             where (n.name = $1 or n.node_id = $2) and ($3::integer is null or i.number = $3)
             order by i.number desc limit 1",
            &[&name, &id, &number],
        )
        .await?;
    let read = |row: tokio_postgres::Row| {
        Ok(Life {
            node_id: row.try_get("node_id")?,
            node: row.try_get("name")?,
            incarnation_id: row.try_get("incarnation_id")?,
            number: row.try_get("number")?,
            state: row.try_get("state")?,
            seen_at: row.try_get("seen_at")?,
            report_owed: row.try_get("report_owed")?,
            given_up_at: row.try_get("given_up_at")?,
            open_units: row.try_get("units")?,
            open_rows: row.try_get("rows")?,
        })
    };
    row.map(read).transpose()
}
