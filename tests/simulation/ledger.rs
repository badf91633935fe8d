//! The ledger that knows everything, outside the system: what is physically there, what was handed out,
//! counted and paid, and what people were told. It believes no machine, and no machine reads it.
//!
//! Where a limit makes zero oversell impossible (an old copy of a disk that sells before it is heard, goods
//! handed out beyond the book because they were in the customer's hand, what a restored server had only told),
//! the limit's own number is added to the *excess* of the row, and the laws hold up to that.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, HoldId, IncarnationId, NodeId, OrderId, ProductId, UserId, WarehouseId},
    order::{Order, OrderStatus},
    returned::Return,
    stock::StockKey,
    transfer::TransferCode,
    verdict::ConcernKind,
};

use outpost_sync::wire::Buyer;

use crate::step::Name;

/// Units of a stock row.
pub type Units = Vec<(StockKey, i64)>;

/// Which ops a disk holds, by their number in the ledger.
pub type Disk = Vec<usize>;

/// A stock row as it is in the shop, not in any book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// What it began with.
    pub opening: i64,
    /// What is there now; below 0 if more was handed out than there was.
    pub there: i64,
    /// Units that may be promised beyond what is there, because of a limit.
    pub excess: i64,
    /// Whether somebody ever looked.
    pub is_counted: bool,
}

/// An op that happened.
#[derive(Clone, Debug)]
pub struct Happened {
    /// What it is called in every book.
    pub name: Name,
    /// What it did to the book.
    pub moved: Units,
    /// What it took from its till's allotments.
    pub taken: Units,
    /// Whether nothing moved but the book: somebody counted.
    pub is_count: bool,
    /// The order whose goods it handed over: whoever tells of that, they leave the book once.
    pub hands_over: Option<OrderId>,
    /// Whether a fault took every copy of it: it may be in no book, or in one all the same.
    pub may_be_lost: bool,
}

/// What was written off with a life of a device, of one row.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// What the book had of it taken from its allotment then: sold or given back.
    pub taken: i64,
    /// Units that were missing then, all write-offs together.
    pub units: i64,
}

/// What became of an order that was to be confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Awaits {
    /// When it was taken, by the till's clock.
    pub asked_at: Timestamp,
    /// Whether head office has confirmed it, and has not forgotten that since.
    pub is_confirmed: bool,
    /// Whether it ever did.
    pub was_confirmed: bool,
}

/// An order to be handed over.
#[derive(Clone, Debug)]
pub struct Owed {
    /// What is owed.
    pub lines: Units,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// Whether the goods have left.
    pub has_left: bool,
    /// Whether head office has called it off.
    pub is_cancelled: bool,
    /// Whether it was to be confirmed.
    pub awaits: Option<Awaits>,
    /// Statuses that were told, each by an op.
    pub told: Vec<(OrderStatus, usize)>,
    /// Ops that ask for it to be called off.
    pub asks: Vec<usize>,
}

/// Goods on the road, in somebody's van.
#[derive(Clone, Debug)]
pub struct Load {
    /// What is written on the boxes.
    pub code: TransferCode,
    /// Where they go.
    pub to_id: WarehouseId,
    /// What they are.
    pub product_id: ProductId,
    /// How many are still on the road.
    pub left: i64,
}

/// What an op said of a transfer.
#[derive(Clone, Copy, Debug)]
pub struct OfTransfer {
    /// The op.
    pub op: usize,
    /// Of which product.
    pub product_id: ProductId,
    /// Units that left.
    pub sent: i64,
    /// Units that came.
    pub arrived: i64,
}

/// A hold that somebody was told of.
#[derive(Clone, Debug)]
pub struct Held {
    /// Of what, and how many: what of it is not over.
    pub lines: Units,
    /// For whom.
    pub buyer: Option<Buyer>,
    /// Since when, by head office's clock.
    pub since: Timestamp,
    /// Until when, by head office's clock.
    pub until: Timestamp,
    /// Whether it lasts longer than at first.
    pub is_extended: bool,
    /// Whether it is over: released, turned into allotment or an order, or forgotten by a restored server.
    pub is_over: bool,
}

/// What was done to one product in one cart, by all tills together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filled {
    /// Units put in.
    pub added: i64,
    /// Units checked out.
    pub sold: i64,
    /// What the only till that ever had the line in hand shows; none once there were two.
    pub shown: Option<i64>,
    /// That till.
    pub by: Option<usize>,
    /// Whether units were taken out too, so that what is left does not follow from sums.
    pub is_doubtful: bool,
    /// Whether changes may be lost: with a disk, or because the power went out meanwhile.
    pub is_lost: bool,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Stock rows.
    pub rows: BTreeMap<StockKey, Row>,
    /// Ops, in the order in which they happened.
    pub ops: Vec<Happened>,
    /// Orders to be handed over.
    pub owed: BTreeMap<OrderId, Owed>,
    /// Every receipt that was printed, by the op that last did.
    pub receipts: BTreeMap<String, usize>,
    /// The life whose receipts begin so.
    pub prefixes: BTreeMap<String, IncarnationId>,
    /// Every order that was made, by the op that made it.
    pub orders: BTreeMap<OrderId, usize>,
    /// Every order of which somebody has the receipt.
    pub sold: Vec<Order>,
    /// What was taken back, by the op that did.
    pub returns: Vec<(usize, Return)>,
    /// Returns that happened while the power went out: nobody saw their receipts.
    pub unseen_returns: usize,
    /// Sales that happened while the power went out: nobody saw their receipts.
    pub unseen_sales: usize,
    /// Goods on the road, as they were sent.
    pub road: Vec<Load>,
    /// What was told of each transfer.
    pub transfers: BTreeMap<TransferCode, Vec<OfTransfer>>,
    /// Transfers whose codes nobody read, because the power went out.
    pub unread_codes: usize,
    /// Holds.
    pub holds: BTreeMap<HoldId, Held>,
    /// Holds that orders use up at a place, and the ops that say so.
    pub used: Vec<(HoldId, WarehouseId, usize)>,
    /// Carts, in the order in which they were begun.
    pub carts: Vec<CartId>,
    /// What was done to them.
    pub filled: BTreeMap<(CartId, ProductId), Filled>,
    /// Customers.
    pub customers: Vec<UserId>,
    /// Damaged units that came in at a home and went out with the same op, by the life that says so.
    pub passed: BTreeMap<(IncarnationId, StockKey), i64>,
    /// What was written off.
    pub written: BTreeMap<(IncarnationId, StockKey), Written>,
    /// Devices from which something was taken.
    pub taken_from: BTreeSet<NodeId>,
    /// Devices that were closed because they were lost.
    pub closed_as_lost: BTreeSet<NodeId>,
    /// Concerns that something that happened explains.
    pub explained: BTreeSet<ConcernKind>,
}

impl Owed {
    /// Whether it was promised nothing yet.
    pub fn is_unconfirmed(&self) -> bool {
        self.awaits.is_some_and(|awaits| !awaits.is_confirmed)
    }
}

impl Filled {
    /// A till does something to the line, after which, if no other ever did, it shows what `change` says.
    pub fn change(&mut self, till: usize, change: impl Fn(i64) -> i64) {
        let is_alone = self.by.is_none_or(|by| by == till);
        let before = if self.by.is_none() { Some(0) } else { self.shown };
        self.shown = before.filter(|_| is_alone).map(change);
        self.by = Some(till);
    }
}

impl Ledger {
    /// A row of the shop.
    pub fn row(&mut self, key: StockKey) -> &mut Row {
        self.rows.entry(key).or_default()
    }

    /// How many are there; never fewer than none.
    pub fn there(&self, key: StockKey) -> i64 {
        self.rows.get(&key).map_or(0, |row| row.there.max(0))
    }

    /// A limit allows so many more units of these rows to be promised than are there.
    pub fn allow(&mut self, units: &[(StockKey, i64)]) {
        for (key, units) in units.iter().filter(|(_, units)| *units > 0) {
            self.row(*key).excess += units;
        }
        if units.iter().any(|(_, units)| *units > 0) {
            self.explained.extend([ConcernKind::Owed, ConcernKind::Unbacked]);
        }
    }

    /// Something happened, on this disk. Says its number.
    pub fn happened(&mut self, op: Happened, disk: &mut Disk) -> usize {
        for (key, delta) in op.moved.iter().filter(|_| !op.is_count) {
            self.row(*key).there += delta;
        }
        self.ops.push(op);
        disk.push(self.ops.len() - 1);
        self.ops.len() - 1
    }

    /// After a disk lost what was on it, or head office forgot: ops of `before` that nobody has any more may be
    /// lost, and what they handed out or promised is beyond every book.
    pub fn lose(&mut self, before: impl IntoIterator<Item = usize>, is_kept: impl Fn(usize, &Name) -> bool) {
        for number in before {
            let op = &mut self.ops[number];
            if op.may_be_lost || is_kept(number, &op.name) {
                continue;
            }
            op.may_be_lost = true;
            if op.moved.iter().any(|(_, delta)| *delta > 0) {
                // What came in is there to be sold, and in no book.
                self.explained.extend([ConcernKind::Owed, ConcernKind::Unbacked]);
            }
            // What left the book and what was only promised: an op that did both did it once.
            let gone = op.moved.iter().map(|(key, delta)| (*key, -delta)).chain(op.taken.iter().copied());
            let mut beyond: BTreeMap<StockKey, i64> = BTreeMap::new();
            for (key, units) in gone {
                let most = beyond.entry(key).or_default();
                *most = (*most).max(units);
            }
            self.allow(&beyond.into_iter().collect::<Units>());
        }
    }

    /// Goods of a transfer that are said to have left or come.
    pub fn told_of_transfer(&mut self, code: &TransferCode, told: OfTransfer) {
        // One end may be heard long before the other, or never.
        self.explained.extend([ConcernKind::TransferExcess, ConcernKind::TransferShort]);
        self.transfers.entry(code.clone()).or_default().push(told);
    }

    /// So many of a load came.
    pub fn unload(&mut self, code: &TransferCode, product_id: ProductId, mut units: i64) {
        for load in self.road.iter_mut().filter(|load| load.code == *code && load.product_id == product_id) {
            let came = units.min(load.left);
            (load.left, units) = (load.left - came, units - came);
        }
    }

    /// Lines of a hold are over.
    pub fn end_lines(&mut self, hold: HoldId, is_over: impl Fn(StockKey) -> bool) {
        if let Some(held) = self.holds.get_mut(&hold) {
            held.lines.retain(|(key, _)| !is_over(*key));
            held.is_over |= held.lines.is_empty();
        }
    }

    /// Units of a row that are held.
    pub fn held(&self, key: StockKey) -> i64 {
        let open = self.holds.values().filter(|held| !held.is_over);
        open.flat_map(|held| &held.lines).filter(|(of, _)| *of == key).map(|(_, units)| units).sum()
    }

    /// Units of a row that are owed to customers; orders that nobody confirmed were promised nothing.
    pub fn owed(&self, key: StockKey) -> i64 {
        let open = self.owed.values().filter(|order| !order.has_left && !order.is_cancelled && !order.is_unconfirmed());
        open.flat_map(|order| &order.lines).filter(|(of, _)| *of == key).map(|(_, units)| units).sum()
    }
}
