//! What ops say that nothing else does.

use serde::{Deserialize, Serialize};

use super::{Op, OpKind};
use crate::{
    cart::Sold,
    clock::Timestamp,
    count::Cut,
    fault::Fault,
    id::{HoldId, IncarnationId, OrderId, ProductId, WarehouseId},
    journal::Entry,
    movement::Remark,
    order::{Order, OrderStatus},
    people::{Address, User},
    quantity::{AMOUNT_MAX, Amount},
    settle::decode,
    verdict::SetAside,
    word::Word as _,
};

/// A product and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
}

/// Goods at a warehouse: given back, asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What and how much.
    pub lines: Vec<Line>,
}

/// "I saw 7" of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountLine {
    /// Of what.
    pub product_id: ProductId,
    /// How many were seen, with what the node itself moved between that and the op; at least 0.
    pub counted: i64,
    /// Counted less what the node's book says: the movement it writes.
    pub delta: i64,
}

/// A count of some products at a warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What was seen.
    pub lines: Vec<CountLine>,
    /// What had been done before; none in a count of the first version, where only the node changes anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Who counted.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
}

/// A finished sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The order with its items and payments.
    pub order: Order,
    /// The very units of the cart that were checked out, if it came from a cart.
    pub sold: Option<Sold>,
    /// The holds that it uses up: what they hold at the order's warehouse is the order's from then on. One that
    /// is over by then is passed over, for the sale has happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldId>,
    /// Whether an order to be handed over was taken although no allotment covered it, so that the customer was told
    /// to wait for head office's word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_be_confirmed: bool,
}

/// A new customer, with the default address if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The person.
    pub user: User,
    /// Where they live.
    pub address: Option<Address>,
}

/// An order moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTold {
    /// Which.
    pub order_id: OrderId,
    /// Where it stands now.
    pub status: OrderStatus,
    /// When that happened.
    pub at: Timestamp,
    /// Whether its till knew that the order had been called off. Goods that it hands over all the same were
    /// nobody's, so they count against the till; where it did not know, its own book says that they do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called_off: bool,
}

/// A wish to call an order off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which.
    pub order_id: OrderId,
    /// When it was wanted.
    pub at: Timestamp,
}

/// An entry of an earlier life of the same device, which that life can no longer tell itself. It keeps
/// its first identity, so that it counts once however often it is carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The life that wrote it.
    pub incarnation_id: IncarnationId,
    /// The entry, as first written.
    pub entry: Entry,
}

/// An earlier life of the same device is over, and all that the device has of it was told before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeEnded {
    /// Which life.
    pub incarnation_id: IncarnationId,
}

impl CountLine {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let seen = (0..=AMOUNT_MAX).contains(&self.counted);
        let moved = (-AMOUNT_MAX..=AMOUNT_MAX).contains(&self.delta);
        let units = if seen { self.delta } else { self.counted };
        if seen && moved { Ok(()) } else { Err(Fault::AmountOutOfRange { units }) }
    }
}

impl Carried {
    /// The op that the entry tells.
    ///
    /// # Errors
    /// What [`crate::settle::decode`] says.
    pub fn op(&self) -> Result<Op, SetAside> {
        decode(&self.entry)
    }

    /// An entry is carried whole, and once: what was carried already is carried on as it was.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let is_whole = self.entry.is_whole(self.incarnation_id) && self.entry.kind != OpKind::Carried.word();
        if is_whole { Ok(()) } else { Err(Fault::Unreadable { what: "a carried entry" }) }
    }
}

impl StatusTold {
    /// A cancellation is asked for, never told; and nothing goes back to the beginning.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.status {
            OrderStatus::Processed | OrderStatus::Shipped | OrderStatus::Delivered => Ok(()),
            OrderStatus::Pending | OrderStatus::Cancelled => Err(Fault::UnknownWord {
                what: "status that can be told",
                value: self.status.word().to_owned(),
                choices: "processed, shipped, delivered",
            }),
        }
    }
}
