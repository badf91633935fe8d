//! How far the backups that are kept hold each journal: up to there a node may forget it.

use std::collections::BTreeMap;

use outpost_schema::id::{IncarnationId, NodeId};

use super::Tx;
use crate::error::Error;

/// How far the oldest backup that is kept holds each journal of this node; nothing while there is none.
///
/// # Errors
/// If Postgres fails.
pub async fn archived(tx: &Tx, node_id: NodeId) -> Result<BTreeMap<IncarnationId, i64>, Error> {
    if tx.query_opt("select 1 where to_regclass('backup_marks') is not null", &[]).await?.is_none() {
        return Ok(BTreeMap::new());
    }
    let rows = tx
        .query(
            "select m.incarnation_id, m.seq
             from backup_marks m join incarnations i using (incarnation_id)
             where i.node_id = $1
               and m.backup_id = (select backup_id from backups order by taken_at, backup_id limit 1)",
            &[&node_id],
        )
        .await?;
    Ok(rows.iter().map(|row| Ok::<_, Error>((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>()?)
}
