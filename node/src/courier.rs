//! The courier: one thread that runs round after round for as long as the device is on. It keeps how
//! the line is; it decides nothing about sales.
//!
//! Between rounds the last pull waits at the server for news. A nudge ends that wait, never a push or
//! a page on its way, so a busy till cannot starve its own line. After a failure it backs off. There
//! is no state in which nothing follows: what waits to be pushed always has a next attempt.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use outpost_schema::{clock::Timestamp, world::World};
use outpost_sync::{
    retry,
    round::{self, Done, Failure, Remote, Trouble},
    verify::{self, Holder, Outcome, Referee},
    wire::{DIGEST_ROWS_MAX, Problem, WAIT_SECONDS_MAX},
};
use tokio::sync::{mpsc, oneshot, watch};

use self::interrupt::{Bell, Interrupted};
use crate::{error::Error, node::Node};

mod interrupt;

/// Rounds that somebody may be waiting for at once; one answers all who wait, so more mean a loop.
const WISHES_MAX: usize = 32;

/// The least time between two rounds that brought nothing, so that a server which answers at once
/// instead of waiting is not asked without end.
const IDLE_PAUSE: Duration = Duration::from_millis(250);

/// What the courier asks of the node beside its ends of a round and of a comparison.
pub trait Origin: Holder<Error: std::fmt::Display> + Send + Sync {
    /// Where time and chance come from.
    fn world(&self) -> &dyn World;

    /// What an error of this end is called, for programs and people.
    fn problem(error: &Self::Error) -> Problem;

    /// Keeps what the last round failed with, or that it did not fail.
    fn note(&self, problem: Option<&Problem>);
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

/// One round on a runtime of its own, for a verb that runs without a courier.
///
/// # Errors
/// What the round failed with.
pub fn round_once<L: Origin, R: Remote + Referee>(node: &L, uplink: &R) -> Result<Done, Problem> {
    on_call(async {
        let result = round::run(node, uplink, 0).await.map_err(|failure| problem_of::<L>(&failure));
        node.note(result.as_ref().err());
        if result.as_ref().is_ok_and(|done| done.is_level) {
            look_if_due(node, uplink).await;
        }
        result
    })
}

/// One round and one comparison, for a verb that runs without a courier.
///
/// # Errors
/// What the round or the comparison failed with.
pub fn look_once<L: Origin, R: Remote + Referee>(node: &L, uplink: &R, anew: bool) -> Result<Outcome, Problem> {
    on_call(async {
        let result = match round::run(node, uplink, 0).await {
            // A frozen journal hears the news all the same, and what it holds of it can be compared.
            Ok(_) | Err(Failure::Frozen) => verify::slice(node, uplink, anew, DIGEST_ROWS_MAX).await,
            Err(failure) => Err(failure),
        };
        result.map_err(|failure| problem_of::<L>(&failure))
    })
}

fn on_call<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new("no_runtime", format!("no round can be run: {error}")))?;
    runtime.block_on(work)
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

/// Carries on until told to stop; after a panic it says so and is called again.
fn finished<L: Origin, R: Remote + Referee + Sync>(
    rounds: &mut Rounds<L, R>,
    runtime: &tokio::runtime::Runtime,
) -> bool {
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(rounds.carry()))) {
        Ok(()) => true,
        Err(panic) => {
            let problem = Problem::new("courier_panicked", format!("a round broke off: {}", said(panic.as_ref())));
            tracing::error!(%problem, "a round broke off; the next one is tried as after a cut line");
            runtime.block_on(rounds.fail(problem))
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}

fn stopped() -> Problem {
    Problem::new("stopped", "this device is shutting down; what waits is kept and goes with the next start")
}

/// The courier's own side.
struct Rounds<L, R> {
    node: Arc<L>,
    uplink: R,
    bell: Arc<Bell>,
    stopped: watch::Receiver<bool>,
    health: watch::Sender<Health>,
    wished: mpsc::Receiver<Wish>,
    /// Whoever waits for the next round.
    due: Vec<Wish>,
}

impl<L: Origin, R: Remote + Referee + Sync> Rounds<L, R> {
    async fn carry(&mut self) {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            // An error means that the courier itself is gone.
            _ = stopped.wait_for(|stop| *stop) => {}
            () = self.go_round() => {}
        }
    }

    async fn go_round(&mut self) {
        loop {
            // A server that answers at once must not keep the courier from hearing that it is to stop.
            tokio::task::yield_now().await;
            self.collect();
            let wait = if self.due.is_empty() { WAIT_SECONDS_MAX } else { 0 };
            self.bell.hush();
            let remote = Interrupted::new(&self.uplink, &self.bell);
            let outcome = round::run(&*self.node, &remote, wait).await;
            let was_nudged = remote.was_nudged();
            match outcome {
                Ok(done) => self.succeed(done).await,
                Err(Failure::Remote(Trouble::Cut(_))) if was_nudged => {}
                Err(Failure::Frozen) => {
                    self.look(false).await;
                    _ = self.fail(problem_of::<L>(&Failure::Frozen)).await;
                }
                Err(failure) => drop(self.fail(problem_of::<L>(&failure)).await),
            }
        }
    }

    fn collect(&mut self) {
        while let Ok(wish) = self.wished.try_recv() {
            self.due.push(wish);
        }
    }

    async fn succeed(&mut self, done: Done) {
        let now = self.node.world().now();
        self.node.note(None);
        self.health.send_modify(|health| {
            let rounds = health.rounds + 1;
            *health = Health { rounds, contact_at: Some(now), ..Health::default() };
        });
        self.look(done.is_level).await;
        for wish in self.due.drain(..) {
            if let Wish::Round(answer) = wish {
                // Whoever asked may have gone; the round was run all the same.
                drop(answer.send(Ok(done)));
            }
        }
        if done.pushed == 0 && done.received == 0 {
            tokio::select! {
                () = tokio::time::sleep(IDLE_PAUSE) => {}
                () = self.bell.rung() => {}
            }
        }
    }

    /// Notes the problem and waits before the next try; a wish ends the wait, a nudge does not, or a
    /// busy till would never back off. Says whether the courier was stopped meanwhile.
    async fn fail(&mut self, problem: Problem) -> bool {
        let failures = self.health.borrow().failures.saturating_add(1);
        let [a, b, c, d, e, f, g, h, ..] = self.node.world().chance();
        let waits = retry::wait(failures, u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        tracing::warn!(%problem, failures, ?waits, "the round failed");
        self.node.note(Some(&problem));
        self.health.send_modify(|health| {
            (health.failures, health.waits) = (failures, Some(waits));
            (health.rounds, health.problem) = (health.rounds + 1, Some(problem.clone()));
        });
        self.due.drain(..).for_each(|wish| wish.answer_with(&problem));
        self.back_off(waits).await
    }

    /// Compares for whoever asked; if nobody did and the node is level, when it is due.
    async fn look(&mut self, is_level: bool) {
        let (looks, rounds) = std::mem::take(&mut self.due).into_iter().partition(|wish| match wish {
            Wish::Look { .. } => true,
            Wish::Round(_) => false,
        });
        self.due = rounds;
        let looks: Vec<Wish> = looks;
        if looks.is_empty() && is_level {
            look_if_due(&*self.node, &self.uplink).await;
        }
        for wish in looks {
            if let Wish::Look { anew, answer } = wish {
                let outcome = verify::slice(&*self.node, &self.uplink, anew, DIGEST_ROWS_MAX).await;
                drop(answer.send(outcome.map_err(|failure| problem_of::<L>(&failure))));
            }
        }
    }

    async fn back_off(&mut self, waits: Duration) -> bool {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => true,
            wish = self.wished.recv() => {
                self.due.extend(wish);
                false
            }
            () = tokio::time::sleep(waits) => false,
        }
    }
}

/// A failure by code and sentence.
fn problem_of<L: Origin>(failure: &Failure<L::Error>) -> Problem {
    let code = match failure {
        Failure::Local(error) => return L::problem(error),
        Failure::Remote(Trouble::Told(problem) | Trouble::Garbled(problem)) => problem.code.as_str(),
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
}

#[cfg(test)]
mod tests;
