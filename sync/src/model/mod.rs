//! The server's promise as pure code: an in-memory [`Remote`] that settles pushes with the very
//! decisions of the real server and feeds the newest version of each aggregate. For doc-tests,
//! examples and simulation.
//!
//! Each file says what the server's file of that name does, without a database: a push is `push`, what is
//! fed is `feed`, the lives of a journal are `lives`, a restored database is `epoch`.

mod carts;
mod concerns;
mod confirm;
mod deliveries;
mod devices;
mod epoch;
mod feed;
mod grants;
mod holds;
mod journal;
mod leaving;
mod ledger;
mod lives;
mod push;
mod retry;
mod rules;
mod settle;
#[cfg(test)]
mod tests;
mod transfers;
mod withdrawal;

use std::{collections::BTreeSet, sync::Mutex};

use outpost_schema::{
    catalogue::{Product, ProductEdit, Warehouse},
    clock::Timestamp,
    count::{Span, Told},
    delivery::{Closing, Delivery},
    feed::{Aggregate, EVERYONE, Kind},
    id::{ConcernId, DeliveryId, EpochId, HoldId, NodeId, ProductId, TransferId, WarehouseId},
    money::Currency,
    rule::{Rule, Says},
    settle::{Author, Past},
    stock::{Level, StockKey},
};

use self::{feed::Id, journal::Journal};
pub use self::{
    ledger::{Backup, Ledger},
    settle::{SettlementMade, SettlementWanted},
};
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

    /// Lays a rule down, in the place of the one that was about the same.
    pub fn lay_down(&self, rule: Rule) {
        self.lock().lay_down(rule);
    }

    /// Takes back the rule that is about the same as this, whatever it says.
    pub fn take_back(&self, about: &Says) {
        self.lock().take_back(about);
    }

    /// Keeps so many units of each stock row back from now on, everywhere or at one place; none there: as everywhere.
    pub fn keep_back(&self, at: Option<WarehouseId>, units: Option<i64>) {
        self.lock().keep_back(at, units);
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
    ///
    /// # Errors
    /// `retired`.
    pub fn suspend(&self, node_id: NodeId) -> Result<(), Problem> {
        let mut ledger = self.lock();
        ledger.is_in_use(node_id)?;
        ledger.suspend(node_id);
        Ok(())
    }

    /// Lets a suspended device go on.
    ///
    /// # Errors
    /// `retired`.
    pub fn resume(&self, node_id: NodeId) -> Result<(), Problem> {
        let mut ledger = self.lock();
        ledger.is_in_use(node_id)?;
        ledger.resume(node_id);
        Ok(())
    }

    /// Lets a device go on at another place, perhaps as its home, once it has given all back.
    ///
    /// # Errors
    /// `retired`, `unheard`, `still_open`, `ops_wait`, `stands_there`, `home_taken`.
    pub fn relocate(&self, node_id: NodeId, to: WarehouseId, is_home: bool) -> Result<(), Problem> {
        self.lock().relocate(node_id, to, is_home)
    }

    /// Closes a device for good, once it has told all and given all back; until then it is suspended. One that is lost
    /// need not have told.
    ///
    /// # Errors
    /// `retired`, `unheard`, `still_open`, `ops_wait`, `not_closed`.
    pub fn retire(&self, node_id: NodeId, is_lost: bool) -> Result<(), Problem> {
        self.lock().retire(node_id, is_lost)
    }

    /// Books what a device could sell as lost, and suspends it.
    pub fn write_off(&self, node_id: NodeId) {
        self.lock().write_off(node_id);
    }

    /// Lets others sell what a device could.
    pub fn reclaim(&self, node_id: NodeId) {
        self.lock().reclaim_all(node_id);
    }

    /// Expects a delivery.
    pub fn expect(&self, delivery: Delivery) {
        self.lock().expect(delivery);
    }

    /// Closes a delivery of which no more will come.
    pub fn close_delivery(&self, id: DeliveryId, closing: Closing) {
        self.lock().close_delivery(id, closing);
    }

    /// Gives up what is on the road of a transfer of which no more will come.
    ///
    /// # Errors
    /// `not_found`, or `still_open` while more may come.
    pub fn write_off_transfer(&self, id: TransferId) -> Result<(), Problem> {
        self.lock().write_off_transfer(id)
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

    /// Confirms the orders whose goods are there by now.
    pub fn confirm(&self) {
        self.lock().confirm();
    }

    /// Settles a concern, or writes down what will be done about it. A repeat is answered as the first time.
    ///
    /// # Errors
    /// `not_found`, `not_possible`, `concern_over`, `settlement_taken`, `in_doubt`.
    pub fn settle(&self, concern_id: ConcernId, wanted: &SettlementWanted) -> Result<SettlementMade, Problem> {
        self.lock().settle_concern(concern_id, wanted)
    }

    /// Looks once more at what is short.
    pub fn look_again(&self) {
        self.lock().look_again();
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
        former: BTreeSet::new(),
        homes: BTreeSet::new(),
        left_homes: BTreeSet::new(),
        is_closed: false,
        elders: BTreeSet::new(),
        is_superseded: false,
        skew: None,
    }
}
