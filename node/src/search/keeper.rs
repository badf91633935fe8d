//! Whoever keeps the index: after a commit of the node it indexes what changed, many changes at once, on a thread that
//! nobody waits for. Meanwhile what was indexed before is found; while there is no index at all, the database itself
//! is asked.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use outpost_schema::{
    clock::Timestamp,
    id::{ProductId, WarehouseId},
    planted::{Bug, is_planted},
};

use super::{
    bell::Bell,
    entry::{self, Indexed},
    forms::Forms,
    index::{Shelf, Trouble, Writer},
    tree::Tree,
    view::View,
};
use crate::{
    db::{
        catalogue, identity,
        search::{self, Changed, Entry, Place},
    },
    error::Error,
    node::Node,
    stage::{self, Moment, Work},
};

/// Products that are read at once.
const PAGE: usize = 1_000;

/// Changes that are kept although the index reflects them, so that not each of its commits is one of the database too.
const KEPT_CHANGES: i64 = 1_000;

/// What counts as of late when it is said what sells: a season.
const OF_LATE_DAYS: i64 = 90;

/// How often it is counted what sells.
const COUNTED_HOURS: i64 = 24;

const HOUR_MICROS: i64 = 3_600 * 1_000_000;

/// Why something was not indexed.
#[derive(Debug, thiserror::Error)]
pub enum NotIndexed {
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] Trouble),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] Error),
    /// The device is shutting down.
    #[error("this device is shutting down; what changed is indexed with the next start")]
    Over,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Whether the index was made anew.
    pub is_anew: bool,
    /// Products that were indexed or taken out.
    pub products: usize,
}

/// The keeper.
pub(super) struct Keeper {
    node: Arc<Node>,
    desk: Mutex<Desk>,
    view: RwLock<Option<Arc<View>>>,
    trouble: Mutex<Option<Trouble>>,
    is_over: AtomicBool,
}

/// What it works with.
struct Desk {
    shelf: Option<Shelf>,
    writer: Option<Writer>,
    forms: Forms,
    /// In how many orders of late each product was, and when that was counted.
    sold: HashMap<ProductId, u32>,
    counted_at: Option<Timestamp>,
}

impl Desk {
    fn indexed(&mut self, entry: &Entry, tree: &Tree) -> Indexed {
        let names = tree.names(entry.product.category_id);
        let orders = self.sold.get(&entry.product.product_id).copied().unwrap_or(0);
        Indexed::of(entry, &names, orders, &mut self.forms)
    }
}

impl Keeper {
    /// With nothing open yet.
    pub(super) fn new(node: Arc<Node>) -> Self {
        let desk = Desk { shelf: None, writer: None, forms: Forms::new(), sold: HashMap::new(), counted_at: None };
        Self {
            node,
            desk: Mutex::new(desk),
            view: RwLock::default(),
            trouble: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// What is found now; none, while there is no index.
    pub(super) fn view(&self) -> Option<Arc<View>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why there is none, or why it falls behind.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        held(&self.trouble).clone()
    }

    /// What was found in it is damaged: it is not used any more, and made anew with the next change.
    pub(super) fn doubt(&self, what: String) {
        self.show(None);
        *held(&self.trouble) = Some(Trouble::Damaged(what));
    }

    /// Indexes what changed since the last time. Damage is mended by beginning anew; whatever else is wrong is noted,
    /// and tried again with the next change.
    pub(super) fn catch_up(&self) -> Result<Kept, NotIndexed> {
        let mut desk = held(&self.desk);
        let is_doubted = matches!(&*held(&self.trouble), Some(Trouble::Damaged(_)));
        let done = match if is_doubted { Err(doubted()) } else { self.tried(&mut desk) } {
            Err(NotIndexed::Index(Trouble::Damaged(what))) => {
                tracing::warn!(what, "the search index is made anew");
                self.show(None);
                (desk.writer, desk.shelf) = (None, None);
                desk.shelf = Some(Shelf::anew(self.node.db().folder()).inspect_err(|trouble| self.note(trouble))?);
                self.tried(&mut desk)
            }
            done => done,
        };
        match &done {
            Ok(_) => *held(&self.trouble) = None,
            Err(NotIndexed::Index(trouble)) => {
                desk.writer = None;
                self.note(trouble);
            }
            Err(NotIndexed::Over) => {}
            Err(NotIndexed::Database(error)) => tracing::warn!(%error, "what changed could not be indexed yet"),
        }
        done
    }

    /// Products of which the index and the database say different things, or only one says anything.
    pub(super) fn differences(&self) -> Result<Vec<ProductId>, Error> {
        let mut desk = held(&self.desk);
        let view = self.view();
        let held = view.iter().flat_map(|view| view.products()).map(|(product, _, digest)| (product, digest));
        let mut held: HashMap<ProductId, u64> = held.collect();
        let db = self.node.db();
        let here = db.read(identity::find)?.map(|identity| identity.warehouse_id());
        let tree = Tree::new(db.read(catalogue::categories)?);
        let (mut other, mut after) = (Vec::new(), None);
        loop {
            let page = db.read(|conn| search::page(conn, here, after, PAGE))?;
            let Some(last) = page.last() else { break };
            after = Some(last.product.product_id);
            for entry in &page {
                let indexed = desk.indexed(entry, &tree);
                if held.remove(&indexed.product_id) != Some(indexed.digest()) {
                    other.push(indexed.product_id);
                }
            }
        }
        other.extend(held.into_keys());
        Ok(other)
    }

    /// Whoever indexes stops at its next step; what was not committed is indexed with the next start.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn go_on(&self) -> Result<(), NotIndexed> {
        if self.is_over.load(Ordering::Relaxed) { Err(NotIndexed::Over) } else { Ok(()) }
    }

    fn note(&self, trouble: &Trouble) {
        tracing::warn!(code = trouble.code(), %trouble, "the search index is not up to date");
        *held(&self.trouble) = Some(trouble.clone());
    }

    fn show(&self, view: Option<Arc<View>>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// tantivy panics over some damage.
    fn tried(&self, desk: &mut Desk) -> Result<Kept, NotIndexed> {
        catch_unwind(AssertUnwindSafe(|| self.keep(desk))).unwrap_or_else(|_| Err(doubted()))
    }

    fn keep(&self, desk: &mut Desk) -> Result<Kept, NotIndexed> {
        let db = self.node.db();
        if desk.shelf.is_none() {
            let shelf = Shelf::open(db.folder())?;
            shelf.check()?;
            desk.shelf = Some(shelf);
        }
        let shelf = desk.shelf.clone().ok_or_else(doubted)?;
        let from = shelf.place()?;
        let (upto, changed, tree) = db.read(|conn| {
            let changed = from.map_or(Ok(Changed::Everything), |from| search::since(conn, from))?;
            Ok((search::newest(conn)?, changed, Tree::new(catalogue::categories(conn)?)))
        })?;
        let here = db.read(identity::find)?.map(|identity| identity.warehouse_id());
        if changed != Changed::Everything && self.view().is_none() {
            self.refresh(&shelf, &tree)?;
        }
        let counted_anew = self.count_sold(desk, here)?;
        let changed = match changed {
            Changed::Products(_) if is_planted(Bug::IndexTailForgotten) => Changed::Products(Vec::new()),
            Changed::Products(mut products) => {
                if counted_anew {
                    products.extend(self.sell_otherwise(&desk.sold));
                }
                Changed::Products(products)
            }
            Changed::Everything => Changed::Everything,
        };
        let round = Round { keeper: self, here, tree: &tree, upto };
        let kept = match changed {
            Changed::Everything => round.everything(desk)?,
            Changed::Products(products) if products.is_empty() => Kept::default(),
            Changed::Products(products) => round.products(desk, &products)?,
        };
        if kept.is_anew || kept.products > 0 {
            self.refresh(desk.shelf.as_ref().unwrap_or(&shelf), &tree)?;
            self.forget(upto)?;
        }
        if kept.is_anew {
            self.join(desk, &tree)?;
        }
        Ok(kept)
    }

    /// What was written in many parts is searched already, and made one.
    fn join(&self, desk: &mut Desk, tree: &Tree) -> Result<(), NotIndexed> {
        self.go_on()?;
        if let Some(Err(trouble)) = desk.writer.as_mut().map(super::index::Writer::join) {
            tracing::warn!(%trouble, "the search index stays in many parts");
        }
        let shelf = desk.shelf.as_ref().ok_or_else(doubted)?;
        Ok(self.refresh(shelf, tree)?)
    }

    fn refresh(&self, shelf: &Shelf, tree: &Tree) -> Result<(), Trouble> {
        let before = self.view();
        let view = View::open(shelf, tree.clone(), before.as_deref())?;
        self.show(Some(Arc::new(view)));
        Ok(())
    }

    /// Counts what sells here, once a day. Says whether it did.
    fn count_sold(&self, desk: &mut Desk, here: Option<WarehouseId>) -> Result<bool, Error> {
        let now = self.node.world().now();
        let is_due = desk.counted_at.is_none_or(|at| now.micros() - at.micros() >= COUNTED_HOURS * HOUR_MICROS);
        let (Some(here), true) = (here, is_due) else { return Ok(false) };
        let since = Timestamp::from_micros(now.micros() - OF_LATE_DAYS * 24 * HOUR_MICROS);
        desk.sold = self.node.db().read(|conn| search::sold(conn, here, since))?;
        desk.counted_at = Some(now);
        Ok(true)
    }

    /// Products that sell more or less now than the index says.
    fn sell_otherwise(&self, sold: &HashMap<ProductId, u32>) -> Vec<ProductId> {
        let Some(view) = self.view() else { return Vec::new() };
        let class = |product: &ProductId| entry::class_of(sold.get(product).copied().unwrap_or(0));
        let other = view.products().filter(|(product, standing, _)| entry::sold(*standing) != class(product));
        other.map(|(product, ..)| product).collect()
    }

    /// Forgets changes that are indexed for good, once they are many.
    fn forget(&self, upto: Place) -> Result<(), Error> {
        if self.node.db().read(search::oldest)? + KEPT_CHANGES > upto.position {
            return Ok(());
        }
        self.node.db().write_at(Work::ForgetChanges, |tx| search::forget(tx, upto))
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("trouble", &self.trouble()).finish_non_exhaustive()
    }
}

fn doubted() -> NotIndexed {
    Trouble::Damaged("reading it broke off".to_owned()).into()
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One time of indexing.
struct Round<'a> {
    keeper: &'a Keeper,
    here: Option<WarehouseId>,
    tree: &'a Tree,
    /// What the database was read up to before anything of it was indexed: what changes meanwhile comes again.
    upto: Place,
}

impl Round<'_> {
    fn everything(&self, desk: &mut Desk) -> Result<Kept, NotIndexed> {
        self.keeper.show(None);
        (desk.writer, desk.shelf) = (None, None);
        let shelf = Shelf::anew(self.keeper.node.db().folder())?;
        desk.writer = Some(shelf.filler()?);
        desk.shelf = Some(shelf);
        let (mut after, mut products) = (None, 0);
        loop {
            let page = self.keeper.node.db().read(|conn| search::page(conn, self.here, after, PAGE))?;
            self.keeper.go_on()?;
            let Some(last) = page.last() else { break };
            after = Some(last.product.product_id);
            products += page.len();
            page.iter().try_for_each(|entry| self.put(desk, entry))?;
        }
        self.commit(desk)?;
        Ok(Kept { is_anew: true, products })
    }

    fn products(&self, desk: &mut Desk, products: &[ProductId]) -> Result<Kept, NotIndexed> {
        for some in products.chunks(PAGE) {
            self.keeper.go_on()?;
            let find = |product: &ProductId| {
                self.keeper
                    .node
                    .db()
                    .read(|conn| search::entry(conn, self.here, *product))
                    .map(|found| (*product, found))
            };
            for (product, found) in some.iter().map(find).collect::<Result<Vec<_>, _>>()? {
                self.writer(desk)?.remove(product);
                found.iter().try_for_each(|entry| self.put(desk, entry))?;
            }
        }
        self.commit(desk)?;
        Ok(Kept { is_anew: false, products: products.len() })
    }

    fn put(&self, desk: &mut Desk, entry: &Entry) -> Result<(), Trouble> {
        let indexed = desk.indexed(entry, self.tree);
        self.writer(desk)?.add(&indexed)
    }

    fn commit(&self, desk: &mut Desk) -> Result<(), Trouble> {
        stage::reach(Work::Index, Moment::Begun);
        self.writer(desk)?.commit(self.upto)
    }

    fn writer<'a>(&self, desk: &'a mut Desk) -> Result<&'a mut Writer, Trouble> {
        if desk.writer.is_none() {
            let shelf = desk.shelf.as_ref().ok_or(Trouble::Held)?;
            desk.writer = Some(shelf.writer()?);
        }
        desk.writer.as_mut().ok_or(Trouble::Held)
    }
}

/// Keeps the index until the bell says that it is over.
pub(super) fn carry_on(keeper: &Keeper, bell: &Bell) {
    loop {
        // What went wrong is noted, and tried again with the next change.
        drop(keeper.catch_up());
        if !bell.wait() {
            return;
        }
    }
}
