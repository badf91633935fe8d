//! Which life of the database this is, how another begins, and how head office recovers.
//!
//! A database that was restored, promoted, moved to another cluster or set back by hand has forgotten
//! what it told since. It begins a new *epoch*: every node starts the feed anew, pushes again what was
//! lost and *reports* what it had been granted; until each journal that may hold units has reported or
//! is given up, nothing is granted and nothing is held. That is what keeps a unit from being promised
//! twice by a server that forgot its first promise. Facts are taken all the while.
//!
//! A device may say falsely that it is ahead of the server. It is believed once, and again only after it
//! has reported and pushed what it claimed: so all it can do is to make head office hear from its
//! devices once more.

pub mod high_water;
pub mod report;
pub mod stands;
#[cfg(test)]
mod tests;

use outpost_schema::{
    id::{EpochId, IncarnationId},
    verdict::ConcernKind,
    world::World,
};
use outpost_sync::wire::Caller;
use serde_json::{Value, json};

pub use crate::db::epochs::{Awaited, Cluster, Epoch};
use crate::{
    db::{Tx, concerns, epochs, grants, journals, settings, short},
    error::Error,
    server::Server,
    stage::{self, Moment, Work},
    withdraw,
};

/// Why an epoch begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A network begins.
    First,
    /// The database lies in another cluster: it was moved or restored by a dump.
    OtherCluster {
        /// The one that the last epoch began in.
        was: Cluster,
    },
    /// A standby was promoted, or the cluster was set back to a moment.
    Promoted {
        /// The timeline that the last epoch began on.
        was: i32,
        /// The present one.
        is: i32,
    },
    /// It was restored, and whoever did it says so.
    Restored {
        /// From what, for people.
        from: String,
    },
    /// Its data folder was copied back: it had come further.
    SetBack {
        /// The transaction that had been reached.
        reached: u64,
        /// The one that it is at.
        is: u64,
    },
    /// A node was acknowledged further than the server knows.
    NodeAhead {
        /// Whose journal.
        incarnation_id: IncarnationId,
        /// How far it says that it was acknowledged in this epoch.
        claimed: i64,
        /// How far the server has it.
        is: i64,
    },
    /// A node has read the feed further than it goes.
    CursorAhead {
        /// Whose journal it is.
        incarnation_id: IncarnationId,
        /// The transaction that its cursor has reached.
        claimed: u64,
        /// The one that the database is at.
        is: u64,
    },
}

impl Reason {
    /// In one word, kept with the epoch.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::OtherCluster { .. } => "other_cluster",
            Self::Promoted { .. } => "promoted",
            Self::Restored { .. } => "restored",
            Self::SetBack { .. } => "set_back",
            Self::NodeAhead { .. } => "node_ahead",
            Self::CursorAhead { .. } => "cursor_ahead",
        }
    }

    /// Its figures, for people.
    fn detail(&self) -> Value {
        match self {
            Self::First => json!({}),
            Self::OtherCluster { was } => json!({ "was": was.system_identifier }),
            Self::Promoted { was, is } => json!({ "was": was, "is": is }),
            Self::Restored { from } => json!({ "from": from }),
            Self::SetBack { reached, is } => json!({ "reached": reached, "is": is }),
            Self::NodeAhead { incarnation_id, claimed, is } => {
                json!({ "incarnation": incarnation_id, "claimed": claimed, "is": is })
            }
            Self::CursorAhead { incarnation_id, claimed, is } => {
                json!({ "incarnation": incarnation_id, "claimed": claimed, "is": is })
            }
        }
    }
}

/// Whether a database that is at `here` lives another life than the one last known, and why. Pure.
pub fn compare(last: Option<&Cluster>, here: &Cluster) -> Option<Reason> {
    match last {
        None => Some(Reason::First),
        Some(was) if was.system_identifier != here.system_identifier => Some(Reason::OtherCluster { was: was.clone() }),
        Some(was) if was.timeline != here.timeline => Some(Reason::Promoted { was: was.timeline, is: here.timeline }),
        Some(_) => None,
    }
}

/// The present epoch; begins the next one if the database lives elsewhere than when the last one began.
///
/// # Errors
/// If it cannot be read or kept.
pub async fn present(tx: &Tx, world: &dyn World) -> Result<Epoch, Error> {
    epochs::lock(tx).await?;
    let (last, here) = (epochs::newest(tx).await?, epochs::here(tx).await?);
    match (compare(last.as_ref().map(|epoch| &epoch.cluster), &here), last) {
        (None, Some(epoch)) => Ok(epoch),
        (Some(reason), _) => begin(tx, world, &reason).await,
        (None, None) => begin(tx, world, &Reason::First).await,
    }
}

/// Begins an epoch: all cursors are of another life, and every active journal owes a report.
///
/// # Errors
/// If it cannot be kept.
pub async fn begin(tx: &Tx, world: &dyn World, reason: &Reason) -> Result<Epoch, Error> {
    epochs::lock(tx).await?;
    let (last, cluster, now) = (epochs::newest(tx).await?, epochs::here(tx).await?, world.now());
    // Waits for every push that is being booked; what it grants still belongs to the last epoch.
    let waits_for = epochs::ask_for_reports(tx).await?;
    let is_elsewhere = last.as_ref().is_some_and(|last| last.cluster.system_identifier != cluster.system_identifier);
    if is_elsewhere || epochs::is_feed_ahead(tx).await? {
        epochs::stamp_feed(tx).await?;
        short::stamp(tx).await?;
    }
    let epoch = Epoch {
        number: last.as_ref().map_or(1, |last| last.number + 1),
        epoch_id: EpochId::new(now, world.id_chance()),
        cluster,
        started_at: now,
        reason: reason.word().to_owned(),
        recovered_at: (waits_for == 0).then_some(now),
    };
    epochs::insert(tx, &epoch, &reason.detail()).await?;
    if last.is_some() {
        tell(tx, world, &epoch, reason, waits_for).await?;
    }
    stage::reach(Work::Epoch, Moment::BeforeCommit);
    Ok(epoch)
}

async fn tell(tx: &Tx, world: &dyn World, epoch: &Epoch, reason: &Reason, waits_for: i64) -> Result<(), Error> {
    let Epoch { number, epoch_id, .. } = epoch;
    tracing::warn!(
        number,
        reason = reason.word(),
        waits_for,
        "the database lives another life; hearing from all devices"
    );
    let detail =
        json!({ "epoch": number, "reason": reason.word(), "figures": reason.detail(), "waits_for": waits_for });
    let concern = concerns::for_head_office(ConcernKind::ServerRestored, epoch_id.to_string(), detail);
    concerns::open(tx, world, None, &[concern], epoch.started_at).await
}

/// What a node says that cannot be, unless the database was set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was acknowledged in this epoch up to here.
    Acknowledged(i64),
    /// It has read the feed up to this transaction.
    Read(u64),
}

/// Hears a node's claim to be ahead, made in the epoch `said`, and begins the next epoch if it is to be
/// believed. None if it is not: the claim is no longer true, or the journal has used up its credit.
///
/// # Errors
/// If Postgres fails.
pub async fn hear_claim(server: &Server, caller: Caller, said: EpochId, claim: Claim) -> Result<Option<Epoch>, Error> {
    let heard = server.db.transaction(|tx| async move { hear(&tx, &*server.world, caller, said, claim).await }).await?;
    if heard.is_some() {
        server.ring();
    }
    Ok(heard)
}

async fn hear(tx: &Tx, world: &dyn World, caller: Caller, said: EpochId, claim: Claim) -> Result<Option<Epoch>, Error> {
    epochs::lock(tx).await?;
    let Caller { incarnation_id, .. } = caller;
    match epochs::newest(tx).await? {
        Some(epoch) if epoch.epoch_id == said => {}
        // Somebody else's claim was heard meanwhile.
        other => return Ok(other),
    }
    let Some(credit) = epochs::credit(tx, incarnation_id).await? else { return Ok(None) };
    let (reason, made_good_at) = match claim {
        Claim::Acknowledged(claimed) if claimed > credit.acked_seq => {
            (Reason::NodeAhead { incarnation_id, claimed, is: credit.acked_seq }, claimed)
        }
        Claim::Read(claimed) => {
            (Reason::CursorAhead { incarnation_id, claimed, is: epochs::xmax(tx).await? }, credit.acked_seq + 1)
        }
        Claim::Acknowledged(_) => return Ok(None),
    };
    if !credit.is_good() {
        tracing::warn!(%incarnation_id, reason = reason.word(), "a device says again that it is ahead; not believed");
        return Ok(None);
    }
    let epoch = begin(tx, world, &reason).await?;
    epochs::note_claim(tx, incarnation_id, made_good_at).await?;
    Ok(Some(epoch))
}

impl epochs::Credit {
    /// Whether its claims are believed: it made good what it claimed before.
    const fn is_good(self) -> bool {
        self.is_active && !self.report_owed && self.acked_seq >= self.claimed_seq
    }
}

/// Stops waiting for a journal. What it has open stays promised: it is in doubt.
///
/// # Errors
/// If Postgres fails.
pub async fn give_up(server: &Server, incarnation_id: IncarnationId) -> Result<(), Error> {
    server
        .db
        .transaction(|tx| async move {
            journals::lock(&tx, incarnation_id).await?;
            epochs::give_up(&tx, incarnation_id, server.now()).await?;
            end_if_all_heard(server, &tx).await?;
            withdraw::look_at(server, &tx, Some(incarnation_id)).await
        })
        .await?;
    server.ring();
    Ok(())
}

/// A life that is over and told sells nothing any more, so nobody waits for what it was granted.
///
/// # Errors
/// If Postgres fails.
pub(crate) async fn let_go(server: &Server, tx: &Tx, incarnation_id: IncarnationId) -> Result<(), Error> {
    epochs::note_reported(tx, incarnation_id).await?;
    end_if_all_heard(server, tx).await
}

/// Ends the recovery once nobody is waited for: homes get what became available meanwhile.
///
/// # Errors
/// If Postgres fails.
pub(crate) async fn end_if_all_heard(server: &Server, tx: &Tx) -> Result<(), Error> {
    if epochs::end_recovery(tx, server.now()).await? {
        tracing::info!("every device was heard or given up; stock is promised again");
        grants::of_homes(tx, settings::kept_back(tx).await?, server.now()).await?;
        withdraw::look_at(server, tx, None).await?;
    }
    Ok(())
}

/// How head office stands with its devices since the epoch began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The present epoch.
    pub epoch: Epoch,
    /// Whose reports are waited for.
    pub awaited: Vec<Awaited>,
}

/// How head office stands with its devices.
///
/// # Errors
/// If Postgres fails.
pub async fn recovery(server: &Server) -> Result<Recovery, Error> {
    server
        .db
        .snapshot(|tx| async move {
            let epoch = epochs::newest(&tx).await?;
            let epoch = epoch.ok_or_else(|| Error::NotFound { what: "epoch", name: "of this database".to_owned() })?;
            Ok(Recovery { epoch, awaited: epochs::awaited(&tx).await? })
        })
        .await
}

/// Whether nothing is promised now, and for whom is waited, for a sentence.
///
/// # Errors
/// If Postgres fails.
pub async fn waited_for(tx: &Tx) -> Result<Option<String>, Error> {
    match epochs::newest(tx).await? {
        Some(epoch) if epoch.is_recovering() => {
            let names: Vec<String> = epochs::awaited(tx).await?.into_iter().map(|awaited| awaited.node).collect();
            Ok(Some(names.join(", ")))
        }
        Some(_) | None => Ok(None),
    }
}
