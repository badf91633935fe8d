//! Every id of the system, in one list.
//!
//! Ids are UUIDv7, made by whoever creates the row, from a time and randomness that are given:
//! this crate reads neither. Passing a [`CartId`] where an [`OrderId`] belongs does not compile.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, fault::Fault};

/// Ten bytes of randomness, enough for the random part of one id.
pub type Chance = [u8; 10];

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts by `at` (milliseconds) and is made unique by `chance`.
            pub fn new(at: Timestamp, chance: Chance) -> Self {
                Self(at_and_chance(at, chance))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Fault;
            fn from_str(text: &str) -> Result<Self, Fault> {
                Uuid::try_parse(text).map(Self).map_err(|_| Fault::NotAnId)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }
    )*};
}

ids! {
    /// A person: a customer or a member of staff.
    UserId,
    /// A postal address of a user.
    AddressId,
    /// A category of products.
    CategoryId,
    /// A product, whatever sku or barcodes it carries.
    ProductId,
    /// A place that holds stock; a shop is one too.
    WarehouseId,
    /// A cart, from its first line to its checkouts.
    CartId,
    /// An order.
    OrderId,
    /// One line of an order.
    OrderItemId,
    /// One payment, or refund, of an order.
    PaymentId,
    /// Goods that came back, and what was given for them.
    ReturnId,
    /// A customer's review of a product.
    ReviewId,
    /// A device.
    NodeId,
    /// One life of a node's journal. Unique over all nodes, so it alone names a cart's actor.
    IncarnationId,
    /// A promise made online, with an expiry.
    HoldId,
    /// Something that people must look at.
    ConcernId,
    /// One life of the server's database.
    EpochId,
    /// A backup of the server's database.
    BackupId,
    /// Goods on the road from one warehouse to another; made of the code that is written on the boxes.
    TransferId,
    /// A delivery that is expected from a supplier.
    DeliveryId,
    /// Something that head office laid down.
    RuleId,
    /// A group of synonyms.
    SynonymsId,
}

impl UserId {
    /// The well-known guest, to whom an order goes when nobody gave a name.
    pub const GUEST: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
}

fn at_and_chance(at: Timestamp, chance: Chance) -> Uuid {
    let millis = u64::try_from(at.micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_later() {
        let early = OrderId::new(Timestamp::from_micros(1_000_000), [0xff; 10]);
        let late = OrderId::new(Timestamp::from_micros(2_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(late.0.get_version_num(), 7);
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        assert_eq!("tomato".parse::<CartId>(), Err(Fault::NotAnId));
    }
}
