//! Salvage: what a damaged device still holds for head office is written into a parcel, and what
//! cannot be read any more is named.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use outpost_schema::clock::Timestamp;
use outpost_sync::parcel::Parcel;

use crate::{
    db::{self, FILE},
    error::Error,
    witness,
};

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Salvaged {
    /// What can be carried to head office.
    pub parcel: Parcel,
    /// The numbers of entries that are there no more, or are not what was written.
    pub unreadable: Vec<i64>,
}

/// Reads what the database in this folder still holds for head office; it stays as it is.
///
/// # Errors
/// `missing_folder`, `locked`, `not_joined` if no entry and no card is there, `damaged` if not even
/// the journal can be found.
pub fn salvage(folder: &Path) -> Result<Salvaged, Error> {
    db::salvage::read(folder)
}

/// Writes a parcel into a new file, which is whole or not there.
///
/// # Errors
/// `files` if there is such a file already, or it cannot be written.
pub fn write(parcel: &Parcel, file: &Path) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let mut new = fs::File::options().write(true).create_new(true).open(file)?;
        io::Write::write_all(&mut new, &parcel.to_bytes())?;
        new.sync_all()
    };
    write().map_err(|cause| {
        if cause.kind() != io::ErrorKind::AlreadyExists {
            drop(fs::remove_file(file));
        }
        Error::files(file, cause)
    })
}

/// Puts a damaged database aside under another name, so that the folder can begin again with a new
/// card. Says under which.
///
/// # Errors
/// `files`.
pub fn put_aside(folder: &Path, now: Timestamp) -> Result<PathBuf, Error> {
    let aside = |name: &str| folder.join(format!("{name}.damaged-{}", now.micros()));
    // The log first: without it the database would be taken for an older one.
    let files = ["-wal", "-shm", ""].map(|ending| format!("{FILE}{ending}"));
    for name in files.into_iter().chain([witness::FILE.to_owned()]) {
        match fs::rename(folder.join(&name), aside(&name)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(Error::files(folder, cause)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside(FILE))
}
