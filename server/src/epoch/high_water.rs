//! The high-water mark: a file beside the data folder that says how far the database had come.
//!
//! A data folder that somebody copied back looks like itself in every way but one: it has not come as
//! far. The mark lies outside the folder, so that it is not copied back along with it, and names its
//! network, so that a folder which is given to another one means nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use outpost_schema::id::EpochId;
use serde::{Deserialize, Serialize};

use super::{Reason, begin};
use crate::{
    db::{Tx, epochs},
    error::Error,
    server::Server,
};

/// How often a server that runs looks how far the database has come.
const EVERY: Duration = Duration::from_secs(3);

/// How far a database had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The first epoch of its network.
    network: EpochId,
    /// The number of its epoch.
    number: i64,
    /// Its epoch.
    epoch: EpochId,
    /// No transaction from this one on was over.
    xmax: u64,
}

impl Mark {
    /// Whether a database that is at `is` was set back since this was noted. Pure.
    fn is_ahead_of(&self, is: &Self) -> bool {
        self.network == is.network && (self.number > is.number || (self.epoch == is.epoch && self.xmax > is.xmax))
    }
}

/// The file that belongs to a data folder: its sibling.
pub fn beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".high-water");
    data.with_file_name(name)
}

/// Compares the file with the database, and begins an epoch if it was set back; then notes where it is.
///
/// # Errors
/// If Postgres fails. A file that cannot be read or written is no error: it is told, and a server
/// without it notices less.
pub async fn look(server: &Server, file: &Path) -> Result<(), Error> {
    let kept = read(file);
    let is = server.db.snapshot(|tx| async move { reached(&tx).await }).await?;
    // Who only reads goes on while nothing can be written safely, so most looks write nothing.
    let is = match kept.filter(|kept| kept.is_ahead_of(&is)) {
        Some(kept) => server.db.transaction(|tx| async move { compare(server, &tx, kept).await }).await?,
        None => is,
    };
    keep(file, &is);
    Ok(())
}

/// Compares once more, now that nobody else begins an epoch meanwhile.
async fn compare(server: &Server, tx: &Tx, kept: Mark) -> Result<Mark, Error> {
    epochs::lock(tx).await?;
    let is = reached(tx).await?;
    if kept.is_ahead_of(&is) {
        begin(tx, &*server.world, &Reason::SetBack { reached: kept.xmax, is: is.xmax }).await?;
        return reached(tx).await;
    }
    Ok(is)
}

async fn reached(tx: &Tx) -> Result<Mark, Error> {
    let epoch = epochs::newest(tx).await?;
    let (number, epoch) = epoch.map_or((0, EpochId(uuid::Uuid::nil())), |epoch| (epoch.number, epoch.epoch_id));
    Ok(Mark { network: epochs::first(tx).await?, number, epoch, xmax: epochs::xmax(tx).await? })
}

/// Notes how far the database has come, for as long as it is polled.
pub async fn follow(server: Arc<Server>, file: PathBuf) {
    let mut last = None;
    loop {
        match note(&server, &file, last).await {
            Ok(mark) => last = Some(mark),
            Err(error) => tracing::debug!(code = error.code(), "how far the database has come is noted later: {error}"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Notes how far the database has come, unless that is `last`.
///
/// # Errors
/// If Postgres fails.
pub async fn note(server: &Server, file: &Path, last: Option<Mark>) -> Result<Mark, Error> {
    let is = server.db.snapshot(|tx| async move { reached(&tx).await }).await?;
    if last != Some(is) {
        keep(file, &is);
    }
    Ok(is)
}

fn read(file: &Path) -> Option<Mark> {
    let text = fs::read_to_string(file).map_err(|error| tell(file, "read", &error)).ok()?;
    toml::from_str(&text)
        .map_err(|error| tracing::warn!("{} is not understood, and is written anew: {error}", file.display()))
        .ok()
}

/// Written aside and renamed, so that it is never half there.
fn keep(file: &Path, mark: &Mark) {
    let aside = file.with_extension("high-water.new");
    let text = toml::to_string(mark).unwrap_or_default();
    if let Err(error) = fs::write(&aside, text).and_then(|()| fs::rename(&aside, file)) {
        tell(file, "written", &error);
    }
}

fn tell(file: &Path, what: &str, error: &io::Error) {
    if error.kind() != io::ErrorKind::NotFound {
        tracing::warn!(
            "{} cannot be {what}; a data folder that is copied back may go unnoticed: {error}",
            file.display()
        );
    }
}
