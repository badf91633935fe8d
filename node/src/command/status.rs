//! `status`: how the device stands with head office.

use super::{Failure, till::Till};
use crate::{
    config::Config,
    disk::Disk,
    web::status::{ConcernShown, Mood, RECOVERING, SUSPENDED, StatusShown},
};

/// Shows.
///
/// # Errors
/// If the device cannot be read.
pub fn run(config: &Config) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let status: StatusShown = till.get("/v1/status", &[])?;
    say!("{} at {}: {}", status.name, status.shop, mood(&till, &status));
    say!("{}", waits(&till, &status));
    say!("Last heard of head office {}, last level {}.", ago(status.contact_seconds), ago(status.level_seconds));
    if let Some(filling) = &status.filling {
        say!("{}.", filling.sentence());
    }
    if let Some(problem) = &status.problem {
        say!("The last round failed: {problem}.");
    }
    match status.disk {
        Disk::Fine => {}
        Disk::Low => say!("The disk is nearly full: {} MB are left.", status.disk_free_bytes.unwrap_or(0) / 1_000_000),
        Disk::Full => say!("The disk is full: nothing is sold until somebody frees space."),
    }
    if status.recovering {
        say!("{RECOVERING}");
    }
    if status.suspended {
        say!("{SUSPENDED}");
    } else if !status.sells_from_allotments {
        say!("Nothing is sold from allotments until head office was heard.");
    }
    if status.scarce > 0 {
        say!("Of {} products little may be sold here without asking; `outpost-node scarce` lists them.", status.scarce);
    }
    say!("At stake with this device: {} units at most.", status.open_units);
    say!("Set aside {}, refused {}, open concerns {}.", status.set_aside, status.refused, status.concerns);
    let concerns: Vec<ConcernShown> = till.get("/v1/concerns", &[])?;
    for shown in concerns.iter().filter(|shown| shown.concern.closed_at.is_none()) {
        say!("  - {}", shown.sentence);
    }
    Ok(())
}

/// One line about what waits.
pub(super) fn waiting(till: &Till) -> Result<String, Failure> {
    Ok(waits(till, &till.get("/v1/status", &[])?))
}

fn waits(till: &Till, status: &StatusShown) -> String {
    if status.waiting == 0 && status.carts_waiting == 0 {
        return "Nothing waits for head office.".to_owned();
    }
    let count = match status.waiting {
        1 => "1 entry waits".to_owned(),
        count => format!("{count} entries wait"),
    };
    let oldest = status.oldest_seconds.map(|seconds| format!(", the oldest for {seconds} s")).unwrap_or_default();
    let carts = if status.carts_waiting > 0 { format!(", {} carts too", status.carts_waiting) } else { String::new() };
    let how = if till.is_own() {
        "`outpost-node round` or `outpost-node serve` sends it"
    } else {
        "it goes out by itself when the line is up"
    };
    format!("{count} for head office, worth {} {}{oldest}{carts}: {how}.", status.worth, status.currency)
}

fn mood(till: &Till, status: &StatusShown) -> &'static str {
    match status.mood {
        Mood::Level => "up to date",
        Mood::Sending => "sending",
        Mood::Offline if till.is_own() => "nobody serves it now; selling goes on",
        Mood::Offline => "offline; selling goes on",
        Mood::Stuck => "needs attention",
    }
}

fn ago(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s ago"))
}
