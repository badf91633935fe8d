//! What can go wrong at a node: a stable code for programs, a sentence with the cure for people.
//!
//! A [`Refused`] is the shop saying no; every other error is the machine failing.

use std::path::{Path, PathBuf};

use outpost_schema::{
    fault::Fault,
    id::{AddressId, CartId, OrderId, ProductId, ReturnId, UserId, WarehouseId},
    money::Money,
    order::{OrderStatus, Tender},
    transfer::TransferCode,
};
use rusqlite::ErrorCode;
use thiserror::Error;

use crate::{countings::NotCounted, disk, fill::BadFile};

/// Why a verb of the node did nothing. Whatever it was, nothing of it was written.
#[derive(Debug, Error)]
pub enum Error {
    /// A value that cannot be taken.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The shop says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The device belongs to no network yet.
    #[error("this device has not joined a network; run `outpost-node join` with the card that head office printed")]
    NotJoined,
    /// The device belongs to another network, or is another device.
    #[error("this device joined with another card; use an empty folder for the new one")]
    OtherCard,
    /// There is no such folder.
    #[error("the folder {} does not exist; create it, or name another one", .folder.display())]
    MissingFolder {
        /// Which.
        folder: PathBuf,
    },
    /// Another process works on the folder.
    #[error("another program has {} open; end it first, or name another folder", .folder.display())]
    Locked {
        /// Which.
        folder: PathBuf,
    },
    /// The database may not be written.
    #[error("the database cannot be written; make the file and its folder writable for this program")]
    ReadOnly,
    /// The bytes of the database are not what was written.
    #[error(
        "the database is damaged ({what}); leave it as it is: `outpost-node salvage --to FILE` writes out what head office does not have yet, then begin again in an empty folder with a new card"
    )]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the database has the migration {name}, which this program does not know, so a newer program has worked with it; install that one again (nothing was changed)"
    )]
    NewerSchema {
        /// The first unknown migration.
        name: String,
    },
    /// A migration that was applied differs from the one in this program.
    #[error("the migration {name} is not the one that made this database; install the program that made it")]
    ChangedMigration {
        /// Which.
        name: String,
    },
    /// A file to fill from that is not what it should be.
    #[error(transparent)]
    BadFile(#[from] BadFile),
    /// No room on the disk.
    #[error(
        "this device's disk is full: nothing was sold and nothing was written, so take no money; free some space, then try again"
    )]
    DiskFull,
    /// No room for a copy of the database before it is changed.
    #[error(
        "there is no room to keep a copy of the database before it is changed for this program; free {needed} bytes, or start the former program again (nothing was changed)"
    )]
    NoRoomToMigrate {
        /// Bytes that must be free.
        needed: u64,
    },
    /// Somebody else held the database for too long.
    #[error("the database is busy; try again in a moment")]
    Busy,
    /// A file or folder could not be used.
    #[error("{what} cannot be used ({cause}); check the disk and the rights of its files")]
    Files {
        /// Which.
        what: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Anything else that SQLite says.
    #[error("the database failed: {0}")]
    Database(#[source] rusqlite::Error),
}

impl Error {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::Refused(refused) => refused.code(),
            Self::NotJoined => "not_joined",
            Self::OtherCard => "other_card",
            Self::MissingFolder { .. } => "missing_folder",
            Self::Locked { .. } => "locked",
            Self::ReadOnly => "read_only",
            Self::Damaged { .. } => "damaged",
            Self::NewerSchema { .. } => "newer_schema",
            Self::ChangedMigration { .. } => "changed_migration",
            Self::BadFile(bad) => bad.code(),
            Self::DiskFull => "disk_full",
            Self::NoRoomToMigrate { .. } => "no_room_to_migrate",
            Self::Busy => "busy",
            Self::Files { .. } => "files",
            Self::Database(_) => "database",
        }
    }

    /// Whether the same call would fail again until somebody changes something.
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::BadFile(_)
            | Self::Busy
            | Self::DiskFull
            | Self::NoRoomToMigrate { .. }
            | Self::Locked { .. }
            | Self::Files { .. }
            | Self::Database(_) => false,
            Self::Fault(_)
            | Self::Refused(_)
            | Self::NotJoined
            | Self::OtherCard
            | Self::MissingFolder { .. }
            | Self::ReadOnly
            | Self::Damaged { .. }
            | Self::NewerSchema { .. }
            | Self::ChangedMigration { .. } => true,
        }
    }

    pub(crate) fn damaged(what: impl ToString) -> Self {
        Self::Damaged { what: what.to_string() }
    }

    /// What the machine said of a file.
    pub(crate) fn files(what: &Path, cause: std::io::Error) -> Self {
        if disk::is_full(&cause) { Self::DiskFull } else { Self::Files { what: what.display().to_string(), cause } }
    }
}

impl From<NotCounted> for Error {
    fn from(not: NotCounted) -> Self {
        Self::Refused(not.into())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let is = |other: ErrorCode| code == Some(other);
        if is(ErrorCode::DatabaseCorrupt) || is(ErrorCode::NotADatabase) {
            Self::damaged(error)
        } else if is(ErrorCode::ReadOnly) {
            Self::ReadOnly
        } else if is(ErrorCode::DiskFull) || has_no_room(&error) {
            Self::DiskFull
        } else if is(ErrorCode::DatabaseBusy) || is(ErrorCode::DatabaseLocked) {
            Self::Busy
        } else {
            Self::Database(error)
        }
    }
}

/// Whether the memory that connections share, which is a file too, could not be made longer.
fn has_no_room(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Why the shop says no.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The node may not sell that many without asking.
    #[error(
        "only {left} of this product may be sold here without asking; ask for stock when the line is up, or take an order to be confirmed"
    )]
    AllotmentSpent {
        /// Of what.
        product: ProductId,
        /// How many may still be sold.
        left: i64,
    },
    /// More was given back than is open.
    #[error("only {left} of this product are allotted to this device; give back at most that many")]
    MoreThanOpen {
        /// Of what.
        product: ProductId,
        /// How many there are.
        left: i64,
    },
    /// The device was rolled back, so it does not know what it may still sell.
    #[error(
        "this device was put back to an older copy of itself and sells nothing from its allotments until head office was heard; connect it once"
    )]
    RolledBack,
    /// Head office suspended the device.
    #[error(
        "head office has suspended this device, so it sells nothing; ask head office why, what happened here goes out all the same"
    )]
    Suspended,
    /// It is to be retired, and head office has not said so.
    #[error(
        "head office has not said that this device is to go; there: outpost-server nodes retire NAME, here: outpost-node round, and then this again"
    )]
    NotSuspended,
    /// It cannot take another place's card before it has left the one where it is.
    #[error(
        "{waiting} entries wait for head office and {open} units may still be sold here; outpost-node give-back --all, then outpost-node round, and then this again"
    )]
    NotLeft {
        /// Entries that wait.
        waiting: i64,
        /// Units that are open.
        open: i64,
    },
    /// No such product here.
    #[error("this product is not known here; scan it again, or wait for the next news from head office")]
    UnknownProduct {
        /// Which.
        product: ProductId,
    },
    /// No such customer here.
    #[error("this customer is not known here; write the customer down first")]
    UnknownCustomer {
        /// Which.
        user: UserId,
    },
    /// No such address here.
    #[error("this address is not known here; write it down first")]
    UnknownAddress {
        /// Which.
        address: AddressId,
    },
    /// No such order here.
    #[error("this order is not known here; ask head office, or the shop that took it")]
    UnknownOrder {
        /// Which.
        order: OrderId,
    },
    /// No such cart here.
    #[error("this cart is not known here; open a new one")]
    UnknownCart {
        /// Which.
        cart: CartId,
    },
    /// The product has no price and none was given.
    #[error("this product has no price; ask for it and give one")]
    NoPrice {
        /// Which.
        product: ProductId,
    },
    /// One product on two lines where one must be.
    #[error("this product is on two lines; put it on one")]
    ProductTwice {
        /// Which.
        product: ProductId,
    },
    /// The tenders do not reach the total.
    #[error("{missing} is still to be paid; take it first")]
    TenderShort {
        /// How much.
        missing: Money,
    },
    /// The tenders exceed the total.
    #[error("{over} more was tendered than the total; only cash gives change, so lower the amounts")]
    TenderOver {
        /// By how much.
        over: Money,
    },
    /// Less cash was given than it should pay.
    #[error("the cash given is {missing} less than it should pay; take the rest, or pay it another way")]
    CashShort {
        /// How much.
        missing: Money,
    },
    /// A tender below nothing.
    #[error("a tender is never negative; give what was taken in")]
    NegativeTender,
    /// Somebody with that e-mail is known here.
    #[error("{email} is already known as another customer; use that one")]
    EmailKnown {
        /// Which e-mail.
        email: String,
        /// Whose.
        user: UserId,
    },
    /// The order belongs to another warehouse.
    #[error("this order is another warehouse's; do it there")]
    OtherWarehouse {
        /// Which order.
        order: OrderId,
    },
    /// No such warehouse is known here.
    #[error("no place {warehouse} is known here; look with `outpost-node stock`, or connect this device once")]
    UnknownWarehouse {
        /// Which.
        warehouse: WarehouseId,
    },
    /// More is sent than is free here.
    #[error(
        "only {left} of this product are free here, the rest is promised to others; send fewer, or say that they leave all the same (anyway)"
    )]
    BeyondFree {
        /// Of what.
        product: ProductId,
        /// How many are free.
        left: i64,
    },
    /// Nothing of the transfer is known here, so nothing of it can be missing.
    #[error("nothing of the transfer {code} is known here yet; say what came of it")]
    UnknownTransfer {
        /// What is written on the boxes.
        code: TransferCode,
    },
    /// No such delivery is expected here.
    #[error(
        "no delivery {name} is expected here; look with `outpost-node deliveries`, or receive the goods without one"
    )]
    UnknownDelivery {
        /// What was given.
        name: String,
    },
    /// There is nothing to take back.
    #[error("nothing was received here a moment ago; set the book right with a correction instead")]
    NothingToUndo,
    /// Nothing of the order has been handed over, so nothing can come back.
    #[error(
        "this order is {status}, and its goods have not been handed over; cancel it instead, or give only the money back"
    )]
    NotHandedOver {
        /// Where it stands.
        status: OrderStatus,
    },
    /// More is to come back than is left of the order.
    #[error(
        "{left} of this product can still come back of this order; look at what came back before, and take the rest in as found"
    )]
    MoreThanBought {
        /// Of what.
        product: ProductId,
        /// How much is left.
        left: i64,
    },
    /// Nothing of the order is left.
    #[error("all of this order came back and was refunded before; nothing is left to do")]
    NothingLeft,
    /// More is to be given back than is left of what was paid.
    #[error("{left} can still be given back for this order; give at most that much")]
    RefundTooMuch {
        /// How much is left.
        left: Money,
    },
    /// It was not paid in this way.
    #[error(
        "{left} of it can go back by {tender}, as it was paid; give the rest as it was paid, or allow another way and say why"
    )]
    OtherTender {
        /// By what means.
        tender: Tender,
        /// How much can.
        left: Money,
    },
    /// The receipt is another shop's, and all of it is to come back.
    #[error(
        "receipt {receipt} is not known here; say which goods came back, and what the receipt says was paid for them"
    )]
    UnknownReceipt {
        /// The number.
        receipt: String,
    },
    /// No such return here.
    #[error("this return is not known here; ask head office, or the shop that took it")]
    UnknownReturn {
        /// Which.
        id: ReturnId,
    },
    /// Nobody here can say what the goods cost.
    #[error("this receipt is not known here; say how much the receipt says was paid, or give 0")]
    RefundUnknown,
    /// So much is not given back for a receipt that is not known here.
    #[error(
        "this receipt is not known here, so at most {room} is given back for it now; give that, or send the customer to the shop that sold it"
    )]
    RefundNeedsLine {
        /// How much may be given.
        room: Money,
    },
    /// A counting says no.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// The order has come further already.
    #[error("this order is {status} already; nothing is left to do")]
    AlreadyThere {
        /// Where it stands.
        status: OrderStatus,
    },
}

impl Refused {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AllotmentSpent { .. } => "allotment_spent",
            Self::MoreThanOpen { .. } => "more_than_open",
            Self::RolledBack => "rolled_back",
            Self::Suspended => "suspended",
            Self::NotSuspended => "not_suspended",
            Self::NotLeft { .. } => "not_left",
            Self::UnknownProduct { .. } => "unknown_product",
            Self::UnknownCustomer { .. } => "unknown_customer",
            Self::UnknownAddress { .. } => "unknown_address",
            Self::UnknownOrder { .. } => "unknown_order",
            Self::UnknownCart { .. } => "unknown_cart",
            Self::NoPrice { .. } => "no_price",
            Self::ProductTwice { .. } => "product_twice",
            Self::TenderShort { .. } => "tender_short",
            Self::TenderOver { .. } => "tender_over",
            Self::CashShort { .. } => "cash_short",
            Self::NegativeTender => "negative_tender",
            Self::EmailKnown { .. } => "email_known",
            Self::OtherWarehouse { .. } => "other_warehouse",
            Self::UnknownWarehouse { .. } => "unknown_warehouse",
            Self::BeyondFree { .. } => "beyond_free",
            Self::UnknownTransfer { .. } => "unknown_transfer",
            Self::UnknownDelivery { .. } => "unknown_delivery",
            Self::NothingToUndo => "nothing_to_undo",
            Self::NotHandedOver { .. } => "not_handed_over",
            Self::MoreThanBought { .. } => "more_than_bought",
            Self::NothingLeft => "nothing_left",
            Self::RefundTooMuch { .. } => "refund_too_much",
            Self::OtherTender { .. } => "other_tender",
            Self::UnknownReceipt { .. } => "unknown_receipt",
            Self::UnknownReturn { .. } => "unknown_return",
            Self::RefundUnknown => "refund_unknown",
            Self::RefundNeedsLine { .. } => "refund_needs_line",
            Self::NotCounted(not) => not.code(),
            Self::AlreadyThere { .. } => "already_there",
        }
    }
}
