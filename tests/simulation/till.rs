//! The real till: the shipped node over its SQLite and sled, on a disk whose power can be cut.

mod act;
mod bins;
mod depth;
mod differences;
mod home;
mod judge;
mod line;
mod rows;
#[cfg(test)]
mod tests;
mod yard;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use outpost_node::{Error, Node, carts::Carts, orders::Awaiting, search::Search};
use outpost_schema::{
    cart::Cart,
    delivery::Delivery,
    device::Card,
    id::{DeliveryId, IncarnationId, OrderId},
    order::Order,
    stock::{Allotment, Level, StockKey},
    world::Seeded,
};

use self::home::Home;
pub use self::{
    depth::NodeDepth,
    yard::{Image, RealYard},
};
use crate::{
    device::Device,
    step::{Act, Done, Name, Undone},
};

/// Calls between checkpoints: far fewer than the commits after which the node's own thread begins one.
const CALLS_BETWEEN: u64 = 40;

/// One real till.
pub struct RealTill {
    /// Opened with the first cart: most tills of most days need none.
    carts: OnceLock<Carts>,
    node: Arc<Node>,
    /// Calls that may have written, since it was switched on.
    calls: AtomicU64,
    /// Switched off at the wall.
    is_off: AtomicBool,
    home: Home,
}

/// Why a call of a till did nothing.
#[derive(Debug)]
pub enum Stopped {
    /// The power is out.
    Dark,
    /// The node says so.
    Node(Error),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dark => f.write_str("the power is out"),
            Self::Node(error) => error.fmt(f),
        }
    }
}

impl RealTill {
    /// Switches the device on that lives here.
    ///
    /// # Panics
    /// If it does not start: whatever happened to its disk, it must.
    fn switch_on(home: Home, world: &Arc<Seeded>) -> Self {
        Self::try_on(home, world).unwrap_or_else(|failed| panic!("a till does not start: {}", failed.1))
    }

    /// The same where the power may go out meanwhile.
    fn try_on(home: Home, world: &Arc<Seeded>) -> Result<Self, Box<(Home, Error)>> {
        let node = match Node::open(home.folder(), Arc::<Seeded>::clone(world)) {
            Ok(node) => Arc::new(node),
            Err(error) => return Err(Box::new((home, error))),
        };
        let (carts, calls, is_off) = (OnceLock::new(), AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { carts, node, calls, is_off, home })
    }

    /// Closes all that is open in its folder.
    fn switch_off(self) -> Home {
        let Self { carts, node, home, .. } = self;
        drop(carts);
        drop(Arc::into_inner(node).expect("nobody else holds the node"));
        home
    }

    /// Its node.
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Where its database lies.
    pub fn file(&self) -> std::path::PathBuf {
        self.home.folder().join(outpost_node::db::FILE)
    }

    /// Its carts, opened with the first that is asked for.
    fn carts_open(&self) -> Result<&Carts, Error> {
        if self.carts.get().is_none() {
            let opened = Carts::open(Arc::clone(&self.node), self.home.folder())?;
            drop(self.carts.set(opened));
        }
        Ok(self.carts.get().expect("just opened"))
    }

    /// Lets the node work as long as there is power.
    fn powered<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Stopped> {
        if self.is_dark() {
            return Err(Stopped::Dark);
        }
        work().map_err(|error| if self.is_dark() { Stopped::Dark } else { Stopped::Node(error) })
    }

    /// The same for work that may write. Every so often the log is moved into the file before it, long before
    /// the node's own thread would do that: a thread has its turn when it likes, and one seed must be one
    /// order of changes.
    fn writing<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Stopped> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if calls.is_multiple_of(CALLS_BETWEEN) && !self.is_dark() {
            self.node.db().checkpoint();
        }
        self.powered(work)
    }

    /// Indexes what changed in the catalogue, if there is power.
    fn index_the_catalogue(&self) -> Search {
        let search = Search::on_call(Arc::clone(&self.node));
        if !self.is_dark() {
            search.catch_up().unwrap_or_else(|error| panic!("the catalogue is not indexed: {error}"));
        }
        search
    }

    /// Reads something that every till with power can tell.
    fn look<T>(&self, work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>) -> T {
        assert!(!self.is_dark(), "nobody can look at a till without power");
        self.node.db().read(work).unwrap_or_else(|error| panic!("a till cannot be read: {error}"))
    }
}

impl Device for RealTill {
    fn act(&self, act: &Act) -> Result<Done, Undone> {
        self.writing(|| act::act(self, act)).map_err(|stopped| match stopped {
            Stopped::Dark => Undone::Dark,
            Stopped::Node(error) => Undone::Refused(error.code().to_owned()),
        })
    }

    fn move_to(&self, card: &Card) -> Result<(), Undone> {
        self.writing(|| self.node.join(card)).map_err(|stopped| match stopped {
            Stopped::Dark => Undone::Dark,
            Stopped::Node(error) => Undone::Refused(error.code().to_owned()),
        })
    }

    fn has_bins(&self) -> bool {
        true
    }

    fn is_dark(&self) -> bool {
        self.is_off.load(Ordering::Relaxed) || self.home.is_out()
    }

    fn card(&self) -> Card {
        self.node.identity().unwrap_or_else(|error| panic!("a till cannot be read: {error}")).expect("joined").card
    }

    fn life(&self) -> IncarnationId {
        self.look(rows::life)
    }

    fn level(&self, key: StockKey) -> Level {
        self.look(|conn| rows::level(conn, key))
    }

    fn allotment(&self, key: StockKey) -> Allotment {
        self.look(|conn| rows::allotment(conn, key))
    }

    fn is_old_image(&self) -> bool {
        self.look(rows::is_old_image)
    }

    fn waiting(&self) -> usize {
        self.look(rows::waiting)
    }

    fn has(&self, name: Name) -> bool {
        self.look(|conn| rows::has(conn, name))
    }

    fn verdicts(&self) -> BTreeMap<(IncarnationId, i64), String> {
        self.look(rows::verdicts)
    }

    fn order(&self, order: OrderId) -> Option<Order> {
        assert!(!self.is_dark(), "nobody can look at a till without power");
        self.node.order(order).unwrap_or_else(|error| panic!("a till cannot be read: {error}"))
    }

    fn delivery(&self, delivery: DeliveryId) -> Option<Delivery> {
        assert!(!self.is_dark(), "nobody can look at a till without power");
        self.node.delivery(delivery).unwrap_or_else(|error| panic!("a till cannot be read: {error}"))
    }

    fn is_confirmed(&self, order: OrderId) -> Option<bool> {
        let shown = self.order(order)?;
        let awaits = self.node.confirmation(&shown).unwrap_or_else(|error| panic!("a till cannot be read: {error}"));
        awaits.map(|awaits| awaits == Awaiting::Confirmed)
    }

    fn carts(&self) -> Vec<Cart> {
        self.look(rows::carts)
    }

    fn tidy(&self) -> Result<(), Undone> {
        match self.writing(|| self.node.forget_archived()) {
            Ok(_) => Ok(()),
            Err(Stopped::Dark) => Err(Undone::Dark),
            Err(Stopped::Node(error)) => panic!("a till with power cannot tidy up: {error}"),
        }
    }

    fn examine(&self) -> Result<(), String> {
        self.powered(|| self.node.examine()).map_err(|stopped| stopped.to_string())?;
        self.fast_copy_agrees()?;
        self.index_agrees()
    }
}

impl RealTill {
    /// Whether what is found is what the database says, whatever past the index was left in. One till of each day keeps
    /// one, and some that are put back.
    fn index_agrees(&self) -> Result<(), String> {
        if !self.home.has_index() {
            return Ok(());
        }
        let other = self.index_the_catalogue().differences().map_err(|error| error.to_string())?;
        let other = other.first();
        other.map_or(Ok(()), |product| Err(format!("of {product} the search index says what the database does not")))
    }

    /// Whether the fast copy of the carts, if it is open, shows what the database has.
    fn fast_copy_agrees(&self) -> Result<(), String> {
        let Some(carts) = self.carts.get() else { return Ok(()) };
        let mut shown = carts.list().map_err(|error| error.to_string())?;
        let mut kept: Vec<Cart> = Device::carts(self).into_iter().filter(|cart| !cart.is_empty()).collect();
        shown.sort_by_key(Cart::cart_id);
        kept.sort_by_key(Cart::cart_id);
        if shown == kept { Ok(()) } else { Err("the fast copy of the carts is not what the database has".to_owned()) }
    }
}
