//! What searches covered, as it is kept: one file for each depth, and one for the planted mistakes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::tally::Tally;

/// The run that the README shows.
pub const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/recorded");

/// The file of the planted mistakes.
pub const BUGS: &str = "bugs";

/// The depths, in the order in which they are shown.
const DEPTHS: [&str; 4] = ["model", "node", "postgres", "power"];

/// What one search covered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// What it counted.
    pub tally: Tally,
    /// How long it took.
    pub seconds: f64,
    /// On how many cores.
    pub cores: u64,
}

impl Part {
    /// Seeds a second on one core.
    pub fn speed(&self) -> f64 {
        self.tally.seeds as f64 / (self.seconds * self.cores as f64).max(f64::MIN_POSITIVE)
    }
}

/// How a planted mistake was caught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// Which.
    pub bug: String,
    /// At which depth.
    pub depth: String,
    /// After how many seeds, from several starts, fewest first.
    pub seeds: Vec<u64>,
}

/// A run, or as much of one as was kept.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// What each search covered.
    pub parts: BTreeMap<&'static str, Part>,
    /// How each planted mistake was caught.
    pub caught: Vec<Caught>,
}

/// Where the last run is kept: beside whatever was built.
pub fn last_run() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    program.ancestors().nth(3).expect("it was built somewhere").join("faults")
}

impl Recorded {
    /// What is kept in this folder.
    pub fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(format!("{name}.json"))).ok();
        let part = |name: &'static str| Some((name, serde_json::from_str(&text(name)?).ok()?));
        let caught = text(BUGS).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { parts: DEPTHS.into_iter().filter_map(part).collect(), caught }
    }

    /// The median of the seeds that it takes to catch a planted mistake.
    pub fn median(&self) -> u64 {
        let mut seeds: Vec<u64> = self.caught.iter().filter_map(|caught| middle(&caught.seeds)).collect();
        seeds.sort_unstable();
        middle(&seeds).unwrap_or(0)
    }

    /// The table that people read.
    pub fn table(&self) -> String {
        let head = "| | seeds | hours of a till | sales | calls lost, twice, late, cut short | power cuts (writes lost, torn) | put back, cloned, destroyed | servers put back, ended | clock jumps | times all laws held | seeds a second and core |";
        let rows = DEPTHS.iter().filter_map(|name| Some(row(name, self.parts.get(name)?)));
        let lines = [head.to_owned(), "|---|---|---|---|---|---|---|---|---|---|---|".to_owned()];
        let table = lines.into_iter().chain(rows).collect::<Vec<_>>().join("\n");
        let (caught, median) = (self.caught.len(), self.median());
        format!("{table}\n\nMistakes made on purpose and caught: {caught}, the median one after {median} seeds.")
    }
}

fn middle(sorted: &[u64]) -> Option<u64> {
    sorted.get(sorted.len() / 2).copied()
}

fn row(name: &str, part: &Part) -> String {
    let Part { tally, .. } = part;
    let n = |number: u64| grouped(number);
    let calls = [tally.dropped, tally.repeated, tally.reordered, tally.truncated].map(n).join(", ");
    format!(
        "| {name} | {} | {} | {} | {calls} | {} ({}, {}) | {}, {}, {} | {}, {} | {} | {} | {} |",
        n(tally.seeds),
        n(tally.node_seconds / 3_600),
        n(tally.sales),
        n(tally.power_cuts),
        n(tally.lost_writes),
        n(tally.torn_writes),
        n(tally.put_back),
        n(tally.clones),
        n(tally.destroyed),
        n(tally.office_put_back),
        n(tally.office_restarts),
        n(tally.clock_jumps),
        n(tally.checks),
        n(part.speed().round() as u64),
    )
}

/// A number as people write it, in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}
