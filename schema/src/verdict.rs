//! The server's answers, and the concerns that people must look at.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    id::{ConcernId, ProductId},
    quantity::Amount,
};

/// The server's answer to an op, remembered and given again on a repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is in the book.
    Accepted,
    /// An ask for allotment was answered with these units, perhaps fewer than asked.
    Granted(Vec<Grant>),
    /// An ask was refused; a fact never is.
    Refused(Refusal),
    /// Stored and acknowledged, not applied: it may later become accepted or refused.
    SetAside(SetAside),
}

impl Verdict {
    /// The word kept beside the op.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Granted(_) => "granted",
            Self::Refused(_) => "refused",
            Self::SetAside(_) => "set_aside",
        }
    }

    /// Whether the op waits for what it lacks.
    pub const fn is_set_aside(&self) -> bool {
        match self {
            Self::SetAside(_) => true,
            Self::Accepted | Self::Granted(_) | Self::Refused(_) => false,
        }
    }
}

/// Units granted of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Of what.
    pub product_id: ProductId,
    /// How many.
    pub amount: Amount,
}

/// Why an ask was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Every unit there is promised to somebody.
    NothingLeft,
    /// The goods have left; take them back instead.
    AlreadyHandedOver,
    /// The order was called off before.
    AlreadyCancelled,
    /// Head office was restored from a backup and still hears from its devices.
    Recovering,
    /// It was asked in a life of the device that is over.
    LifeOver,
    /// Head office suspended the device.
    Suspended,
}

impl Refusal {
    /// A sentence for the person who asked.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NothingLeft => {
                "every unit there is promised to somebody; ask again after a delivery, or order from elsewhere"
            }
            Self::AlreadyHandedOver => "the goods have been handed over; take them back as a return instead",
            Self::AlreadyCancelled => "this order was called off before; nothing is left to do",
            Self::Recovering => {
                "head office was restored and is hearing from its devices; what was allotted stays, ask for more later"
            }
            Self::LifeOver => "it was asked before this device began anew; ask again",
            Self::Suspended => "head office has suspended this device, so nothing is given to it; ask head office why",
        }
    }
}

/// Why an op was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetAside {
    /// Its kind or version is newer than the server.
    Newer,
    /// Its bytes or values cannot be; the code is a [`crate::fault::Fault`]'s.
    Malformed {
        /// The fault's stable code.
        code: String,
    },
    /// Its author had no right to it there.
    NoRight,
    /// It names things that the server does not know yet.
    Lacks {
        /// Their ids.
        ids: Vec<Uuid>,
    },
    /// It makes something whose id is taken by other content.
    IdTaken {
        /// That id.
        id: Uuid,
    },
}

/// What sort of thing people must look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcernKind {
    /// More left a stock row than the book had.
    Owed,
    /// More is promised of a stock row than is there.
    Unbacked,
    /// An order's total is not the sum of its lines.
    TotalMismatch,
    /// The payments of a carried-out sale do not equal its total.
    PaymentsMismatch,
    /// A payment is in another currency than the network's.
    OtherCurrency,
    /// The same units of a cart were checked out twice.
    CartSoldTwice,
    /// Two people were written down with one e-mail.
    EmailTaken,
    /// A node's clock runs far ahead.
    ClockAhead,
    /// An op could not be applied.
    SetAside,
    /// A journal went on in two ways: a cloned or restored device.
    Fork,
    /// An order was handed over although it had been called off.
    ShippedThoughCancelled,
    /// A cart's state claims what it cannot know.
    CartNotBelievable,
    /// A device began another life: it was put back to an old image, or there are two of it.
    LifeBegun,
    /// A device no longer has entries that head office asks for.
    JournalHole,
    /// Something that a device had been told was not as it should be there, and was told again.
    ImageMended,
    /// The server's database began another life.
    ServerRestored,
    /// Of a count it is not known what had been done before it.
    RecountWanted,
    /// More of a transfer came than was sent.
    TransferExcess,
    /// A transfer is complete, and something of it never came.
    TransferShort,
    /// More came back of an order than was sold.
    ReturnedTwice,
    /// More was given back of an order than was taken.
    RefundedTooMuch,
    /// Head office suspended a device. As long as this is open the device sells nothing.
    Suspended,
    /// What a device could sell was booked as lost with it.
    WrittenOff,
    /// A hold ended before its time, because the goods are no longer there.
    HoldWithdrawn,
}

impl ConcernKind {
    /// What it means, and what to do about it.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Owed => "more was sold here than the book had: count the goods",
            Self::Unbacked => "more is promised here than is there: restock, or call a promise off",
            Self::TotalMismatch => "the order's total is not the sum of its lines: check the receipt",
            Self::PaymentsMismatch => "what was paid is not the order's total: check the drawer",
            Self::OtherCurrency => "a payment is in a foreign currency: book it by hand",
            Self::CartSoldTwice => "one cart was checked out at two tills: ask the customer, refund if need be",
            Self::EmailTaken => "two people gave one e-mail: ask which is right",
            Self::ClockAhead => "this device's clock runs ahead: set it",
            Self::SetAside => "something this device did could not be booked yet",
            Self::Fork => "this device's journal went on in two ways: it was cloned or restored",
            Self::ShippedThoughCancelled => "an order was handed over although it had been called off",
            Self::CartNotBelievable => "a device sent a cart that cannot be: look at that device",
            Self::LifeBegun => {
                "this device was put back to an old copy, or there are two of it: make sure that there is one, then free what is in doubt"
            }
            Self::JournalHole => {
                "this device no longer has some of what it once told: compare its receipts with the book"
            }
            Self::ImageMended => "what this device had been told was damaged there, and is mended: look at its disk",
            Self::RecountWanted => {
                "goods moved here while they were counted, and nobody knows in which order: count again"
            }
            Self::ServerRestored => "head office was restored from a copy: its devices tell again what it lost",
            Self::TransferExcess => {
                "more of a transfer came than anybody says to have sent: ask the sender, whose device may not have been heard yet"
            }
            Self::TransferShort => "a transfer was closed and something of it never came: look for it, or write it off",
            Self::ReturnedTwice => {
                "more came back of this order than was sold: ask who took it back, and count the goods"
            }
            Self::RefundedTooMuch => {
                "more was given back for this order than was paid: ask the customer, or accept the loss"
            }
            Self::Suspended => "head office has suspended this device: it sells nothing until it is resumed",
            Self::WrittenOff => "what this device could sell is booked as lost with it: say so if the goods are found",
            Self::HoldWithdrawn => {
                "goods that were held are no longer there, so this hold was withdrawn: tell whoever counted on it"
            }
        }
    }
}

/// Something that people must look at. One is open per kind and subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concern {
    /// Its id.
    pub concern_id: ConcernId,
    /// Its sort.
    pub kind: ConcernKind,
    /// What it is about: ids joined by a slash.
    pub subject: String,
    /// The figures and names of the case.
    pub detail: serde_json::Value,
    /// Whose feed tells of it: a warehouse, a node, or nobody but head office.
    pub scope: Uuid,
    /// Since when.
    pub opened_at: Timestamp,
    /// Until when, if it is over.
    pub closed_at: Option<Timestamp>,
}
