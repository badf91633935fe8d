//! Time as data: wall time to show, and hybrid logical clocks to settle edits of a field.
//!
//! Nothing here reads a clock; the turn of the hands is an argument. Order between ops comes from
//! their sequence, never from these values.

use serde::{Deserialize, Serialize};

/// A moment of wall time: microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many microseconds after 1970 began.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The moment `seconds` later; stays at the end of time instead of wrapping.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// The year in UTC, by Hinnant's civil_from_days (2013).
    pub fn year(self) -> i32 {
        let shifted = self.0.div_euclid(86_400_000_000) + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Its years begin in March: the last 60 days belong to the next one.
        let year = year_of_era + era * 400 + i64::from(day_of_year >= 306);
        i32::try_from(year).unwrap_or(i32::MAX)
    }

    /// Whole seconds from `earlier` to this moment, at least 0.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        let passed = self.0.saturating_sub(earlier.0) / 1_000_000;
        if passed > 0 { passed } else { 0 }
    }
}

/// How far ahead of the server a stamp may lie before it is capped: five minutes, in microseconds.
///
/// Tills set by hand are minutes off, hardly more; a clock in 2099 must win nothing.
pub const DRIFT_MAX_MICROS: i64 = 5 * 60 * 1_000_000;

/// A hybrid logical clock stamp (Kulkarni et al., 2014): wall time, then a counter that orders what
/// happened within the same microsecond or while the wall clock stood still or ran back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hlc {
    /// The largest wall time seen.
    pub at: Timestamp,
    /// Ticks within that wall time.
    pub tick: u32,
}

impl Hlc {
    /// Before everything.
    pub const ZERO: Self = Self { at: Timestamp(0), tick: 0 };

    /// The stamp of the next local event at wall time `wall`; always greater than `self`.
    #[must_use]
    pub fn tick(self, wall: Timestamp) -> Self {
        if wall > self.at {
            return Self { at: wall, tick: 0 };
        }
        match self.tick.checked_add(1) {
            Some(tick) => Self { at: self.at, tick },
            None => Self { at: Timestamp(self.at.0.saturating_add(1)), tick: 0 },
        }
    }

    /// The stamp after hearing `remote` at wall time `wall`; greater than both stamps.
    #[must_use]
    pub fn observe(self, remote: Self, wall: Timestamp) -> Self {
        self.max(remote).tick(wall)
    }

    /// The stamp as the server keeps it: not further ahead of `wall` than [`DRIFT_MAX_MICROS`].
    /// The second value says whether it had to be capped, which is a concern.
    #[must_use]
    pub fn capped(self, wall: Timestamp) -> (Self, bool) {
        let latest = Timestamp(wall.0.saturating_add(DRIFT_MAX_MICROS));
        if self.at > latest { (Self { at: latest, tick: self.tick }, true) } else { (self, false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_ends_with_december() {
        let cases = [
            (0, 1970),
            (-1, 1969),
            (951_782_399, 2000),
            (1_767_225_599, 2025),
            (1_767_225_600, 2026),
            (4_102_444_800, 2100),
        ];
        for (seconds, year) in cases {
            assert_eq!(Timestamp::from_micros(seconds * 1_000_000).year(), year, "{seconds}");
        }
    }

    fn wall(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn a_clock_that_runs_back_still_ticks_forward() {
        let first = Hlc::ZERO.tick(wall(100));
        let second = first.tick(wall(50));
        assert!(second > first);
        assert_eq!(second.at, wall(100));
    }

    #[test]
    fn hearing_of_a_later_stamp_moves_past_it() {
        let remote = Hlc { at: wall(900), tick: 7 };
        assert!(Hlc::ZERO.observe(remote, wall(100)) > remote);
    }

    #[test]
    fn a_clock_in_2099_is_capped() {
        let far = Hlc { at: wall(4_070_908_800_000_000), tick: 0 };
        let (kept, was_capped) = far.capped(wall(1_000));
        assert!(was_capped);
        assert_eq!(kept.at, wall(1_000 + DRIFT_MAX_MICROS));
        assert!(!Hlc { at: wall(1_001), tick: 3 }.capped(wall(1_000)).1);
    }

    #[test]
    fn a_full_counter_moves_to_the_next_microsecond() {
        let full = Hlc { at: wall(5), tick: u32::MAX };
        assert_eq!(full.tick(wall(1)), Hlc { at: wall(6), tick: 0 });
    }
}
