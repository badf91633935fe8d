//! What the server decides about a run of ops, all of it pure.
//!
//! A batch is loaded, decided and saved as one. [`Touched`] lists the ids that the batch names, so
//! that one query per table can load and lock them into [`Known`]; [`settle`] decides op after op,
//! changing what is known as it goes; [`Settled`] is what one statement per table then writes.
//! Whatever an op says, what comes out of here breaks no constraint of the database: a poisoned op
//! is set aside alone, and the ops beside it go through.

mod carried;
mod counts;
mod decide;
mod goods;
mod holds;
mod outlook;
mod people;
mod raised;
mod returns;
mod room;
mod sales;
#[cfg(test)]
mod tests;
mod touched;
mod transfers;
pub mod write_off;

use std::collections::{BTreeMap, BTreeSet};

pub use self::{
    counts::Past,
    decide::settle,
    raised::{Raised, brought_up_to_date, each_once, named},
    touched::{Counted, Touched},
};
use crate::{
    cart::SoldUnits,
    clock::Timestamp,
    count::{InForce, Skew, Told},
    fault::Fault,
    feed::Confirmation,
    id::{
        AddressId, CartId, DeliveryId, HoldId, IncarnationId, NodeId, OrderId, PaymentId, ProductId, ReturnId,
        ReviewId, TransferId, UserId, WarehouseId,
    },
    journal::{Entry, Mark},
    money::Currency,
    op::{BODY_MAX, ENVELOPE_MAX, Line, Op, OpKind, VERSION},
    order::{Fulfilment, Order, OrderStatus},
    people::{Address, Review, User},
    returned::{Bought, Return},
    sizing::Outlook,
    stock::{Allotment, Level, Movement, StockKey},
    transfer::Transfer,
    verdict::{ConcernKind, SetAside, Verdict},
    word::Word as _,
};

/// Who made the ops, as the server knows it: never as the body claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The device.
    pub node_id: NodeId,
    /// The life of its journal.
    pub incarnation_id: IncarnationId,
    /// Where it may act.
    pub warehouses: BTreeSet<WarehouseId>,
    /// Of these, where it stood before: what it did there is booked, and nothing more is granted to it there.
    pub former: BTreeSet<WarehouseId>,
    /// Where only it sells.
    pub homes: BTreeSet<WarehouseId>,
    /// Where only it sold, before it was closed or moved.
    pub left_homes: BTreeSet<WarehouseId>,
    /// Whether the device is closed: what came at a home that it left is nobody's own.
    pub is_closed: bool,
    /// Earlier lives of the same device.
    pub elders: BTreeSet<IncarnationId>,
    /// Whether the device has begun another life since: nothing more is granted to this one.
    pub is_superseded: bool,
    /// How its clock stands, if it said so.
    pub skew: Option<Skew>,
}

/// An order as far as later ops depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOrder {
    /// Whose stock it sells.
    pub warehouse_id: WarehouseId,
    /// How the goods reach the customer.
    pub fulfilment: Fulfilment,
    /// Where it stands.
    pub status: OrderStatus,
    /// Its goods.
    pub lines: Vec<Line>,
}

/// An earlier life of the author's device, as far as entries that are carried from it depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elder {
    /// Of those entries, the ones that the server has decided, told by that life or carried before. One that is set
    /// aside is not among them: whoever carries it is answered as it was, and booked by whichever is decided first.
    pub told: BTreeSet<Mark>,
    /// Its allotments of the stock rows that the batch names.
    pub allotments: BTreeMap<StockKey, Allotment>,
}

/// What was loaded and locked for a batch. An id that is not here is not known to the server; a
/// stock row or allotment that is not here is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The network's currency.
    pub currency: Currency,
    /// The server's clock.
    pub now: Timestamp,
    /// Whether the server may have forgotten what it granted, and has not heard it yet: facts are taken,
    /// asks are refused.
    pub is_recovering: bool,
    /// Whether head office suspended the author's device: facts are taken, asks are refused.
    pub is_suspended: bool,
    /// Products that exist.
    pub products: BTreeSet<ProductId>,
    /// Warehouses that exist.
    pub warehouses: BTreeSet<WarehouseId>,
    /// People that exist.
    pub users: BTreeSet<UserId>,
    /// Who has which e-mail.
    pub emails: BTreeMap<String, UserId>,
    /// Addresses that exist.
    pub addresses: BTreeSet<AddressId>,
    /// Reviews that exist.
    pub reviews: BTreeSet<ReviewId>,
    /// Orders that exist.
    pub orders: BTreeMap<OrderId, KnownOrder>,
    /// Transfers of which something was told.
    pub transfers: BTreeMap<TransferId, Transfer>,
    /// Orders of which something may come back, those of the batch that a return names at least.
    pub bought: BTreeMap<OrderId, Bought>,
    /// The same orders by what stands for their ids where only their receipts are known.
    pub receipts: BTreeMap<OrderId, OrderId>,
    /// Returns that exist.
    pub returns: BTreeSet<ReturnId>,
    /// Stock rows.
    pub levels: BTreeMap<StockKey, Level>,
    /// The author's allotments.
    pub allotments: BTreeMap<StockKey, Allotment>,
    /// How large they should be, as far as ops tell: of allotments that change.
    pub outlooks: BTreeMap<StockKey, Outlook>,
    /// The last count of each stock row.
    pub counts: BTreeMap<StockKey, InForce>,
    /// Of stock rows that the batch counts, every movement that the counting device had not heard of.
    pub moved: BTreeMap<StockKey, Vec<Past>>,
    /// Units of carts that were checked out.
    pub sold: BTreeMap<(CartId, ProductId), SoldUnits>,
    /// Receipts that were taken back, by the lives that wrote them: those that the batch names at least.
    pub undone: BTreeSet<(IncarnationId, Mark)>,
    /// Lines of the holds that orders of the batch use up, and how much each holds: open ones, and those whose time
    /// came, which hold nothing.
    pub holds: BTreeMap<(HoldId, StockKey), i64>,
    /// Earlier lives of the author's device of which the batch carries something.
    pub elders: BTreeMap<IncarnationId, Elder>,
    /// Entries of the batch that a later life of the author's device has carried into the book.
    pub carried: BTreeSet<Mark>,
    /// Units of the author's lives that are booked as lost and of which nobody has told since; see [`write_off`].
    pub written_off: BTreeMap<(IncarnationId, StockKey), i64>,
}

impl Known {
    /// Nothing known yet.
    pub fn empty(currency: Currency, now: Timestamp) -> Self {
        Self {
            currency,
            now,
            is_recovering: false,
            is_suspended: false,
            products: BTreeSet::new(),
            warehouses: BTreeSet::new(),
            users: BTreeSet::new(),
            emails: BTreeMap::new(),
            addresses: BTreeSet::new(),
            reviews: BTreeSet::new(),
            orders: BTreeMap::new(),
            transfers: BTreeMap::new(),
            bought: BTreeMap::new(),
            receipts: BTreeMap::new(),
            returns: BTreeSet::new(),
            levels: BTreeMap::new(),
            allotments: BTreeMap::new(),
            outlooks: BTreeMap::new(),
            counts: BTreeMap::new(),
            moved: BTreeMap::new(),
            sold: BTreeMap::new(),
            undone: BTreeSet::new(),
            holds: BTreeMap::new(),
            elders: BTreeMap::new(),
            carried: BTreeSet::new(),
            written_off: BTreeMap::new(),
        }
    }
}

/// A movement with the op that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The op that moved it, by the name it was first written under.
    pub told: Told,
    /// The op, if it is not one of the batch: a count that is in force, and answers.
    pub of: Option<(IncarnationId, i64)>,
    /// The op of the batch, or that one.
    pub seq: i64,
    /// Counts the op's movements from 0; those that give back of a write-off from -1 down.
    pub line: i32,
    /// When it happened, by the node's clock.
    pub at: Timestamp,
    /// What moved.
    pub movement: Movement,
}

/// A line of a hold that became an order's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// Of which hold.
    pub hold_id: HoldId,
    /// Of which row.
    pub key: StockKey,
    /// Whose it is.
    pub order_id: OrderId,
}

/// An entry of an earlier life that an op carried into the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The op that carried it.
    pub seq: i64,
    /// The life that wrote it.
    pub life: IncarnationId,
    /// Its place there.
    pub mark: Mark,
    /// Its sort.
    pub kind: OpKind,
}

/// What there is to write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// One answer per op, in order.
    pub verdicts: Vec<(i64, Verdict)>,
    /// New people. One who lost an e-mail to another of this batch is here as it ends.
    pub users: Vec<User>,
    /// People known before who lose their e-mail, and become an alias of the second.
    pub demoted: Vec<(UserId, UserId)>,
    /// New addresses.
    pub addresses: Vec<Address>,
    /// New reviews.
    pub reviews: Vec<Review>,
    /// New orders, each with its op, as they were told; their status may rise below.
    pub orders: Vec<(i64, Order)>,
    /// Those of them that await confirmation.
    pub awaited: Vec<Confirmation>,
    /// Orders whose status rose, and when.
    pub statuses: BTreeMap<OrderId, (OrderStatus, Timestamp)>,
    /// Transfers that changed; see [`Known::transfers`].
    pub transfers: BTreeSet<TransferId>,
    /// Those of them of which nothing had been told before.
    pub new_transfers: BTreeSet<TransferId>,
    /// Units that came of deliveries, less what was undone; also of those that are not known. 0 tells a line again.
    pub delivered: BTreeMap<(DeliveryId, ProductId), i64>,
    /// Receipts that were taken back for the first time.
    pub undone: BTreeSet<(IncarnationId, Mark)>,
    /// New returns, each with its op, with the lines and payments that they name.
    pub returns: Vec<(i64, Return)>,
    /// Payments that were given back in full, and when.
    pub refunded: BTreeMap<(OrderId, PaymentId), Timestamp>,
    /// Movements.
    pub movements: Vec<Moved>,
    /// Stock rows whose sums changed; see [`Known::levels`].
    pub levels: BTreeSet<StockKey>,
    /// Allotments whose totals changed; see [`Known::allotments`].
    pub allotments: BTreeSet<StockKey>,
    /// Allotments of earlier lives whose totals changed; see [`Known::elders`].
    pub elder_allotments: BTreeSet<(IncarnationId, StockKey)>,
    /// Write-offs of which something was seen or taken; see [`Known::written_off`].
    pub given_back: BTreeSet<(IncarnationId, StockKey)>,
    /// Entries of earlier lives that are in the book from now on.
    pub carried: Vec<Brought>,
    /// Earlier lives of which everything has been told.
    pub ended: Vec<IncarnationId>,
    /// Counts that are new, or answered; see [`Known::counts`].
    pub counts: BTreeSet<StockKey>,
    /// Units checked out; see [`Known::sold`].
    pub sold: BTreeSet<(CartId, ProductId)>,
    /// Lines of holds that ended because an order used them up.
    pub used_up: Vec<UsedUp>,
    /// Stock rows of which more is available than before.
    pub freed: BTreeSet<StockKey>,
    /// Concerns to open.
    pub opened: Vec<Raised>,
    /// Concerns that are over.
    pub closed: Vec<(ConcernKind, String)>,
}

/// Reads an entry's op, or says why it must be set aside.
///
/// # Errors
/// [`SetAside::Newer`] or [`SetAside::Malformed`].
pub fn decode(entry: &Entry) -> Result<Op, SetAside> {
    let kind = OpKind::of_word(&entry.kind).map_err(|_| SetAside::Newer)?;
    if entry.version > VERSION {
        return Err(SetAside::Newer);
    }
    let malformed = |fault: Fault| SetAside::Malformed { code: fault.code().to_owned() };
    let max = if kind == OpKind::Carried { BODY_MAX + ENVELOPE_MAX } else { BODY_MAX };
    if entry.body.0.len() > max {
        return Err(malformed(Fault::TooLong { field: "body", max }));
    }
    let op = Op::from_body(kind, &entry.body.0).map_err(malformed)?;
    op.check().map_err(malformed)?;
    Ok(op)
}
