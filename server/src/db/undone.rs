//! Receipts that were taken back, each once.

use std::collections::BTreeSet;

use outpost_schema::{
    id::IncarnationId,
    journal::Mark,
    settle::{Author, Touched},
};

use super::Tx;
use crate::error::Error;

/// Those of the receipts that a batch takes back which were taken back before, in whichever life of the author's
/// device.
pub(super) async fn before(
    tx: &Tx,
    author: &Author,
    touched: &Touched,
) -> Result<BTreeSet<(IncarnationId, Mark)>, Error> {
    if touched.undone.is_empty() {
        return Ok(BTreeSet::new());
    }
    let lives: Vec<_> = author.elders.iter().copied().chain([author.incarnation_id]).collect();
    let (seqs, hashes): (Vec<_>, Vec<_>) = touched.undone.iter().map(|mark| (mark.seq, mark.hash)).unzip();
    let sql = "select u.incarnation_id, u.seq, u.hash
               from unnest($2::bigint[], $3::bytea[]) as m (seq, hash)
               join receipts_undone u on u.incarnation_id = any($1) and u.seq = m.seq and u.hash = m.hash";
    let rows = tx.query(sql, &[&lives, &seqs, &hashes]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, Mark { seq: row.try_get(1)?, hash: row.try_get(2)? }))).collect()
}

/// Keeps those that were taken back for the first time.
pub(super) async fn insert(tx: &Tx, undone: &BTreeSet<(IncarnationId, Mark)>) -> Result<(), Error> {
    if undone.is_empty() {
        return Ok(());
    }
    let lives: Vec<_> = undone.iter().map(|(life, _)| *life).collect();
    let (seqs, hashes): (Vec<_>, Vec<_>) = undone.iter().map(|(_, mark)| (mark.seq, mark.hash)).unzip();
    tx.execute(
        "insert into receipts_undone (incarnation_id, seq, hash)
         select * from unnest($1::uuid[], $2::bigint[], $3::bytea[])",
        &[&lives, &seqs, &hashes],
    )
    .await
    .map(drop)
}
