//! The shop saying no.

use outpost_schema::{
    id::{AddressId, CartId, OrderId, ProductId, ReturnId, UserId, WarehouseId},
    money::Money,
    order::{OrderStatus, Tender},
    transfer::TransferCode,
};
use thiserror::Error;

use crate::countings::NotCounted;

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
