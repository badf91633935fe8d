//! The language that a day is told in: what people do at tills and at head office, what the line does,
//! and what goes wrong. A step names tills, products and carts by number, so that one scenario means
//! the same over a model and over the real thing; what a number stands for is looked up when it happens.

use outpost_schema::{
    clock::Timestamp,
    count::Upto,
    device::{Card, NodeKind},
    id::{CartId, ConcernId, DeliveryId, HoldId, IncarnationId, NodeId, OrderId, ProductId, UserId, WarehouseId},
    journal::Mark,
    money::Money,
    movement::Cause,
    order::{Order, OrderStatus, Receipt},
    returned::Return,
    rule::Says,
    settlement::Settlement,
    stock::{SalePolicy, StockKey},
    transfer::TransferCode,
};
use outpost_sync::wire::{Buyer, Caller};
use uuid::Uuid;

/// Counts things from 0; taken modulo how many there are.
pub type Nth = usize;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody does something at a till.
    At(Nth, Verb),
    /// A till has a round over its line.
    Round(Nth),
    /// Two tills have rounds at once.
    Rounds(Nth, Nth),
    /// A till compares a slice of what it holds with head office.
    Compare(Nth),
    /// A till forgets what every backup holds.
    Tidy(Nth),
    /// Head office does something.
    Office(Chore),
    /// Something goes wrong.
    Fault(Fault),
    /// So many seconds pass everywhere.
    Pass(i64),
}

/// What is known of the other tills of a place when somebody has counted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// What the feed had told.
    Unknown,
    /// Somebody walked round and read how far each was.
    Read,
    /// They were asked right after.
    Asked,
}

/// What people do at a till, by number.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Sells some products; they are carried out, or to be handed over later.
    Sell { lines: Vec<(Nth, i64)>, ship: bool, customer: Option<Nth> },
    /// Begins a cart.
    BeginCart,
    /// Puts units into a cart that is known here.
    Add { cart: Nth, product: Nth, units: i64 },
    /// Takes units out.
    Take { cart: Nth, product: Nth, units: i64 },
    /// Removes a line.
    Remove { cart: Nth, product: Nth },
    /// Checks a cart out.
    CheckOut { cart: Nth },
    /// Goods came in.
    Receive { product: Nth, units: i64 },
    /// Goods came in of a delivery that is expected.
    ReceiveOf { delivery: Nth, product: Nth, units: i64 },
    /// Takes the last receipt back.
    UndoReceipt,
    /// Units turn out to be damaged or lost, or more are found.
    Adjust { product: Nth, cause: Cause, units: i64 },
    /// Sends goods to the place of another till.
    Dispatch { product: Nth, units: i64, to: Nth },
    /// Takes goods in that are on the road to here: some of them, perhaps the last.
    Arrive { load: Nth, units: i64, is_damaged: bool, complete: bool },
    /// Somebody looks, and writes down what is there.
    Count { product: Nth, meanwhile: Meanwhile },
    /// Gives a part of what is allotted back.
    GiveBack { product: Nth, units: i64 },
    /// Asks for more.
    Ask { product: Nth, units: i64 },
    /// Moves an order to be handed over on.
    Advance { order: Nth, status: OrderStatus },
    /// Wants an order called off.
    Cancel { order: Nth },
    /// Takes an order, to be handed over later, that may wait until head office confirms it.
    Order { lines: Vec<(Nth, i64)>, customer: Option<Nth> },
    /// Somebody brings units of a line back that were sold anywhere, and wants the money.
    Return { order: Nth, line: Nth, units: i64, damaged: bool },
    /// Writes a customer down, under one of a few e-mails.
    Customer { email: Nth },
    /// Has a hold turned into allotment, or asks for one over the line.
    Hold { product: Nth, units: i64, seconds: u64 },
    /// Asks over the line for a hold of several products at the places of several tills, for a buyer who may hold
    /// something already.
    HoldSeveral { lines: Vec<(Nth, Nth, i64)>, buyer: Nth, seconds: u64 },
    /// Wants a hold to last so much longer from now.
    Extend { hold: Nth, seconds: i64 },
    /// Takes an order, to be handed over later, that uses up a hold.
    ShipHeld { hold: Nth },
    /// Releases a hold.
    Release { hold: Nth },
    /// Turns a hold into allotment.
    Allot { hold: Nth },
}

/// What head office does.
#[derive(Clone, Debug)]
pub enum Chore {
    /// A product gets another price.
    Reprice { product: Nth, cents: i64 },
    /// A transaction that changes a product begins, and stays open while others come and go.
    BeginSlow { product: Nth },
    /// It ends.
    EndSlow { commit: bool },
    /// Releases holds that have expired.
    Sweep,
    /// Copies its database.
    BackUp,
    /// Suspends the device of a till.
    Suspend { till: Nth },
    /// Lets it go on.
    Resume { till: Nth },
    /// Suspends the device of a till, and lets it go on once others of its place have called, of which all was lost
    /// meanwhile.
    Interlude { till: Nth, product: Nth },
    /// Writes off what the device of a till could sell: it is thought lost.
    WriteOff { till: Nth },
    /// Lets others sell what it could.
    Reclaim { till: Nth },
    /// Expects a delivery at the place of a till.
    Expect { till: Nth, lines: Vec<(Nth, i64)> },
    /// Closes a delivery of which no more will come.
    CloseDelivery { delivery: Nth },
    /// Gives up what is on the road of a transfer.
    GiveUpTransfer { transfer: Nth },
    /// Gives up what is on the road to a till, of a transfer that is said to be complete there; and then the rest comes.
    ComesLate { till: Nth },
    /// Lays down what happens beyond the allotment of a product at one sort of device or at all; or takes that back.
    Policy { product: Nth, kind: Option<NodeKind>, policy: Option<SalePolicy> },
    /// Keeps so many units of each row back for orders at the place of a till, or everywhere; or as everywhere.
    KeepBack { till: Option<Nth>, units: Option<i64> },
    /// Confirms the orders whose goods are there by now.
    Confirm,
    /// Settles a concern that is open in one of its possible ways, perhaps naming what was done about it elsewhere.
    Settle { concern: Nth, way: Nth, names_act: bool },
    /// The answer to a settlement was lost, so it is asked for again.
    SettleAgain { settlement: Nth },
    /// Sends the device of a till to another place, which is its home if nobody else is there; people do at it what it
    /// is told to do first.
    Move { till: Nth, to: Nth },
    /// Closes the device of a till for good; people do at it what it is told to do first.
    Retire { till: Nth },
    /// Writes off what the device of a till could sell, and closes it: it is lost for good, as far as anybody knows.
    RetireLost { till: Nth },
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The power of a till goes out after so many more changes of its disk; none at once.
    PowerCut { till: Nth, after: u64 },
    /// A till is switched off in order, and on again.
    Restart { till: Nth },
    /// Somebody copies a till's disk.
    Copy { till: Nth },
    /// A till is put back, silently, to the last copy of its disk.
    PutBack { till: Nth },
    /// A till is put back to how it was before its last call, and calls: it begins another life.
    Reborn { till: Nth },
    /// A receipt is taken back at a till, which is then put back, and once more.
    UndoneTwice { till: Nth },
    /// Goods come to a till, it begins another life, and head office is put back to a backup of then: the till tells all
    /// again.
    ToldAgain { till: Nth },
    /// The last copy of a till's disk is started as a second device beside it.
    Clone { till: Nth },
    /// A till is destroyed with all that is on it.
    Destroy { till: Nth },
    /// A till's clock jumps.
    Clock { till: Nth, seconds: i64 },
    /// Head office's clock jumps.
    OfficeClock { seconds: i64 },
    /// A till's line is cut.
    Cut { till: Nth },
    /// It is mended.
    Mend { till: Nth },
    /// So many calls in a hundred come to harm on a till's line.
    Weather { till: Nth, in_a_hundred: usize },
    /// Head office is put back to its last backup.
    OfficePutBack,
    /// Head office's program is ended in the middle of whatever it does, and started again.
    OfficeRestart,
}

/// What a till is asked to do, once numbers have become ids.
#[derive(Clone, Debug)]
pub enum Act {
    /// See [`Verb::Sell`].
    Sell { lines: Vec<(ProductId, i64)>, ship: bool, customer: Option<UserId> },
    /// See [`Verb::ShipHeld`].
    ShipHeld { lines: Vec<(ProductId, i64)>, hold: HoldId },
    /// See [`Verb::BeginCart`].
    BeginCart,
    /// See [`Verb::Add`].
    Add { cart: CartId, product: ProductId, units: i64 },
    /// See [`Verb::Take`].
    Take { cart: CartId, product: ProductId, units: i64 },
    /// See [`Verb::Remove`].
    Remove { cart: CartId, product: ProductId },
    /// See [`Verb::CheckOut`].
    CheckOut { cart: CartId },
    /// See [`Verb::Receive`].
    Receive { product: ProductId, units: i64 },
    /// See [`Verb::ReceiveOf`].
    ReceiveOf { delivery: DeliveryId, product: ProductId, units: i64 },
    /// See [`Verb::UndoReceipt`].
    UndoReceipt,
    /// The book changes by so much.
    Adjust { product: ProductId, cause: Cause, delta: i64 },
    /// Goods leave for another place.
    Dispatch { product: ProductId, units: i64, to_id: WarehouseId },
    /// Goods come from the road.
    Arrive { code: TransferCode, product: ProductId, units: i64, damaged: i64, complete: bool },
    /// So many were seen; in two bins, of which the second one only now, if these are said.
    Count { product: ProductId, seen: i64, marks: Vec<Upto>, done: Vec<Upto>, bins: Option<Bins> },
    /// So many were seen in the first of two bins.
    Look { product: ProductId, units: i64, marks: Vec<Upto> },
    /// See [`Verb::GiveBack`].
    GiveBack { product: ProductId, units: i64 },
    /// See [`Verb::Ask`].
    Ask { product: ProductId, units: i64 },
    /// See [`Verb::Advance`].
    Advance { order: OrderId, status: OrderStatus },
    /// See [`Verb::Cancel`].
    Cancel { order: OrderId },
    /// See [`Verb::Order`].
    Order { lines: Vec<(ProductId, i64)>, customer: Option<UserId> },
    /// See [`Verb::Return`]; the receipt says what was paid.
    TakeBack { order: OrderId, receipt: Receipt, product: ProductId, units: i64, damaged: bool, paid: Money },
    /// Somebody with this e-mail.
    Customer { email: String },
    /// Gives everything back.
    GiveBackAll,
    /// Gives everything back, and closes the journal.
    Leave,
}

/// How many of a product are in two bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bins {
    /// In the first one now: somebody looked into it before.
    pub first: i64,
    /// In the second.
    pub second: i64,
}

/// What came of an [`Act`], as the person was told.
#[derive(Clone, Debug)]
pub enum Done {
    /// A receipt was printed.
    Sold(Box<Order>),
    /// A receipt was printed of an order that awaits head office's word.
    Ordered(Box<Order>),
    /// It is written down, and nowhere told.
    Looked,
    /// There was nothing to do.
    Nothing,
    /// It is in the journal, and changed the book of this row by so much.
    Noted { key: Option<StockKey>, delta: i64 },
    /// Goods left, under this code.
    Sent { code: TransferCode, key: StockKey, units: i64 },
    /// A cart was begun or changed; this is what it shows.
    Cart(CartId, Vec<(ProductId, i64)>),
    /// A customer was written down.
    Customer(UserId),
    /// Goods were taken back, and a receipt of that was printed.
    Returned(Box<Return>),
    /// An order stands elsewhere now.
    Advanced(Box<Order>),
}

/// Why an [`Act`] was not done, as the person was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It was refused with this code, and left nothing.
    Refused(String),
    /// The power went out: nobody was told anything, and it may have happened or not.
    Dark,
}

/// What head office is asked to do, once numbers have become ids.
#[derive(Clone, Debug)]
pub enum Deed {
    /// See [`Chore::Reprice`].
    Reprice { product: ProductId, price: Money },
    /// See [`Chore::BeginSlow`].
    BeginSlow { product: ProductId },
    /// See [`Chore::EndSlow`].
    EndSlow { commit: bool },
    /// See [`Chore::Sweep`].
    Sweep,
    /// Head office looks once more at what is short, as it does every so often.
    LookAgain,
    /// A caller wants a hold.
    Hold { by: Caller, hold: HoldId, lines: Vec<(StockKey, i64)>, buyer: Option<Buyer>, seconds: u64 },
    /// See [`Verb::Extend`].
    Extend { by: Caller, hold: HoldId, until: Timestamp },
    /// See [`Verb::Release`].
    Release { by: Caller, hold: HoldId },
    /// See [`Verb::Allot`].
    Allot { by: Caller, hold: HoldId },
    /// A device that will not come back is given up.
    GiveUp { node: NodeId },
    /// See [`Chore::Suspend`].
    Suspend { node: NodeId },
    /// See [`Chore::Resume`].
    Resume { node: NodeId },
    /// See [`Chore::WriteOff`].
    WriteOff { node: NodeId },
    /// See [`Chore::Reclaim`].
    Reclaim { node: NodeId },
    /// See [`Chore::Expect`]; this is written on its papers.
    Expect { reference: String, at: WarehouseId, lines: Vec<(ProductId, i64)> },
    /// See [`Chore::GiveUpTransfer`].
    GiveUpTransfer { code: TransferCode },
    /// See [`Chore::CloseDelivery`].
    CloseDelivery { delivery: DeliveryId },
    /// A rule is laid down.
    LayDown { says: Says },
    /// The rule about the same is taken back.
    TakeBack { about: Says },
    /// See [`Chore::KeepBack`].
    KeepBack { at: Option<WarehouseId>, units: Option<i64> },
    /// See [`Chore::Confirm`].
    Confirm,
    /// See [`Chore::Settle`].
    Settle(SettleDeed),
    /// See [`Chore::Move`].
    Move { node: NodeId, to: WarehouseId, is_home: bool },
    /// See [`Chore::Retire`] and [`Chore::RetireLost`].
    Retire { node: NodeId, is_lost: bool },
    /// A device, or a life of its journal, that a restored server forgot is taken back.
    Readmit { card: Box<Card> },
}

/// What somebody at head office does about a concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettleDeed {
    /// Which.
    pub concern_id: ConcernId,
    /// Names what is done.
    pub settlement_id: Uuid,
    /// What.
    pub settlement: Settlement,
    /// Who.
    pub by: String,
    /// What put it right elsewhere.
    pub act: Option<String>,
}

/// Names an op for ever: the life that wrote it first, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Which life.
    pub life: IncarnationId,
    /// Its place, with its hash.
    pub mark: Mark,
}
