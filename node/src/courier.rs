//! The courier: one thread that runs round after round for as long as the device is on. It keeps how
//! the line is; it decides nothing about sales.
//!
//! Between rounds the last pull waits at the server for news. A nudge ends that wait, never a push or
//! a page on its way, so a busy till cannot starve its own line. After a failure it backs off. There
//! is no state in which nothing follows: what waits to be pushed always has a next attempt.

mod interrupt;
mod once;
mod rounds;

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use outpost_schema::{clock::Timestamp, world::World};
use outpost_sync::{
    round::{Done, Failure, Remote, Trouble},
    verify::{self, Holder, Outcome, Referee},
    wire::Problem,
};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::once::{look_once, round_once};
use self::{
    interrupt::Bell,
    rounds::{Rounds, finished},
};
use crate::{error::Error, node::Node};

/// Rounds that somebody may be waiting for at once; one answers all who wait, so more mean a loop.
const WISHES_MAX: usize = 32;

/// What the courier asks of the node beside its ends of a round and of a comparison.
pub trait Origin: Holder<Error: std::fmt::Display> + Send + Sync {
    /// Where time and chance come from.
    fn world(&self) -> &dyn World;

    /// What an error of this end is called, for programs and people.
    fn problem(error: &Self::Error) -> Problem;

    /// Keeps what the last round failed with, or that it did not fail.
    fn note(&self, problem: Option<&Problem>);

    /// Does a little of what can wait until nothing else is to be done.
    fn tidy(&self);
}

/// How the line is, for whoever looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Rounds that failed in a row.
    pub failures: u32,
    /// Rounds since the start.
    pub rounds: u64,
    /// When the server last answered since the start.
    pub contact_at: Option<Timestamp>,
    /// What the last round failed with.
    pub problem: Option<Problem>,
    /// How long the courier waits now before it tries again.
    pub waits: Option<Duration>,
}

/// Somebody waits for something.
enum Wish {
    /// For a round.
    Round(oneshot::Sender<Result<Done, Problem>>),
    /// For a round and, level, a comparison of the next slice; `anew` begins a new walk.
    Look { anew: bool, answer: oneshot::Sender<Result<Outcome, Problem>> },
}

impl Wish {
    fn answer_with(self, problem: &Problem) {
        // Whoever asked may have gone; what was done was done all the same.
        match self {
            Self::Round(answer) => drop(answer.send(Err(problem.clone()))),
            Self::Look { answer, .. } => drop(answer.send(Err(problem.clone()))),
        }
    }
}

/// The running courier. Dropping it stops it.
#[derive(Debug)]
pub struct Courier {
    bell: Arc<Bell>,
    stop: watch::Sender<bool>,
    health: watch::Receiver<Health>,
    wishes: mpsc::Sender<Wish>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Courier {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the machine gives no thread or no runtime.
    pub fn start<L, R>(node: Arc<L>, uplink: R) -> std::io::Result<Self>
    where
        L: Origin + 'static,
        R: Remote + Referee + Send + Sync + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let (health, seen) = watch::channel(Health::default());
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        let bell = Arc::new(Bell::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut rounds = Rounds { node, uplink, bell: Arc::clone(&bell), stopped, health, wished, due: Vec::new() };
        let work = move || while !finished(&mut rounds, &runtime) {};
        let thread = std::thread::Builder::new().name("courier".to_owned()).spawn(work)?;
        Ok(Self { bell, stop, health: seen, wishes, thread: std::sync::Mutex::new(Some(thread)) })
    }

    /// Something waits to be pushed.
    pub fn nudge(&self) {
        self.bell.ring();
    }

    /// How the line is now.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Follows how the line is.
    pub fn follow(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Runs a round now, back-off or not, and says what it did.
    ///
    /// # Errors
    /// What the round failed with; `busy` if too many wait already, `stopped` if the courier has.
    pub async fn round_now(&self) -> Result<Done, Problem> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Round(answer))?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs a round now, and compares the next slice of what is held with the server; `anew` begins a new
    /// walk.
    ///
    /// # Errors
    /// What the round or the comparison failed with; `busy` or `stopped` as for a round.
    pub async fn look_now(&self, anew: bool) -> Result<Outcome, Problem> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Look { anew, answer })?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn wish(&self, wish: Wish) -> Result<(), Problem> {
        self.wishes.try_send(wish).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Problem::new("busy", "many already wait for a round; its result shows on the status page")
            }
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        self.nudge();
        Ok(())
    }

    /// Ends the round at its next step and waits until the thread is gone. What was not settled will
    /// be pushed again.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the courier ended badly; what waits is kept and goes with the next start");
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Compares a slice if one is due. What goes wrong with it is no matter of the round's: it is logged, and
/// tried again some rounds later.
async fn look_if_due<L: Origin, R: Referee>(node: &L, uplink: &R) {
    match verify::when_due(node, uplink).await {
        Ok(Some(Outcome::OtherForm { form })) => {
            tracing::info!(form, "head office writes in another form; nothing is compared until one is updated");
        }
        Ok(Some(Outcome::Compared(_) | Outcome::NotNow) | None) => {}
        Err(failure) => {
            let problem = problem_of::<L>(&failure);
            tracing::warn!(%problem, "what is held here could not be compared with head office");
        }
    }
}

fn stopped() -> Problem {
    Problem::new("stopped", "this device is shutting down; what waits is kept and goes with the next start")
}

/// A failure by code and sentence.
fn problem_of<L: Origin>(failure: &Failure<L::Error>) -> Problem {
    let code = match failure {
        Failure::Local(error) => return L::problem(error),
        Failure::Remote(Trouble::Told(problem) | Trouble::Busy(problem, _) | Trouble::Garbled(problem)) => {
            problem.code.as_str()
        }
        Failure::Remote(Trouble::Cut(_)) => "line_cut",
        Failure::RolledBack => "rolled_back",
        Failure::Frozen => "frozen",
        Failure::NoAgreement => "no_agreement",
    };
    Problem::new(code, failure.to_string())
}

impl Origin for Node {
    fn world(&self) -> &dyn World {
        Self::world(self)
    }

    fn problem(error: &Error) -> Problem {
        Problem::new(error.code(), error.to_string())
    }

    fn note(&self, problem: Option<&Problem>) {
        // What went well is noted with the page or the answer itself.
        if let Some(problem) = problem
            && let Err(error) = self.note_problem(&problem.sentence)
        {
            tracing::warn!(%error, "what the round failed with could not be kept");
        }
    }

    fn tidy(&self) {
        if let Err(error) = self.forget_archived() {
            tracing::warn!(%error, "old entries of the journal stay for now");
        }
    }
}

#[cfg(test)]
mod tests;
