//! The node's end of a round: its journal and its fed tables, one transaction a call.

use outpost_schema::{
    clock::Timestamp,
    id::IncarnationId,
    journal::Mark,
    planted::{Bug, is_planted},
};
use outpost_sync::{
    file::{FilePart, Filling},
    round::{Anew, Local},
    wire::{Born, LifeWanted, Page, Push, Pushed, Report, Standing},
};

use crate::{
    db::{epochs, identity, inbox, journal, lives, outbox, planted},
    error::Error,
    node::Node,
    stage::Work,
};

/// Days that an entry stays in the journal at least, archived or not: a month's questions can be answered
/// at the till.
pub const KEPT_DAYS: i64 = 35;

/// Entries that are forgotten at once: a transaction of a millisecond or two.
const FORGOTTEN_MAX: usize = 200;

impl Local for Node {
    type Error = Error;

    fn prepare(&self) -> Result<(), Error> {
        self.answer()
    }

    fn standing(&self) -> Result<Standing, Error> {
        self.db().read(outbox::standing)
    }

    fn unsent(&self) -> Result<Push, Error> {
        self.db().read(|conn| outbox::unsent(conn, self.world().now()))
    }

    fn settle(&self, sent: &Push, answer: &Pushed) -> Result<(), Error> {
        self.db().write_from_reserve(Work::Settle, |tx| outbox::settle(tx, sent, answer, self.world().now()))
    }

    fn stand_at(&self, acked: Mark) -> Result<bool, Error> {
        self.db().write_from_reserve(Work::StandAt, |tx| outbox::stand_at(tx, acked, self.world()))
    }

    fn freeze(&self) -> Result<(), Error> {
        self.db().write_from_reserve(Work::Freeze, |tx| outbox::freeze(tx))
    }

    fn cursor(&self) -> Result<Option<String>, Error> {
        self.feed_cursor()
    }

    fn apply(&self, asked: Option<&str>, page: &Page) -> Result<(), Error> {
        // Who reads from the start anew names no life to the server, and may be told news of another one than it knows:
        // that it reports to first, because what is told, and of which place, hangs on that.
        if self.db().read(epochs::known)?.epoch.is_some_and(|known| known != page.epoch) {
            return self.begin_filling(&Anew::OtherEpoch(page.epoch));
        }
        if self.reads_aside()? {
            return self.apply_aside(asked, page);
        }
        // One page after another: parts of two that were asked for at once must not mix.
        let _applying = self.applying();
        if is_planted(Bug::CursorBeforePage) {
            return planted::cursor_before_page(self.db(), asked, page, self.world().now());
        }
        let mut from = 0;
        loop {
            let (now, is_wanted) = (self.world().now(), || self.db().is_wanted());
            let taken = self.db().write_at(Work::Apply, |tx| inbox::apply(tx, (asked, page), from, now, is_wanted))?;
            self.tell_carts(&taken.carts);
            if taken.upto >= page.aggregates.len() {
                return Ok(());
            }
            from = taken.upto;
        }
    }

    fn report(&self) -> Result<Option<Report>, Error> {
        let report = self.db().read(epochs::report)?;
        if report.is_some() && self.db().read(lives::has_to_tell_again)? {
            // First: the report names the journal's end, and until that has come nothing is granted.
            let told = self.db().write_from_reserve(Work::BeginLife, |tx| lives::tell_again(tx, self.world()))?;
            self.bear_witness(told);
        }
        Ok(report)
    }

    fn reported(&self, sent: &Report) -> Result<(), Error> {
        self.db().write_at(Work::Reported, |tx| epochs::reported(tx, sent))
    }

    fn start_anew(&self, why: &Anew) -> Result<(), Error> {
        self.begin_filling(why)
    }

    fn filling(&self) -> Result<Filling, Error> {
        self.look_at_filling()
    }

    fn take_file(&self, part: FilePart<'_>) -> Result<(), Error> {
        self.land(part)
    }

    fn fill(&self) -> Result<(), Error> {
        self.take_over()
    }

    fn drop_file(&self) -> Result<(), Error> {
        Self::drop_file(self)
    }

    fn do_without_file(&self) -> Result<(), Error> {
        self.do_without()
    }

    fn life_wanted(&self) -> Result<Option<LifeWanted>, Error> {
        if self.db().read(identity::load)?.state.ending().is_none() {
            return Ok(None);
        }
        let fresh = IncarnationId::new(self.world().now(), self.world().id_chance());
        self.db().write_at(Work::LifeWanted, |tx| lives::wanted(tx, fresh))
    }

    fn life_is_taken(&self, life: IncarnationId) -> Result<(), Error> {
        self.db().write_at(Work::LifeWanted, |tx| identity::forget_next_life(tx, life))
    }

    fn begin_life(&self, born: &Born) -> Result<(), Error> {
        let begun = self.db().write_at(Work::BeginLife, |tx| lives::begin(tx, born, self.world()))?;
        self.bear_witness(begun);
        Ok(())
    }
}

impl Node {
    /// Forgets the oldest entries of the journal that the server has archived, a few at a time, so that no
    /// sale waits for it. Without a backup at the server nothing is ever forgotten. Says how many went.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn forget_archived(&self) -> Result<usize, Error> {
        let before = Timestamp::from_micros(self.world().now().micros() - KEPT_DAYS * 86_400 * 1_000_000);
        self.db().write_at(Work::Forget, |tx| journal::forget(tx, before, FORGOTTEN_MAX))
    }

    /// Notes why the last round failed, for the status page.
    ///
    /// # Errors
    /// If the note cannot be kept.
    pub fn note_problem(&self, problem: &str) -> Result<(), Error> {
        self.db().write_at(Work::NoteProblem, |tx| inbox::note_problem(tx, problem))
    }
}
