//! Head office as a scenario needs it: the real server over Postgres, or a model of it, and its book as
//! somebody reads it who trusts nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outpost_schema::{
    cart::Cart,
    device::Card,
    id::{ConcernId, DeliveryId, HoldId, IncarnationId, NodeId, OrderId, ProductId, ReturnId, TransferId},
    journal::Mark,
    order::Order,
    returned::Return,
    rule::{Goods, Says},
    settlement,
    stock::{Allotment, Level, SalePolicy, StockKey},
    transfer::Transfer,
    verdict::ConcernKind,
    world::Seeded,
};
use outpost_sync::round::Remote;
use uuid::Uuid;

use crate::step::{Deed, Name};

/// A place and who stands there.
#[derive(Clone, Debug)]
pub struct Place {
    /// What a till there does beyond its allotment; one for each of its tills.
    pub tills: Vec<SalePolicy>,
    /// Whether it is the home of its one till.
    pub is_home: bool,
    /// How many of each product it begins with.
    pub on_hand: Vec<i64>,
}

/// What a network begins with. The tills are numbered place after place.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its places; every product may be sold at each.
    pub places: Vec<Place>,
    /// Prices of the products, in cents.
    pub prices: Vec<i64>,
    /// What head office laid down about selling beyond the allotment, product by product; nothing beyond the last.
    pub policies: Vec<Option<SalePolicy>>,
}

impl Opening {
    /// The rules that say so, of these products.
    pub fn rules(&self, products: &[ProductId]) -> Vec<Says> {
        let laid_down = products.iter().zip(&self.policies);
        let says = laid_down.filter_map(|(product, policy)| {
            policy.map(|policy| Says::Policy { kind: None, goods: Goods::Product(*product), policy })
        });
        says.collect()
    }
}

/// A line that comes to harm.
pub trait Weather {
    /// From now on so many calls in a hundred come to harm, as this seed will have it.
    fn weather(&self, seed: u64, in_a_hundred: usize);
    /// Nothing gets through.
    fn cut(&self);
    /// It is good again; what is still on the way arrives with the next call.
    fn mend(&self);
    /// Whether something is still on its way.
    fn is_late(&self) -> bool;
    /// What happened on it so far.
    fn harm(&self) -> Harm;
}

/// What happened to calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Harm {
    /// Calls or answers that never arrived.
    pub dropped: u64,
    /// Calls that arrived twice.
    pub repeated: u64,
    /// Calls that arrived after later ones.
    pub reordered: u64,
    /// Calls or answers of which only a part arrived.
    pub truncated: u64,
    /// Calls that came through.
    pub whole: u64,
}

/// What the book says of the things whose laws are checked after every step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Stock rows.
    pub levels: BTreeMap<StockKey, Level>,
    /// The sum of the open promises of each row, part by part: allotments, holds, orders to be handed over.
    pub promises: BTreeMap<StockKey, i64>,
    /// The sum of the movements of each row, the opening included.
    pub movements: BTreeMap<StockKey, i64>,
    /// Allotments by life.
    pub allotments: BTreeMap<(IncarnationId, StockKey), Allotment>,
    /// What lives are asked to keep at most of what they have of a row.
    pub keep: BTreeMap<(IncarnationId, StockKey), i64>,
    /// Units that are still written off, by life.
    pub written_off: BTreeMap<(IncarnationId, StockKey), i64>,
    /// Units of each row that are booked as lost, less those that came back.
    pub lost: BTreeMap<StockKey, i64>,
    /// Open lines of holds.
    pub holds: BTreeMap<(HoldId, StockKey), i64>,
    /// What the receipts of lives after a device's first begin with.
    pub prefixes: BTreeMap<IncarnationId, String>,
    /// Devices that are closed for good.
    pub retired: BTreeSet<NodeId>,
    /// Whether it is hearing from its devices and grants nothing.
    pub is_recovering: bool,
    /// Every op that it has, told by its own life or carried by a later one, by the name of the life that
    /// wrote it first (after a fork there may be two of one number), with the word of its verdict. Evidence of
    /// frozen journals is not here.
    pub ops: BTreeMap<(IncarnationId, Mark), &'static str>,
    /// Orders that were to be confirmed, and whether they were.
    pub confirmations: BTreeMap<OrderId, bool>,
    /// Transfers of which something was told.
    pub transfers: BTreeMap<TransferId, Transfer>,
    /// Deliveries that are expected, and whether each is closed by hand.
    pub deliveries: BTreeMap<DeliveryId, bool>,
    /// Of each line of a delivery, known or not, what is expected and what came.
    pub delivered: BTreeMap<(DeliveryId, ProductId), (i64, i64)>,
    /// Open concerns.
    pub concerns: BTreeSet<(ConcernKind, String)>,
    /// Their ids.
    pub concern_ids: BTreeMap<(ConcernKind, String), ConcernId>,
    /// What people did about concerns.
    pub settlements: BTreeMap<Uuid, Settlement>,
    /// Units by which accepted losses put the book of each row right.
    pub corrected: BTreeMap<StockKey, i64>,
    /// Laws that the book itself says are broken.
    pub broken: Vec<String>,
}

impl Book {
    /// The word of an op's verdict; none if the book does not have this op, whatever it has in its place.
    pub fn verdict(&self, name: Name) -> Option<&'static str> {
        self.ops.get(&(name.life, name.mark)).copied()
    }
}

/// What somebody did about a concern, as the book has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// About which.
    pub concern_id: ConcernId,
    /// What.
    pub settlement: settlement::Settlement,
    /// Who.
    pub by: String,
    /// Whether the concern was over with it.
    pub closed: bool,
}

/// What the book says of everything else, for the end.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Orders.
    pub orders: BTreeMap<OrderId, Order>,
    /// Returns.
    pub returns: BTreeMap<ReturnId, Return>,
    /// Carts.
    pub carts: Vec<Cart>,
    /// Every concern that ever was.
    pub concerns: BTreeSet<ConcernKind>,
}

/// What was answered to a deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It was refused with this code.
    Refused(String),
}

/// Head office.
pub trait Office {
    /// The line of one node to it.
    type Line: Remote + Weather;
    /// A copy of its database.
    type Backup;

    /// Sets a network up. Says which card each till joins with, place after place.
    async fn open(opening: &Opening, world: &Arc<Seeded>) -> Self
    where
        Self: Sized;

    /// What each till joins with.
    fn cards(&self) -> Vec<Card>;

    /// The products.
    fn products(&self) -> Vec<ProductId>;

    /// Lays a line to a node: a good one.
    fn lay(&self, node: NodeId) -> Self::Line;

    /// Does something.
    async fn act(&mut self, deed: &Deed) -> Answer;

    /// Its book now.
    async fn book(&mut self) -> Book;

    /// The rest of its book now.
    async fn shelf(&mut self) -> Shelf;

    /// Copies its database.
    async fn back_up(&mut self) -> Self::Backup;

    /// Is put back to a copy, as `outpost-server restore` does: another epoch begins.
    async fn put_back(&mut self, backup: &Self::Backup);

    /// Its program ends in the middle of whatever it does, and starts again.
    async fn restart(&mut self);
}
