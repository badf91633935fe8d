//! A report: what a node had been granted, by its own book, told to a server that may have forgotten it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    settle::Author,
    stock::{StockKey, TOTAL_TOLD_MAX},
};
use outpost_sync::wire::{Caller, REPORT_MAX, Report, Reported, Standing};

use super::{end_if_all_heard, stands};
use crate::{
    accept,
    db::{self, Tx, concerns, epochs, ground, journals},
    error::Error,
    grants,
    server::Server,
    stage::{self, Moment, Work},
};

/// Takes a page of a report. The larger totals win, so a repeated, late or reordered page changes
/// nothing; one of another epoch is not taken. A journal has reported when its last page has come and the
/// server has it up to the head that it then named.
///
/// # Errors
/// [`Error::UnknownNode`], [`Error::TooMuch`], [`Error::NotYours`], or the database's.
pub async fn take(server: &Server, caller: Caller, standing: Standing, report: &Report) -> Result<Reported, Error> {
    if report.granted.len() > REPORT_MAX {
        return Err(Error::TooMuch { what: "rows of a report", count: report.granted.len(), max: REPORT_MAX });
    }
    if report.granted.iter().any(|told| told.incarnation_id != caller.incarnation_id) {
        return Err(Error::NotYours);
    }
    let work = |tx: Tx| async move {
        let reported = take_within(server, &tx, caller, standing, report).await?;
        stage::reach(Work::Report, Moment::BeforeCommit);
        Ok(reported)
    };
    let (reported, was_moved) = server.db.transaction(work).await?;
    stage::reach(Work::Report, Moment::AfterCommit);
    if matches!(reported, Reported::Taken { .. }) {
        server.ring();
    }
    if was_moved {
        accept::retry_after_change(server).await?;
    }
    Ok(reported)
}

async fn take_within(
    server: &Server,
    tx: &Tx,
    caller: Caller,
    standing: Standing,
    report: &Report,
) -> Result<(Reported, bool), Error> {
    let journal = journals::lock(tx, caller.incarnation_id).await?;
    let mut journal = journal.filter(|journal| journal.author.node_id == caller.node_id).ok_or(Error::UnknownNode)?;
    if report.epoch != journal.epoch {
        return Ok((Reported::OtherEpoch { epoch: journal.epoch }, false));
    }
    let acked = journal.acked;
    // A journal that ends before what the server has was set back: it has forgotten grants too.
    if standing.head.seq < acked.seq || (standing.head.seq == acked.seq && standing.head.hash != acked.hash) {
        return Ok((Reported::Elsewhere { acked }, false));
    }
    hear(server, tx, caller, report).await?;
    let mut was_moved = false;
    if report.last && journal.report_owed {
        was_moved = stands::follow(tx, &mut journal.author, report.stands.as_ref()).await?;
        epochs::note_report(tx, caller.incarnation_id, standing.head.seq).await?;
        if standing.head.seq <= acked.seq {
            finish(server, tx, &journal.author).await?;
        }
    }
    Ok((Reported::Taken { acked }, was_moved))
}

/// The journal has told all, and the server has all of it.
///
/// # Errors
/// If Postgres fails.
pub async fn finish(server: &Server, tx: &Tx, author: &Author) -> Result<(), Error> {
    epochs::note_reported(tx, author.incarnation_id).await?;
    end_if_all_heard(server, tx).await?;
    let left = db::grants::take_what_it_left(tx, author.incarnation_id, server.now()).await?;
    grants::after_change(server, tx, &left).await?;
    // One that had been given up comes when the others are done: what is free at its home is its own.
    for home in &author.homes {
        grants::top_up_warehouse(server, tx, *home).await?;
    }
    Ok(())
}

/// Keeps the larger totals, and promises what they open.
async fn hear(server: &Server, tx: &Tx, caller: Caller, report: &Report) -> Result<(), Error> {
    let told: BTreeMap<StockKey, (i64, i64)> = report
        .granted
        .iter()
        .map(|told| {
            let key = StockKey { product_id: told.product_id, warehouse_id: told.warehouse_id };
            (key, (told.granted.clamp(0, TOTAL_TOLD_MAX), told.reclaimed.clamp(0, TOTAL_TOLD_MAX)))
        })
        .collect();
    let keys: BTreeSet<StockKey> = told.keys().copied().collect();
    let known = ground::stock(tx, &keys, server.now()).await?;
    let unknown = keys.len() - known.len();
    if unknown > 0 {
        tracing::warn!(unknown, node = %caller.node_id, "a device was granted of products that this database does not know");
    }
    let told: BTreeMap<_, _> = told.into_iter().filter(|(key, _)| known.contains_key(key)).collect();
    db::grants::hear(tx, caller.incarnation_id, &told, server.now()).await?;
    concerns::look_at_stock(tx, &*server.world, &keys, server.now()).await
}
