//! A new private cluster from an archive: its base backup, and all of its log played over it.
//!
//! It is made aside, recovered there, compared with what the archive's log reaches to, marked as
//! restored and stopped; only then does it get its name. Cut short anywhere, it is made again.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    Cluster, ClusterError, DATABASE, Durability, MAINTENANCE, account::Account, archive::Label, binaries::Binaries,
    folders::Folders, run, wal,
};
use crate::db::{backups, databases, replication};

/// The port of a cluster that recovers, so that nobody takes its socket for the finished one's.
const RECOVERING_PORT: u16 = 5433;

/// What a start says when the log is to be played to its end: the log lies ready, nothing is fetched,
/// nobody connects before the end, and no commit waits for an archive.
const RECOVERY: [(&str, &str); 4] = [
    ("restore_command", "false"),
    ("hot_standby", "off"),
    ("recovery_target_timeline", "latest"),
    ("synchronous_standby_names", ""),
];

/// The last record may have come only in part, and was then answered to nobody. The largest, of an index
/// that is made, holds 32 pages.
const RECORD_BYTES_MAX: u64 = 320 << 10;

impl Cluster {
    /// Makes the cluster of a data folder, which has none, from an archive. It is not running after that.
    pub(crate) async fn recover(data: &Path, archive: &Path) -> Result<(), ClusterError> {
        let label = Label::read(archive)?.ok_or_else(|| ClusterError::ForeignArchive { archive: archive.into() })?;
        let archive = archive.canonicalize().map_err(ClusterError::file("find", archive))?;
        let account = Account::choose()?;
        let folders = Folders::prepare(data, &account)?;
        let _right_to_start = folders.lock().await?;
        folders.remove_half_made();
        let (base, log) = (archive.join(&label.base), archive.join(&label.wal));
        let binaries = Binaries::find(&base)?;
        check_base(&archive, &base, &account, &binaries)?;
        let segments = wal::needed(&archive, &base, &log)?;
        let making = folders.new_making(&account)?;
        copy(&base, &making, &account)?;
        put_log(&segments, &making, &account)?;
        let end = segments.last().map_or(Ok(0), wal::end_of)?;
        let mut cluster =
            Self { account, folders: folders.at(making.clone()), binaries, postmaster: None, port: RECOVERING_PORT };
        cluster.wake_with(Durability::Kept, &RECOVERY).await?;
        cluster.check_reached(&archive, &making, end)?;
        let connection = databases::connect(&cluster.config(MAINTENANCE)).await?;
        replication::release_archive(&connection).await?;
        let connection = databases::connect(&cluster.config(DATABASE)).await?;
        backups::begin_restore(&connection, "the archive was restored").await?;
        backups::pass_restore(&connection).await?;
        drop(connection);
        cluster.stop()?;
        folders.keep(&making)
    }

    /// Refuses a log of which not everything could be read: Postgres takes damage for its end.
    fn check_reached(&self, archive: &Path, data: &Path, end: u64) -> Result<(), ClusterError> {
        let history = newest_history(&data.join("pg_wal"));
        let reached = history.and_then(|path| fs::read_to_string(path).ok()).as_deref().and_then(wal::switched_at);
        match reached {
            Some(reached) if end <= reached + RECORD_BYTES_MAX => Ok(()),
            Some(_) | None => Err(ClusterError::ArchiveDamaged {
                archive: archive.into(),
                what: format!("its log can be read only in part; {}", self.folders.log_tail()),
            }),
        }
    }
}

/// Compares every file of the base with the digest that was taken when it was made.
fn check_base(archive: &Path, base: &Path, account: &Account, binaries: &Binaries) -> Result<(), ClusterError> {
    let mut command = account.command(&binaries.client("pg_verifybackup")?);
    command.args(["--no-parse-wal", "--quiet"]).arg(base);
    run("pg_verifybackup", &mut command)
        .map_err(|error| ClusterError::ArchiveDamaged { archive: archive.into(), what: error.to_string() })
}

/// Copies the base, owners and rights too.
fn copy(base: &Path, making: &Path, account: &Account) -> Result<(), ClusterError> {
    let mut command = account.command(Path::new("/bin/cp"));
    command.arg("-pR").arg(base.join(".")).arg(making);
    run("cp", &mut command)
}

/// Lays the log ready where Postgres looks for it, the partial segment as if it were whole.
fn put_log(segments: &[wal::Segment], making: &Path, account: &Account) -> Result<(), ClusterError> {
    for segment in segments {
        let to = making.join("pg_wal").join(&segment.name);
        fs::copy(&segment.path, &to).map_err(ClusterError::file("copy", &segment.path))?;
        account.take(&to)?;
    }
    let signal = making.join("recovery.signal");
    File::create(&signal).map_err(ClusterError::file("write", &signal))?;
    account.take(&signal)
}

fn newest_history(log: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(log).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "history")).max()
}
