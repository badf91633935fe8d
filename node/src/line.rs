//! The node's end of a round: its journal and its fed tables, one transaction a call.

use outpost_schema::{id::IncarnationId, journal::Mark};
use outpost_sync::{
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
        self.db().write_from_reserve("settle", |tx| outbox::settle(tx, sent, answer, self.world().now()))
    }

    fn stand_at(&self, acked: Mark) -> Result<bool, Error> {
        self.db().write_from_reserve("stand_at", |tx| outbox::stand_at(tx, acked, self.world()))
    }

    fn freeze(&self) -> Result<(), Error> {
        self.db().write_from_reserve("freeze", |tx| identity::freeze(tx))
    }

    fn cursor(&self) -> Result<Option<String>, Error> {
        Ok(self.db().read(inbox::position)?.cursor)
    }

    fn apply(&self, asked: Option<&str>, page: &Page) -> Result<(), Error> {
        let carts = self.db().write_at("apply", |tx| inbox::apply(tx, asked, page, self.world().now()))?;
        self.tell_carts(&carts);
        Ok(())
    }

    fn start_anew(&self, _why: &Anew) -> Result<(), Error> {
        self.db().write_at("start_anew", |tx| inbox::start_anew(tx))
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
