//! What becomes of a hold that stands: it is released, lasts longer, or becomes allotment. An order that uses it up
//! comes with a push, and expiry with whoever needs the units, or with the sweeper.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::{HoldId, IncarnationId},
    planted::{Bug, is_planted},
    stock::StockKey,
};
use outpost_sync::{
    hold::{self, Extension},
    wire::{Caller, HoldPlaced},
};

use super::{Unheld, refusal};
use crate::{
    db::{Tx, ground, holds, nodes},
    epoch,
    error::Error,
    grants,
    server::Server,
    stage::{self, Moment, Work},
};

/// How often expired holds are released, so that the feed tells what is free again.
const SWEEP: Duration = Duration::from_secs(5);

/// Expired lines looked at in one sweep.
const SWEPT_MAX: i64 = 1_000;

/// Who does something with a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A device, over the line.
    Node(Caller),
    /// Somebody at head office.
    Office,
}

impl By {
    /// Whether more may be held for it; none if nobody knows it.
    async fn may_hold(self, tx: &Tx) -> Result<Option<bool>, Error> {
        match self {
            Self::Node(caller) => {
                let state = holds::known(tx, &[caller]).await?.state(&caller);
                Ok(state.map(|state| refusal(Some(state)).is_none()))
            }
            Self::Office => Ok(Some(true)),
        }
    }
}

/// Releases a hold; one that is released or expired already, or that an order used up, stays so.
///
/// # Errors
/// [`Unheld`]; [`Unheld::Closed`] if it became allotment.
pub async fn release(server: &Server, by: By, hold_id: HoldId) -> Result<(), Unheld> {
    let now = server.now();
    server.db.transaction(|tx| async move { release_within(server, &tx, by, hold_id, now).await }).await??;
    server.ring();
    Ok(())
}

async fn release_within(
    server: &Server,
    tx: &Tx,
    by: By,
    hold_id: HoldId,
    now: Timestamp,
) -> Result<Result<(), Unheld>, Error> {
    if by.may_hold(tx).await?.is_none() {
        return Ok(Err(Unheld::UnknownNode));
    }
    let Some(found) = holds::lock(tx, hold_id, now).await? else { return Ok(Err(Unheld::UnknownHold)) };
    if found.open().is_empty() {
        return Ok(if found.allotted_to.is_some() { Err(Unheld::Closed) } else { Ok(()) });
    }
    holds::release(tx, hold_id, now).await?;
    grants::after_change(server, tx, &found.rows()).await?;
    Ok(Ok(()))
}

/// Lets a hold last until a moment, and says until when it lasts. Asked again it is the same; a hold that lasts
/// longer already stays as it is. One whose time has come still has what nobody has released since, and is placed
/// again where it was released for no other reason, if all of that is there.
///
/// # Errors
/// [`Unheld`]; [`Unheld::NothingLeft`] if its time came and others have the units now, [`Unheld::Closed`] if it ended
/// in another way.
pub async fn extend(server: &Server, by: By, hold_id: HoldId, until: Timestamp) -> Result<HoldPlaced, Unheld> {
    let now = server.now();
    let (answer, has_news) = server
        .db
        .transaction(|tx| async move {
            let mut changed = BTreeSet::new();
            let answer = extend_within(&tx, by, (hold_id, until), &mut changed, now).await?;
            grants::after_change(server, &tx, &changed).await?;
            Ok((answer, !changed.is_empty()))
        })
        .await?;
    if has_news {
        server.ring();
    }
    answer
}

/// Notes the stock rows that it changes.
async fn extend_within(
    tx: &Tx,
    by: By,
    (hold_id, until): (HoldId, Timestamp),
    changed: &mut BTreeSet<StockKey>,
    now: Timestamp,
) -> Result<Result<HoldPlaced, Unheld>, Error> {
    let Some(may_hold) = by.may_hold(tx).await? else { return Ok(Err(Unheld::UnknownNode)) };
    if let Some(waits_for) = epoch::waited_for(tx).await? {
        return Ok(Err(Unheld::Recovering { waits_for }));
    }
    let Some(found) = holds::lock(tx, hold_id, now).await? else { return Ok(Err(Unheld::UnknownHold)) };
    let lapsed = holds::lapsed(tx, hold_id).await?;
    let mut rows: BTreeMap<_, _> = found.levels.into_iter().filter(|(key, _)| lapsed.contains(key)).collect();
    let mut extension = hold::extend(&found.lines, &rows, until, now);
    if let Extension::NothingLeft(_) = extension {
        // Nobody is refused because of a hold that is over.
        rows.extend(ground::release_expired(tx, &lapsed, now).await?);
        changed.extend(lapsed);
        extension = hold::extend(&found.lines, &rows, until, now);
    }
    let (lasts, again) = match extension {
        Extension::Lasts(_, again) if !may_hold && !again.is_empty() => return Ok(Err(Unheld::Suspended)),
        Extension::Lasts(lasts, again) => (lasts, again),
        Extension::NothingLeft(available) => return Ok(Err(Unheld::NothingLeft { available })),
        Extension::Closed => return Ok(Err(Unheld::Closed)),
        Extension::BadMoment => return Ok(Err(Unheld::BadSeconds)),
        Extension::UnknownHold => return Ok(Err(Unheld::UnknownHold)),
    };
    if !is_planted(Bug::ExtensionForgotten) {
        holds::extend(tx, hold_id, lasts.expires_at).await?;
    }
    holds::open_again(tx, (hold_id, lasts.expires_at), &again, now).await?;
    changed.extend(again.into_keys());
    Ok(Ok(lasts))
}

/// Turns a hold into allotment of the caller's journal, in one transaction: the same units stay
/// promised, to it. Asked again by the same journal it is done already.
///
/// # Errors
/// [`Unheld`].
pub async fn allot(server: &Server, caller: Caller, hold_id: HoldId) -> Result<(), Unheld> {
    let now = server.now();
    server.db.transaction(|tx| async move { allot_within(&tx, caller, hold_id, now).await }).await??;
    stage::reach(Work::HoldAllotted, Moment::AfterCommit);
    server.ring();
    Ok(())
}

async fn allot_within(tx: &Tx, caller: Caller, hold_id: HoldId, now: Timestamp) -> Result<Result<(), Unheld>, Error> {
    match holds::state(tx, caller).await? {
        Some(IncarnationState::Active) => {}
        Some(IncarnationState::Frozen | IncarnationState::Superseded) => return Ok(Err(Unheld::Frozen)),
        other @ (None | Some(IncarnationState::Suspended | IncarnationState::Retired)) => {
            return Ok(Err(refusal(other).unwrap_or(Unheld::Frozen)));
        }
    }
    if let Some(waits_for) = epoch::waited_for(tx).await? {
        return Ok(Err(Unheld::Recovering { waits_for }));
    }
    let Some(found) = holds::lock(tx, hold_id, now).await? else { return Ok(Err(Unheld::UnknownHold)) };
    let mut open = found.open();
    if open.is_empty() || hold::is_cut(&found.lines) {
        let is_done = found.allotted_to == Some(caller.incarnation_id);
        return Ok(if is_done { Ok(()) } else { Err(Unheld::Closed) });
    }
    let places = nodes::places(tx, caller.node_id).await?;
    if is_planted(Bug::ElsewhereLeftOut) {
        open.retain(|key, _| places.contains(&key.warehouse_id));
    }
    if open.keys().any(|key| !places.contains(&key.warehouse_id)) {
        return Ok(Err(Unheld::Elsewhere));
    }
    let raised = raised(tx, caller.incarnation_id, &open).await?;
    holds::allot(tx, hold_id, (caller.incarnation_id, &raised), now).await?;
    stage::reach(Work::HoldAllotted, Moment::BeforeCommit);
    Ok(Ok(()))
}

/// What a journal has granted of each row once these units are granted too, and by how much more it has open.
async fn raised(
    tx: &Tx,
    incarnation_id: IncarnationId,
    open: &BTreeMap<StockKey, i64>,
) -> Result<BTreeMap<StockKey, (i64, i64)>, Error> {
    let before = ground::allotments(tx, incarnation_id, &open.keys().copied().collect()).await?;
    let raise = |(key, units): (&StockKey, &i64)| {
        let before = before.get(key).copied().unwrap_or_default();
        let after = before.grant(*units);
        (*key, (after.granted, after.open() - before.open()))
    };
    Ok(open.iter().map(raise).collect())
}

/// Releases expired holds now and then, for as long as it is polled. Nothing rests on it but how fresh the
/// feed is.
pub async fn keep_swept(server: Arc<Server>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        if let Err(error) = sweep(&server).await {
            tracing::warn!("expired holds are released later: {error}");
        }
    }
}

/// Releases expired holds.
///
/// # Errors
/// The database's.
pub async fn sweep(server: &Server) -> Result<(), Error> {
    let now = server.now();
    let has_news = server
        .db
        .transaction(|tx| async move {
            let keys = holds::expired_rows(&tx, now, SWEPT_MAX).await?;
            if keys.is_empty() {
                return Ok(false);
            }
            ground::stock(&tx, &keys, now).await?;
            ground::release_expired(&tx, &keys, now).await?;
            grants::after_change(server, &tx, &keys).await?;
            Ok(true)
        })
        .await?;
    if has_news {
        server.ring();
    }
    Ok(())
}
