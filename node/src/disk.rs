//! The room on the disk. A till must find out that its disk is full before money changes hands, and
//! what it sold until then must still reach head office: so a part of the disk is kept in reserve, and
//! given up for nothing but noting what head office answered.
//!
//! While the reserve is given up nothing else is written, so that sales cannot eat what the answers
//! need. As soon as there is room the reserve is laid by again, and everything goes on.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use nix::sys::statvfs::statvfs;

/// The reserve's file in the node's folder.
pub const RESERVE_FILE: &str = "outpost.reserve";

/// What is kept in reserve: twice the log that ten thousand answered entries of usual length leave
/// before it is moved into the database.
pub const RESERVE_BYTES: u64 = 32 * 1024 * 1024;

/// Below this much room people are warned: a hundred thousand receipts are still to go.
pub const LOW_BYTES: u64 = 256 * 1024 * 1024;

/// How the disk is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disk {
    /// There is room.
    Fine,
    /// There is less than [`LOW_BYTES`] beside the reserve.
    Low,
    /// Nothing is sold until somebody frees space.
    Full,
}

impl Disk {
    /// What `free` bytes mean; unknown is no reason to worry anybody.
    const fn of(free: Option<u64>, is_reserve_there: bool) -> Self {
        match free {
            _ if !is_reserve_there => Self::Full,
            Some(0) => Self::Full,
            Some(..LOW_BYTES) => Self::Low,
            Some(_) | None => Self::Fine,
        }
    }
}

/// The bytes that may still be written in this folder, if the machine says.
pub fn free(folder: &Path) -> Option<u64> {
    let room = statvfs(folder).ok()?;
    // Their types differ between machines.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let (blocks, size) = (u64::from(room.blocks_available()), room.fragment_size() as u64);
    Some(blocks.saturating_mul(size))
}

/// Whether an error of the machine means that there is no room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The part of the disk that is kept for the answers of head office.
#[derive(Debug)]
pub(crate) struct Reserve {
    folder: PathBuf,
    is_there: AtomicBool,
}

impl Reserve {
    /// Lays the reserve by, or takes up the one that is there.
    pub(crate) fn open(folder: &Path) -> Self {
        let reserve = Self { folder: folder.to_owned(), is_there: AtomicBool::new(false) };
        let length = fs::metadata(reserve.file()).map_or(0, |there| there.len());
        if length >= RESERVE_BYTES {
            reserve.is_there.store(true, Ordering::Relaxed);
        } else {
            reserve.lay();
        }
        reserve
    }

    /// Whether ordinary work may write: the reserve is there, or could be laid by again just now.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_there.load(Ordering::Relaxed) || self.lay()
    }

    /// Gives the reserve up; false if that was done before.
    pub(crate) fn release(&self) -> bool {
        let was_there = self.is_there.swap(false, Ordering::Relaxed);
        if was_there {
            tracing::warn!("the disk is full; the reserve is given up so that what waits can be settled");
            drop(fs::remove_file(self.file()));
        }
        was_there
    }

    /// How the disk is, and how much room there is.
    pub(crate) fn look(&self) -> (Disk, Option<u64>) {
        let free = free(&self.folder);
        (Disk::of(free, self.is_whole()), free)
    }

    /// Takes the reserve's room; says whether it could. With only just enough room for it the disk
    /// would be full again at once, so there must be half as much besides.
    fn lay(&self) -> bool {
        let is_enough = free(&self.folder).is_none_or(|free| free >= RESERVE_BYTES + RESERVE_BYTES / 2);
        let is_there = is_enough && self.take_room();
        self.is_there.store(is_there, Ordering::Relaxed);
        is_there
    }

    fn take_room(&self) -> bool {
        match File::create(self.file()).and_then(|file| allocate(&file)) {
            Ok(()) => true,
            Err(error) if is_full(&error) => {
                drop(fs::remove_file(self.file()));
                false
            }
            Err(error) => {
                // Whatever it is, it is no lack of room: the database will say, if it concerns it too.
                tracing::warn!(%error, "no room can be kept in reserve on this disk");
                true
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(RESERVE_FILE)
    }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File) -> io::Result<()> {
    Ok(nix::fcntl::posix_fallocate(file, 0, RESERVE_BYTES as i64)?)
}

#[cfg(not(target_os = "linux"))]
fn allocate(mut file: &File) -> io::Result<()> {
    use std::io::Write as _;
    let piece = [0x5a; 64 * 1024];
    (0..RESERVE_BYTES / piece.len() as u64).try_for_each(|_| file.write_all(&piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_given_up_once_and_laid_by_again() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let reserve = Reserve::open(folder.path());
        let length = || fs::metadata(folder.path().join(RESERVE_FILE)).map_or(0, |there| there.len());
        assert_eq!((reserve.is_whole(), length()), (true, RESERVE_BYTES));
        assert!(reserve.release() && !reserve.release(), "once");
        assert_eq!(length(), 0);
        assert!(reserve.is_whole(), "there is room here");
        assert_eq!(length(), RESERVE_BYTES);
        fs::write(folder.path().join(RESERVE_FILE), "cut short").expect("writes");
        assert!(Reserve::open(folder.path()).is_whole());
        assert_eq!(length(), RESERVE_BYTES, "a reserve that was cut short is made whole");
    }

    #[test]
    fn little_room_is_told_before_there_is_none() {
        for (free, is_there, disk) in [
            (None, true, Disk::Fine),
            (Some(LOW_BYTES), true, Disk::Fine),
            (Some(LOW_BYTES - 1), true, Disk::Low),
            (Some(0), true, Disk::Full),
            (Some(LOW_BYTES), false, Disk::Full),
        ] {
            assert_eq!(Disk::of(free, is_there), disk, "{free:?} {is_there}");
        }
    }
}
