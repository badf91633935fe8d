//! Backups of head office: taken while it serves, consistent, and restored into an empty place.
//!
//! A backup is a folder with Postgres's own `dump` and a [`Manifest`]. Both are read as of one exported
//! snapshot, so the manifest's counts and marks are exactly the dump's. It is written aside, and renamed
//! when it is on the disk; older ones are deleted only after that.
//!
//! What every kept backup contains is *archived*: up to there a node may forget what it told. So a
//! backup is counted only once it is whole, and no longer once its files are gone.

mod error;
mod manifest;
mod restore;
mod shelf;

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::Stdio,
};

use outpost_schema::{clock::Timestamp, id::BackupId, journal::Hash};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    task::JoinHandle,
};

use self::shelf::Making;
pub use self::{
    error::BackupError,
    manifest::{DUMP, Dump, MANIFEST, Manifest},
    restore::{Target, is_free, restore},
    shelf::Shelf,
};
use crate::{
    cluster::Client,
    command::moment,
    db::{
        backups::{self, Kept},
        databases,
    },
    server::Server,
    stage::{self, Moment, Work},
};

/// Backups kept in a folder, if nothing is said.
pub const KEEP: usize = 7;

/// Bytes moved at once.
const PIECE: usize = 1 << 16;

/// How much of what a failed program said is shown.
const WORDS_MAX: u64 = 4_000;

/// A backup that was taken.
#[derive(Debug)]
pub struct Taken {
    /// Where it is.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Older ones that were deleted after it was whole.
    pub pruned: usize,
    /// Backups that are counted no longer, because somebody deleted their files.
    pub missed: Vec<Kept>,
    /// Backups whose whole folder is not there now, as when a disk is unplugged. They count.
    pub away: Vec<Kept>,
}

/// Takes a backup while the server works. `moved` hears how many bytes were written.
///
/// # Errors
/// [`BackupError`]; the backups that were there are then untouched.
pub async fn take(
    server: &Server,
    shelf: &Shelf,
    keep: usize,
    forget_away: bool,
    moved: impl Fn(u64) + Sync,
) -> Result<Taken, BackupError> {
    let making = shelf.begin(&compact(server.now()))?;
    let manifest = written(server, &making, &moved).await?;
    let folder = making.keep(&manifest)?;
    stage::reach(Work::Backup, Moment::Kept);
    let bytes = i64::try_from(manifest.dump.bytes).unwrap_or(i64::MAX);
    let kept = Kept { backup_id: manifest.backup_id, taken_at: manifest.taken_at, folder: folder.clone(), bytes };
    let (missed, away) = counted(server, kept, &manifest, forget_away).await?;
    stage::reach(Work::Backup, Moment::Counted);
    let pruned = shelf.prune(&manifest, keep)?;
    let gone = &pruned;
    server.db.transaction(|tx| async move { backups::forget(&tx, gone).await }).await?;
    Ok(Taken { folder, manifest, pruned: pruned.len(), missed, away })
}

/// Dumps and counts as of one moment.
async fn written(server: &Server, making: &Making, moved: &(impl Fn(u64) + Sync)) -> Result<Manifest, BackupError> {
    let (major, backup_id) = (major(server).await?, BackupId::new(server.now(), server.world.id_chance()));
    let tools = Client::at_least(major, server.db.config())?;
    let tools = &tools;
    server
        .db
        .snapshot(|tx| async move {
            let (snapshot, taken_at) = (backups::export_snapshot(&tx).await?, server.now());
            let holdings = backups::holdings(&tx).await?;
            let dump = match dump(tools, &snapshot, making, moved).await {
                Ok(dump) => dump,
                Err(error) => return Ok(Err(error)),
            };
            Ok(Ok(Manifest {
                kind: Manifest::kind(),
                backup_id,
                network: holdings.network,
                taken: format!("{} UTC", moment(taken_at)),
                taken_at,
                outpost: env!("CARGO_PKG_VERSION").to_owned(),
                postgres: major,
                migrations: holdings.migrations,
                epoch: holdings.epoch_id,
                epoch_number: holdings.epoch_number,
                currency: server.currency,
                rows: holdings.rows,
                marks: holdings.marks,
                dump,
            }))
        })
        .await?
}

async fn major(server: &Server) -> Result<u32, BackupError> {
    let client = databases::connect(server.db.config()).await?;
    Ok(databases::major(&client).await?)
}

/// Runs `pg_dump` as of a snapshot, and takes its digest on the way to the disk.
async fn dump(
    tools: &Client,
    snapshot: &str,
    making: &Making,
    moved: &(impl Fn(u64) + Sync),
) -> Result<Dump, BackupError> {
    let mut command = Command::from(tools.command("pg_dump")?);
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password"]);
    command.arg(format!("--snapshot={snapshot}")).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = |output: String| BackupError::Program { program: "pg_dump", output };
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let (Some(mut from), Some(words)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed("it has no output".to_owned()));
    };
    let words = heard(words);
    let (mut file, path) = making.create(DUMP)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = from.read(&mut piece).await.map_err(|error| failed(error.to_string()))?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        file = put(file, piece[..read].to_vec()).await.map_err(|error| making.written(&path, error))?;
        bytes += read as u64;
        moved(bytes);
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(words.await.unwrap_or_default()));
    }
    tokio::task::spawn_blocking(move || file.sync_all())
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| making.written(&path, error))?;
    stage::reach(Work::Backup, Moment::Dumped);
    Ok(Dump { bytes, sha256: Hash(hash.finalize().into()) })
}

/// Writes where it may block.
async fn put(mut file: File, bytes: Vec<u8>) -> io::Result<File> {
    let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file));
    written.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Hears what a program complains of, so that it never waits for us to listen.
fn heard(from: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut said, mut rest) = (Vec::new(), from.take(u64::MAX));
        rest.set_limit(WORDS_MAX);
        // Half a sentence is better than none.
        let _cut = rest.read_to_end(&mut said).await;
        rest.set_limit(u64::MAX);
        let _rest = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        String::from_utf8_lossy(&said).trim().to_owned()
    })
}

/// Counts the new backup, and no longer those whose files are gone.
async fn counted(
    server: &Server,
    new: Kept,
    manifest: &Manifest,
    forget_away: bool,
) -> Result<(Vec<Kept>, Vec<Kept>), BackupError> {
    let before = server.db.snapshot(|tx| async move { backups::kept(&tx).await }).await?;
    let (away, missed): (Vec<Kept>, Vec<Kept>) = before
        .into_iter()
        .filter(|kept| !is_there(kept))
        .partition(|kept| !forget_away && kept.folder.parent().is_some_and(|folder| !folder.is_dir()));
    let gone: Vec<BackupId> = missed.iter().map(|kept| kept.backup_id).collect();
    let (gone, new, marks) = (&gone, &new, &manifest.marks);
    server
        .db
        .transaction(|tx| async move {
            backups::forget(&tx, gone).await?;
            backups::insert(&tx, new, marks).await
        })
        .await?;
    Ok((missed, away))
}

/// Whether a backup that was kept is still the one that lies there, with its dump.
fn is_there(kept: &Kept) -> bool {
    let is_it = |manifest: Manifest| {
        let dump = kept.folder.join(DUMP).metadata();
        manifest.backup_id == kept.backup_id && dump.is_ok_and(|dump| dump.len() == manifest.dump.bytes)
    };
    Manifest::read(&kept.folder).is_ok_and(is_it)
}

/// A moment in the name of a file: `20261126-213000`, in UTC.
pub fn compact(at: Timestamp) -> String {
    moment(at).replace(['-', ':'], "").replace(' ', "-")
}
