//! The file that a node is filled from: a whole database in the node's own schema, cut at one position
//! of the feed, compressed and never changed once it is made. It is filled in beside the node's own
//! tables and taken over when it is whole; from its position on the node pulls as ever.
//!
//! A download that was cut goes on where it stopped, as long as the server still has the same file;
//! its tag tells. Where there is no file, the feed is read from its start instead.

use std::pin::Pin;

use outpost_schema::journal::Hash;

use crate::{round::Trouble, wire::Problem};

/// Where the file is fetched: `?schema=` and the digest of the node's last migration in hex.
pub const FILE_PATH: &str = "/v1/bootstrap";
/// The parameter that names the node's schema.
pub const SCHEMA_PARAMETER: &str = "schema";
/// Its content type: compressed bytes that nothing on the way is to unpack.
pub const FILE_TYPE: &str = "application/zstd";
/// The SHA-256 of the file as it crosses the line, in hex.
pub const DIGEST_HEADER: &str = "outpost-digest";
/// The bytes of the file once it is unpacked.
pub const UNPACKED_HEADER: &str = "outpost-unpacked";

/// A file as it crosses the line: a catalogue of ten million products.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// A file once it is unpacked: what stops a bomb before the disk is full.
pub const UNPACKED_BYTES_MAX: u64 = 4 * FILE_BYTES_MAX;

/// The server has no files for this node, and another time would be no different.
pub const NO_FILE: &str = "no_file";
/// The server makes no files in this node's schema.
pub const NO_FILE_FOR_SCHEMA: &str = "no_file_for_schema";
/// The part that was asked for begins past the file's end.
pub const PAST_THE_END: &str = "range_past_the_end";
/// The server knows another mark of the caller's journal; a pull tells which.
pub const NOT_AGREED: &str = "not_agreed";

/// What a node asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWanted {
    /// The digest of its last migration.
    pub schema: Hash,
    /// What it has of a file already.
    pub begun: Option<Begun>,
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Which file, by its tag.
    pub tag: String,
    /// So many bytes of it.
    pub bytes: u64,
}

/// What the server says of a file before its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// Names the file: the same tag, the same bytes.
    pub tag: String,
    /// The SHA-256 of all of it.
    pub digest: Hash,
    /// Its bytes in all.
    pub bytes: u64,
    /// Its bytes once it is unpacked.
    pub unpacked: u64,
    /// Where the bytes that follow begin; 0 unless a download goes on.
    pub from: u64,
}

impl FileHead {
    /// Whether the file is within the limits.
    ///
    /// # Errors
    /// `file_too_large`.
    pub fn check(&self) -> Result<(), Problem> {
        if self.bytes <= FILE_BYTES_MAX && self.unpacked <= UNPACKED_BYTES_MAX {
            return Ok(());
        }
        let sentence = format!(
            "the file to fill from has {} bytes, {} unpacked, and more than {FILE_BYTES_MAX} and {UNPACKED_BYTES_MAX} are not taken; update this device or the server",
            self.bytes, self.unpacked
        );
        Err(Problem::new("file_too_large", sentence))
    }
}

/// A file on its way.
pub struct File {
    /// What it is.
    pub head: FileHead,
    /// Its bytes from [`FileHead::from`] on.
    pub parts: Box<dyn Parts>,
}

/// The next bytes, or none at the end.
pub type NextPart<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, Trouble>> + Send + 'a>>;

/// Bytes that come in parts.
pub trait Parts: Send {
    /// Waits for the next ones.
    fn next(&mut self) -> NextPart<'_>;
}

/// What a node takes in of a file.
#[derive(Clone, Copy, Debug)]
pub enum FilePart<'a> {
    /// Which file, and where the next bytes begin.
    Head(&'a FileHead),
    /// The next bytes.
    Bytes(&'a [u8]),
}

/// Whether a node is to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling {
    /// It goes on from its cursor.
    Not,
    /// It needs a file.
    Wants(FileWanted),
    /// It has all it needs, and was stopped while it took that over.
    Here,
}

/// What follows from a server's word that it gives no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The feed is read from its start.
    DoWithout,
    /// What was begun is worth nothing; the file is asked for from its first byte.
    StartOver,
    /// The pull that follows tells what the two do not agree on.
    AgreeFirst,
    /// The round fails.
    Fail,
}

impl Denied {
    pub(crate) fn of(problem: &Problem) -> Self {
        match problem.code.as_str() {
            // A server from before there were files knows no such path.
            NO_FILE | NO_FILE_FOR_SCHEMA | "unknown_path" => Self::DoWithout,
            PAST_THE_END => Self::StartOver,
            NOT_AGREED => Self::AgreeFirst,
            _ => Self::Fail,
        }
    }
}
