//! From what crossed the line to a database: unpacked within the length that was told, and worth
//! nothing unless every byte is covered by the digest.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write as _},
    path::Path,
};

use outpost_schema::journal::Hash;
use sha2::{Digest as _, Sha256};

use super::{BadFile, at, landing::Landed};
use crate::error::Error;

/// What is written at once.
const PIECE: usize = 1 << 20;

/// Unpacks a file that came whole. What is written is not yet on the disk for good.
///
/// # Errors
/// [`BadFile::Altered`], or what the disk says.
pub(super) fn unpack(landed: &Landed, into: &Path) -> Result<(), Error> {
    let file = File::open(landed.path()).map_err(at(landed.path()))?;
    let mut hashed = Hashed { inner: BufReader::with_capacity(PIECE, file), hasher: Sha256::new() };
    let unpacked = write(&mut hashed, landed.unpacked(), into)?;
    // What follows the frame is covered too.
    io::copy(&mut hashed, &mut io::sink()).map_err(at(landed.path()))?;
    let digest = Hash(hashed.hasher.finalize().into());
    if unpacked == landed.unpacked() && digest == landed.digest() { Ok(()) } else { Err(BadFile::Altered.into()) }
}

/// Writes what the frame holds, and stops right behind the length that was told.
fn write(packed: &mut impl Read, told: u64, into: &Path) -> Result<u64, Error> {
    let mut out = File::create(into).map_err(at(into))?;
    let frame = zstd::Decoder::new(packed).map_err(|_| BadFile::Altered)?;
    let mut plain = frame.take(told.saturating_add(1));
    let (mut piece, mut length) = (vec![0; PIECE], 0);
    loop {
        // The digest tells an altered file from a disk that cannot be read, as far as it matters.
        let count = plain.read(&mut piece).map_err(|_| BadFile::Altered)?;
        if count == 0 {
            return Ok(length);
        }
        length += count as u64;
        if length > told {
            return Err(BadFile::Altered.into());
        }
        out.write_all(&piece[..count]).map_err(at(into))?;
    }
}

/// Digests what is read through it.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }
}
