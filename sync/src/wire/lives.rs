//! Another life of a journal that cannot go on.

use outpost_schema::{device::LifeReason, id::IncarnationId, journal::Hash};
use serde::{Deserialize, Serialize};

use super::Stands;

/// A wish for another life of the caller's journal, which cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeWanted {
    /// The new life, made by the caller, so that a repeat is recognised.
    pub incarnation_id: IncarnationId,
    /// Why the old one ends.
    pub reason: LifeReason,
    /// The hashes of the old life's entries after the last that the caller knows to be acknowledged, in
    /// order, at most [`super::UNSETTLED_MAX`].
    pub unsettled: Vec<Hash>,
    /// Where the device stands, as in a [`super::Report`], which an ended life does not make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Stands>,
}

/// A new life, which inherits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    /// Which.
    pub incarnation_id: IncarnationId,
    /// Of its receipt numbers, which no other life uses.
    pub prefix: String,
    /// How many of the unsettled entries the server has, word for word. The others are carried over.
    pub known: usize,
}
