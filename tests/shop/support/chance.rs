//! Chance from a seed, and the seeds a search runs over.

use outpost_schema::world::{Seeded, World as _};

/// Dice that fall the same way for the same seed.
pub struct Chance(Seeded);

impl Chance {
    /// Dice of this seed.
    pub fn of(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let [a, b, c, d, ..] = self.0.chance();
        u32::from_be_bytes([a, b, c, d]) as usize % bound.max(1)
    }

    /// Whether something happens that happens so many times in a hundred.
    pub fn in_a_hundred(&mut self, times: usize) -> bool {
        self.below(100) < times
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// These in another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        (1..things.len()).rev().for_each(|last| things.swap(last, self.below(last + 1)));
    }
}

/// The seeds of a search: `few` of them, or as many as `OUTPOST_SEEDS` says.
pub fn seeds(few: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("OUTPOST_SEEDS").ok();
    0..wanted.map_or(few, |text| text.parse().expect("OUTPOST_SEEDS is a number"))
}
