//! Countings: people walk along bins and write down what they see; nothing is booked until somebody approves it.
//!
//! A counting is one device's own and needs no line. Its bins belong to no other counting that is not over; several
//! people may count in it, also several bins of one product. What is counted of a product is the whole of it at this
//! place: bins of the same product are counted in one counting. What looks come to is [`outpost_schema::counting`]'s.

mod entry;
mod refused;
mod review;
mod tally;

use outpost_schema::{
    clock::Timestamp,
    count::{Upto, check_marks},
    counting::{BINS_MAX, CountingNumber, CountingState, Moment, Terms, bin_named, folded, person_named},
    fault::Fault,
    id::WarehouseId,
};
use rusqlite::Connection;

use self::tally::View;
pub use self::{
    entry::{Scanned, Typed},
    refused::NotCounted,
    review::Approval,
    tally::Tally,
};
use crate::{
    db::countings::{self, Stored},
    error::Error,
    node::{Node, Writing},
    stage::Work,
};

/// A counting that is to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Who opens it.
    pub person: String,
    /// Where is counted.
    pub bins: Vec<String>,
    /// How.
    pub terms: Terms,
}

/// A counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counting {
    /// Which.
    pub number: CountingNumber,
    /// Where the device stood when it was opened.
    pub warehouse_id: WarehouseId,
    /// Who opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: Timestamp,
    /// How it is done.
    pub terms: Terms,
    /// How far it is.
    pub state: CountingState,
    /// Who ended it, and when.
    pub closed: Option<(String, Timestamp)>,
    /// Its bins, by name.
    pub bins: Vec<String>,
}

/// Somebody who is at a bin.
#[derive(Clone, Debug)]
pub struct At {
    /// Where.
    pub bin: String,
    /// Who.
    pub person: String,
    /// How far other devices are now, as their screens say.
    pub marks: Vec<Upto>,
    /// How far they were right after, as they said when they were asked.
    pub done: Vec<Upto>,
}

impl Node {
    /// Opens a counting of these bins; more may be added.
    ///
    /// # Errors
    /// `bin_taken`, `empty` or `too_long` for a name, `no_lines` without a bin, `too_many_lines` beyond [`BINS_MAX`],
    /// `tolerance_out_of_range`, or what the disk says.
    pub fn open_counting(&self, opening: &Opening) -> Result<Counting, Error> {
        self.write(Work::Counting, |writing| writing.open_counting(opening))
    }

    /// Somebody begins with a bin, which is the counting's from now on: whatever is typed there by that person was
    /// seen after this.
    ///
    /// # Errors
    /// `unknown_counting`, `counting_over`, `counting_elsewhere`, and those of [`Node::open_counting`].
    pub fn begin_bin(&self, number: CountingNumber, at: &At) -> Result<Counting, Error> {
        self.write(Work::Counting, |writing| writing.begin_bin(number, at))
    }

    /// Gives a counting up: nothing of it is booked, beyond what was, and its bins are free.
    ///
    /// # Errors
    /// `unknown_counting`, `counting_over` if it is approved, or what the disk says.
    pub fn cancel_counting(&self, number: CountingNumber, person: &str) -> Result<Counting, Error> {
        self.write(Work::Counting, |writing| {
            let person = person_named(person)?;
            let stored = known(writing.conn(), number)?;
            match stored.state {
                CountingState::Open | CountingState::Review => {
                    let closed = Some((person.as_str(), writing.now()));
                    countings::set_state(writing.conn(), number, CountingState::Cancelled, closed)?;
                }
                CountingState::Approved => return Err(NotCounted::Over { state: stored.state }.into()),
                CountingState::Cancelled => {}
            }
            shown(writing.conn(), known(writing.conn(), number)?)
        })
    }

    /// Countings that are not over, or all of them; the latest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn countings(&self, all: bool) -> Result<Vec<Counting>, Error> {
        self.db().read(|conn| countings::list(conn, all)?.into_iter().map(|stored| shown(conn, stored)).collect())
    }
}

impl Writing<'_> {
    fn open_counting(&mut self, opening: &Opening) -> Result<Counting, Error> {
        let person = person_named(&opening.person)?;
        opening.terms.tolerance.check()?;
        if opening.bins.is_empty() {
            return Err(Fault::NoLines.into());
        }
        let (here, now) = (self.identity.warehouse_id(), self.now());
        let number = countings::open(self.conn(), here, (&person, now), opening.terms)?;
        opening.bins.iter().try_for_each(|bin| self.take_bin(number, &bin_named(bin)?))?;
        shown(self.conn(), known(self.conn(), number)?)
    }

    fn take_bin(&self, number: CountingNumber, bin: &str) -> Result<(), Error> {
        match countings::holder(self.conn(), bin)? {
            Some(holder) if holder == number => return Ok(()),
            Some(counting) => return Err(NotCounted::BinTaken { bin: bin.to_owned(), counting }.into()),
            None => {}
        }
        countings::add_bin(self.conn(), number, bin)?;
        let count = countings::bins(self.conn(), number)?.len();
        if count > BINS_MAX { Err(Fault::TooManyLines { count, max: BINS_MAX }.into()) } else { Ok(()) }
    }

    fn begin_bin(&mut self, number: CountingNumber, at: &At) -> Result<Counting, Error> {
        let stored = self.under_way(number)?;
        let (bin, person) = (bin_named(&at.bin)?, person_named(&at.person)?);
        self.take_bin(number, &bin)?;
        let moment = self.moment(number, at)?;
        countings::begin(self.conn(), number, (&bin, &folded(&person)), &moment)?;
        shown(self.conn(), stored)
    }

    /// A counting of this place that is not over.
    fn under_way(&self, number: CountingNumber) -> Result<Stored, Error> {
        let stored = known(self.conn(), number)?;
        if stored.state.is_over() {
            return Err(NotCounted::Over { state: stored.state }.into());
        }
        if stored.warehouse_id != self.identity.warehouse_id() {
            return Err(NotCounted::Elsewhere.into());
        }
        Ok(stored)
    }

    fn view(&self) -> View<'_> {
        View { conn: self.conn(), identity: &self.identity, now: self.now() }
    }

    /// Somebody is looking just now, and has read how far other devices are, or they were asked right after: then that
    /// was done before whatever is looked at next, and not before this.
    fn moment(&self, number: CountingNumber, at: &At) -> Result<Moment, Error> {
        let own = self.identity.incarnation_id();
        let of_others = |marks: &[Upto]| -> Result<Vec<Upto>, Fault> {
            let marks = marks.iter().filter(|upto| upto.incarnation_id != own).copied().collect::<Vec<_>>();
            check_marks(&marks)?;
            Ok(marks)
        };
        let (read, asked) = (of_others(&at.marks)?, of_others(&at.done)?);
        countings::note_marks(self.conn(), number, &read)?;
        let moment = Moment { asked, ..self.view().moment(number, read)? };
        countings::note_marks(self.conn(), number, &moment.asked)?;
        Ok(moment)
    }
}

fn known(conn: &Connection, number: CountingNumber) -> Result<Stored, Error> {
    Ok(countings::find(conn, number)?.ok_or(NotCounted::Unknown { counting: number })?)
}

fn shown(conn: &Connection, stored: Stored) -> Result<Counting, Error> {
    let Stored { number, warehouse_id, opened_by, opened_at, terms, state, closed } = stored;
    let bins = countings::bins(conn, number)?;
    Ok(Counting { number, warehouse_id, opened_by, opened_at, terms, state, closed, bins })
}
