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
    let before = transfers::lock(tx, &BTreeSet::from([id])).await?.remove(&id).ok_or_else(|| none(name))?;
    if !before.complete {
        return Err(Error::StillOpen { code: before.code.to_string() });
    }
    let mut after = before;
    let lost = after.write_off();
    let (at, note) = (server.now(), said.note.as_str());
    let act_id = TransferId::new(at, server.world.id_chance()).0;
    transfers::write_off(tx, &after, &WriteOff { act_id, units: &lost, by: &said.by, note, at }).await?;
    look(server, tx, &after).await?;
    Ok(lost)
}

/// Opens and closes the concerns of a transfer, as its sums now ask.
async fn look(server: &Server, tx: &Tx, transfer: &Transfer) -> Result<(), Error> {
    let (mut raised, mut over) = (Vec::new(), Vec::new());
    for (kind, units) in transfer.surprises() {
        let (subject, detail, scope) = transfer.concern(units);
        match units {
            0 => over.push((kind, subject)),
            _ => raised.push(Raised { kind, subject, detail, scope, seq: None }),
        }
    }
    concerns::open(tx, &*server.world, None, &raised, server.now()).await?;
    concerns::close(tx, &over, server.now()).await
}
