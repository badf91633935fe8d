//! What head office does about goods on the road: it looks, and writes off what will not come.

use std::collections::BTreeSet;

use outpost_schema::{
    id::TransferId,
    settle::Raised,
    stock::StockKey,
    text,
    transfer::{Transfer, TransferCode},
};
use serde::Deserialize;

use crate::{
    db::{
        Tx, concerns,
        transfers::{self, WriteOff},
        written_off::Act,
    },
    error::Error,
    server::Server,
};

/// What is missing of a transfer is to be given up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    /// By whom.
    pub by: String,
    /// Why.
    pub note: String,
}

/// A transfer by its code or its id.
///
/// # Errors
/// [`Error::NotFound`], or the database's.
pub async fn find(tx: &Tx, name: &str) -> Result<Transfer, Error> {
    transfers::find(tx, id_of(name)?).await?.ok_or_else(|| none(name))
}

fn id_of(name: &str) -> Result<TransferId, Error> {
    let by_code = name.parse().map(|code: TransferCode| code.transfer_id());
    by_code.or_else(|_| name.parse()).map_err(|_| none(name))
}

fn none(name: &str) -> Error {
    Error::NotFound { what: "transfer", name: name.to_owned() }
}

/// Gives up what is on the road of a transfer: it is lost, in the book of the warehouse that sent it. If it turns up
/// later, it is found. Says what was given up; a repeat finds nothing more to give up.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Fault`] without a name or a reason, [`Error::StillOpen`] while more may come, or the
/// database's.
pub async fn write_off(server: &Server, name: &str, said: &GivenUp) -> Result<Vec<(StockKey, i64)>, Error> {
    text::require("by", &said.by, text::LINE_MAX)?;
    text::require("the note", &said.note, text::PROSE_MAX)?;
    let lost = server.db.transaction(|tx| async move { write_off_in(server, &tx, name, said).await }).await?;
    server.ring();
    Ok(lost)
}

async fn write_off_in(server: &Server, tx: &Tx, name: &str, said: &GivenUp) -> Result<Vec<(StockKey, i64)>, Error> {
    let id = id_of(name)?;
    let before = lock(tx, id).await?.ok_or_else(|| none(name))?;
    let at = server.now();
    let act = Act { act_id: TransferId::new(at, server.world.id_chance()).0, note: Some(&said.note), at };
    lose(server, tx, before, (&said.by, act)).await
}

/// What never came of a transfer is lost, because whoever settles its concern says so.
///
/// # Errors
/// Those of [`write_off`].
pub(crate) async fn accept_loss(
    server: &Server,
    tx: &Tx,
    id: TransferId,
    (by, act): (&str, Act<'_>),
) -> Result<(), Error> {
    let before = lock(tx, id).await?.ok_or_else(|| none(&id.to_string()))?;
    lose(server, tx, before, (by, act)).await.map(drop)
}

async fn lock(tx: &Tx, id: TransferId) -> Result<Option<Transfer>, Error> {
    Ok(transfers::lock(tx, &BTreeSet::from([id])).await?.remove(&id))
}

async fn lose(
    server: &Server,
    tx: &Tx,
    mut transfer: Transfer,
    (by, act): (&str, Act<'_>),
) -> Result<Vec<(StockKey, i64)>, Error> {
    if !transfer.complete {
        return Err(Error::StillOpen { code: transfer.code.to_string() });
    }
    let units = transfer.write_off();
    transfers::write_off(tx, &transfer, &WriteOff { units: &units, by, act }).await?;
    look(server, tx, &transfer).await?;
    Ok(units)
}

/// Opens and closes the concerns of a transfer, as its sums now ask.
async fn look(server: &Server, tx: &Tx, transfer: &Transfer) -> Result<(), Error> {
    let (mut raised, mut over) = (Vec::new(), Vec::new());
    for surprise in transfer.surprises() {
        let (kind, (subject, detail, scope)) = (surprise.kind, transfer.concern(&surprise));
        match surprise.units() {
            0 => over.push((kind, subject)),
            _ => raised.push(Raised { kind, subject, detail, scope, seq: None }),
        }
    }
    concerns::open(tx, &*server.world, None, &raised, server.now()).await?;
    concerns::close(tx, &over, server.now()).await
}
