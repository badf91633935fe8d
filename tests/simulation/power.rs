//! Power cuts: a till whose power goes at any call keeps all that it told anybody.
//!
//! Each seed is a story: a real node over a [`crate::disk`], with head office as a model in memory. It sells,
//! counts, keeps carts and runs rounds until the power goes; then its files are what a disk might have left of
//! them, the node is opened again, and all that is there is compared with a list of what was acknowledged.
//!
//! - `network`: head office, what it told, and the till's files as every story finds them
//! - `act`: what may happen at the till
//! - `book`: what was acknowledged, and what follows from it by arithmetic of its own
//! - `stored`: what the till holds
//! - `story`: one seed, from cut to cut
//!
//! `OUTPOST_POWER_CUTS=200000` searches longer; `OUTPOST_SEED=17` tells one story again.

mod act;
mod book;
mod network;
mod stored;
mod story;

use std::{fmt, ops::Range, panic::resume_unwind, thread};

use self::{network::Image, story::Story};
use crate::{disk::Cut, search::cores};

/// Cuts in each story: so many that there is a past to be lost, so few that a story is short to read.
pub const CUTS: u64 = 10;

/// Cuts that the tests search through if nobody asks for more.
const CUTS_BY_DEFAULT: u64 = 5_000;

/// What a search went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Stories told.
    pub seeds: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Of these, in the middle of an act.
    pub cuts_midway: u64,
    /// Changes of files that nobody had waited for, and that were there after a cut.
    pub kept: u64,
    /// Those that were gone.
    pub dropped: u64,
    /// Those of which some sectors were there.
    pub torn: u64,
    /// Writes to files.
    pub writes: u64,
    /// Syncs of files.
    pub syncs: u64,
    /// Acts that were acknowledged.
    pub acts: u64,
    /// Of these, sales.
    pub sales: u64,
    /// Cuts that left a till half filled anew.
    pub half_filled: u64,
    /// Acts that the shop refused.
    pub refused: u64,
    /// Acts under way when the power went, and found whole.
    pub landed: u64,
    /// Acts under way when the power went, of which nothing was found.
    pub vanished: u64,
    /// Times that something acknowledged was looked for after a cut.
    pub looked_for: u64,
}

impl Tally {
    /// Takes in another search's.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.cuts += other.cuts;
        self.cuts_midway += other.cuts_midway;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.torn += other.torn;
        self.writes += other.writes;
        self.syncs += other.syncs;
        self.acts += other.acts;
        self.sales += other.sales;
        self.half_filled += other.half_filled;
        self.refused += other.refused;
        self.landed += other.landed;
        self.vanished += other.vanished;
        self.looked_for += other.looked_for;
    }

    /// As a report has it.
    #[cfg(test)]
    fn part(&self, took: std::time::Duration) -> crate::recorded::Part {
        let tally = crate::tally::Tally {
            seeds: self.seeds,
            steps: self.acts + self.refused,
            sales: self.sales,
            checks: self.looked_for,
            power_cuts: self.cuts,
            lost_writes: self.dropped,
            torn_writes: self.torn,
            ..crate::tally::Tally::default()
        };
        crate::recorded::Part { tally, seconds: took.as_secs_f64(), cores: cores() as u64 }
    }

    fn count(&mut self, cut: Cut) {
        self.cuts += 1;
        self.kept += cut.kept;
        self.dropped += cut.dropped;
        self.torn += cut.torn;
    }
}

/// A story in which something was lost, or made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which story.
    pub seed: u64,
    /// How many cuts had been survived.
    pub cuts: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, cuts, what } = self;
        write!(f, "after {cuts} cuts: {what}\n(OUTPOST_SEED={seed} cargo test --test simulation -- power)")
    }
}

impl std::error::Error for Failure {}

/// Tells the stories of these seeds.
///
/// # Errors
/// The first story in which something acknowledged was lost, or something is there that nobody did.
pub fn search(seeds: Range<u64>) -> Result<Tally, Failure> {
    let images = [false, true].map(Image::make);
    let mut tally = Tally::default();
    for seed in seeds {
        let image = &images[usize::from(seed % 2 == 1)];
        let mut told = Tally { seeds: 1, ..Tally::default() };
        let ended = Story::begin(seed, image).and_then(|mut story| story.tell(&mut told));
        ended.map_err(|what| Failure { seed, cuts: told.cuts, what })?;
        tally.add(&told);
    }
    Ok(tally)
}

/// The same, on every core.
///
/// # Errors
/// The same; of several failing stories one.
pub fn search_on_every_core(seeds: Range<u64>) -> Result<Tally, Failure> {
    let part = (seeds.end - seeds.start).div_ceil(cores() as u64).max(1);
    let found: Vec<Result<Tally, Failure>> = thread::scope(|scope| {
        let of_each = seeds.clone().step_by(usize::try_from(part).unwrap_or(usize::MAX));
        let searching: Vec<_> =
            of_each.map(|from| scope.spawn(move || search(from..(from + part).min(seeds.end)))).collect();
        searching.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let mut sum = Tally::default();
    for tally in found {
        sum.add(&tally?);
    }
    Ok(sum)
}

/// The seeds to search: those for so many cuts as `OUTPOST_POWER_CUTS` says, or the one of `OUTPOST_SEED`.
fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("OUTPOST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("OUTPOST_POWER_CUTS").unwrap_or(CUTS_BY_DEFAULT).div_ceil(CUTS),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{record, searches::in_turn};

    #[test]
    fn a_till_whose_power_goes_at_any_call_keeps_all_that_it_told() {
        let (_turn, seeds) = (in_turn(), seeds());
        #[expect(clippy::disallowed_methods, reason = "how long a search takes is reported, and asserted nowhere")]
        let began = Instant::now();
        let tally = search_on_every_core(seeds.clone()).unwrap_or_else(|failure| panic!("{failure}"));
        println!("{tally:#?}");
        record::keep("power", &tally.part(began.elapsed()));
        assert_eq!((tally.seeds, tally.cuts), (seeds.end - seeds.start, CUTS * (seeds.end - seeds.start)));
        if tally.seeds > 100 {
            let met = [tally.cuts_midway, tally.torn, tally.dropped, tally.kept, tally.landed, tally.vanished];
            assert!(met.iter().all(|times| *times > tally.seeds / 10), "a search that meets nothing: {tally:?}");
        }
    }

    #[test]
    fn a_seed_tells_the_same_story_again() {
        assert_eq!(search(3..9), search(3..9));
    }
}
