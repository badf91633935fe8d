//! A till over tables in memory. Its tables are its disk: what was committed is there after a power cut.

mod deliveries;
mod inbox;
mod journal;
mod local;
mod refill;
mod tables;
mod verbs;

use std::{
    cell::{Cell, Ref, RefCell},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

use outpost_schema::{
    cart::Cart,
    delivery::Delivery,
    device::Card,
    id::{DeliveryId, IncarnationId, NodeId, OrderId},
    order::Order,
    stock::{Allotment, Level, StockKey},
    world::{Seeded, World as _},
};

pub(super) use self::tables::Tables;
use crate::{
    device::Device,
    step::{Act, Done, Name, Undone},
};

/// Days that an entry stays in the journal at least, archived or not.
const KEPT_DAYS: i64 = 35;

/// The power is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dark;

impl fmt::Display for Dark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the power is out")
    }
}

impl From<Dark> for Undone {
    fn from(_: Dark) -> Self {
        Self::Dark
    }
}

/// Where a power cut fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fell {
    /// The last commit is on the disk, and nobody was told so.
    Behind,
    /// The last commit is not on the disk.
    Before,
    /// Between two commits.
    Idle,
}

/// One till.
pub struct ModelTill {
    world: Arc<Seeded>,
    tables: RefCell<Tables>,
    /// Commits before the power goes out.
    fuse: Cell<Option<u64>>,
    dark: Cell<Option<Fell>>,
}

impl ModelTill {
    pub(super) fn new(tables: Tables, world: &Arc<Seeded>) -> Self {
        let (world, tables) = (Arc::clone(world), RefCell::new(tables));
        Self { world, tables, fuse: Cell::new(None), dark: Cell::new(None) }
    }

    pub(super) fn tables(&self) -> Ref<'_, Tables> {
        self.tables.borrow()
    }

    pub(super) fn into_tables(self) -> Tables {
        self.tables.into_inner()
    }

    /// Which device it is.
    pub(super) fn node_id(&self) -> NodeId {
        self.tables().card.node_id
    }

    /// The power goes out at the commit with this number, counted from the next; at once for none.
    pub(super) fn arm(&self, commits: u64) {
        if commits == 0 {
            self.dark.set(Some(Fell::Idle));
        } else {
            self.fuse.set(Some(commits));
        }
    }

    /// Where the power cut fell, if there was one.
    pub(super) fn fell(&self) -> Option<Fell> {
        self.dark.get()
    }

    fn light(&self) -> Result<(), Dark> {
        if self.dark.get().is_some() { Err(Dark) } else { Ok(()) }
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> Result<T, Dark> {
        self.light()?;
        Ok(read(&self.tables()))
    }

    /// One commit. If the power goes out at it, it is by chance just before or just after it is on the disk.
    fn commit<T>(&self, write: impl FnOnce(&mut Tables, &Seeded) -> T) -> Result<T, Dark> {
        self.light()?;
        let left = self.fuse.get().map(|left| left - 1);
        self.fuse.set(left);
        let [chance, ..] = if left == Some(0) { self.world.chance() } else { [0; 16] };
        match left {
            Some(0) if chance & 1 == 0 => {
                self.dark.set(Some(Fell::Before));
                return Err(Dark);
            }
            Some(0) => self.dark.set(Some(Fell::Behind)),
            Some(_) | None => {}
        }
        let written = write(&mut self.tables.borrow_mut(), &self.world);
        self.light().map(|()| written)
    }
}

impl Device for ModelTill {
    fn act(&self, act: &Act) -> Result<Done, Undone> {
        self.light()?;
        // Whatever is refused leaves nothing, and is no commit.
        let plan = self.tables().plan(act, &self.world).map_err(|code| Undone::Refused(code.to_owned()))?;
        Ok(self.commit(|tables, world| tables.carry_out(plan, world))?)
    }

    fn move_to(&self, card: &Card) -> Result<(), Undone> {
        self.light()?;
        self.tables().may_move_to(card).map_err(|code| Undone::Refused(code.to_owned()))?;
        Ok(self.commit(|tables, _| tables.move_to(card))?)
    }

    fn has_bins(&self) -> bool {
        false
    }

    fn is_dark(&self) -> bool {
        self.dark.get().is_some()
    }

    fn card(&self) -> Card {
        self.tables().card.clone()
    }

    fn life(&self) -> IncarnationId {
        self.tables().life()
    }

    fn level(&self, key: StockKey) -> Level {
        self.tables().level(key)
    }

    fn allotment(&self, key: StockKey) -> Allotment {
        self.tables().allotment(key)
    }

    fn is_old_image(&self) -> bool {
        self.tables().state.is_old_image()
    }

    fn waiting(&self) -> usize {
        let tables = self.tables();
        tables.own.unanswered() + tables.carts.values().filter(|kept| kept.is_unsent).count()
    }

    fn has(&self, name: Name) -> bool {
        let tables = self.tables();
        tables.journal(name.life).is_some_and(|journal| journal.has(name.mark) || name.mark.seq <= journal.forgotten())
    }

    fn verdicts(&self) -> BTreeMap<(IncarnationId, i64), String> {
        let tables = self.tables();
        let answers = tables
            .journals()
            .flat_map(|(life, journal)| journal.answers().map(move |(seq, word)| ((life, seq), word.to_owned())));
        answers.collect()
    }

    fn order(&self, order: OrderId) -> Option<Order> {
        self.tables().orders.get(&order).cloned()
    }

    fn delivery(&self, delivery: DeliveryId) -> Option<Delivery> {
        self.tables().delivery(delivery)
    }

    fn is_confirmed(&self, order: OrderId) -> Option<bool> {
        self.tables().is_confirmed(order)
    }

    fn carts(&self) -> Vec<Cart> {
        self.tables().carts.values().map(|kept| kept.cart.clone()).collect()
    }

    fn tidy(&self) -> Result<(), Undone> {
        let before = self.world.now().plus_seconds(-KEPT_DAYS * 86_400);
        Ok(self.commit(|tables, _| tables.forget(before))?)
    }

    fn examine(&self) -> Result<(), String> {
        self.tables().journals().try_for_each(|(life, journal)| journal.examine(life))
    }
}
