//! What a home may sell: all of its warehouse's available units but a share kept back.
//!
//! Called in the transaction of whatever made units available: an import, a release, a cancellation,
//! a new node. So at a home nothing is ever left lying that its node could sell while offline.

use std::collections::BTreeSet;

use outpost_schema::{id::WarehouseId, stock::StockKey};

use crate::{
    db::{Tx, concerns, grants, settings},
    error::Error,
    server::Server,
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

/// What every change of stock that no push made ends with: homes get what became available, and
/// concerns open and close as the figures ask.
///
/// # Errors
/// If Postgres fails.
pub async fn after_change(server: &Server, tx: &Tx, keys: &BTreeSet<StockKey>) -> Result<(), Error> {
    top_up(server, tx, keys).await?;
    concerns::look_at_stock(tx, &*server.world, keys, server.now()).await
}
