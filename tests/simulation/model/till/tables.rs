//! What is on a till's disk.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::Cart,
    catalogue::Product,
    clock::{Hlc, Timestamp},
    device::{Card, LifeReason},
    feed::{Aggregate, Kind},
    id::{CartId, DeliveryId, EpochId, IncarnationId, OrderId, ProductId, UserId, WarehouseId},
    journal::Entry,
    op::Op,
    order::Order,
    people::User,
    stock::{Allotment, Level, StockKey},
    verdict::ConcernKind,
    world::{Seeded, World as _},
};
use uuid::Uuid;

use super::journal::{Journal, Written};

/// What has become of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum State {
    /// It is pushed and answered.
    Active,
    /// Head office keeps it as evidence.
    Frozen,
    /// The device was put back to an old image.
    RolledBack,
}

impl State {
    pub(in super::super) fn is_old_image(self) -> bool {
        self == Self::RolledBack
    }

    /// Why the journal cannot go on; none while it does.
    pub(super) fn ending(self) -> Option<LifeReason> {
        match self {
            Self::Active => None,
            Self::Frozen => Some(LifeReason::Forked),
            Self::RolledBack => Some(LifeReason::RolledBack),
        }
    }
}

/// What an own op did to a row, laid over its image until one contains it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Laid {
    pub(super) life: IncarnationId,
    pub(super) seq: i64,
    pub(super) change: Level,
}

/// What an own receipt says to have come of a delivery, laid over its image until one contains it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    pub(super) life: IncarnationId,
    pub(super) seq: i64,
    pub(super) line: (DeliveryId, ProductId),
    pub(super) units: i64,
}

/// A stock row.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Row {
    /// What was fed; none if nothing was.
    pub(in super::super) fed: Option<(Level, Timestamp)>,
    pub(super) laid: Vec<Laid>,
}

/// A cart, and whether it waits to be pushed.
#[derive(Clone, Debug)]
pub(in super::super) struct KeptCart {
    pub(in super::super) cart: Cart,
    pub(in super::super) is_unsent: bool,
}

/// What is known of head office's life.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Epoch {
    pub(super) id: Option<EpochId>,
    pub(super) report_owed: bool,
    /// Whether the journal's mark was acknowledged in that life, and not in the last one.
    pub(super) is_marked: bool,
}

/// What was told since the feed is read anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) ids: BTreeSet<(Kind, Uuid)>,
    pub(super) stock: BTreeSet<StockKey>,
}

/// All that is on a till's disk.
#[derive(Clone, Debug)]
pub(in super::super) struct Tables {
    pub(in super::super) card: Card,
    /// Where it stood before.
    pub(super) stood: BTreeSet<WarehouseId>,
    pub(in super::super) state: State,
    pub(super) receipts: i64,
    pub(super) transfers: i64,
    pub(super) hlc: Hlc,
    pub(super) next_life: Option<IncarnationId>,
    pub(super) own: Journal,
    pub(super) former: BTreeMap<IncarnationId, Journal>,
    /// Catalogue, people and concerns.
    pub(in super::super) images: BTreeMap<(Kind, Uuid), Aggregate>,
    pub(in super::super) stock: BTreeMap<StockKey, Row>,
    pub(super) came: Vec<Came>,
    pub(in super::super) allotments: BTreeMap<(IncarnationId, StockKey), Allotment>,
    /// What head office says beside their totals: full, and what to keep.
    pub(in super::super) beside: BTreeMap<(IncarnationId, StockKey), (i64, Option<i64>)>,
    pub(in super::super) orders: BTreeMap<OrderId, Order>,
    pub(in super::super) carts: BTreeMap<CartId, KeptCart>,
    pub(super) cursor: Option<String>,
    pub(super) seen: String,
    /// How far the other tills of the place were when this one was last level.
    pub(super) heard: BTreeMap<IncarnationId, i64>,
    /// And when that was, by head office's clock.
    pub(super) heard_at: Option<Timestamp>,
    pub(super) epoch: Epoch,
    /// While the feed is read anew.
    pub(super) told: Option<Told>,
}

impl Tables {
    /// Whether head office has suspended this till, as it says by a concern.
    pub(super) fn is_suspended(&self) -> bool {
        let subject = self.card.node_id.to_string();
        let says = |told: &Aggregate| match told {
            Aggregate::Concern(told) => {
                let is_so = told.closed_at.is_none() || told.detail["retired"] == true;
                told.kind == ConcernKind::Suspended && told.subject == subject && is_so
            }
            Aggregate::Warehouse(_)
            | Aggregate::Category(_)
            | Aggregate::Product(_)
            | Aggregate::Stock(_)
            | Aggregate::Allotment(_)
            | Aggregate::User(_)
            | Aggregate::Address(_)
            | Aggregate::Order(_)
            | Aggregate::Review(_)
            | Aggregate::Cart(_)
            | Aggregate::Verdict(_)
            | Aggregate::Transfer(_)
            | Aggregate::Delivery(_)
            | Aggregate::Return(_)
            | Aggregate::Rule(_)
            | Aggregate::Confirmation(_)
            | Aggregate::Synonyms(_)
            | Aggregate::Gone(_) => false,
        };
        self.images.values().any(says)
    }

    /// Those of a new till.
    pub(in super::super) fn new(card: &Card) -> Self {
        let (own, former, images, stock, allotments, beside, orders, carts) = Default::default();
        let (cursor, seen, heard, heard_at, epoch, told) = Default::default();
        let (card, state, receipts, hlc, next_life) = (card.clone(), State::Active, 0, Hlc::ZERO, None);
        let (transfers, came) = (0, Vec::new());
        Self {
            card,
            stood: BTreeSet::new(),
            state,
            receipts,
            transfers,
            hlc,
            next_life,
            own,
            former,
            images,
            stock,
            came,
            allotments,
            beside,
            orders,
            carts,
            cursor,
            seen,
            heard,
            heard_at,
            epoch,
            told,
        }
    }

    pub(in super::super) fn life(&self) -> IncarnationId {
        self.card.incarnation_id
    }

    /// The stock row of a product where it stands.
    pub(super) fn row_of(&self, product_id: ProductId) -> StockKey {
        StockKey { product_id, warehouse_id: self.card.warehouse_id }
    }

    pub(super) fn journal(&self, life: IncarnationId) -> Option<&Journal> {
        if life == self.life() { Some(&self.own) } else { self.former.get(&life) }
    }

    pub(super) fn journal_mut(&mut self, life: IncarnationId) -> Option<&mut Journal> {
        if life == self.card.incarnation_id { Some(&mut self.own) } else { self.former.get_mut(&life) }
    }

    pub(super) fn journals(&self) -> impl Iterator<Item = (IncarnationId, &Journal)> {
        self.former.iter().map(|(life, journal)| (*life, journal)).chain([(self.life(), &self.own)])
    }

    pub(super) fn level(&self, key: StockKey) -> Level {
        let Some(row) = self.stock.get(&key) else { return Level::default() };
        let fed = row.fed.map(|(fed, _)| fed).unwrap_or_default();
        let sum = row.laid.iter().fold(fed, |sum, laid| Level {
            balance: sum.balance + laid.change.balance,
            promised: sum.promised + laid.change.promised,
        });
        Level { promised: sum.promised.max(0), ..sum }
    }

    pub(super) fn allotment(&self, key: StockKey) -> Allotment {
        self.allotments.get(&(self.life(), key)).copied().unwrap_or_default()
    }

    pub(super) fn product(&self, product_id: ProductId) -> Option<&Product> {
        let image = self.images.get(&(Kind::Product, product_id.0))?;
        if let Aggregate::Product(product) = image { Some(product) } else { None }
    }

    pub(super) fn knows_person(&self, user_id: UserId) -> bool {
        user_id == UserId::GUEST || self.images.contains_key(&(Kind::User, user_id.0))
    }

    pub(super) fn people(&self) -> impl Iterator<Item = &User> {
        let people = self.images.range((Kind::User, Uuid::nil())..=(Kind::User, Uuid::max()));
        people.filter_map(|(_, image)| if let Aggregate::User(user) = image { Some(&**user) } else { None })
    }

    /// Writes the next entry. What it does to rows is laid over their images.
    pub(super) fn append(&mut self, op: &Op, changes: &[(StockKey, Level)], world: &Seeded) -> &Entry {
        let (at, life) = (world.now(), self.life());
        self.hlc = self.hlc.tick(at);
        let entry = Entry::write(life, self.own.head(), self.hlc, self.seen.clone(), op, world.chance());
        let seq = entry.seq;
        for (key, change) in changes.iter().filter(|(_, change)| *change != Level::default()) {
            self.stock.entry(*key).or_default().laid.push(Laid { life, seq, change: *change });
        }
        if !matches!(op, Op::Carried(_)) {
            // What is carried is laid over already, under its first name.
            self.lay_over_deliveries((life, seq), op);
        }
        self.own.push(Written { entry, at, answer: None, changed: changes.to_vec() });
        &self.own.after(seq - 1)[0].entry
    }

    /// Forgets what every backup holds.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.own.forget(before);
        self.former.values_mut().for_each(|journal| journal.forget(before));
    }
}
