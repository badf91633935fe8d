//! All that head office knows, and how somebody reads it who trusts nobody.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::Cart,
    clock::Timestamp,
    delivery::Delivery,
    feed::{Aggregate, Confirmation},
    id::{CartId, DeliveryId, EpochId, IncarnationId, NodeId, OrderId, ProductId, TransferId, UserId, WarehouseId},
    journal::Mark,
    money::Currency,
    op::Line,
    order::{Order, is_promised},
    returned::Return,
    settle::{Author, Known, Past},
    sizing::Waits,
    stock::{Allotment, Level, StockKey},
    transfer::Transfer,
    verdict::{Concern, ConcernKind},
};
use uuid::Uuid;

use super::{
    carts::Kept,
    feed::{Feed, hears},
    holds::{Hold, LineOf},
    journal::Journal,
    rules::KeptBack,
    settle::SettlementMade,
    unknown_node,
    withdrawal::Short,
};
use crate::{
    hold::Held,
    wire::{Caller, Problem},
};

/// All that head office knows at one moment.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) epoch: EpochId,
    pub(super) epoch_text: String,
    pub(super) is_recovering: bool,
    /// Holds one author's allotments at a time, and elders only while a push is decided.
    pub(super) known: Known,
    pub(super) journals: BTreeMap<IncarnationId, Journal>,
    /// Which device alone sells from a warehouse.
    pub(super) homes: BTreeMap<WarehouseId, NodeId>,
    /// What is kept back for orders.
    pub(super) kept_back: KeptBack,
    /// Devices that are closed for good.
    pub(super) retired: BTreeSet<NodeId>,
    /// When each device was heard.
    pub(super) heard: BTreeMap<NodeId, Heard>,
    pub(super) movements: BTreeMap<StockKey, i64>,
    /// What moved each row, but for counts.
    pub(super) past: BTreeMap<StockKey, Vec<Past>>,
    /// The sum of the movements of each product that say that it was transferred.
    pub(super) transferred: BTreeMap<ProductId, i64>,
    /// Of these, units that are booked as lost, less those that came back.
    pub(super) lost: BTreeMap<StockKey, i64>,
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    /// Units that came of each delivery, known or not.
    pub(super) delivered: BTreeMap<(DeliveryId, ProductId), i64>,
    pub(super) holds: BTreeMap<LineOf, Hold>,
    /// Rows of which more is promised than is there.
    pub(super) short: BTreeMap<StockKey, Short>,
    /// Orders that were to be confirmed.
    pub(super) confirmations: BTreeMap<OrderId, Confirmation>,
    pub(super) carts: BTreeMap<CartId, Kept>,
    /// Open concerns.
    pub(super) concerns: BTreeMap<(ConcernKind, String), Concern>,
    /// Every sort of concern that ever was.
    pub(super) ever: BTreeSet<ConcernKind>,
    /// What people did about concerns.
    pub(super) settlements: BTreeMap<Uuid, SettlementMade>,
    /// Units by which accepted losses put the book of a row right.
    pub(super) corrected: BTreeMap<StockKey, i64>,
    pub(super) feed: Feed,
    /// Ids given out; never given twice, also not after a restore.
    pub(super) ids: u64,
}

/// How a device is heard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Last.
    pub(super) seen_at: Option<Timestamp>,
    /// How long not.
    pub(super) waits: Waits,
}

/// All that a model knew at one moment.
#[derive(Clone, Debug)]
pub struct Backup(pub(super) Box<Ledger>);

impl Ledger {
    pub(super) fn new(currency: Currency, now: Timestamp) -> Self {
        let mut known = Known::empty(currency, now);
        known.users.insert(UserId::GUEST);
        let epoch = EpochId(Uuid::nil());
        let (journals, homes, heard, movements, past, lost, holds, carts) = Default::default();
        let (concerns, ever, feed, ids, transferred, short, retired) = Default::default();
        let (deliveries, delivered) = Default::default();
        Self {
            epoch,
            epoch_text: epoch.to_string(),
            is_recovering: false,
            known,
            journals,
            homes,
            kept_back: KeptBack::default(),
            retired,
            heard,
            movements,
            lost,
            past,
            transferred,
            deliveries,
            delivered,
            holds,
            short,
            confirmations: BTreeMap::new(),
            carts,
            concerns,
            ever,
            settlements: BTreeMap::new(),
            corrected: BTreeMap::new(),
            feed,
            ids,
        }
    }

    /// An id that nothing else has.
    pub(super) fn fresh(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u64_pair(0x0000_0000_0000_7001, self.ids)
    }

    pub(super) fn journal(&self, caller: Caller) -> Result<&Journal, Problem> {
        let journal = self.journals.get(&caller.incarnation_id);
        journal.filter(|journal| journal.author.node_id == caller.node_id).ok_or_else(unknown_node)
    }

    /// The lives of a device.
    pub(super) fn lives(&self, node_id: NodeId) -> impl Iterator<Item = &Journal> {
        self.journals.values().filter(move |journal| journal.author.node_id == node_id)
    }

    /// Its stock rows.
    pub const fn levels(&self) -> &BTreeMap<StockKey, Level> {
        &self.known.levels
    }

    /// The sum of the movements of each row, what was on hand at first included.
    pub const fn movements(&self) -> &BTreeMap<StockKey, i64> {
        &self.movements
    }

    /// Allotments, life by life.
    pub fn allotments(&self) -> impl Iterator<Item = (IncarnationId, StockKey, Allotment)> {
        let of = |journal: &'_ Journal| journal.author.incarnation_id;
        self.journals.values().flat_map(move |journal| {
            journal.allotments.iter().map(move |(key, allotment)| (of(journal), *key, *allotment))
        })
    }

    /// What lives are asked to keep at most of what they have of a row.
    pub fn recalls(&self) -> impl Iterator<Item = ((IncarnationId, StockKey), i64)> {
        self.journals.iter().flat_map(|(life, journal)| {
            let keep = |key: &StockKey| {
                let granted = journal.allotments.get(key).map_or(0, |own| own.granted);
                journal.outlooks.get(key).and_then(|outlook| outlook.keep(granted))
            };
            journal.outlooks.keys().filter_map(move |key| Some(((*life, *key), keep(key)?)))
        })
    }

    /// Lines of holds that count as promised.
    pub fn holds(&self) -> impl Iterator<Item = &Held> {
        self.holds.values().map(|hold| &hold.held).filter(|held| held.is_open)
    }

    /// The open promises of each row, counted part by part: allotments, holds, orders to be handed over.
    pub fn promises(&self) -> BTreeMap<StockKey, i64> {
        let mut sums = BTreeMap::new();
        let mut add = |key, units| *sums.entry(key).or_default() += units;
        self.allotments().for_each(|(_, key, allotment)| add(key, allotment.open()));
        self.holds().for_each(|held| add(held.key, held.amount.units()));
        for order in self.known.orders.values().filter(|order| is_promised(order.fulfilment, order.status)) {
            for Line { product_id, amount } in &order.lines {
                add(StockKey { product_id: *product_id, warehouse_id: order.warehouse_id }, amount.units());
            }
        }
        sums
    }

    /// Transfers of which something was told.
    pub const fn transfers(&self) -> &BTreeMap<TransferId, Transfer> {
        &self.known.transfers
    }

    /// What is wrong with units on the road, if anything is: all that moved as transferred and what is on the road sum
    /// to nothing, and whatever surprises has its concern.
    pub fn broken(&self) -> Vec<String> {
        let mut sums = self.transferred.clone();
        let mut broken = Vec::new();
        for transfer in self.known.transfers.values() {
            for (product_id, of) in transfer.totals() {
                *sums.entry(product_id).or_default() += of.on_road();
            }
            for surprise in transfer.surprises() {
                let (kind, units) = (surprise.kind, surprise.units());
                let is_open = self.concerns.contains_key(&(kind, transfer.transfer_id.to_string()));
                if is_open != (units > 0) {
                    broken.push(format!("{} has {units} of {kind:?}, and the concern says otherwise", transfer.code));
                }
            }
        }
        let unsound = sums.into_iter().filter(|(_, units)| *units != 0);
        broken.extend(unsound.map(|(id, units)| format!("transferred and on the road, {units} of {id} are too many")));
        broken
    }

    /// Every op that it has, by the life that wrote it first, with the word of its verdict: told by that life
    /// or carried by a later one.
    pub fn ops(&self) -> impl Iterator<Item = (IncarnationId, Mark, &'static str)> {
        self.journals.iter().flat_map(|(life, journal)| {
            let told = journal
                .ops
                .iter()
                .zip(1..)
                .map(|((hash, verdict), seq)| (*life, Mark { seq, hash: *hash }, verdict.word()));
            let carried = journal.carried.iter().map(|(mark, (by, seq))| {
                let op = self.journals.get(by).and_then(|journal| journal.op(*seq));
                (*life, *mark, op.map_or("gone", |(_, verdict)| verdict.word()))
            });
            told.chain(carried)
        })
    }

    /// Open concerns: what sort, and of what.
    pub fn concerns(&self) -> impl Iterator<Item = &(ConcernKind, String)> {
        self.concerns.keys()
    }

    /// Every sort of concern that ever was.
    pub const fn ever(&self) -> &BTreeSet<ConcernKind> {
        &self.ever
    }

    /// Orders.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.feed.all().filter_map(|told| if let Aggregate::Order(order) = told { Some(&**order) } else { None })
    }

    /// Returns.
    pub fn returns(&self) -> impl Iterator<Item = &Return> {
        self.feed.all().filter_map(|told| if let Aggregate::Return(back) = told { Some(&**back) } else { None })
    }

    /// Carts as they are merged.
    pub fn carts(&self) -> impl Iterator<Item = &Cart> {
        self.carts.values().filter_map(|kept| kept.known.as_ref())
    }

    /// What the receipts of lives after a device's first begin with.
    pub fn prefixes(&self) -> impl Iterator<Item = (IncarnationId, String)> {
        let later = self.journals.iter().filter(|(_, journal)| !journal.prefix.is_empty());
        later.map(|(life, journal)| (*life, journal.prefix.clone()))
    }

    /// Devices that are closed for good.
    pub const fn retired(&self) -> &BTreeSet<NodeId> {
        &self.retired
    }

    /// Whether it still hears from its devices.
    pub const fn is_recovering(&self) -> bool {
        self.is_recovering
    }

    /// Every life of every device, those that began first before the others of their device.
    pub fn authors(&self) -> Vec<Author> {
        let mut lives: Vec<_> = self.journals.values().collect();
        lives.sort_by_key(|journal| journal.number);
        lives.into_iter().map(|journal| journal.author.clone()).collect()
    }

    /// Every aggregate that a device is fed.
    pub fn fed(&self, node_id: NodeId) -> impl Iterator<Item = &Aggregate> {
        let author = self.lives(node_id).next().map(|journal| &journal.author);
        let hears = move |scope| author.is_some_and(|author| hears(author, scope));
        self.feed.heard(hears)
    }
}
