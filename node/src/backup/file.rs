//! A backup's file: two lines, then the database, compressed.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, NodeId},
    journal::Hash,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BackupError;
use crate::db::copy::Copied;

/// The first line of every backup; its form's number stands in the second.
const KIND: &str = "outpost-node backup";

/// The form that this program writes.
const FORM: u32 = 1;

/// Two lines longer than this are none of ours.
const LINE_MAX: u64 = 4_096;

/// zstd's own usual level: a till's day takes a second.
const LEVEL: i32 = 3;

/// Bytes moved at once.
const PIECE: usize = 1 << 16;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Of which form.
    pub form: u32,
    /// As of when.
    pub taken_at: Timestamp,
    /// The version of `outpost-node` that took it.
    pub outpost: String,
    /// The device.
    pub node_id: NodeId,
    /// The life of its journal.
    pub incarnation_id: IncarnationId,
    /// What people call it.
    pub name: String,
    /// The last entry of its journal.
    pub head: i64,
    /// The last migration applied to it.
    pub migration: String,
    /// The bytes of the database.
    pub bytes: u64,
    /// Their digest.
    pub sha256: Hash,
}

/// Only the form: of a newer one nothing else need be understood.
#[derive(Deserialize)]
struct Form {
    form: u32,
    outpost: String,
}

/// Writes a database into a backup's file; it is on disk when this returns.
pub(super) fn pack(database: &Path, to: &Path, copied: &Copied, taken_at: Timestamp) -> io::Result<Header> {
    let (bytes, sha256) = digest(database)?;
    let Copied { node_id, incarnation_id, name, head, migration } = copied.clone();
    let outpost = env!("CARGO_PKG_VERSION").to_owned();
    let header =
        Header { form: FORM, taken_at, outpost, node_id, incarnation_id, name, head, migration, bytes, sha256 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    writeln!(file, "{KIND}\n{}", serde_json::to_string(&header)?)?;
    let mut packing = zstd::Encoder::new(file, LEVEL)?;
    packing.include_checksum(true)?;
    io::copy(&mut File::open(database)?, &mut packing)?;
    packing.finish()?.sync_all()?;
    Ok(header)
}

fn digest(path: &Path) -> io::Result<(u64, Hash)> {
    let (mut file, mut hash, mut piece, mut bytes) = (File::open(path)?, Sha256::new(), vec![0; PIECE], 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, Hash(hash.finalize().into())));
        }
        hash.update(&piece[..read]);
        bytes += read as u64;
    }
}

/// What a backup says of itself.
///
/// # Errors
/// [`BackupError::NotABackup`], [`BackupError::Newer`].
pub fn read_header(path: &Path) -> Result<Header, BackupError> {
    open(path).map(|(header, _)| header)
}

/// Opens a backup: what it says of itself, and what follows.
pub(super) fn open(path: &Path) -> Result<(Header, BufReader<File>), BackupError> {
    let not = || BackupError::NotABackup { path: path.into() };
    let missing = |error: io::Error| match error.kind() == ErrorKind::NotFound {
        true => not(),
        false => BackupError::file("read", path)(error),
    };
    let file = File::open(path).map_err(missing)?;
    let mut reader = BufReader::with_capacity(PIECE, file);
    let kind = line(&mut reader).filter(|kind| kind == KIND).ok_or_else(not)?;
    drop(kind);
    let text = line(&mut reader).ok_or_else(|| BackupError::Truncated { path: path.into() })?;
    let form: Form = serde_json::from_str(&text).map_err(|_| BackupError::Altered { path: path.into() })?;
    if form.form > FORM {
        return Err(BackupError::Newer { path: path.into(), version: form.outpost });
    }
    let header = serde_json::from_str(&text).map_err(|_| BackupError::Altered { path: path.into() })?;
    Ok((header, reader))
}

/// A whole line; none if there is none, or no end of it.
fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    reader.take(LINE_MAX).read_until(b'\n', &mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_suffix('\n').map(str::to_owned)
}

/// Unpacks the database, and compares every byte with the digest. No more is written than was packed.
pub(super) fn unpack(path: &Path, header: &Header, from: impl BufRead, to: &Path) -> Result<(), BackupError> {
    let altered = || BackupError::Altered { path: path.into() };
    let mut unpacking = zstd::Decoder::with_buffer(from).map_err(|_| altered())?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut file = made.map_err(BackupError::file("write", to))?;
    let (mut hash, mut piece, mut bytes) = (Sha256::new(), vec![0; PIECE], 0);
    loop {
        let read = unpacking.read(&mut piece).map_err(|error| match error.kind() == ErrorKind::UnexpectedEof {
            true => BackupError::Truncated { path: path.into() },
            false => altered(),
        })?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > header.bytes {
            return Err(altered());
        }
        hash.update(&piece[..read]);
        file.write_all(&piece[..read]).map_err(BackupError::file("write", to))?;
    }
    if bytes != header.bytes || Hash(hash.finalize().into()) != header.sha256 {
        return Err(altered());
    }
    file.sync_all().map_err(BackupError::file("write", to))
}
