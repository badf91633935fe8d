//! Rounds, and what must be so after one.

use outpost_schema::{
    journal::{Hash, Mark},
    stock::StockKey,
    verdict::ConcernKind,
};
use outpost_sync::{
    round::{self, Done, Failure, Local as _, Trouble},
    wire::Problem,
};

use super::{Check, Network, verbs::standing};
use crate::{
    depth::Depth,
    device::Device,
    office::{Answer, Office as _, Weather as _},
    step::{Deed, Undone},
};

/// What head office may say of a call that came to it whole: a device of which a restored server never heard.
const FORGOTTEN: &str = "unknown_node";

/// What it says when its database does not answer in time.
const AWAY: &str = "database_away";

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It went through.
    Through(Done),
    /// It was cut short, as lines are.
    Short,
}

impl Came {
    /// Whether it ended level, and nothing was told or heard.
    pub(super) const fn is_quiet(self) -> bool {
        match self {
            Self::Through(done) => done.is_level && done.pushed == 0 && done.received == 0,
            Self::Short => false,
        }
    }
}

impl<D: Depth> Network<D> {
    pub(super) async fn round(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        self.one_round(number).await.map(|_| ())
    }

    /// A round of a till that is there, and what must be so after it.
    pub(super) async fn one_round(&mut self, number: usize) -> Check<Came> {
        let spot = &self.spots[number];
        let Some(device) = spot.device.as_ref().filter(|device| !device.is_dark()) else { return Ok(Came::Short) };
        let was_late = spot.line.is_late();
        let read_to = device.cursor().ok();
        let outcome = round::run(device, &spot.line, 0).await;
        let is_read_further = device.cursor().ok() != read_to;
        let came = self.heard(number, outcome).await?;
        if is_read_further {
            self.look(number);
        } else {
            // Whatever was acknowledged: nothing new was told, so nothing shows otherwise.
            self.expect(number, &[])?;
        }
        self.look_at_the_book().await?;
        self.shows_what_was_confirmed(number)?;
        if is_read_further {
            let is_level = matches!(came, Came::Through(done) if done.is_level);
            self.spots[number].is_told_off = is_level && self.is_told_off_in_the_book(number);
        }
        let is_late = was_late || self.spots[number].line.is_late();
        if let Came::Through(done) = came
            && done.is_level
            && !is_late
        {
            let is_as_told = self.has_its_journal(number)?;
            if is_as_told || !self.spots[number].is_doubtful {
                self.equals_the_book(number)?;
            }
            self.spots[number].is_doubtful &= self.has_a_double(number) || !is_as_told;
            self.spots[number].has_called = true;
            self.has_heard(number);
            self.note_a_call(number);
        }
        self.go_on(number)?;
        Ok(came)
    }

    /// Whether the book has of a till's life exactly what is in its journal. A line that broke at the wrong moment
    /// leaves one that was put back waiting for another life, and level all the same: how much of its journal the
    /// images contain it learns when that begins.
    fn has_its_journal(&self, number: usize) -> Check<bool> {
        let spot = &self.spots[number];
        let Some(device) = &spot.device else { return Ok(false) };
        let ends = [(0, 0), (i64::MAX, u8::MAX)].map(|(seq, byte)| (spot.life, Mark { seq, hash: Hash([byte; 32]) }));
        let last = self.book.ops.range(ends[0]..=ends[1]).next_back();
        Ok(standing(device)? == last.map_or(Mark::START, |((_, mark), _)| *mark))
    }

    /// Two rounds at once: what each shows in the end depends on who was first.
    pub(super) async fn rounds(&mut self, one: usize, other: usize) -> Check {
        let Some(one) = self.till(one) else { return Ok(()) };
        let Some(other) = self.neighbour(one, other) else { return self.round(one).await };
        let (first, second) = (&self.spots[one], &self.spots[other]);
        let (Some(a), Some(b)) = (first.device.as_ref(), second.device.as_ref()) else { return Ok(()) };
        let both = futures_util::future::join(round::run(a, &first.line, 0), round::run(b, &second.line, 0)).await;
        (self.spots[one].is_told_off, self.spots[other].is_told_off) = (false, false);
        self.heard(one, both.0).await?;
        self.heard(other, both.1).await?;
        self.look(one);
        self.look(other);
        self.look_at_the_book().await
    }

    /// Whether head office says that a till is to sell nothing.
    fn is_told_off_in_the_book(&self, number: usize) -> bool {
        let node = self.spots[number].card.node_id;
        let is_suspended = self.book.concerns.contains(&(ConcernKind::Suspended, node.to_string()));
        is_suspended || self.book.retired.contains(&node)
    }

    /// Another till, at the same place if there is one there: those want the same rows.
    fn neighbour(&self, number: usize, nth: usize) -> Option<usize> {
        let here = self.spots[number].card.warehouse_id;
        let others = (0..self.spots.len()).filter(|other| *other != number && self.spots[*other].device.is_some());
        let (near, far): (Vec<_>, Vec<_>) = others.partition(|other| self.spots[*other].card.warehouse_id == here);
        let others = if near.is_empty() { far } else { near };
        (!others.is_empty()).then(|| others[nth % others.len()])
    }

    async fn heard<E: std::fmt::Display>(&mut self, number: usize, outcome: Result<Done, Failure<E>>) -> Check<Came> {
        let spot = &self.spots[number];
        let is_dark = spot.device.as_ref().is_some_and(Device::is_dark);
        match outcome {
            Ok(done) => {
                self.tell(|| format!("    {done:?}"));
                Ok(Came::Through(done))
            }
            Err(Failure::Local(_)) if is_dark => Ok(Came::Short),
            Err(Failure::Remote(Trouble::Told(problem))) if problem.code == FORGOTTEN => self.readmit(number).await,
            Err(Failure::Remote(Trouble::Told(problem) | Trouble::Busy(problem, _))) if problem.code == AWAY => {
                self.tally.away += 1;
                Ok(Came::Short)
            }
            Err(failure) => {
                let text = failure.to_string();
                self.tell(|| format!("    {text}"));
                if is_expected(&failure) { Ok(Came::Short) } else { Err(format!("a round failed: {text}")) }
            }
        }
    }

    /// A restored server never heard of this life of the device: somebody shows it the card.
    async fn readmit(&mut self, number: usize) -> Check<Came> {
        let Some(device) = self.spots[number].device.as_ref() else { return Ok(Came::Short) };
        let deed = Deed::Readmit { card: Box::new(device.card()) };
        match self.office.act(&deed).await {
            Answer::Done => Ok(Came::Short),
            Answer::Refused(code) => Err(format!("a device that was forgotten is not taken back: {code}")),
        }
    }

    /// A till that is level shows what the book says, and over it what the book does not have yet.
    fn equals_the_book(&self, number: usize) -> Check {
        let spot = &self.spots[number];
        // Head office tells one that is on its way of where it is to be.
        if spot.going.is_some() {
            return Ok(());
        }
        for (key, shown) in &spot.shown {
            let fed = self.book.levels.get(key).copied().unwrap_or_default();
            let own = self.unbooked(number, *key);
            if shown.balance != fed.balance + own {
                return Err(format!(
                    "{} is level and shows {shown:?} of {key:?}; the book has {fed:?}, and {own} are not in it yet",
                    spot.card.name
                ));
            }
        }
        self.deliveries_equal_the_book(number)
    }

    /// What ops on a till's disk that are in no book did to a row.
    fn unbooked(&self, number: usize, key: StockKey) -> i64 {
        let ops = self.spots[number].disk.iter().map(|op| &self.ledger.ops[*op]);
        let moved = ops.filter(|op| !self.is_booked(op)).flat_map(|op| &op.moved);
        moved.filter(|(of, _)| *of == key).map(|(_, delta)| delta).sum()
    }

    /// Whether the book has this op, and what it did.
    pub(super) fn is_booked(&self, op: &crate::ledger::Happened) -> bool {
        self.book.verdict(op.name).is_some_and(|word| word != "set_aside")
    }

    /// Whether there are two of this till.
    pub(super) fn has_a_double(&self, number: usize) -> bool {
        let node_id = self.spots[number].card.node_id;
        self.spots.iter().filter(|spot| spot.card.node_id == node_id && spot.device.is_some()).count() > 1
    }

    pub(super) async fn compare(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let spot = &self.spots[number];
        let Some(device) = spot.device.as_ref() else { return Ok(()) };
        match D::compare(device, &spot.line).await {
            Ok(0) => Ok(()),
            Ok(rows) => Err(format!("{rows} rows of {} had to be mended", spot.card.name)),
            Err(why) => {
                self.tell(|| format!("    {why}"));
                Ok(())
            }
        }
    }

    pub(super) fn tidy(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let tidied = self.spots[number].device.as_ref().map(Device::tidy);
        match tidied {
            None | Some(Ok(()) | Err(Undone::Dark)) => Ok(()),
            Some(Err(Undone::Refused(code))) => Err(format!("old entries cannot be forgotten: {code}")),
        }
    }
}

/// Whether lines and restores explain a failure.
fn is_expected<E>(failure: &Failure<E>) -> bool {
    match failure {
        Failure::Remote(Trouble::Cut(_) | Trouble::Garbled(_) | Trouble::Busy(..)) => true,
        Failure::Remote(Trouble::Told(Problem { code, .. })) => is_about_the_body(code),
        Failure::Frozen | Failure::RolledBack => true,
        Failure::Local(_) | Failure::NoAgreement => false,
    }
}

/// Whether head office says that what came is not whole.
fn is_about_the_body(code: &str) -> bool {
    ["unreadable", "unreadable_body", "not_compressed", "body_cut"].contains(&code)
}
