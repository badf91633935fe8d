//! The status page: the truth about the line, readable at arm's length and without a script.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse},
};
use maud::{DOCTYPE, Markup, html};
use outpost_schema::verdict::{Concern, ConcernKind, Verdict};

use super::{
    App, blocking,
    problem::Failed,
    receipt::moment,
    status::{Mood, RECOVERING, SUSPENDED, StatusShown, look},
};
use crate::{disk::Disk, status::Answered};

/// How often the page is drawn anew; a person looks for that long.
const REFRESH_SECONDS: u32 = 5;

/// Rows of each list; the rest is counted.
const SHOWN: usize = 5;

pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

pub(super) async fn status(State(app): State<Arc<App>>) -> Result<Html<String>, Failed> {
    let (status, concerns, not_booked) = blocking(&app, |app| {
        let open = app.node.concerns(SHOWN)?.into_iter().filter(|concern| concern.closed_at.is_none());
        Ok((look(app)?, open.collect::<Vec<_>>(), app.node.not_booked(SHOWN)?))
    })
    .await?;
    Ok(Html(page(&status, &concerns, &not_booked).into_string()))
}

fn page(status: &StatusShown, concerns: &[Concern], not_booked: &[Answered]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(REFRESH_SECONDS);
                title { (title(status)) }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    span.shop { (status.shop) }
                    span.device { (status.name) " · " (status.kind) }
                }
                main class=(class(status.mood)) {
                    (headline(status))
                    (figures(status))
                    (attention(status, concerns, not_booked))
                }
                footer { "Drawn anew every " (REFRESH_SECONDS) " seconds." }
            }
        }
    }
}

fn title(status: &StatusShown) -> String {
    match status.waiting {
        0 => format!("{} · {}", word(status.mood), status.name),
        waiting => format!("{waiting} waiting · {}", status.name),
    }
}

const fn word(mood: Mood) -> &'static str {
    match mood {
        Mood::Level => "Up to date",
        Mood::Sending => "Sending",
        Mood::Offline => "Offline",
        Mood::Stuck => "Needs attention",
    }
}

const fn class(mood: Mood) -> &'static str {
    match mood {
        Mood::Level => "level",
        Mood::Sending => "sending",
        Mood::Offline => "offline",
        Mood::Stuck => "stuck",
    }
}

fn headline(status: &StatusShown) -> Markup {
    html! {
        section.headline role="status" {
            h1 { span.dot aria-hidden="true" {} (word(status.mood)) }
            p { (says(status)) }
            @if status.recovering { p.why { (RECOVERING) } }
            @if let (Mood::Offline, Some(problem)) = (status.mood, &status.problem) {
                p.why { "Last try: " (problem) "." }
            }
            @if let Some(room) = room(status) { p.why { (room) } }
            @if let Some(filling) = &status.filling {
                p.filling {
                    (filling.sentence()) "."
                    @if filling.of > 0 { " " progress value=(filling.done) max=(filling.of) {} }
                }
            }
        }
    }
}

fn says(status: &StatusShown) -> &'static str {
    match (status.mood, status.state.as_str()) {
        (Mood::Stuck, _) if status.disk == Disk::Full => {
            "This device's disk is full. Nothing is sold until somebody frees space; what waits still goes out."
        }
        (Mood::Stuck, "active") if status.suspended => SUSPENDED,
        (Mood::Level, _) => "Head office has everything that happened here.",
        (Mood::Sending, _) => "The line is up, and what waits is on its way.",
        (Mood::Offline, _) if status.contact_seconds.is_none() => {
            "Head office has not answered yet. Selling goes on; everything is kept here until it does."
        }
        (Mood::Offline, _) => "Selling goes on. Everything is kept here and goes out by itself when the line is back.",
        (Mood::Stuck, "frozen") => {
            "There are two of this device. Sales are kept here, and go out as soon as head office was heard."
        }
        (Mood::Stuck, "restored") => {
            "This device was restored from a backup. It sells nothing from its allotments until head office was heard."
        }
        (Mood::Stuck, _) => {
            "This device was put back to an older copy of itself. It sells nothing from its allotments until head office was heard."
        }
    }
}

/// What people are told while there is still room.
fn room(status: &StatusShown) -> Option<String> {
    match status.disk {
        Disk::Low => Some(format!(
            "This device's disk is nearly full: {} MB are left. Free some space before nothing can be sold.",
            status.disk_free_bytes.unwrap_or(0) / 1_000_000
        )),
        Disk::Fine | Disk::Full => None,
    }
}

fn figures(status: &StatusShown) -> Markup {
    let carts = match status.carts_waiting {
        0 => None,
        1 => Some("and 1 cart".to_owned()),
        count => Some(format!("and {count} carts")),
    };
    html! {
        dl.figures {
            (figure("Waiting", &status.waiting.to_string(), carts.as_deref()))
            (figure("Worth", &status.worth.to_string(), Some(status.currency.code())))
            (figure("Oldest waits", &status.oldest_seconds.map_or_else(|| "–".to_owned(), lasting), None))
            (figure("Last heard of head office", &ago(status.contact_seconds), None))
            (figure("Last level with it", &ago(status.level_seconds), None))
            (figure("Last compared with it", &ago(status.compared_seconds), mended(status.mended).as_deref()))
            (figure("Selling from allotments", if status.sells_from_allotments { "on" } else { "off" }, None))
            (figure("At stake with this device", &status.open_units.to_string(), Some("units at most")))
        }
    }
}

fn mended(rows: i64) -> Option<String> {
    match rows {
        0 => None,
        1 => Some("1 row mended ever".to_owned()),
        rows => Some(format!("{rows} rows mended ever")),
    }
}

fn figure(name: &str, value: &str, beside: Option<&str>) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { (value) @if let Some(beside) = beside { small { " " (beside) } } }
        }
    }
}

fn attention(status: &StatusShown, concerns: &[Concern], not_booked: &[Answered]) -> Markup {
    html! {
        @if !concerns.is_empty() || !not_booked.is_empty() {
            section.attention {
                h2 { "To look at" }
                ul {
                    @for concern in concerns {
                        li { strong { (ConcernKind::sentence(concern.kind)) } small { " since " (moment(concern.opened_at)) } }
                    }
                    @for answered in not_booked {
                        li { strong { (told(answered)) } small { " from " (moment(answered.written_at)) } }
                    }
                }
                (more(status, concerns.len() + not_booked.len()))
            }
        } @else {
            section.attention.none { p { "Nothing here needs anybody's attention." } }
        }
    }
}

fn more(status: &StatusShown, shown: usize) -> Markup {
    let all = usize::try_from(status.concerns + status.set_aside + status.refused).unwrap_or(shown);
    html! {
        @if all > shown { p.more { "and " (all - shown) " more; head office sees them all." } }
    }
}

/// What became of an op that is not in the book.
fn told(answered: &Answered) -> String {
    let what = answered.kind.replace('_', " ");
    match &answered.verdict {
        Verdict::Refused(refusal) => format!("{what} {} was refused: {}", answered.seq, refusal.sentence()),
        Verdict::SetAside(_) => {
            format!("{what} {} is kept at head office and not booked yet; nothing is lost", answered.seq)
        }
        Verdict::Accepted | Verdict::Granted(_) => format!("{what} {} is booked", answered.seq),
    }
}

fn ago(seconds: Option<i64>) -> String {
    match seconds {
        None => "never".to_owned(),
        Some(0..=2) => "just now".to_owned(),
        Some(seconds) => format!("{} ago", lasting(seconds)),
    }
}

fn lasting(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_say_them() {
        let cases = [(None, "never"), (Some(1), "just now"), (Some(59), "59 s ago"), (Some(60), "1 min ago")];
        cases.into_iter().for_each(|(seconds, text)| assert_eq!(ago(seconds), text));
        let cases = [(3_599, "59 min"), (7_260, "2 h 1 min"), (172_800, "2 days")];
        cases.into_iter().for_each(|(seconds, text)| assert_eq!(lasting(seconds), text));
    }
}
