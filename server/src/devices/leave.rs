//! A device that leaves in good order: for good, or for another place.

use outpost_schema::{
    device::Card,
    id::{NodeId, WarehouseId},
    leaving::{Leaving, Missing},
    money::Money,
    stock::SalePolicy,
    verdict::ConcernKind,
};

use super::{
    Act, Bound, Done, Outcome, Signed, Undone, begin, check, keep, resume_within, rows, suspend_within, suspended,
};
use crate::{
    db::{Tx, concerns, devices::Device},
    nodes,
    server::Server,
};

/// Closes a device that has told all and given all back; its name and its receipts' prefix stay taken. As long as
/// something is missing it is suspended only, and told what to do. `is_lost` closes one that will never say that it
/// has told everything.
///
/// # Errors
/// [`Undone::Unheard`], [`Undone::StillOpen`], [`Undone::OpsWait`], [`Undone::NotClosed`], and the other [`Undone`]s.
pub async fn retire(server: &Server, node_id: NodeId, is_lost: bool, signed: &Signed) -> Result<Done, Undone> {
    check(signed)?;
    let work = |tx: Tx| async move { retire_within(server, &tx, node_id, is_lost, signed).await };
    let done = server.db.transaction(work).await?;
    server.ring();
    done
}

async fn retire_within(server: &Server, tx: &Tx, node_id: NodeId, is_lost: bool, signed: &Signed) -> Outcome<Done> {
    let device = match begin(tx, node_id, Act::Retire, signed).await? {
        Ok((_, Some(done))) => return Ok(Ok(done)),
        Ok((device, None)) if device.retired_at.is_none() => device,
        Ok(_) => return Ok(Err(Undone::Retired)),
        Err(undone) => return Ok(Err(undone)),
    };
    // It is told that it is to close, and is granted nothing while it does.
    suspend_within(server, tx, &device, signed).await?;
    let is_closed = device.lives.last().is_some_and(|life| life.is_closed);
    let bound = rows::bound(tx, node_id).await?;
    if let Some(missing) = leaving(bound, &device).keeps_it_open(is_closed, is_lost) {
        return Ok(Err(undone(missing, bound, &device)));
    }
    concerns::renew(tx, &[suspended(&device, signed, true)]).await?;
    concerns::close(tx, &[(ConcernKind::Suspended, node_id.to_string())], server.now()).await?;
    rows::retire(tx, node_id, server.now()).await?;
    Ok(Ok(keep(server, tx, (node_id, Act::Retire), signed, (0, Money::ZERO)).await?))
}

fn leaving(bound: Bound, device: &Device) -> Leaving {
    let is_unheard = device.lives.iter().any(|life| life.report_owed);
    Leaving { open: bound.units, waiting: device.waiting, is_unheard }
}

const fn undone(missing: Missing, bound: Bound, device: &Device) -> Undone {
    match missing {
        Missing::Unheard => Undone::Unheard,
        Missing::StillOpen => Undone::StillOpen(bound),
        Missing::OpsWait => Undone::OpsWait(device.waiting),
        Missing::NotClosed => Undone::NotClosed,
    }
}

/// Where a device goes.
#[derive(Clone, Debug)]
pub struct Moving {
    /// Where it will stand.
    pub to: WarehouseId,
    /// Further warehouses that it receives news of.
    pub also: Vec<WarehouseId>,
    /// Whether only it sells from there.
    pub is_home: bool,
    /// What happens beyond its allotment; by default physical at a home, strict elsewhere.
    pub policy: Option<SalePolicy>,
    /// The server's address, for the card.
    pub server: String,
}

/// A device goes on at another place, with the card that this answers. If it was suspended it is so no longer.
///
/// # Errors
/// [`Undone::Unheard`], [`Undone::StillOpen`], [`Undone::OpsWait`], [`Undone::StandsThere`], and the other [`Undone`]s; that
/// of a home which another device has.
pub async fn relocate(server: &Server, node_id: NodeId, moving: &Moving, signed: &Signed) -> Result<Card, Undone> {
    check(signed)?;
    let work = |tx: Tx| async move { relocate_within(server, &tx, node_id, moving, signed).await };
    let card = server.db.transaction(work).await??;
    server.ring();
    Ok(card)
}

async fn relocate_within(server: &Server, tx: &Tx, node_id: NodeId, moving: &Moving, signed: &Signed) -> Outcome<Card> {
    let device = match begin(tx, node_id, Act::Move, signed).await? {
        Ok((device, None)) if device.retired_at.is_none() => device,
        // It is there; this is its card again.
        Ok((_, Some(_))) => {
            return Ok(Ok(rows::card(tx, node_id, moving.policy, server.currency, &moving.server).await?));
        }
        Ok(_) => return Ok(Err(Undone::Retired)),
        Err(undone) => return Ok(Err(undone)),
    };
    // Told first: whoever gave everything back for it would have done so in vain.
    if let Some(is_home) = rows::stands_at(tx, node_id, moving.to).await?.filter(|is_home| *is_home != moving.is_home) {
        return Ok(Err(Undone::StandsThere { is_home }));
    }
    let bound = rows::bound(tx, node_id).await?;
    if let Some(missing) = leaving(bound, &device).keeps_it_here() {
        return Ok(Err(undone(missing, bound, &device)));
    }
    let scope = nodes::scope(tx, moving.to, &moving.also).await?;
    rows::relocate(tx, node_id, &scope).await?;
    if moving.is_home {
        nodes::move_in(server, tx, moving.to, node_id).await?;
    }
    resume_within(server, tx, &device).await?;
    keep(server, tx, (node_id, Act::Move), signed, (0, Money::ZERO)).await?;
    Ok(Ok(rows::card(tx, node_id, moving.policy, server.currency, &moving.server).await?))
}
