//! Devices: what sort a node is, and the card with which it joins a network.

use serde::{Deserialize, Serialize};

use crate::{
    id::{IncarnationId, NodeId, WarehouseId},
    money::Currency,
    stock::SalePolicy,
};

/// What sort of device a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A cashier's till.
    Till,
    /// A kiosk that customers use.
    Kiosk,
    /// A pop-up shop in a box.
    Popup,
    /// A handheld in the stockroom.
    Handheld,
}

/// Whether the server still takes a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncarnationState {
    /// It does.
    Active,
    /// It forked: what comes is kept as evidence, unanswered.
    Frozen,
    /// Its device began another life. What it still says are facts like any other, but nothing more is
    /// granted to it, and what it has open is in doubt.
    Superseded,
    /// Head office suspended its device: it is granted nothing, and sells nothing once it hears of it.
    Suspended,
    /// Its device is closed for good. What it still says are facts all the same.
    Retired,
}

/// Why a device begins another life of its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeReason {
    /// The server had more of its journal than it has itself: it was put back to an old image.
    RolledBack,
    /// It was put back by `outpost-node restore`.
    Restored,
    /// Its journal went on in two ways: there is a second device with its name.
    Forked,
}

/// Everything a new node must know; printed by `outpost-server node add`, read by `outpost-node join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The device.
    pub node_id: NodeId,
    /// The life of its journal.
    pub incarnation_id: IncarnationId,
    /// What people call it.
    pub name: String,
    /// What sort it is.
    pub kind: NodeKind,
    /// Where it stands.
    pub warehouse_id: WarehouseId,
    /// Whether only this node sells from there.
    pub is_home: bool,
    /// What happens beyond its allotment.
    pub policy: SalePolicy,
    /// Of its receipt numbers, unique in the network.
    pub prefix: String,
    /// The network's currency.
    pub currency: Currency,
    /// The server's address, such as `http://127.0.0.1:7070`.
    pub server: String,
}
