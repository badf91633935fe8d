//! Filling the node: from nothing, after a long absence, or when the server's database began another
//! life. Everything is brought together aside, beside the tables that are in use, and taken over when
//! it is whole; until then, and while it is taken over, this device sells, counts and looks things up
//! over what it has.
//!
//! - `landing`: a file on its way, which may take several rounds
//! - `unpack`: from what crossed the line to a database
//! - what is aside, and how it is taken over: `db::aside`, `db::refill`
//!
//! Without a file the same is filled by reading the feed from its start. Only a blank device, which
//! has nothing to lose, then reads it into its own tables.

mod bad;
mod landing;
mod progress;
mod unpack;

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use outpost_sync::{
    file::{FilePart, FileWanted, Filling},
    round::Anew,
    wire::Page,
};
use rusqlite::Connection;

pub use self::{
    bad::BadFile,
    progress::{Doing, Progress},
};

use self::{landing::Landing, progress::Shown};
use crate::{
    db::{
        aside, epochs,
        filling::{self, Row, Way, Why},
        identity, inbox, journal, refill, schema,
    },
    error::Error,
    node::Node,
    stage::{self, Moment, Work},
};

/// After so many files that were not what they should be the feed is read instead.
const FILES_TRIED: i64 = 2;

/// Between two ranges that are taken over: whoever waits to write gets its turn.
const PAUSE: Duration = Duration::from_millis(1);

/// What a node keeps open while it is filled.
#[derive(Debug, Default)]
pub(crate) struct Filler {
    landing: Mutex<Option<Landing>>,
    aside: Mutex<Option<Connection>>,
    shown: Shown,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    /// How far this device is being filled, if it is.
    pub fn filled(&self) -> Option<Progress> {
        self.filler().shown.get()
    }

    /// See [`outpost_sync::round::Local::filling`].
    pub(crate) fn look_at_filling(&self) -> Result<Filling, Error> {
        let row = self.db().read(|conn| match identity::find(conn)? {
            Some(_) => filling::find(conn),
            None => Ok(None),
        })?;
        Ok(match row.map(|row| row.way) {
            None => {
                self.tidy_up()?;
                Filling::Not
            }
            Some(Way::FeedAside | Way::Feed) => Filling::Not,
            Some(Way::Over) => Filling::Here,
            Some(Way::File) => match Landing::begun(self.db().folder()) {
                Some(landed) if landed.is_whole() => Filling::Here,
                landed => Filling::Wants(FileWanted { schema: schema(), begun: landed.map(|landed| landed.begun()) }),
            },
        })
    }

    /// Keeps a part of the file.
    pub(crate) fn land(&self, part: FilePart<'_>) -> Result<(), Error> {
        let mut landing = held(&self.filler().landing);
        let kept = match part {
            FilePart::Head(head) => Landing::open(self.db().folder(), head).map(|opened| *landing = Some(opened)),
            FilePart::Bytes(bytes) => match landing.as_mut() {
                Some(landing) => landing.take(bytes),
                None => Err(BadFile::Changed.into()),
            },
        };
        if let Some(landing) = landing.as_ref() {
            self.filler().shown.put(Doing::Fetching, landing.received(), landing.bytes());
        }
        kept.inspect_err(|error| {
            *landing = None;
            self.give_up_file(error);
        })
    }

    /// Checks what came and takes it over, or goes on taking it over.
    pub(crate) fn take_over(&self) -> Result<(), Error> {
        *held(&self.filler().landing) = None;
        let row = self.db().read(filling::find)?;
        let Some(row) = row else { return Ok(()) };
        let done = match row.way {
            Way::Over => self.merge(),
            Way::File | Way::FeedAside | Way::Feed => self.unpack(&row).and_then(|()| self.put_in_place(&row)),
        };
        self.filler().shown.clear();
        match done {
            // Half of it is in use already, and the rest is as good as it was.
            Err(error) if row.way != Way::Over => {
                self.give_up_file(&error);
                Err(error)
            }
            done => done,
        }
    }

    /// What came is worth nothing.
    pub(crate) fn drop_file(&self) -> Result<(), Error> {
        Landing::remove(self.db().folder())
    }

    /// The feed is read instead: into the node's own tables if nothing in them would be missed.
    pub(crate) fn do_without(&self) -> Result<(), Error> {
        self.drop_file()?;
        self.close_aside()?;
        self.db().write_at(Work::Fill, |tx| {
            let Some(row) = filling::find(tx)? else { return Ok(()) };
            let is_blank = row.why == Why::New && filling::is_blank(tx)?;
            filling::go_on(tx, &row, if is_blank { Way::Feed } else { Way::FeedAside })
        })
    }

    /// What is here no longer belongs to the server's database: it is filled anew, and serves until then.
    pub(crate) fn begin_filling(&self, why: &Anew) -> Result<(), Error> {
        self.drop_file()?;
        self.close_aside()?;
        let (why, epoch) = match why {
            Anew::OtherEpoch(epoch) => (Why::OtherEpoch, Some(*epoch)),
            Anew::TooLongAway => (Why::TooLongAway, None),
        };
        self.db().write_at(Work::Fill, |tx| {
            epoch.map_or(Ok(()), |epoch| epochs::begin(tx, epoch))?;
            filling::begin(tx, why, epoch)
        })
    }

    /// Where the feed goes on: aside, while it is read there.
    pub(crate) fn feed_cursor(&self) -> Result<Option<String>, Error> {
        if self.reads_aside()? {
            return self.with_aside(|conn| Ok(inbox::position(conn)?.cursor));
        }
        Ok(self.db().read(inbox::position)?.cursor)
    }

    /// Whether the feed is read into the database aside.
    pub(crate) fn reads_aside(&self) -> Result<bool, Error> {
        Ok(self.db().read(filling::find)?.is_some_and(|row| row.way == Way::FeedAside))
    }

    /// Applies a page aside; at level all of it is taken over.
    pub(crate) fn apply_aside(&self, asked: Option<&str>, page: &Page) -> Result<(), Error> {
        let now = self.world().now();
        let card = self.db().read(identity::load)?.card;
        self.with_aside(|conn| aside::apply(conn, asked, page, now))?;
        self.db().write_at(Work::ApplyAside, |tx| aside::hear(tx, page, now))?;
        self.filler().shown.add(Doing::Reading, page.aggregates.len() as u64);
        if !page.level {
            return Ok(());
        }
        self.with_aside(|conn| aside::complete(conn, page, &card))?;
        *held(&self.filler().aside) = None;
        aside::make_certain(&aside::path(self.db().folder()))?;
        self.begin_merge()?;
        let done = self.merge();
        self.filler().shown.clear();
        done
    }

    fn with_aside<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        let mut aside = held(&self.filler().aside);
        if aside.is_none() {
            let card = self.db().read(identity::load)?.card;
            *aside = Some(aside::open(self.db().folder(), &card)?);
        }
        let conn = aside.as_mut().ok_or_else(|| Error::damaged("the database aside is gone"))?;
        work(conn)
    }

    fn close_aside(&self) -> Result<(), Error> {
        *held(&self.filler().aside) = None;
        aside::remove(self.db().folder())
    }

    /// From what crossed the line to a database aside that is one for this node, and is on the disk.
    fn unpack(&self, row: &Row) -> Result<(), Error> {
        let folder = self.db().folder();
        let landed = Landing::begun(folder).filter(landing::Landed::is_whole).ok_or(BadFile::Truncated)?;
        self.close_aside()?;
        self.filler().shown.put(Doing::Unpacking, 0, landed.unpacked());
        let path = aside::path(folder);
        unpack::unpack(&landed, &path)?;
        stage::reach(Work::Fill, Moment::Unpacked);
        let (card, acked) = self.db().read(|conn| {
            let card = identity::load(conn)?.card;
            let acked = journal::acked(conn, card.incarnation_id)?;
            Ok((card, acked))
        })?;
        aside::admit(&path, &card, row.epoch, acked)?;
        aside::make_certain(&path)?;
        stage::reach(Work::Fill, Moment::Admitted);
        Ok(())
    }

    /// A node that never did anything takes the database as its own, whole.
    fn put_in_place(&self, row: &Row) -> Result<(), Error> {
        let folder = self.db().folder();
        let replaced = if row.why == Why::OtherEpoch {
            None
        } else {
            self.db().replace(&aside::path(folder), self.world().now())?
        };
        match replaced {
            Some(carts) => {
                self.tell_carts(&carts);
                self.drop_file()
            }
            None => {
                self.begin_merge()?;
                self.merge()
            }
        }
    }

    /// From here on the database aside is what the node goes on from, also after a restart.
    fn begin_merge(&self) -> Result<(), Error> {
        self.db().write_at(Work::Fill, |tx| match filling::find(tx)? {
            Some(row) => filling::go_on(tx, &row, Way::Over),
            None => Ok(()),
        })?;
        self.drop_file()
    }

    fn merge(&self) -> Result<(), Error> {
        let path = aside::path(self.db().folder());
        if !path.is_file() {
            // Somebody tidied up: the fed tables are whole, and only a part of them is new.
            return self.begin_filling(&Anew::TooLongAway);
        }
        self.db().attach_aside(&path)?;
        let merged = self.merge_ranges();
        self.db().detach_aside()?;
        merged?;
        self.tidy_up()
    }

    /// What a killed process left once all of it was taken over.
    fn tidy_up(&self) -> Result<(), Error> {
        self.drop_file()?;
        self.close_aside()
    }

    fn merge_ranges(&self) -> Result<(), Error> {
        let rows = self.db().write_at(Work::Measure, |tx| refill::rows(tx))?;
        self.filler().shown.put(Doing::TakingOver, 0, rows);
        loop {
            let step = self.db().write_at(Work::Merge, |tx| refill::step(tx, self.world().now()))?;
            self.tell_carts(&step.carts);
            self.filler().shown.add(Doing::TakingOver, step.rows);
            if step.is_last {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
    }

    /// What was not what it should be is thrown away and counted; what could not be kept for lack of
    /// room is thrown away, so that selling has the room.
    fn give_up_file(&self, error: &Error) {
        self.filler().shown.clear();
        let given_up = if matches!(error, Error::BadFile(BadFile::Truncated)) {
            Ok(())
        } else if matches!(error, Error::BadFile(_) | Error::Damaged { .. }) {
            self.note_bad_file()
        } else if matches!(error, Error::DiskFull) {
            self.tidy_up()
        } else {
            Ok(())
        };
        if let Err(error) = given_up {
            tracing::warn!(%error, "a file that is worth nothing could not be thrown away");
        }
    }

    fn note_bad_file(&self) -> Result<(), Error> {
        self.drop_file()?;
        self.close_aside()?;
        let failed = self.db().write_at(Work::NoteBadFile, |tx| match filling::find(tx)? {
            Some(row) => filling::note_failed(tx, &row).map(|()| row.failed + 1),
            None => Ok(0),
        })?;
        if failed >= FILES_TRIED { self.do_without() } else { Ok(()) }
    }
}

/// Whether there is no room on the disk, or none that this program may use.
fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// What a file could not be used for, with its name.
fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |cause| {
        if is_full(&cause) { Error::DiskFull } else { Error::Files { what: path.display().to_string(), cause } }
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(at(path)(cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}
