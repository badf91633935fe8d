//! A second memory of how far the journal has come, beside the database and, if the shop has a second
//! disk, on that too.
//!
//! A device that was put back to an old image looks like its younger self. If only the database was put
//! back, or its log was lost, the witness knows an entry that the journal lacks, and nothing is sold from
//! allotments before head office was heard. If the whole folder was put back, only a witness on another
//! disk can tell; without one, head office notices at first contact.
//!
//! A witness may be behind: it is written after the commit and nobody waits for the disk. It is never
//! ahead of what was committed. One that cannot be read says nothing.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use outpost_schema::{
    id::{IncarnationId, NodeId},
    journal::{Hash, Mark},
};
use sha2::{Digest as _, Sha256};

/// The witness in the device's own folder.
pub const FILE: &str = "outpost.witness";

/// Of one length, so that it is written in place: two ids, a number of at most 19 digits, a hash, a check.
const LENGTH: usize = 36 + 1 + 36 + 1 + 19 + 1 + 64 + 1 + 16 + 1;

/// What a witness remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whose journal.
    pub(crate) node_id: NodeId,
    /// Which life of it.
    pub(crate) incarnation_id: IncarnationId,
    /// How far it had come.
    pub(crate) mark: Mark,
}

/// The witnesses of one device.
#[derive(Debug, Default)]
pub(crate) struct Witnesses(Vec<(PathBuf, File)>);

impl Witnesses {
    /// Those in the folder and, if there is one, at `second`. One that cannot be opened is passed over
    /// with a warning: a till does not stay closed because a stick was pulled out.
    pub(crate) fn open(folder: &Path, second: Option<&Path>) -> Self {
        let paths = [Some(folder.join(FILE)), second.map(Path::to_owned)];
        let open = |path: PathBuf| match File::options().read(true).write(true).create(true).truncate(false).open(&path)
        {
            Ok(file) => Some((path, file)),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "this witness of the journal cannot be used; mend it, or name another");
                None
            }
        };
        Self(paths.into_iter().flatten().filter_map(open).collect())
    }

    /// What they remember.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.iter().filter_map(|(_, file)| read(file)).collect()
    }

    /// The journal has come so far, on the disk.
    pub(crate) fn note(&self, seen: &Seen) {
        let line = write(seen);
        for (path, file) in &self.0 {
            if let Err(error) = file.write_all_at(line.as_bytes(), 0) {
                tracing::warn!(path = %path.display(), %error, "this witness of the journal could not be written");
            }
        }
    }
}

fn write(seen: &Seen) -> String {
    let Seen { node_id, incarnation_id, mark } = seen;
    let line = format!("{node_id} {incarnation_id} {:019} {}", mark.seq, mark.hash);
    format!("{line} {}\n", check(&line))
}

fn read(file: &File) -> Option<Seen> {
    let mut bytes = [0; LENGTH];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let line = std::str::from_utf8(&bytes).ok()?.trim_end();
    let (line, sum) = line.rsplit_once(' ')?;
    let mut parts = line.split(' ').filter(|_| sum == check(line));
    let mut next = || parts.next();
    Some(Seen {
        node_id: next()?.parse().ok()?,
        incarnation_id: next()?.parse().ok()?,
        mark: Mark { seq: next()?.parse().ok()?, hash: next()?.parse::<Hash>().ok()? },
    })
}

fn check(line: &str) -> String {
    Sha256::digest(line)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn seen(seq: i64) -> Seen {
        let hash = Hash([7; 32]);
        let (node_id, incarnation_id) = (NodeId(Uuid::from_u128(1)), IncarnationId(Uuid::from_u128(2)));
        Seen { node_id, incarnation_id, mark: Mark { seq, hash } }
    }

    #[test]
    fn what_was_noted_last_is_remembered_in_both_places() {
        let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another disk"));
        let second = other.path().join("witness");
        let open = || Witnesses::open(folder.path(), Some(&second));
        assert_eq!(open().seen(), [], "nothing yet");
        open().note(&seen(9_000_000_000));
        open().note(&seen(8));
        assert_eq!(open().seen(), [seen(8), seen(8)]);
    }

    #[test]
    fn a_torn_witness_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        Witnesses::open(folder.path(), None).note(&seen(8));
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).expect("there");
        assert_eq!(whole.len(), LENGTH);
        for at in 0..LENGTH - 1 {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(&path, torn).expect("written");
            assert_eq!(Witnesses::open(folder.path(), None).seen(), [], "byte {at}");
        }
        std::fs::write(&path, &whole[..40]).expect("written");
        assert_eq!(Witnesses::open(folder.path(), None).seen(), [], "cut short");
    }

    #[test]
    fn a_place_that_cannot_be_used_does_not_close_the_till() {
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = folder.path().join("no such folder/witness");
        let witnesses = Witnesses::open(folder.path(), Some(&nowhere));
        witnesses.note(&seen(1));
        assert_eq!(witnesses.seen(), [seen(1)]);
    }
}
