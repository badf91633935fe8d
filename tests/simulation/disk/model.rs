//! The drive as it is modelled: which files have changes that nobody waited for, and whether there is power.

use std::{
    collections::BTreeMap,
    ffi::c_int,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::ffi;

use super::change::{self, Change, Cut};
use crate::chance::Chance;

/// How SQLite names what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub c_int);

/// What SQLite is told when the power is out.
const OUT: Code = Code(ffi::SQLITE_IOERR);

/// A file as the machine has it. What is read beyond its end are zeros.
pub trait Under {
    fn length(&self) -> Result<u64, Code>;
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Code>;
    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Code>;
    fn truncate(&self, length: u64) -> Result<(), Code>;
}

/// What was called so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Writes, truncations, syncs and deletions: what `fail_after` counts.
    pub changes: u64,
    /// Writes alone.
    pub writes: u64,
    /// Syncs alone.
    pub syncs: u64,
}

/// Names a file whatever it is called: device and number. It stays the same when the file is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FileId(u64, u64);

impl FileId {
    fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|there| Self(there.dev(), there.ino()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    /// So many more changing calls are whole.
    GoesAfter(u64),
    /// So many more syncs are whole.
    GoesAtSync(u64),
    Out,
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Sync,
    Other,
}

/// How far a changing call may go.
#[derive(PartialEq, Eq)]
enum Step {
    Whole,
    /// The power goes while it is under way.
    Last,
}

#[derive(Debug)]
struct State {
    power: Power,
    calls: Calls,
    /// Open handles.
    handles: u64,
    /// What was done to each file since it was last made certain.
    changes: BTreeMap<FileId, Vec<Change>>,
    /// Was being deleted when the power went.
    half_deleted: Option<PathBuf>,
}

impl State {
    fn step(&mut self, call: Call) -> Result<Step, Code> {
        let (after, step) = match (self.power, call) {
            (Power::On, _) => (Power::On, Step::Whole),
            (Power::GoesAfter(0), _) | (Power::GoesAtSync(0), Call::Sync) => (Power::Out, Step::Last),
            (Power::GoesAfter(left), _) => (Power::GoesAfter(left - 1), Step::Whole),
            (Power::GoesAtSync(left), Call::Sync) => (Power::GoesAtSync(left - 1), Step::Whole),
            (Power::GoesAtSync(left), Call::Other) => (Power::GoesAtSync(left), Step::Whole),
            (Power::Out, _) => return Err(OUT),
        };
        self.power = after;
        self.calls.changes += 1;
        Ok(step)
    }

    fn note(&mut self, file: FileId, change: Change) {
        self.changes.entry(file).or_default().push(change);
    }
}

/// A watched folder, and everything below it.
#[derive(Debug)]
pub struct Model {
    folder: PathBuf,
    state: Mutex<State>,
}

impl Model {
    pub fn of(folder: PathBuf) -> Self {
        let (calls, handles, changes, half_deleted) = Default::default();
        Self { folder, state: Mutex::new(State { power: Power::On, calls, handles, changes, half_deleted }) }
    }

    pub fn has(&self, path: &Path) -> bool {
        path.starts_with(&self.folder)
    }

    pub fn calls(&self) -> Calls {
        self.lock().calls
    }

    pub fn is_out(&self) -> bool {
        self.lock().power == Power::Out
    }

    pub fn fail_after(&self, calls: u64) {
        self.lock().power = Power::GoesAfter(calls);
    }

    pub fn fail_at_sync(&self, syncs: u64) {
        self.lock().power = Power::GoesAtSync(syncs);
    }

    /// Whatever needs the disk and changes nothing.
    pub fn look(&self) -> Result<(), Code> {
        if self.is_out() { Err(OUT) } else { Ok(()) }
    }

    /// A deletion, which `delete` carries out.
    pub fn delete(&self, path: &Path, delete: impl FnOnce() -> Result<(), Code>) -> Result<(), Code> {
        let mut state = self.lock();
        if state.step(Call::Other)? == Step::Last {
            state.half_deleted = Some(path.to_owned());
            return Err(OUT);
        }
        if let Ok(file) = FileId::of(path) {
            state.changes.remove(&file);
        }
        delete()
    }

    /// Brings the files to what a disk would hold, and the power back.
    ///
    /// # Panics
    /// If a connection is still open: it would go on with what it remembers of files that are no more.
    pub fn cut(&self, chance: &mut Chance) -> io::Result<Cut> {
        let mut state = self.lock();
        assert_eq!(state.handles, 0, "whoever uses a drive ends with its power");
        let changes = std::mem::take(&mut state.changes);
        let half_deleted = state.half_deleted.take().filter(|_| chance.in_a_hundred(50));
        let mut cut = Cut::default();
        for path in files(&self.folder)? {
            let is_shared_memory = path.as_os_str().as_encoded_bytes().ends_with(b"-shm");
            if is_shared_memory || half_deleted.as_ref() == Some(&path) {
                fs::remove_file(&path)?;
            } else if let Some(changes) = changes.get(&FileId::of(&path)?) {
                let mut content = fs::read(&path)?;
                cut.add(change::settle(&mut content, changes, chance));
                fs::write(&path, content)?;
            }
        }
        state.power = Power::On;
        Ok(cut)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every file below a folder, in the order of their names, so that chance falls on the same ones again.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            files.extend(self::files(&path)?);
        } else if kind.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// An open file of a watched folder. All handles of a file share its changes.
#[derive(Debug)]
pub struct Handle {
    model: Arc<Model>,
    file: FileId,
}

impl Handle {
    /// Of the file that was just opened there, and perhaps made by that.
    pub fn open(model: Arc<Model>, path: &Path, is_new: bool) -> io::Result<Self> {
        let file = FileId::of(path)?;
        let mut state = model.lock();
        state.handles += 1;
        if is_new {
            state.changes.remove(&file);
        }
        drop(state);
        Ok(Self { model, file })
    }

    /// See [`Model::look`].
    pub fn look(&self) -> Result<(), Code> {
        self.model.look()
    }

    pub fn write(&self, under: &impl Under, at: u64, bytes: &[u8]) -> Result<(), Code> {
        let mut state = self.model.lock();
        let step = state.step(Call::Other)?;
        state.calls.writes += 1;
        let length = under.length()?;
        let there = length.saturating_sub(at).min(bytes.len() as u64);
        let old = read(under, at, there)?;
        under.write(at, bytes)?;
        state.note(self.file, Change::written(at, old, bytes, length));
        done(step)
    }

    pub fn truncate(&self, under: &impl Under, to: u64) -> Result<(), Code> {
        let mut state = self.model.lock();
        let step = state.step(Call::Other)?;
        let length = under.length()?;
        let old = read(under, to, length.saturating_sub(to))?;
        under.truncate(to)?;
        state.note(self.file, Change::cut_short(to, old, length));
        done(step)
    }

    /// What was done to this file, by whichever handle, is certain now. The machine itself need not wait.
    pub fn sync(&self) -> Result<(), Code> {
        let mut state = self.model.lock();
        done(state.step(Call::Sync)?)?;
        state.calls.syncs += 1;
        state.changes.remove(&self.file);
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.model.lock().handles -= 1;
    }
}

/// A call during which the power went is never answered; what it did is left to chance.
fn done(step: Step) -> Result<(), Code> {
    match step {
        Step::Whole => Ok(()),
        Step::Last => Err(OUT),
    }
}

fn read(under: &impl Under, at: u64, length: u64) -> Result<Vec<u8>, Code> {
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| OUT)?];
    if !bytes.is_empty() {
        under.read(at, &mut bytes)?;
    }
    Ok(bytes)
}
