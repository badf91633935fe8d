//! How far each depth is searched, by default and when somebody asks for more, and the seeds that failed
//! once.

use std::{
    env,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tracing_subscriber::EnvFilter;

use crate::{
    chance,
    depth::Depth,
    options::Size,
    record,
    recorded::Part,
    search::{Failure, Search, a_runtime, cores},
    tally::Tally,
};

/// The pure decisions of both sides, over tables in memory.
pub const MODEL: Search = Search { depth: "model", size: Size { tills: 40, steps: 120 }, shortens: true, bug: None };

/// Real nodes, and the model of the server.
pub const NODE: Search = Search { depth: "node", size: Size { tills: 40, steps: 120 }, shortens: true, bug: None };

/// Everything real.
pub const POSTGRES: Search =
    Search { depth: "postgres", size: Size { tills: 40, steps: 80 }, shortens: false, bug: None };

/// Seeds that failed once, one a line: a depth, a number, and what it found.
const FAILED: &str = include_str!("seeds.txt");

/// Searches a depth: the seeds that failed once, then `few` others, or as many as `OUTPOST_SEEDS` says; or only
/// the one that `OUTPOST_SEED` names. Keeps what it covered.
pub fn run<D: Depth>(search: &Search, few: u64) {
    let _turn = in_turn();
    if let Some(seed) = number("OUTPOST_SEED") {
        // Who tells one seed again wants to hear what the machines said.
        tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();
        return report(search.seed::<D>(&a_runtime(), seed));
    }
    #[expect(clippy::disallowed_methods, reason = "how long a search takes is reported, and asserted nowhere")]
    let began = Instant::now();
    let mut sum = Tally::default();
    let failed_once = FAILED.lines().filter_map(|line| line.strip_prefix(search.depth));
    for line in failed_once {
        let seed = line.split_whitespace().next().and_then(|seed| seed.parse().ok()).expect("a depth and a seed");
        sum += &told(search.over::<D>(seed..seed + 1));
    }
    let first = number("OUTPOST_FIRST_SEED").unwrap_or(0);
    let seeds = chance::seeds(few);
    sum += &told(search.over::<D>(first..first + seeds.end));
    println!("{}: {sum:?}", search.depth);
    record::keep(search.depth, &Part { tally: sum, seconds: began.elapsed().as_secs_f64(), cores: cores() as u64 });
}

/// One search at a time: each takes every core.
pub fn in_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a variable says, if it is there.
pub fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

fn report(lived: Result<Tally, Box<Failure>>) {
    println!("{:#?}", told(lived));
}

fn told(lived: Result<Tally, Box<Failure>>) -> Tally {
    lived.unwrap_or_else(|failure| panic!("{failure}"))
}
