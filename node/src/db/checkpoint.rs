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
use crate::stage;

/// Commits between checkpoints: a log of some 5 MB, moved in about 5 ms.
const COMMITS_MAX: u64 = 50;

/// Rows changed between checkpoints, for the few commits that change thousands.
const ROWS_MAX: u64 = 4_000;

/// Pages in the log from which on it is cut short, after a long reader held it up: 64 MB.
const PAGES_LARGE: i64 = 16_384;

pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    commits: AtomicU64,
    rows_before: AtomicU64,
}

impl Checkpointer {
    pub(super) fn start(writer: Arc<Mutex<Connection>>) -> Self {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("checkpoint".to_owned());
        // Without the thread the log only grows until the database is closed.
        let thread = thread.spawn(move || run(&writer, &woken)).ok();
        Self { wake: Some(wake), thread, commits: AtomicU64::new(0), rows_before: AtomicU64::new(0) }
    }

    /// A transaction was committed; `rows` is how many this connection ever changed.
    pub(super) fn note(&self, rows: u64) {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        let changed = rows.saturating_sub(self.rows_before.load(Ordering::Relaxed));
        if commits < COMMITS_MAX && changed < ROWS_MAX {
            return;
        }
        self.commits.store(0, Ordering::Relaxed);
        self.rows_before.store(rows, Ordering::Relaxed);
        // A full channel means that a checkpoint is already called for.
        _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        _ = self.thread.take().map(JoinHandle::join);
    }
}

fn run(writer: &Mutex<Connection>, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint(&lock_of(writer)) {
            tracing::warn!(%error, "the log could not be moved into the database; it grows until it can");
        }
    }
}

fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    stage::reach("checkpoint.begun");
    let pages: i64 = conn.query_row("pragma wal_checkpoint(passive)", [], |row| row.get(1))?;
    if pages > PAGES_LARGE {
        conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    }
    stage::reach("checkpoint.done");
    Ok(())
}
