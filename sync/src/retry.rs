//! How long to wait after a round that failed: arithmetic, no clock.

use std::time::Duration;

/// The first wait is somewhere below this.
const BASE_MS: u64 = 500;

/// No wait is longer than this: a line that comes back is used within half a minute.
const WAIT_MS_MAX: u64 = 30_000;

/// Exponential back-off with full jitter (Brooker, 2015): anywhere from nothing to the doubled
/// bound, so that five hundred tills that lost one line do not come back together.
///
/// `failures` counts the rounds that failed in a row, from 1; `chance` is any random number.
pub fn wait(failures: u32, chance: u64) -> Duration {
    let bound = BASE_MS.saturating_mul(1 << failures.clamp(1, 16).saturating_sub(1)).min(WAIT_MS_MAX);
    Duration::from_millis(chance % (bound + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        for (failures, bound) in [(0, 500), (1, 500), (2, 1_000), (5, 8_000), (7, 30_000), (u32::MAX, 30_000)] {
            assert_eq!(wait(failures, bound), Duration::from_millis(bound), "the longest after {failures}");
            assert_eq!(wait(failures, bound + 1), Duration::ZERO, "it wraps after the longest");
        }
    }
}
