//! The node's database: one SQLite file, one writer that checkpoints after it has answered, and
//! readers that see whole transactions and never write.

pub(crate) mod carts;
pub(crate) mod catalogue;
pub(crate) mod checkpoint;
pub(crate) mod concerns;
pub(crate) mod copy;
pub(crate) mod identity;
pub(crate) mod inbox;
pub(crate) mod journal;
pub(crate) mod lives;
mod migrations;
pub(crate) mod orders;
pub(crate) mod outbox;
pub(crate) mod people;
pub(crate) mod stock;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use self::checkpoint::Checkpointer;
use crate::{error::Error, stage};

/// The database's file in its folder.
pub const FILE: &str = "outpost.db";

/// Held by the one process that has the folder open.
const LOCK_FILE: &str = "outpost.lock";

/// A lock is tried for a second before it is told: a process that is ending, or a program just being
/// started by one, holds on to it a moment longer.
const LOCK_TRIES: u32 = 50;

/// Between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Readers kept open between reads: as many as a shop's pages are drawn at once.
const READERS_KEPT: usize = 4;

/// How long a connection waits for another: a checkpoint of the largest log takes a fraction of it.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// The writer's page cache in KiB: a page of the feed touches leaves of every index of 100,000
/// products, and with SQLite's own 2 MB it would write and read them back within the transaction.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Statements a connection keeps prepared: all that the node has, and room to spare.
const STATEMENTS_KEPT: usize = 256;

/// A node's database.
pub struct Db {
    file: PathBuf,
    writer: Arc<Mutex<Connection>>,
    readers: Mutex<Vec<Connection>>,
    checkpointer: Checkpointer,
    // Last, so that the folder is free only when everything else is closed.
    _lock: File,
}

impl Db {
    /// Opens the database of a folder, and makes it if there is none.
    ///
    /// # Errors
    /// `missing_folder`, `locked`, `read_only`, `damaged`, `newer_schema`, `changed_migration`, or
    /// what else the disk says.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        if !folder.is_dir() {
            return Err(Error::MissingFolder { folder: folder.to_owned() });
        }
        let lock = lock(folder)?;
        let file = folder.join(FILE);
        if file.metadata().is_ok_and(|metadata| metadata.permissions().readonly()) {
            return Err(Error::ReadOnly);
        }
        let mut writer = Connection::open(&file)?;
        prepare_writer(&writer)?;
        migrations::migrate(&mut writer)?;
        journal::check_tail(&writer)?;
        let writer = Arc::new(Mutex::new(writer));
        let checkpointer = Checkpointer::start(Arc::clone(&writer));
        Ok(Self { file, writer, readers: Mutex::default(), checkpointer, _lock: lock })
    }

    /// Runs `work` in one transaction that no other writer is beside; committed if it succeeds.
    ///
    /// # Errors
    /// What `work` says, or the database; nothing is then written.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_at("write", work)
    }

    /// Like [`Db::write`], with stages of this name at which a test may end the process.
    pub(crate) fn write_at<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut writer = lock_of(&self.writer);
        self.checkpointer.catch_up(&writer);
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        stage::reach_in(name, "begun");
        let made = work(&tx)?;
        stage::reach_in(name, "before_commit");
        tx.commit()?;
        stage::reach_in(name, "after_commit");
        self.checkpointer.note(&writer);
        Ok(made)
    }

    /// Runs `work` over one unchanging view of what is committed.
    ///
    /// # Errors
    /// What `work` says, or the database.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let kept = lock_of(&self.readers).pop();
        let mut reader = kept.map_or_else(|| self.open_reader(), Ok)?;
        let tx = reader.transaction()?;
        let made = work(&tx);
        drop(tx);
        let mut readers = lock_of(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
        made
    }

    /// Reads the whole file and every index; slow, for a person who doubts the disk.
    ///
    /// # Errors
    /// `damaged` with what was found.
    pub fn examine(&self) -> Result<(), Error> {
        let found: String = self.read(|conn| Ok(conn.query_row("pragma quick_check(1)", [], |row| row.get(0))?))?;
        if found == "ok" { Ok(()) } else { Err(Error::damaged(found)) }
    }

    fn open_reader(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.file, flags)?;
        reader.busy_timeout(BUSY_MAX)?;
        reader.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        reader.pragma_update(None, "query_only", true)?;
        Ok(reader)
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A panic inside a transaction rolls it back, so what the lock guards stays sound.
fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds a folder, so that nobody else opens it.
///
/// # Errors
/// `locked`.
pub(crate) fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK_FILE);
    let files = |cause| Error::Files { what: path.display().to_string(), cause };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(files)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(cause)) => return Err(files(cause)),
        }
    }
    Err(Error::Locked { folder: folder.to_owned() })
}

fn prepare_writer(conn: &Connection) -> Result<(), Error> {
    conn.busy_timeout(BUSY_MAX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Reads the header, so that a file that is no database is found before anything is done to it.
    conn.query_row("pragma schema_version", [], |row| row.get::<_, i64>(0))?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    Ok(())
}
