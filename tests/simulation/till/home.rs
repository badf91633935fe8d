//! Where a till's files lie: a folder in memory, so that a thousand histories spare the real disk, on a
//! drive whose power can be cut.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use outpost_node::{
    Node, carts, db,
    disk::{RESERVE_BYTES, RESERVE_FILE},
    search, witness,
};
use outpost_schema::{device::Card, world::Seeded};
use tempfile::TempDir;

use crate::{
    chance::Chance,
    device::Damage,
    disk::{self, Drive},
};

/// Made by every connection anew, and no part of what is kept.
const SHARED_MEMORY: &str = "-shm";

/// Says only that somebody has the folder open.
const LOCK: &str = "outpost.lock";

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A till's folder.
pub struct Home {
    card: Card,
    drive: Drive,
    /// The witness as it was when the till was last switched on: what a disk may still have of it.
    witness_before: Option<Vec<u8>>,
    // Last: nothing is watched any more when it goes.
    folder: TempDir,
}

impl Home {
    /// Where these files are.
    pub fn of(card: &Card, files: &Files) -> Self {
        let folder = disk::folder();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("files can be written");
        }
        // The whole length, and nothing in it: the reserve is there and takes no room.
        let reserve = File::create(folder.path().join(RESERVE_FILE)).expect("files can be made");
        reserve.set_len(RESERVE_BYTES).expect("a file can be long");
        let drive = Drive::watch(folder.path()).expect("the folder is there");
        let witness_before = read(&folder.path().join(witness::FILE));
        Self { card: card.clone(), drive, witness_before, folder }
    }

    /// Where a new till is: a migrated database that belongs to nobody yet.
    pub fn new(card: &Card) -> Self {
        static BLANK: OnceLock<Files> = OnceLock::new();
        Self::of(card, BLANK.get_or_init(blank))
    }

    /// The card of whoever lives here.
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether the power is out.
    pub fn is_out(&self) -> bool {
        self.drive.is_out()
    }

    /// The power goes out after so many more changes.
    pub fn fail_after(&self, changes: u64) {
        self.drive.fail_after(changes);
    }

    /// All that is kept here but the carts' fast copy.
    pub fn files(&self) -> Files {
        let entries = fs::read_dir(self.folder()).expect("the folder is there").map(|entry| entry.expect("readable"));
        let kept = entries.filter(|entry| entry.path().is_file()).filter_map(|entry| {
            let name = entry.file_name().into_string().expect("our own names");
            let is_kept = name != RESERVE_FILE && name != LOCK && !name.ends_with(SHARED_MEMORY);
            is_kept.then(|| (name, fs::read(entry.path()).expect("readable")))
        });
        kept.collect()
    }

    /// Whoever lived here is switched on again.
    pub fn begin_again(&mut self) {
        self.witness_before = read(&self.witness());
    }

    /// The power comes back: what was not on the disk may be there or not. Nobody waited for the witness.
    pub fn cut(&self, chance: &mut Chance) -> Damage {
        let cut = self.drive.cut(chance).expect("the drive can be written");
        match (chance.below(10), read(&self.witness())) {
            (0, _) => gone(&self.witness()),
            (1 | 2, _) => match &self.witness_before {
                Some(before) => fs::write(self.witness(), before).expect("written"),
                None => gone(&self.witness()),
            },
            (3, Some(whole)) => tear(&self.witness(), whole, chance),
            (_, _) => {}
        }
        Damage { kept: cut.kept, dropped: cut.dropped, torn: cut.torn }
    }

    /// Whatever becomes of the fast copy of the carts, it is only a copy.
    pub fn spoil_fast_copy(&self, chance: &mut Chance) {
        let folder = self.folder().join(carts::FOLDER);
        let Ok(entries) = fs::read_dir(&folder) else { return };
        let entries = entries.map(|entry| entry.expect("readable").path());
        let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
        files.sort();
        match chance.below(4) {
            0 => fs::remove_dir_all(&folder).expect("removable"),
            1 if !files.is_empty() => {
                let file = chance.one_of(&files);
                tear(file, fs::read(file).expect("readable"), chance);
            }
            _ => {}
        }
    }

    /// Takes over what another folder knows of how far the journal came.
    pub fn keep_witness_of(&self, other: &Self) {
        if let Some(bytes) = read(&other.witness()) {
            fs::write(self.witness(), bytes).expect("written");
        }
    }

    /// Whether an index of the catalogue was ever kept here.
    pub fn has_index(&self) -> bool {
        self.folder().join(search::FOLDER).exists()
    }

    /// Takes another folder's index of the catalogue: whoever puts only the database back leaves it where it is.
    pub fn take_index_of(&self, other: &Self) {
        if other.has_index() {
            fs::rename(other.folder().join(search::FOLDER), self.folder().join(search::FOLDER)).expect("one disk");
        }
    }

    fn witness(&self) -> PathBuf {
        self.folder().join(witness::FILE)
    }
}

/// What opening an empty folder leaves, without the reserve.
fn blank() -> Files {
    let folder = disk::folder();
    drop(Node::open(folder.path(), Arc::new(Seeded::new(0))).expect("an empty folder can be opened"));
    let database = fs::read(folder.path().join(db::FILE)).expect("made");
    Files::from([(db::FILE.to_owned(), database)])
}

fn read(path: &Path) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{} cannot be read: {error}", path.display()),
    }
}

fn gone(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => panic!("{} cannot be removed: {error}", path.display()),
    }
}

/// Cuts a file short, or changes a byte of it.
fn tear(path: &Path, mut bytes: Vec<u8>, chance: &mut Chance) {
    let at = chance.below(bytes.len());
    if chance.below(2) == 0 {
        bytes.truncate(at);
    } else if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
    fs::write(path, bytes).expect("written");
}
