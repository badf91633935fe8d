//! The server's promise as one page of pure code: an in-memory [`Remote`] that settles pushes with
//! the very decisions of the real server and feeds the newest version of each aggregate. For
//! doc-tests, examples and simulation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use outpost_schema::{
    catalogue::{Product, Warehouse},
    clock::Timestamp,
    feed::{Aggregate, Granted, Key, Kind, Stock},
    id::{EpochId, IncarnationId, UserId, WarehouseId},
    journal::{Entry, Mark},
    money::Currency,
    settle::{Author, Elder, Known, Settled, settle},
    stock::{Allotment, Level, StockKey},
    verdict::Verdict,
};
use uuid::Uuid;

use crate::{
    round::{Remote, Trouble},
    wire::{Acked, Born, Caller, LifeWanted, PAGE_MAX, Page, Problem, Pulled, Push, Pushed, Standing},
};

/// A server in memory.
#[derive(Debug)]
pub struct Model {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: Known,
    journals: BTreeMap<IncarnationId, Journal>,
    /// Newest version of each aggregate, with the count of changes at which it last changed.
    feed: BTreeMap<Key, (u64, Aggregate)>,
    changes: u64,
}

#[derive(Debug)]
struct Journal {
    author: Author,
    entries: Vec<(Entry, Verdict)>,
    allotments: BTreeMap<StockKey, Allotment>,
    /// Entries of this life that a later one carried.
    carried: BTreeSet<Mark>,
}

impl Journal {
    fn of(author: Author) -> Self {
        Self { author, entries: Vec::new(), allotments: BTreeMap::new(), carried: BTreeSet::new() }
    }

    /// What later lives of the device may rely on.
    fn elder(&self) -> Elder {
        let told = self.entries.iter().map(|(entry, _)| entry.mark()).chain(self.carried.iter().copied());
        Elder { told: told.collect(), allotments: self.allotments.clone() }
    }

    fn mark(&self) -> Mark {
        self.entries.last().map_or(Mark::START, |(entry, _)| entry.mark())
    }

    fn set_aside(&self) -> Vec<i64> {
        self.entries.iter().filter(|(_, verdict)| verdict.is_set_aside()).map(|(entry, _)| entry.seq).collect()
    }
}

impl Model {
    /// An empty network at a moment.
    pub fn new(currency: Currency, now: Timestamp) -> Self {
        let mut known = Known::empty(currency, now);
        known.users.insert(UserId::GUEST);
        Self { state: Mutex::new(State { known, journals: BTreeMap::new(), feed: BTreeMap::new(), changes: 0 }) }
    }

    /// Sets a warehouse up.
    pub fn add_warehouse(&self, warehouse: Warehouse) {
        let mut state = self.lock();
        state.known.warehouses.insert(warehouse.warehouse_id);
        let key = Key { kind: Kind::Warehouse, ids: vec![warehouse.warehouse_id.0] };
        state.tell(key, Aggregate::Warehouse(warehouse));
    }

    /// Enters a product, with units of it on hand.
    pub fn add_product(&self, product: Product, on_hand: &[(WarehouseId, i64)]) {
        let mut state = self.lock();
        let product_id = product.product_id;
        state.known.products.insert(product_id);
        let key = Key { kind: Kind::Product, ids: vec![product_id.0] };
        state.tell(key, Aggregate::Product(Box::new(product)));
        for (warehouse_id, balance) in on_hand {
            let key = StockKey { product_id, warehouse_id: *warehouse_id };
            state.known.levels.insert(key, Level { balance: *balance, promised: 0 });
            state.tell_stock(key);
        }
    }

    /// Lets a node in.
    pub fn add_node(&self, author: Author) {
        self.lock().journals.insert(author.incarnation_id, Journal::of(author));
    }

    /// The two sums of a stock row.
    pub fn level(&self, key: StockKey) -> Level {
        self.lock().known.levels.get(&key).copied().unwrap_or_default()
    }

    /// The line to this server for one caller.
    pub fn line(&self, caller: Caller) -> ModelLine<'_> {
        ModelLine { model: self, caller }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("a panic while the model was locked is a failed test")
    }
}

/// One node's line to a [`Model`].
#[derive(Clone, Copy, Debug)]
pub struct ModelLine<'a> {
    model: &'a Model,
    caller: Caller,
}

impl Remote for ModelLine<'_> {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        let caller = Caller { incarnation_id: standing.incarnation_id, ..self.caller };
        self.model.lock().push(caller, push).map_err(Trouble::Told)
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, _wait: u64) -> Result<Pulled, Trouble> {
        let caller = Caller { incarnation_id: standing.incarnation_id, ..self.caller };
        self.model.lock().pull(caller, standing, cursor).map_err(Trouble::Told)
    }

    async fn begin_life(&self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Trouble> {
        self.model.lock().begin_life(standing, wanted).map_err(Trouble::Told)
    }
}

impl State {
    fn push(&mut self, caller: Caller, push: &Push) -> Result<Pushed, Problem> {
        let State { known, journals, .. } = self;
        let of_device = |(life, journal): (&IncarnationId, &Journal)| {
            let is_elder = journal.author.node_id == caller.node_id && *life != caller.incarnation_id;
            is_elder.then(|| (*life, journal.elder()))
        };
        known.elders = journals.iter().filter_map(of_device).collect();
        let journal = journals.get_mut(&caller.incarnation_id).ok_or_else(unknown_node)?;
        let acked = journal.mark();
        let known_before = |entry: &&Entry| entry.seq <= acked.seq;
        let repeats: Vec<&Entry> = push.entries.iter().take_while(known_before).collect();
        let fresh = &push.entries[repeats.len()..];
        let mut verdicts = Vec::new();
        for entry in repeats {
            let (first, verdict) = &journal.entries[usize::try_from(entry.seq - 1).map_err(|_| unknown_node())?];
            if first.hash != entry.hash {
                return Ok(Pushed::Frozen);
            }
            verdicts.push((entry.seq, verdict.clone()));
        }
        let mut mark = acked;
        for entry in fresh {
            if !entry.follows(caller.incarnation_id, mark) {
                return Ok(Pushed::Elsewhere { acked });
            }
            mark = entry.mark();
        }
        // What is known holds one author's allotments at a time.
        std::mem::swap(&mut known.allotments, &mut journal.allotments);
        let settled = settle(known, &journal.author, fresh);
        std::mem::swap(&mut known.allotments, &mut journal.allotments);
        journal.entries.extend(fresh.iter().cloned().zip(settled.verdicts.iter().map(|(_, verdict)| verdict.clone())));
        for (life, elder) in std::mem::take(&mut known.elders) {
            journals.entry(life).and_modify(|journal| journal.allotments = elder.allotments);
        }
        for brought in &settled.carried {
            journals.entry(brought.life).and_modify(|journal| _ = journal.carried.insert(brought.mark));
        }
        verdicts.extend(settled.verdicts.iter().cloned());
        self.publish(caller, settled);
        Ok(Pushed::Settled { acked: mark, verdicts, carts: Vec::new() })
    }

    fn begin_life(&mut self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Problem> {
        let elder = self.journals.get(&standing.incarnation_id).ok_or_else(unknown_node)?;
        let after = usize::try_from(standing.acked.seq).unwrap_or_default();
        let theirs = elder.entries.iter().skip(after).map(|(entry, _)| entry.hash);
        let known = theirs.zip(&wanted.unsettled).take_while(|(had, told)| had == *told).count();
        let author = Author { incarnation_id: wanted.incarnation_id, ..elder.author.clone() };
        self.journals.entry(wanted.incarnation_id).or_insert_with(|| Journal::of(author));
        let prefix = format!("M{}", self.journals.len());
        Ok(Born { incarnation_id: wanted.incarnation_id, prefix, known })
    }

    fn publish(&mut self, caller: Caller, settled: Settled) {
        for (_, order) in settled.orders {
            self.tell(Key { kind: Kind::Order, ids: vec![order.order_id.0] }, Aggregate::Order(Box::new(order)));
        }
        for (order_id, (status, at)) in settled.statuses {
            let key = Key { kind: Kind::Order, ids: vec![order_id.0] };
            if let Some((_, Aggregate::Order(mut order))) = self.feed.get(&key).cloned() {
                order.status = status;
                order.updated_at = at;
                self.tell(key, Aggregate::Order(order));
            }
        }
        for user in settled.users {
            self.tell(Key { kind: Kind::User, ids: vec![user.user_id.0] }, Aggregate::User(Box::new(user)));
        }
        for key in settled.levels {
            self.tell_stock(key);
        }
        for key in settled.allotments {
            self.tell_allotment(caller.incarnation_id, key);
        }
    }

    fn tell_stock(&mut self, key: StockKey) {
        let Level { balance, promised } = self.known.levels.get(&key).copied().unwrap_or_default();
        let StockKey { product_id, warehouse_id } = key;
        let stock = Stock { product_id, warehouse_id, balance, promised, updated_at: self.known.now };
        self.tell(Key { kind: Kind::Stock, ids: vec![product_id.0, warehouse_id.0] }, Aggregate::Stock(stock));
    }

    fn tell_allotment(&mut self, incarnation_id: IncarnationId, key: StockKey) {
        let journal = self.journals.get(&incarnation_id);
        let allotment = journal.and_then(|journal| journal.allotments.get(&key)).copied().unwrap_or_default();
        let StockKey { product_id, warehouse_id } = key;
        let (granted, reclaimed) = (allotment.granted, allotment.reclaimed);
        let told = Granted { incarnation_id, product_id, warehouse_id, granted, reclaimed };
        let ids = vec![incarnation_id.0, product_id.0, warehouse_id.0];
        self.tell(Key { kind: Kind::Allotment, ids }, Aggregate::Allotment(told));
    }

    fn tell(&mut self, key: Key, aggregate: Aggregate) {
        self.changes += 1;
        self.feed.insert(key, (self.changes, aggregate));
    }

    fn pull(&self, caller: Caller, standing: Standing, cursor: Option<&str>) -> Result<Pulled, Problem> {
        let journal = self.journals.get(&caller.incarnation_id).ok_or_else(unknown_node)?;
        let mark = journal.mark();
        if standing.acked != mark {
            return Ok(Pulled::Elsewhere { acked: mark });
        }
        let since = cursor.map_or(Ok(0), str::parse::<u64>).map_err(|_| bad_cursor())?;
        let mut news: Vec<_> = self.feed.values().filter(|(changed, _)| *changed > since).collect();
        news.sort_by_key(|(changed, _)| *changed);
        news.truncate(PAGE_MAX);
        let upto = news.last().map_or(since, |(changed, _)| *changed);
        let acked = Acked { incarnation_id: caller.incarnation_id, mark, set_aside: journal.set_aside() };
        Ok(Pulled::Page(Box::new(Page {
            epoch: EpochId(Uuid::nil()),
            cursor: upto.to_string(),
            level: upto == self.changes,
            seen: upto.to_string(),
            aggregates: news.into_iter().map(|(_, aggregate)| aggregate.clone()).collect(),
            acked: vec![acked],
            server_time: self.known.now,
        })))
    }
}

fn unknown_node() -> Problem {
    Problem::new("unknown_node", "no node of this network has this journal; join it again")
}

fn bad_cursor() -> Problem {
    Problem::new("bad_cursor", "this is no position in the feed; start it anew")
}

/// A node that may act at one warehouse, for examples.
pub fn author(caller: Caller, warehouse_id: WarehouseId) -> Author {
    Author {
        node_id: caller.node_id,
        incarnation_id: caller.incarnation_id,
        warehouses: BTreeSet::from([warehouse_id]),
        homes: BTreeSet::new(),
        elders: BTreeSet::new(),
        is_superseded: false,
    }
}
