//! The limit of every durable write: one 4 KB write and `fdatasync` on a file that is already there in
//! full, and a folder on a real disk to do it in.

use std::{
    fs::{File, OpenOptions, Permissions, set_permissions},
    io,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use tempfile::TempDir;

use crate::watch::timed;

/// A page of SQLite and of most disks.
const PAGE: usize = 4096;

/// Pages of the file: 16 MB, so that writes do not all hit one block.
const PAGES: u64 = 4096;

/// A file that grows no more, to be written a page at a time.
#[derive(Debug)]
pub struct Probe {
    file: File,
    next: u64,
}

impl Probe {
    /// Makes the file in `folder` and writes all of it once.
    pub fn make(folder: &Path) -> io::Result<Self> {
        let path = folder.join("probe");
        let file = OpenOptions::new().create_new(true).write(true).open(path)?;
        for page in 0..PAGES {
            file.write_all_at(&[0; PAGE], page * PAGE as u64)?;
        }
        file.sync_all()?;
        Ok(Self { file, next: 0 })
    }

    /// How long one page takes to be surely on the disk.
    pub fn sync_one(&mut self) -> io::Result<Duration> {
        let at = self.next % PAGES * PAGE as u64;
        self.next += 1;
        let page = [self.next as u8; PAGE];
        let (passed, done) = timed(|| self.file.write_all_at(&page, at).and_then(|()| self.file.sync_data()));
        done.map(|()| passed)
    }
}

/// A folder of its own on a real disk, gone with this value. Other users may pass through it, because
/// Postgres may run as one.
pub fn folder() -> io::Result<TempDir> {
    let usual = std::env::temp_dir();
    let parent = if is_memory(&usual) { PathBuf::from("/var/tmp") } else { usual };
    let folder = tempfile::Builder::new().prefix("outpost-figures-").tempdir_in(parent)?;
    set_permissions(folder.path(), Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// Whether files there never reach a disk.
fn is_memory(path: &Path) -> bool {
    statfs(path).is_ok_and(|about| about.filesystem_type() == TMPFS_MAGIC)
}
