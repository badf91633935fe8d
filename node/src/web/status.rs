//! How this device stands with head office, for programs; and whether it is alive and ready.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use outpost_schema::{
    clock::Timestamp,
    device::NodeKind,
    money::{Currency, Money},
    stock::SalePolicy,
    verdict::{Concern, ConcernKind},
};
use outpost_sync::wire::WAIT_SECONDS_MAX;
use serde::{Deserialize, Serialize};

use super::{
    App, blocking,
    problem::{Answer, Failed},
    rows,
    take::{Asked, Nothing, Said},
};
use crate::{
    db::identity::{Identity, State as Journal},
    disk::Disk,
    error::Error,
    fill::Progress,
    status::Status,
};

/// A line that was not heard of for longer than a waiting pull and its way there and back is not
/// called good, whatever else looks well.
const FRESH_SECONDS: i64 = 2 * WAIT_SECONDS_MAX as i64;

/// How long somebody waits for a round; it goes on without them.
pub(super) const ROUND_WAIT: Duration = Duration::from_secs(30);

/// How this device stands with head office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusShown {
    /// What people call the device.
    pub name: String,
    /// What sort it is.
    pub kind: NodeKind,
    /// What people call the place.
    pub shop: String,
    /// In one word.
    pub mood: Mood,
    /// `active`, `frozen`, `rolled_back` or `restored`.
    pub state: String,
    /// Whether it sells what is allotted to it.
    pub sells_from_allotments: bool,
    /// Beyond its allotment.
    pub policy: SalePolicy,
    /// Journal entries that wait.
    pub waiting: i64,
    /// Carts that wait.
    pub carts_waiting: i64,
    /// How long the oldest waits.
    pub oldest_seconds: Option<i64>,
    /// What the waiting sales come to.
    pub worth: Money,
    /// In what.
    pub currency: Currency,
    /// Since the server last answered.
    pub contact_seconds: Option<i64>,
    /// Since the device last equalled the server at one moment.
    pub level_seconds: Option<i64>,
    /// Rounds that failed in a row.
    pub failures: u32,
    /// What the last round failed with.
    pub problem: Option<String>,
    /// Whether head office was restored and is hearing from its devices: sales go on, it grants nothing.
    #[serde(default)]
    pub recovering: bool,
    /// Whether head office has suspended this device: it sells nothing.
    #[serde(default)]
    pub suspended: bool,
    /// Ops that the server could not book yet.
    pub set_aside: i64,
    /// Asks that were refused.
    pub refused: i64,
    /// Concerns that are open.
    pub concerns: i64,
    /// How the device's disk is.
    pub disk: Disk,
    /// Bytes that are free on it, if the machine says.
    pub disk_free_bytes: Option<u64>,
    /// Since a slice of what is held here was last compared with head office.
    #[serde(default)]
    pub compared_seconds: Option<i64>,
    /// Rows that were ever found bad and mended.
    #[serde(default)]
    pub mended: i64,
    /// How far the device is being filled, if it is.
    #[serde(default)]
    pub filling: Option<Progress>,
    /// Units it may sell without asking: what is lost, or sold twice, with this device at most.
    #[serde(default)]
    pub open_units: i64,
    /// Products of which little may be sold here without asking.
    #[serde(default)]
    pub scarce: i64,
}

/// What a till says while head office recovers.
pub(crate) const RECOVERING: &str =
    "Head office was restored and is hearing from its devices. Sales go on; no more stock can be asked for until then.";

/// What a till says once head office has suspended it.
pub(crate) const SUSPENDED: &str = "Head office has suspended this device. It sells nothing; what happened here goes out all the same. Ask head office why.";

/// How things are, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// Nothing waits, and the server was heard of just now.
    Level,
    /// Something waits, and the line is up.
    Sending,
    /// The line is down, or was not heard of for a while.
    Offline,
    /// Somebody must do something before this device is whole again.
    Stuck,
}

/// Something that people must look at, in plain words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConcernShown {
    /// The concern.
    #[serde(flatten)]
    pub concern: Concern,
    /// What it means, and what to do.
    pub sentence: String,
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundShown {
    /// Entries pushed.
    pub pushed: usize,
    /// Aggregates received.
    pub received: usize,
    /// Whether the device equals the server now.
    pub is_level: bool,
}

/// A device that answers.
#[derive(Debug, Serialize)]
pub(super) struct Alive {
    alive: bool,
}

/// A device that can sell.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    ready: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    limit: Option<usize>,
}

pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { alive: true })
}

pub(super) async fn ready(State(app): State<Arc<App>>) -> Answer<Ready> {
    let joined = blocking(&app, |app| app.node.identity()?.ok_or(Error::NotJoined)).await;
    joined.map(|_| Json(Ready { ready: true })).map_err(|failed| Failed::line(failed.problem))
}

pub(super) async fn status(State(app): State<Arc<App>>) -> Answer<StatusShown> {
    Ok(Json(blocking(&app, look).await?))
}

pub(super) async fn concerns(
    State(app): State<Arc<App>>,
    Asked(Limit { limit }): Asked<Limit>,
) -> Answer<Vec<ConcernShown>> {
    let found = blocking(&app, move |app| app.node.concerns(rows(limit))).await?;
    let shown = |concern: Concern| ConcernShown { sentence: ConcernKind::sentence(concern.kind).to_owned(), concern };
    Ok(Json(found.into_iter().map(shown).collect()))
}

pub(super) async fn round(State(app): State<Arc<App>>, Said(Nothing {}): Said<Nothing>) -> Answer<RoundShown> {
    let done = tokio::time::timeout(ROUND_WAIT, app.round()).await.map_err(|_| {
        let sentence = "the round takes longer than usual and goes on; look at the status page";
        Failed::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "round_goes_on", sentence)
    })?;
    let done = done.map_err(Failed::line)?;
    Ok(Json(RoundShown { pushed: done.pushed, received: done.received, is_level: done.is_level }))
}

/// Everything the status page and the metrics tell.
pub(super) fn look(app: &App) -> Result<StatusShown, Error> {
    let identity = app.node.identity()?.ok_or(Error::NotJoined)?;
    let status = app.node.status()?;
    let failures = app.health().map_or(0, |health| health.failures);
    let (now, checked) = (app.node.world().now(), app.node.checked()?);
    let since = |at: Option<Timestamp>| at.map(|at| now.seconds_since(at));
    let (disk, disk_free_bytes) = app.node.db().disk();
    Ok(StatusShown {
        mood: mood(&identity, &status, disk, failures, since(status.contact_at)),
        shop: place(app, &identity)?,
        state: status.state.word().to_owned(),
        sells_from_allotments: sells(&identity) && !status.is_suspended,
        waiting: status.waiting,
        carts_waiting: status.carts_waiting,
        oldest_seconds: since(status.waiting_since),
        worth: status.worth,
        contact_seconds: since(status.contact_at),
        level_seconds: since(status.level_at),
        failures,
        problem: status.problem,
        recovering: status.is_recovering,
        suspended: status.is_suspended,
        set_aside: status.set_aside,
        refused: status.refused,
        concerns: status.concerns,
        disk,
        disk_free_bytes,
        compared_seconds: since(checked.compared_at),
        mended: checked.mended,
        filling: app.node.filled(),
        open_units: status.open_units,
        scarce: status.scarce,
        name: identity.card.name,
        kind: identity.card.kind,
        policy: identity.card.policy,
        currency: identity.card.currency,
    })
}

/// What people call the place where the device stands.
pub(super) fn place(app: &App, identity: &Identity) -> Result<String, Error> {
    let places = app.node.warehouses()?;
    let here = places.into_iter().find(|place| place.warehouse_id == identity.warehouse_id());
    Ok(here.map_or_else(|| identity.card.name.clone(), |place| place.name))
}

fn sells(identity: &Identity) -> bool {
    !identity.state.is_old_image() || identity.card.is_home
}

fn mood(identity: &Identity, status: &Status, disk: Disk, failures: u32, contact_seconds: Option<i64>) -> Mood {
    let is_fresh = contact_seconds.is_some_and(|seconds| seconds <= FRESH_SECONDS);
    match disk {
        Disk::Full => return Mood::Stuck,
        Disk::Fine | Disk::Low => {}
    }
    match identity.state {
        Journal::Active if status.is_suspended => Mood::Stuck,
        Journal::Frozen | Journal::RolledBack | Journal::Restored => Mood::Stuck,
        Journal::Active if failures > 0 || status.problem.is_some() || !is_fresh => Mood::Offline,
        Journal::Active if status.waiting > 0 || status.carts_waiting > 0 => Mood::Sending,
        Journal::Active => Mood::Level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::carts::tests::card;
    use outpost_schema::{clock::Hlc, journal::Mark};

    fn mood_of(state: Journal, change: fn(&mut Status), failures: u32, contact: Option<i64>) -> Mood {
        let identity = Identity { card: card(), state, receipts: 0, hlc: Hlc::ZERO, next_life: None };
        let mut status = Status {
            state,
            head: Mark::START,
            acked: Mark::START,
            waiting: 0,
            carts_waiting: 0,
            waiting_since: None,
            worth: Money::ZERO,
            contact_at: None,
            level_at: None,
            problem: None,
            is_recovering: false,
            is_suspended: false,
            set_aside: 0,
            refused: 0,
            concerns: 0,
            open_units: 0,
            scarce: 0,
        };
        change(&mut status);
        assert_eq!(mood(&identity, &status, Disk::Full, failures, contact), Mood::Stuck, "a full disk is never green");
        mood(&identity, &status, Disk::Low, failures, contact)
    }

    #[test]
    fn green_never_lies() {
        let fresh = Some(FRESH_SECONDS);
        assert_eq!(mood_of(Journal::Active, |_| (), 0, fresh), Mood::Level);
        assert_eq!(mood_of(Journal::Active, |status| status.waiting = 1, 0, fresh), Mood::Sending);
        assert_eq!(mood_of(Journal::Active, |status| status.carts_waiting = 1, 0, fresh), Mood::Sending);
        assert_eq!(mood_of(Journal::Active, |_| (), 1, fresh), Mood::Offline);
        assert_eq!(mood_of(Journal::Active, |_| (), 0, Some(FRESH_SECONDS + 1)), Mood::Offline);
        assert_eq!(mood_of(Journal::Active, |_| (), 0, None), Mood::Offline);
        assert_eq!(mood_of(Journal::Active, |status| status.problem = Some("cut".to_owned()), 0, fresh), Mood::Offline);
        assert_eq!(mood_of(Journal::Frozen, |_| (), 0, fresh), Mood::Stuck);
        assert_eq!(mood_of(Journal::RolledBack, |_| (), 0, fresh), Mood::Stuck);
        assert_eq!(mood_of(Journal::Active, |status| status.is_suspended = true, 0, fresh), Mood::Stuck);
    }
}
