//! Holds: promises made online, with an expiry, that count until they are closed.
//!
//! Many callers who want one product are served in groups. Whoever asks is put into a lane; while
//! one transaction commits, the next callers gather, and all that wait are settled by the next one.
//! A row is locked once for all of them instead of once for each, so more callers make it faster.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    id::HoldId,
    planted::{Bug, is_planted},
    stock::{Level, StockKey},
};
use outpost_sync::{
    hold::{Answer, Decided, decide, key_of},
    wire::{Caller, HOLD_SECONDS_MAX, HoldPlaced, HoldWanted},
};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::{
    db::{Tx, ground, holds},
    epoch,
    error::Error,
    grants,
    server::Server,
    stage::{self, Moment, Work},
    wake::Task,
};

/// Groups that are settled side by side. A product has its lane, so two never wait for one row; more
/// lanes would make groups smaller, and each costs its commit.
const LANES: usize = 2;

/// Callers that may wait in a lane: half a second's worth.
const QUEUE_MAX: usize = 8_192;

/// Callers settled in one transaction: past the knee of its curve, and still a millisecond or two.
const GROUP_MAX: usize = 256;

/// How often expired holds are released, so that the feed tells what is free again.
const SWEEP: Duration = Duration::from_secs(5);

/// Expired holds looked at in one sweep.
const SWEPT_MAX: i64 = 1_000;

/// Why there is no such hold.
#[derive(Clone, Debug, Error)]
pub enum Unheld {
    /// Too few are left.
    #[error("{available} are available; hold no more than that, or ask again after a delivery")]
    NothingLeft {
        /// How many are.
        available: i64,
    },
    /// Another hold has this id.
    #[error("this id is another hold's; make a new id for each hold")]
    IdTaken,
    /// It is over.
    #[error("this hold was released, has expired or became allotment; place a new one with a new id")]
    Closed,
    /// There never was one.
    #[error("there is no hold with this id")]
    UnknownHold,
    /// Nothing to hold.
    #[error("there is no such product at this warehouse; look at the catalogue")]
    UnknownStock,
    /// The caller is no node with such a journal.
    #[error(
        "no node of this network has this journal; check the address of the server, or join with a card from `outpost-server node add` in an empty folder"
    )]
    UnknownNode,
    /// The caller's journal takes no grants.
    #[error("this device's journal is frozen and takes no allotment until head office has looked at it")]
    Frozen,
    /// Head office suspended the caller's device.
    #[error("head office has suspended this device, so nothing is held for it; ask head office why")]
    Suspended,
    /// The database may have forgotten what it promised, and has not heard it yet.
    #[error(
        "head office was restored and is hearing from its devices, so nothing can be held; it waits for {waits_for}: \
         let them reach it, or give them up with `outpost-server node give-up`"
    )]
    Recovering {
        /// The names of the devices that have not reported.
        waits_for: String,
    },
    /// A time that is none.
    #[error("a hold lasts from 1 to {HOLD_SECONDS_MAX} seconds")]
    BadSeconds,
    /// The lane is full.
    #[error("too many callers want holds at once; ask again in a moment")]
    TooManyWaiting,
    /// The machine failed.
    #[error("{0}")]
    Failed(Arc<Error>),
}

impl Unheld {
    /// The stable code that programs match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingLeft { .. } => "nothing_left",
            Self::IdTaken => "hold_id_taken",
            Self::Closed => "hold_closed",
            Self::UnknownHold => "unknown_hold",
            Self::UnknownStock => "unknown_stock",
            Self::UnknownNode => "unknown_node",
            Self::Frozen => "frozen",
            Self::Suspended => "suspended",
            Self::Recovering { .. } => "recovering",
            Self::BadSeconds => "bad_seconds",
            Self::TooManyWaiting => "too_many_waiting",
            Self::Failed(error) => error.code(),
        }
    }
}

impl From<Error> for Unheld {
    fn from(error: Error) -> Self {
        Self::Failed(Arc::new(error))
    }
}

/// One caller's wish, and where the answer goes.
struct Wish {
    caller: Caller,
    wanted: HoldWanted,
    reply: oneshot::Sender<Result<HoldPlaced, Unheld>>,
}

/// Where holds are asked for. Its tasks end with it.
#[derive(Debug)]
pub struct Desk {
    lanes: Vec<mpsc::Sender<Wish>>,
    _tasks: Vec<Task>,
}

impl Desk {
    /// Opens the desk on the current runtime.
    pub fn open(server: &Arc<Server>) -> Self {
        let mut tasks = Vec::new();
        let mut lane = || {
            let (sender, receiver) = mpsc::channel(QUEUE_MAX);
            tasks.push(Task::start(serve(Arc::clone(server), receiver)));
            sender
        };
        let lanes = (0..LANES).map(|_| lane()).collect();
        Self { lanes, _tasks: tasks }
    }

    /// Places a hold, or says again that it stands.
    ///
    /// # Errors
    /// [`Unheld`].
    pub async fn place(&self, caller: Caller, wanted: HoldWanted) -> Result<HoldPlaced, Unheld> {
        if !(1..=HOLD_SECONDS_MAX).contains(&wanted.seconds) {
            return Err(Unheld::BadSeconds);
        }
        let lane = usize::from(wanted.product_id.0.as_bytes()[15]) % LANES;
        let (reply, answer) = oneshot::channel();
        self.lanes[lane].try_send(Wish { caller, wanted, reply }).map_err(|_| Unheld::TooManyWaiting)?;
        // The lane answers everyone; it goes only with the whole server.
        answer.await.unwrap_or(Err(Unheld::TooManyWaiting))
    }
}

/// Settles whoever waits, group after group.
async fn serve(server: Arc<Server>, mut lane: mpsc::Receiver<Wish>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while lane.recv_many(&mut group, GROUP_MAX).await > 0 {
        let callers: Vec<Caller> = group.iter().map(|wish| wish.caller).collect();
        let wanted: Vec<HoldWanted> = group.iter().map(|wish| wish.wanted.clone()).collect();
        let answers = settle(&server, &callers, &wanted).await;
        for (place, wish) in group.drain(..).enumerate() {
            let answer = match &answers {
                Ok(answers) => answers[place].clone(),
                Err(error) => Err(Unheld::Failed(Arc::clone(error))),
            };
            // Who no longer listens asks again; the hold is known by its id.
            let _gone = wish.reply.send(answer);
        }
    }
}

type Answers = Vec<Result<HoldPlaced, Unheld>>;

/// Decides these wishes in one transaction and answers each, in their order.
async fn settle(server: &Server, callers: &[Caller], wanted: &[HoldWanted]) -> Result<Answers, Arc<Error>> {
    let now = server.now();
    let mut tries = 0;
    let (answers, has_news) = loop {
        tries += 1;
        let work = |tx: Tx| async move {
            let settled = settle_within(server, &tx, callers, wanted, now).await?;
            stage::reach(Work::Hold, Moment::BeforeCommit);
            Ok(settled)
        };
        match server.db.transaction(work).await {
            // Two processes were given one hold id for two products.
            Err(error) if error.is_overtaken() && tries < 3 => {}
            answer => break answer.map_err(Arc::new)?,
        }
    };
    stage::reach(Work::Hold, Moment::AfterCommit);
    if has_news {
        server.ring();
    }
    Ok(answers)
}

async fn settle_within(
    server: &Server,
    tx: &Tx,
    callers: &[Caller],
    wanted: &[HoldWanted],
    now: Timestamp,
) -> Result<(Answers, bool), Error> {
    // Sent one after the other without waiting for the answers between.
    let keys = wanted.iter().map(key_of).collect();
    let plans = holds::keep_plans(tx);
    let ((), known, levels) = tokio::try_join!(plans, holds::known(tx, callers), ground::stock(tx, &keys, now))?;
    if known.is_recovering() && !is_planted(Bug::NoBarrier) {
        let refused = Unheld::Recovering { waits_for: epoch::waited_for(tx).await?.unwrap_or_default() };
        return Ok((vec![Err(refused); callers.len()], false));
    }
    let refusals: Vec<_> = callers.iter().map(|caller| refusal(known.state(caller))).collect();
    let admitted = wanted.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
    let admitted: Vec<HoldWanted> = admitted.map(|(wish, _)| wish.clone()).collect();
    let decided = decide_within(server, tx, levels, &admitted, now).await?;
    let has_news = !decided.levels.is_empty() || !decided.short.is_empty();
    let mut decided = decided.answers.into_iter();
    let mut next = || decided.next().map_or(Err(Unheld::UnknownNode), told);
    let answers = refusals.into_iter().map(|refusal| refusal.map_or_else(&mut next, Err));
    Ok((answers.collect(), has_news))
}

/// Why nothing is held for whoever has such a journal.
const fn refusal(state: Option<IncarnationState>) -> Option<Unheld> {
    match state {
        None => Some(Unheld::UnknownNode),
        Some(IncarnationState::Suspended | IncarnationState::Retired) => Some(Unheld::Suspended),
        Some(IncarnationState::Active | IncarnationState::Frozen | IncarnationState::Superseded) => None,
    }
}

async fn decide_within(
    server: &Server,
    tx: &Tx,
    levels: BTreeMap<StockKey, Level>,
    wanted: &[HoldWanted],
    now: Timestamp,
) -> Result<Decided, Error> {
    let mut decided = decide(holds::book(tx, levels.clone(), wanted).await?, wanted, now);
    let short = decided.short.clone();
    if !short.is_empty() && !is_planted(Bug::ExpiryLeftToSweeper) {
        let mut levels = levels;
        // Nobody is refused because of a hold that is over.
        let released = ground::release_expired(tx, &short, now).await?;
        if !released.is_empty() {
            levels.extend(released);
            decided = decide(holds::book(tx, levels, wanted).await?, wanted, now);
        }
    }
    holds::write(tx, &decided, now).await?;
    if !short.is_empty() {
        grants::after_change(server, tx, &short).await?;
    }
    Ok(decided)
}

fn told(answer: Answer) -> Result<HoldPlaced, Unheld> {
    match answer {
        Answer::Placed(placed) => Ok(placed),
        Answer::NothingLeft(available) => Err(Unheld::NothingLeft { available }),
        Answer::IdTaken => Err(Unheld::IdTaken),
        Answer::Closed => Err(Unheld::Closed),
        Answer::UnknownStock => Err(Unheld::UnknownStock),
    }
}

/// Releases a hold; one that is released or expired already stays so.
///
/// # Errors
/// [`Unheld`]; [`Unheld::Closed`] if it became allotment.
pub async fn release(server: &Server, caller: Caller, hold_id: HoldId) -> Result<(), Unheld> {
    let now = server.now();
    let work = |tx: Tx| async move { release_within(server, &tx, caller, hold_id, now).await };
    server.db.transaction(work).await??;
    server.ring();
    Ok(())
}

async fn release_within(
    server: &Server,
    tx: &Tx,
    caller: Caller,
    hold_id: HoldId,
    now: Timestamp,
) -> Result<Result<(), Unheld>, Error> {
    if holds::known(tx, &[caller]).await?.state(&caller).is_none() {
        return Ok(Err(Unheld::UnknownNode));
    }
    let Some(found) = holds::lock(tx, hold_id, now).await? else { return Ok(Err(Unheld::UnknownHold)) };
    if !found.held.is_open {
        return Ok(if found.allotted_to.is_some() { Err(Unheld::Closed) } else { Ok(()) });
    }
    holds::release(tx, &found.held, now).await?;
    grants::after_change(server, tx, &[found.held.key].into()).await?;
    Ok(Ok(()))
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
    if !found.held.is_open {
        let is_done = found.allotted_to == Some(caller.incarnation_id);
        return Ok(if is_done { Ok(()) } else { Err(Unheld::Closed) });
    }
    let before = holds::allotment(tx, caller.incarnation_id, found.held.key).await?;
    let after = before.grant(found.held.amount.units());
    holds::allot(tx, &found.held, (caller.incarnation_id, before, after), now).await?;
    stage::reach(Work::HoldAllotted, Moment::BeforeCommit);
    Ok(Ok(()))
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
