//! Unused promises are withdrawn from stock rows that are short, once everybody who could explain them has been heard.
//! What is withdrawn, and when, is decided by [`outpost_schema::withdrawal`]; this does it, in the transaction of
//! whatever made the row short, or that brought the last word that was waited for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use outpost_schema::{
    confirm,
    id::IncarnationId,
    sizing,
    stock::{Level, StockKey},
    withdrawal::{is_explained, withdraw},
};
use outpost_sync::{hold::Held, wire::Caller};
use tokio::time::sleep;

use crate::{
    db::{
        Tx, concerns, confirmations, ground, holds,
        short::{self, Short},
        sizing::{Resized, resize},
    },
    error::Error,
    feed::cursor::Snapshot,
    grants,
    server::Server,
};

/// Withdraws what these rows, which are locked, are short of, as far as nobody could explain them any more. `author` is
/// heard right now. Says which rows changed.
///
/// # Errors
/// If Postgres fails.
pub async fn from_rows(
    server: &Server,
    tx: &Tx,
    keys: &BTreeSet<StockKey>,
    author: Option<IncarnationId>,
) -> Result<BTreeSet<StockKey>, Error> {
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    let now = server.now();
    let mut short = short::among(tx, keys, author, now).await?;
    short.retain(|_, one| is_explained(one.sellers.iter().copied()));
    let keys: BTreeSet<StockKey> = short.keys().copied().collect();
    if keys.is_empty() {
        return Ok(keys);
    }
    // Nobody's hold goes because of one that is over.
    ground::release_expired(tx, &keys, now).await?;
    withdraw_holds(server, tx, &keys).await?;
    call_back(server, tx, short).await?;
    Ok(keys)
}

/// What each of these rows, which are locked, lacks for those who were promised something. Orders that nobody confirmed
/// yet were promised nothing, so nobody loses anything to them.
async fn lacking(tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<BTreeMap<StockKey, i64>, Error> {
    let mut lacking = ground::lock_stock(tx, keys).await?;
    lacking.retain(|_, level| level.unbacked() > 0);
    let unconfirmed = confirmations::unconfirmed(tx, &lacking.keys().copied().collect()).await?;
    let of =
        |(key, level): (StockKey, Level)| (key, confirm::lacking(level, unconfirmed.get(&key).copied().unwrap_or(0)));
    Ok(lacking.into_iter().map(of).filter(|(_, units)| *units > 0).collect())
}

async fn withdraw_holds(server: &Server, tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<(), Error> {
    let mut held: BTreeMap<StockKey, Vec<Held>> = BTreeMap::new();
    for line in holds::on_rows(tx, keys).await? {
        held.entry(line.key).or_default().push(line);
    }
    let lacking = lacking(tx, &held.keys().copied().collect()).await?;
    let gone: Vec<Held> = held.into_iter().flat_map(|(key, held)| newest(lacking.get(&key), held)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let (now, told) = (server.now(), gone.iter().map(Held::withdrawn).collect::<Vec<_>>());
    holds::withdraw(tx, &gone, now).await?;
    concerns::open(tx, &*server.world, None, &told, now).await
}

/// Those of a row's holds that go.
fn newest(lacking: Option<&i64>, held: Vec<Held>) -> Vec<Held> {
    let gone = withdraw(lacking.copied().unwrap_or(0), held.iter().map(Held::line).collect());
    let is_gone = |line: &Held| gone.iter().any(|gone| gone.hold_id == line.hold_id);
    held.into_iter().filter(is_gone).collect()
}

/// Asks whoever is in reach for what the rows still lack.
async fn call_back(server: &Server, tx: &Tx, short: BTreeMap<StockKey, Short>) -> Result<(), Error> {
    let now = server.now();
    let lacking = lacking(tx, &short.keys().copied().collect()).await?;
    let mut asked = Vec::new();
    for (key, one) in short {
        let (lives, mut holdings): (Vec<_>, Vec<_>) = one.holdings.into_iter().unzip();
        for place in sizing::call_back(lacking.get(&key).copied().unwrap_or(0), &mut holdings, now) {
            let sizing::Holding { allotment, outlook, .. } = holdings[place];
            asked.push(Resized { incarnation_id: lives[place], key, allotment, outlook, opened: 0 });
        }
    }
    resize(tx, &asked, now).await
}

/// How often rows that stay short are looked at again.
const LOOK: Duration = Duration::from_secs(20);

/// Rows that are looked at in one transaction.
const LOT: i64 = 200;

/// Looks again and again, for as long as it is polled.
pub(crate) async fn keep_looking(server: Arc<Server>) {
    loop {
        sleep(LOOK).await;
        if let Err(error) = look_again(&server).await {
            tracing::warn!(code = error.code(), "what is short is looked at later: {error}");
        }
    }
}

/// Looks once more at every row that is short and that nobody could explain any more, lot by lot: a device that was out
/// of reach when the last one told may be in reach by now, and what it has to spare was not asked for.
///
/// # Errors
/// What Postgres says.
pub async fn look_again(server: &Server) -> Result<(), Error> {
    let mut after = None;
    loop {
        let lot = server.db.snapshot(|tx| async move { unasked(server, &tx, after).await }).await?;
        let Some(last) = lot.last else { return Ok(()) };
        if !lot.keys.is_empty() {
            let keys = &lot.keys;
            server.db.transaction(|tx| async move { look_at_rows(server, &tx, keys).await }).await?;
            server.ring();
        }
        after = Some(last);
    }
}

/// Rows of a lot that are worth a look, and where the next lot begins; nowhere, if there is none.
struct Lot {
    keys: BTreeSet<StockKey>,
    last: Option<StockKey>,
}

/// Of the next lot those rows of which somebody in reach has something that was not asked for.
async fn unasked(server: &Server, tx: &Tx, after: Option<StockKey>) -> Result<Lot, Error> {
    let rows = short::lot(tx, after, LOT).await?;
    let last = rows.last().copied();
    let keys = rows.into_iter().collect();
    let mut short = short::among(tx, &keys, None, server.now()).await?;
    let unconfirmed = confirmations::unconfirmed(tx, &keys).await?;
    short.retain(|key, one| {
        let holdings: Vec<_> = one.holdings.iter().map(|(_, holding)| *holding).collect();
        let lacking = one.units - unconfirmed.get(key).copied().unwrap_or(0);
        is_explained(one.sellers.iter().copied()) && sizing::lacks_a_recall(lacking, &holdings)
    });
    Ok(Lot { keys: short.into_keys().collect(), last })
}

/// A device asks for news behind a snapshot, and its journal is in the book to its end: what it did before it knew of
/// what that sees explains no row any more. A device never asks for older news than before, or begins anew.
///
/// # Errors
/// If Postgres fails.
pub async fn hear_out(server: &Server, caller: Caller, upto: &Snapshot) -> Result<(), Error> {
    let life = caller.incarnation_id;
    server
        .db
        .transaction(|tx| async move {
            short::note_told(&tx, life, upto).await?;
            look_at(server, &tx, Some(life)).await
        })
        .await?;
    server.ring();
    Ok(())
}

/// Looks at every row that is short, or only at those of which a life has something open: somebody is no longer waited
/// for.
///
/// # Errors
/// If Postgres fails.
pub async fn look_at(server: &Server, tx: &Tx, seller: Option<IncarnationId>) -> Result<(), Error> {
    let keys = short::rows(tx, seller).await?;
    if keys.is_empty() {
        return Ok(());
    }
    look_at_rows(server, tx, &keys).await
}

async fn look_at_rows(server: &Server, tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<(), Error> {
    ground::lock_stock(tx, keys).await?;
    grants::after_change(server, tx, keys).await
}
