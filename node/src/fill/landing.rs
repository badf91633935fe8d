//! A file on its way: its bytes so far, and beside them which file they are of.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use outpost_schema::journal::Hash;
use outpost_sync::file::{Begun, FileHead};
use serde::{Deserialize, Serialize};

use super::{BadFile, at, remove};
use crate::{
    error::Error,
    stage::{self, Moment, Work},
};

/// The bytes so far, in the node's folder.
const PART: &str = "outpost.db.part";

/// Which file they are of.
const ABOUT: &str = "outpost.db.part.json";

/// Which file it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    tag: String,
    digest: Hash,
    bytes: u64,
    unpacked: u64,
}

/// A file that was begun.
#[derive(Debug)]
pub(super) struct Landed {
    about: About,
    received: u64,
    path: PathBuf,
}

impl Landed {
    /// So much is here.
    pub(super) fn begun(&self) -> Begun {
        Begun { tag: self.about.tag.clone(), bytes: self.received }
    }

    /// Its bytes once it is unpacked.
    pub(super) const fn unpacked(&self) -> u64 {
        self.about.unpacked
    }

    /// What its bytes' digest is to be.
    pub(super) const fn digest(&self) -> Hash {
        self.about.digest
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all of it is there. More than all counts too: its digest will tell.
    pub(super) const fn is_whole(&self) -> bool {
        self.received >= self.about.bytes
    }
}

/// A file that is open to take more.
#[derive(Debug)]
pub(super) struct Landing {
    about: About,
    received: u64,
    file: File,
    path: PathBuf,
}

impl Landing {
    /// What a former round left, if it left something.
    pub(super) fn begun(folder: &Path) -> Option<Landed> {
        let about: About = serde_json::from_slice(&fs::read(folder.join(ABOUT)).ok()?).ok()?;
        let path = folder.join(PART);
        let received = path.metadata().ok()?.len();
        (received > 0).then_some(Landed { about, received, path })
    }

    /// Goes on with what is there if the bytes that follow are its rest, and else begins anew.
    pub(super) fn open(folder: &Path, head: &FileHead) -> Result<Self, Error> {
        let about = About { tag: head.tag.clone(), digest: head.digest, bytes: head.bytes, unpacked: head.unpacked };
        let path = folder.join(PART);
        if head.from > 0 {
            let landed = Self::begun(folder).filter(|landed| landed.about == about && landed.received == head.from);
            landed.ok_or(BadFile::Changed)?;
            let file = File::options().append(true).open(&path).map_err(at(&path))?;
            return Ok(Self { about, received: head.from, file, path });
        }
        Self::remove(folder)?;
        let file = File::create(&path).map_err(at(&path))?;
        let beside = folder.join(ABOUT);
        let text = serde_json::to_vec(&about).expect("our own types always encode into memory");
        fs::write(&beside, text).map_err(at(&beside))?;
        Ok(Self { about, received: 0, file, path })
    }

    /// Keeps the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.received + bytes.len() as u64 > self.about.bytes {
            return Err(BadFile::Altered.into());
        }
        self.file.write_all(bytes).map_err(at(&self.path))?;
        self.received += bytes.len() as u64;
        stage::reach(Work::Fill, Moment::Landing);
        Ok(())
    }

    /// Bytes so far.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// Bytes in all.
    pub(super) const fn bytes(&self) -> u64 {
        self.about.bytes
    }

    /// Throws away what is there.
    pub(super) fn remove(folder: &Path) -> Result<(), Error> {
        // Bytes of which nobody knows which file they are of are never gone on with.
        remove(&folder.join(ABOUT))?;
        remove(&folder.join(PART))
    }
}
