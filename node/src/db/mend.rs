//! Puts images in the place of fed rows that differ from them, and leaves alone what is this node's own.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    digest::{Ids, KeyRange, Print, counts, differing},
    feed::{Aggregate, Granted, Key, Kind},
    id::{CartId, IncarnationId, ProductId, WarehouseId},
    stock::StockKey,
};
use outpost_sync::wire::{Damage, Mended, Page};
use rusqlite::Connection;
use uuid::Uuid;

use super::{
    allotments, fed, identity,
    inbox::{self, Inbox},
};
use crate::error::Error;

/// What was mended, and which carts that changed.
pub(crate) type Done = (Vec<Mended>, Vec<CartId>);

/// Mends a range by what a page tells of it, if `asked` is still the stored cursor; none if it is not.
/// `made_here` names what this node's own journal made: such a thing is no ghost, whoever has lost it.
pub(crate) fn mend(
    conn: &Connection,
    asked: &str,
    covered: &KeyRange,
    page: &Page,
    made_here: &BTreeSet<Key>,
    now: Timestamp,
) -> Result<Option<Done>, Error> {
    if inbox::position(conn)?.cursor.as_deref() != Some(asked) {
        return Ok(None);
    }
    let life = identity::load(conn)?.incarnation_id();
    // Somebody may have sold meanwhile: what is own is what is own now.
    let own = fed::Own::load(conn)?.within(conn, covered)?;
    let held = fed::rows(conn, covered, usize::MAX)?.rows;
    let mut inbox = Inbox::open(conn, page, now)?;
    let mut mended = Vec::new();
    for told in &page.aggregates {
        let key = told.key();
        if key.kind != covered.kind || !covered.has(&key.ids) || own.contains(&key.ids) {
            continue;
        }
        let here = held.get(&key.ids);
        let is_own = is_gone(told) && made_here.contains(&key) || is_ahead(here, told, life);
        let Some(damage) = damage(here, told).filter(|_| !is_own) else { continue };
        replace(&mut inbox, told, &key)?;
        mended.push(Mended { key, damage });
    }
    inbox.note_acked(page)?;
    Ok(Some((mended, inbox.carts)))
}

fn is_gone(told: &Aggregate) -> bool {
    matches!(told, Aggregate::Gone(_))
}

/// A cart in which this node counted more than the server has heard of is its own, sent or not: what it
/// counted must never be counted again.
fn is_ahead(here: Option<&Option<Aggregate>>, told: &Aggregate, life: IncarnationId) -> bool {
    match (here, told) {
        (Some(Some(Aggregate::Cart(here))), Aggregate::Cart(told)) => here.knows_more_of(life, told),
        _ => false,
    }
}

/// What is wrong with a row, if anything is.
fn damage(here: Option<&Option<Aggregate>>, told: &Aggregate) -> Option<Damage> {
    let is_there = counts(told);
    match here {
        None => is_there.then_some(Damage::Missing),
        Some(Some(here)) if !counts(here) => is_there.then_some(Damage::Missing),
        Some(_) if !is_there => Some(Damage::Ghost),
        Some(None) => Some(Damage::Unreadable),
        Some(Some(here)) if Print::of(here.clone()) == Print::of(told.clone()) => None,
        Some(Some(here)) => Some(Damage::Altered { fields: differing(here, told) }),
    }
}

/// An image replaces. Where the inbox merges what it is told, because two ends may both be right, the
/// row is taken away first: here it is known to be wrong.
fn replace(inbox: &mut Inbox<'_>, told: &Aggregate, key: &Key) -> Result<(), Error> {
    match (key.kind, told) {
        (Kind::Allotment, _) => allotment(inbox.conn, told, &key.ids),
        (Kind::Order | Kind::Cart, Aggregate::Order(_) | Aggregate::Cart(_)) => {
            inbox.forget(key)?;
            inbox.take(told)
        }
        _ => inbox.take(told),
    }
}

/// The two totals that the server raises are as it says; the node's own sums stay as they are.
fn allotment(conn: &Connection, told: &Aggregate, ids: &Ids) -> Result<(), Error> {
    let id = |place: usize| ids.get(place).copied().unwrap_or(Uuid::nil());
    let (granted, reclaimed) = if let Aggregate::Allotment(Granted { granted, reclaimed, .. }) = told {
        (*granted, *reclaimed)
    } else {
        (0, 0)
    };
    let key = StockKey { product_id: ProductId(id(1)), warehouse_id: WarehouseId(id(2)) };
    allotments::set(conn, IncarnationId(id(0)), key, granted, reclaimed)
}
