//! The lane for long catch-ups, so that devices which come back starve nobody who is there.
//!
//! A page of a catch-up is hundreds of aggregates, and many devices may come back at once: after a
//! night, or after a cut line that all of them hung on. Each page takes a connection for as long as it
//! is made. So the pages of catch-ups stand in a line of their own for a few places, first come first
//! served, and all other connections are left to pushes and to short pulls.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Pages of catch-ups that are made at once: an eighth of the connections, and more than enough to
/// keep the database's cores busy, so that further ones would only make all of them later.
pub const PLACES: usize = 4;

/// Callers that may stand in line: at some 50 ms a page the last of them gets its turn in time.
const QUEUE_MAX: usize = 512;

/// Nobody stands in line for longer: well below what a caller waits for an answer.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Who finds the line full, or stood too long, is asked to come again after so many seconds.
pub const BUSY_SECONDS: u16 = 10;

/// The lane.
#[derive(Debug)]
pub struct Lane {
    places: Semaphore,
    queue: Semaphore,
    wait_max: Duration,
}

impl Default for Lane {
    fn default() -> Self {
        Self::new(PLACES, QUEUE_MAX, WAIT_MAX)
    }
}

impl Lane {
    /// With so many places, so many callers in line for them, and so long a wait at most.
    pub fn new(places: usize, queue: usize, wait_max: Duration) -> Self {
        Self { places: Semaphore::new(places), queue: Semaphore::new(queue), wait_max }
    }

    /// Waits for a place, which is kept until the value is dropped; none if the line is full or does
    /// not move.
    pub async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        let _in_line = self.queue.try_acquire().ok()?;
        // The semaphore is never closed.
        tokio::time::timeout(self.wait_max, self.places.acquire()).await.ok()?.ok()
    }

    /// How many more pages may be made at once.
    pub fn places_left(&self) -> usize {
        self.places.available_permits()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn who_comes_first_is_served_first() {
        let lane = Lane::new(1, 9, LONG);
        let held = lane.enter().await.unwrap();
        let (mut first, mut second) = (Box::pin(lane.enter()), Box::pin(lane.enter()));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        drop(held);
        assert!(second.as_mut().now_or_never().is_none(), "it is not its turn");
        let held = first.now_or_never().unwrap().unwrap();
        assert_eq!(lane.places_left(), 0);
        drop(held);
        assert!(second.now_or_never().unwrap().is_some());
        assert_eq!(lane.places_left(), 1);
    }

    #[tokio::test]
    async fn a_full_line_turns_away_and_a_line_that_does_not_move_does_too() {
        let lane = Lane::new(1, 1, LONG);
        let _held = lane.enter().await.unwrap();
        let mut waits = Box::pin(lane.enter());
        assert!(waits.as_mut().now_or_never().is_none());
        assert!(lane.enter().now_or_never().unwrap().is_none(), "one may wait");
        drop(waits);
        assert!(lane.enter().now_or_never().is_none(), "who went away made room in the line");
        let lane = Lane::new(0, 1, Duration::ZERO);
        assert!(lane.enter().await.is_none());
    }
}
