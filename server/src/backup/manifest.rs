//! What a backup says of itself, in `manifest.json` beside the dump.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use outpost_schema::{
    clock::Timestamp,
    id::{BackupId, EpochId},
    journal::Hash,
    money::Currency,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BackupError;
use crate::db::{
    MIGRATIONS,
    backups::{Holdings, JournalMark},
};

/// The dump's name in a backup.
pub const DUMP: &str = "dump";

/// The manifest's name in a backup.
pub const MANIFEST: &str = "manifest.json";

/// What stands first in every manifest, so that a foreign file is known.
const KIND: &str = "backup of an outpost-server";

/// A manifest larger than this is none: a mark takes 150 bytes, and 10,000 devices are many.
const BYTES_MAX: u64 = 16 << 20;

/// Bytes read at once.
const PIECE: usize = 1 << 16;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `KIND`.
    pub kind: String,
    /// Which backup.
    pub backup_id: BackupId,
    /// The network's first epoch, which stays through every restore.
    pub network: EpochId,
    /// As of when, for people.
    pub taken: String,
    /// As of when.
    pub taken_at: Timestamp,
    /// The version of `outpost-server` that took it.
    pub outpost: String,
    /// The version of Postgres that wrote the dump.
    pub postgres: u32,
    /// The migrations applied to it.
    pub migrations: Vec<String>,
    /// The epoch it was taken in.
    pub epoch: EpochId,
    /// That epoch's number.
    pub epoch_number: i64,
    /// The network's currency.
    pub currency: Currency,
    /// The rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// How far it has each journal.
    pub marks: Vec<JournalMark>,
    /// The dump beside it.
    pub dump: Dump,
}

/// A dump, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Hash,
}

impl Manifest {
    /// The first words of every manifest.
    pub fn kind() -> String {
        KIND.to_owned()
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// [`BackupError::NotABackup`], or [`BackupError::Newer`].
    pub fn read(backup: &Path) -> Result<Self, BackupError> {
        let not = |why: String| BackupError::NotABackup { path: backup.into(), why };
        let path = backup.join(MANIFEST);
        let about = fs::metadata(&path).map_err(|error| {
            match [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) {
                true => not(format!("it has no {MANIFEST}")),
                false => BackupError::file("read", &path)(error),
            }
        })?;
        if about.len() > BYTES_MAX {
            return Err(not(format!("its {MANIFEST} is larger than any")));
        }
        let text = fs::read(&path).map_err(BackupError::file("read", &path))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| not(format!("its {MANIFEST} cannot be read: {error}")))?;
        if manifest.kind != KIND {
            return Err(not(format!("its {MANIFEST} is of something else")));
        }
        manifest.check_migrations(backup)?;
        Ok(manifest)
    }

    fn check_migrations(&self, backup: &Path) -> Result<(), BackupError> {
        let is_known = |name: &&String| MIGRATIONS.iter().any(|(known, _)| known == name);
        match self.migrations.iter().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(migration) => Err(BackupError::Newer {
                path: backup.into(),
                version: self.outpost.clone(),
                migration: migration.clone(),
            }),
        }
    }

    /// Reads the whole dump of a backup and compares it with what was written; `moved` hears how far it is.
    ///
    /// # Errors
    /// [`BackupError::Truncated`], [`BackupError::Altered`].
    pub fn check_dump(&self, backup: &Path, moved: impl Fn(u64)) -> Result<PathBuf, BackupError> {
        let path = backup.join(DUMP);
        let mut file = File::open(&path).map_err(|error| match error.kind() == ErrorKind::NotFound {
            true => BackupError::Truncated { path: path.clone(), has: 0, wanted: self.dump.bytes },
            false => BackupError::file("read", &path)(error),
        })?;
        let has = file.metadata().map_err(BackupError::file("read", &path))?.len();
        if has < self.dump.bytes {
            return Err(BackupError::Truncated { path, has, wanted: self.dump.bytes });
        }
        let (mut hash, mut piece, mut done) = (Sha256::new(), vec![0; PIECE], 0);
        loop {
            let read = file.read(&mut piece).map_err(BackupError::file("read", &path))?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            done += read as u64;
            moved(done);
        }
        if has != self.dump.bytes || Hash(hash.finalize().into()) != self.dump.sha256 {
            return Err(BackupError::Altered { path });
        }
        Ok(path)
    }

    /// Compares what a database holds with what the backup says that it held.
    ///
    /// # Errors
    /// [`BackupError::Differs`].
    pub fn compare(&self, restored: &Holdings) -> Result<(), BackupError> {
        let differs = |what: String| Err(BackupError::Differs { what });
        if let Some((table, rows)) = self.rows.iter().find(|(table, rows)| restored.rows.get(*table) != Some(*rows)) {
            let has = restored.rows.get(table).copied().unwrap_or_default();
            return differs(format!("{has} rows of {table} instead of {rows}"));
        }
        if restored.marks != self.marks {
            return differs("how far the devices' journals go".to_owned());
        }
        if (restored.epoch_id, restored.network) != (self.epoch, self.network) {
            return differs("the epoch".to_owned());
        }
        Ok(())
    }
}
