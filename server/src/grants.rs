//! What devices may sell without asking. At a home that is all of its warehouse's available units but a share kept
//! back; of a stock that several sell from it is what each needs until it is heard again ([`outpost_schema::sizing`]).
//!
//! Called in the transaction of whatever made units available: a push, an import, a release, a cancellation, a new
//! node. So what is granted is in the book before the feed tells of it, and at a home nothing is ever left lying that
//! its node could sell while offline, but for what it gave back itself.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    fault::Fault,
    id::{IncarnationId, WarehouseId},
    settle::Author,
    sizing::{self, Holding},
    stock::{SUM_MAX, StockKey},
};
use serde::Serialize;

use crate::{
    db::{
        Tx, concerns, grants, settings,
        sizing::{Resized, Shared, resize, shared},
        warehouses,
    },
    error::Error,
    server::Server,
    withdraw,
};

/// Grants what these stock rows have available, where they lie at a home.
///
/// # Errors
/// If Postgres fails.
pub async fn top_up(server: &Server, tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let kept_back = settings::kept_back(tx).await?;
    grants::of_rows(tx, keys, kept_back, server.now()).await?;
    Ok(())
}

/// Grants all that a warehouse has available, if it is a home.
///
/// # Errors
/// If Postgres fails.
pub async fn top_up_warehouse(server: &Server, tx: &Tx, warehouse_id: WarehouseId) -> Result<(), Error> {
    let kept_back = settings::kept_back(tx).await?;
    grants::of_warehouse(tx, warehouse_id, kept_back, server.now()).await?;
    Ok(())
}

/// Evens these stock rows out, which are locked, where several sell from them: whoever is low is topped up, and when
/// that is more than there is, those in reach who have far more than their share are asked to give back. Their units
/// are free once they say so. `author` is heard right now.
///
/// # Errors
/// If Postgres fails.
pub async fn even_out(
    server: &Server,
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    author: Option<&Author>,
) -> Result<(), Error> {
    let author = author.map(|author| author.incarnation_id);
    size_anew(server, tx, keys, author, |_, available, holdings, now| sizing::even_out(available, holdings, now)).await
}

/// Asks those in reach for what somebody was refused to hold of these stock rows, which are locked: so many units of each.
///
/// # Errors
/// If Postgres fails.
pub async fn call_for(server: &Server, tx: &Tx, wanted: &BTreeMap<StockKey, i64>) -> Result<(), Error> {
    let keys = wanted.keys().copied().collect();
    size_anew(server, tx, &keys, None, |key, available, holdings, now| {
        let asked = sizing::call_for(wanted[&key], available, holdings, now);
        asked.into_iter().map(|place| (place, 0)).collect()
    })
    .await
}

/// Keeps what is decided of each of these stock rows where several sell from it, over what of it is available and who has a
/// part: whose part changes, and by how much more of it is open.
async fn size_anew(
    server: &Server,
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    author: Option<IncarnationId>,
    decide: impl Fn(StockKey, i64, &mut [Holding], Timestamp) -> Vec<(usize, i64)>,
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let (kept_back, now) = (settings::kept_back(tx).await?, server.now());
    let mut resized = Vec::new();
    for (key, Shared { available, holdings }) in shared(tx, keys, author, kept_back, now).await? {
        let (lives, mut holdings): (Vec<_>, Vec<_>) = holdings.into_iter().unzip();
        for (place, opened) in decide(key, available, &mut holdings, now) {
            let Holding { allotment, outlook, .. } = holdings[place];
            resized.push(Resized { incarnation_id: lives[place], key, allotment, outlook, opened });
        }
    }
    resize(tx, &resized, now).await
}

/// What is kept back for orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptBack {
    /// Units of each stock row, everywhere.
    pub units: i64,
    /// Where it is another number.
    pub warehouses: Vec<KeptBackAt>,
}

/// What is kept back at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptBackAt {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What people call it.
    pub name: String,
    /// Units of each stock row.
    pub units: i64,
}

/// How many units of each stock row are granted to nobody unasked.
///
/// # Errors
/// If Postgres fails.
pub async fn kept_back(server: &Server) -> Result<KeptBack, Error> {
    let work = |tx: Tx| async move { Ok((settings::kept_back(&tx).await?, warehouses::kept_back(&tx).await?)) };
    let (units, places) = server.db.snapshot(work).await?;
    let place = |(warehouse_id, name, units)| KeptBackAt { warehouse_id, name, units };
    Ok(KeptBack { units, warehouses: places.into_iter().map(place).collect() })
}

/// Keeps so many units of each stock row back from now on, everywhere or at one place; none there: as everywhere.
/// What is granted already stays granted; what is no longer kept back homes get at once.
///
/// # Errors
/// [`Error::NotFound`] for a warehouse that is not there, [`Error::Fault`] for a number below 0.
pub async fn keep_back(server: &Server, at: Option<WarehouseId>, units: Option<i64>) -> Result<(), Error> {
    let units = match units {
        Some(units) if !(0..=SUM_MAX).contains(&units) => return Err(Fault::AmountOutOfRange { units }.into()),
        units => units,
    };
    let work = |tx: Tx| async move {
        match at {
            None => settings::set_kept_back(&tx, units.unwrap_or(0)).await?,
            Some(id) if warehouses::set_kept_back(&tx, id, units).await? => {}
            Some(id) => return Err(Error::NotFound { what: "warehouse", name: id.to_string() }),
        }
        grants::of_homes(&tx, settings::kept_back(&tx).await?, server.now()).await
    };
    server.db.transaction(work).await?;
    server.ring();
    Ok(())
}

/// What every change of stock that no push made ends with: what is short is withdrawn if it may be, homes get what
/// became available, others what they lack, and concerns open and close as the figures ask.
///
/// # Errors
/// If Postgres fails.
pub async fn after_change(server: &Server, tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<(), Error> {
    withdraw::from_rows(server, tx, keys, None).await?;
    top_up(server, tx, keys).await?;
    even_out(server, tx, keys, None).await?;
    concerns::look_at_stock(tx, &*server.world, keys, server.now()).await
}
