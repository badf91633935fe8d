//! The checkpoint: what the log holds is moved into the file after the writer has answered, by the
//! writer's own connection, in a thread that nobody waits for.
//!
//! Done inside a commit, as SQLite does it by itself, every thirtieth sale would take twenty times
//! as long as the others. Never done, the growing log makes every commit dearer.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::lock_of;
use crate::stage::{self, Moment, Work};

/// Commits between checkpoints: a log of some 20 MB, so that fewer than one sale in a hundred can
/// meet a checkpoint even where nobody pauses between sales.
const COMMITS_MAX: u64 = 200;

/// Rows changed between checkpoints, for the few commits that change thousands.
const ROWS_MAX: u64 = 10_000;

/// A writer that never pauses keeps the thread from its turn; at this many times the limits it does
/// the thread's work itself.
const OVERDUE: u64 = 2;

/// Pages in the log from which on it is cut short, after a long reader held it up: 64 MB.
const PAGES_LARGE: i64 = 16_384;

/// What was written since the last checkpoint.
#[derive(Default)]
struct Since {
    commits: AtomicU64,
    rows_before: AtomicU64,
}

impl Since {
    fn is_due(&self, rows: u64, times: u64) -> bool {
        let changed = rows.saturating_sub(self.rows_before.load(Ordering::Relaxed));
        self.commits.load(Ordering::Relaxed) >= times * COMMITS_MAX || changed >= times * ROWS_MAX
    }
}

pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    since: Arc<Since>,
}

impl Checkpointer {
    pub(super) fn start(writer: Arc<Mutex<Connection>>) -> Self {
        let (wake, woken) = sync_channel(1);
        let since = Arc::new(Since::default());
        let thread = std::thread::Builder::new().name("checkpoint".to_owned());
        let shared = Arc::clone(&since);
        // Without the thread the writer does it, later.
        let thread = thread.spawn(move || run(&writer, &woken, &shared)).ok();
        Self { wake: Some(wake), thread, since }
    }

    /// Before a transaction: does what is long overdue.
    pub(super) fn catch_up(&self, writer: &Connection) {
        if self.since.is_due(writer.total_changes(), OVERDUE) {
            checkpoint_or_warn(writer, &self.since);
        }
    }

    /// Now, due or not: the disk is full, or somebody wants it quiet.
    pub(super) fn do_now(&self, writer: &Connection) {
        checkpoint_or_warn(writer, &self.since);
    }

    /// A transaction was committed.
    pub(super) fn note(&self, writer: &Connection) {
        self.since.commits.fetch_add(1, Ordering::Relaxed);
        if self.since.is_due(writer.total_changes(), 1) {
            // A full channel means that a checkpoint is already called for.
            _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        _ = self.thread.take().map(JoinHandle::join);
    }
}

fn run(writer: &Mutex<Connection>, woken: &Receiver<()>, since: &Since) {
    while woken.recv().is_ok() {
        let writer = lock_of(writer);
        if since.is_due(writer.total_changes(), 1) {
            checkpoint_or_warn(&writer, since);
        }
    }
}

fn checkpoint_or_warn(conn: &Connection, since: &Since) {
    since.commits.store(0, Ordering::Relaxed);
    since.rows_before.store(conn.total_changes(), Ordering::Relaxed);
    if let Err(error) = checkpoint(conn) {
        tracing::warn!(%error, "the log could not be moved into the database; it grows until it can");
    }
}

fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    stage::reach(Work::Checkpoint, Moment::Begun);
    let pages: i64 = conn.query_row("pragma wal_checkpoint(passive)", [], |row| row.get(1))?;
    if pages > PAGES_LARGE {
        conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    }
    stage::reach(Work::Checkpoint, Moment::Done);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, FILE};

    /// A page in the log: its bytes and a header.
    const FRAME: u64 = 4_096 + 24;

    #[test]
    fn a_writer_that_never_pauses_does_not_let_the_log_grow() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let db = Db::open(folder.path()).expect("opens");
        lock_of(&db.writer).pragma_update(None, "synchronous", "off").expect("no disk is waited for");
        let commits = 3 * OVERDUE * COMMITS_MAX;
        for number in 0..commits {
            db.write(|tx| Ok(tx.execute("update feed_position set problem = ?1", [number as i64])?)).expect("writes");
        }
        let frames = folder.path().join(format!("{FILE}-wal")).metadata().expect("the log").len() / FRAME;
        assert!(frames < commits / 2, "{frames} pages in the log after {commits} commits of a page");
    }
}
