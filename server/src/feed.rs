//! The feed: what changed since a node last asked, newest version of each aggregate.
//!
//! A *run* leads from one Postgres snapshot, `since`, to another, `upto`, which is that of its first
//! page. It tells every aggregate whose last change is not visible in the one and visible in the
//! other, in the order (changed, kind, key); a number would not do as a position, because numbers are
//! handed out in another order than transactions end. Each page is a short transaction of its own, and
//! its content, the journals' marks and the snapshot are of one moment. What changes while a run goes
//! on moves behind `upto` and is told by the next run. A run of one page leaves the node equal to the
//! server at that moment: *level*.

mod admit;
mod content;
pub mod cursor;
mod heard;
pub mod lane;
mod unserved;

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join;
use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    feed::Key,
    id::EpochId,
    planted::{Bug, is_planted},
};
use outpost_sync::wire::{Caller, PAGE_MAX, PROTOCOL, Page, Pulled, Standing};

pub use self::unserved::Unserved;
use self::{
    admit::{Admitted, Step, admit},
    cursor::{Cursor, Places, Run, Snapshot},
    heard::Heard,
    lane::Lane,
};
pub(crate) use self::{
    admit::{agrees, is_agreed},
    content::{LOT, PAGE_BYTES_MAX, content},
};
use crate::{
    db::{
        Tx,
        feed::{self as rows, Opening, Scopes},
    },
    epoch::{self, Claim},
    error::Error,
    roll_call::RollCalls,
    server::Server,
    wake::Waiting,
    withdraw,
};

/// Aggregates that a pull outside the lane for catch-ups tells at most: one lot, a few milliseconds.
const SHORT_ROWS: usize = LOT;

/// How much one page may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Aggregates.
    pub rows: usize,
    /// Bytes of their encoding; one aggregate is told however long it is.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: PAGE_MAX, bytes: PAGE_BYTES_MAX }
    }
}

/// A page, and what is needed to wait for the next one.
#[derive(Clone, Debug)]
pub struct Served {
    /// The answer.
    pub pulled: Pulled,
    /// What the caller receives.
    pub scopes: Scopes,
    /// The moment of the answer.
    pub at: Snapshot,
    /// The caller is waited for, and has told all that it did without knowing of what this sees.
    told_upto: Option<Snapshot>,
}

impl Served {
    /// Whether there is no news: an empty page at level.
    pub fn is_empty(&self) -> bool {
        match &self.pulled {
            Pulled::Page(page) => page.level && page.aggregates.is_empty(),
            Pulled::Elsewhere { .. } | Pulled::OtherEpoch { .. } | Pulled::TooLongAway => false,
        }
    }
}

/// Serves one page after `cursor`; from the start without one.
///
/// # Errors
/// [`Unserved`].
pub async fn page(
    server: &Server,
    caller: Caller,
    standing: Standing,
    cursor: Option<&Cursor>,
    limits: Limits,
) -> Result<Served, Unserved> {
    let asked = Asked { caller, standing, cursor, limits, is_short: false };
    let served = answer(server, asked).await?;
    Ok(served.expect("a page that need not be short is always served"))
}

/// Serves what is asked for. A caller that is ahead of the database may begin an epoch by that; one that was waited for
/// has told.
async fn answer(server: &Server, asked: Asked<'_>) -> Result<Option<Served>, Unserved> {
    let now = server.now();
    let answer = server.db.snapshot(|tx| async move { page_within(&tx, asked, now).await }).await?;
    let Err(Refused::Ahead(ahead)) = answer else {
        let served = answer.map_err(Refused::into_unserved)?;
        hear_out(server, asked.caller, served.as_ref().and_then(|served| served.told_upto.as_ref())).await;
        return Ok(served);
    };
    match epoch::hear_claim(server, asked.caller, ahead.epoch, ahead.claim).await? {
        Some(epoch) => Ok(Some(Served { pulled: Pulled::OtherEpoch { epoch: epoch.epoch_id }, ..ahead.served })),
        None if matches!(ahead.claim, Claim::Acknowledged(_)) => Ok(Some(ahead.served)),
        None => Err(Unserved::CursorAhead),
    }
}

/// That it could not be noted keeps no page back: the next pull says so again.
async fn hear_out(server: &Server, caller: Caller, told_upto: Option<&Snapshot>) {
    let Some(upto) = told_upto else { return };
    if let Err(error) = withdraw::hear_out(server, caller, upto).await {
        tracing::warn!("that a device has told all could not be noted: {error}");
    }
}

/// Why a page was not made.
enum Refused {
    Unserved(Unserved),
    /// The node has been told what the database does not know.
    Ahead(Box<Ahead>),
}

impl Refused {
    fn into_unserved(self) -> Unserved {
        match self {
            Self::Unserved(unserved) => unserved,
            Self::Ahead(_) => Unserved::CursorAhead,
        }
    }
}

/// A node that is ahead of the database.
struct Ahead {
    /// In which epoch it was told so.
    epoch: EpochId,
    claim: Claim,
    /// What it is answered if that is not believed.
    served: Served,
}

/// Where pulls wait: for news, or for a place among the catch-ups.
#[derive(Debug, Default)]
pub struct Pulls {
    /// Those that wait for news.
    pub waiting: Arc<Waiting>,
    /// The lane for long catch-ups.
    pub lane: Lane,
    /// Who was heard.
    pub heard: Heard,
    /// Questions to those that wait.
    pub calls: RollCalls,
}

/// Serves one page as [`page`] does; if it is empty, waits up to `wait` for news, or for somebody who calls the roll.
///
/// # Errors
/// [`Unserved`].
pub async fn follow(
    server: &Server,
    pulls: &Pulls,
    (caller, standing): (Caller, Standing),
    cursor: Option<&Cursor>,
    wait: Duration,
) -> Result<Pulled, Unserved> {
    let look = || look(server, &pulls.lane, (caller, standing), cursor);
    let mut served = look().await?;
    pulls.heard.note(server, caller.node_id).await;
    let places = served.scopes.warehouses.clone();
    pulls.calls.hear(&places, standing);
    let is_called = || pulls.calls.wakes(&places, standing.incarnation_id);
    if is_called() || !served.is_empty() || wait.is_zero() {
        return Ok(served.pulled);
    }
    let ticket = pulls.waiting.enter(served.scopes.all(), &served.at).ok_or(Unserved::TooManyWaiting)?;
    let time_is_up = tokio::time::sleep(wait);
    tokio::pin!(time_is_up);
    loop {
        tokio::select! {
            () = &mut time_is_up => return Ok(served.pulled),
            () = ticket.hear() => {}
        }
        served = look().await?;
        if is_called() || !served.is_empty() {
            return Ok(served.pulled);
        }
    }
}

/// Serves a short page at once. A first fill, the further pages of a run, and a page that turns out to
/// be long are a catch-up's: they take their place in the lane first.
async fn look(
    server: &Server,
    lane: &Lane,
    (caller, standing): (Caller, Standing),
    cursor: Option<&Cursor>,
) -> Result<Served, Unserved> {
    if cursor.is_some_and(|cursor| cursor.run.is_none()) {
        let asked = Asked { caller, standing, cursor, limits: Limits::default(), is_short: true };
        if let Some(served) = answer(server, asked).await? {
            return Ok(served);
        }
    }
    let _place = lane.enter().await.ok_or(Unserved::BusyCatchingUp)?;
    page(server, caller, standing, cursor, Limits::default()).await
}

/// A page that somebody asks for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    caller: Caller,
    standing: Standing,
    cursor: Option<&'a Cursor>,
    limits: Limits,
    /// Whether it is wanted only if it is short.
    is_short: bool,
}

/// None if the page would be longer than was asked for.
async fn page_within(tx: &Tx, asked: Asked<'_>, now: Timestamp) -> Result<Result<Option<Served>, Refused>, Error> {
    let opening = rows::opening(tx, asked.caller).await?.ok_or(Error::UnknownNode)?;
    let mut claimed = None;
    let pulled = match admit(&opening, asked.standing, asked.cursor) {
        Ok(Admitted::Told(pulled)) => pulled,
        Ok(Admitted::Ahead(claim)) => {
            claimed = Some(claim);
            Pulled::Elsewhere { acked: opening.acked }
        }
        Ok(Admitted::Go(step)) => match fill(tx, &opening, &step, asked, now).await? {
            Some(page) => Pulled::Page(Box::new(page)),
            None => return Ok(Ok(None)),
        },
        Err(unserved) => return Ok(Err(Refused::Unserved(unserved))),
    };
    let told_upto = told_upto(&opening, asked.standing, asked.cursor).cloned();
    let served = Served { pulled, scopes: opening.scopes, at: opening.snapshot, told_upto };
    Ok(match claimed {
        Some(claim) => Err(Refused::Ahead(Box::new(Ahead { epoch: opening.epoch, claim, served }))),
        None => Ok(Some(served)),
    })
}

/// Whether the caller is waited for and has told: it asks for news behind the transaction that made a row short, so it
/// knows of that, and its journal, which ends where it says, is in the book.
fn told_upto<'a>(opening: &Opening, standing: Standing, cursor: Option<&'a Cursor>) -> Option<&'a Snapshot> {
    let known = cursor.filter(|cursor| cursor.epoch == opening.epoch).map(|cursor| &cursor.since)?;
    // Of a frozen journal two devices tell different ends: neither tells all.
    let is_whole = standing.head == opening.acked && opening.state != IncarnationState::Frozen;
    (is_whole && known.sees(opening.awaited?)).then_some(known)
}

async fn fill(
    tx: &Tx,
    opening: &Opening,
    step: &Step,
    asked: Asked<'_>,
    now: Timestamp,
) -> Result<Option<Page>, Error> {
    let limits = asked.limits;
    let rows = if asked.is_short { SHORT_ROWS.min(limits.rows) } else { limits.rows };
    let scopes = opening.scopes.all();
    let mut changes = rows::changes(tx, &scopes, (&step.since, &step.upto), &step.after, rows + 1).await?;
    let is_longer = changes.len() > rows;
    if is_longer && asked.is_short {
        return Ok(None);
    }
    changes.truncate(rows);
    let keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
    let content = content(tx, &opening.scopes, &keys, limits.bytes).await?;
    // Behind the last aggregate that is told, unless all of them are.
    let after = changes[..content.told].last().filter(|_| is_longer || content.told < changes.len());
    let (epoch, places) = (opening.epoch, Some(Places::of(&opening.scopes.warehouses)));
    let cursor = match after {
        None if is_planted(Bug::SequenceAsCursor) => {
            Cursor { epoch, places, since: step.upto.all_before_xmax(), run: None }
        }
        None => Cursor { epoch, places, since: step.upto.clone(), run: None },
        Some(last) => {
            let run = Run { upto: step.upto.clone(), after: last.position.clone() };
            Cursor { epoch, places, since: step.since.clone(), run: Some(run) }
        }
    };
    let level = step.is_first && cursor.run.is_none();
    let node_id = opening.scopes.node_id;
    let (acked, others) = try_join(rows::journals(tx, node_id), async {
        if level { rows::others(tx, node_id).await } else { Ok(Vec::new()) }
    })
    .await?;
    Ok(Some(Page {
        epoch: opening.epoch,
        level,
        cursor: cursor.to_string(),
        seen: step.upto.to_string(),
        aggregates: content.aggregates,
        acked,
        others,
        server_time: now,
        protocol: PROTOCOL,
        recovering: opening.is_recovering,
    }))
}
