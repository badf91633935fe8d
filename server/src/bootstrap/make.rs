//! The making of a file: written, compressed, put on the disk, and only then given its name.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use outpost_schema::{id::WarehouseId, journal::Hash};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::{
    Manifest, NotMade, Ready,
    manifest::{self, MAKING},
};
use crate::{
    db::bootstrap,
    server::Server,
    stage::{self, Moment, Work},
};

/// How hard the file is compressed: the fastest level makes it a sixth longer than the usual one, and
/// takes half the time that the first caller waits.
const LEVEL: i32 = 1;

/// What is read at once from the file that is compressed.
const PIECE: usize = 1 << 20;

/// Makes the file for nodes that receive these warehouses.
pub(super) async fn make(
    server: &Arc<Server>,
    folder: &Path,
    name: &str,
    warehouses: &[WarehouseId],
) -> Result<Ready, NotMade> {
    let plain = Making(folder.join(format!("{MAKING}{name}.db")));
    // Under the slot's turn nobody else is at work on it: what is there a killed process left.
    plain.remove();
    let (about, rows) = bootstrap::write(server, warehouses, &plain.0).await?;
    stage::reach(Work::Bootstrap, Moment::Written);
    let packed = Making(folder.join(format!("{MAKING}{name}.zst")));
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let finish = move || {
        let (bytes, unpacked, digest) = pack(&plain.0, &packed.0)?;
        let (epoch, snapshot, nodes, made_at) = (about.epoch, about.snapshot, about.nodes, about.made_at);
        let manifest = Manifest { epoch, snapshot, nodes, made_at, rows, bytes, unpacked, digest };
        let path = manifest::path_of(&folder, digest);
        fs::rename(&packed.0, &path)?;
        stage::reach(Work::Bootstrap, Moment::Named);
        manifest::sync(&folder)?;
        manifest::keep(&folder, &name, &manifest)?;
        stage::reach(Work::Bootstrap, Moment::Kept);
        Ok(Ready { manifest, path })
    };
    spawn_blocking(finish).await.map_err(|_| NotMade::BrokeOff)?
}

/// A path at which something is being made; what is still there goes with this value.
struct Making(PathBuf);

impl Making {
    fn remove(&self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.0.display(), %error, "a half-made file stays until the next start");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Compresses one file into another, which is on the disk for good when this returns. Says how long
/// both are, and the digest of the second.
fn pack(from: &Path, into: &Path) -> io::Result<(u64, u64, Hash)> {
    let mut plain = BufReader::with_capacity(PIECE, File::open(from)?);
    let length = plain.get_ref().metadata()?.len();
    let mut hashed = Hashed { file: File::create(into)?, hasher: Sha256::new(), bytes: 0 };
    let mut frame = zstd::Encoder::new(&mut hashed, LEVEL)?;
    frame.set_pledged_src_size(Some(length))?;
    let unpacked = io::copy(&mut plain, &mut frame)?;
    frame.finish()?;
    hashed.file.sync_all()?;
    Ok((hashed.bytes, unpacked, Hash(hashed.hasher.finalize().into())))
}

/// Counts and digests what passes into the file.
struct Hashed {
    file: File,
    hasher: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
