//! The feed: what changed since a node last asked, newest version of each aggregate.
//!
//! A *run* leads from one Postgres snapshot, `since`, to another, `upto`, which is that of its first
//! page. It tells every aggregate whose last change is not visible in the one and visible in the
//! other, in the order (changed, kind, key); a number would not do as a position, because numbers are
//! handed out in another order than transactions end. Each page is a short transaction of its own, and
//! its content, the journals' marks and the snapshot are of one moment. What changes while a run goes
//! on moves behind `upto` and is told by the next run. A run of one page leaves the node equal to the
//! server at that moment: *level*.

pub mod cursor;
mod heard;
pub mod lane;

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
    time::Duration,
};

use futures_util::future::try_join;
use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    feed::{Aggregate, Key},
    id::EpochId,
    planted::{Bug, is_planted},
};
use outpost_sync::wire::{Caller, PAGE_MAX, PROTOCOL, Page, Pulled, Standing};
use serde::Serialize as _;
use thiserror::Error;

use self::{
    cursor::{BadCursor, Cursor, Places, Position, Run, Snapshot},
    heard::Heard,
    lane::Lane,
};
use crate::{
    db::{
        Tx,
        feed::{self as rows, Opening, Scopes},
        images,
    },
    epoch::{self, Claim},
    error::Error,
    roll_call::RollCalls,
    server::Server,
    wake::Waiting,
    withdraw,
};

/// The content of a page as it is encoded, before compression: a page of short orders fits, a page of
/// orders with a thousand lines each is cut, and JSON, three times as long, stays below the line's limit.
pub(crate) const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Aggregates that are loaded at once: a page that is cut early has read little beyond its end.
pub(crate) const LOT: usize = 500;

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

/// Why no page is served.
#[derive(Debug, Error)]
pub enum Unserved {
    /// The cursor is none of ours.
    #[error("{0}")]
    BadCursor(#[from] BadCursor),
    /// The cursor names a moment that this database has not reached, and its device has said so before.
    #[error(
        "this cursor is ahead of the server's database, and this device was believed once already; push what waits, or tell head office"
    )]
    CursorAhead,
    /// Since then, notes of what is gone have been dropped.
    #[error("this device was away too long for the changes to be told one by one; push what waits, then fill it anew")]
    TooLongAway,
    /// The cursor was told for other places than those that the caller hears of now.
    #[error("this cursor belongs to a device that hears of other places; push what waits, then fill it anew")]
    OtherPlaces,
    /// Every place in which a pull may wait is taken.
    #[error("too many devices wait for news at this server; ask again later")]
    TooManyWaiting,
    /// The line for long catch-ups is full.
    #[error("many devices are catching up with this server at once; ask again in a moment, what waits can be pushed")]
    BusyCatchingUp,
    /// No connection, a failed statement, an unknown caller.
    #[error(transparent)]
    Server(#[from] Error),
}

impl Unserved {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadCursor(_) => "bad_cursor",
            Self::CursorAhead => "cursor_ahead",
            Self::TooLongAway => "too_long_away",
            Self::OtherPlaces => "other_places",
            Self::TooManyWaiting => "too_many_waiting",
            Self::BusyCatchingUp => "busy_catching_up",
            Self::Server(error) => error.code(),
        }
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

/// What a pull is answered with.
enum Admitted {
    /// No page: the two must agree first.
    Told(Pulled),
    /// No page: the caller was told more than the database knows.
    Ahead(Claim),
    /// The next page of this run.
    Go(Step),
}

/// Whether a reader that says it stands at `cursor`, between two runs, and the server agree on where its
/// journal and its feed stand. What else is wrong with the cursor is an error, as for a pull.
pub(crate) fn is_agreed(opening: &Opening, standing: Standing, cursor: &Cursor) -> Result<bool, Unserved> {
    match admit(opening, standing, Some(cursor))? {
        Admitted::Go(step) => Ok(step.is_first),
        Admitted::Told(_) | Admitted::Ahead(_) => Ok(false),
    }
}

/// One page of a run.
struct Step {
    since: Snapshot,
    upto: Snapshot,
    after: Position,
    is_first: bool,
}

/// Whether the caller may have a page, and which. Pure.
fn admit(opening: &Opening, standing: Standing, cursor: Option<&Cursor>) -> Result<Admitted, Unserved> {
    if cursor.is_some_and(|cursor| cursor.epoch != opening.epoch) {
        return Ok(Admitted::Told(Pulled::OtherEpoch { epoch: opening.epoch }));
    }
    if cursor.is_some() && standing.acked.seq > opening.acked.seq {
        return Ok(Admitted::Ahead(Claim::Acknowledged(standing.acked.seq)));
    }
    if !agrees(opening, standing) {
        return Ok(Admitted::Told(Pulled::Elsewhere { acked: opening.acked }));
    }
    let places = Places::of(&opening.scopes.warehouses);
    if cursor.and_then(|cursor| cursor.places).is_some_and(|told_for| told_for != places) {
        return Err(Unserved::OtherPlaces);
    }
    let since = cursor.map_or_else(Snapshot::nothing, |cursor| cursor.since.clone());
    let run = cursor.and_then(|cursor| cursor.run.as_ref());
    for snapshot in [Some(&since), run.map(|run| &run.upto)].into_iter().flatten() {
        if snapshot.xmax() > opening.snapshot.xmax() {
            return Ok(Admitted::Ahead(Claim::Read(snapshot.xmax())));
        }
        // Who has been told nothing yet misses no note of what is gone.
        if *snapshot != Snapshot::nothing() && snapshot.xmin() <= opening.dropped {
            return Err(Unserved::TooLongAway);
        }
    }
    let (upto, after) = match run {
        Some(run) => (run.upto.clone(), run.after.clone()),
        None if is_planted(Bug::WatermarkAsCursor) => (opening.snapshot.all_before_xmin(), Position::start(&since)),
        None => (opening.snapshot.clone(), Position::start(&since)),
    };
    Ok(Admitted::Go(Step { since, upto, after, is_first: run.is_none() }))
}

/// Whether the caller and the book know the same of its journal, so that it may be told what is its own.
pub(crate) fn agrees(opening: &Opening, standing: Standing) -> bool {
    standing.acked == opening.acked || is_known_fork(opening, standing)
}

/// Of a frozen journal two devices tell different ends, and both still hear the news. One whose journal
/// ends before what the book has was set back to an old image, and must hear that first.
fn is_known_fork(opening: &Opening, standing: Standing) -> bool {
    opening.state == IncarnationState::Frozen && standing.head.seq >= opening.acked.seq
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

/// The aggregates of a page.
pub(crate) struct Content {
    pub(crate) aggregates: Vec<Aggregate>,
    /// How many of the keys they tell.
    pub(crate) told: usize,
}

/// Loads what these keys name, in their order, until the bytes are used up.
pub(crate) async fn content(tx: &Tx, scopes: &Scopes, keys: &[Key], bytes_max: usize) -> Result<Content, Error> {
    let mut content = Content { aggregates: Vec::with_capacity(keys.len()), told: 0 };
    let (mut bytes, mut named) = (0, HashSet::with_capacity(keys.len()));
    for lot in keys.chunks(LOT) {
        let mut images = images::load(tx, scopes, lot).await?;
        for key in lot {
            // What stands twice in a page (it left one scope of the node's for another) is told once.
            if named.contains(key) {
                content.told += 1;
                continue;
            }
            let aggregate = take(&mut images, key);
            bytes += encoded_len(&aggregate);
            if bytes > bytes_max && content.told > 0 {
                return Ok(content);
            }
            named.insert(key);
            content.aggregates.push(aggregate);
            content.told += 1;
        }
    }
    Ok(content)
}

fn take(images: &mut HashMap<Key, Aggregate>, key: &Key) -> Aggregate {
    images.remove(key).unwrap_or_else(|| Aggregate::Gone(key.clone()))
}

/// How many bytes an aggregate takes in a page.
fn encoded_len(aggregate: &Aggregate) -> usize {
    let mut counted = Counted(0);
    let written = aggregate.serialize(&mut rmp_serde::Serializer::new(&mut counted).with_struct_map());
    written.map_or(usize::MAX / 2, |()| counted.0)
}

/// Counts what is written to it.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
