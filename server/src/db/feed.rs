//! The feed's table: which aggregate last changed in which transaction, and for whom.

use std::collections::BTreeMap;

use outpost_schema::{
    count::{JOURNALS_MAX, Upto},
    device::IncarnationState,
    feed::{EVERYONE, Key, Kind},
    id::{EpochId, IncarnationId, NodeId, WarehouseId},
    journal::Mark,
};
use outpost_sync::wire::{Acked, Caller};
use postgres_types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Tx, backups::archived};
use crate::{
    error::Error,
    feed::cursor::{Position, Snapshot},
};

type Boxed = Box<dyn std::error::Error + Sync + Send>;

/// A transaction's number, as Postgres spells it: `xid8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xid(pub u64);

impl ToSql for Xid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }
    fn accepts(kind: &Type) -> bool {
        *kind == Type::XID8
    }
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Xid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(Self(u64::from_be_bytes(raw.try_into()?)))
    }
    fn accepts(kind: &Type) -> bool {
        *kind == Type::XID8
    }
}

/// What a node receives: everyone's, its own, and that of its warehouses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// The node.
    pub node_id: NodeId,
    /// The warehouses whose aggregates it receives.
    pub warehouses: Vec<WarehouseId>,
}

impl Scopes {
    /// The scopes as the feed's table names them.
    pub fn all(&self) -> Vec<Uuid> {
        [EVERYONE, self.node_id.0].into_iter().chain(self.warehouses.iter().map(|warehouse| warehouse.0)).collect()
    }
}

/// What a page is made from, as of one moment.
#[derive(Clone, Debug)]
pub struct Opening {
    /// That moment.
    pub snapshot: Snapshot,
    /// Which life of the database this is.
    pub epoch: EpochId,
    /// Whether head office is hearing from its devices since that began.
    pub is_recovering: bool,
    /// The largest change whose tombstone was dropped.
    pub dropped: u64,
    /// What the caller receives.
    pub scopes: Scopes,
    /// How far its journal is in the book.
    pub acked: Mark,
    /// Whether that journal is still taken.
    pub state: IncarnationState,
    /// The first transaction that made a row short of which the caller may sell, and of which nobody knows yet that its
    /// journal tells all that was done without knowing it.
    pub awaited: Option<u64>,
}

/// Opens a page for `caller`; none if it is no node of this network with such a journal.
///
/// # Errors
/// What Postgres says.
pub async fn opening(tx: &Tx, caller: Caller) -> Result<Option<Opening>, Error> {
    let row = tx
        .query_opt(
            "select pg_current_snapshot()::text as snapshot,
                e.epoch_id, e.recovered_at is null as is_recovering,
                coalesce((select h.dropped from feed_horizon h where h.epoch_id is null or h.epoch_id = e.epoch_id), '0')
                    as dropped,
                array(select distinct w from unnest(n.warehouse_id || n.scope) w order by w) as warehouses,
                i.acked_seq, i.acked_hash, i.state,
                (
                    select s.short_since from stock s join allotments a using (product_id, warehouse_id)
                    where s.short_since is not null
                        and pg_visible_in_snapshot(s.short_since, i.told_upto) is not true
                        and s.warehouse_id = any(n.warehouse_id || n.scope || n.former)
                        and a.incarnation_id = i.incarnation_id
                        and a.granted + a.received - a.consumed - a.returned - a.reclaimed > 0
                    order by s.short_since limit 1
                ) as awaited
            from nodes n join incarnations i on i.node_id = n.node_id
            cross join lateral (select epoch_id, recovered_at from epochs order by number desc limit 1) e
            where n.node_id = $1 and i.incarnation_id = $2",
            &[&caller.node_id, &caller.incarnation_id],
        )
        .await?;
    row.map(|row| read_opening(&row, caller.node_id)).transpose()
}

fn read_opening(row: &Row, node_id: NodeId) -> Result<Opening, Error> {
    Ok(Opening {
        snapshot: row.try_get::<_, SnapshotText>("snapshot")?.0,
        epoch: row.try_get("epoch_id")?,
        is_recovering: row.try_get("is_recovering")?,
        dropped: row.try_get::<_, Xid>("dropped")?.0,
        scopes: Scopes { node_id, warehouses: row.try_get("warehouses")? },
        acked: Mark { seq: row.try_get("acked_seq")?, hash: row.try_get("acked_hash")? },
        state: row.try_get("state")?,
        awaited: row.try_get::<_, Option<Xid>>("awaited")?.map(|xid| xid.0),
    })
}

/// A snapshot, which travels as text.
struct SnapshotText(Snapshot);

impl<'a> FromSql<'a> for SnapshotText {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(Self(<&str>::from_sql(kind, raw)?.parse()?))
    }
    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT
    }
}

/// An aggregate that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stands in the order of a run.
    pub position: Position,
    /// Which aggregate.
    pub key: Key,
}

/// The first `limit` aggregates in these scopes that changed between `since` and `upto`, after a place.
///
/// Each scope is one range of the index, in the order of the run; an aggregate that stands in several
/// scopes (it moved from one to another of the same node) is told once.
///
/// # Errors
/// What Postgres says.
pub async fn changes(
    tx: &Tx,
    scopes: &[Uuid],
    (since, upto): (&Snapshot, &Snapshot),
    after: &Position,
    limit: usize,
) -> Result<Vec<Change>, Error> {
    let rows = tx
        .query(
            "select distinct l.changed, l.kind, l.key
            from unnest($1::uuid[]) as s (scope)
            cross join lateral (
                select f.changed, f.kind, f.key
                from feed f
                where f.scope = s.scope and (f.changed, f.kind, f.key) > ($2, $3, $4)
                    and not pg_visible_in_snapshot(f.changed, $5::text::pg_snapshot)
                    and pg_visible_in_snapshot(f.changed, $6::text::pg_snapshot)
                order by f.changed, f.kind, f.key
                limit $7
            ) l
            order by l.changed, l.kind, l.key
            limit $7",
            &[
                &scopes,
                &Xid(after.changed),
                &after.kind,
                &after.key,
                &since.to_string(),
                &upto.to_string(),
                &i64::try_from(limit).unwrap_or(i64::MAX),
            ],
        )
        .await?;
    rows.iter().map(change).collect()
}

fn change(row: &Row) -> Result<Change, Error> {
    let position =
        Position { changed: row.try_get::<_, Xid>("changed")?.0, kind: row.try_get("kind")?, key: row.try_get("key")? };
    let ids = position.key.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).collect();
    Ok(Change { key: Key { kind: Kind::of_number(position.kind)?, ids }, position })
}

/// One moment of the database, and who receives exactly these warehouses then.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The moment.
    pub snapshot: Snapshot,
    /// Which life of the database this is.
    pub epoch: EpochId,
    /// The nodes that receive these warehouses and no others.
    pub nodes: Vec<NodeId>,
}

/// This moment, for these warehouses, which are sorted.
///
/// # Errors
/// What Postgres says.
pub async fn moment(tx: &Tx, warehouses: &[WarehouseId]) -> Result<Moment, Error> {
    let row = tx
        .query_one(
            "select pg_current_snapshot()::text as snapshot,
                (select e.epoch_id from epochs e order by e.number desc limit 1) as epoch_id,
                array(
                    select n.node_id from nodes n
                    where array(select distinct w from unnest(n.warehouse_id || n.scope) w order by w) = $1
                    order by n.node_id
                ) as nodes",
            &[&warehouses],
        )
        .await?;
    Ok(Moment {
        snapshot: row.try_get::<_, SnapshotText>("snapshot")?.0,
        epoch: row.try_get("epoch_id")?,
        nodes: row.try_get("nodes")?,
    })
}

/// This moment.
///
/// # Errors
/// What Postgres says.
pub async fn present(tx: &Tx) -> Result<Snapshot, Error> {
    let row = tx.query_one("select pg_current_snapshot()::text", &[]).await?;
    Ok(row.try_get::<_, SnapshotText>(0)?.0)
}

/// Whether a node had been told nothing of its own by `since`, and has pushed nothing to this moment:
/// as one that was set up later.
///
/// # Errors
/// What Postgres says.
pub async fn is_newer(tx: &Tx, node_id: NodeId, since: &Snapshot) -> Result<bool, Error> {
    let row = tx
        .query_one(
            "select not exists (
                    select from feed f
                    where f.scope = $1 and pg_visible_in_snapshot(f.changed, $2::text::pg_snapshot)
                ) and not exists (select from incarnations i where i.node_id = $1 and i.acked_seq > 0)",
            &[&node_id, &since.to_string()],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// How many aggregates in these scopes `since` has not seen; counted up to `limit`.
///
/// # Errors
/// What Postgres says.
pub async fn tail(tx: &Tx, scopes: &[Uuid], since: &Snapshot, limit: i64) -> Result<i64, Error> {
    let row = tx
        .query_one(
            "select count(*) from (
                select from feed f
                where f.scope = any($1) and f.changed >= $2
                    and not pg_visible_in_snapshot(f.changed, $3::text::pg_snapshot)
                limit $4
            ) t",
            &[&scopes, &Xid(since.xmin()), &since.to_string(), &limit],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// How far every journal of this node is in the book and in the backups, and what of it is set aside.
///
/// # Errors
/// What Postgres says.
pub async fn journals(tx: &Tx, node_id: NodeId) -> Result<Vec<Acked>, Error> {
    let rows = tx
        .query(
            "select i.incarnation_id, i.acked_seq, i.acked_hash, i.state = 'superseded' as over,
                array(
                    select o.seq from ops o
                    where o.incarnation_id = i.incarnation_id and o.verdict = 'set_aside' order by o.seq
                ) as set_aside
            from incarnations i
            where i.node_id = $1
            order by i.number",
            &[&node_id],
        )
        .await?;
    let archived = archived(tx, node_id).await?;
    rows.iter().map(|row| acked(row, &archived)).collect()
}

/// How far the server has the journals of the other devices that may act where this one stands. Where there are more
/// than a cut may name it is none, and what they do while something is counted is doubtful.
///
/// # Errors
/// What Postgres says.
pub async fn others(tx: &Tx, node_id: NodeId) -> Result<Vec<Upto>, Error> {
    let rows = tx
        .query(
            "select i.incarnation_id, i.acked_seq
            from nodes me
            join nodes n on n.scope @> array[me.warehouse_id] and n.node_id <> me.node_id
            join incarnations i on i.node_id = n.node_id
            where me.node_id = $1 and i.acked_seq > 0
            order by i.incarnation_id
            limit $2",
            &[&node_id, &i64::try_from(JOURNALS_MAX + 1).unwrap_or(i64::MAX)],
        )
        .await?;
    if rows.len() > JOURNALS_MAX {
        return Ok(Vec::new());
    }
    let upto = |row: &Row| Ok(Upto { incarnation_id: row.try_get(0)?, seq: row.try_get(1)? });
    rows.iter().map(upto).collect()
}

fn acked(row: &Row, archived: &BTreeMap<IncarnationId, i64>) -> Result<Acked, Error> {
    let incarnation_id = row.try_get("incarnation_id")?;
    Ok(Acked {
        incarnation_id,
        mark: Mark { seq: row.try_get("acked_seq")?, hash: row.try_get("acked_hash")? },
        set_aside: row.try_get("set_aside")?,
        archived: archived.get(&incarnation_id).copied().unwrap_or(0),
        over: row.try_get("over")?,
    })
}

/// Which of these scopes have news that `since` has not seen, and the snapshot that was looked at.
/// One statement, so that both are of one moment.
///
/// # Errors
/// What Postgres says.
pub async fn scopes_with_news(
    client: &tokio_postgres::Client,
    scopes: &[Uuid],
    since: &Snapshot,
) -> Result<(Snapshot, Vec<Uuid>), Error> {
    let row = client
        .query_one(
            "select pg_current_snapshot()::text as snapshot,
                array(
                    select s.scope from unnest($1::uuid[]) as s (scope)
                    where exists (
                        select from feed f
                        where f.scope = s.scope and f.changed >= $2
                            and not pg_visible_in_snapshot(f.changed, $3::text::pg_snapshot)
                            and pg_visible_in_snapshot(f.changed, pg_current_snapshot())
                    )
                ) as scopes",
            &[&scopes, &Xid(since.xmin()), &since.to_string()],
        )
        .await?;
    Ok((row.try_get::<_, SnapshotText>("snapshot")?.0, row.try_get("scopes")?))
}

#[cfg(test)]
mod tests;
