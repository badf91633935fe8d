//! The folders of the private cluster, below `<data>/postgres`, and who may enter them.
//!
//! `data` is Postgres's own. `run` holds the socket: who can enter it may connect, so it is open to
//! its account alone. `log` holds what Postgres says. A data folder in the making is never named
//! `data`, so one that exists is whole.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{self, Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{Account, ClusterError, POLL, RECOVERY_WAIT};
use crate::time::Stopwatch;

/// The longest path of a Unix socket: 107 bytes on Linux, 103 on macOS; the lesser, so that a data
/// folder behaves alike on both.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// The name of the socket that Postgres makes for its usual port.
const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Where the socket goes if the data folder's own path is too long for one.
const SHORT_PARENT: &str = "/tmp";

/// A log larger than this is put aside at the next start; Postgres writes little to it, because its
/// refusals are told to the server.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// How much of the log an error shows.
const TAIL_BYTES: u64 = 2000;

/// Begins the name of a data folder in the making.
const MAKING: &str = "making-";

/// Where the cluster's things lie.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    root: PathBuf,
    /// Postgres's own folder.
    pub data: PathBuf,
    /// Holds the socket.
    pub run: PathBuf,
    log: PathBuf,
}

impl Folders {
    /// Makes what is missing below `parent`, and refuses a place that the account can't reach.
    pub fn prepare(parent: &Path, account: &Account) -> Result<Self, ClusterError> {
        let mode = if account.is_lent { 0o711 } else { 0o700 };
        let parent = path::absolute(parent).map_err(ClusterError::file("find", parent))?;
        if account.is_lent {
            account.check_reach(&existing_part(&parent)?)?;
        }
        make_each(&parent, mode)?;
        let parent = parent.canonicalize().map_err(ClusterError::file("look at", parent))?;
        let root = parent.join("postgres");
        make_each(&root, mode)?;
        let run = root.join("run");
        let run = if run.join(SOCKET_NAME).as_os_str().len() > SOCKET_PATH_BYTES_MAX { short_run(&root) } else { run };
        let folders = Self { data: root.join("data"), log: root.join("log"), run, root };
        make_private(&folders.run, account)?;
        make_private(&folders.log, account)?;
        Ok(folders)
    }

    /// The same folders, with Postgres's own at another place.
    pub fn at(&self, data: PathBuf) -> Self {
        Self { data, ..self.clone() }
    }

    /// True once `initdb` has finished here.
    pub fn has_data(&self) -> bool {
        self.data.join("PG_VERSION").is_file()
    }

    /// The id of Postgres's first process, as its lock says; none after it has stopped.
    pub fn pid(&self) -> Option<u32> {
        let lock = fs::read_to_string(self.postmaster_lock()).ok()?;
        lock.lines().next()?.trim().parse().ok()
    }

    /// The folder that they were prepared below.
    pub fn parent(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    /// Gives Postgres's folder a name that says that it is not used, and says which.
    pub fn set_aside(&self, moment: &str) -> Result<PathBuf, ClusterError> {
        let aside = self.root.join(format!("data-before-{moment}"));
        fs::rename(&self.data, &aside).map_err(ClusterError::file("move aside", &self.data))?;
        synced(&self.root)?;
        Ok(aside)
    }

    /// Postgres's own lock: it is there while Postgres runs, and after a crash.
    pub fn postmaster_lock(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    /// Holds the right to start this cluster; a second process waits here and then finds it running.
    pub async fn lock(&self) -> Result<File, ClusterError> {
        let path = self.root.join("lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(ClusterError::file("open", &path))?;
        let began = Stopwatch::start();
        while began.elapsed() < RECOVERY_WAIT {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => sleep(POLL).await,
                Err(TryLockError::Error(source)) => return Err(ClusterError::file("lock", path)(source)),
            }
        }
        Err(ClusterError::Busy { path: self.root.clone() })
    }

    /// A new empty folder to make the data in, under a name that no earlier attempt had: an `initdb`
    /// whose starter was killed may still be at work on its own.
    pub fn new_making(&self, account: &Account) -> Result<PathBuf, ClusterError> {
        for attempt in 0_u32.. {
            let path = self.root.join(format!("{MAKING}{attempt}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    account.take(&path)?;
                    return Ok(path);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(ClusterError::file("make", path)(source)),
            }
        }
        unreachable!("a disk holds fewer than four billion folders")
    }

    /// Puts finished data in its place, for good: the name is on disk when this returns.
    pub fn keep(&self, making: &Path) -> Result<(), ClusterError> {
        fs::rename(making, &self.data).map_err(ClusterError::file("put in place", &self.data))?;
        synced(&self.root)
    }

    /// Removes what killed attempts left. What can't be removed now is tried again at the next start.
    pub fn remove_half_made(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(MAKING)
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(path = %entry.path().display(), %error, "a half-made data folder stays until the next start");
            }
        }
    }

    /// Where Postgres's words go.
    pub fn log_file(&self) -> PathBuf {
        self.log.join("postgres.log")
    }

    /// Opens the log for Postgres to write to, after putting a large one aside.
    pub fn open_log(&self) -> Result<File, ClusterError> {
        let path = self.log_file();
        if fs::metadata(&path).is_ok_and(|about| about.len() > LOG_BYTES_MAX) {
            fs::rename(&path, self.log.join("postgres.old.log")).map_err(ClusterError::file("put aside", &path))?;
        }
        OpenOptions::new().create(true).append(true).open(&path).map_err(ClusterError::file("open", path))
    }

    /// The last lines of the log, for an error to show.
    pub fn log_tail(&self) -> String {
        tail(&self.log_file()).unwrap_or_else(|error| format!("(cannot be read: {error})"))
    }
}

/// Whether the data folder `parent` has a cluster.
pub(super) fn is_made(parent: &Path) -> bool {
    parent.join("postgres").join("data").join("PG_VERSION").is_file()
}

/// The names in a folder are on disk when this returns.
fn synced(folder: &Path) -> Result<(), ClusterError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(ClusterError::file("write to disk", folder))
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// The part of `path` that is there already, without links.
pub(super) fn existing_part(path: &Path) -> Result<PathBuf, ClusterError> {
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(path);
    existing.canonicalize().map_err(ClusterError::file("look at", existing))
}

/// Makes `path` and the folders above it that are missing, each with `mode` whatever the umask.
pub(super) fn make_each(path: &Path, mode: u32) -> Result<(), ClusterError> {
    let mut missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    while let Some(folder) = missing.pop() {
        let made = fs::create_dir(folder).and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)));
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(ClusterError::file("make", folder)(source)),
        }
    }
    Ok(())
}

/// A short folder of its own for each data folder, always the same one, so nothing need remember it.
fn short_run(root: &Path) -> PathBuf {
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Path::new(SHORT_PARENT).join(format!("outpost-{name}"))
}

/// Makes a folder that only the account (and root) can enter, and refuses one that somebody else
/// made before us: below [`SHORT_PARENT`] anybody may.
pub(super) fn make_private(path: &Path, account: &Account) -> Result<(), ClusterError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(source) => return Err(ClusterError::file("make", path)(source)),
    }
    let about = fs::symlink_metadata(path).map_err(ClusterError::file("look at", path))?;
    let is_root_s = account.is_lent && about.uid() == 0;
    if !about.is_dir() || !(about.uid() == account.uid || is_root_s) {
        return Err(ClusterError::NotOurs { path: path.into(), account: account.name.clone() });
    }
    if is_root_s {
        chown(path, Some(account.uid), Some(account.gid)).map_err(ClusterError::file("change the owner of", path))?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(ClusterError::file("close", path))
}
