//! The folder that backups are put into. What is in the making or on its way out begins with a dot, so
//! whatever is called `outpost-….backup` is whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use outpost_schema::id::{BackupId, EpochId};

use super::{
    BackupError,
    manifest::{MANIFEST, Manifest},
};

/// How the name of a whole backup begins and ends.
const BEGINS: &str = "outpost-";
const ENDS: &str = ".backup";

/// Begins the name of one that is not whole yet, and of one that is being deleted.
const MAKING: &str = ".making-";
const LEAVING: &str = ".leaving-";

/// Held by the one process that puts a backup here.
const LOCK: &str = ".lock";

/// A folder of backups, held by this process.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    _lock: File,
}

impl Shelf {
    /// Opens the folder, making it if there is none, and clears what killed attempts left.
    ///
    /// # Errors
    /// [`BackupError::Busy`], or what the disk says.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        // Customers' names are in there.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(BackupError::file("make", folder))?;
        let folder = folder.canonicalize().map_err(BackupError::file("find", folder))?;
        let lock = lock(&folder)?;
        let shelf = Self { folder, _lock: lock };
        for name in shelf.names()? {
            if name.starts_with(MAKING) || name.starts_with(LEAVING) {
                let path = shelf.folder.join(name);
                fs::remove_dir_all(&path).map_err(BackupError::file("remove", path))?;
            }
        }
        Ok(shelf)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a backup called after this moment, `20261126-213000`.
    pub(super) fn begin(&self, moment: &str) -> Result<Making, BackupError> {
        let mut name = format!("{BEGINS}{moment}{ENDS}");
        for number in 2.. {
            if !self.folder.join(&name).exists() {
                break;
            }
            name = format!("{BEGINS}{moment}-{number}{ENDS}");
        }
        let folder = self.folder.join(format!("{MAKING}{name}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| BackupError::written(&self.folder, &folder, error))?;
        Ok(Making { shelf: self.folder.clone(), whole: self.folder.join(name), folder, is_kept: false })
    }

    /// The whole backups of a network, the oldest first. What cannot be read is nobody's.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn backups_of(&self, network: EpochId) -> Result<Vec<(PathBuf, Manifest)>, BackupError> {
        let names = self.names()?.into_iter().filter(|name| name.starts_with(BEGINS) && name.ends_with(ENDS));
        let read = |path: PathBuf| Manifest::read(&path).ok().map(|manifest| (path, manifest));
        let mut backups: Vec<_> = names.filter_map(|name| read(self.folder.join(name))).collect();
        backups.retain(|(_, manifest)| manifest.network == network);
        backups.sort_by_key(|(_, manifest)| (manifest.taken_at, manifest.backup_id));
        Ok(backups)
    }

    /// Deletes what is older than the newest `keep`, never `newest` itself, and says which went.
    ///
    /// # Errors
    /// If one cannot be deleted; it is then still whole, or gone from the list.
    pub fn prune(&self, newest: &Manifest, keep: usize) -> Result<Vec<BackupId>, BackupError> {
        let others = self.backups_of(newest.network)?;
        let others: Vec<_> = others.into_iter().filter(|(_, old)| old.backup_id != newest.backup_id).collect();
        let too_many = others.len().saturating_sub(keep.saturating_sub(1));
        let mut gone = Vec::new();
        for (path, manifest) in others.into_iter().take(too_many) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let leaving = self.folder.join(format!("{LEAVING}{name}"));
            fs::rename(&path, &leaving).map_err(BackupError::file("delete", &path))?;
            fs::remove_dir_all(&leaving).map_err(BackupError::file("delete", &path))?;
            gone.push(manifest.backup_id);
        }
        Ok(gone)
    }

    fn names(&self) -> Result<Vec<String>, BackupError> {
        let entries = fs::read_dir(&self.folder).map_err(BackupError::file("read", &self.folder))?;
        Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }
}

fn lock(folder: &Path) -> Result<File, BackupError> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = opened.map_err(|error| BackupError::written(folder, &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::Busy { folder: folder.into() }),
        Err(TryLockError::Error(error)) => Err(BackupError::file("lock", path)(error)),
    }
}

/// A backup in the making. Dropped before it is whole, it is gone.
#[derive(Debug)]
pub(super) struct Making {
    shelf: PathBuf,
    folder: PathBuf,
    whole: PathBuf,
    is_kept: bool,
}

impl Making {
    /// A new file in it, that nobody else can read.
    pub fn create(&self, name: &str) -> Result<(File, PathBuf), BackupError> {
        let path = self.folder.join(name);
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        Ok((opened.map_err(|error| BackupError::written(&self.shelf, &path, error))?, path))
    }

    /// What an error while writing into it is.
    pub fn written(&self, path: &Path, error: io::Error) -> BackupError {
        BackupError::written(&self.shelf, path, error)
    }

    /// Gives it its manifest and its name, for good, and says where it is.
    pub fn keep(mut self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        let (mut file, path) = self.create(MANIFEST)?;
        let text = serde_json::to_vec_pretty(manifest).expect("our own types always encode into memory");
        let written = file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| synced(&self.folder));
        written.map_err(|error| self.written(&path, error))?;
        fs::rename(&self.folder, &self.whole).map_err(|error| self.written(&self.whole, error))?;
        self.is_kept = true;
        synced(&self.shelf).map_err(BackupError::file("write to disk", &self.shelf))?;
        Ok(self.whole.clone())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_dir_all(&self.folder)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(path = %self.folder.display(), %error, "half a backup stays until the next one");
        }
    }
}

/// The names in a folder are on disk when this returns.
fn synced(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
