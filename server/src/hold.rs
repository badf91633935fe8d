//! Holds: promises made online, with an expiry, that count until they are closed.
//!
//! Many callers who want one product are served in groups. Whoever asks is put into a lane; while
//! one transaction commits, the next callers gather, and all that wait are settled by the next one.
//! A row is locked once for all of them instead of once for each, so more callers make it faster.
//!
//! What becomes of a hold that stands is told in [`standing`], why there is none in [`unheld`].

pub mod standing;
pub mod unheld;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use outpost_schema::{
    clock::Timestamp,
    device::IncarnationState,
    planted::{Bug, is_planted},
    stock::{Level, StockKey},
};
use outpost_sync::{
    hold::{Answer, Book, Decided, Held, check, decide},
    wire::{Caller, HoldPlaced, HoldWanted},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
};

pub use self::{
    standing::{allot, extend, keep_swept, release, sweep},
    unheld::Unheld,
};
use crate::{
    db::{Tx, ground, holds},
    epoch,
    error::Error,
    grants,
    server::Server,
    stage::{self, Moment, Work},
    wake::Task,
};

/// Groups that are settled side by side, each on a connection of its own: while one waits for the disk or for
/// its turn on a core, others go on. A hold stands in the lane of its first product, so two rarely wait for one row;
/// more lanes would make groups smaller, and each costs its commit.
const LANES: usize = 4;

/// Callers that may wait in a lane: half a second's worth.
const QUEUE_MAX: usize = 8_192;

/// Callers settled in one transaction: past the knee of its curve, and still a millisecond or two.
const GROUP_MAX: usize = 256;

/// Turns of the runtime for which a group waits at most while others still come: each takes what the cores need for
/// whoever is at the door, and who comes alone waits for one in which nobody came.
const TURNS_MAX: usize = 8;

/// One caller's wish, and where the answer goes.
struct Wish {
    caller: Caller,
    wanted: HoldWanted,
    reply: oneshot::Sender<Result<HoldPlaced, Unheld>>,
}

/// Where holds are asked for. Its tasks end with it.
#[derive(Debug)]
pub struct Desk {
    lanes: Vec<mpsc::Sender<Wish>>,
    groups: Arc<AtomicU64>,
    _tasks: Vec<Task>,
}

impl Desk {
    /// Opens the desk on the current runtime.
    pub fn open(server: &Arc<Server>) -> Self {
        let (mut tasks, groups) = (Vec::new(), Arc::default());
        let mut lane = || {
            let (sender, receiver) = mpsc::channel(QUEUE_MAX);
            tasks.push(Task::start(serve(Arc::clone(server), receiver, Arc::clone(&groups))));
            sender
        };
        let lanes = (0..LANES).map(|_| lane()).collect();
        Self { lanes, groups, _tasks: tasks }
    }

    /// How many groups were settled since it was opened.
    pub fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    /// Places a hold, or says again that it stands.
    ///
    /// # Errors
    /// [`Unheld`].
    pub async fn place(&self, caller: Caller, wanted: HoldWanted) -> Result<HoldPlaced, Unheld> {
        check(&wanted)?;
        let lane = wanted.lines.first().map_or(0, |line| usize::from(line.product_id.0.as_bytes()[15]) % LANES);
        let (reply, answer) = oneshot::channel();
        self.lanes[lane].try_send(Wish { caller, wanted, reply }).map_err(|_| Unheld::TooManyWaiting)?;
        // The lane answers everyone; it goes only with the whole server.
        answer.await.unwrap_or(Err(Unheld::TooManyWaiting))
    }
}

/// Settles whoever waits, group after group.
async fn serve(server: Arc<Server>, mut lane: mpsc::Receiver<Wish>, groups: Arc<AtomicU64>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while lane.recv_many(&mut group, GROUP_MAX).await > 0 {
        gather(&mut lane, &mut group).await;
        groups.fetch_add(1, Ordering::Relaxed);
        let (mut asked, mut replies) = (Asked::default(), Vec::with_capacity(group.len()));
        for Wish { caller, wanted, reply } in group.drain(..) {
            asked.callers.push(caller);
            asked.wanted.push(wanted);
            replies.push(reply);
        }
        let answers =
            settle(&server, &asked).await.unwrap_or_else(|error| vec![Err(Unheld::Failed(error)); replies.len()]);
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Who no longer listens asks again; the hold is known by its id.
            let _gone = reply.send(answer);
        }
    }
}

/// Lets in whoever is at the door already. Without that, the first of those who were just answered and ask again would
/// be settled alone, while all others wait for that one's commit.
async fn gather<T>(lane: &mut mpsc::Receiver<T>, group: &mut Vec<T>) {
    for _ in 0..TURNS_MAX {
        let before = group.len();
        yield_now().await;
        while group.len() < GROUP_MAX
            && let Ok(wish) = lane.try_recv()
        {
            group.push(wish);
        }
        if group.len() == before {
            break;
        }
    }
}

/// The wishes of a group and who has each.
#[derive(Debug, Default)]
struct Asked {
    callers: Vec<Caller>,
    wanted: Vec<HoldWanted>,
}

type Answers = Vec<Result<HoldPlaced, Unheld>>;

/// Decides these wishes in one transaction and answers each, in their order.
async fn settle(server: &Server, asked: &Asked) -> Result<Answers, Arc<Error>> {
    let now = server.now();
    let mut tries = 0;
    let (answers, has_news) = loop {
        tries += 1;
        let work = |tx: Tx| async move { settle_within(server, &tx, asked, now).await };
        match server.db.short_transaction(holds::BEGIN, work).await {
            // Two processes were given one hold id for two products.
            Err(error) if error.is_overtaken() && tries < 3 => {}
            answer => break answer.map_err(Arc::new)?,
        }
    };
    stage::reach(Work::Hold, Moment::AfterCommit);
    if has_news {
        server.ring();
    }
    Ok(answers)
}

async fn settle_within(server: &Server, tx: &Tx, asked: &Asked, now: Timestamp) -> Result<(Answers, bool), Error> {
    let Asked { callers, wanted } = asked;
    let holds::Read { known, levels, held } = holds::read(tx, callers, wanted, now).await?;
    if known.is_recovering() && !is_planted(Bug::NoBarrier) {
        let refused = Unheld::Recovering { waits_for: epoch::waited_for(tx).await?.unwrap_or_default() };
        return Ok((vec![Err(refused); callers.len()], false));
    }
    let refusals: Vec<_> = callers.iter().map(|caller| refusal(known.state(caller))).collect();
    let admitted = wanted.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
    let admitted: Vec<HoldWanted> = admitted.map(|(wish, _)| wish.clone()).collect();
    let decided = decide_within(server, tx, (levels, held), &admitted, now).await?;
    let has_news = !decided.levels.is_empty() || !decided.short.is_empty();
    let mut decided = decided.answers.into_iter();
    let mut next = || decided.next().map_or(Err(Unheld::UnknownNode), told);
    let answers = refusals.into_iter().map(|refusal| refusal.map_or_else(&mut next, Err));
    Ok((answers.collect(), has_news))
}

/// Why nothing is held for whoever has such a journal.
const fn refusal(state: Option<IncarnationState>) -> Option<Unheld> {
    match state {
        None => Some(Unheld::UnknownNode),
        Some(IncarnationState::Suspended | IncarnationState::Retired) => Some(Unheld::Suspended),
        Some(IncarnationState::Active | IncarnationState::Frozen | IncarnationState::Superseded) => None,
    }
}

async fn decide_within(
    server: &Server,
    tx: &Tx,
    (levels, held): (BTreeMap<StockKey, Level>, Vec<Held>),
    wanted: &[HoldWanted],
    now: Timestamp,
) -> Result<Decided, Error> {
    let mut decided = decide(Book::new(levels.clone(), held), wanted, now);
    let mut changed: BTreeSet<StockKey> = decided.short.keys().copied().collect();
    let short = &changed;
    if !short.is_empty() && !is_planted(Bug::ExpiryLeftToSweeper) {
        let mut levels = levels;
        // Nobody is refused because of a hold that is over.
        let released = ground::release_expired(tx, short, now).await?;
        if !released.is_empty() {
            levels.extend(released);
            decided = decide(Book::new(levels, holds::lines(tx, wanted).await?), wanted, now);
        }
    }
    changed.extend(&decided.freed);
    if changed.is_empty() {
        stage::reach(Work::Hold, Moment::BeforeCommit);
        holds::write_last(tx, &decided, now).await?;
    } else {
        holds::write(tx, &decided, now).await?;
        grants::after_change(server, tx, &changed).await?;
        grants::call_for(server, tx, &decided.short).await?;
        stage::reach(Work::Hold, Moment::BeforeCommit);
    }
    Ok(decided)
}

fn told(answer: Answer) -> Result<HoldPlaced, Unheld> {
    match answer {
        Answer::Placed(placed) => Ok(placed),
        Answer::NothingLeft(available) => Err(Unheld::NothingLeft { available }),
        Answer::IdTaken => Err(Unheld::IdTaken),
        Answer::Closed => Err(Unheld::Closed),
        Answer::UnknownStock => Err(Unheld::UnknownStock),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is gathered after the first while somebody comes at each of so many turns.
    async fn gathered_of(coming: usize) -> usize {
        let (sender, mut lane) = mpsc::channel(QUEUE_MAX);
        let mut group = vec![0];
        tokio::spawn(async move {
            for number in 1..=coming {
                _ = sender.try_send(number);
                yield_now().await;
            }
        });
        gather(&mut lane, &mut group).await;
        group.len()
    }

    #[tokio::test]
    async fn a_group_lets_in_whoever_is_at_the_door_and_waits_for_nobody_else() {
        assert_eq!(gathered_of(0).await, 1, "who comes alone is settled alone");
        assert_eq!(gathered_of(3).await, 4);
        assert_eq!(gathered_of(10 * TURNS_MAX).await, 1 + TURNS_MAX, "a stream without end holds nobody up");
    }
}
