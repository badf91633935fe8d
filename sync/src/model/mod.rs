//! The server's promise as pure code: an in-memory [`Remote`] that settles pushes with the very
//! decisions of the real server and feeds the newest version of each aggregate. For doc-tests,
//! examples and simulation.
//!
//! Each file says what the server's file of that name does, without a database: a push is `push`, what is
//! fed is `feed`, the lives of a journal are `lives`, a restored database is `epoch`.

mod carts;
mod concerns;
mod devices;
mod epoch;
mod feed;
mod grants;
mod holds;
mod journal;
mod ledger;
mod lives;
mod push;
mod retry;
#[cfg(test)]
mod tests;
mod withdrawal;

use std::{collections::BTreeSet, sync::Mutex};

use outpost_schema::{
    catalogue::{Product, ProductEdit, Warehouse},
    clock::Timestamp,
    count::{Span, Told},
    feed::{Aggregate, EVERYONE, Kind},
    id::{EpochId, HoldId, NodeId, ProductId, WarehouseId},
    money::Currency,
    rule::Rule,
    settle::{Author, Past},
    stock::{Level, StockKey},
};

pub use self::ledger::{Backup, Ledger};
use self::{feed::Id, journal::Journal};
use crate::{
    round::{Remote, Trouble},
    wire::{
        Born, Caller, HoldPlaced, HoldWanted, LifeWanted, Problem, Pulled, Push, Pushed, Report, Reported, Standing,
    },
};

/// A server in memory.
#[derive(Debug)]
pub struct Model {
    ledger: Mutex<Ledger>,
}

impl Model {
    /// An empty network at a moment.
    pub fn new(currency: Currency, now: Timestamp) -> Self {
        Self { ledger: Mutex::new(Ledger::new(currency, now)) }
    }

    /// It is so late now.
    pub fn at(&self, now: Timestamp) {
        self.lock().known.now = now;
    }

    /// Sets a warehouse up.
    pub fn add_warehouse(&self, warehouse: Warehouse) {
        let mut ledger = self.lock();
        ledger.known.warehouses.insert(warehouse.warehouse_id);
        if let Some(node_id) = warehouse.home_of {
            ledger.homes.insert(warehouse.warehouse_id, node_id);
        }
        ledger.feed.tell(Id::one(Kind::Warehouse, warehouse.warehouse_id.0), EVERYONE, Aggregate::Warehouse(warehouse));
        ledger.retry_set_aside();
    }

    /// Enters a product, with units of it on hand.
    pub fn add_product(&self, product: Product, on_hand: &[(WarehouseId, i64)]) {
        let mut ledger = self.lock();
        let product_id = product.product_id;
        ledger.known.products.insert(product_id);
        ledger.feed.tell(Id::one(Kind::Product, product_id.0), EVERYONE, Aggregate::Product(Box::new(product)));
        for (warehouse_id, balance) in on_hand {
            let key = StockKey { product_id, warehouse_id: *warehouse_id };
            ledger.known.levels.insert(key, Level { balance: *balance, promised: 0 });
            ledger.movements.insert(key, *balance);
            let told = Told { life: None, seq: 0, at: Some(Span::at(ledger.known.now)) };
            ledger.past.insert(key, vec![Past { told, delta: *balance, is_written_off: false }]);
            ledger.tell_stock(key);
            ledger.top_up(key);
        }
        ledger.retry_set_aside();
    }

    /// Edits a product.
    ///
    /// # Errors
    /// `not_found` for a product that is not there; what the edited product would have wrong.
    pub fn edit_product(&self, product_id: ProductId, edit: ProductEdit) -> Result<(), Problem> {
        let mut ledger = self.lock();
        let (now, id) = (ledger.known.now, Id::one(Kind::Product, product_id.0));
        let Some(Aggregate::Product(product)) = ledger.feed.image(id) else {
            return Err(Problem::new("not_found", "there is no such product"));
        };
        let edited = edit.apply((**product).clone(), now)?;
        ledger.feed.tell(id, EVERYONE, Aggregate::Product(Box::new(edited)));
        Ok(())
    }

    /// Lays a rule down.
    pub fn lay_down(&self, rule: Rule) {
        let scope = rule.says.warehouse().map_or(EVERYONE, |warehouse| warehouse.0);
        self.lock().feed.tell(Id::one(Kind::Rule, rule.rule_id.0), scope, Aggregate::Rule(Box::new(rule)));
    }

    /// Lets a node in. What is available at its homes is its to sell.
    pub fn add_node(&self, author: Author) {
        let mut ledger = self.lock();
        for home in &author.homes {
            ledger.homes.insert(*home, author.node_id);
        }
        let homes = author.homes.clone();
        ledger.journals.insert(author.incarnation_id, Journal::first(author));
        homes.into_iter().for_each(|home| ledger.top_up_warehouse(home));
    }

    /// Takes a life of a device back that its database forgot. It owes a report.
    pub fn readmit(&self, author: Author) {
        self.lock().readmit(author);
    }

    /// Stops waiting for a device. What it has open stays promised.
    pub fn give_up(&self, node_id: NodeId) {
        self.lock().give_up(node_id);
    }

    /// Suspends a device: it is granted nothing more, and is told so.
    pub fn suspend(&self, node_id: NodeId) {
        self.lock().suspend(node_id);
    }

    /// Lets a suspended device go on.
    pub fn resume(&self, node_id: NodeId) {
        self.lock().resume(node_id);
    }

    /// Books what a device could sell as lost, and suspends it.
    pub fn write_off(&self, node_id: NodeId) {
        self.lock().write_off(node_id);
    }

    /// Lets others sell what a device could.
    pub fn reclaim(&self, node_id: NodeId) {
        self.lock().reclaim_all(node_id);
    }

    /// All that it knows now. What it has of each journal is archived from now on.
    pub fn backup(&self) -> Backup {
        self.lock().backup()
    }

    /// Forgets what came after a backup, and begins an epoch: nothing is granted until every journal
    /// has reported.
    pub fn restore(&self, backup: Backup, epoch: EpochId) {
        self.lock().restore(backup, epoch);
    }

    /// Whether it still hears from its devices.
    pub fn is_recovering(&self) -> bool {
        self.lock().is_recovering
    }

    /// Stops hearing from its devices before it has heard them: what must never be done.
    pub fn grant_unheard(&self) {
        let mut ledger = self.lock();
        ledger.is_recovering = false;
        ledger.journals.values_mut().for_each(|journal| journal.report_owed = false);
    }

    /// The two sums of a stock row.
    pub fn level(&self, key: StockKey) -> Level {
        self.lock().known.levels.get(&key).copied().unwrap_or_default()
    }

    /// Reads what it knows.
    pub fn read<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.lock())
    }

    /// The line to this server for one caller.
    pub fn line(&self, caller: Caller) -> ModelLine<'_> {
        ModelLine { model: self, caller }
    }

    /// Takes a push.
    ///
    /// # Errors
    /// `unknown_node`, `broken_chain`.
    pub fn push(&self, node_id: NodeId, standing: Standing, push: &Push) -> Result<Pushed, Problem> {
        self.lock().push(caller(node_id, standing), standing, push)
    }

    /// Takes a page of a report.
    ///
    /// # Errors
    /// `unknown_node`, `not_yours`.
    pub fn report(&self, node_id: NodeId, standing: Standing, report: &Report) -> Result<Reported, Problem> {
        self.lock().report(caller(node_id, standing), standing, report)
    }

    /// Tells a page of what has changed since a cursor.
    ///
    /// # Errors
    /// `unknown_node`, `bad_cursor`.
    pub fn pull(&self, node_id: NodeId, standing: Standing, cursor: Option<&str>) -> Result<Pulled, Problem> {
        self.lock().pull(caller(node_id, standing), standing, cursor)
    }

    /// Begins the life that is wanted after the caller's.
    ///
    /// # Errors
    /// `unknown_node`, `life_taken`.
    pub fn begin_life(&self, node_id: NodeId, standing: Standing, wanted: &LifeWanted) -> Result<Born, Problem> {
        self.lock().begin_life(caller(node_id, standing), standing, wanted)
    }

    /// Places a hold, or says again that it stands.
    ///
    /// # Errors
    /// Those of the server's holds.
    pub fn hold(&self, caller: Caller, wanted: &HoldWanted) -> Result<HoldPlaced, Problem> {
        self.lock().hold(caller, wanted)
    }

    /// Releases a hold; one that is over already stays so.
    ///
    /// # Errors
    /// `unknown_node`, `unknown_hold`, `hold_closed` if it became allotment.
    pub fn release(&self, caller: Caller, hold_id: HoldId) -> Result<(), Problem> {
        self.lock().release(caller, hold_id)
    }

    /// Lets a hold last until a moment.
    ///
    /// # Errors
    /// `unknown_node`, `recovering`, `unknown_hold`, `hold_closed`, `bad_seconds`.
    pub fn extend(&self, caller: Caller, hold_id: HoldId, until: Timestamp) -> Result<HoldPlaced, Problem> {
        self.lock().extend(caller, hold_id, until)
    }

    /// Turns a hold into allotment of the caller's journal.
    ///
    /// # Errors
    /// `unknown_node`, `frozen`, `recovering`, `unknown_hold`, `hold_closed`.
    pub fn allot(&self, caller: Caller, hold_id: HoldId) -> Result<(), Problem> {
        self.lock().allot(caller, hold_id)
    }

    /// Releases expired holds.
    pub fn sweep(&self) {
        self.lock().sweep();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("a panic while the model was locked is a failed test")
    }
}

fn caller(node_id: NodeId, standing: Standing) -> Caller {
    Caller { node_id, incarnation_id: standing.incarnation_id }
}

/// One node's line to a [`Model`].
#[derive(Clone, Copy, Debug)]
pub struct ModelLine<'a> {
    model: &'a Model,
    caller: Caller,
}

impl Remote for ModelLine<'_> {
    async fn push(&self, standing: Standing, push: &Push) -> Result<Pushed, Trouble> {
        self.model.push(self.caller.node_id, standing, push).map_err(Trouble::Told)
    }

    async fn report(&self, standing: Standing, report: &Report) -> Result<Reported, Trouble> {
        self.model.report(self.caller.node_id, standing, report).map_err(Trouble::Told)
    }

    async fn pull(&self, standing: Standing, cursor: Option<&str>, _wait: u64) -> Result<Pulled, Trouble> {
        self.model.pull(self.caller.node_id, standing, cursor).map_err(Trouble::Told)
    }

    async fn begin_life(&self, standing: Standing, wanted: &LifeWanted) -> Result<Born, Trouble> {
        self.model.begin_life(self.caller.node_id, standing, wanted).map_err(Trouble::Told)
    }
}

fn unknown_node() -> Problem {
    Problem::new("unknown_node", "no node of this network has this journal; join it again")
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
        skew: None,
    }
}
