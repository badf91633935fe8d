//! Pulls that wait for news, and the one task that wakes them.
//!
//! However many wait, one small statement looks whether their scopes have news: when this process
//! committed something, when another one says so, and every few seconds in any case, which alone is
//! what correctness rests on. A commit that travels is told to other processes from here, after it
//! and on this task's own connection: a NOTIFY within the committing transactions would make their
//! commits stand in line for one lock.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::{
    db::{feed::scopes_with_news, listen::Line},
    error::Error,
    feed::cursor::Snapshot,
    server::Server,
};

/// Pulls that may wait at once in one process: each holds a socket, and 20,000 of these are what a
/// process may have open.
pub const WAITING_MAX: usize = 19_500;

/// How often the table is looked at though nobody said anything.
const POLL: Duration = Duration::from_secs(3);

/// Looks are at least this far apart, so that a hundred commits are one look.
const GAP: Duration = Duration::from_millis(20);

/// How long to wait before connecting again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Every pull that waits.
#[derive(Debug)]
pub struct Waiting {
    places: Arc<Semaphore>,
    book: Mutex<Book>,
    /// Rung by the first to wait: what was said while nobody did was not heard.
    first: Notify,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    /// Up to where news has been looked for; none while nobody waits.
    looked: Option<Snapshot>,
    by_scope: HashMap<Uuid, HashMap<u64, Arc<Notify>>>,
}

/// A pull that waits, until this is dropped.
#[derive(Debug)]
pub struct Ticket {
    waiting: Arc<Waiting>,
    number: u64,
    scopes: Vec<Uuid>,
    bell: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

impl Ticket {
    /// Returns when one of the scopes may have news.
    pub async fn hear(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut book = self.waiting.book();
        for scope in &self.scopes {
            if let Some(waiters) = book.by_scope.get_mut(scope) {
                waiters.remove(&self.number);
                if waiters.is_empty() {
                    book.by_scope.remove(scope);
                }
            }
        }
        if book.by_scope.is_empty() {
            book.looked = None;
        }
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self::with_places(WAITING_MAX)
    }
}

impl Waiting {
    /// Room for that many.
    pub fn with_places(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), book: Mutex::default(), first: Notify::new() }
    }

    /// How many more may wait.
    pub fn places_left(&self) -> usize {
        self.places.available_permits()
    }

    /// Waits for news of `scopes` after `at`; none if there is no place left.
    pub fn enter(self: &Arc<Self>, scopes: Vec<Uuid>, at: &Snapshot) -> Option<Ticket> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let bell = Arc::new(Notify::new());
        let mut book = self.book();
        let looked = book.looked.get_or_insert_with(|| {
            self.first.notify_one();
            at.clone()
        });
        if !at.covers(looked) {
            // The last look may have passed over news that came after `at`.
            bell.notify_one();
        }
        let number = book.next;
        book.next += 1;
        for scope in &scopes {
            book.by_scope.entry(*scope).or_default().insert(number, Arc::clone(&bell));
        }
        drop(book);
        Some(Ticket { waiting: Arc::clone(self), number, scopes, bell, _place: place })
    }

    /// Wakes whoever waits for news of a scope, to look for itself.
    pub fn ring(&self, scope: Uuid) {
        let book = self.book();
        book.by_scope.get(&scope).into_iter().flat_map(HashMap::values).for_each(|bell| bell.notify_one());
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is waited for, and since when; none if nobody waits.
    fn wanted(&self) -> Option<(Vec<Uuid>, Snapshot)> {
        let book = self.book();
        Some((book.by_scope.keys().copied().collect(), book.looked.clone()?))
    }

    /// Notes a look that began with `asked`, and wakes those whose scopes have news. Who came in the
    /// meantime with a scope that was not asked for is woken too, to look for itself.
    fn looked(&self, asked: &[Uuid], at: Snapshot, with_news: &[Uuid]) {
        let (asked, with_news): (HashSet<_>, HashSet<_>) = (asked.iter().collect(), with_news.iter().collect());
        let mut book = self.book();
        for (scope, waiters) in &book.by_scope {
            if with_news.contains(scope) || !asked.contains(scope) {
                waiters.values().for_each(|bell| bell.notify_one());
            }
        }
        if !book.by_scope.is_empty() {
            book.looked = Some(at);
        }
    }
}

/// A task that ends with this value.
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Task {
    /// Starts it on the current runtime.
    pub fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks for news for as long as it is polled.
pub async fn watch(server: Arc<Server>, waiting: Arc<Waiting>) {
    loop {
        if let Err(error) = watch_by_one_line(&server, &waiting).await {
            tracing::warn!("the connection that listens for news broke, and is made again: {error}");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn watch_by_one_line(server: &Server, waiting: &Waiting) -> Result<(), Error> {
    let line = Line::open(server.db.config()).await?;
    let mut news = server.news();
    loop {
        let is_ours = tokio::select! {
            rung = news.changed() => rung.is_ok(),
            () = line.heard() => false,
            () = waiting.first.notified() => false,
            () = tokio::time::sleep(POLL) => false,
        };
        news.borrow_and_update();
        if let Some((scopes, since)) = waiting.wanted() {
            let (at, with_news) = scopes_with_news(line.client(), &scopes, &since).await?;
            waiting.looked(&scopes, at, &with_news);
        }
        if is_ours {
            line.tell().await?;
        }
        tokio::time::sleep(GAP).await;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const MINE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn at(text: &str) -> Snapshot {
        text.parse().unwrap()
    }

    fn is_woken(ticket: &Ticket) -> bool {
        ticket.hear().now_or_never().is_some()
    }

    #[test]
    fn only_those_with_news_are_woken() {
        let waiting = Arc::new(Waiting::default());
        let mine = waiting.enter(vec![MINE], &at("10:10:")).unwrap();
        let other = waiting.enter(vec![OTHER], &at("10:10:")).unwrap();
        waiting.looked(&[MINE, OTHER], at("12:12:"), &[MINE]);
        assert!(is_woken(&mine) && !is_woken(&other));
    }

    #[test]
    fn who_looked_before_the_last_look_is_sent_to_look_again() {
        let waiting = Arc::new(Waiting::default());
        let _first = waiting.enter(vec![MINE], &at("10:10:")).unwrap();
        waiting.looked(&[MINE], at("20:20:"), &[]);
        assert!(is_woken(&waiting.enter(vec![MINE], &at("15:15:")).unwrap()));
        assert!(!is_woken(&waiting.enter(vec![MINE], &at("20:20:")).unwrap()));
    }

    #[test]
    fn who_came_during_a_look_with_another_scope_is_sent_to_look() {
        let waiting = Arc::new(Waiting::default());
        let first = waiting.enter(vec![MINE], &at("10:10:")).unwrap();
        let (asked, _) = waiting.wanted().unwrap();
        let late = waiting.enter(vec![OTHER], &at("10:10:")).unwrap();
        waiting.looked(&asked, at("20:20:"), &[]);
        assert!(is_woken(&late) && !is_woken(&first));
    }

    #[test]
    fn the_first_to_wait_calls_for_a_look() {
        let waiting = Arc::new(Waiting::default());
        let is_called = || waiting.first.notified().now_or_never().is_some();
        let first = waiting.enter(vec![MINE], &at("10:10:")).unwrap();
        assert!(is_called(), "a commit may have come between its page and its place");
        let second = waiting.enter(vec![MINE], &at("10:10:")).unwrap();
        assert!(!is_called());
        drop((first, second));
        let _again = waiting.enter(vec![MINE], &at("20:20:")).unwrap();
        assert!(is_called());
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let waiting = Arc::new(Waiting::with_places(1));
        let ticket = waiting.enter(vec![MINE, OTHER], &at("10:10:")).unwrap();
        assert!(waiting.enter(vec![MINE], &at("10:10:")).is_none());
        drop(ticket);
        assert!(waiting.wanted().is_none(), "nobody waits, nothing is looked for");
        assert!(waiting.enter(vec![MINE], &at("10:10:")).is_some());
    }
}
