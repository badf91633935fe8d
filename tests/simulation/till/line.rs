//! The till's end of a round and of a comparison: the node's own, as long as there is power.

use outpost_schema::{digest::KeyRange, id::IncarnationId, journal::Mark};
use outpost_sync::{
    file::{FilePart, Filling},
    round::{Anew, Local},
    verify::{Compared, Held, Holder, Piece},
    wire::{Born, Findings, LifeWanted, Mended, Page, Push, Pushed, Report, Standing},
};

use super::{RealTill, Stopped};

impl Local for RealTill {
    type Error = Stopped;

    fn standing(&self) -> Result<Standing, Stopped> {
        self.powered(|| self.node.standing())
    }

    fn prepare(&self) -> Result<(), Stopped> {
        self.writing(|| self.node.prepare())
    }

    fn unsent(&self) -> Result<Push, Stopped> {
        self.powered(|| self.node.unsent())
    }

    fn settle(&self, sent: &Push, answer: &Pushed) -> Result<(), Stopped> {
        self.writing(|| self.node.settle(sent, answer))
    }

    fn stand_at(&self, acked: Mark) -> Result<bool, Stopped> {
        self.writing(|| self.node.stand_at(acked))
    }

    fn report(&self) -> Result<Option<Report>, Stopped> {
        self.powered(|| self.node.report())
    }

    fn reported(&self, sent: &Report) -> Result<(), Stopped> {
        self.writing(|| self.node.reported(sent))
    }

    fn freeze(&self) -> Result<(), Stopped> {
        self.writing(|| self.node.freeze())
    }

    fn cursor(&self) -> Result<Option<String>, Stopped> {
        self.powered(|| self.node.cursor())
    }

    fn apply(&self, asked: Option<&str>, page: &Page) -> Result<(), Stopped> {
        self.writing(|| self.node.apply(asked, page))
    }

    fn start_anew(&self, why: &Anew) -> Result<(), Stopped> {
        self.writing(|| self.node.start_anew(why))
    }

    fn life_wanted(&self) -> Result<Option<LifeWanted>, Stopped> {
        self.writing(|| self.node.life_wanted())
    }

    fn life_is_taken(&self, life: IncarnationId) -> Result<(), Stopped> {
        self.writing(|| self.node.life_is_taken(life))
    }

    fn begin_life(&self, born: &Born) -> Result<(), Stopped> {
        self.writing(|| self.node.begin_life(born))
    }

    fn filling(&self) -> Result<Filling, Stopped> {
        self.writing(|| self.node.filling())
    }

    fn take_file(&self, part: FilePart<'_>) -> Result<(), Stopped> {
        self.writing(|| self.node.take_file(part))
    }

    fn fill(&self) -> Result<(), Stopped> {
        self.writing(|| self.node.fill())
    }

    fn drop_file(&self) -> Result<(), Stopped> {
        self.writing(|| Local::drop_file(&*self.node))
    }

    fn do_without_file(&self) -> Result<(), Stopped> {
        self.writing(|| self.node.do_without_file())
    }
}

impl Holder for RealTill {
    fn is_due(&self) -> Result<bool, Stopped> {
        self.powered(|| self.node.is_due())
    }

    fn put_off(&self) -> Result<(), Stopped> {
        self.writing(|| self.node.put_off())
    }

    fn held(&self, anew: bool, rows: usize) -> Result<Option<Held>, Stopped> {
        self.writing(|| self.node.held(anew, rows))
    }

    fn held_in(&self, ranges: &[KeyRange]) -> Result<Vec<Piece>, Stopped> {
        self.powered(|| self.node.held_in(ranges))
    }

    fn mend(&self, cursor: &str, covered: &KeyRange, page: &Page) -> Result<Option<Vec<Mended>>, Stopped> {
        self.writing(|| self.node.mend(cursor, covered, page))
    }

    fn findings(&self) -> Result<Findings, Stopped> {
        self.powered(|| self.node.findings())
    }

    fn findings_heard(&self, report: &Findings) -> Result<(), Stopped> {
        self.writing(|| self.node.findings_heard(report))
    }

    fn move_on(&self, held: &Held, compared: &Compared) -> Result<(), Stopped> {
        self.writing(|| self.node.move_on(held, compared))
    }
}
