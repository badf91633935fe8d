//! `/healthz`, `/readyz` and `/metrics`: for whoever looks after the server.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Api, problem::Failure};
use crate::{db::health::answers, wake::WAITING_MAX};

/// A database that takes longer than this to say one word is not ready.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }
}

/// What this process has done since it began.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) entries: Count,
    pub(super) pages: Count,
    pub(super) aggregates: Count,
    pub(super) files: Count,
    pub(super) holds_placed: Count,
    pub(super) holds_refused: Count,
    pub(super) failures: Count,
}

/// The process runs.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The database answers too, and its commits are safe wherever they must be.
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Result<&'static str, Failure> {
    let is_ready = tokio::time::timeout(READY_WITHIN, answers(&api.server.db)).await.is_ok_and(|answer| answer.is_ok());
    let away = "head office's database does not answer; look whether Postgres runs";
    if !is_ready {
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "database_away", away));
    }
    api.server.db.is_safe()?;
    Ok("ready\n")
}

/// The figures, as Prometheus reads them.
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let counted = &api.counted;
    let totals = [
        ("outpost_entries_pushed_total", "Journal entries in pushes that were answered.", &counted.entries),
        ("outpost_pages_served_total", "Pages of the feed served.", &counted.pages),
        ("outpost_aggregates_served_total", "Aggregates in pages of the feed.", &counted.aggregates),
        ("outpost_files_served_total", "Files to fill from, or the rest of one, that were sent.", &counted.files),
        ("outpost_holds_placed_total", "Holds that were asked for and stand.", &counted.holds_placed),
        ("outpost_holds_refused_total", "Holds that were asked for and refused.", &counted.holds_refused),
        ("outpost_failures_total", "Requests answered with a status of 500 or above.", &counted.failures),
    ];
    let mut text = String::new();
    for (name, help, count) in totals {
        write_metric(&mut text, name, help, "counter", count.0.load(Ordering::Relaxed));
    }
    let made = api.server.files().map_or(0, |files| files.made());
    write_metric(&mut text, "outpost_files_made_total", "Files to fill from that were made.", "counter", made);
    write_metric(
        &mut text,
        "outpost_hold_groups_total",
        "Transactions that settled holds, many callers in each.",
        "counter",
        api.desk.groups(),
    );
    let waiting = WAITING_MAX.saturating_sub(api.pulls.waiting.places_left()) as u64;
    write_metric(&mut text, "outpost_pulls_waiting", "Pulls that wait for news.", "gauge", waiting);
    let left = api.pulls.lane.places_left() as u64;
    write_metric(
        &mut text,
        "outpost_catch_up_places_left",
        "Long catch-ups that may be served besides.",
        "gauge",
        left,
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn write_metric(text: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    let written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    written.expect("writing into memory cannot fail");
}
