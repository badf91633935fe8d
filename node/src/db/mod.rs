//! The node's database: one SQLite file, one writer that checkpoints after it has answered, and
//! readers that see whole transactions and never write.

pub(crate) mod allotments;
pub(crate) mod aside;
pub(crate) mod carts;
pub(crate) mod catalogue;
pub(crate) mod checkpoint;
pub(crate) mod checks;
pub(crate) mod concerns;
pub(crate) mod confirmations;
pub(crate) mod copy;
pub(crate) mod countings;
pub(crate) mod deliveries;
pub(crate) mod epochs;
pub(crate) mod fed;
pub(crate) mod filling;
mod former;
pub(crate) mod heard;
pub(crate) mod identity;
pub(crate) mod inbox;
pub(crate) mod journal;
pub(crate) mod lives;
pub(crate) mod lookup;
pub(crate) mod mend;
pub(crate) mod migrations;
pub(crate) mod orders;
pub(crate) mod outbox;
pub(crate) mod pending_ops;
pub(crate) mod people;
pub(crate) mod planted;
pub(crate) mod refill;
pub(crate) mod returns;
pub(crate) mod rules;
pub(crate) mod salvage;
pub(crate) mod search;
pub(crate) mod stock;
pub(crate) mod synonyms;
pub(crate) mod transfers;
pub(crate) mod verdicts;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    thread,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};

use outpost_schema::{
    clock::Timestamp,
    id::CartId,
    planted::{Bug, is_planted},
};

use self::checkpoint::Checkpointer;
pub(crate) use self::migrations::schema;
use crate::{
    disk::{Disk, Reserve},
    error::Error,
    stage::{self, Moment, Work},
};

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

/// A database up to this size is looked at whole whenever it is opened, which takes a tenth of a
/// second; a larger one only after an end without farewell, when there is reason to.
const LOOKED_AT_MAX: u64 = 64 * 1024 * 1024;

/// A node's database.
pub struct Db {
    file: PathBuf,
    /// Held by whoever gets the writer next. The lock below is not fair: without this, long work that
    /// lets the writer go for a moment would mostly take it again before whoever waited.
    next: Mutex<()>,
    writer: Arc<Mutex<Connection>>,
    readers: Mutex<Vec<Connection>>,
    /// Readers pass it together; whoever replaces the file, alone.
    door: RwLock<()>,
    checkpointer: Checkpointer,
    reserve: Reserve,
    /// Told after each commit.
    watch: Mutex<Option<Box<dyn Fn() + Send>>>,
    // Last, so that the folder is free only when everything else is closed.
    _lock: File,
}

impl Db {
    /// Opens the database of a folder, and makes it if there is none.
    ///
    /// # Errors
    /// `missing_folder`, `locked`, `read_only`, `damaged`, `newer_schema`, `changed_migration`,
    /// `no_room_to_migrate`, `disk_full`, or what else the disk says. The file is then as it was.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        if !folder.is_dir() {
            return Err(Error::MissingFolder { folder: folder.to_owned() });
        }
        let lock = lock(folder)?;
        let file = folder.join(FILE);
        if file.metadata().is_ok_and(|metadata| metadata.permissions().readonly()) {
            return Err(Error::ReadOnly);
        }
        let reserve = Reserve::open(folder);
        let mut writer = match open_writer(&file) {
            // The log and what connections share need a little room before anything can be read.
            Err(Error::DiskFull) if reserve.release() => open_writer(&file)?,
            opened => opened?,
        };
        let changed = migrations::migrate(&mut writer, &file)?;
        journal::check_end(&writer)?;
        keep_log_at_close(&writer, false)?;
        if changed == 0 {
            former::forget(&file)?;
        }
        let writer = Arc::new(Mutex::new(writer));
        let checkpointer = Checkpointer::start(Arc::clone(&writer));
        Ok(Self {
            file,
            next: Mutex::default(),
            writer,
            readers: Mutex::default(),
            door: RwLock::default(),
            checkpointer,
            reserve,
            watch: Mutex::default(),
            _lock: lock,
        })
    }

    /// How the disk is, and how many bytes are free on it, if the machine says.
    pub fn disk(&self) -> (Disk, Option<u64>) {
        self.reserve.look()
    }

    /// Runs `work` in one transaction that no other writer is beside; committed if it succeeds. A test may
    /// end the process at the stages of what it is.
    ///
    /// # Errors
    /// What `work` says, or the database; nothing is then written.
    pub(crate) fn write_at<T>(
        &self,
        name: Work,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.reserve.is_whole() { self.commit(name, work) } else { Err(Error::DiskFull) }
    }

    /// A test's own transaction.
    #[cfg(test)]
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_at(Work::Apply, work)
    }

    /// Like [`Db::write_at`], for what head office answered. On a full disk the reserve is given up
    /// for it, and what it leaves in the log is moved into the database at once.
    pub(crate) fn write_from_reserve<T>(
        &self,
        name: Work,
        work: impl Fn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = match self.commit(name, &work) {
            Err(Error::DiskFull) if self.reserve.release() => self.commit(name, &work),
            done => done,
        };
        if !self.reserve.is_whole() {
            self.checkpointer.do_now(&lock_of(&self.writer));
        }
        done
    }

    fn commit<T>(&self, name: Work, work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut writer = self.writer_in_turn();
        self.checkpointer.catch_up(&writer);
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        stage::reach(name, Moment::Begun);
        let made = work(&tx)?;
        stage::reach(name, Moment::BeforeCommit);
        tx.commit()?;
        stage::reach(name, Moment::AfterCommit);
        self.checkpointer.note(&writer);
        self.tell();
        Ok(made)
    }

    /// Names the one to be told after each commit, while the writer is still held: it must only note it. The last one
    /// named is told.
    pub(crate) fn watch(&self, watch: impl Fn() + Send + 'static) {
        *lock_of(&self.watch) = Some(Box::new(watch));
    }

    fn tell(&self) {
        if let Some(watch) = &*lock_of(&self.watch) {
            watch();
        }
    }

    /// Moves the log into the file now, before that is due: for whoever must know that no thread does it
    /// meanwhile.
    pub fn checkpoint(&self) {
        self.checkpointer.do_now(&lock_of(&self.writer));
    }

    fn writer_in_turn(&self) -> MutexGuard<'_, Connection> {
        let _next = lock_of(&self.next);
        lock_of(&self.writer)
    }

    /// Whether somebody waits for the writer: long work that can be done in parts lets it go then.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.next.try_lock(), Err(std::sync::TryLockError::WouldBlock))
    }

    /// Runs `work` over one unchanging view of what is committed.
    ///
    /// # Errors
    /// What `work` says, or the database.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let _inside = self.door.read().unwrap_or_else(PoisonError::into_inner);
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

    /// Puts the database aside in this one's place, with what is this node's own carried over, if
    /// nothing was ever done here; nobody reads or writes meanwhile. Says which carts may have changed;
    /// none if something was done, and nothing was replaced.
    pub(crate) fn replace(&self, aside: &Path, now: Timestamp) -> Result<Option<Vec<CartId>>, Error> {
        let _alone = self.door.write().unwrap_or_else(PoisonError::into_inner);
        let mut writer = lock_of(&self.writer);
        if !journal::is_empty(&writer)? {
            return Ok(None);
        }
        let carts = refill::move_in(aside, &self.file, now)?;
        lock_of(&self.readers).clear();
        stage::reach(Work::Adopt, Moment::MovedIn);
        let replaced = self.rename_over(&mut writer, aside);
        // Whichever file has the name now is the node's.
        *writer = open_writer(&self.file)?;
        keep_log_at_close(&writer, false)?;
        stage::reach(Work::Adopt, Moment::Done);
        self.tell();
        replaced.map(|()| Some(carts))
    }

    /// Leaves the old file without a log, so that none is ever taken for the new one's.
    fn rename_over(&self, writer: &mut Connection, aside: &Path) -> Result<(), Error> {
        writer.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        writer.pragma_update(None, "journal_mode", "delete")?;
        drop(std::mem::replace(writer, Connection::open_in_memory()?));
        stage::reach(Work::Adopt, Moment::BeforeRename);
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let renamed = std::fs::rename(aside, &self.file).and_then(|()| {
            stage::reach(Work::Adopt, Moment::AfterRename);
            File::open(folder)?.sync_all()
        });
        renamed.map_err(|cause| Error::Files { what: self.file.display().to_string(), cause })
    }

    /// Lets the writer see the database aside.
    pub(crate) fn attach_aside(&self, path: &Path) -> Result<(), Error> {
        refill::attach(&lock_of(&self.writer), path, aside::NAME)
    }

    /// Ends that.
    pub(crate) fn detach_aside(&self) -> Result<(), Error> {
        refill::detach(&lock_of(&self.writer))
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    /// Reads the whole file and every index; slow, for a person who doubts the disk.
    ///
    /// # Errors
    /// `damaged` with what was found.
    pub fn examine(&self) -> Result<(), Error> {
        self.read(quick_check)
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

/// Whether nothing was ever written in this folder, or all of it is gone.
pub(crate) fn is_empty(folder: &Path) -> bool {
    folder.join(FILE).metadata().map_or(0, |there| there.len()) == 0
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

fn open_writer(file: &Path) -> Result<Connection, Error> {
    let length = |file: &Path| file.metadata().map_or(0, |there| there.len());
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let was_cut_off = length(Path::new(&log)) > 0;
    let writer = Connection::open(file)?;
    keep_log_at_close(&writer, true)?;
    prepare_writer(&writer)?;
    if was_cut_off || length(file) <= LOOKED_AT_MAX {
        quick_check(&writer)?;
    }
    Ok(writer)
}

/// Whether closing leaves the log as it is: a file that is found to be damaged is left as it was, and its log
/// beside it, for whoever salvages them.
fn keep_log_at_close(conn: &Connection, is_kept: bool) -> Result<(), Error> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_kept)?;
    Ok(())
}

fn quick_check(conn: &Connection) -> Result<(), Error> {
    let found: String = conn.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Error::damaged(found.replace('\n', " "))) }
}

fn prepare_writer(conn: &Connection) -> Result<(), Error> {
    conn.busy_timeout(BUSY_MAX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Reads the header, so that a file that is no database is found before anything is done to it.
    conn.query_row("pragma schema_version", [], |row| row.get::<_, i64>(0))?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", if is_planted(Bug::SynchronousNormal) { "normal" } else { "full" })?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    Ok(())
}
