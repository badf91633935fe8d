//! A row as Postgres sends it in a binary `COPY`, and each of its columns as the node keeps it.

use outpost_schema::{clock::Timestamp, money};
use postgres_types::{FromSql as _, Type};
use rusqlite::{
    ToSql,
    types::{ToSqlOutput, Value, ValueRef},
};
use rust_decimal::Decimal;
use serde_json::Value as JsonValue;

/// Begins every binary `COPY`; two numbers of four bytes follow, and then as many bytes as the second says.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// The number of columns that ends a `COPY`.
const END: i16 = -1;

/// The length of a column that is null.
const NULL: i32 = -1;

/// How a column is spelled on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `uuid`; 16 bytes.
    Id,
    /// `text` on both.
    Text,
    /// `bytea`; a blob.
    Bytes,
    /// `bigint`; an integer.
    Whole,
    /// `integer` on both.
    Int,
    /// `numeric`; an integer of 1/10,000.
    Money,
    /// `timestamptz`; microseconds since 1970.
    Time,
    /// JSON as text, which the node spells without spaces and with its keys in order.
    Json,
}

/// Why rows did not become the node's.
#[derive(Debug, thiserror::Error)]
pub enum NotCopied {
    /// Bytes that are no row of a `COPY`.
    #[error("Postgres sent a row of {table} that cannot be read: {what}")]
    Unreadable {
        /// Of which table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// SQLite would not take it.
    #[error("the file could not be written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The rows ended before their end.
    #[error("Postgres sent only a part of what is to be in the file")]
    Incomplete,
}

/// What is wrong with a row.
pub(super) type Unreadable = String;

/// Bytes of a `COPY`, read from their beginning.
pub(super) struct Rows<'a> {
    rest: &'a [u8],
}

impl<'a> Rows<'a> {
    /// Rows that follow one another whole. Only a table's first lot has the signature.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut rows = Self { rest: bytes };
        if let Some(rest) = bytes.strip_prefix(SIGNATURE) {
            rows.rest = rest;
            rows.number()?;
            let extension = usize::try_from(rows.number()?).map_err(|_| "a negative length".to_owned())?;
            rows.bytes(extension)?;
        }
        Ok(rows)
    }

    /// Whether there is another row of so many columns.
    pub(super) fn next(&mut self, columns: usize) -> Result<bool, Unreadable> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        let [high, low] = self.array()?;
        let count = i16::from_be_bytes([high, low]);
        if count == END {
            return Ok(false);
        }
        if usize::try_from(count) == Ok(columns) {
            return Ok(true);
        }
        Err(format!("{count} columns in place of {columns}"))
    }

    /// The row's next column.
    pub(super) fn column(&mut self, spelling: Spelling) -> Result<Cell<'a>, Unreadable> {
        let length = self.number()?;
        if length == NULL {
            return Ok(Cell::Null);
        }
        let length = usize::try_from(length).map_err(|_| "a negative length".to_owned())?;
        spelling.read(self.bytes(length)?)
    }

    fn number(&mut self) -> Result<i32, Unreadable> {
        self.array().map(i32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(short)?;
        self.rest = rest;
        Ok(*array)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(short)?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn short() -> Unreadable {
    "it ends before its end".to_owned()
}

/// One value on its way into SQLite.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Blob(&'a [u8]),
    Text(&'a [u8]),
    Number(i64),
    Spelled(String),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(bytes) => ToSqlOutput::Borrowed(ValueRef::Text(bytes)),
            Self::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Spelled(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Spelling {
    fn read(self, raw: &[u8]) -> Result<Cell<'_>, Unreadable> {
        Ok(match self {
            Self::Id | Self::Bytes => Cell::Blob(raw),
            Self::Text => Cell::Text(raw),
            Self::Whole => Cell::Number(i64::from_be_bytes(exactly(raw)?)),
            Self::Int => Cell::Number(i32::from_be_bytes(exactly(raw)?).into()),
            Self::Time => Cell::Number(Timestamp::from_sql(&Type::TIMESTAMPTZ, raw).map_err(told)?.micros()),
            Self::Money => {
                let decimal = Decimal::from_sql(&Type::NUMERIC, raw).map_err(told)?;
                Cell::Number(money::Money::from_decimal(decimal).map_err(told)?.parts())
            }
            Self::Json if raw == b"{}" || raw == b"[]" => Cell::Text(raw),
            Self::Json => Cell::Spelled(serde_json::from_slice::<JsonValue>(raw).map_err(told)?.to_string()),
        })
    }
}

fn exactly<const N: usize>(raw: &[u8]) -> Result<[u8; N], Unreadable> {
    raw.try_into().map_err(|_| format!("{} bytes in place of {N}", raw.len()))
}

fn told(error: impl ToString) -> Unreadable {
    error.to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use super::*;

    fn row(columns: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = i16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for column in columns {
            bytes.extend(column.map_or(NULL, |raw| i32::try_from(raw.len()).unwrap()).to_be_bytes());
            bytes.extend(column.unwrap_or_default());
        }
        bytes
    }

    #[test]
    fn a_row_is_read_column_by_column() {
        let mut bytes = [SIGNATURE, &[0; 8]].concat();
        bytes.extend(row(&[Some(&[7; 16]), None, Some(&5_i64.to_be_bytes()), Some(br#"{"b": 1, "a": [ ]}"#)]));
        bytes.extend(END.to_be_bytes());
        let mut rows = Rows::of(&bytes).unwrap();
        assert!(rows.next(4).unwrap());
        assert_eq!(rows.column(Spelling::Id).unwrap(), Cell::Blob(&[7; 16]));
        assert_eq!(rows.column(Spelling::Text).unwrap(), Cell::Null);
        assert_eq!(rows.column(Spelling::Whole).unwrap(), Cell::Number(5));
        assert_eq!(rows.column(Spelling::Json).unwrap(), Cell::Spelled(r#"{"a":[],"b":1}"#.to_owned()));
        assert!(!rows.next(4).unwrap(), "the end");
    }

    #[test]
    fn a_row_that_is_cut_or_another_one_is_told() {
        let whole = row(&[Some(b"tea")]);
        for end in 1..whole.len() {
            let mut rows = Rows::of(&whole[..end]).unwrap();
            assert!(rows.next(1).and_then(|_| rows.column(Spelling::Text)).is_err(), "cut after {end}");
        }
        assert!(Rows::of(&whole).unwrap().next(2).is_err());
        assert!(Spelling::Whole.read(&[0; 4]).is_err());
        assert!(Spelling::Json.read(b"{").is_err());
    }
}
