//! A disk whose power can be cut at any call, beneath every SQLite connection of the process.
//!
//! [`Drive::watch`] a folder, and whatever opens databases below it runs unchanged: several connections,
//! logs with shared memory, attached databases, backups, renames. Beside what the machine does, the model
//! remembers what was done to each file since it was last synced. [`Drive::cut`] then leaves of that what a
//! disk might: some changes, in no order, some of them torn at sectors.
//!
//! The rules are strict where a disk is free, and only there:
//!
//! - Nothing but a sync of a file makes its changes certain; a sync of another file says nothing of it.
//! - That a file was created, deleted or renamed is certain at once, its content is not.
//! - A sync costs nothing: what it promises is kept by the model, not by the machine.
//! - Files that are not written through SQLite (the witness, sled) are not watched.

mod change;
mod model;
#[cfg(test)]
mod tests;
mod vfs;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

use self::model::Model;
pub use self::{change::Cut, model::Calls};
use crate::chance::Chance;

/// Every folder that is watched now.
static WATCHED: Mutex<Vec<Arc<Model>>> = Mutex::new(Vec::new());

/// A watched folder; no longer watched when this is dropped.
#[derive(Debug)]
pub struct Drive {
    model: Arc<Model>,
}

impl Drive {
    /// Watches what SQLite does below this folder from now on. Connections that are open already are not
    /// seen.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn watch(folder: &Path) -> io::Result<Self> {
        vfs::install();
        let model = Arc::new(Model::of(fs::canonicalize(folder)?));
        watched().push(Arc::clone(&model));
        Ok(Self { model })
    }

    /// After this many more changing calls the power goes: the next one is cut off half done, and every
    /// later call of any sort fails until [`Drive::cut`].
    pub fn fail_after(&self, calls: u64) {
        self.model.fail_after(calls);
    }

    /// The same in the midst of a sync, after this many that are whole: what was written is then least certain.
    pub fn fail_at_sync(&self, syncs: u64) {
        self.model.fail_at_sync(syncs);
    }

    /// Whether the power is out.
    pub fn is_out(&self) -> bool {
        self.model.is_out()
    }

    /// What was called so far.
    pub fn calls(&self) -> Calls {
        self.model.calls()
    }

    /// Cuts the power, if it is still on, and brings it back: the files are then what a disk would hold.
    ///
    /// # Errors
    /// If the files cannot be read or written.
    ///
    /// # Panics
    /// If a connection is still open.
    pub fn cut(&self, chance: &mut Chance) -> io::Result<Cut> {
        self.model.cut(chance)
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        watched().retain(|model| !Arc::ptr_eq(model, &self.model));
    }
}

/// A folder of its own in memory, where the machine has such a place, so that the real disk is spared.
pub fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("outpost-").tempdir_in(place).expect("a folder")
}

fn watched() -> MutexGuard<'static, Vec<Arc<Model>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The drive that a file lies on, if it is watched.
fn drive_of(path: &Path) -> Option<Arc<Model>> {
    watched().iter().find(|model| model.has(path)).map(Arc::clone)
}
