//! Reads the rows of a range by their primary keys.

use std::collections::BTreeMap;

use outpost_schema::{
    digest::{Ids, KeyRange},
    feed::Aggregate,
};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use uuid::Uuid;

use super::Fed;
use crate::error::Error;

/// Sorts behind every id.
const BEHIND: [u8; 17] = [0xff; 17];

/// One reading of a range.
pub(super) struct Read<'a> {
    pub(super) conn: &'a Connection,
    pub(super) range: &'a KeyRange,
    pub(super) limit: usize,
}

pub(super) type Found<T> = Vec<(Ids, Option<T>)>;

impl Read<'_> {
    /// Aggregates that are one row each; the columns begin with the key's.
    pub(super) fn plain(
        &self,
        columns: &str,
        table: &str,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<Aggregate>,
    ) -> Result<Fed, Error> {
        let rows = self.heads(columns, table, of_row)?;
        let upto = self.ended(&rows);
        Ok(Fed { rows: rows.into_iter().collect(), upto })
    }

    /// The first rows of a table whose primary key is the aggregates'.
    pub(super) fn heads<T>(
        &self,
        columns: &str,
        table: &str,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        let width = self.range.kind.width();
        let key: Vec<&str> = columns.split(", ").take(width).collect();
        let key = key.join(", ");
        let places = |from: usize| (from..from + width).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "select {columns} from {table} where ({key}) > ({}) and ({key}) <= ({}) order by {key} limit ?{}",
            places(1),
            places(1 + width),
            1 + 2 * width
        );
        self.query(&sql, self.range.upto.as_ref(), Some(i64::try_from(self.limit).unwrap_or(i64::MAX)), of_row)
    }

    /// All rows of a table that are parts of the aggregates up to a key.
    pub(super) fn parts<T>(
        &self,
        sql: &str,
        upto: Option<&Ids>,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        self.query(sql, upto.or(self.range.upto.as_ref()), None, of_row)
    }

    fn query<T>(
        &self,
        sql: &str,
        upto: Option<&Ids>,
        limit: Option<i64>,
        of_row: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Found<T>, Error> {
        let width = self.range.kind.width();
        let (low, high) = (low(self.range.after.as_ref(), width), high(upto, width));
        let ends = low.iter().chain(&high).map(|end| end as &dyn ToSql);
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(ends.chain(limit.iter().map(|limit| limit as &dyn ToSql))))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let ids = (0..width).map(|place| row.get(place).map(Uuid::from_bytes)).collect::<Result<Ids, _>>()?;
            found.push((ids, readable(of_row(row))?));
        }
        Ok(found)
    }

    /// The last key, if there may be more behind it.
    pub(super) fn ended<T>(&self, rows: &Found<T>) -> Option<Ids> {
        rows.last().filter(|_| rows.len() >= self.limit).map(|(ids, _)| ids.clone())
    }
}

pub(super) fn low(after: Option<&Ids>, width: usize) -> Vec<Vec<u8>> {
    after.map_or_else(|| vec![Vec::new(); width], |ids| ids.iter().map(|id| id.as_bytes().to_vec()).collect())
}

pub(super) fn high(upto: Option<&Ids>, width: usize) -> Vec<Vec<u8>> {
    upto.map_or_else(|| vec![BEHIND.to_vec(); width], |ids| ids.iter().map(|id| id.as_bytes().to_vec()).collect())
}

/// A value that its column cannot have makes its row unreadable; any other error is the database's.
fn readable<T>(row: rusqlite::Result<T>) -> Result<Option<T>, Error> {
    match row {
        Ok(value) => Ok(Some(value)),
        Err(
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..),
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Wholes of their heads and parts; parts without a head cannot be read.
pub(super) fn put_together<H, P>(
    heads: Found<H>,
    mut parts: BTreeMap<Ids, Option<Vec<P>>>,
    whole: impl Fn(H, Vec<P>) -> Aggregate,
) -> BTreeMap<Ids, Option<Aggregate>> {
    let mut rows: BTreeMap<Ids, Option<Aggregate>> = BTreeMap::new();
    for (ids, head) in heads {
        let parts = parts.remove(&ids).unwrap_or(Some(Vec::new()));
        rows.insert(ids, head.zip(parts).map(|(head, parts)| whole(head, parts)));
    }
    rows.extend(parts.into_keys().map(|ids| (ids, None)));
    rows
}

/// The parts of each whole; none if one of them cannot be read.
pub(super) fn gathered<T>(parts: Found<T>) -> BTreeMap<Ids, Option<Vec<T>>> {
    let mut gathered: BTreeMap<Ids, Option<Vec<T>>> = BTreeMap::new();
    for (ids, part) in parts {
        let all = gathered.entry(ids).or_insert_with(|| Some(Vec::new()));
        *all = all.take().zip(part).map(|(mut all, part)| {
            all.push(part);
            all
        });
    }
    gathered
}
