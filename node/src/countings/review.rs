//! What was seen is looked at, counted again where it should be, and booked.

use outpost_schema::{
    counting::{CountingNumber, CountingState, Moment, Standing, person_named, remark},
    fault::Fault,
    id::ProductId,
    op::{Count, CountLine, Op},
    stock::Reason,
    text::{self, PROSE_MAX},
};

use super::{
    Counting, NotCounted, known,
    tally::{Tally, View, unfinished},
};
use crate::{
    db::{
        countings::{self, Stored},
        identity,
        stock::Place,
    },
    error::{Error, Refused},
    goods::Effects,
    node::{Node, Writing},
    stage::Work,
};

/// Somebody says that what was seen is to be booked.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Who.
    pub person: String,
    /// Only these products, if any are named.
    pub products: Vec<ProductId>,
    /// Why it is booked although it should be counted again.
    pub reason: Option<String>,
}

impl Node {
    /// A counting and how its products stand.
    ///
    /// # Errors
    /// `unknown_counting`, or if the database cannot be read.
    pub fn counting(&self, number: CountingNumber) -> Result<(Counting, Vec<Tally>), Error> {
        self.db().read(|conn| {
            let identity = identity::load(conn)?;
            View { conn, identity: &identity, now: self.world().now() }.of(number)
        })
    }

    /// Whoever counts has finished, for the first time or for a second one: what was seen is shown beside the book.
    /// What is still to be counted again in some bin goes on being counted.
    ///
    /// # Errors
    /// `nothing_counted`, `unknown_counting`, `counting_over`, `counting_elsewhere`, or what the disk says.
    pub fn review_counting(&self, number: CountingNumber) -> Result<(Counting, Vec<Tally>), Error> {
        self.write(Work::Counting, |writing| {
            let stored = writing.under_way(number)?;
            writing.review(&stored)?;
            writing.view().of(number)
        })
    }

    /// These products are to be counted again, in every bin in which they were seen.
    ///
    /// # Errors
    /// `not_reviewed`, `not_in_counting`, `approved_already`, `no_lines`, and those of [`Node::review_counting`].
    pub fn recount(&self, number: CountingNumber, products: &[ProductId]) -> Result<(Counting, Vec<Tally>), Error> {
        self.write(Work::Counting, |writing| {
            let stored = writing.under_way(number)?;
            writing.recount(&stored, products)?;
            writing.view().of(number)
        })
    }

    /// Books what was seen, product by product as of the moment it was seen; all of it, or nothing. What is booked is
    /// booked once, however often this is said. With the last product the counting is over.
    ///
    /// # Errors
    /// `count_again` unless a reason is given and helps, `not_reviewed`, `not_in_counting`, `rolled_back`,
    /// `counting_over` if it was cancelled, or what the disk says.
    pub fn approve(&self, number: CountingNumber, approval: &Approval) -> Result<Vec<CountLine>, Error> {
        self.write(Work::Approve, |writing| writing.approve(number, approval))
    }
}

impl Writing<'_> {
    fn review(&self, stored: &Stored) -> Result<(), Error> {
        let products = countings::products(self.conn(), stored.number)?;
        if products.is_empty() {
            return Err(NotCounted::Nothing.into());
        }
        let (view, now) = (self.view(), self.view().moment(stored.number, Vec::new())?);
        for product in products {
            let rounds = countings::rounds(self.conn(), stored.number, product)?;
            let judged = view.judged(stored, product, &rounds, &now)?;
            if !matches!(judged.standing, Standing::Unfinished { .. }) {
                countings::close_round(self.conn(), stored.number, product)?;
            }
        }
        countings::set_state(self.conn(), stored.number, CountingState::Review, None)
    }

    fn recount(&self, stored: &Stored, products: &[ProductId]) -> Result<(), Error> {
        if stored.state == CountingState::Open {
            return Err(NotCounted::NotReviewed.into());
        }
        if products.is_empty() {
            return Err(Fault::NoLines.into());
        }
        for &product in products {
            let rounds = countings::rounds(self.conn(), stored.number, product)?;
            let last = rounds.last().ok_or(NotCounted::NotInIt { product })?;
            if last.booked.is_some() {
                return Err(NotCounted::Booked { product }.into());
            }
            if !last.is_open {
                countings::add_round(self.conn(), stored.number, product)?;
            }
        }
        Ok(())
    }

    fn approve(&mut self, number: CountingNumber, approval: &Approval) -> Result<Vec<CountLine>, Error> {
        let person = person_named(&approval.person)?;
        let reason = approval.reason.as_deref();
        reason.map_or(Ok(()), |reason| text::require("reason", reason, PROSE_MAX))?;
        let stored = match known(self.conn(), number)? {
            stored if stored.state == CountingState::Approved => stored,
            _ => self.under_way(number)?,
        };
        if stored.state == CountingState::Open {
            return Err(NotCounted::NotReviewed.into());
        }
        // An older copy of the device does not know what it has booked since, nor what it has sold.
        if self.identity.state.is_old_image() {
            return Err(Refused::RolledBack.into());
        }
        let all = countings::products(self.conn(), number)?;
        if let Some(&product) = approval.products.iter().find(|product| !all.contains(product)) {
            return Err(NotCounted::NotInIt { product }.into());
        }
        let now = self.view().moment(number, Vec::new())?;
        let mut lines = Vec::new();
        for &product in if approval.products.is_empty() { &all } else { &approval.products } {
            lines.push(self.book(&stored, product, (&person, reason), &now)?);
        }
        if stored.state == CountingState::Review && self.is_all_booked(number, &all)? {
            countings::set_state(self.conn(), number, CountingState::Approved, Some((&person, self.now())))?;
        }
        Ok(lines)
    }

    fn is_all_booked(&self, number: CountingNumber, products: &[ProductId]) -> Result<bool, Error> {
        for &product in products {
            let rounds = countings::rounds(self.conn(), number, product)?;
            if rounds.last().is_none_or(|last| last.booked.is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Books a product by an op of its own, because each was seen at another moment; unless that was done.
    fn book(
        &mut self,
        stored: &Stored,
        product: ProductId,
        (person, reason): (&str, Option<&str>),
        now: &Moment,
    ) -> Result<CountLine, Error> {
        let rounds = countings::rounds(self.conn(), stored.number, product)?;
        let last = rounds.last().ok_or(NotCounted::NotInIt { product })?;
        if let Some(line) = last.booked {
            return Ok(line);
        }
        let judged = self.view().judged(stored, product, &rounds, now)?;
        let again = |standing: &Standing| NotCounted::CountAgain { product, standing: standing.clone() };
        if last.is_open {
            return Err(again(&unfinished(judged.standing)).into());
        }
        let sight = judged.booked(reason.is_some()).map_err(again)?;
        let line = CountLine { product_id: product, counted: sight.counted, delta: sight.variance() };
        let said = remark(stored.number, &last.round.looks, person, reason);
        let mut effects = Effects::default();
        effects.put_or_take(self, 0, self.identity.stock_of(product), line.delta, Reason::Counted)?;
        let warehouse_id = stored.warehouse_id;
        let count = Count { warehouse_id, lines: vec![line], cut: Some(sight.cut.clone()), remark: said };
        let entry = self.append(&Op::Counted(count))?;
        effects.save(self, &entry)?;
        let place = Place { incarnation_id: self.identity.incarnation_id(), seq: entry.seq };
        countings::note_booked(self.conn(), stored.number, line, place)?;
        Ok(line)
    }
}
