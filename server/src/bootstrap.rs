//! Ready-made files that nodes are filled from: a database in the node's own schema per set of
//! warehouses that a node may receive, cut at one snapshot, compressed, and never changed once it has
//! its name.
//!
//! A file is made when the first node of its scope asks, once however many ask at once. While there is
//! one it is served, and when it is old or much has changed since, the next one is made in the
//! background. What changed since a file was cut its reader pulls from there, so an older file costs
//! time and nothing else; but none is served that belongs to another life of the database, that lacks
//! what is the caller's own, or behind which notes of what is gone were dropped.

mod make;
mod manifest;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use outpost_schema::{
    id::{EpochId, WarehouseId},
    journal::Hash,
};
use outpost_sync::{
    file::{NO_FILE, NO_FILE_FOR_SCHEMA, NOT_AGREED},
    wire::{Caller, Standing},
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::{Mutex as Turn, Semaphore};

pub use manifest::Manifest;

use crate::{
    db::{
        bootstrap::{NotWritten, schema},
        feed::{self as rows, Opening},
    },
    error::Error,
    feed::agrees,
    server::Server,
};

/// The folder of the files in the data folder.
pub const FOLDER: &str = "bootstrap";

/// A file older than this is made anew in the background when somebody asks for it.
const FRESH_FOR: Duration = Duration::from_secs(60 * 60);

/// So is one behind which more aggregates than this have changed: a second of pulling.
const TAIL_MAX: i64 = 5_000;

/// Behind one with more than this the pull would take longer than a new file: it is waited for.
const TAIL_LOST: i64 = 50_000;

/// Files that are made at once: each takes a core, and the shops sell meanwhile.
const MADE_AT_ONCE: usize = 1;

/// Why no file is served.
#[derive(Debug, Error)]
pub enum NoFile {
    /// This server keeps no files.
    #[error("this server keeps no files to fill from; read the feed from its start")]
    NotKept,
    /// The node's tables are not those that this program knows.
    #[error(
        "this server makes no file for this device's version; read the feed from its start, or update the older of the two"
    )]
    OtherSchema,
    /// The book knows another mark of the caller's journal.
    #[error("the server and this device know different marks of its journal; pull, which tells which")]
    NotAgreed,
    /// It could not be made.
    #[error("the file could not be made, and the server's log says why; read the feed from its start")]
    NotMade,
    /// No connection, a failed statement, an unknown caller.
    #[error(transparent)]
    Server(#[from] Error),
}

impl NoFile {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotKept | Self::NotMade => NO_FILE,
            Self::OtherSchema => NO_FILE_FOR_SCHEMA,
            Self::NotAgreed => NOT_AGREED,
            Self::Server(error) => error.code(),
        }
    }
}

/// Why a file was not made.
#[derive(Debug, Error)]
pub enum NotMade {
    /// It could not be written.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// The folder would not take it.
    #[error("the folder of the files to fill from would not take it; look whether its disk is full: {0}")]
    Folder(#[from] io::Error),
    /// A task broke off.
    #[error("the making broke off")]
    BrokeOff,
}

/// A file that is ready.
#[derive(Debug)]
pub struct Ready {
    /// What it is.
    pub manifest: Manifest,
    /// Where it lies.
    pub path: PathBuf,
}

/// The files of one server, each under the name of what is in it.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    making: Semaphore,
    made: AtomicU64,
}

/// The place of one file.
#[derive(Debug, Default)]
struct Slot {
    ready: Mutex<Option<Arc<Ready>>>,
    /// Held while the file is made, or first looked for in the folder.
    turn: Arc<Turn<()>>,
}

impl Slot {
    fn ready(&self) -> Option<Arc<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, ready: Arc<Ready>) {
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(ready);
    }
}

impl Files {
    /// Keeps files in this folder, which is made if there is none. What other lives of the database
    /// and killed attempts left in it goes.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub fn open(folder: &Path, epoch: EpochId) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        manifest::tidy(folder, epoch)?;
        Ok(Self {
            folder: folder.to_owned(),
            slots: Mutex::default(),
            making: Semaphore::new(MADE_AT_ONCE),
            made: AtomicU64::new(0),
        })
    }

    /// Files made since the start.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    fn slot(&self, name: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name.to_owned()).or_default())
    }
}

/// Names a file by what is in it.
fn name(epoch: EpochId, warehouses: &[WarehouseId]) -> String {
    let mut hasher = Sha256::new_with_prefix(epoch.0.as_bytes());
    hasher.update(schema::digest().0);
    for warehouse in warehouses {
        hasher.update(warehouse.0.as_bytes());
    }
    hasher.finalize()[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How much has changed behind a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Fresh,
    /// It is served once more while the next one is made.
    Old,
    /// It is not served.
    Lost,
}

/// The file for a caller whose last migration has this digest.
///
/// # Errors
/// [`NoFile`].
pub async fn ready(
    server: &Arc<Server>,
    caller: Caller,
    standing: Standing,
    its_schema: Hash,
) -> Result<Arc<Ready>, NoFile> {
    let files = server.files().ok_or(NoFile::NotKept)?;
    if its_schema != schema::digest() {
        return Err(NoFile::OtherSchema);
    }
    let opening = server.db.snapshot(|tx| async move { rows::opening(&tx, caller).await }).await?;
    let opening = opening.ok_or(Error::UnknownNode)?;
    if !agrees(&opening, standing) {
        return Err(NoFile::NotAgreed);
    }
    let name = name(opening.epoch, &opening.scopes.warehouses);
    let slot = files.slot(&name);
    if let Some(ready) = slot.ready() {
        match age(server, &opening, &ready.manifest).await? {
            Age::Fresh => return Ok(ready),
            Age::Old => {
                renew(server, &files, &slot, name, opening.scopes.warehouses);
                return Ok(ready);
            }
            Age::Lost => {}
        }
    }
    first(server, &files, &slot, &name, &opening).await
}

/// Waits for the turn, and finds the file made by whoever had it before, or in the folder, or makes it.
async fn first(
    server: &Arc<Server>,
    files: &Arc<Files>,
    slot: &Slot,
    name: &str,
    opening: &Opening,
) -> Result<Arc<Ready>, NoFile> {
    let _turn = slot.turn.lock().await;
    let known = match slot.ready() {
        Some(ready) => Some(ready),
        None => manifest::find(&files.folder, name).await.map(Arc::new),
    };
    if let Some(ready) = known
        && age(server, opening, &ready.manifest).await? != Age::Lost
    {
        slot.put(Arc::clone(&ready));
        return Ok(ready);
    }
    make(server, files, slot, name, &opening.scopes.warehouses).await.map_err(|error| {
        tracing::error!(%error, "no file to fill from could be made; nodes read the feed from its start");
        NoFile::NotMade
    })
}

/// Makes the next file in the background, unless somebody does already.
fn renew(server: &Arc<Server>, files: &Arc<Files>, slot: &Arc<Slot>, name: String, warehouses: Vec<WarehouseId>) {
    let Ok(turn) = Arc::clone(&slot.turn).try_lock_owned() else { return };
    let (server, files, slot) = (Arc::clone(server), Arc::clone(files), Arc::clone(slot));
    tokio::spawn(async move {
        let _turn = turn;
        if let Err(error) = make(&server, &files, &slot, &name, &warehouses).await {
            tracing::warn!(%error, "the file to fill from could not be renewed; the old one is served");
        }
    });
}

async fn make(
    server: &Arc<Server>,
    files: &Files,
    slot: &Slot,
    name: &str,
    warehouses: &[WarehouseId],
) -> Result<Arc<Ready>, NotMade> {
    let _one_of_few = files.making.acquire().await.map_err(|_| NotMade::BrokeOff)?;
    let former = slot.ready();
    let ready = Arc::new(make::make(server, &files.folder, name, warehouses).await?);
    slot.put(Arc::clone(&ready));
    files.made.fetch_add(1, Ordering::Relaxed);
    if let Some(former) = former.filter(|former| former.path != ready.path) {
        // Whoever is reading it reads on; the name alone goes.
        if let Err(error) = fs::remove_file(&former.path) {
            tracing::debug!(%error, "a file that was replaced stays until the next start");
        }
    }
    Ok(ready)
}

/// Whether a file serves this caller, and whether it is time for the next one.
async fn age(server: &Server, opening: &Opening, manifest: &Manifest) -> Result<Age, Error> {
    let node_id = opening.scopes.node_id;
    let scopes = opening.scopes.all();
    let (since, scopes) = (&manifest.snapshot, &scopes);
    let is_in_it = manifest.nodes.binary_search(&node_id).is_ok();
    let (is_whole, is_ahead, tail) = server
        .db
        .snapshot(|tx| async move {
            let is_whole = is_in_it || rows::is_newer(&tx, node_id, since).await?;
            // One that was put back without a word would be behind its own file.
            let is_ahead = since.xmax() > rows::present(&tx).await?.xmax();
            Ok((is_whole, is_ahead, rows::tail(&tx, scopes, since, TAIL_LOST + 1).await?))
        })
        .await?;
    let seconds = server.now().seconds_since(manifest.made_at);
    Ok(match tail {
        _ if !is_whole || is_ahead || since.xmin() <= opening.dropped => Age::Lost,
        tail if tail > TAIL_LOST => Age::Lost,
        tail if tail > TAIL_MAX || seconds.unsigned_abs() > FRESH_FOR.as_secs() => Age::Old,
        _ => Age::Fresh,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests;
