//! `export` and `import`: a dead line is carried by hand.

use std::{
    fs::{self, File},
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use outpost_sync::{
    carried::{BadFile, Reader, Sort},
    wire::{PROTOCOL, PROTOCOL_OLDEST, Problem, Push},
};

use super::{Failure, till::Till};
use crate::{
    carried::{Heard, NotCarried},
    config::Config,
    web::carried::FILE_MAX,
};

/// Write everything that waits to a file, which `outpost-server import-ops` takes; nothing is marked as sent
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The file to write; it must not exist yet
    pub file: PathBuf,
}

/// Take in the reply that `outpost-server import-ops --reply` wrote
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file to read
    pub file: PathBuf,
}

/// Writes what waits to a file.
///
/// # Errors
/// If there is such a file, or the device or the disk will not have it.
pub fn export(config: &Config, export: &Export) -> Result<(), Failure> {
    let path = &export.file;
    let bytes = Till::open(config)?.bytes("/v1/export")?;
    let (entries, carts) = count(&bytes).map_err(told)?;
    write(path, &bytes)?;
    say!("{entries} entries and {carts} carts are in {}; they go on waiting here as well.", path.display());
    say!("Carry it to head office, and a reply back: outpost-server import-ops FILE --reply REPLY");
    Ok(())
}

/// Takes a reply in.
///
/// # Errors
/// If it is none, or none for this device.
pub fn import(config: &Config, import: &Import) -> Result<(), Failure> {
    let heard: Heard = Till::open(config)?.hand_over("/v1/import", read(&import.file)?)?;
    let Heard { answered, refused, set_aside, received, passed_over, is_level, .. } = heard;
    say!("{answered} entries are in head office's book; {refused} refused, {set_aside} wait there for something.");
    match (received, passed_over, is_level) {
        (_, 0, true) => say!("{received} received, level with head office as of when the reply was made."),
        (_, 0, false) => say!("{received} received, not level yet: export again, and carry on."),
        (0, _, _) => say!("This device has heard the rest already, or more: for later news, export again."),
        (_, more, _) => say!("{received} received; {more} pages had been heard already."),
    }
    Ok(())
}

fn told(bad: BadFile) -> Failure {
    let not = NotCarried::from(bad);
    Problem::new(not.code(), not.to_string()).into()
}

/// What is in an export, read back to its last byte before it is written down.
fn count(bytes: &[u8]) -> Result<(usize, usize), BadFile> {
    let mut file = Reader::open(Cursor::new(bytes), Sort::Export, PROTOCOL_OLDEST..=PROTOCOL)?;
    let (mut entries, mut carts) = (0, 0);
    while let Some(push) = file.next_part::<Push>()? {
        (entries, carts) = (entries + push.entries.len(), carts + push.carts.len());
    }
    Ok((entries, carts))
}

/// Writes a file that is whole under its name, or not there.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.exists() {
        let sentence = format!("there is a file {} already; name another one", path.display());
        return Err(Problem::new("file_exists", sentence).into());
    }
    let aside = path.with_added_extension("partial");
    let written = File::create(&aside).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&aside, path)).map_err(|error| {
        _ = fs::remove_file(&aside);
        told(BadFile::Disk(error))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let length = path.metadata().map_err(|error| told(BadFile::Disk(error)))?.len();
    if length > FILE_MAX as u64 {
        return Err(told(BadFile::NotCarried));
    }
    fs::read(path).map_err(|error| told(BadFile::Disk(error)))
}
