//! A till in a file: taken while it sells, and put back into an empty folder.
//!
//! A backup begins with a line that says what it is, then one of JSON that says of whom and with what
//! digest; the rest is the database, compressed with zstd. It is written aside and renamed when it is
//! on the disk.
//!
//! A device that is put back does not know what it sold since. So it comes back in quarantine: it shows
//! goods, keeps carts and counts, and sells nothing from its allotments until head office has been heard
//! and has given it a new life.

mod error;
mod file;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, DirBuilder, File},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use outpost_schema::{clock::Timestamp, world::World};

pub use self::{
    error::BackupError,
    file::{Header, read_header},
};
use crate::{
    db::{self, FILE, copy},
    error::Error,
    node::Node,
    stage::{self, Moment, Work},
};

/// Takes a backup of the device that lives in `folder`, whether or not somebody serves it.
///
/// # Errors
/// [`BackupError`]; there is then no file `to`.
pub fn back_up(folder: &Path, to: &Path, world: &dyn World) -> Result<Header, BackupError> {
    if to.exists() {
        return Err(BackupError::FileExists { path: to.into() });
    }
    let aside = Aside::make(to, "making")?;
    let (database, packed) = (aside.0.join(FILE), aside.0.join("backup"));
    copy::copy(folder, &database).map_err(|error| BackupError::written(to, error))?;
    let copied = copy::look(&database)?;
    let header = file::pack(&database, &packed, &copied, world.now()).map_err(BackupError::file("write", to))?;
    stage::reach(Work::Backup, Moment::Ready);
    fs::rename(&packed, to).and_then(|()| synced(&parent(to))).map_err(BackupError::file("write", to))?;
    Ok(header)
}

/// A device that was put back.
#[derive(Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub header: Header,
    /// Where the folder that stood there is now, if one did.
    pub aside: Option<PathBuf>,
}

/// Puts a device back into `folder`, which must be empty; `replace` moves what is there aside first.
///
/// # Errors
/// [`BackupError`]; `folder` is then as it was.
pub fn restore(from: &Path, folder: &Path, replace: bool, world: Arc<dyn World>) -> Result<Restored, BackupError> {
    let (header, packed) = file::open(from)?;
    let is_used = is_used(folder)?;
    if is_used && !replace {
        return Err(BackupError::NotEmpty { folder: folder.into() });
    }
    // Held until it has moved: nobody may be serving it.
    let lock = if is_used { Some(db::lock(folder)?) } else { None };
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(BackupError::file("make", above))?;
    }
    let making = Aside::make(folder, "restoring")?;
    file::unpack(from, &header, packed, &making.0.join(FILE))?;
    let now = world.now();
    examine(from, &header, &making.0, world)?;
    stage::reach(Work::Restore, Moment::Ready);
    let aside = if folder.exists() { Some(set_aside(folder, is_used, now)?) } else { None };
    stage::reach(Work::Restore, Moment::Aside);
    fs::rename(&making.0, folder).map_err(BackupError::file("put in place", folder))?;
    synced(&parent(folder)).map_err(BackupError::file("write to disk", folder))?;
    drop(lock);
    Ok(Restored { header, aside: aside.flatten() })
}

/// Brings the database to this program's schema, reads all of it, and puts it into quarantine.
fn examine(from: &Path, header: &Header, folder: &Path, world: Arc<dyn World>) -> Result<(), BackupError> {
    let chance = world.chance();
    let node = Node::open(folder, world)?;
    node.examine()?;
    drop(node);
    let copied = copy::look(&folder.join(FILE))?;
    if (copied.node_id, copied.incarnation_id, copied.head) != (header.node_id, header.incarnation_id, header.head) {
        return Err(BackupError::Altered { path: from.into() });
    }
    db::Db::open(folder)?.write_at(Work::Quarantine, |tx| copy::quarantine(tx, chance))?;
    let files = File::open(folder.join(FILE)).and_then(|file| file.sync_all()).and_then(|()| synced(folder));
    files.map_err(BackupError::file("write to disk", folder))
}

/// Whether there is anything in a folder.
fn is_used(folder: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BackupError::file("read", folder)(error)),
    }
}

/// Gives a folder another name, or removes it if there is nothing in it.
fn set_aside(folder: &Path, is_used: bool, now: Timestamp) -> Result<Option<PathBuf>, BackupError> {
    if !is_used {
        fs::remove_dir(folder).map_err(BackupError::file("put in place", folder))?;
        return Ok(None);
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let seconds = now.micros() / 1_000_000;
    let aside = parent(folder).join(format!("{name}.before-{seconds}"));
    fs::rename(folder, &aside).map_err(BackupError::file("move aside", folder))?;
    Ok(Some(aside))
}

/// A folder beside what is being made, that only we can enter; removed with this value, also if a killed
/// attempt left one.
struct Aside(PathBuf);

impl Aside {
    fn make(beside: &Path, doing: &str) -> Result<Self, BackupError> {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        let path = parent(beside).join(format!(".{name}.{doing}"));
        if path.exists() {
            fs::remove_dir_all(&path).map_err(BackupError::file("remove", &path))?;
        }
        DirBuilder::new().mode(0o700).create(&path).map_err(BackupError::file("make", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Ok(()) => {}
            // It was given its name.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %self.0.display(), %error, "a folder that is half made stays; remove it")
            }
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn synced(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

impl From<BackupError> for outpost_sync::wire::Problem {
    fn from(error: BackupError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<Error> for BackupError {
    fn from(error: Error) -> Self {
        Self::Node(error)
    }
}
