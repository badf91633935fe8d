//! The one place of the figures that reads the machine's clock.

use std::time::{Duration, Instant};

/// A stopwatch that runs.
#[derive(Clone, Copy, Debug)]
pub struct Watch(Instant);

impl Watch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "figures measure real time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// What has passed since it was started.
    pub fn passed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How long some work takes, and what came of it.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let watch = Watch::start();
    let made = work();
    (watch.passed(), made)
}

/// The same for work that is awaited.
pub async fn timed_async<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let watch = Watch::start();
    let made = work.await;
    (watch.passed(), made)
}
