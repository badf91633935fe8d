//! Searches over seeds, on every core, and what is told of one that fails: the command that tells it
//! again, its options, the steps that matter, and the last ones before the law was broken.

use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use outpost_schema::planted::{self, Bug};
use tokio::runtime::{Builder, Runtime};

use crate::{
    depth::Depth,
    network::{Broken, live},
    options::{Options, Size},
    plan::plan,
    step::Step,
    tally::Tally,
};

/// Workers at most; a shop's server has no more cores to spare.
const WORKERS_MAX: usize = 8;

/// Tries to make a failing day shorter.
const SHORTENINGS_MAX: usize = 400;

/// A seed whose day broke a law.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The depth at which it did.
    pub depth: &'static str,
    /// The seed and what it made of the day.
    pub options: Options,
    /// The steps that are enough to break it.
    pub steps: Vec<Step>,
    /// What was broken.
    pub broken: Broken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { depth, options, steps, broken } = self;
        writeln!(f, "{options}")?;
        writeln!(f, "again: OUTPOST_SEED={} cargo test --test simulation -- {depth}", options.seed)?;
        writeln!(f, "{} steps are enough; the last of them:", steps.len())?;
        write!(f, "{broken}")
    }
}

/// How a depth is searched.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// What the depth is called.
    pub depth: &'static str,
    /// How large its days are.
    pub size: Size,
    /// Whether a day is told again and again to make it shorter: only where that is cheap and exact.
    pub shortens: bool,
    /// A mistake that is made on purpose meanwhile.
    pub bug: Option<Bug>,
}

impl Search {
    /// The same, while this mistake is made.
    pub const fn with(&self, bug: Bug) -> Self {
        Self { bug: Some(bug), shortens: false, ..*self }
    }

    /// Runs these seeds, on every core. Stops at the first that fails.
    ///
    /// # Errors
    /// The failing seed that was found first.
    pub fn over<D: Depth>(&self, seeds: Range<u64>) -> Result<Tally, Box<Failure>> {
        let (next, sum, failed) = (AtomicU64::new(seeds.start), Mutex::new(Tally::default()), Mutex::new(None));
        thread::scope(|scope| {
            for _ in 0..cores() {
                scope.spawn(|| {
                    planted::plant(self.bug);
                    let (runtime, mut tally) = (a_runtime(), Tally::default());
                    while lock(&failed).is_none() {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            break;
                        }
                        match self.seed::<D>(&runtime, seed) {
                            Ok(lived) => tally += &lived,
                            Err(failure) => _ = lock(&failed).get_or_insert(failure),
                        }
                    }
                    *lock(&sum) += &tally;
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(failure),
            None => Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Runs one seed.
    ///
    /// # Errors
    /// What it breaks, made short.
    pub fn seed<D: Depth>(&self, runtime: &Runtime, seed: u64) -> Result<Tally, Box<Failure>> {
        let options = Options::of(seed, self.size);
        let steps = plan(&options);
        match day::<D>(runtime, &options, &steps) {
            Ok(tally) => Ok(tally),
            Err(broken) if self.shortens => Err(Box::new(self.shortened::<D>(runtime, options, steps, broken))),
            Err(broken) => Err(Box::new(Failure { depth: self.depth, options, steps, broken })),
        }
    }

    /// Leaves steps out, in ever smaller pieces, as long as what is left still breaks a law (delta
    /// debugging; Zeller and Hildebrandt, 2002).
    fn shortened<D: Depth>(&self, runtime: &Runtime, options: Options, steps: Vec<Step>, broken: Broken) -> Failure {
        let (mut steps, mut broken) = (steps, broken);
        let (mut piece, mut tries) = (steps.len().div_ceil(2), 0);
        while piece > 0 && tries < SHORTENINGS_MAX {
            let (mut at, mut was_shortened) = (0, false);
            while at < steps.len() && tries < SHORTENINGS_MAX {
                tries += 1;
                let mut fewer = steps.clone();
                fewer.drain(at..(at + piece).min(steps.len()));
                match day::<D>(runtime, &options, &fewer) {
                    Err(still) => (steps, broken, was_shortened) = (fewer, still, true),
                    Ok(_) => at += piece,
                }
            }
            if !was_shortened {
                piece /= 2;
            }
        }
        Failure { depth: self.depth, options, steps, broken }
    }
}

/// A day told to its end; a panic is a broken law too.
fn day<D: Depth>(runtime: &Runtime, options: &Options, steps: &[Step]) -> Result<Tally, Broken> {
    let lived = catch_unwind(AssertUnwindSafe(|| runtime.block_on(live::<D>(options, steps))));
    lived.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(Broken { law: format!("a panic: {}", said.unwrap_or("without a word")), story: Vec::new() })
    })
}

/// A worker's own runtime, on its own thread: what happens in a seed happens in one order.
pub fn a_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a thread can have a runtime")
}

/// The cores that a search takes.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
