//! What the last search over seeds covered, beside the run that is recorded in the project. Nothing is
//! measured here: `tests/simulation` keeps what it covers whenever it runs.

use std::path::Path;

use crate::{
    recorded::{Part, RECORDED, Recorded, last_run},
    report::{Figure, Outcome, Report},
};

/// The figure.
pub const FIGURE: Figure = Figure {
    name: "faults",
    tells: "What the last search over simulated bad days covered, beside the recorded one.",
    means: "Oversold must be 0: the deficit that is shown was explained by a limit, whose bound stands with it.",
    measure,
};

fn measure(report: &mut Report) -> Outcome {
    let (last, recorded) = (Recorded::read(&last_run()), Recorded::read(Path::new(RECORDED)));
    if last.parts.is_empty() {
        return Err("no search has run on this machine; run `cargo test --test simulation` first".into());
    }
    for (depth, part) in &last.parts {
        let beside = recorded.parts.get(depth).cloned().unwrap_or_default();
        for (metric, unit, of) in METRICS {
            report.say(metric, depth, unit, (of(part), of(&beside)), "recorded");
        }
    }
    let caught = (last.caught.len() as f64, recorded.caught.len() as f64);
    report.say("planted mistakes caught", "all depths", "mistakes", caught, "recorded");
    report.say("seeds to catch one", "median", "seeds", (last.median() as f64, recorded.median() as f64), "recorded");
    report.note(last.table());
    Ok(())
}

/// One number of a part.
type Of = fn(&Part) -> f64;

const METRICS: [(&str, &str, Of); 20] = [
    ("seeds", "seeds", |part| part.tally.seeds as f64),
    ("seeds a second and core", "seeds/s", Part::speed),
    ("simulated hours of a till", "hours", |part| part.tally.node_seconds as f64 / 3_600.0),
    ("sales", "receipts", |part| part.tally.sales as f64),
    ("ops", "ops", |part| part.tally.ops as f64),
    ("times that all laws held", "checks", |part| part.tally.checks as f64),
    ("calls lost", "calls", |part| part.tally.dropped as f64),
    ("calls repeated", "calls", |part| part.tally.repeated as f64),
    ("calls reordered", "calls", |part| part.tally.reordered as f64),
    ("calls cut short", "calls", |part| part.tally.truncated as f64),
    ("restarts in order", "restarts", |part| part.tally.restarts as f64),
    ("power cuts", "cuts", |part| part.tally.power_cuts as f64),
    ("writes lost in them", "writes", |part| part.tally.lost_writes as f64),
    ("writes torn in them", "writes", |part| part.tally.torn_writes as f64),
    ("tills put back, cloned, destroyed", "tills", |part| {
        (part.tally.put_back + part.tally.clones + part.tally.destroyed) as f64
    }),
    ("servers put back, ended", "servers", |part| (part.tally.office_put_back + part.tally.office_restarts) as f64),
    ("clock jumps", "jumps", |part| part.tally.clock_jumps as f64),
    ("largest oversell", "units", |part| part.tally.oversold as f64),
    ("largest deficit by a limit", "units", |part| part.tally.deficit_max as f64),
    ("its bound", "units", |part| part.tally.deficit_bound as f64),
];
