//! Devices that are lost, stolen, closed or moved.
//!
//! *Suspend*: it is granted nothing more and is told so; its facts go on being booked. *Write off*: what it could
//! sell leaves the book as lost; exact, because what it tells late comes back into the book first. *Reclaim*: others
//! may sell what it could; up to that bound is oversold if it sells all the same. *Retire*: it has told all and given
//! all back. *Move*: the same, and it goes on elsewhere. Each act has an id and is done once, and says who did it.

mod leave;
mod lose;

use outpost_schema::{
    device::IncarnationState,
    fault::Fault,
    id::NodeId,
    money::Money,
    planted::{Bug, is_planted},
    settle::Raised,
    text,
    verdict::ConcernKind,
};
use outpost_sync::wire::Problem;
use serde_json::json;
use thiserror::Error as ThisError;
use uuid::Uuid;

pub use self::{
    leave::{Moving, relocate, retire},
    lose::{look_at_write_offs, reclaim, write_off},
};
pub use crate::db::devices::{Bound, Done};
use crate::{
    db::{Tx, concerns, devices as rows, devices::Device, warehouses},
    error::Error,
    grants,
    server::Server,
    withdraw,
};

/// Who does it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Made by whoever asks: asked for again, it is done once.
    pub act_id: Uuid,
    /// Who.
    pub by: String,
    /// Why, in a sentence.
    pub note: Option<String>,
}

/// What is done to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// See [`suspend`].
    Suspend,
    /// See [`resume`].
    Resume,
    /// See [`write_off`].
    WriteOff,
    /// See [`reclaim`].
    Reclaim,
    /// See [`retire`].
    Retire,
    /// See [`relocate`].
    Move,
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::WriteOff => "write_off",
            Self::Reclaim => "reclaim",
            Self::Retire => "retire",
            Self::Move => "move",
        }
    }
}

/// Why an act was not done.
#[derive(Debug, ThisError)]
pub enum Undone {
    /// The device has more or less open than the operator agreed to.
    #[error("this device may sell {} units by now (worth {}), not what was agreed to; look again and agree to that", .0.units, .0.worth)]
    BoundChanged(Bound),
    /// Head office was put back, and has not heard it since.
    #[error(
        "head office was put back and has not heard from this device since, so nobody knows what it may sell; let it call first"
    )]
    Unheard,
    /// It may still sell something.
    #[error(
        "it may still sell {} units (worth {}); on it: outpost-node retire (or give-back --all to move it), or without it: \
         outpost-server nodes write-off or reclaim", .0.units, .0.worth
    )]
    StillOpen(Bound),
    /// Some of what it said is not booked.
    #[error("{0} of its ops wait to be booked; see outpost-server concerns list, and settle those first")]
    OpsWait(i64),
    /// It has not said that it told everything.
    #[error(
        "it has not closed its journal, so it may have sales that were never told; on it: outpost-node retire, \
         or if it is gone for good, say so with --lost"
    )]
    NotClosed,
    /// The book has it there, and whether only it sells there would change while it does.
    #[error(
        "it stands there already, {}; to change that move it to another place, and back once it has taken that card",
        beside(*.is_home)
    )]
    StandsThere {
        /// Whether only it sells there.
        is_home: bool,
    },
    /// It is closed.
    #[error("this device is retired; add another one with outpost-server node add")]
    Retired,
    /// Another act has this id.
    #[error("another act has this id; ask again with a fresh one")]
    ActTaken,
    /// The machine failed, or something named is not there.
    #[error("{0}")]
    Server(#[from] Error),
}

const fn beside(is_home: bool) -> &'static str {
    if is_home { "where only it sells" } else { "where others sell, too" }
}

impl Undone {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BoundChanged(_) => "bound_changed",
            Self::Unheard => "unheard",
            Self::StillOpen(_) => "still_open",
            Self::OpsWait(_) => "ops_wait",
            Self::NotClosed => "not_closed",
            Self::StandsThere { .. } => "stands_there",
            Self::Retired => "retired",
            Self::ActTaken => "act_taken",
            Self::Server(error) => error.code(),
        }
    }
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Self {
        Self::new(undone.code(), undone.to_string())
    }
}

impl From<Fault> for Undone {
    fn from(fault: Fault) -> Self {
        Self::Server(fault.into())
    }
}

/// What an act came to within its transaction.
type Outcome<T> = Result<Result<T, Undone>, Error>;

/// A device that is locked, or why nothing is to be done; an act that was done already is told again.
async fn begin(tx: &Tx, node_id: NodeId, act: Act, signed: &Signed) -> Outcome<(Device, Option<Done>)> {
    let device = rows::lock(tx, node_id).await?;
    let device = device.ok_or_else(|| Error::NotFound { what: "device", name: node_id.to_string() })?;
    match rows::act(tx, signed.act_id).await? {
        Some(done) if done.node_id == node_id && done.act == act.word() => Ok(Ok((device, Some(done)))),
        Some(_) => Ok(Err(Undone::ActTaken)),
        None => Ok(Ok((device, None))),
    }
}

/// Keeps what was done, to which bound.
async fn keep(
    server: &Server,
    tx: &Tx,
    of: (NodeId, Act),
    signed: &Signed,
    (units, worth): (i64, Money),
) -> Result<Done, Error> {
    let (node_id, act) = of;
    let done = Done {
        act_id: signed.act_id,
        node_id,
        act: act.word().to_owned(),
        by: signed.by.trim().to_owned(),
        note: signed.note.clone(),
        units,
        worth,
        at: server.now(),
    };
    rows::keep(tx, &done).await?;
    Ok(done)
}

fn check(signed: &Signed) -> Result<(), Fault> {
    text::require("by", &signed.by, text::LINE_MAX)?;
    signed.note.as_deref().map_or(Ok(()), |note| text::check("note", note, text::LINE_MAX))
}

/// A device is granted nothing more, and is told so: it sells nothing once it hears of it. What it has open stays
/// promised to it, and what it tells is booked.
///
/// # Errors
/// [`Undone`].
pub async fn suspend(server: &Server, node_id: NodeId, signed: &Signed) -> Result<Done, Undone> {
    switch(server, node_id, Act::Suspend, signed).await
}

/// A suspended device goes on as before; at its home it gets what became available.
///
/// # Errors
/// [`Undone`].
pub async fn resume(server: &Server, node_id: NodeId, signed: &Signed) -> Result<Done, Undone> {
    switch(server, node_id, Act::Resume, signed).await
}

async fn switch(server: &Server, node_id: NodeId, act: Act, signed: &Signed) -> Result<Done, Undone> {
    check(signed)?;
    let work = |tx: Tx| async move {
        let device = match begin(&tx, node_id, act, signed).await? {
            Ok((_, Some(done))) => return Ok(Ok(done)),
            Ok((device, None)) if device.retired_at.is_none() => device,
            Ok(_) => return Ok(Err(Undone::Retired)),
            Err(undone) => return Ok(Err(undone)),
        };
        match act {
            Act::Resume => resume_within(server, &tx, &device).await?,
            Act::Suspend | Act::WriteOff | Act::Reclaim | Act::Retire | Act::Move => {
                suspend_within(server, &tx, &device, signed).await?;
            }
        }
        Ok(Ok(keep(server, &tx, (node_id, act), signed, (0, Money::ZERO)).await?))
    };
    let done = server.db.transaction(work).await??;
    server.ring();
    Ok(done)
}

async fn suspend_within(server: &Server, tx: &Tx, device: &Device, signed: &Signed) -> Result<(), Error> {
    rows::set_state(tx, device.node_id, IncarnationState::Active, IncarnationState::Suspended).await?;
    concerns::open(tx, &*server.world, None, &[suspended(device, signed, false)], server.now()).await
}

/// What tells the device: as long as it is open, or if it is retired, the device sells nothing.
fn suspended(device: &Device, signed: &Signed, is_retired: bool) -> Raised {
    Raised {
        kind: ConcernKind::Suspended,
        subject: device.node_id.to_string(),
        detail: json!({ "node": device.node_id, "by": signed.by, "note": signed.note, "retired": is_retired }),
        scope: device.node_id.0,
        seq: None,
    }
}

async fn resume_within(server: &Server, tx: &Tx, device: &Device) -> Result<(), Error> {
    rows::set_state(tx, device.node_id, IncarnationState::Suspended, IncarnationState::Active).await?;
    concerns::close(tx, &[(ConcernKind::Suspended, device.node_id.to_string())], server.now()).await?;
    // What it has to spare of rows that are short it is asked for from now on.
    let newest = device.lives.last().map(|life| life.incarnation_id);
    if let Some(life) = newest.filter(|_| !is_planted(Bug::ResumedUnasked)) {
        withdraw::look_at(server, tx, Some(life)).await?;
    }
    for home in warehouses::homes(tx, device.node_id).await? {
        grants::top_up_warehouse(server, tx, home).await?;
    }
    Ok(())
}

/// The device of that name or id, and what it may sell without asking.
///
/// # Errors
/// [`Error::NotFound`], or the database's.
pub async fn find(server: &Server, name: &str) -> Result<(crate::give_up::Life, Bound), Error> {
    let life = crate::give_up::life(server, name, None).await?;
    let node_id = life.node_id;
    let bound = server.db.snapshot(|tx| async move { rows::bound(&tx, node_id).await }).await?;
    Ok((life, bound))
}
