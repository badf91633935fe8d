//! A push of sales with every effect, through the door that the network uses, beside bare SQL over
//! arrays that writes the same rows.

use std::{sync::Arc, time::Duration};

use outpost_server::{accept, db::databases, server::Server};
use outpost_sync::{
    codec::{Form, encode},
    wire::{Caller, PUSH_ENTRIES_MAX, Pushed},
};

use crate::{
    bare::{Bare, Rows},
    goods::{self, PRODUCTS},
    journal::{Journal, Run},
    numbers::{Rounds, median, rate},
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    shop,
    watch::timed_async,
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "push",
    tells: "Orders of 3 lines pushed 500 at a time, with every effect: ops, items, payment, movements, sums, feed.",
    means: "Aim: in process at least 0.7 of bare SQL that writes the same rows into bare tables; the floor is 0.5.",
    measure,
};

/// Rounds of turns; the median of them counts.
const ROUNDS: usize = 5;

/// Batches that each side takes in a round, by turns.
const BATCHES: usize = 6;

/// Everybody who takes the same run of the journal.
struct Sides {
    server: Arc<Server>,
    plain: Bare,
    constrained: Bare,
}

/// Orders a second of one round.
#[derive(Default)]
struct Passed {
    ours: Duration,
    plain: Duration,
    constrained: Duration,
}

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| sides(report, &postgres).await)
}

async fn sides(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (server, outside) = postgres.server("push").await?;
    shop::fill(&outside, true).await?;
    let plain = Bare::plain(databases::connect(&postgres.database("plain").await?).await?).await?;
    let (_, outside) = postgres.server("constrained").await?;
    let constrained = Bare::constrained(outside).await?;
    let sides = Sides { server, plain, constrained };
    let mut journal = Journal::begin(1);
    for _ in 0..2 {
        sides.take(&journal.run(PUSH_ENTRIES_MAX)?, &mut Passed::default()).await?;
    }
    rounds(report, &sides, &mut journal).await
}

async fn rounds(report: &mut Report, sides: &Sides, journal: &mut Journal) -> Outcome {
    let (mut beside_plain, mut beside_constrained, mut bytes) = (Rounds::default(), Rounds::default(), Vec::new());
    for _ in 0..ROUNDS {
        let mut passed = Passed::default();
        for _ in 0..BATCHES {
            let run = journal.run(PUSH_ENTRIES_MAX)?;
            sides.take(&run, &mut passed).await?;
            bytes.push(size(&run));
        }
        let [ours, plain, constrained] = [passed.ours, passed.plain, passed.constrained].map(speed);
        beside_plain.note(ours, plain);
        beside_constrained.note(ours, constrained);
    }
    let case = format!("in process, {PRODUCTS} products");
    report.say("speed", &case, "orders/s", beside_plain.medians(), "bare SQL, bare tables");
    report.say("speed", &case, "orders/s", beside_constrained.medians(), "bare SQL, same constraints");
    let (wire, plain): (Vec<f64>, Vec<f64>) = bytes.into_iter().unzip();
    report.say("body", "an order on the wire", "bytes", (median(&wire), median(&plain)), "ops' own bodies");
    Ok(())
}

impl Sides {
    /// Every side takes the run, each in its turn.
    async fn take(&self, run: &Run, passed: &mut Passed) -> Outcome {
        let rows = Rows::of(run);
        passed.ours += push(&self.server, run).await?;
        passed.plain += done(timed_async(self.plain.write(&rows)).await)?;
        passed.constrained += done(timed_async(self.constrained.write(&rows)).await)?;
        Ok(())
    }
}

/// How long head office takes for a run.
async fn push(server: &Server, run: &Run) -> Outcome<Duration> {
    let caller = Caller { node_id: goods::node_id(), incarnation_id: goods::incarnation_id() };
    let (passed, answer) = timed_async(accept::push(server, caller, run.standing(), &run.push)).await;
    match answer? {
        Pushed::Settled { acked, .. } if acked == run.head => Ok(passed),
        other => Err(format!("the push was not taken: {other:?}").into()),
    }
}

fn done((passed, outcome): (Duration, Outcome)) -> Outcome<Duration> {
    outcome.map(|()| passed)
}

fn speed(passed: Duration) -> f64 {
    rate(BATCHES * PUSH_ENTRIES_MAX, passed)
}

/// Bytes an order takes on the wire, and those of its op's body alone.
fn size(run: &Run) -> (f64, f64) {
    let wire = encode(Form::Binary, &run.push).bytes.len();
    let bodies: usize = run.push.entries.iter().map(|entry| entry.body.0.len()).sum();
    let orders = run.orders.len() as f64;
    (wire as f64 / orders, bodies as f64 / orders)
}
