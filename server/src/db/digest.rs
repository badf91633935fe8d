//! Which aggregates of a range of keys a node should hold, and whether they changed since it last heard.

use std::collections::BTreeSet;

use outpost_schema::{
    digest::{Ids, KeyRange},
    feed::Kind,
    id::NodeId,
};
use uuid::Uuid;

use super::Tx;
use crate::{error::Error, feed::cursor::Snapshot};

/// One aggregate's mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Its key.
    pub ids: Ids,
    /// Whether it changed since.
    pub is_moved: bool,
    /// Whether it is gone from every scope of the node's.
    pub is_gone: bool,
}

/// The first `limit` marks of a range, in the order of keys: one walk of the feed's primary key.
///
/// # Errors
/// What Postgres says.
pub async fn marked(
    tx: &Tx,
    scopes: &[Uuid],
    range: &KeyRange,
    since: &Snapshot,
    limit: usize,
) -> Result<Vec<Marked>, Error> {
    let rows = tx
        .query(
            "select key, bool_or(not pg_visible_in_snapshot(changed, $5::text::pg_snapshot)) as is_moved,
                bool_and(gone) as is_gone
            from feed
            where kind = $1 and key > $2 and key <= $3 and scope = any($4)
            group by key
            order by key
            limit $6",
            &[
                &range.kind.number(),
                &range.after.as_ref().map(bytes_of).unwrap_or_default(),
                &range.upto.as_ref().map_or_else(|| BEHIND.to_vec(), bytes_of),
                &scopes,
                &since.to_string(),
                &i64::try_from(limit).unwrap_or(i64::MAX),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let key: Vec<u8> = row.try_get("key")?;
            let ids = key.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).collect();
            Ok(Marked { ids, is_moved: row.try_get("is_moved")?, is_gone: row.try_get("is_gone")? })
        })
        .collect()
}

/// Sorts behind every key: one byte longer than the longest.
const BEHIND: [u8; 49] = [0xff; 49];

fn bytes_of(ids: &Ids) -> Vec<u8> {
    ids.iter().flat_map(|id| *id.as_bytes()).collect()
}

/// Keys of a range of which the node has sent something that is kept aside here: what it holds is more
/// than the book has, and no fault.
///
/// # Errors
/// What Postgres says.
pub async fn kept_aside(tx: &Tx, node_id: NodeId, range: &KeyRange) -> Result<BTreeSet<Ids>, Error> {
    match range.kind {
        Kind::Cart => {}
        Kind::Warehouse
        | Kind::Category
        | Kind::Product
        | Kind::Stock
        | Kind::Allotment
        | Kind::User
        | Kind::Address
        | Kind::Order
        | Kind::Review
        | Kind::Concern
        | Kind::Transfer
        | Kind::Delivery
        | Kind::Return
        | Kind::Rule
        | Kind::Confirmation
        | Kind::Synonyms
        | Kind::Verdict => return Ok(BTreeSet::new()),
    }
    let sql = "select a.cart_id from cart_states_aside a join incarnations i using (incarnation_id)
               where i.node_id = $1";
    let rows = tx.query(sql, &[&node_id]).await?;
    let ids: Result<BTreeSet<Ids>, Error> = rows.iter().map(|row| Ok(vec![row.try_get(0)?])).collect();
    Ok(ids?.into_iter().filter(|ids| range.has(ids)).collect())
}
