//! Reads a CSV file, plain or compressed, a chunk of rows at a time.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use csv::ByteRecord;
use thiserror::Error;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{CHUNK_ROWS, CHUNKS_AHEAD, report::REJECT_COLUMNS};

/// How a zstd frame begins (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a file cannot be imported at all. Nothing of it went in.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("cannot open {}; check its name and who may read it: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
    /// It cannot be read to its end.
    #[error("the file cannot be read to its end, so nothing of it went in; it may be cut short or damaged: {0}")]
    Read(io::Error),
    /// The rejects file cannot be written.
    #[error("the rejects cannot be written, so nothing went in; check the folder and the space on its disk: {0}")]
    Rejects(io::Error),
    /// There is not even a header.
    #[error("the file is empty; its first line must name the columns")]
    Empty,
    /// Columns without which nothing can be done.
    #[error("the file has no column {missing}; its first line names the columns, and there must be {needed}")]
    MissingColumns {
        /// What it lacks.
        missing: String,
        /// What it must have.
        needed: &'static str,
    },
    /// One name for two columns.
    #[error("the column {column} stands in the header twice; remove one")]
    ColumnTwice {
        /// Which.
        column: String,
    },
}

impl SourceError {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "file_not_opened",
            Self::Read(_) => "file_damaged",
            Self::Rejects(_) => "rejects_not_written",
            Self::Empty => "file_empty",
            Self::MissingColumns { .. } => "columns_missing",
            Self::ColumnTwice { .. } => "column_twice",
        }
    }
}

/// A file to import, opened, its header read.
pub struct Source {
    reader: csv::Reader<Box<dyn Read + Send>>,
    header: ByteRecord,
    names: Vec<String>,
    bytes_read: Arc<AtomicU64>,
    bytes: Option<u64>,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be opened, or has no sound header.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(Self { bytes: Some(bytes), ..Self::new(file)? })
    }

    /// Reads from anywhere. What begins as a zstd frame is decompressed, whatever it is called.
    ///
    /// # Errors
    /// If there is no sound header.
    pub fn new(source: impl Read + Send + 'static) -> Result<Self, SourceError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: source, bytes_read: Arc::clone(&bytes_read) };
        let plain = plain(BufReader::new(counted)).map_err(SourceError::Read)?;
        let mut plain = BufReader::new(plain);
        let delimiter = delimiter(plain.fill_buf().map_err(SourceError::Read)?);
        let plain: Box<dyn Read + Send> = Box::new(plain);
        let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(plain);
        let header = reader.byte_headers().map_err(|error| SourceError::Read(error.into()))?.clone();
        let names = names(&header)?;
        Ok(Self { reader, header, names, bytes_read, bytes: None })
    }

    /// How long the file is, if that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// The header as it stands in the file.
    pub(super) fn header(&self) -> &ByteRecord {
        &self.header
    }

    /// The columns' names, trimmed, in lower case.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a column stands.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The columns that are in the file and not in `known`.
    pub(super) fn ignored(&self, known: &[&str]) -> Vec<String> {
        let is_known = |name: &str| known.contains(&name) || REJECT_COLUMNS.contains(&name);
        self.names.iter().filter(|name| !is_known(name)).cloned().collect()
    }

    /// Reads on in a thread of its own; each row as `read` makes it.
    pub(super) fn chunks<T: Send + 'static>(
        mut self,
        read: impl Fn(&ByteRecord) -> T + Send + 'static,
    ) -> mpsc::Receiver<Result<Chunk<T>, SourceError>> {
        let (send, receive) = mpsc::channel(CHUNKS_AHEAD);
        spawn_blocking(move || {
            loop {
                let chunk = self.chunk(&read);
                let is_last = chunk.as_ref().map_or(true, |chunk| chunk.rows.is_empty());
                // Nobody listens once the import has failed.
                if send.blocking_send(chunk).is_err() || is_last {
                    return;
                }
            }
        });
        receive
    }

    fn chunk<T>(&mut self, read: impl Fn(&ByteRecord) -> T) -> Result<Chunk<T>, SourceError> {
        let mut rows = Vec::with_capacity(CHUNK_ROWS);
        let mut record = ByteRecord::new();
        while rows.len() < CHUNK_ROWS
            && self.reader.read_byte_record(&mut record).map_err(|error| SourceError::Read(error.into()))?
        {
            let line = record.position().map_or(0, csv::Position::line);
            rows.push(Line { line, read: read(&record), record: record.clone() });
        }
        Ok(Chunk { rows, bytes_read: self.bytes_read.load(Ordering::Relaxed) })
    }
}

/// Rows that are decided together; none is the end.
pub(super) struct Chunk<T> {
    /// The rows.
    pub(super) rows: Vec<Line<T>>,
    /// How much of the file has been read.
    pub(super) bytes_read: u64,
}

/// One row.
pub(super) struct Line<T> {
    /// The line of the file that it begins on.
    pub(super) line: u64,
    /// What it says.
    pub(super) read: T,
    /// Its fields as they stand in the file.
    pub(super) record: ByteRecord,
}

struct Counted<R> {
    inner: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn plain(mut source: impl BufRead + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    if source.fill_buf()?.starts_with(&ZSTD) {
        return Ok(Box::new(zstd::Decoder::with_buffer(source)?));
    }
    Ok(Box::new(source))
}

/// Some spreadsheets write semicolons: what stands in the header more often is what divides it.
fn delimiter(beginning: &[u8]) -> u8 {
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |mark: u8| line.iter().filter(|byte| **byte == mark).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

fn names(header: &ByteRecord) -> Result<Vec<String>, SourceError> {
    let name = |field: &[u8]| String::from_utf8_lossy(field).trim_start_matches('\u{feff}').trim().to_lowercase();
    let names: Vec<String> = header.iter().map(name).collect();
    if names.iter().all(String::is_empty) {
        return Err(SourceError::Empty);
    }
    let twice = (1..names.len()).find(|at| !names[*at].is_empty() && names[..*at].contains(&names[*at]));
    match twice {
        Some(at) => Err(SourceError::ColumnTwice { column: names[at].clone() }),
        None => Ok(names),
    }
}
