use super::*;

use std::{
    fmt,
    sync::Mutex,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::FutureExt as _;
use outpost_schema::digest::KeyRange;
use outpost_schema::{
    clock::Hlc,
    feed::{Aggregate, Key, Kind},
    id::{EpochId, IncarnationId},
    journal::{Body, Entry, Hash, Mark},
};
use outpost_sync::{
    retry,
    round::{Anew, Local},
    verify::{Compared, Held, Piece},
    wire::{
        Born, DigestAsked, Digested, Findings, Imaged, ImagesAsked, LifeWanted, Mended, Page, Pulled, Push, Pushed,
        Report, Reported, Standing,
    },
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::interrupt::Interrupted;

/// A world whose chance is always the same number.
struct Fixed(u64);

impl World for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(7)
    }

    fn chance(&self) -> [u8; 16] {
        let mut chance = [0; 16];
        chance[..8].copy_from_slice(&self.0.to_be_bytes());
        chance
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is full")
    }
}

/// A journal in memory.
struct Till {
    world: Fixed,
    waiting: Mutex<Vec<Entry>>,
    noted: Mutex<Vec<Option<String>>>,
    cursor: Mutex<Option<String>>,
    panics: AtomicBool,
}

impl Till {
    fn new(chance: u64) -> Arc<Self> {
        let (waiting, noted, cursor) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { world: Fixed(chance), waiting, noted, cursor, panics: AtomicBool::new(false) })
    }

    fn sell(&self) {
        let mut waiting = self.waiting.lock().expect("sound");
        let entry = Entry {
            seq: 1,
            hlc: Hlc::ZERO,
            seen: String::new(),
            kind: "sale".to_owned(),
            version: 1,
            body: Body(vec![]),
            prev_hash: Hash::START,
            hash: Hash::START,
        };
        waiting.push(entry);
    }
}

impl Local for Till {
    type Error = Broken;

    fn standing(&self) -> Result<Standing, Broken> {
        Ok(Standing { incarnation_id: IncarnationId(Uuid::nil()), head: Mark::START, acked: Mark::START })
    }

    fn unsent(&self) -> Result<Push, Broken> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a planted panic");
        Ok(Push { entries: self.waiting.lock().expect("sound").clone(), ..Push::default() })
    }

    fn settle(&self, sent: &Push, _: &Pushed) -> Result<(), Broken> {
        drop(self.waiting.lock().expect("sound").drain(..sent.entries.len()));
        Ok(())
    }

    fn stand_at(&self, _: Mark) -> Result<bool, Broken> {
        Ok(true)
    }

    fn freeze(&self) -> Result<(), Broken> {
        Ok(())
    }

    fn cursor(&self) -> Result<Option<String>, Broken> {
        Ok(self.cursor.lock().expect("sound").clone())
    }

    fn apply(&self, _: Option<&str>, page: &Page) -> Result<(), Broken> {
        *self.cursor.lock().expect("sound") = Some(page.cursor.clone());
        Ok(())
    }

    fn report(&self) -> Result<Option<Report>, Broken> {
        Ok(None)
    }

    fn reported(&self, _: &Report) -> Result<(), Broken> {
        Ok(())
    }

    fn start_anew(&self, _: &Anew) -> Result<(), Broken> {
        Ok(())
    }

    fn life_wanted(&self) -> Result<Option<LifeWanted>, Broken> {
        Ok(None)
    }

    fn begin_life(&self, _: &Born) -> Result<(), Broken> {
        Ok(())
    }
}

impl Holder for Till {
    fn is_due(&self) -> Result<bool, Broken> {
        Ok(false)
    }

    fn put_off(&self) -> Result<(), Broken> {
        Ok(())
    }

    fn held(&self, _: bool, _: usize) -> Result<Option<Held>, Broken> {
        Ok(Some(Held { cursor: "1".to_owned(), pieces: vec![], next: None }))
    }

    fn held_in(&self, _: &[KeyRange]) -> Result<Vec<Piece>, Broken> {
        Ok(vec![])
    }

    fn mend(&self, _: &str, _: &KeyRange, _: &Page) -> Result<Option<Vec<Mended>>, Broken> {
        Ok(None)
    }

    fn findings(&self) -> Result<Findings, Broken> {
        Ok(Findings::default())
    }

    fn findings_heard(&self, _: &Findings) -> Result<(), Broken> {
        Ok(())
    }

    fn move_on(&self, _: &Held, _: &Compared) -> Result<(), Broken> {
        Ok(())
    }
}

impl Origin for Till {
    fn world(&self) -> &dyn World {
        &self.world
    }

    fn problem(error: &Broken) -> Problem {
        Problem::new("broken", error.to_string())
    }

    fn note(&self, problem: Option<&Problem>) {
        self.noted.lock().expect("sound").push(problem.map(|problem| problem.code.clone()));
    }

    fn tidy(&self) {}
}

/// A server whose pulls with a wait never end, and whose pushes need a permit.
#[derive(Clone)]
struct Office(Arc<Desk>);

struct Desk {
    cut: bool,
    busy: Option<u64>,
    /// Has news without end, and never waits.
    eager: bool,
    pulls: watch::Sender<usize>,
    pushes: watch::Sender<usize>,
    permits: Semaphore,
}

impl Office {
    fn new(cut: bool, permits: usize) -> Self {
        Self::of(cut, false, permits)
    }

    fn of(cut: bool, eager: bool, permits: usize) -> Self {
        let counter = || watch::Sender::new(0);
        let permits = Semaphore::new(permits);
        Self(Arc::new(Desk { cut, busy: None, eager, pulls: counter(), pushes: counter(), permits }))
    }

    /// It has no room, and says for how many seconds.
    fn busy(seconds: u64) -> Self {
        let Desk { cut, eager, pulls, pushes, permits, .. } =
            Arc::into_inner(Self::new(false, 0).0).expect("nobody else has it");
        Self(Arc::new(Desk { cut, busy: Some(seconds), eager, pulls, pushes, permits }))
    }

    async fn saw(counter: &watch::Sender<usize>, count: usize) {
        counter.subscribe().wait_for(|seen| *seen >= count).await.expect("the counter lives");
    }
}

impl std::ops::Deref for Office {
    type Target = Desk;
    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl Remote for Office {
    async fn push(&self, _: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.pushes.send_modify(|count| *count += 1);
        self.permits.acquire().await.expect("open").forget();
        let verdicts = push.entries.iter().map(|entry| (entry.seq, outpost_schema::verdict::Verdict::Accepted));
        Ok(Pushed::Settled { acked: Mark::START, verdicts: verdicts.collect(), carts: vec![] })
    }

    async fn report(&self, _: Standing, _: &Report) -> Result<Reported, Trouble> {
        Ok(Reported::Taken { acked: Mark::START })
    }

    async fn pull(&self, _: Standing, _: Option<&str>, wait_seconds: u64) -> Result<Pulled, Trouble> {
        self.pulls.send_modify(|count| *count += 1);
        if self.cut {
            return Err(Trouble::Cut("nobody answers".to_owned()));
        }
        if let Some(seconds) = self.busy {
            return Err(Trouble::Busy(Problem::new("busy_catching_up", "ask again"), seconds));
        }
        if wait_seconds > 0 && !self.eager {
            std::future::pending::<()>().await;
        }
        let gone = Key { kind: Kind::Review, ids: vec![Uuid::nil()] };
        Ok(Pulled::Page(Box::new(Page {
            epoch: EpochId(Uuid::nil()),
            cursor: "1".to_owned(),
            level: true,
            seen: String::new(),
            aggregates: if self.eager { vec![Aggregate::Gone(gone)] } else { vec![] },
            acked: vec![],
            server_time: Timestamp::from_micros(0),
            protocol: outpost_sync::wire::PROTOCOL,
            recovering: false,
            others: vec![],
        })))
    }
}

impl Referee for Office {
    async fn digest(&self, _: Standing, asked: &DigestAsked) -> Result<Digested, Trouble> {
        Ok(Digested::OtherForm { form: asked.form + 1 })
    }

    async fn images(&self, _: Standing, _: &ImagesAsked) -> Result<Imaged, Trouble> {
        Ok(Imaged::PullFirst)
    }
}

fn start(till: &Arc<Till>, office: &Office) -> Courier {
    Courier::start(Arc::clone(till), office.clone()).expect("a thread")
}

/// The courier's side, and the ends that somebody else holds.
fn rounds(till: &Arc<Till>, office: &Office) -> (Rounds<Till, Office>, impl Sized + use<>) {
    let (stop, stopped) = watch::channel(false);
    let (wishes, wished) = mpsc::channel(1);
    let rounds = Rounds {
        node: Arc::clone(till),
        uplink: office.clone(),
        bell: Arc::default(),
        stopped,
        health: watch::Sender::new(Health::default()),
        wished,
        due: vec![],
    };
    (rounds, (stop, wishes))
}

#[tokio::test]
async fn a_nudge_ends_the_wait_and_the_sale_goes_at_once() {
    let (till, office) = (Till::new(0), Office::new(false, 9));
    let courier = start(&till, &office);
    Office::saw(&office.pulls, 1).await;
    till.sell();
    courier.nudge();
    Office::saw(&office.pushes, 1).await;
    Office::saw(&office.pulls, 2).await;
    assert!(till.waiting.lock().expect("sound").is_empty());
    assert_eq!(courier.health().failures, 0, "a nudge is no failure");
}

#[tokio::test]
async fn a_nudge_cuts_a_waiting_pull_and_never_a_push_or_a_page() {
    let (office, bell) = (Office::new(false, 0), Bell::default());
    let remote = Interrupted::new(&office, &bell);
    let standing = Standing { incarnation_id: IncarnationId(Uuid::nil()), head: Mark::START, acked: Mark::START };
    let push = Push::default();
    bell.ring();
    let mut sent = std::pin::pin!(remote.push(standing, &push));
    assert!(sent.as_mut().now_or_never().is_none(), "it waits for its answer");
    office.permits.add_permits(1);
    sent.await.expect("settled");
    remote.pull(standing, None, 0).await.expect("a page");
    assert!(!remote.was_nudged());
    remote.pull(standing, None, 25).await.expect_err("the ring is heard now");
    assert!(remote.was_nudged());
}

#[tokio::test]
async fn failures_back_off_further_each_time_and_a_wish_is_tried_at_once() {
    let (till, office) = (Till::new(499), Office::new(true, 0));
    let courier = start(&till, &office);
    let mut health = courier.follow();
    for failures in 1..=3 {
        let seen = health.wait_for(|health| health.failures == failures).await.expect("it lives").clone();
        assert_eq!(seen.waits, Some(retry::wait(failures, 499)));
        assert_eq!(seen.problem.expect("a problem").code, "line_cut");
        assert_eq!(seen.contact_at, None);
        let problem = courier.round_now().await.expect_err("still cut");
        assert_eq!(problem.code, "line_cut");
    }
    assert_eq!(till.noted.lock().expect("sound")[0], Some("line_cut".to_owned()));
}

#[tokio::test]
async fn a_server_without_room_is_asked_again_when_it_said() {
    let (till, office) = (Till::new(499), Office::busy(10));
    let courier = start(&till, &office);
    let mut health = courier.follow();
    let seen = health.wait_for(|health| health.failures == 1).await.expect("it lives").clone();
    assert_eq!(seen.waits, Some(Duration::from_millis(10_499)));
    assert_eq!(seen.problem.expect("a problem").code, "busy_catching_up");
}

#[tokio::test]
async fn a_nudge_does_not_end_the_back_off() {
    let (mut rounds, _ends) = rounds(&Till::new(0), &Office::new(true, 0));
    rounds.bell.ring();
    assert_eq!(rounds.back_off(Duration::from_secs(3600)).now_or_never(), None);
    assert!(!rounds.back_off(Duration::ZERO).await);
}

#[tokio::test]
async fn a_round_that_brought_nothing_is_followed_by_a_pause() {
    let (mut rounds, _ends) = rounds(&Till::new(0), &Office::new(false, 0));
    let mut some = Done::default();
    some.received = 1;
    assert_eq!(rounds.succeed(some).now_or_never(), Some(()));
    assert_eq!(rounds.succeed(Done::default()).now_or_never(), None);
    rounds.bell.ring();
    assert_eq!(rounds.succeed(Done::default()).now_or_never(), Some(()), "a nudge ends it");
}

#[tokio::test]
async fn a_wish_is_answered_with_what_the_round_did() {
    let (till, office) = (Till::new(0), Office::new(false, 9));
    let courier = start(&till, &office);
    Office::saw(&office.pulls, 1).await;
    till.sell();
    let done = courier.round_now().await.expect("a level round");
    assert!(done.pushed <= 1 && done.is_level);
    assert!(till.waiting.lock().expect("sound").is_empty());
    assert_eq!(courier.health().contact_at, Some(Timestamp::from_micros(7)));
}

#[tokio::test]
async fn a_panic_is_told_and_the_courier_goes_on() {
    let (till, office) = (Till::new(0), Office::new(false, 9));
    till.panics.store(true, Ordering::SeqCst);
    let courier = start(&till, &office);
    Office::saw(&office.pulls, 1).await;
    assert_eq!(courier.health().problem.expect("told").code, "courier_panicked");
    courier.round_now().await.expect("it goes on");
    assert_eq!(courier.health().problem, None);
}

#[tokio::test]
async fn it_stops_whatever_it_waits_for() {
    let waiting = Office::new(false, 0);
    let courier = start(&Till::new(0), &waiting);
    Office::saw(&waiting.pulls, 1).await;
    courier.stop();
    assert_eq!(courier.round_now().await.expect_err("gone").code, "stopped");

    let (till, pushing) = (Till::new(0), Office::new(false, 0));
    till.sell();
    let courier = start(&till, &pushing);
    Office::saw(&pushing.pushes, 1).await;
    courier.stop();

    let backing_off = start(&Till::new(29_999), &Office::new(true, 0));
    backing_off.follow().wait_for(|health| health.failures > 0).await.expect("it lives");
    backing_off.stop();

    let eager = Office::of(false, true, 0);
    let courier = start(&Till::new(0), &eager);
    Office::saw(&eager.pulls, 3).await;
    courier.stop();
}

#[test]
fn one_round_without_a_courier() {
    let (till, office) = (Till::new(0), Office::new(false, 9));
    till.sell();
    let done = round_once(&*till, &office).expect("a round");
    assert_eq!((done.pushed, done.is_level), (1, true));
    let failed = round_once(&*till, &Office::new(true, 0)).expect_err("cut");
    assert_eq!(failed.code, "line_cut");
    assert_eq!(*till.noted.lock().expect("sound"), [None, Some("line_cut".to_owned())]);
}

#[test]
fn whoever_wants_a_comparison_is_answered_after_a_round() {
    let (till, office) = (Till::new(0), Office::new(false, 10));
    let courier = start(&till, &office);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let outcome = runtime.block_on(courier.look_now(true)).expect("answered");
    assert_eq!(outcome, Outcome::Compared(Compared { is_end: true, ..Compared::default() }));
    assert!(courier.health().rounds >= 1, "a round came first");

    let (till, office) = (Till::new(0), Office::new(true, 10));
    let courier = start(&till, &office);
    let problem = runtime.block_on(courier.look_now(true)).expect_err("nobody answers");
    assert_eq!(problem.code, "line_cut");
}
