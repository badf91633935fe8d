//! Places and devices: warehouses, nodes, the lives of their journals, the cards they join with.

use std::collections::BTreeSet;

use outpost_schema::{
    catalogue::Warehouse,
    device::{Card, NodeKind},
    id::{IncarnationId, NodeId, WarehouseId},
    stock::SalePolicy,
    text,
};

use crate::{
    accept,
    db::{
        Tx, epochs, lives,
        nodes::{self, NewNode, NodeSeen},
        warehouses,
    },
    error::Error,
    grants,
    server::Server,
    stage::{self, Moment, Work},
};

/// Sets up a place that holds stock. The first one is also the guest's home.
///
/// # Errors
/// [`Error::NameTaken`], or a [`Error::Fault`] of the name.
pub async fn add_warehouse(server: &Server, name: &str) -> Result<Warehouse, Error> {
    text::require("name", name, text::LINE_MAX)?;
    let now = server.now();
    let warehouse = Warehouse {
        warehouse_id: WarehouseId::new(now, server.world.id_chance()),
        name: name.trim().to_owned(),
        home_of: None,
        created_at: now,
    };
    let kept = &warehouse;
    let added = server.db.transaction(|tx| async move { warehouses::insert(&tx, kept).await }).await;
    added.map_err(|error| name_taken(error, "warehouses_name_key", "warehouse", name))?;
    server.ring();
    accept::retry_set_aside(server).await?;
    Ok(warehouse)
}

/// A device that is to join.
#[derive(Clone, Debug)]
pub struct NodeWanted {
    /// What people will call it.
    pub name: String,
    /// What sort it is.
    pub kind: NodeKind,
    /// Where it stands.
    pub warehouse_id: WarehouseId,
    /// Further warehouses whose aggregates it receives, and where it may act.
    pub also: Vec<WarehouseId>,
    /// Whether only it sells from where it stands.
    pub is_home: bool,
    /// What happens beyond its allotment; by default physical at a home, strict elsewhere.
    pub policy: Option<SalePolicy>,
    /// The server's address, for the card.
    pub server: String,
}

/// Adds a device and tells it everything that it must know. A home gets all that its warehouse has.
///
/// # Errors
/// [`Error::NameTaken`], [`Error::HomeTaken`], [`Error::NotFound`] for a warehouse.
pub async fn add_node(server: &Server, wanted: &NodeWanted) -> Result<Card, Error> {
    text::require("name", &wanted.name, text::LINE_MAX)?;
    let work = |tx: Tx| async move {
        let card = add(server, &tx, wanted).await?;
        stage::reach(Work::AddNode, Moment::BeforeCommit);
        Ok(card)
    };
    let card = server.db.transaction(work).await;
    let card = card.map_err(|error| name_taken(error, "nodes_name_key", "node", &wanted.name))?;
    stage::reach(Work::AddNode, Moment::AfterCommit);
    server.ring();
    accept::retry_set_aside(server).await?;
    Ok(card)
}

async fn add(server: &Server, tx: &Tx, wanted: &NodeWanted) -> Result<Card, Error> {
    let scope = scope(tx, wanted.warehouse_id, &wanted.also).await?;
    let prefix = free_prefix(&wanted.name, &nodes::lock_prefixes(tx).await?);
    let now = server.now();
    let (node_id, incarnation_id) =
        (NodeId::new(now, server.world.id_chance()), IncarnationId::new(now, server.world.id_chance()));
    let NodeWanted { kind, warehouse_id, is_home, .. } = *wanted;
    let name = wanted.name.trim();
    let node = NewNode { node_id, name, kind, warehouse_id, scope: &scope, prefix: &prefix, created_at: now };
    nodes::insert_node(tx, &node, incarnation_id).await?;
    if is_home {
        move_in(server, tx, warehouse_id, node_id).await?;
    }
    let by_default = if is_home { SalePolicy::Physical } else { SalePolicy::Strict };
    Ok(Card {
        node_id,
        incarnation_id,
        name: name.to_owned(),
        kind,
        warehouse_id,
        is_home,
        policy: wanted.policy.unwrap_or(by_default),
        prefix,
        currency: server.currency,
        server: wanted.server.clone(),
    })
}

/// What became of a card that was shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readmitted {
    /// The book has this life of this device.
    Known,
    /// It was forgotten, and is awaited now: it owes a report.
    Taken,
}

/// Takes back a device, or a life of its journal, that the database forgot because it was put back to a
/// moment before it. Nothing is granted to it before it has told what it was granted.
///
/// # Errors
/// [`Error::NotFound`] if its warehouse was forgotten too, [`Error::NameTaken`] if another device has been
/// given its name or its receipt prefix since, [`Error::LifeTaken`] if its journal is another device's,
/// [`Error::OtherCurrency`].
pub async fn readmit(server: &Server, card: &Card) -> Result<Readmitted, Error> {
    if card.currency != server.currency {
        return Err(Error::OtherCurrency { chosen: server.currency });
    }
    let taken = server.db.transaction(|tx| async move { take_back(server, &tx, card).await }).await;
    let taken = taken.map_err(|error| name_taken(error, "nodes_name_key", "node", &card.name))?;
    server.ring();
    accept::retry_set_aside(server).await?;
    Ok(taken)
}

async fn take_back(server: &Server, tx: &Tx, card: &Card) -> Result<Readmitted, Error> {
    let prefixes = nodes::lock_prefixes(tx).await?;
    let Card { node_id, incarnation_id, warehouse_id, kind, .. } = *card;
    match lives::device(tx, incarnation_id).await? {
        Some(device) if device == node_id => return Ok(Readmitted::Known),
        Some(_) => return Err(Error::LifeTaken),
        None => {}
    }
    let now = server.now();
    if !lives::begin_forgotten(tx, card, now).await? {
        if prefixes.contains(&card.prefix) {
            return Err(Error::NameTaken { what: "device with receipts", name: card.prefix.clone() });
        }
        let scope = places(tx, vec![warehouse_id]).await?;
        let node = NewNode {
            node_id,
            name: &card.name,
            kind,
            warehouse_id,
            scope: &scope,
            prefix: &card.prefix,
            created_at: now,
        };
        nodes::insert_node(tx, &node, incarnation_id).await?;
        if card.is_home && !warehouses::give_home(tx, warehouse_id, node_id).await? {
            return Err(home_taken(tx, warehouse_id).await?);
        }
    }
    epochs::await_report(tx, incarnation_id).await?;
    Ok(Readmitted::Taken)
}

/// Where it stands, then what else it receives; each must be there.
pub(crate) async fn scope(tx: &Tx, stands: WarehouseId, also: &[WarehouseId]) -> Result<Vec<WarehouseId>, Error> {
    let mut scope = vec![stands];
    scope.extend(also.iter().filter(|id| **id != stands));
    places(tx, scope).await
}

/// These places, if each of them is there.
async fn places(tx: &Tx, scope: Vec<WarehouseId>) -> Result<Vec<WarehouseId>, Error> {
    let there: BTreeSet<_> = warehouses::all(tx).await?.iter().map(|warehouse| warehouse.warehouse_id).collect();
    match scope.iter().find(|id| !there.contains(id)) {
        Some(id) => Err(Error::NotFound { what: "warehouse", name: id.to_string() }),
        None => Ok(scope),
    }
}

/// It stands at a place from which only it sells, and gets all that is there.
pub(crate) async fn move_in(server: &Server, tx: &Tx, warehouse_id: WarehouseId, node_id: NodeId) -> Result<(), Error> {
    if warehouses::give_home(tx, warehouse_id, node_id).await? {
        return grants::top_up_warehouse(server, tx, warehouse_id).await;
    }
    Err(home_taken(tx, warehouse_id).await?)
}

async fn home_taken(tx: &Tx, warehouse_id: WarehouseId) -> Result<Error, Error> {
    let others = nodes::nodes(tx).await?;
    let owner = others.into_iter().find(|node| node.is_home && node.warehouse_id == warehouse_id);
    Ok(Error::HomeTaken { node: owner.map_or_else(|| "another node".to_owned(), |node| node.name) })
}

/// The first letter of the name and the smallest number that makes it unique: K1, K2, P1.
fn free_prefix(name: &str, taken: &BTreeSet<String>) -> String {
    let letter = name.chars().find(char::is_ascii_alphabetic).map_or('N', |letter| letter.to_ascii_uppercase());
    let mut prefixes = (1..).map(|number: u32| format!("{letter}{number}"));
    prefixes.find(|prefix| !taken.contains(prefix)).expect("numbers do not end")
}

fn name_taken(error: Error, constraint: &str, what: &'static str, name: &str) -> Error {
    if error.constraint() == Some(constraint) { Error::NameTaken { what, name: name.to_owned() } } else { error }
}

/// What head office sees of its devices: where their journals stand, when they were last heard, and
/// what is lost at most with each.
///
/// # Errors
/// If Postgres fails.
pub async fn list(server: &Server) -> Result<Vec<NodeSeen>, Error> {
    server.db.snapshot(|tx| async move { nodes::nodes(&tx).await }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_of_two_devices_never_look_alike() {
        let taken = ["K1".to_owned(), "K2".to_owned(), "P1".to_owned()].into();
        let cases = [("Kiosk", "K3"), ("pop-up", "P2"), ("7 Dials", "D1"), ("夜市", "N1")];
        for (name, prefix) in cases {
            assert_eq!(free_prefix(name, &taken), prefix);
        }
    }
}
