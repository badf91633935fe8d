//! Where a device stands, by its own word: it may have been moved in the time that the database forgot, and only head
//! office can have given it the card that says so.

use std::collections::BTreeSet;

use outpost_schema::{
    id::WarehouseId,
    planted::{Bug, is_planted},
    settle::Author,
};
use outpost_sync::wire::Stands;

use crate::{
    db::{Tx, devices, grants, warehouses},
    error::Error,
};

/// Follows a device to where it stands, and remembers where else it stood. Whoever the book has at its home moved out in
/// that time, too. Says whether it may act anywhere that the book did not know.
///
/// # Errors
/// If Postgres fails.
pub async fn follow(tx: &Tx, author: &mut Author, stands: Option<&Stands>) -> Result<bool, Error> {
    let Some(stands) = stands.filter(|_| !is_planted(Bug::MoveForgotten)) else { return Ok(false) };
    let was_moved = stand(tx, author, stands).await?;
    let has_stood = stands.former.iter().any(|place| !author.warehouses.contains(place));
    if has_stood {
        devices::remember_places(tx, author.node_id, &stands.former).await?;
    }
    Ok(was_moved || has_stood)
}

async fn stand(tx: &Tx, author: &mut Author, stands: &Stands) -> Result<bool, Error> {
    let (node_id, warehouse_id, is_home) = (author.node_id, stands.warehouse_id, stands.is_home);
    // One that was closed before is closed for good, and stands in nobody's way.
    let Some(scope) = devices::scope(tx, node_id).await? else { return Ok(false) };
    if scope.first() == Some(&warehouse_id) && author.homes.contains(&warehouse_id) == is_home {
        return Ok(false);
    }
    if !warehouses::all(tx).await?.iter().any(|known| known.warehouse_id == warehouse_id) {
        tracing::warn!(%warehouse_id, node = %node_id, "a device stands at a place that this database does not know; \
            add it, and move the device there");
        return Ok(false);
    }
    let also = scope.iter().skip(1).filter(|place| **place != warehouse_id);
    let scope: Vec<WarehouseId> = [&warehouse_id].into_iter().chain(also).copied().collect();
    devices::relocate(tx, node_id, &scope).await?;
    grants::call_all_back(tx, node_id, warehouse_id).await?;
    author.homes = BTreeSet::new();
    if is_home {
        warehouses::take_home(tx, warehouse_id, node_id).await?;
        author.homes.insert(warehouse_id);
    }
    Ok(true)
}
