//! Aggregates as the feed tells them: whole, by their keys, and only what is within a node's scopes.
//!
//! One query a kind (an order takes three), over arrays of keys. What these queries name is what can
//! leave the server; a secret column stands in none of them.

mod catalogue;
mod concerns;
mod goods;
pub(super) mod orders;
mod people;
mod returns;
mod rules;
mod stock;
mod synonyms;

use std::collections::HashMap;

use outpost_schema::{
    feed::{Aggregate, Key, Kind},
    id::WarehouseId,
};
use uuid::Uuid;

use super::{Tx, feed::Scopes};
use crate::error::Error;

/// The aggregates of these keys that are there now and within the scopes.
///
/// # Errors
/// What Postgres says, or a row that cannot be read.
pub async fn load(tx: &Tx, scopes: &Scopes, keys: &[Key]) -> Result<HashMap<Key, Aggregate>, Error> {
    let mut found = HashMap::with_capacity(keys.len());
    for kind in Kind::ALL {
        let wanted: Vec<&Key> = keys.iter().filter(|key| key.kind == kind).collect();
        if !wanted.is_empty() {
            found.extend(of_kind(tx, scopes, kind, &wanted).await?);
        }
    }
    Ok(found)
}

type Found = Vec<(Key, Aggregate)>;

async fn of_kind(tx: &Tx, scopes: &Scopes, kind: Kind, keys: &[&Key]) -> Result<Found, Error> {
    match kind {
        Kind::Warehouse => catalogue::warehouses(tx, &column(keys, 0)).await,
        Kind::Category => catalogue::categories(tx, &column(keys, 0)).await,
        Kind::Product => catalogue::products(tx, &column(keys, 0)).await,
        Kind::Stock => stock::rows(tx, &scopes.warehouses, keys).await,
        Kind::Allotment => stock::allotments(tx, scopes.node_id, keys).await,
        Kind::User => people::users(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Address => people::addresses(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Order => orders::orders(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Review => people::reviews(tx, &column(keys, 0)).await,
        Kind::Cart => orders::carts(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Concern => concerns::concerns(tx, &scopes.all(), &column(keys, 0)).await,
        Kind::Return => returns::returns(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Rule => rules::rules(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Confirmation => orders::confirmations(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Synonyms => synonyms::synonyms(tx, &column(keys, 0)).await,
        Kind::Verdict => concerns::rulings(tx, scopes.node_id, keys).await,
        Kind::Transfer => goods::transfers(tx, &scopes.warehouses, &column(keys, 0)).await,
        Kind::Delivery => goods::deliveries(tx, &scopes.warehouses, &column(keys, 0)).await,
    }
}

/// The ids that stand at one place of the keys.
fn column(keys: &[&Key], place: usize) -> Vec<Uuid> {
    keys.iter().filter_map(|key| key.ids.get(place).copied()).collect()
}

fn key_of(kind: Kind, ids: impl Into<Vec<Uuid>>) -> Key {
    Key { kind, ids: ids.into() }
}

/// The scopes of warehouses, as a parameter.
type Warehouses<'a> = &'a [WarehouseId];
