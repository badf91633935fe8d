//! The node: what it owns, and how it is opened. Its verbs stand in the files named after them.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use outpost_schema::{
    clock::{Hlc, Timestamp},
    device::Card,
    id::CartId,
    journal::Entry,
    op::Op,
    world::World,
};
use rusqlite::{Connection, Transaction};

use crate::{
    db::{
        self, Db,
        identity::{self, Identity, State},
        journal, lives,
    },
    error::Error,
    fill::Filler,
    stage::Work,
    stockroom::Shortages,
    witness::{Seen, Witnesses},
};

/// Told which carts were changed behind the fast copy's back.
type CartWatch = Box<dyn Fn(&[CartId]) + Send + Sync>;

/// One device of the shop. Shared freely between threads.
pub struct Node {
    db: Db,
    witnesses: Witnesses,
    world: Arc<dyn World>,
    cart_watch: OnceLock<CartWatch>,
    applying: Mutex<()>,
    filler: Filler,
    shortages: Shortages,
}

impl Node {
    /// Opens the node that lives in `folder`, and makes its database if there is none.
    /// If it is found to be an older copy of itself, it sells nothing from its allotments until head office
    /// was heard.
    ///
    /// # Errors
    /// Those of [`Db::open`].
    pub fn open(folder: &Path, world: Arc<dyn World>) -> Result<Self, Error> {
        Self::open_with(folder, None, world)
    }

    /// The same, with a second [`crate::witness`] of the journal, on another disk.
    ///
    /// # Errors
    /// Those of [`Db::open`].
    pub fn open_with(folder: &Path, witness: Option<&Path>, world: Arc<dyn World>) -> Result<Self, Error> {
        let witnesses = Witnesses::open(folder, witness);
        let seen = witnesses.seen();
        if let (Some(seen), true) = (seen.first(), db::is_empty(folder)) {
            return Err(Error::damaged(format!("it is gone, and {} entries had been written into it", seen.mark.seq)));
        }
        let db = Db::open(folder)?;
        if db.read(|conn| lives::is_behind(conn, &seen))? {
            tracing::warn!(
                "this device was put back to an older copy of its files; it sells nothing from its allotments"
            );
            db.write_at(Work::SetBack, |tx| identity::set_back(tx, State::RolledBack, world.chance()))?;
        }
        Ok(Self {
            db,
            witnesses,
            world,
            cart_watch: OnceLock::new(),
            applying: Mutex::default(),
            filler: Filler::default(),
            shortages: Shortages::default(),
        })
    }

    /// Joins the network of this card. The same card again is fine.
    ///
    /// # Errors
    /// `other_card`.
    pub fn join(&self, card: &Card) -> Result<(), Error> {
        let left = self.db.write_at(Work::Join, |tx| identity::join(tx, card))?;
        self.tell_carts(&left);
        Ok(())
    }

    /// Who this node is; none before it has joined.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        self.db.read(identity::find)
    }

    /// Its database.
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Its world.
    pub fn world(&self) -> &dyn World {
        self.world.as_ref()
    }

    pub(crate) const fn filler(&self) -> &Filler {
        &self.filler
    }

    pub(crate) const fn shortages(&self) -> &Shortages {
        &self.shortages
    }

    /// Names the one to be told, after each commit, which carts the feed or a checkout changed.
    /// Only the first one named is told.
    pub fn watch_carts(&self, watch: impl Fn(&[CartId]) + Send + Sync + 'static) {
        _ = self.cart_watch.set(Box::new(watch));
    }

    /// Held by whoever applies a page of the feed.
    pub(crate) fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell_carts(&self, changed: &[CartId]) {
        if let (Some(watch), false) = (self.cart_watch.get(), changed.is_empty()) {
            watch(changed);
        }
    }

    /// One transaction that writes as this node; refused before it has joined.
    pub(crate) fn write<T>(
        &self,
        name: Work,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (made, written) = self.db.write_at(name, |tx| {
            let (identity, world, shortages) = (identity::load(tx)?, self.world(), self.shortages());
            let mut writing = Writing { tx, identity, world, shortages, written: None };
            Ok((work(&mut writing)?, writing.written))
        })?;
        self.bear_witness(written);
        Ok(made)
    }

    /// After the commit: the journal has come so far.
    pub(crate) fn bear_witness(&self, written: Option<Seen>) {
        if let Some(seen) = written {
            self.witnesses.note(&seen);
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("db", &self.db).finish_non_exhaustive()
    }
}

/// A transaction of a node that has joined: what its verbs write through.
pub(crate) struct Writing<'a> {
    pub(crate) tx: &'a Transaction<'a>,
    pub(crate) identity: Identity,
    pub(crate) world: &'a dyn World,
    pub(crate) shortages: &'a Shortages,
    /// The journal's end, if something was written into it.
    written: Option<Seen>,
}

impl Writing<'_> {
    /// The connection, to load and save through.
    pub(crate) fn conn(&self) -> &Connection {
        self.tx
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The next stamp of the node's clock.
    pub(crate) fn stamp(&mut self) -> Result<Hlc, Error> {
        identity::tick(self.tx, &mut self.identity, self.world.now())
    }

    /// Writes the op into the journal.
    ///
    /// # Errors
    /// The op's own [`Op::check`]: what the server could never book is not written.
    pub(crate) fn append(&mut self, op: &Op) -> Result<Entry, Error> {
        op.check()?;
        let entry = journal::append(self.tx, &mut self.identity, op, self.world)?;
        let (node_id, incarnation_id) = (self.identity.node_id(), self.identity.incarnation_id());
        self.written = Some(Seen { node_id, incarnation_id, mark: entry.mark() });
        Ok(entry)
    }
}
