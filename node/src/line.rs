//! The node's end of a round: its journal and its fed tables, one transaction a call.

use outpost_schema::{id::IncarnationId, journal::Mark};
use outpost_sync::{
    file::{FilePart, Filling},
    round::{Anew, Local},
    wire::{Born, LifeWanted, Page, Push, Pushed, Standing},
};

use crate::{
    db::{identity, inbox, lives, outbox},
    error::Error,
    node::Node,
};

impl Local for Node {
    type Error = Error;

    fn standing(&self) -> Result<Standing, Error> {
        self.db().read(outbox::standing)
    }

    fn unsent(&self) -> Result<Push, Error> {
        self.db().read(outbox::unsent)
    }

    fn settle(&self, sent: &Push, answer: &Pushed) -> Result<(), Error> {
        self.db().write_at("settle", |tx| outbox::settle(tx, sent, answer, self.world().now()))
    }

    fn stand_at(&self, acked: Mark) -> Result<bool, Error> {
        self.db().write_at("stand_at", |tx| outbox::stand_at(tx, acked, self.world()))
    }

    fn freeze(&self) -> Result<(), Error> {
        self.db().write_at("freeze", |tx| identity::freeze(tx))
    }

    fn cursor(&self) -> Result<Option<String>, Error> {
        self.feed_cursor()
    }

    fn apply(&self, asked: Option<&str>, page: &Page) -> Result<(), Error> {
        if self.reads_aside()? {
            return self.apply_aside(asked, page);
        }
        let carts = self.db().write_at("apply", |tx| inbox::apply(tx, asked, page, self.world().now()))?;
        self.tell_carts(&carts);
        Ok(())
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
        self.db().write_at("life_wanted", |tx| lives::wanted(tx, fresh))
    }

    fn begin_life(&self, born: &Born) -> Result<(), Error> {
        let begun = self.db().write_at("begin_life", |tx| lives::begin(tx, born, self.world()))?;
        self.bear_witness(begun);
        Ok(())
    }
}

impl Node {
    /// Notes why the last round failed, for the status page.
    ///
    /// # Errors
    /// If the note cannot be kept.
    pub fn note_problem(&self, problem: &str) -> Result<(), Error> {
        self.db().write(|tx| inbox::note_problem(tx, problem))
    }
}
