//! What is carried by hand where the line is dead: a file of pushes from a device to head office, and a
//! file of answers and pages back.
//!
//! A file is read whole and checked before anything of it is used: it has a digest for its head, one for
//! each part and one for all of it, so a stick that was pulled out too early and a byte that turned are
//! told apart from what can be taken. Its parts are the bodies of the wire. The layout:
//!
//! ```text
//! "outpost carried\n"   16 bytes
//! format                u16, big-endian, as all numbers here
//! head                  u32 length, MessagePack, 32 bytes SHA-256 of that
//! part, again and again u32 length (not 0), MessagePack in zstd, 32 bytes SHA-256 of that
//! end                   u32 0, 32 bytes SHA-256 of all before them
//! ```

use std::io::{self, Read, Seek, SeekFrom, Write};

use outpost_schema::{
    clock::Timestamp,
    id::{EpochId, IncarnationId, NodeId},
    journal::Mark,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{
    codec::{self, Form},
    wire::{BODY_MAX, Pulled, Pushed},
};

/// How every such file begins.
const MAGIC: &[u8; 16] = b"outpost carried\n";

/// The layout that this program writes, and the newest it reads.
pub const FORMAT: u16 = 1;

/// A head is a few hundred bytes and a cursor of at most 32 KiB.
const HEAD_MAX: usize = 64 * 1024;

const DIGEST: usize = 32;

/// What a file carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A device's pushes; each part is a [`crate::wire::Push`]. One that comes behind entries which a
    /// damaged device cannot read any more brings the hole.
    Export,
    /// Head office's answers to them and pages of the feed; each part is a [`Told`].
    Reply,
}

/// What stands at the head of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What it carries.
    pub sort: Sort,
    /// The protocol of its parts.
    pub protocol: u16,
    /// Whose device; none if it is damaged and does not know any more.
    pub node_id: Option<NodeId>,
    /// Which life of its journal.
    pub incarnation_id: IncarnationId,
    /// The journal's last entry when the export was made.
    pub head: Mark,
    /// The last entry that was known to be acknowledged: by the device in an export, by head office in a
    /// reply.
    pub acked: Mark,
    /// Where the device's feed goes on; in a reply, where its pages begin.
    pub cursor: Option<String>,
    /// The life of head office's database, in a reply.
    #[serde(default)]
    pub epoch: Option<EpochId>,
    /// When it was made, by the clock of its maker.
    pub made_at: Timestamp,
}

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The answer to a part of the export.
    Answer(Box<Answer>),
    /// What a pull after that would have told.
    News(Box<Pulled>),
}

/// The answer to one push that was carried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Before its first entry.
    pub after: i64,
    /// Its last entry, by which the device knows that this is its own journal; none without entries.
    pub last: Option<Mark>,
    /// The carts beside it, as they were sent: one that was changed since still waits.
    #[serde(default)]
    pub carts: Vec<outpost_schema::cart::Cart>,
    /// What head office answered.
    pub pushed: Pushed,
}

/// Why a file cannot be taken. Nothing of it was used.
#[derive(Debug, Error)]
pub enum BadFile {
    /// Something else.
    #[error("this is no file that an Outpost device or head office wrote; look for the right one")]
    NotCarried,
    /// Written by a newer program.
    #[error("this file has format {0}, and this program reads up to {FORMAT}; install the newer program here first")]
    Newer(u16),
    /// It ends too early.
    #[error("this file ends before its end; copy it again, and wait until the copy is done")]
    Cut,
    /// Its bytes are not what was written.
    #[error("this file was altered since it was written; copy it again, or make it anew")]
    Altered,
    /// The other sort.
    #[error("this file is {}; {}", found.named(), found.cure())]
    OtherSort {
        /// What it is.
        found: Sort,
    },
    /// Its parts speak another protocol.
    #[error("this file speaks protocol {0}, which this program does not; update whichever of the two is older")]
    UnknownProtocol(u16),
    /// A part cannot be read though its bytes are whole.
    #[error("a part of this file cannot be read ({0}); it is from another version, make it anew")]
    Unreadable(String),
    /// The disk.
    #[error("this file cannot be read or written ({0}); look at the disk or the stick")]
    Disk(#[from] io::Error),
}

impl Sort {
    const fn named(self) -> &'static str {
        match self {
            Self::Export => "a device's export",
            Self::Reply => "head office's reply",
        }
    }

    const fn cure(self) -> &'static str {
        match self {
            Self::Export => "carry it to head office, `outpost-server import-ops` takes it",
            Self::Reply => "carry it to the device, `outpost-node import` takes it",
        }
    }
}

impl BadFile {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotCarried => "not_carried",
            Self::Newer(_) => "newer_file",
            Self::Cut => "file_cut",
            Self::Altered => "file_altered",
            Self::OtherSort { .. } => "other_sort",
            Self::UnknownProtocol(_) => "unknown_protocol",
            Self::Unreadable(_) => "unreadable_part",
            Self::Disk(_) => "carried_disk",
        }
    }
}

/// Writes a file, part by part.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    all: Sha256,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`BadFile::Disk`].
    pub fn begin(out: W, head: &Head) -> Result<Self, BadFile> {
        let mut file = Self { out, all: Sha256::new() };
        file.put(MAGIC)?;
        file.put(&FORMAT.to_be_bytes())?;
        file.block(&rmp_serde::to_vec_named(head).expect("our own types always encode into memory"))?;
        Ok(file)
    }

    /// Writes a part.
    ///
    /// # Errors
    /// [`BadFile::Disk`].
    pub fn part<T: Serialize>(&mut self, part: &T) -> Result<(), BadFile> {
        self.block(&codec::pack(part))
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// [`BadFile::Disk`].
    pub fn end(mut self) -> Result<W, BadFile> {
        self.put(&0_u32.to_be_bytes())?;
        let digest = self.all.clone().finalize();
        self.out.write_all(&digest)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn block(&mut self, bytes: &[u8]) -> Result<(), BadFile> {
        let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a part is too long"))?;
        self.put(&length.to_be_bytes())?;
        self.put(bytes)?;
        self.put(&Sha256::digest(bytes))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BadFile> {
        self.all.update(bytes);
        Ok(self.out.write_all(bytes)?)
    }
}

/// A file that was checked to its last byte.
#[derive(Debug)]
pub struct Reader<R> {
    file: R,
    /// What stands at its head.
    pub head: Head,
    /// How many parts follow.
    pub parts: usize,
    parts_at: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Checks a whole file that should carry `sort`, and stands before its first part.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open(mut file: R, sort: Sort, protocols: std::ops::RangeInclusive<u16>) -> Result<Self, BadFile> {
        file.seek(SeekFrom::Start(0))?;
        let mut checked = Checked { file: &mut file, all: Sha256::new() };
        checked.magic()?;
        let head = checked.block(HEAD_MAX)?.ok_or(BadFile::Altered)?;
        let parts_at = (MAGIC.len() + size_of::<u16>() + size_of::<u32>() + head.len() + DIGEST) as u64;
        let mut parts = 0;
        while checked.block(BODY_MAX)?.is_some() {
            parts += 1;
        }
        checked.end()?;
        let head: Head = rmp_serde::from_slice(&head).map_err(|error| BadFile::Unreadable(error.to_string()))?;
        if head.sort != sort {
            return Err(BadFile::OtherSort { found: head.sort });
        }
        if !protocols.contains(&head.protocol) {
            return Err(BadFile::UnknownProtocol(head.protocol));
        }
        file.seek(SeekFrom::Start(parts_at))?;
        Ok(Self { file, head, parts, parts_at })
    }

    /// The next part; none at the end.
    ///
    /// # Errors
    /// [`BadFile`], if it cannot be read, or was altered since it was checked.
    pub fn next_part<T: DeserializeOwned>(&mut self) -> Result<Option<T>, BadFile> {
        let mut checked = Checked { file: &mut self.file, all: Sha256::new() };
        let Some(bytes) = checked.block(BODY_MAX)? else {
            // Stays before the end, so that whoever asks again hears the same.
            self.file.seek(SeekFrom::Current(-(size_of::<u32>() as i64)))?;
            return Ok(None);
        };
        let part = codec::decode(Form::Binary, Some("zstd"), &bytes);
        part.map(Some).map_err(|problem| BadFile::Unreadable(problem.sentence))
    }

    /// Stands before the first part again.
    ///
    /// # Errors
    /// [`BadFile::Disk`].
    pub fn rewind(&mut self) -> Result<(), BadFile> {
        self.file.seek(SeekFrom::Start(self.parts_at))?;
        Ok(())
    }
}

/// Reads blocks and checks each.
struct Checked<'a, R> {
    file: &'a mut R,
    all: Sha256,
}

impl<R: Read> Checked<'_, R> {
    fn magic(&mut self) -> Result<(), BadFile> {
        let (mut magic, mut format) = ([0; 16], [0; 2]);
        self.take(&mut magic)?;
        if magic != *MAGIC {
            return Err(BadFile::NotCarried);
        }
        self.take(&mut format)?;
        match u16::from_be_bytes(format) {
            FORMAT => Ok(()),
            newer if newer > FORMAT => Err(BadFile::Newer(newer)),
            _ => Err(BadFile::Altered),
        }
    }

    /// The next block; none if that is the end.
    fn block(&mut self, max: usize) -> Result<Option<Vec<u8>>, BadFile> {
        let mut length = [0; 4];
        self.take(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > max {
            return Err(BadFile::Altered);
        }
        let (mut bytes, mut digest) = (vec![0; length], [0; DIGEST]);
        self.take(&mut bytes)?;
        self.take(&mut digest)?;
        if Sha256::digest(&bytes)[..] == digest { Ok(Some(bytes)) } else { Err(BadFile::Altered) }
    }

    fn end(&mut self) -> Result<(), BadFile> {
        let all: [u8; DIGEST] = self.all.clone().finalize().into();
        let (mut digest, mut more) = ([0; DIGEST], [0; 1]);
        self.take(&mut digest)?;
        let is_end = self.file.read(&mut more)? == 0;
        if all == digest && is_end { Ok(()) } else { Err(BadFile::Altered) }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), BadFile> {
        self.file.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof { BadFile::Cut } else { BadFile::Disk(error) }
        })?;
        self.all.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
