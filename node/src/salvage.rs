//! Salvage: what a damaged device still holds for head office is written into an export like any other,
//! and what cannot be read any more is named.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use outpost_schema::clock::Timestamp;
use outpost_sync::{
    carried::{BadFile, Head, Writer},
    wire::Push,
};

use crate::{
    db::{self, FILE},
    error::Error,
    witness,
};

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Salvaged {
    /// Whose journal it is, and how far head office has it.
    pub head: Head,
    /// What can be carried there: entries within the wire's limits, then carts. Behind each gap a push of
    /// its own says what is missing.
    pub pushes: Vec<Push>,
    /// The numbers of entries that are there no more, or are not what was written.
    pub unreadable: Vec<i64>,
}

impl Salvaged {
    /// How many entries could be read.
    pub fn entries(&self) -> usize {
        self.pushes.iter().map(|push| push.entries.len()).sum()
    }

    /// How many carts could be read.
    pub fn carts(&self) -> usize {
        self.pushes.iter().map(|push| push.carts.len()).sum()
    }

    /// The export, for `outpost-server import-ops`.
    fn bytes(&self) -> Result<Vec<u8>, BadFile> {
        let mut file = Writer::begin(Vec::new(), &self.head)?;
        self.pushes.iter().try_for_each(|push| file.part(push))?;
        file.end()
    }
}

/// Reads what the database in this folder still holds for head office; it stays as it is.
///
/// # Errors
/// `missing_folder`, `locked`, `not_joined` if no entry and no card is there, `damaged` if not even
/// the journal can be found.
pub fn salvage(folder: &Path, now: Timestamp) -> Result<Salvaged, Error> {
    db::salvage::read(folder, now)
}

/// Writes the export into a new file, which is whole or not there.
///
/// # Errors
/// `files` if there is such a file already, or it cannot be written.
pub fn write(found: &Salvaged, file: &Path) -> Result<(), Error> {
    let bytes = found.bytes().map_err(|bad| Error::files(file, io::Error::other(bad)))?;
    let write = || -> io::Result<()> {
        let mut new = fs::File::options().write(true).create_new(true).open(file)?;
        io::Write::write_all(&mut new, &bytes)?;
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
