//! What the other lives of a device have told and carried.

use std::collections::BTreeSet;

use outpost_schema::{
    id::IncarnationId,
    journal::{Entry, Mark},
    settle::{Author, Elder, Known, Touched},
};

use super::held::{held, keep_written_off};
use crate::{db::Tx, error::Error};

/// Those of the earlier lives that are the author's own.
pub(super) async fn elders(tx: &Tx, author: &Author, touched: &Touched, known: &mut Known) -> Result<(), Error> {
    for (life, marks) in touched.elders.iter().filter(|(life, _)| author.elders.contains(life)) {
        let held = held(tx, *life, &touched.stock).await?;
        let allotments = keep_written_off(known, *life, held);
        known.elders.insert(*life, Elder { told: told(tx, *life, marks).await?, allotments });
    }
    Ok(())
}

/// Those of the entries that are decided, told by that life itself or carried before.
async fn told(tx: &Tx, life: IncarnationId, marks: &BTreeSet<Mark>) -> Result<BTreeSet<Mark>, Error> {
    let (seqs, hashes): (Vec<_>, Vec<_>) = marks.iter().map(|mark| (mark.seq, mark.hash)).unzip();
    let rows = tx
        .query(
            "select m.seq, m.hash
             from unnest($2::bigint[], $3::bytea[]) as m (seq, hash)
             where exists (select from ops o where o.incarnation_id = $1 and o.seq = m.seq and o.hash = m.hash
                               and o.verdict <> 'set_aside')
                or exists (select from carried c where c.incarnation_id = $1 and c.seq = m.seq and c.hash = m.hash)",
            &[&life, &seqs, &hashes],
        )
        .await?;
    rows.iter().map(|row| Ok(Mark { seq: row.try_get(0)?, hash: row.try_get(1)? })).collect()
}

/// Those of the entries that a later life of their device has carried.
pub(super) async fn carried(tx: &Tx, life: IncarnationId, entries: &[Entry]) -> Result<BTreeSet<Mark>, Error> {
    let (seqs, hashes): (Vec<_>, Vec<_>) = entries.iter().map(|entry| (entry.seq, entry.hash)).unzip();
    let sql = "select c.seq, c.hash from unnest($2::bigint[], $3::bytea[]) as m (seq, hash)
               join carried c on c.incarnation_id = $1 and c.seq = m.seq and c.hash = m.hash";
    let rows = tx.query(sql, &[&life, &seqs, &hashes]).await?;
    rows.iter().map(|row| Ok(Mark { seq: row.try_get(0)?, hash: row.try_get(1)? })).collect()
}
