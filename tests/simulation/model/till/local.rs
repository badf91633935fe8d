//! A till's end of a round: the rules of the real node's, over tables in memory.

use outpost_schema::{
    device::Card,
    feed::Granted,
    id::{EpochId, IncarnationId},
    journal::{Entry, Mark},
    op::{Carried, LifeEnded, Op, OpKind},
    stock::StockKey,
    word::Word as _,
    world::{Seeded, World as _},
};
use outpost_sync::{
    round::{Anew, Local},
    wire::{Born, LifeWanted, PUSH_CARTS_MAX, PUSH_ENTRIES_MAX, Page, Push, Pushed, Report, Standing, Stands},
};

use super::{
    Dark, ModelTill,
    journal::{Written, op_of},
    tables::{State, Tables, Told},
};

impl Local for ModelTill {
    type Error = Dark;

    fn prepare(&self) -> Result<(), Dark> {
        let plans = self.read(Tables::answers)?;
        plans.into_iter().try_for_each(|plan| self.commit(|tables, world| drop(tables.carry_out(plan, world))))
    }

    fn standing(&self) -> Result<Standing, Dark> {
        self.read(|tables| Standing { incarnation_id: tables.life(), head: tables.own.head(), acked: tables.own.acked })
    }

    fn unsent(&self) -> Result<Push, Dark> {
        let push = self.read(Tables::unsent)?;
        let clock = self.read(|tables| tables.hlc.tick(self.world.now()).at)?;
        Ok(Push { clock: (!push.is_empty()).then_some(clock), ..push })
    }

    fn settle(&self, sent: &Push, answer: &Pushed) -> Result<(), Dark> {
        self.commit(|tables, _| tables.settle(sent, answer))
    }

    fn stand_at(&self, acked: Mark) -> Result<bool, Dark> {
        self.commit(|tables, world| tables.stand_at(acked, world))
    }

    fn report(&self) -> Result<Option<Report>, Dark> {
        let report = self.read(Tables::report)?;
        if report.is_some() && self.read(Tables::has_to_tell_again)? {
            self.commit(|tables, world| tables.carry_all_but(tables.life(), world))?;
        }
        Ok(report)
    }

    fn reported(&self, sent: &Report) -> Result<(), Dark> {
        self.commit(|tables, _| {
            if tables.epoch.id == Some(sent.epoch) && sent.last {
                tables.epoch.report_owed = false;
            }
        })
    }

    fn freeze(&self) -> Result<(), Dark> {
        self.commit(|tables, _| {
            tables.forget_acknowledgements_of_another_epoch();
            if tables.state == State::Active {
                tables.state = State::Frozen;
            }
        })
    }

    fn cursor(&self) -> Result<Option<String>, Dark> {
        self.read(|tables| tables.cursor.clone())
    }

    fn apply(&self, asked: Option<&str>, page: &Page) -> Result<(), Dark> {
        self.commit(|tables, _| tables.apply(asked, page))
    }

    fn start_anew(&self, why: &Anew) -> Result<(), Dark> {
        self.commit(|tables, _| tables.start_anew(why))
    }

    fn life_wanted(&self) -> Result<Option<LifeWanted>, Dark> {
        let Some(reason) = self.read(|tables| tables.state.ending())? else { return Ok(None) };
        self.commit(|tables, world| {
            let fresh = IncarnationId::new(world.now(), world.id_chance());
            let incarnation_id = *tables.next_life.get_or_insert(fresh);
            let unsettled = tables.own.hashes_after(tables.own.acked.seq);
            Some(LifeWanted { incarnation_id, reason, unsettled, stands: Some(tables.stands()) })
        })
    }

    fn life_is_taken(&self, life: IncarnationId) -> Result<(), Dark> {
        self.commit(|tables, _| tables.next_life = tables.next_life.filter(|named| *named != life))
    }

    fn begin_life(&self, born: &Born) -> Result<(), Dark> {
        self.commit(|tables, world| tables.begin_life(born, world))
    }
}

impl Tables {
    fn unsent(&self) -> Push {
        match self.state {
            State::Active => {}
            State::Frozen | State::RolledBack => return Push::default(),
        }
        // An entry that arrived while its answer was lost is sent again: the answer is as it was.
        let waiting = self.own.after(self.own.answered());
        let carts = self.carts.values().filter(|kept| kept.is_unsent);
        Push {
            entries: waiting.iter().take(PUSH_ENTRIES_MAX).map(|written| written.entry.clone()).collect(),
            carts: carts.take(PUSH_CARTS_MAX).map(|kept| kept.cart.clone()).collect(),
            epoch: self.epoch.id.filter(|_| self.epoch.is_marked && !self.epoch.report_owed),
            hole: None,
            clock: None,
        }
    }

    fn settle(&mut self, sent: &Push, answer: &Pushed) {
        let Pushed::Settled { acked, verdicts, .. } = answer else { return };
        for (seq, verdict) in verdicts {
            self.own.answer_first(*seq, verdict);
        }
        self.own.raise_acked(*acked);
        if let (Some(first), Some(last)) = (sent.entries.first(), sent.entries.last()) {
            self.own.note_silence(first.seq, last.seq.min(acked.seq));
        }
        for cart in &sent.carts {
            if let Some(kept) = self.carts.get_mut(&cart.cart_id()) {
                kept.is_unsent &= kept.cart != *cart;
            }
        }
    }

    fn stand_at(&mut self, acked: Mark, world: &Seeded) -> bool {
        let is_there = self.own.has(acked) || self.own.has_forgotten(acked);
        if is_there {
            self.own.stand_at(acked);
        } else if self.state != State::RolledBack {
            self.forget_acknowledgements_of_another_epoch();
            // Which receipt numbers its younger self gave away it cannot know.
            let [high, low, ..] = world.chance();
            self.card.prefix.push_str(&format!("R{high:02X}{low:02X}"));
            self.state = State::RolledBack;
        }
        is_there
    }

    pub(super) fn start_anew(&mut self, why: &Anew) {
        match why {
            Anew::OtherEpoch(epoch) => self.begin_epoch(*epoch),
            Anew::TooLongAway => {}
        }
        (self.cursor, self.told) = (None, Some(Told::default()));
    }

    /// What another life of the server's database acknowledged this one may never have had.
    fn forget_acknowledgements_of_another_epoch(&mut self) {
        if !self.epoch.is_marked {
            self.own.stand_at(self.own.start());
        }
    }

    fn report(&self) -> Option<Report> {
        let epoch = self.epoch.id.filter(|_| self.epoch.report_owed && !self.state.is_old_image())?;
        let life = self.life();
        let own = self.allotments.iter().filter(|((of, _), own)| *of == life && (own.granted > 0 || own.reclaimed > 0));
        let told = own.map(|((incarnation_id, StockKey { product_id, warehouse_id }), own)| Granted {
            incarnation_id: *incarnation_id,
            product_id: *product_id,
            warehouse_id: *warehouse_id,
            granted: own.granted,
            reclaimed: own.reclaimed,
            full: 0,
            keep: None,
        });
        Some(Report { epoch, granted: told.collect(), last: true, stands: Some(self.stands()) })
    }

    fn stands(&self) -> Stands {
        let Card { warehouse_id, is_home, .. } = self.card;
        let former = self.stood.iter().copied().filter(|place| *place != warehouse_id).collect();
        Stands { warehouse_id, is_home, former }
    }

    /// Head office lives another life: it is told what was granted, and every cart again.
    pub(super) fn begin_epoch(&mut self, epoch: EpochId) {
        self.epoch = super::tables::Epoch { id: Some(epoch), report_owed: true, is_marked: false };
        self.carts.values_mut().for_each(|kept| kept.is_unsent = true);
    }

    /// Begins the life that was wanted. An answer that comes late or twice changes nothing.
    fn begin_life(&mut self, born: &Born, world: &Seeded) {
        if self.next_life != Some(born.incarnation_id) {
            return;
        }
        let (elder, mut journal) = (self.life(), std::mem::take(&mut self.own));
        let known_to = journal.acked.seq + i64::try_from(born.known).unwrap_or_default();
        if let Some(mark) = journal.mark_upto(known_to) {
            journal.raise_acked(mark);
        }
        self.card.incarnation_id = born.incarnation_id;
        self.card.prefix.clone_from(&born.prefix);
        (self.state, self.receipts, self.next_life) = (State::Active, 0, None);
        self.former.insert(elder, journal);
        if !self.epoch.is_marked {
            self.carry_all_but(elder, world);
        }
        self.carry(elder, known_to, world);
    }

    /// Head office may have forgotten what earlier lives had told.
    fn has_to_tell_again(&self) -> bool {
        self.state == State::Active && self.former.values().any(|journal| journal.untold(0).next().is_some())
    }

    fn carry_all_but(&mut self, not: IncarnationId, world: &Seeded) {
        let untold = self.former.iter().filter(|(life, journal)| **life != not && journal.untold(0).next().is_some());
        for life in untold.map(|(life, _)| *life).collect::<Vec<_>>() {
            self.carry(life, 0, world);
        }
    }

    /// Carries what an earlier life wrote after `known_to` and no later one has carried.
    fn carry(&mut self, elder: IncarnationId, known_to: i64, world: &Seeded) {
        let Some(journal) = self.former.get_mut(&elder) else { return };
        let carried: Vec<Written> = journal.untold(known_to).cloned().collect();
        journal.note_carried(known_to);
        for Written { entry, changed, .. } in carried {
            let old = entry.seq;
            let seq = wrapped(elder, entry).map(|op| self.append(&op, &[], world).seq);
            // It is laid over already, under its first name; and under this one, if that has to be done anew.
            self.own.change(seq, changed);
            self.carry_over((elder, old), seq);
        }
        self.append(&Op::LifeEnded(LifeEnded { incarnation_id: elder }), &[], world);
    }

    /// What an op of an earlier life did is laid over the images until one contains the op that carries it.
    fn carry_over(&mut self, elder: (IncarnationId, i64), seq: Option<i64>) {
        let (life, Some(seq)) = (self.life(), seq) else { return };
        for laid in self.stock.values_mut().flat_map(|row| &mut row.laid) {
            if (laid.life, laid.seq) == elder {
                (laid.life, laid.seq) = (life, seq);
            }
        }
        for came in self.came.iter_mut().filter(|came| (came.life, came.seq) == elder) {
            (came.life, came.seq) = (life, seq);
        }
    }
}

/// What the elder itself had carried goes on under the name of the life that wrote it.
fn wrapped(elder: IncarnationId, entry: Entry) -> Option<Op> {
    if entry.kind == OpKind::Carried.word() || entry.kind == OpKind::LifeEnded.word() {
        return op_of(&entry);
    }
    Some(Op::Carried(Box::new(Carried { incarnation_id: elder, entry })))
}
