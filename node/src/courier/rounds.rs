//! Round after round, on the courier's own thread.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use outpost_sync::{
    retry,
    round::{self, Done, Failure, Remote, Trouble},
    verify::{self, Referee},
    wire::{DIGEST_ROWS_MAX, Problem, WAIT_SECONDS_MAX},
};
use tokio::sync::{mpsc, watch};

use super::{
    Health, Origin, Wish,
    interrupt::{Bell, Interrupted},
    look_if_due, problem_of,
};

/// The least time between two rounds that brought nothing, so that a server which answers at once
/// instead of waiting is not asked without end.
const IDLE_PAUSE: Duration = Duration::from_millis(250);

/// The courier's own side.
pub(super) struct Rounds<L, R> {
    pub(super) node: Arc<L>,
    pub(super) uplink: R,
    pub(super) bell: Arc<Bell>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) health: watch::Sender<Health>,
    pub(super) wished: mpsc::Receiver<Wish>,
    /// Whoever waits for the next round.
    pub(super) due: Vec<Wish>,
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
                Err(failure) => {
                    if matches!(failure, Failure::Frozen) {
                        self.look(false).await;
                    }
                    let asked = asked_to_wait(&failure);
                    _ = self.fail(problem_of::<L>(&failure), asked).await;
                }
            }
        }
    }

    fn collect(&mut self) {
        while let Ok(wish) = self.wished.try_recv() {
            self.due.push(wish);
        }
    }

    pub(super) async fn succeed(&mut self, done: Done) {
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
            self.node.tidy();
            tokio::select! {
                () = tokio::time::sleep(IDLE_PAUSE) => {}
                () = self.bell.rung() => {}
            }
        }
    }

    /// Notes the problem and waits before the next try, for no less than the seconds the server asked
    /// for; a wish ends the wait, a nudge does not, or a busy till would never back off. Says whether the
    /// courier was stopped meanwhile.
    async fn fail(&mut self, problem: Problem, asked_seconds: u64) -> bool {
        let failures = self.health.borrow().failures.saturating_add(1);
        let [a, b, c, d, e, f, g, h, ..] = self.node.world().chance();
        let waits = retry::wait_as_asked(failures, u64::from_be_bytes([a, b, c, d, e, f, g, h]), asked_seconds);
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

    pub(super) async fn back_off(&mut self, waits: Duration) -> bool {
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

/// For how many seconds the server asked not to be asked again.
const fn asked_to_wait<E>(failure: &Failure<E>) -> u64 {
    match failure {
        Failure::Remote(Trouble::Busy(_, seconds)) => *seconds,
        Failure::Remote(Trouble::Cut(_) | Trouble::Told(_) | Trouble::Garbled(_))
        | Failure::Local(_)
        | Failure::RolledBack
        | Failure::Frozen
        | Failure::NoAgreement => 0,
    }
}

/// Carries on until told to stop; after a panic it says so and is called again.
pub(super) fn finished<L: Origin, R: Remote + Referee + Sync>(
    rounds: &mut Rounds<L, R>,
    runtime: &tokio::runtime::Runtime,
) -> bool {
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(rounds.carry()))) {
        Ok(()) => true,
        Err(panic) => {
            let problem = Problem::new("courier_panicked", format!("a round broke off: {}", said(panic.as_ref())));
            tracing::error!(%problem, "a round broke off; the next one is tried as after a cut line");
            runtime.block_on(rounds.fail(problem, 0))
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}
