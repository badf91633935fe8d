//! Fed images read back as the aggregates that they were told as, by ranges of keys.
//!
//! Every query walks a primary key. Parts without a whole (an item whose order is not there) come back
//! as a key that cannot be read, and so does a row with a value that no such aggregate has: both are
//! unlike anything the server tells, and found.

mod own;
mod read;
mod wholes;

use std::collections::BTreeMap;

use outpost_schema::{
    cart::Cart,
    catalogue::{Category, Warehouse},
    digest::{Ids, KeyRange},
    feed::{Aggregate, Granted, Kind, Stock},
    id::UserId,
};
use rusqlite::{Connection, Row, types::Type};

pub(crate) use self::own::{Own, made_here};
use self::read::Read;
use super::{concerns, confirmations, people, rules, synonyms};
use crate::error::Error;

/// What is there of a range.
#[derive(Debug)]
pub(crate) struct Fed {
    /// By key; none where something is there that cannot be read.
    pub(crate) rows: BTreeMap<Ids, Option<Aggregate>>,
    /// The last key, if the limit ended it before the range did.
    pub(crate) upto: Option<Ids>,
}

/// The first `limit` aggregates of a range.
pub(crate) fn rows(conn: &Connection, range: &KeyRange, limit: usize) -> Result<Fed, Error> {
    let read = Read { conn, range, limit };
    match range.kind {
        Kind::Warehouse => read.plain("warehouse_id, name, home_of, created_at", "warehouses", warehouse),
        Kind::Category => read.plain("category_id, name, parent_id", "categories", category),
        Kind::Product => wholes::products(&read),
        Kind::Stock => read.plain("product_id, warehouse_id, fed_balance, fed_promised, updated_at", "stock", stock),
        Kind::Allotment => {
            read.plain("incarnation_id, product_id, warehouse_id, granted, reclaimed", "allotments", allotment)
        }
        Kind::User => read.plain(
            "user_id, email, first_name, last_name, created_at, address_id, role, home, alias_of",
            "users",
            |row| Ok(Aggregate::User(Box::new(people::user_of_row(row)?))),
        ),
        Kind::Address => read
            .plain(people::ADDRESS, "addresses", |row| Ok(Aggregate::Address(Box::new(people::address_of_row(row)?)))),
        Kind::Order => wholes::orders(&read),
        Kind::Review => read.plain("review_id, product_id, user_id, rating, comment, created_at", "reviews", |row| {
            Ok(Aggregate::Review(Box::new(people::review_of_row(row)?)))
        }),
        Kind::Cart => read.plain("cart_id, state, owner", "cart_states", cart),
        Kind::Concern => {
            read.plain("concern_id, kind, subject, detail, scope, opened_at, closed_at", "concerns", |row| {
                Ok(Aggregate::Concern(Box::new(concerns::of_row(row)?)))
            })
        }
        Kind::Transfer => wholes::transfers(&read),
        Kind::Delivery => wholes::deliveries(&read),
        Kind::Return => wholes::returns(&read),
        Kind::Confirmation => read.plain(confirmations::COLUMNS, "order_confirmations", |row| {
            Ok(Aggregate::Confirmation(confirmations::of_row(row)?))
        }),
        Kind::Synonyms => {
            read.plain(synonyms::COLUMNS, "synonyms", |row| Ok(Aggregate::Synonyms(Box::new(synonyms::of_row(row)?))))
        }
        Kind::Rule => read.plain(rules::COLUMNS, "rules", |row| Ok(Aggregate::Rule(Box::new(rules::of_row(row)?)))),
        // Part of the journal, and no image.
        Kind::Verdict => Ok(Fed { rows: BTreeMap::new(), upto: None }),
    }
}

fn unreadable(column: usize, why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(why))
}

fn warehouse(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Warehouse(Warehouse {
        warehouse_id: row.get(0)?,
        name: row.get(1)?,
        home_of: row.get(2)?,
        created_at: row.get(3)?,
    }))
}

fn category(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Category(Category { category_id: row.get(0)?, name: row.get(1)?, parent_id: row.get(2)? }))
}

fn stock(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Stock(Stock {
        product_id: row.get(0)?,
        warehouse_id: row.get(1)?,
        balance: row.get(2)?,
        promised: row.get(3)?,
        updated_at: row.get(4)?,
    }))
}

fn allotment(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    Ok(Aggregate::Allotment(Granted {
        incarnation_id: row.get(0)?,
        product_id: row.get(1)?,
        warehouse_id: row.get(2)?,
        granted: row.get(3)?,
        reclaimed: row.get(4)?,
        // What is said beside the totals is not compared.
        full: 0,
        keep: None,
    }))
}

fn cart(row: &Row<'_>) -> rusqlite::Result<Aggregate> {
    let cart: Cart = rmp_serde::from_slice(&row.get::<_, Vec<u8>>(1)?).map_err(|error| unreadable(1, error))?;
    let stands_right = cart.cart_id() == row.get(0)? && cart.owner() == row.get::<_, UserId>(2)?;
    if stands_right { Ok(Aggregate::Cart(Box::new(cart))) } else { Err(unreadable(2, std::fmt::Error)) }
}
