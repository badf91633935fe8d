//! A push of sales with every effect, through the door that the network uses, beside bare SQL over
//! arrays that writes the same rows.
//!
//! Bare SQL answers how the feed is best marked. With 500 orders a transaction on 2 cores it wrote 7,800 orders/s
//! with an indexed column in each of five tables, 8,850 with one narrow table, and 10,800 with no mark to read by:
//! so the narrow table, which both sides here have. The second peer writes to the server's own tables, with every
//! constraint and index but no trigger: what lies between the two peers is the price of the constraints, and what
//! lies between ours and the second is that of looking, deciding and triggers.

use std::{sync::Arc, time::Duration};

use outpost_schema::verdict::Verdict;
use outpost_server::{accept, db::databases, server::Server};
use outpost_sync::{
    codec::{Form, encode},
    wire::{Caller, PUSH_ENTRIES_MAX, PUSH_PATH, Pushed},
};

use crate::{
    bare::{Bare, Rows},
    goods,
    http::{self, Line},
    journal::{Journal, Run},
    numbers::{Rounds, median, rate},
    postgres::{self, Postgres},
    report::{Figure, Outcome, Report},
    shop::{self, Seller},
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

/// Everybody who takes the journal. In process and over HTTP the runs go to one head office, by turns, because a
/// journal is taken once; the bare tables take those of both.
struct Sides {
    server: Arc<Server>,
    line: Line,
    plain: Bare,
    constrained: Bare,
}

/// Orders a second of one round.
#[derive(Default)]
struct Passed {
    ours: Duration,
    http: Duration,
    plain: Duration,
    constrained: Duration,
}

fn measure(report: &mut Report) -> Outcome {
    postgres::with(async |postgres| sides(report, &postgres).await)
}

async fn sides(report: &mut Report, postgres: &Postgres) -> Outcome {
    let (server, outside) = postgres.server("push").await?;
    shop::fill(&outside, Seller::Till).await?;
    let plain = Bare::plain(databases::connect(&postgres.database("plain").await?).await?).await?;
    let (_, outside) = postgres.server("constrained").await?;
    let constrained = Bare::constrained(outside).await?;
    let line = Line::open(http::serve(Arc::clone(&server)).await?).await?;
    let mut sides = Sides { server, line, plain, constrained };
    let mut journal = Journal::begin(1);
    for _ in 0..2 {
        sides.take(&mut journal, &mut Passed::default()).await?;
    }
    rounds(report, &mut sides, &mut journal).await
}

async fn rounds(report: &mut Report, sides: &mut Sides, journal: &mut Journal) -> Outcome {
    let mut rounds: [Rounds; 3] = Default::default();
    let mut bytes = Vec::new();
    for _ in 0..ROUNDS {
        let mut passed = Passed::default();
        for _ in 0..BATCHES {
            bytes.push(sides.take(journal, &mut passed).await?);
        }
        let [ours, http, plain, constrained] =
            [passed.ours, passed.http, passed.plain / 2, passed.constrained / 2].map(speed);
        rounds[0].note(ours, plain);
        rounds[1].note(ours, constrained);
        rounds[2].note(http, plain);
    }
    let [plain, constrained, http] = rounds.map(|rounds| rounds.medians());
    report.say("speed", "in process", "orders/s", plain, "bare SQL, bare tables");
    report.say("speed", "in process", "orders/s", constrained, "bare SQL, same constraints");
    report.say("speed", "over HTTP", "orders/s", http, "bare SQL, bare tables");
    let (wire, plain): (Vec<f64>, Vec<f64>) = bytes.into_iter().unzip();
    report.say("body", "an order on the wire", "bytes", (median(&wire), median(&plain)), "ops' own bodies");
    Ok(())
}

impl Sides {
    /// Every side takes two runs of the journal, each in its turn. Tells the bytes of an order.
    async fn take(&mut self, journal: &mut Journal, passed: &mut Passed) -> Outcome<(f64, f64)> {
        let run = journal.run(PUSH_ENTRIES_MAX)?;
        passed.ours += push(&self.server, &run).await?;
        self.bare(&run, passed).await?;
        let run = journal.run(PUSH_ENTRIES_MAX)?;
        passed.http += self.post(&run).await?;
        self.bare(&run, passed).await?;
        Ok(size(&run))
    }

    async fn bare(&self, run: &Run, passed: &mut Passed) -> Outcome {
        let rows = Rows::of(run);
        passed.plain += done(timed_async(self.plain.write(&rows)).await)?;
        passed.constrained += done(timed_async(self.constrained.write(&rows)).await)?;
        Ok(())
    }

    /// How long a run takes from the till's journal to its answer: encoded, sent, taken, read.
    async fn post(&mut self, run: &Run) -> Outcome<Duration> {
        let (passed, answer) = timed_async(async {
            let body = encode(Form::Binary, &run.push);
            self.line.post(PUSH_PATH, Some(run.standing()), &body).await
        })
        .await;
        check(&answer?, run)?;
        Ok(passed)
    }
}

/// How long head office takes for a run.
async fn push(server: &Server, run: &Run) -> Outcome<Duration> {
    let caller = Caller { node_id: goods::node_id(), incarnation_id: goods::incarnation_id() };
    let (passed, answer) = timed_async(accept::push(server, caller, run.standing(), &run.push)).await;
    check(&answer?, run)?;
    Ok(passed)
}

/// What is not taken is not measured: every op must be accepted.
fn check(answer: &Pushed, run: &Run) -> Outcome {
    let is_taken = match answer {
        Pushed::Settled { acked, verdicts, .. } => {
            *acked == run.head && verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Accepted)
        }
        Pushed::Elsewhere { .. } | Pushed::OtherEpoch { .. } | Pushed::Frozen => false,
    };
    if is_taken { Ok(()) } else { Err(format!("the push was not taken: {answer:?}").into()) }
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
