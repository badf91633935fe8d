//! The fast copy of the open carts: sled, beside SQLite. It may be lost at any moment; whatever goes
//! wrong in it is told, put aside, and made anew from SQLite, or done without.

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use outpost_schema::{cart::Cart, clock::Timestamp, id::CartId};

use crate::error::Error;

/// Its folder, in the node's.
pub const FOLDER: &str = "carts.sled";

/// Waits for a lock whose holder was just killed: 5 seconds in all, for a machine that is busy
/// cleaning up after it.
pub(super) const LOCK_WAITS_MS: [u64; 8] = [20, 80, 200, 400, 800, 1_000, 1_200, 1_300];

/// Memory for its pages: thousands of carts, and nothing beside the 80 MB a node may take.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The fast copy, or nothing where sled cannot be had.
#[derive(Debug)]
pub(super) struct Fast {
    db: Mutex<Option<sled::Db>>,
}

impl Fast {
    /// Opens the copy and makes it hold exactly `carts`, whatever was in it.
    ///
    /// # Errors
    /// `locked`, if another process keeps it. Anything else only means that there is no fast copy.
    pub(super) fn open(folder: &Path, carts: &[Cart], now: Timestamp, lock_waits_ms: &[u64]) -> Result<Self, Error> {
        let path = folder.join(FOLDER);
        let opened = match filled(&path, carts, lock_waits_ms)? {
            Some(db) => Some(db),
            None => {
                put_aside(&path, now);
                filled(&path, carts, lock_waits_ms)?
            }
        };
        if opened.is_none() {
            tracing::warn!("there is no fast copy of the carts; they are read from the database");
        }
        Ok(Self { db: Mutex::new(opened) })
    }

    /// The cart, if the copy has it.
    pub(super) fn get(&self, cart_id: CartId) -> Option<Cart> {
        self.using("read", |db| db.get(cart_id.0.as_bytes())).flatten().and_then(|state| decode(&state))
    }

    /// Every cart in the copy; none if there is no copy.
    pub(super) fn all(&self) -> Option<Vec<Cart>> {
        let states = self.using("list", |db| db.iter().values().collect::<sled::Result<Vec<_>>>())?;
        states.iter().map(|state| decode(state)).collect()
    }

    /// Makes the copy say what `load` finds in SQLite now. Two changes of one cart may come here in
    /// the wrong order; each reads afresh, one after the other, so the last one leaves the truth.
    pub(super) fn renew(&self, cart_id: CartId, load: impl FnOnce() -> Result<Option<Cart>, Error>) {
        let mut kept = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = kept.as_ref() else { return };
        let renewed = match load() {
            Ok(cart) => guarded("write", || put(db, cart_id, cart.as_ref())),
            Err(error) => {
                tracing::warn!(%error, "a changed cart could not be read back");
                None
            }
        };
        if renewed.is_none() {
            *kept = None;
        }
    }

    /// Does without the copy after the first thing that goes wrong in it.
    fn using<T>(&self, what: &str, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Option<T> {
        let mut kept = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        let done = kept.as_ref().and_then(|db| guarded(what, || work(db)));
        if done.is_none() {
            *kept = None;
        }
        done
    }
}

fn filled(path: &Path, carts: &[Cart], lock_waits_ms: &[u64]) -> Result<Option<sled::Db>, Error> {
    Ok(open_at(path, lock_waits_ms)?.filter(|db| guarded("fill", || fill(db, carts)).is_some()))
}

/// Opens sled; none if it is damaged.
fn open_at(path: &Path, lock_waits_ms: &[u64]) -> Result<Option<sled::Db>, Error> {
    for wait in lock_waits_ms {
        match try_open(path) {
            Opened::Fine(db) => return Ok(Some(db)),
            Opened::Damaged => return Ok(None),
            Opened::Locked => thread::sleep(Duration::from_millis(*wait)),
        }
    }
    Err(Error::Locked { folder: path.to_owned() })
}

enum Opened {
    Fine(sled::Db),
    Locked,
    Damaged,
}

fn try_open(path: &Path) -> Opened {
    let config =
        sled::Config::new().path(path).mode(sled::Mode::LowSpace).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Opened::Fine(db),
        // sled has no error of its own for this.
        Ok(Err(error)) if error.to_string().contains("could not acquire lock") => Opened::Locked,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the fast copy of the carts cannot be opened");
            Opened::Damaged
        }
        Err(_) => Opened::Damaged,
    }
}

fn fill(db: &sled::Db, carts: &[Cart]) -> sled::Result<()> {
    let open: BTreeSet<Vec<u8>> = carts.iter().map(|cart| cart.cart_id().0.as_bytes().to_vec()).collect();
    for key in db.iter().keys() {
        let key = key?;
        if !open.contains(key.as_ref()) {
            db.remove(key)?;
        }
    }
    for cart in carts {
        let (key, state) = (cart.cart_id().0, encode(cart));
        if db.get(key.as_bytes())?.as_deref() != Some(&state) {
            db.insert(key.as_bytes(), state)?;
        }
    }
    db.flush().map(drop)
}

fn put(db: &sled::Db, cart_id: CartId, cart: Option<&Cart>) -> sled::Result<()> {
    match cart.filter(|cart| !cart.is_empty()) {
        Some(cart) => db.insert(cart_id.0.as_bytes(), encode(cart))?,
        None => db.remove(cart_id.0.as_bytes())?,
    };
    db.flush().map(drop)
}

/// sled panics where others return an error.
fn guarded<T>(what: &str, work: impl FnOnce() -> sled::Result<T>) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::warn!(%error, what, "the fast copy of the carts failed");
            None
        }
        Err(_) => {
            tracing::warn!(what, "the fast copy of the carts broke off");
            None
        }
    }
}

/// Keeps the damaged folder as evidence; if that fails too, the copy goes.
fn put_aside(path: &Path, now: Timestamp) {
    let aside = PathBuf::from(format!("{}.damaged-{}", path.display(), now.micros()));
    tracing::warn!(aside = %aside.display(), "the fast copy of the carts is damaged; it is made anew");
    if let Err(error) = fs::rename(path, &aside) {
        tracing::warn!(%error, "the damaged copy cannot be put aside");
        drop(fs::remove_dir_all(path));
    }
}

fn encode(cart: &Cart) -> Vec<u8> {
    rmp_serde::to_vec_named(cart).expect("our own types always encode into memory")
}

fn decode(state: &[u8]) -> Option<Cart> {
    rmp_serde::from_slice(state).ok()
}
