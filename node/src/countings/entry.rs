//! What is seen in a bin is written down: typed, or scan by scan.

use outpost_schema::{
    counting::{
        Book, CountingNumber, CountingState, Look, Moment, PRODUCTS_MAX, bin_named, folded, is_same_person,
        person_named,
    },
    fault::Fault,
    id::ProductId,
    quantity::{AMOUNT_MAX, Amount},
};

use super::{At, Counting, NotCounted, shown};
use crate::{
    db::{
        countings::{self, Stored, StoredRound},
        stock,
    },
    error::Error,
    node::{Node, Writing},
    stage::Work,
    stockroom::Seen,
};

/// Numbers that somebody typed.
#[derive(Clone, Debug)]
pub struct Typed {
    /// Who, where.
    pub at: At,
    /// How many of what.
    pub lines: Vec<Seen>,
    /// Whether they stand for what the same person wrote before.
    pub again: bool,
    /// Whether nobody else is there for a second count.
    pub alone: bool,
}

/// Something that somebody scanned.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// Who, where.
    pub at: At,
    /// What.
    pub product_id: ProductId,
    /// How many; a scan of one thing is 1.
    pub amount: Amount,
    /// Whether nobody else is there for a second count.
    pub alone: bool,
}

/// What is written down of one product.
struct Entry<'a> {
    bin: &'a str,
    person: &'a str,
    product: ProductId,
    alone: bool,
}

impl Node {
    /// Somebody typed what is in a bin. Nothing is said of what should be there.
    ///
    /// # Errors
    /// `product_taken` while another counting of this device has the product,
    /// `counted_already` unless it is said again, `counted_by_other`, `same_person` for a second count unless nobody else
    /// is there, `under_review`, `unknown_bin`, `unknown_product`, `amount_out_of_range`, `no_lines`, `not_heard` at a home
    /// whose book was not heard yet, those of
    /// [`Node::begin_bin`], or what the disk says.
    pub fn count_in(&self, number: CountingNumber, typed: &Typed) -> Result<Counting, Error> {
        self.write(Work::Counting, |writing| writing.count_in(number, typed))
    }

    /// Somebody scanned something in a bin; scans add up. Answers with how many that person has seen of it there.
    ///
    /// # Errors
    /// Those of [`Node::count_in`].
    pub fn scan_in(&self, number: CountingNumber, scanned: &Scanned) -> Result<i64, Error> {
        self.write(Work::Counting, |writing| writing.scan_in(number, scanned))
    }
}

impl Writing<'_> {
    fn count_in(&mut self, number: CountingNumber, typed: &Typed) -> Result<Counting, Error> {
        if typed.lines.is_empty() {
            return Err(Fault::NoLines.into());
        }
        let (stored, bin, person, to) = self.at_bin(number, &typed.at)?;
        // The eyes may have looked at any time since this person began with the bin.
        let from = countings::begun(self.conn(), number, (&bin, &folded(&person)))?.unwrap_or_else(|| to.clone());
        for line in &typed.lines {
            let entry = Entry { bin: &bin, person: &person, product: line.product_id, alone: typed.alone };
            if let (Some(_), false) = (self.former(&stored, &entry)?, typed.again) {
                return Err(NotCounted::CountedAlready { person, bin }.into());
            }
            self.write_down(number, &entry, line.counted, (from.clone(), to.clone()))?;
        }
        shown(self.conn(), stored)
    }

    fn scan_in(&mut self, number: CountingNumber, scanned: &Scanned) -> Result<i64, Error> {
        let (stored, bin, person, to) = self.at_bin(number, &scanned.at)?;
        let entry = Entry { bin: &bin, person: &person, product: scanned.product_id, alone: scanned.alone };
        let former = self.former(&stored, &entry)?;
        let (units, from) = former.map_or_else(|| (0, to.clone()), |look| (look.units, look.from));
        let units = units + scanned.amount.units();
        self.write_down(number, &entry, units, (from, to))?;
        Ok(units)
    }

    fn at_bin(&self, number: CountingNumber, at: &At) -> Result<(Stored, String, String, Moment), Error> {
        let stored = self.under_way(number)?;
        self.has_heard_the_book()?;
        let (bin, person) = (bin_named(&at.bin)?, person_named(&at.person)?);
        if countings::holder(self.conn(), &bin)? != Some(number) {
            return Err(NotCounted::UnknownBin { bin }.into());
        }
        let moment = self.moment(number, at)?;
        Ok((stored, bin, person, moment))
    }

    /// What this person has written down for the product and bin in this round, which begins if there is none.
    fn former(&self, stored: &Stored, entry: &Entry<'_>) -> Result<Option<Look>, Error> {
        self.check_product(entry.product)?;
        let mut rounds = countings::rounds(self.conn(), stored.number, entry.product)?;
        match rounds.pop() {
            None if stored.state == CountingState::Open => {
                if let Some(counting) = countings::elsewhere(self.conn(), stored.number, entry.product)? {
                    return Err(NotCounted::ProductTaken { product: entry.product, counting }.into());
                }
                countings::add_round(self.conn(), stored.number, entry.product)?;
                let count = countings::products(self.conn(), stored.number)?.len();
                if count > PRODUCTS_MAX {
                    return Err(Fault::TooManyLines { count, max: PRODUCTS_MAX }.into());
                }
                Ok(None)
            }
            Some(last) if last.is_open => {
                second_eyes(&rounds, entry)?;
                let look = last.round.looks.into_iter().find(|look| look.bin == entry.bin);
                match look {
                    Some(Look { person, bin, .. }) if !is_same_person(&person, entry.person) => {
                        Err(NotCounted::CountedByOther { person, bin }.into())
                    }
                    own => Ok(own),
                }
            }
            None | Some(_) => Err(NotCounted::UnderReview.into()),
        }
    }

    fn write_down(
        &self,
        number: CountingNumber,
        entry: &Entry<'_>,
        units: i64,
        (from, to): (Moment, Moment),
    ) -> Result<(), Error> {
        if !(0..=AMOUNT_MAX).contains(&units) {
            return Err(Fault::AmountOutOfRange { units }.into());
        }
        let balance = stock::level(self.conn(), self.identity.stock_of(entry.product))?.balance;
        let book = Book { balance, seq: to.seq };
        let look = Look { bin: entry.bin.to_owned(), person: entry.person.to_owned(), units, from, to };
        countings::save_look(self.conn(), number, entry.product, &look, book)
    }
}

/// What was counted in a bin is counted again by somebody else, unless there is nobody.
fn second_eyes(former: &[StoredRound], entry: &Entry<'_>) -> Result<(), NotCounted> {
    let mut looks = former.iter().rev().flat_map(|round| &round.round.looks);
    match looks.find(|look| look.bin == entry.bin) {
        Some(look) if !entry.alone && is_same_person(&look.person, entry.person) => {
            Err(NotCounted::SamePerson { person: look.person.clone(), bin: look.bin.clone() })
        }
        Some(_) | None => Ok(()),
    }
}
