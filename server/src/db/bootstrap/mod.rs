//! A database in the node's own schema, filled column to column from one snapshot of ours.
//!
//! Postgres sends each table as a binary `COPY`, already in the order of the node's key; a thread of
//! its own turns the columns into SQLite's and appends the rows. Neither side makes an aggregate of
//! them, and the indexes are made when all rows are there.

mod columns;
pub mod schema;
mod sqlite;
mod tables;

use std::path::Path;

use futures_util::TryStreamExt as _;
use outpost_schema::{
    clock::Timestamp,
    id::{EpochId, NodeId, WarehouseId},
};
use tokio::{sync::mpsc, task::spawn_blocking};

pub use columns::NotCopied;

use self::{
    sqlite::Piece,
    tables::{Scope, TABLES, Table},
};
use super::{Tx, feed};
use crate::{error::Error, feed::cursor::Snapshot, server::Server};

/// Rows travel to the thread that writes them in lots of this many bytes, so that neither waits for
/// the other row by row.
const LOT_BYTES: usize = 256 * 1024;

/// Lots that may wait to be written.
const LOTS: usize = 8;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Which life of the database it belongs to.
    pub epoch: EpochId,
    /// The moment it shows.
    pub snapshot: Snapshot,
    /// The warehouses whose aggregates are in it.
    pub warehouses: Vec<WarehouseId>,
    /// The nodes that receive exactly these warehouses: their own aggregates are in it too.
    pub nodes: Vec<NodeId>,
    /// The server's clock.
    pub made_at: Timestamp,
    /// The network's currency.
    pub currency: String,
}

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// Postgres, or no connection to it.
    #[error(transparent)]
    Server(#[from] Error),
    /// SQLite, or what Postgres sent could not be read.
    #[error(transparent)]
    NotCopied(#[from] NotCopied),
    /// The thread that writes ended badly.
    #[error("the thread that writes the file broke off")]
    BrokeOff,
}

/// Writes the file for nodes that receive these warehouses to `path`, where nothing may be yet, and
/// says how many rows it has. It is not on the disk for good when this returns.
///
/// # Errors
/// [`NotWritten`]; what is at `path` is then worth nothing.
pub async fn write(server: &Server, warehouses: &[WarehouseId], path: &Path) -> Result<(About, u64), NotWritten> {
    let (sender, receiver) = mpsc::channel(LOTS);
    let path = path.to_owned();
    let writer = spawn_blocking(move || sqlite::write(&path, receiver));
    let to_writer = &sender;
    let sent = server.db.snapshot(|tx| async move { send(&tx, server, warehouses, to_writer).await }).await;
    drop(sender);
    let written = writer.await.map_err(|_| NotWritten::BrokeOff)?;
    // If Postgres failed, the writer only says that it did not get everything.
    let about = sent?;
    let rows = written?;
    Ok((about.ok_or(NotWritten::BrokeOff)?, rows))
}

/// Sends everything in the scope as of one moment; none if the writer wants no more.
async fn send(
    tx: &Tx,
    server: &Server,
    warehouses: &[WarehouseId],
    writer: &mpsc::Sender<Piece>,
) -> Result<Option<About>, Error> {
    let about = about(tx, server, warehouses).await?;
    let scope = Scope { warehouses, nodes: &about.nodes };
    for table in TABLES {
        if !send_table(tx, table, &scope, writer).await? {
            return Ok(None);
        }
    }
    let sent = writer.send(Piece::About(Box::new(about.clone()))).await;
    Ok(sent.is_ok().then_some(about))
}

async fn about(tx: &Tx, server: &Server, warehouses: &[WarehouseId]) -> Result<About, Error> {
    let moment = feed::moment(tx, warehouses).await?;
    Ok(About {
        epoch: moment.epoch,
        snapshot: moment.snapshot,
        warehouses: warehouses.to_vec(),
        nodes: moment.nodes,
        made_at: server.now(),
        currency: server.currency.code().to_owned(),
    })
}

async fn send_table(
    tx: &Tx,
    table: &'static Table,
    scope: &Scope<'_>,
    writer: &mpsc::Sender<Piece>,
) -> Result<bool, Error> {
    let mut rows = std::pin::pin!(tx.copy_out(&table.copy(scope)).await?);
    let mut lot = Vec::with_capacity(LOT_BYTES + LOT_BYTES / 8);
    if writer.send(Piece::Begin(table)).await.is_err() {
        return Ok(false);
    }
    while let Some(row) = rows.try_next().await.map_err(|error| tx.failed(error))? {
        lot.extend_from_slice(&row);
        if lot.len() >= LOT_BYTES {
            let full = std::mem::replace(&mut lot, Vec::with_capacity(LOT_BYTES + LOT_BYTES / 8));
            if writer.send(Piece::Rows(full)).await.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(writer.send(Piece::Rows(lot)).await.is_ok())
}
