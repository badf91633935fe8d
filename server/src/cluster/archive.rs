//! The archive: a folder, on another disk, that has everything the private cluster ever answered.
//!
//! It holds one base backup and all of Postgres's log (WAL) since. `pg_receivewal` writes the log there
//! while it is made, and is the one standby that every commit waits for, so whatever was answered is in
//! that folder. A label says which base and which log belong together; it is replaced only when the new
//! ones are whole, so an archive can be restored at every moment of its life.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    path::{self, Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_postgres::Client as Connection;

use super::{
    Cluster, ClusterError, MAINTENANCE, POLL, client, folders,
    receiver::{self, Receiver},
    run, wal,
};
use crate::{
    db::{
        databases,
        replication::{self, Standbys},
    },
    time::Stopwatch,
};

/// What stands first in every label.
const KIND: &str = "archive of an outpost-server";

/// The label's name.
const LABEL: &str = "archive.json";

/// Held by the one process that writes the archive.
const LOCK: &str = ".lock";

/// How long the receiver may take until it has everything: it is on this machine.
const CAUGHT_UP_WAIT: Duration = Duration::from_secs(60);

/// A base is renewed when the log since is this large, or twice as large as the base itself.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// Which base and which log belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Label {
    kind: String,
    /// Whose archive it is.
    pub system_identifier: String,
    /// The folder of the base backup.
    pub base: String,
    /// The folder of the log.
    pub wal: String,
}

impl Label {
    /// The label of an archive; none if the folder is empty or not there.
    pub fn read(archive: &Path) -> Result<Option<Self>, ClusterError> {
        let path = archive.join(LABEL);
        match fs::read(&path) {
            Ok(text) => match serde_json::from_slice::<Self>(&text) {
                Ok(label) if label.kind == KIND => Ok(Some(label)),
                Ok(_) | Err(_) => Err(ClusterError::ForeignArchive { archive: archive.into() }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClusterError::file("read", path)(error)),
        }
    }

    fn write(&self, archive: &Path) -> Result<(), ClusterError> {
        let (path, aside) = (archive.join(LABEL), archive.join(".archive.json"));
        let text = serde_json::to_vec_pretty(self).expect("our own types always encode into memory");
        let write = || {
            let mut file = File::create(&aside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(archive)?.sync_all()
        };
        write().map_err(ClusterError::file("write", &path))
    }
}

/// An archive that is kept up, until [`Archive::finish`].
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    label: Label,
    receiver: Receiver,
    _lock: File,
}

impl Archive {
    /// Keeps `folder` up with the cluster, and returns when every commit waits for it. Makes the base
    /// backup if there is none that the log reaches back to.
    pub async fn open(cluster: &Cluster, folder: &Path) -> Result<Self, ClusterError> {
        let folder = prepare(cluster, folder)?;
        let lock = lock(&folder)?;
        let connection = databases::connect(&cluster.config(MAINTENANCE)).await?;
        let system_identifier = replication::system_identifier(&connection).await?;
        let known = Label::read(&folder)?;
        if known.as_ref().is_some_and(|label| label.system_identifier != system_identifier) {
            return Err(ClusterError::ForeignArchive { archive: folder });
        }
        let goes_on = slot_goes_on(&connection).await?;
        if let (Some(label), true) = (known, goes_on) {
            let receiver = receiver::start(cluster, &folder.join(&label.wal))?;
            let archive = Self { folder, label, receiver, _lock: lock };
            archive.require(&connection).await?;
            return Ok(archive);
        }
        let number = free_number(&folder)?;
        let label = Label {
            kind: KIND.into(),
            system_identifier,
            base: format!("base-{number}"),
            wal: format!("wal-{number}"),
        };
        tracing::info!(archive = %folder.display(), "the archive gets its first copy of the database; this takes a while");
        replication::release_archive(&connection).await?;
        if goes_on {
            replication::drop_slot(&connection).await?;
        }
        replication::create_slot(&connection).await?;
        let wal = folder.join(&label.wal);
        folders::make_private(&wal, &cluster.account)?;
        let receiver = receiver::start(cluster, &wal)?;
        let mut archive = Self { folder, label, receiver, _lock: lock };
        archive.until(&connection, Wanted::Streaming).await?;
        archive.take_base(cluster, archive.label.base.clone()).await?;
        archive.require(&connection).await?;
        Ok(archive)
    }

    /// Takes a new base if the log since the last has grown long, and drops the log before it.
    pub async fn renew(&mut self, cluster: &Cluster) -> Result<bool, ClusterError> {
        let (base, wal) = (self.folder.join(&self.label.base), self.folder.join(&self.label.wal));
        if wal::bytes_below(&wal) <= LOG_BYTES_MAX.max(2 * wal::bytes_below(&base)) {
            return Ok(false);
        }
        let name = format!("base-{}", free_number(&self.folder)?);
        self.take_base(cluster, name).await?;
        wal::drop_before(&wal, &wal::start_of(&self.folder.join(&self.label.base))?)?;
        Ok(true)
    }

    /// Ends the receiver, after Postgres has stopped and given it the last of its log.
    pub async fn finish(self) {
        self.receiver.finish().await;
    }

    /// From now on the receiver is not started again: what follows is the end of Postgres.
    pub fn let_go(&self) {
        self.receiver.let_go();
    }

    async fn require(&self, connection: &Connection) -> Result<(), ClusterError> {
        self.until(connection, Wanted::Streaming).await?;
        replication::require_archive(connection).await?;
        self.until(connection, Wanted::Required).await
    }

    async fn until(&self, connection: &Connection, wanted: Wanted) -> Result<(), ClusterError> {
        let began = Stopwatch::start();
        while began.elapsed() < CAUGHT_UP_WAIT {
            let is_so = match wanted {
                Wanted::Streaming => replication::is_streaming(connection).await?,
                Wanted::Required => replication::standbys(connection).await? == Standbys::Connected,
            };
            if is_so {
                return Ok(());
            }
            sleep(POLL).await;
        }
        Err(ClusterError::ArchiveBehind { archive: self.folder.clone(), said: self.receiver.last_words() })
    }

    /// Takes a base backup, puts it on the label, and removes what no label names any more.
    async fn take_base(&mut self, cluster: &Cluster, name: String) -> Result<(), ClusterError> {
        let (aside, whole) = (self.folder.join(format!(".making-{name}")), self.folder.join(&name));
        let mut command = cluster.account.command(&cluster.binaries.client("pg_basebackup")?);
        client::connect_by(&mut command, &cluster.config(MAINTENANCE));
        command.arg("-D").arg(&aside).args(["--no-password", "--checkpoint=fast"]);
        let taken = tokio::task::spawn_blocking(move || run("pg_basebackup", &mut command)).await;
        taken.unwrap_or_else(|error| {
            Err(ClusterError::Program { program: "pg_basebackup", output: error.to_string() })
        })?;
        fs::rename(&aside, &whole).map_err(ClusterError::file("put in place", &whole))?;
        let label = Label { base: name, ..self.label.clone() };
        label.write(&self.folder)?;
        self.label = label;
        self.remove_strays();
        Ok(())
    }

    fn remove_strays(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_named = name == self.label.base || name == self.label.wal;
            let is_ours = ["base-", "wal-", ".making-"].iter().any(|begin| name.starts_with(begin));
            if is_ours
                && !is_named
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(path = %entry.path().display(), %error, "an old part of the archive stays for now");
            }
        }
    }
}

/// How far the archive must be.
#[derive(Clone, Copy)]
enum Wanted {
    Streaming,
    Required,
}

/// Lets commits go without an archive that is kept up no longer, and says so.
pub(crate) async fn release(cluster: &Cluster) -> Result<bool, ClusterError> {
    let connection = databases::connect(&cluster.config(MAINTENANCE)).await?;
    let was_kept = slot_goes_on(&connection).await?;
    if was_kept {
        replication::release_archive(&connection).await?;
        replication::drop_slot(&connection).await?;
    }
    Ok(was_kept)
}

/// Whether Postgres still has everything that the archive's receiver lacks. A receiver that a killed
/// server left behind is ended first.
async fn slot_goes_on(connection: &Connection) -> Result<bool, ClusterError> {
    let began = Stopwatch::start();
    while let Some(slot) = replication::slot(connection).await? {
        match slot.sender {
            None if slot.is_lost => {
                replication::drop_slot(connection).await?;
                return Ok(false);
            }
            None => return Ok(true),
            Some(sender) => replication::end_sender(connection, sender).await?,
        }
        if began.elapsed() > CAUGHT_UP_WAIT {
            break;
        }
        sleep(POLL).await;
    }
    Ok(false)
}

/// The archive's folder, made if it is not there, that the account alone can enter.
fn prepare(cluster: &Cluster, folder: &Path) -> Result<PathBuf, ClusterError> {
    let folder = path::absolute(folder).map_err(ClusterError::file("find", folder))?;
    if cluster.account.is_lent {
        cluster.account.check_reach(&folders::existing_part(&folder)?)?;
    }
    let is_new = !folder.join(LABEL).exists();
    let strange = |name: &str| name != LOCK && !name.starts_with("base-") && !name.starts_with("wal-");
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    if is_new && names.any(|name| strange(&name) && !name.starts_with(".making-")) {
        return Err(ClusterError::ForeignArchive { archive: folder });
    }
    if let Some(parent) = folder.parent() {
        folders::make_each(parent, if cluster.account.is_lent { 0o711 } else { 0o700 })?;
    }
    folders::make_private(&folder, &cluster.account)?;
    folder.canonicalize().map_err(ClusterError::file("find", &folder))
}

fn lock(folder: &Path) -> Result<File, ClusterError> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(ClusterError::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ClusterError::ArchiveBusy { archive: folder.into() }),
        Err(TryLockError::Error(error)) => Err(ClusterError::file("lock", path)(error)),
    }
}

/// A number that no part of the archive has.
fn free_number(folder: &Path) -> Result<u64, ClusterError> {
    let entries = fs::read_dir(folder).map_err(ClusterError::file("read", folder))?;
    let number = |name: &str| name.rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok());
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter_map(|name| number(&name)).max().map_or(1, |largest| largest + 1))
}
