//! Time and chance as arguments: what a machine reads of the world outside, behind one small trait,
//! so that the same code runs in a shop and in a seeded test.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::{clock::Timestamp, id::Chance};

/// The world as a machine sees it.
pub trait World: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Sixteen random bytes.
    fn chance(&self) -> [u8; 16];

    /// Randomness for one id.
    fn id_chance(&self) -> Chance {
        let [chance @ .., _, _, _, _, _, _] = self.chance();
        chance
    }
}

/// A world from a seed: each look at the clock finds it one millisecond later, and chance repeats
/// with the seed. For tests, examples and simulation.
#[derive(Debug)]
pub struct Seeded {
    micros: AtomicI64,
    state: AtomicU64,
}

impl Seeded {
    /// A world that begins in 2026 with this seed.
    pub fn new(seed: u64) -> Self {
        Self { micros: AtomicI64::new(1_770_000_000_000_000), state: AtomicU64::new(seed) }
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// The next number of SplitMix64 (Steele, Lea, Flood, 2014).
    fn next(&self) -> u64 {
        let state = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl World for Seeded {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.fetch_add(1_000, Ordering::SeqCst))
    }

    fn chance(&self) -> [u8; 16] {
        let (high, low) = (self.next().to_be_bytes(), self.next().to_be_bytes());
        let mut chance = [0; 16];
        chance[..8].copy_from_slice(&high);
        chance[8..].copy_from_slice(&low);
        chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_one_history() {
        let (one, two, other) = (Seeded::new(1), Seeded::new(1), Seeded::new(2));
        assert_eq!((one.now(), one.chance()), (two.now(), two.chance()));
        assert_ne!(one.chance(), other.chance());
        assert!(one.now() < one.now(), "each look is later");
    }
}
