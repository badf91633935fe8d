//! Figures for a monitor, in the text format of Prometheus.

use std::{fmt::Write as _, sync::Arc};

use axum::{extract::State, http::header, response::IntoResponse};

use super::{
    App, blocking,
    problem::Failed,
    status::{StatusShown, look},
};

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse + use<>, Failed> {
    let status = blocking(&app, look).await?;
    let rounds = app.health().map_or(0, |health| health.rounds);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&status, rounds)))
}

fn text(status: &StatusShown, rounds: u64) -> String {
    let mut text = String::new();
    let worth = format!("{{currency=\"{}\"}}", status.currency);
    let mut gauge = |name: &str, labels: &str, help: &str, value: &dyn std::fmt::Display| {
        let written = write!(
            text,
            "# HELP outpost_node_{name} {help}\n# TYPE outpost_node_{name} gauge\noutpost_node_{name}{labels} {value}\n"
        );
        written.expect("writing into memory cannot fail");
    };
    gauge("unsent_entries", "", "Journal entries that wait to be pushed.", &status.waiting);
    gauge("unsent_carts", "", "Carts that wait to be pushed.", &status.carts_waiting);
    gauge("oldest_seconds", "", "Age of the oldest entry that waits.", &status.oldest_seconds.unwrap_or(0));
    gauge("worth", &worth, "What the waiting sales come to.", &status.worth);
    let never = |seconds: Option<i64>| seconds.map_or_else(|| "+Inf".to_owned(), |seconds| seconds.to_string());
    gauge("level_age_seconds", "", "Since the device last equalled the server.", &never(status.level_seconds));
    gauge("contact_age_seconds", "", "Since the server last answered.", &never(status.contact_seconds));
    gauge("round_failures", "", "Rounds that failed in a row.", &status.failures);
    gauge("rounds", "", "Rounds since the start.", &rounds);
    gauge("set_aside", "", "Ops that the server could not book yet.", &status.set_aside);
    gauge("refused", "", "Asks that were refused.", &status.refused);
    gauge("concerns", "", "Concerns that are open.", &status.concerns);
    gauge(
        "disk_free_bytes",
        "",
        "Room on the device's disk.",
        &status.disk_free_bytes.map_or(f64::INFINITY, |free| free as f64),
    );
    gauge("sells_from_allotments", "", "1 while allotments are sold.", &u8::from(status.sells_from_allotments));
    text
}
