//! A backup, put into an empty database.
//!
//! The database is marked first, so that nobody opens it; `pg_restore` runs in one transaction; what came
//! of it is compared with the manifest; and only the server that then opens it takes the mark away, in the
//! transaction that begins the next epoch.

use std::{path::Path, process::Stdio, sync::Arc};

use outpost_schema::{money::Currency, world::World};
use tokio::process::Command;
use tokio_postgres::Config;

use super::{BackupError, Manifest, heard};
use crate::{
    cluster::Client,
    db::{Db, backups, databases},
    server::Server,
    stage::{self, Moment, Work},
};

/// Where a backup is restored into.
pub struct Target {
    /// The empty database.
    pub database: Config,
    /// The network's currency, if it was named.
    pub currency: Option<Currency>,
    /// Time and chance.
    pub world: Arc<dyn World>,
}

/// Whether a database is empty enough to restore into.
///
/// # Errors
/// If Postgres cannot be reached.
pub async fn is_free(database: &Config) -> Result<bool, BackupError> {
    let client = databases::connect(database).await?;
    Ok(backups::is_empty(&client).await?)
}

/// Restores a backup whose manifest was read and whose dump was checked, and opens the server on it, in
/// its next epoch.
///
/// # Errors
/// [`BackupError`]. Nothing is restored then, except for [`BackupError::Differs`].
pub async fn restore(dump: &Path, manifest: &Manifest, target: Target) -> Result<Server, BackupError> {
    let client = databases::connect(&target.database).await?;
    let tools = Client::at_least(databases::major(&client).await?.max(manifest.postgres), &target.database)?;
    let reason = format!("the backup of {} was restored", manifest.taken);
    backups::begin_restore(&client, &reason).await?;
    stage::reach(Work::Restore, Moment::Begun);
    pour(&tools, dump).await?;
    stage::reach(Work::Restore, Moment::Poured);
    let db = Db::new(target.database.clone());
    let restored = db.snapshot(|tx| async move { backups::holdings(&tx).await }).await?;
    manifest.compare(&restored)?;
    backups::pass_restore(&client).await?;
    stage::reach(Work::Restore, Moment::Passed);
    Ok(Server::open_with(target.database, target.world, target.currency).await?)
}

async fn pour(tools: &Client, dump: &Path) -> Result<(), BackupError> {
    let mut command = Command::from(tools.command("pg_restore")?);
    command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password"]);
    command.arg("--dbname").arg(tools.database()).arg(dump);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = |output: String| BackupError::Program { program: "pg_restore", output };
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let words = child.stderr.take().map(heard);
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    let said = match words {
        Some(words) => words.await.unwrap_or_default(),
        None => String::new(),
    };
    if status.success() { Ok(()) } else { Err(failed(said)) }
}
