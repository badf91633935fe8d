//! What is fed: the newest version of each aggregate, in the order of their last changes.

use std::collections::BTreeMap;

use outpost_schema::{
    count::Upto,
    device::IncarnationState,
    feed::{Aggregate, EVERYONE, Granted, Kind, Stock},
    id::{IncarnationId, NodeId, WarehouseId},
    settle::Author,
    stock::{Level, StockKey},
};
use uuid::Uuid;

use super::{journal::Journal, ledger::Ledger};
use crate::wire::{Acked, Caller, PAGE_MAX, PROTOCOL, Page, Problem, Pulled, Standing};

/// Names an aggregate without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(Kind, [Uuid; 3]);

impl Id {
    pub(super) const fn one(kind: Kind, id: Uuid) -> Self {
        Self(kind, [id, Uuid::nil(), Uuid::nil()])
    }

    pub(super) const fn stock(key: StockKey) -> Self {
        Self(Kind::Stock, [key.product_id.0, key.warehouse_id.0, Uuid::nil()])
    }

    pub(super) const fn allotment(life: IncarnationId, key: StockKey) -> Self {
        Self(Kind::Allotment, [life.0, key.product_id.0, key.warehouse_id.0])
    }

    pub(super) const fn ruling(life: IncarnationId, seq: i64) -> Self {
        Self(Kind::Verdict, [life.0, Uuid::from_u64_pair(0, seq.cast_unsigned()), Uuid::nil()])
    }
}

#[derive(Clone, Debug)]
struct Told {
    /// The place in the log of its last change.
    changed: usize,
    scope: Uuid,
    /// Further scopes, of what concerns several places.
    more: Vec<Uuid>,
    aggregate: Aggregate,
}

impl Told {
    fn is_heard(&self, hears: impl Fn(Uuid) -> bool) -> bool {
        hears(self.scope) || self.more.iter().any(|scope| hears(*scope))
    }
}

/// The newest version of each aggregate, and a log of changes: a place in it is a position in the feed.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    told: Vec<Told>,
    places: BTreeMap<Id, usize>,
    log: Vec<usize>,
}

impl Feed {
    /// Who is in a scope is told of it from now on.
    pub(super) fn tell(&mut self, id: Id, scope: Uuid, aggregate: Aggregate) {
        self.tell_all(id, scope, Vec::new(), aggregate);
    }

    /// The same of what concerns several places.
    pub(super) fn tell_all(&mut self, id: Id, scope: Uuid, more: Vec<Uuid>, aggregate: Aggregate) {
        let told = Told { changed: self.log.len(), scope, more, aggregate };
        let place = *self.places.entry(id).or_insert(self.told.len());
        if place == self.told.len() {
            self.told.push(told);
        } else {
            self.told[place] = told;
        }
        self.log.push(place);
    }

    /// The place behind all that is told.
    pub(super) fn end(&self) -> usize {
        self.log.len()
    }

    /// What is told of an aggregate.
    pub(super) fn image(&self, id: Id) -> Option<&Aggregate> {
        self.places.get(&id).map(|place| &self.told[*place].aggregate)
    }

    /// Every aggregate that is told.
    pub(super) fn all(&self) -> impl Iterator<Item = &Aggregate> {
        self.told.iter().map(|told| &told.aggregate)
    }

    /// Every aggregate that is told to who hears of these scopes.
    pub(super) fn heard(&self, hears: impl Fn(Uuid) -> bool) -> impl Iterator<Item = &Aggregate> {
        self.told.iter().filter(move |told| told.is_heard(&hears)).map(|told| &told.aggregate)
    }

    /// At most a page of what changed since a place, and where it goes on.
    fn since(&self, since: usize, hears: impl Fn(Uuid) -> bool) -> (Vec<Aggregate>, usize) {
        let (mut news, mut upto) = (Vec::new(), since);
        for (place, changed) in self.log.iter().enumerate().skip(since) {
            if news.len() == PAGE_MAX {
                break;
            }
            let told = &self.told[*changed];
            if told.changed == place && told.is_heard(&hears) {
                news.push(told.aggregate.clone());
            }
            upto = place + 1;
        }
        (news, upto)
    }
}

/// Where a device stands now.
pub(super) fn stands_at(author: &Author) -> impl Iterator<Item = &WarehouseId> {
    author.warehouses.difference(&author.former)
}

/// Whether a device hears of a scope.
pub(super) fn hears(author: &Author, scope: Uuid) -> bool {
    scope == EVERYONE || scope == author.node_id.0 || stands_at(author).any(|place| place.0 == scope)
}

impl Ledger {
    pub(super) fn pull(&mut self, caller: Caller, standing: Standing, cursor: Option<&str>) -> Result<Pulled, Problem> {
        let journal = self.journal(caller)?;
        let since = match cursor.map(|cursor| self.place(cursor)).transpose()? {
            Some(None) => return Ok(Pulled::OtherEpoch { epoch: self.epoch }),
            Some(Some(since)) => since,
            None => 0,
        };
        if !agrees(journal, standing) {
            return Ok(Pulled::Elsewhere { acked: journal.acked() });
        }
        let (aggregates, upto) = self.feed.since(since, |scope| hears(&journal.author, scope));
        let others = if upto == self.feed.log.len() { self.others(&journal.author) } else { Vec::new() };
        let page = Page {
            epoch: self.epoch,
            cursor: format!("{}/{upto}", self.epoch_text),
            level: upto == self.feed.log.len(),
            seen: upto.to_string(),
            aggregates,
            acked: self.acked(caller.node_id),
            others,
            server_time: self.known.now,
            protocol: PROTOCOL,
            recovering: self.is_recovering,
        };
        self.heard.entry(caller.node_id).or_default().seen_at = Some(self.known.now);
        self.hear_out(caller.incarnation_id, standing.head, since);
        Ok(Pulled::Page(Box::new(page)))
    }

    /// How far it has the journals of the other devices that may act where one may.
    fn others(&self, author: &Author) -> Vec<Upto> {
        let acts_there = |other: &&Journal| {
            other.author.node_id != author.node_id && !other.author.warehouses.is_disjoint(&author.warehouses)
        };
        let known = self.journals.values().filter(acts_there).filter(|other| !other.ops.is_empty());
        known.map(|other| Upto { incarnation_id: other.author.incarnation_id, seq: other.acked().seq }).collect()
    }

    /// How far each journal of a device is in the book.
    fn acked(&self, node_id: NodeId) -> Vec<Acked> {
        let told = self.lives(node_id).map(|journal| Acked {
            incarnation_id: journal.author.incarnation_id,
            mark: journal.acked(),
            set_aside: journal.set_aside.keys().copied().collect(),
            archived: journal.archived,
            over: journal.state == IncarnationState::Superseded,
        });
        told.collect()
    }

    /// The place that a cursor names; none if it is of another epoch.
    fn place(&self, cursor: &str) -> Result<Option<usize>, Problem> {
        let bad = || Problem::new("bad_cursor", "this is no position in the feed; start it anew");
        let (epoch, since) = cursor.split_once('/').ok_or_else(bad)?;
        let since = since.parse().map_err(|_| bad())?;
        Ok((epoch == self.epoch_text).then_some(since))
    }

    pub(super) fn tell_stock(&mut self, key: StockKey) {
        let Level { balance, promised } = self.known.levels.get(&key).copied().unwrap_or_default();
        let StockKey { product_id, warehouse_id } = key;
        let stock = Stock { product_id, warehouse_id, balance, promised, updated_at: self.known.now };
        self.feed.tell(Id::stock(key), warehouse_id.0, Aggregate::Stock(stock));
        self.note_short(key);
    }

    /// Only the totals that the server raises are told; a node knows its own.
    pub(super) fn tell_allotment(&mut self, life: IncarnationId, key: StockKey) {
        let Some(journal) = self.journals.get(&life) else { return };
        let allotment = journal.allotments.get(&key).copied().unwrap_or_default();
        let StockKey { product_id, warehouse_id } = key;
        let (granted, reclaimed) = (allotment.granted, allotment.reclaimed);
        let outlook = journal.outlooks.get(&key).copied().unwrap_or_default();
        let (full, keep) = (outlook.full, outlook.keep(granted));
        let told = Granted { incarnation_id: life, product_id, warehouse_id, granted, reclaimed, full, keep };
        let known = match self.feed.image(Id::allotment(life, key)) {
            Some(Aggregate::Allotment(known)) => (known.granted, known.reclaimed, known.keep),
            Some(_) | None => (0, 0, None),
        };
        if known != (granted, reclaimed, keep) {
            self.feed.tell(Id::allotment(life, key), journal.author.node_id.0, Aggregate::Allotment(told));
        }
    }
}

/// Whether the caller and the book know the same of its journal. Of a frozen one two devices tell
/// different ends, and both still hear the news.
fn agrees(journal: &Journal, standing: Standing) -> bool {
    let acked = journal.acked();
    standing.acked == acked || (journal.state == IncarnationState::Frozen && standing.head.seq >= acked.seq)
}
