//! What an import says: how far it is, why a row did not go in, and what came of it all.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use csv::ByteRecord;
use outpost_schema::{fault::Fault, quantity::Unit};
use serde::Serialize;
use thiserror::Error;

/// A report shows this many rejected rows; the rejects file holds them all.
pub const REASONS_SHOWN: usize = 20;

/// The columns that a rejects file adds. A file that was mended may still have them.
pub(super) const REJECT_COLUMNS: [&str; 3] = ["line", "code", "reason"];

/// How an import is to be done.
#[derive(Default)]
pub struct Options {
    /// Do everything, then take it all back.
    pub is_dry_run: bool,
    /// Make a barcode from the sku for products that come without one.
    pub in_store_barcodes: bool,
    /// Where rejected rows go: the file's own columns, then the line, code and reason.
    pub rejects: Option<Box<dyn Write + Send>>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows done.
    pub rows: u64,
    /// Bytes of the file read, as it lies on disk.
    pub bytes: u64,
}

/// Why a row did not go in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// A value that cannot be taken.
    #[error("{column}: {fault}")]
    Fault {
        /// Where it stands.
        column: &'static str,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Bytes that are no text.
    #[error("{column} is not UTF-8 text; save the file as UTF-8")]
    NotUtf8 {
        /// Where they stand.
        column: &'static str,
    },
    /// More or fewer fields than the header.
    #[error("the row has {found} fields and the header {expected}; put quotes around text that contains commas")]
    WrongWidth {
        /// How many the row has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// Neither a sku nor a barcode.
    #[error("the row has neither a sku nor a barcode; give it one of them, so that it is known again")]
    NoKey,
    /// The same product in an earlier row of the file.
    #[error("{column} {key:?} stands in an earlier row of this file; keep one of them")]
    Repeated {
        /// By which column it is known.
        column: &'static str,
        /// The sku or barcode.
        key: String,
    },
    /// Another product has that barcode.
    #[error("the barcode {barcode} belongs to {owner}; one of the two is wrong")]
    BarcodeTaken {
        /// The barcode.
        barcode: String,
        /// The sku or name of the product that has it.
        owner: String,
    },
    /// More levels of categories than a path may have.
    #[error("category_path has {levels} levels; the limit is {max}")]
    TooDeep {
        /// How many there are.
        levels: usize,
        /// How many there may be.
        max: usize,
    },
    /// The product is counted in another unit.
    #[error("the product is counted in {kept} and the row says {given}; make a new product instead")]
    OtherUnit {
        /// What it is counted in.
        kept: Unit,
        /// What the row says.
        given: Unit,
    },
    /// Not a whole number of units.
    #[error("quantity {text:?} is not a whole number from 0 to 1,000,000,000")]
    NotAQuantity {
        /// What was given.
        text: String,
    },
    /// No product has that sku or barcode.
    #[error("no product has the {column} {key:?}; import the products first")]
    UnknownProduct {
        /// By which column it was looked for.
        column: &'static str,
        /// The sku or barcode.
        key: String,
    },
    /// The book of that product has begun there, with another number.
    #[error("the book here already says {balance}; receive or count the difference instead")]
    AlreadyInBook {
        /// What the book says.
        balance: i64,
    },
}

impl Reason {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault { fault, .. } => fault.code(),
            Self::NotUtf8 { .. } => "not_utf8",
            Self::WrongWidth { .. } => "wrong_width",
            Self::NoKey => "no_key",
            Self::Repeated { .. } => "repeated",
            Self::BarcodeTaken { .. } => "barcode_taken",
            Self::TooDeep { .. } => "too_deep",
            Self::OtherUnit { .. } => "other_unit",
            Self::NotAQuantity { .. } => "not_a_quantity",
            Self::UnknownProduct { .. } => "unknown_product",
            Self::AlreadyInBook { .. } => "already_in_book",
        }
    }
}

/// A row that did not go in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The line of the file that it begins on.
    pub line: u64,
    /// The reason's stable code.
    pub code: &'static str,
    /// The reason as a sentence.
    pub reason: String,
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether it was all taken back.
    pub is_dry_run: bool,
    /// Rows of the file, without its header.
    pub rows: u64,
    /// Products made, or stock rows opened.
    pub new: u64,
    /// Products that were known and say something new.
    pub changed: u64,
    /// Rows that say nothing new.
    pub unchanged: u64,
    /// Rows that did not go in.
    pub rejected: u64,
    /// Of the good rows: products without a price, for which the till asks.
    pub without_price: u64,
    /// Of these: fuel priced 0.00, which is sold in thousandths of a gallon.
    pub fuel: u64,
    /// Categories made.
    pub categories: u64,
    /// In-store barcodes made.
    pub barcodes_made: u64,
    /// Products that wanted an in-store barcode and got none, because their sku is no number of at most
    /// eleven digits or the code is taken.
    pub barcodes_not_made: u64,
    /// Units put into the book.
    pub units: i64,
    /// Columns that were passed over.
    pub ignored_columns: Vec<String>,
    /// How many rows were rejected for each reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The first [`REASONS_SHOWN`] of them.
    pub first_rejects: Vec<Reject>,
}

/// Counts rejected rows, and writes them where they are wanted.
pub(super) struct Rejects {
    file: Option<csv::Writer<Box<dyn Write + Send>>>,
}

impl Rejects {
    pub(super) fn begin(file: Option<Box<dyn Write + Send>>, header: &ByteRecord) -> io::Result<Self> {
        let mut file = file.map(|file| csv::WriterBuilder::new().flexible(true).from_writer(file));
        if let Some(file) = &mut file {
            file.write_byte_record(&with(header, REJECT_COLUMNS.map(str::to_owned)))?;
        }
        Ok(Self { file })
    }

    pub(super) fn add(&mut self, report: &mut Report, line: u64, row: &ByteRecord, reason: &Reason) -> io::Result<()> {
        let reject = Reject { line, code: reason.code(), reason: reason.to_string() };
        if let Some(file) = &mut self.file {
            file.write_byte_record(&with(row, [line.to_string(), reject.code.to_owned(), reject.reason.clone()]))?;
        }
        report.rejected += 1;
        *report.reasons.entry(reject.code).or_default() += 1;
        if report.first_rejects.len() < REASONS_SHOWN {
            report.first_rejects.push(reject);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), csv::Writer::flush)
    }
}

fn with(row: &ByteRecord, more: [String; 3]) -> ByteRecord {
    let mut row = row.clone();
    more.iter().for_each(|field| row.push_field(field.as_bytes()));
    row
}
