//! What lies in the folder: files named by their digest, and beside them what each of them is. A file
//! counts from the moment its manifest has its name.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use outpost_schema::{
    clock::Timestamp,
    id::{EpochId, NodeId},
    journal::Hash,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::Ready;
use crate::feed::cursor::Snapshot;

/// Begins the name of what is not finished.
pub(super) const MAKING: &str = "making-";

/// Ends the name of a manifest.
const MANIFEST: &str = ".json";

/// Ends the name of a file.
const FILE: &str = ".db.zst";

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which life of the database it belongs to.
    pub epoch: EpochId,
    /// The moment it shows.
    #[serde(with = "as_text")]
    pub snapshot: Snapshot,
    /// The nodes whose own aggregates are in it, sorted.
    pub nodes: Vec<NodeId>,
    /// When it was made, by the server's clock.
    pub made_at: Timestamp,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its bytes once it is unpacked.
    pub unpacked: u64,
    /// The SHA-256 of its bytes.
    pub digest: Hash,
}

impl Manifest {
    /// Names its bytes: a strong tag, as HTTP writes it.
    pub fn tag(&self) -> String {
        format!("\"{}\"", self.digest)
    }
}

/// A snapshot as Postgres spells it.
mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::feed::cursor::Snapshot;

    pub(super) fn serialize<S: Serializer>(snapshot: &Snapshot, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(snapshot)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Snapshot, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Where the bytes with this digest lie.
pub(super) fn path_of(folder: &Path, digest: Hash) -> PathBuf {
    folder.join(format!("{digest}{FILE}"))
}

/// Keeps a manifest: the file counts when this returns, whatever happens then.
pub(super) fn keep(folder: &Path, name: &str, manifest: &Manifest) -> io::Result<()> {
    let (making, path) = (folder.join(format!("{MAKING}{name}{MANIFEST}")), folder.join(format!("{name}{MANIFEST}")));
    let mut file = File::create(&making)?;
    file.write_all(&serde_json::to_vec(manifest).map_err(io::Error::other)?)?;
    file.sync_all()?;
    fs::rename(making, path)?;
    sync(folder)
}

/// Makes the names in a folder certain.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The file of that name, if an earlier process made it and it is still what it was.
pub(super) async fn find(folder: &Path, name: &str) -> Option<Ready> {
    let (folder, name) = (folder.to_owned(), name.to_owned());
    spawn_blocking(move || read(&folder, &name)).await.ok().flatten()
}

fn read(folder: &Path, name: &str) -> Option<Ready> {
    let manifest = manifest(&folder.join(format!("{name}{MANIFEST}")))?;
    let path = path_of(folder, manifest.digest);
    let is_whole = digest_of(&path).is_ok_and(|digest| digest == manifest.digest);
    is_whole.then_some(Ready { manifest, path })
}

fn manifest(path: &Path) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn digest_of(path: &Path) -> io::Result<Hash> {
    let (mut file, mut hasher, mut bytes) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(Hash(hasher.finalize().into())),
            count => hasher.update(&bytes[..count]),
        }
    }
}

/// Removes what is not finished, manifests of other lives of the database, and files that no
/// manifest names.
pub(super) fn tidy(folder: &Path, epoch: EpochId) -> io::Result<()> {
    let paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut kept = Vec::new();
    for path in paths.iter().filter(|path| name(path).ends_with(MANIFEST) && !name(path).starts_with(MAKING)) {
        match manifest(path).filter(|manifest| manifest.epoch == epoch) {
            Some(manifest) => kept.push(path_of(folder, manifest.digest)),
            None => fs::remove_file(path)?,
        }
    }
    let is_left_over = |path: &&PathBuf| name(path).starts_with(MAKING) || name(path).ends_with(FILE);
    paths.iter().filter(is_left_over).filter(|path| !kept.contains(path)).try_for_each(fs::remove_file)
}
