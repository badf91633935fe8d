//! The only reader of the wall clock and of randomness in this crate.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use outpost_schema::{clock::Timestamp, world::World};

/// The world as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real;

impl World for Real {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
    }

    fn chance(&self) -> [u8; 16] {
        rand::random()
    }
}

/// How long something has taken, for waits that end.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has been.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
