//! A parcel: what a device has for head office, in a file that somebody carries there.
//!
//! Its entries are taken as a push would be, and a repeat changes nothing. Where entries are missing
//! because they could not be read any more, the ones behind the gap are there all the same.

use outpost_schema::{
    cart::Cart,
    id::{IncarnationId, NodeId},
    journal::{Entry, Mark},
};
use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, Form},
    wire::Problem,
};

/// What a parcel holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parcel {
    /// The device, if its database still says who it is.
    pub node_id: Option<NodeId>,
    /// Whose journal it is.
    pub incarnation_id: IncarnationId,
    /// The last entry that head office is known to have.
    pub acked: Mark,
    /// Entries after it, in order; each fits its own hash.
    pub entries: Vec<Entry>,
    /// Carts that were changed since they were last pushed.
    #[serde(default)]
    pub carts: Vec<Cart>,
}

impl Parcel {
    /// Its bytes: MessagePack in a zstd frame, as on the line.
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::pack(self)
    }

    /// Reads what [`Parcel::to_bytes`] wrote.
    ///
    /// # Errors
    /// `not_compressed` or `unreadable_body` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        let plain = zstd::decode_all(bytes).map_err(|_| {
            Problem::new("not_compressed", "this is no parcel, or only a part of one; copy the file again")
        })?;
        codec::decode_plain(Form::Binary, &plain)
    }
}
