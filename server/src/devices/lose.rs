//! A device that will not come back: what it could sell is written off, or others get it.

use std::collections::BTreeSet;

use outpost_schema::{
    device::IncarnationState,
    id::{IncarnationId, NodeId},
    settle::write_off::Missing,
    stock::StockKey,
    verdict::ConcernKind,
};

use super::{Act, Done, Outcome, Signed, Undone, begin, check, keep, rows, suspend_within};
use crate::{
    db::{self, Tx, concerns, devices::Device, written_off},
    epoch,
    error::Error,
    grants,
    server::Server,
};

/// Books what a device could sell as lost, and suspends it. `agreed` is the bound that was shown to whoever agrees.
///
/// # Errors
/// [`Undone::BoundChanged`] if it is another by now, and the other [`Undone`]s.
pub async fn write_off(server: &Server, node_id: NodeId, agreed: i64, signed: &Signed) -> Result<Done, Undone> {
    take_away(server, node_id, Act::WriteOff, agreed, signed).await
}

/// Lets others sell what a device could, and waits for it no longer. If it sells all the same, up to `agreed` units
/// are sold that are not there.
///
/// # Errors
/// Those of [`write_off`].
pub async fn reclaim(server: &Server, node_id: NodeId, agreed: i64, signed: &Signed) -> Result<Done, Undone> {
    take_away(server, node_id, Act::Reclaim, agreed, signed).await
}

async fn take_away(server: &Server, node_id: NodeId, act: Act, agreed: i64, signed: &Signed) -> Result<Done, Undone> {
    check(signed)?;
    let work = |tx: Tx| async move { take_away_within(server, &tx, (node_id, act), agreed, signed).await };
    let done = server.db.transaction(work).await??;
    server.ring();
    Ok(done)
}

async fn take_away_within(server: &Server, tx: &Tx, of: (NodeId, Act), agreed: i64, signed: &Signed) -> Outcome<Done> {
    let device = match begin(tx, of.0, of.1, signed).await? {
        Ok((_, Some(done))) => return Ok(Ok(done)),
        Ok((device, None)) => device,
        Err(undone) => return Ok(Err(undone)),
    };
    let lives = device.incarnations();
    written_off::lock_open_rows(tx, &lives).await?;
    let bound = rows::bound(tx, device.node_id).await?;
    if bound.units != agreed {
        return Ok(Err(Undone::BoundChanged(bound)));
    }
    // Waited for no longer, or its home would get at once what is taken; and nobody's hold is withdrawn for what is about
    // to be free.
    for life in &lives {
        db::epochs::give_up(tx, *life, server.now()).await?;
    }
    let keys = match of.1 {
        Act::WriteOff => lose(server, tx, &device, signed).await?,
        Act::Reclaim | Act::Suspend | Act::Resume | Act::Retire | Act::Move => free(server, tx, &lives).await?,
    };
    epoch::end_if_all_heard(server, tx).await?;
    grants::after_change(server, tx, &keys).await?;
    nothing_is_in_doubt(server, tx, &device).await?;
    Ok(Ok(keep(server, tx, of, signed, (bound.units, bound.worth)).await?))
}

async fn lose(server: &Server, tx: &Tx, device: &Device, signed: &Signed) -> Result<BTreeSet<StockKey>, Error> {
    // One that is closed sells nothing as it is, and nobody could end the concern.
    if device.retired_at.is_none() {
        suspend_within(server, tx, device, signed).await?;
    }
    let lives = device.incarnations();
    let act = written_off::Act { act_id: signed.act_id, note: signed.note.as_deref(), at: server.now() };
    let lost = written_off::write_off(tx, &lives, act).await?;
    let left = written_off::left(tx, &lives).await?;
    let told: Vec<_> = left.iter().filter(|missing| missing.units() > 0).map(Missing::concern).collect();
    concerns::open(tx, &*server.world, None, &told, server.now()).await?;
    Ok(lost.keys)
}

async fn free(server: &Server, tx: &Tx, lives: &[IncarnationId]) -> Result<BTreeSet<StockKey>, Error> {
    let mut keys = BTreeSet::new();
    for life in lives {
        keys.extend(db::grants::reclaim(tx, *life, None, server.now()).await?.keys);
    }
    Ok(keys)
}

/// Somebody has decided about what earlier lives of it had in doubt.
async fn nothing_is_in_doubt(server: &Server, tx: &Tx, device: &Device) -> Result<(), Error> {
    let over = device.lives.iter().filter(|life| life.state == IncarnationState::Superseded);
    let over: Vec<_> = over.map(|life| (ConcernKind::LifeBegun, life.incarnation_id.to_string())).collect();
    concerns::close(tx, &over, server.now()).await
}

/// Something that was written off came back: what is told of it follows, and is over once nothing is missing.
///
/// # Errors
/// If Postgres fails.
pub async fn look_at_write_offs(
    server: &Server,
    tx: &Tx,
    reduced: &BTreeSet<(IncarnationId, StockKey)>,
) -> Result<(), Error> {
    if reduced.is_empty() {
        return Ok(());
    }
    let lives: BTreeSet<_> = reduced.iter().map(|(life, _)| *life).collect();
    let left = written_off::left(tx, &lives.into_iter().collect::<Vec<_>>()).await?;
    let (missing, over): (Vec<_>, Vec<_>) = left.iter().partition(|missing| missing.units() > 0);
    concerns::renew(tx, &missing.into_iter().map(Missing::concern).collect::<Vec<_>>()).await?;
    let over: Vec<_> = over.into_iter().map(|over| (ConcernKind::WrittenOff, over.life.to_string())).collect();
    concerns::close(tx, &over, server.now()).await
}
