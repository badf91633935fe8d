//! The index on the disk: its fields, how it is opened, and what a commit says of itself.
//!
//! tantivy writes a commit as files, then a list of them by rename. It does not sync the folder after the rename, so
//! after a power cut the commit before may be back, whole: its place says so, and what is newer is indexed again.
//! What was not committed is gone. Its lock is the operating system's, so nobody's lock survives them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use outpost_schema::id::ProductId;
use tantivy::{
    Index, IndexWriter, Opstamp, TantivyDocument, TantivyError, Term,
    directory::{
        MmapDirectory,
        error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError},
    },
    indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy},
    schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
};

use super::{begun, entry::Indexed};
use crate::{
    db::search::Place,
    disk,
    stage::{self, Moment, Work},
};

/// Its folder, in the node's.
pub const FOLDER: &str = "search.tantivy";

/// What the terms and fields mean; an index of another one is made anew.
const FORMAT: u32 = 2;

/// Memory for what is not written yet: a twentieth of the smallest kiosk's gigabyte.
const WRITER_BYTES: usize = 48 * 1024 * 1024;

/// Deleted documents that a part may have before it is written anew: each change leaves one.
const DELETED_RATIO: f32 = 0.3;

/// Why the index cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Somebody else writes it.
    #[error(
        "another program has the search index open; end it first (nothing is lost: products are found by their names meanwhile)"
    )]
    Held,
    /// The machine does not let this program at it.
    #[error("the search index cannot be used ({0}); check the disk and the rights of its folder {FOLDER}")]
    Files(String),
    /// No room on the disk.
    #[error("the disk is full, so the search index stays as it is; free some space")]
    DiskFull,
    /// It is not what was written; it is made anew.
    #[error("the search index is damaged ({0}); it is made anew")]
    Damaged(String),
}

impl Trouble {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Held => "index_held",
            Self::Files(_) => "index_files",
            Self::DiskFull => "disk_full",
            Self::Damaged(_) => "index_damaged",
        }
    }

    /// What the machine said of a file. Bytes that make no sense are damage.
    pub(super) fn io(error: &io::Error) -> Self {
        let is_damage =
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound);
        if is_damage {
            Self::Damaged(error.to_string())
        } else if disk::is_full(error) {
            Self::DiskFull
        } else {
            Self::Files(error.to_string())
        }
    }
}

impl From<TantivyError> for Trouble {
    /// What only the machine can mend is told; everything else is damage.
    fn from(error: TantivyError) -> Self {
        if let TantivyError::LockFailure(LockError::LockBusy, _) = &error {
            return Self::Held;
        }
        let cause = if let TantivyError::LockFailure(LockError::IoError(cause), _)
        | TantivyError::IoError(cause)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: cause, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: cause, .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error: cause, .. }) = &error
        {
            Some(cause)
        } else {
            None
        };
        cause.map_or_else(|| Self::Damaged(error.to_string()), |cause| Self::io(cause))
    }
}

/// What a commit says of itself.
#[derive(serde::Serialize, serde::Deserialize)]
struct Payload {
    format: u32,
    place: Place,
}

/// The fields by name; columns are found by the same names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// What a product is called by.
    pub(super) called: Field,
    /// What else is said of it.
    pub(super) said: Field,
    /// Beginnings of words.
    pub(super) begun: Field,
    id: Field,
    id_high: Field,
    id_low: Field,
    digest: Field,
    name: Field,
    brand: Field,
    category: Field,
    attribute: Field,
    price: Field,
    created: Field,
    standing: Field,
}

impl Fields {
    /// The fields that hold words.
    pub(super) const fn of_words(&self) -> [Field; 2] {
        [self.called, self.said]
    }

    /// The fields in which a term may be.
    pub(super) fn of(&self, term: &str) -> Vec<Field> {
        if begun::is_term(term) { vec![self.begun] } else { self.of_words().to_vec() }
    }
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let indexing =
        TextFieldIndexing::default().set_tokenizer("whitespace").set_index_option(IndexRecordOption::WithFreqs);
    let terms = TextOptions::default().set_indexing_options(indexing);
    let indexing = TextFieldIndexing::default().set_tokenizer("whitespace").set_fieldnorms(false);
    let beginnings = TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::Basic));
    let fields = Fields {
        called: schema.add_text_field("called", terms.clone()),
        said: schema.add_text_field("said", terms),
        begun: schema.add_text_field("begun", beginnings),
        id: schema.add_bytes_field("id", INDEXED),
        id_high: schema.add_u64_field("id_high", FAST),
        id_low: schema.add_u64_field("id_low", FAST),
        digest: schema.add_u64_field("digest", FAST),
        name: schema.add_text_field("name", TextOptions::default().set_fast("raw")),
        brand: schema.add_text_field("brand", TextOptions::default().set_fast("raw")),
        category: schema.add_text_field("category", TextOptions::default().set_fast("raw")),
        attribute: schema.add_text_field("attribute", TextOptions::default().set_fast("raw")),
        price: schema.add_i64_field("price", FAST),
        created: schema.add_i64_field("created", FAST),
        standing: schema.add_u64_field("standing", FAST),
    };
    (schema.build(), fields)
}

/// The index.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) index: Index,
    pub(super) fields: Fields,
}

impl Shelf {
    /// Opens the index of a node's folder, or makes an empty one.
    pub(super) fn open(folder: &Path) -> Result<Self, Trouble> {
        let path = path(folder);
        std::fs::create_dir_all(&path).map_err(|cause| Trouble::io(&cause))?;
        let directory = MmapDirectory::open(&path).map_err(|error| Trouble::from(TantivyError::from(error)))?;
        let (schema, fields) = schema();
        Ok(Self { index: Index::open_or_create(directory, schema)?, fields })
    }

    /// Throws away whatever is there, and begins anew.
    pub(super) fn anew(folder: &Path) -> Result<Self, Trouble> {
        match std::fs::remove_dir_all(path(folder)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Trouble::io(&cause)),
            Ok(()) | Err(_) => Self::open(folder),
        }
    }

    /// The place up to which it reflects the database; none if it is unfinished, or of another format.
    pub(super) fn place(&self) -> Result<Option<Place>, Trouble> {
        let payload = self.index.load_metas()?.payload;
        let payload = payload.and_then(|payload| serde_json::from_str::<Payload>(&payload).ok());
        Ok(payload.filter(|payload| payload.format == FORMAT).map(|payload| payload.place))
    }

    /// Reads every file and compares it with its checksum: what is damaged is found before it is used.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        match self.index.validate_checksum()?.into_iter().next() {
            Some(file) => Err(Trouble::Damaged(format!("{} is not what was written", file.display()))),
            None => Ok(()),
        }
    }

    /// Whoever writes all of it: its parts are joined when it is done, once for all.
    pub(super) fn filler(&self) -> Result<Writer, Trouble> {
        let writer = self.writer()?;
        writer.writer.set_merge_policy(Box::new(NoMergePolicy));
        Ok(writer)
    }

    /// Whoever writes it; there is one.
    pub(super) fn writer(&self) -> Result<Writer, Trouble> {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let writer: IndexWriter = self.index.writer_with_options(options)?;
        let writer = Writer { writer, fields: self.fields };
        writer.join_by_size();
        Ok(writer)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FOLDER)
}

/// Writes the index.
pub(super) struct Writer {
    writer: IndexWriter,
    fields: Fields,
}

impl Writer {
    /// Takes a product out.
    pub(super) fn remove(&self, product_id: ProductId) -> Opstamp {
        self.writer.delete_term(Term::from_field_bytes(self.fields.id, product_id.0.as_bytes()))
    }

    /// Puts a product in.
    pub(super) fn add(&self, indexed: &Indexed) -> Result<(), Trouble> {
        let fields = &self.fields;
        let mut document = TantivyDocument::new();
        let (high, low) = indexed.product_id.0.as_u64_pair();
        document.add_bytes(fields.id, indexed.product_id.0.as_bytes());
        document.add_u64(fields.id_high, high);
        document.add_u64(fields.id_low, low);
        document.add_u64(fields.digest, indexed.digest());
        document.add_text(fields.called, &indexed.called);
        document.add_text(fields.said, &indexed.said);
        document.add_text(fields.begun, &indexed.begun);
        document.add_text(fields.name, &indexed.name);
        indexed.brand.iter().for_each(|brand| document.add_text(fields.brand, brand));
        indexed.category.iter().for_each(|category| document.add_text(fields.category, category));
        indexed.attributes.iter().for_each(|value| document.add_text(fields.attribute, value));
        indexed.price.iter().for_each(|price| document.add_i64(fields.price, *price));
        document.add_i64(fields.created, indexed.created);
        document.add_u64(fields.standing, indexed.standing);
        self.writer.add_document(document)?;
        Ok(())
    }

    /// Makes what was put in and taken out since the last commit certain, and what anybody finds from now on.
    pub(super) fn commit(&mut self, place: Place) -> Result<(), Trouble> {
        let payload = serde_json::to_string(&Payload { format: FORMAT, place });
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&payload.map_err(|error| Trouble::Damaged(error.to_string()))?);
        stage::reach(Work::Index, Moment::BeforeCommit);
        prepared.commit()?;
        stage::reach(Work::Index, Moment::AfterCommit);
        Ok(())
    }
}

impl Writer {
    /// Joins all parts to one, which every search looks up in less time. It stays the same commit. From then on parts
    /// are joined by how large they are.
    pub(super) fn join(&mut self) -> Result<(), Trouble> {
        let parts = self.writer.index().searchable_segment_ids()?;
        let joined = if parts.len() > 1 { self.writer.merge(&parts).wait().map(drop) } else { Ok(()) };
        self.join_by_size();
        Ok(joined?)
    }

    fn join_by_size(&self) {
        let mut merging = LogMergePolicy::default();
        merging.set_del_docs_ratio_before_merge(DELETED_RATIO);
        self.writer.set_merge_policy(Box::new(merging));
    }
}

/// Shared between whoever writes and whoever reads.
pub(super) type Shared<T> = Arc<std::sync::RwLock<T>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(number: u128) -> Indexed {
        Indexed {
            product_id: ProductId(uuid::Uuid::from_u128(number)),
            called: "tea ".to_owned(),
            said: "tea ".to_owned(),
            begun: "<t".to_owned(),
            name: "Tea".to_owned(),
            brand: None,
            category: None,
            attributes: Vec::new(),
            price: None,
            created: 0,
            standing: 0,
        }
    }

    #[test]
    fn what_was_filled_in_many_parts_is_one_once_it_is_joined() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::anew(folder.path()).expect("made");
        let mut filler = shelf.filler().expect("nobody else writes it");
        let parts = || shelf.index.searchable_segment_ids().expect("readable").len();
        for number in 1..=12 {
            filler.add(&indexed(number)).expect("added");
            filler.commit(Place { position: 1, mark: [7; 8] }).expect("committed");
        }
        assert_eq!(parts(), 12, "nothing is joined while it is filled");
        filler.join().expect("joined");
        assert_eq!((parts(), shelf.place().expect("readable")), (1, Some(Place { position: 1, mark: [7; 8] })));
    }
}
