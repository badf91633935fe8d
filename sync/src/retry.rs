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

/// The longest that a server may ask for: one that is busy for longer is asked now and then.
const ASKED_MS_MAX: u64 = 120_000;

/// How long to wait after a round for which the server had no room: no shorter than the seconds it
/// asked for, and beyond that as after any failure, so that not all come back at one moment.
pub fn wait_as_asked(failures: u32, chance: u64, seconds: u64) -> Duration {
    Duration::from_millis(seconds.saturating_mul(1_000).min(ASKED_MS_MAX)) + wait(failures, chance)
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

    #[test]
    fn what_the_server_asks_for_is_waited_and_more() {
        assert_eq!(wait_as_asked(1, 0, 10), Duration::from_secs(10));
        assert_eq!(wait_as_asked(1, 500, 10), Duration::from_millis(10_500));
        assert_eq!(wait_as_asked(1, 0, u64::MAX), Duration::from_millis(ASKED_MS_MAX), "but not for ever");
    }
}
