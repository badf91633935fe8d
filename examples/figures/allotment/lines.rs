//! Lines that are cut and mended by chance, one seed the same cuts.

use outpost_schema::{clock::Timestamp, sizing::Waits};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Seconds that a line holds on average.
const HOLDS: f64 = 2.5 * 86_400.0;

/// How long cuts are on average, each as likely as the others: a router, a storm, a cable, a weekend.
const CUTS: [f64; 4] = [1_800.0, 6.0 * 3_600.0, 12.0 * 3_600.0, 36.0 * 3_600.0];

/// Cuts of one line, in order: from, until.
type Cuts = Vec<(Timestamp, Timestamp)>;

/// The line of each shop.
pub struct Lines {
    cuts: Vec<Cuts>,
    /// What head office knows of each line at the end of each cut.
    waits: Vec<Vec<Waits>>,
    seconds: i64,
}

impl Lines {
    /// Draws the cuts of each shop between two moments.
    pub fn drawn(seed: u64, shops: usize, from: Timestamp, upto: Timestamp) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let cuts: Vec<Cuts> = (0..shops).map(|_| draw(&mut chance, from, upto)).collect();
        let waits = cuts.iter().map(|cuts| waits(cuts)).collect();
        Self { cuts, waits, seconds: upto.seconds_since(from) }
    }

    /// The end of the cut in which a shop is at a moment; none if its line holds.
    pub fn mended(&self, shop: usize, at: Timestamp) -> Option<Timestamp> {
        let cuts = &self.cuts[shop];
        let next = cuts.partition_point(|(_, until)| *until <= at);
        cuts.get(next).filter(|(from, _)| *from <= at).map(|(_, until)| *until)
    }

    /// How long a shop went unheard of late, as head office knows it at a moment.
    pub fn waits(&self, shop: usize, at: Timestamp) -> Waits {
        let over = self.cuts[shop].partition_point(|(_, until)| *until <= at);
        over.checked_sub(1).map_or_else(Waits::default, |last| self.waits[shop][last])
    }

    /// Which part of the time a line is cut.
    pub fn share_cut(&self) -> f64 {
        self.cut_seconds() / (self.seconds as f64 * self.cuts.len() as f64)
    }

    /// How long a cut is.
    pub fn mean_hours(&self) -> f64 {
        self.cut_seconds() / 3_600.0 / self.cuts.iter().map(Vec::len).sum::<usize>() as f64
    }

    fn cut_seconds(&self) -> f64 {
        self.cuts.iter().flatten().map(|(from, until)| until.seconds_since(*from) as f64).sum()
    }
}

fn waits(cuts: &[(Timestamp, Timestamp)]) -> Vec<Waits> {
    let after = |known: &mut Waits, (from, until): &(Timestamp, Timestamp)| {
        *known = known.heard(until.seconds_since(*from), *until);
        Some(*known)
    };
    cuts.iter().scan(Waits::default(), after).collect()
}

fn draw(chance: &mut ChaCha8Rng, from: Timestamp, upto: Timestamp) -> Cuts {
    let (mut cuts, mut at) = (Vec::new(), from);
    loop {
        let begins = at.plus_seconds(about(chance, HOLDS));
        let mean = CUTS[chance.random_range(0..CUTS.len())];
        at = begins.plus_seconds(about(chance, mean));
        if at >= upto {
            return cuts;
        }
        cuts.push((begins, at));
    }
}

/// An exponential time, at least a minute.
fn about(chance: &mut ChaCha8Rng, mean: f64) -> i64 {
    let even: f64 = chance.random_range(0.0..1.0);
    60 + (-(1.0 - even).ln() * mean) as i64
}
