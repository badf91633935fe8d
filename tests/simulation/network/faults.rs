//! What goes wrong, and what the limits then allow.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{id::IncarnationId, stock::StockKey, verdict::ConcernKind};

use super::{Check, Network, spots::UnderWay, verbs::standing};
use crate::{
    depth::Depth,
    device::{Again, Device as _, Yard as _},
    ledger::{Disk, Happened, Units, Written},
    office::{Office as _, Weather as _},
    step::{Act, Fault, Name},
};

impl<D: Depth> Network<D> {
    pub(super) async fn fault(&mut self, fault: &Fault) -> Check {
        match fault {
            Fault::PowerCut { till, after } => {
                self.arm(*till, *after);
                Ok(())
            }
            Fault::Restart { till } => match self.till(*till) {
                Some(number) => self.restart(number, Again::InOrder),
                None => Ok(()),
            },
            Fault::Copy { till } => {
                self.copy(*till);
                Ok(())
            }
            Fault::PutBack { till } => self.put_back(*till),
            Fault::ToldAgain { till } => self.told_again(*till).await,
            Fault::Reborn { till } => self.reborn(*till).await,
            Fault::UndoneTwice { till } => self.undone_twice(*till).await,
            Fault::Clone { till } => self.double(*till),
            Fault::Destroy { till } => {
                self.destroy(*till);
                Ok(())
            }
            Fault::Clock { till, seconds } => {
                let number = till % self.spots.len();
                self.spots[number].world.pass(*seconds);
                self.spots[number].clock_was_set = true;
                self.jumped();
                Ok(())
            }
            Fault::OfficeClock { seconds } => {
                self.office_world.pass(*seconds);
                self.cuts.office_clock_was_set = true;
                self.spots.iter_mut().for_each(|spot| spot.clock_was_set = true);
                self.holds_expire();
                self.jumped();
                Ok(())
            }
            Fault::Cut { till } => {
                self.spots[till % self.spots.len()].line.cut();
                Ok(())
            }
            Fault::Mend { till } => {
                self.spots[till % self.spots.len()].line.mend();
                Ok(())
            }
            Fault::Weather { till, in_a_hundred } => {
                let seed = self.chance.below(1 << 30) as u64;
                self.spots[till % self.spots.len()].line.weather(seed, *in_a_hundred);
                Ok(())
            }
            Fault::OfficePutBack => self.office_put_back().await,
            Fault::OfficeRestart => {
                self.tally.office_restarts += 1;
                self.office.restart().await;
                self.look_at_the_book().await
            }
        }
    }

    fn jumped(&mut self) {
        self.tally.clock_jumps += 1;
        self.ledger.explained.insert(ConcernKind::ClockAhead);
    }

    fn arm(&mut self, till: usize, after: u64) {
        let Some(number) = self.till(till) else { return };
        if let Some(device) = &self.spots[number].device {
            self.yard.arm(device, after);
        }
    }

    /// Every till whose power went out is switched on again.
    pub(super) async fn wake_the_dark(&mut self) -> Check {
        for number in 0..self.spots.len() {
            if self.spots[number].device.as_ref().is_some_and(|device| device.is_dark()) {
                self.tell(|| format!("    the power of till {number} went out"));
                self.restart(number, Again::AfterCut)?;
            }
        }
        Ok(())
    }

    /// Off and on again: what was acknowledged is there, and what was under way is there whole, or not at all.
    pub(super) fn restart(&mut self, number: usize, how: Again) -> Check {
        let spot = &mut self.spots[number];
        let Some(device) = spot.device.take() else { return Ok(()) };
        let (device, damage) = self.yard.restart(device, how, &spot.world, &mut self.chance);
        spot.device = Some(device);
        match how {
            Again::InOrder => self.tally.restarts += 1,
            Again::AfterCut => self.tally.power_cuts += 1,
        }
        self.tally.lost_writes += damage.dropped;
        self.tally.torn_writes += damage.torn;
        self.is_whole(number)?;
        match self.spots[number].under_way.take() {
            Some(under_way) => self.came_of(number, under_way),
            None => {
                self.look(number);
                self.check()
            }
        }
    }

    fn is_whole(&self, number: usize) -> Check {
        let spot = &self.spots[number];
        let Some(device) = &spot.device else { return Ok(()) };
        device.examine().map_err(|found| format!("{} is not whole: {found}", spot.card.name))?;
        let lost = spot.disk.iter().map(|op| &self.ledger.ops[*op]).find(|op| !device.has(op.name));
        match lost {
            None => Ok(()),
            Some(op) => Err(format!("{} acknowledged {op:?}, and has it no more", spot.card.name)),
        }
    }

    /// Nobody was told what came of this: the journal tells.
    fn came_of(&mut self, number: usize, UnderWay { act, life, head }: UnderWay) -> Check {
        let (before, open) = (self.spots[number].shown.clone(), self.spots[number].open.clone());
        self.look(number);
        let Some(device) = &self.spots[number].device else { return Ok(()) };
        let now = standing(device)?;
        let after = &self.spots[number].shown;
        let moved: Units = after
            .iter()
            .map(|(key, level)| (*key, level.balance - before.get(key).map_or(0, |was| was.balance)))
            .filter(|(_, delta)| *delta != 0)
            .collect();
        if let Act::Add { cart, product, .. } | Act::Take { cart, product, .. } | Act::Remove { cart, product } = &act {
            self.ledger.filled.entry((*cart, *product)).or_default().is_lost = true;
        }
        if now == head && moved.is_empty() {
            return self.check();
        }
        let ops = if matches!(act, Act::Leave) && now.seq == head.seq + 2 { 2 } else { 1 };
        if device.life() != life || now.seq != head.seq + ops {
            return Err(format!(
                "{act:?} was under way at {head:?}; now the journal ends at {now:?}, and {moved:?} moved"
            ));
        }
        self.tell(|| "    it had happened".to_owned());
        self.passed(number, &act);
        let now_open = std::mem::replace(&mut self.spots[number].open, open);
        let taken = if let Act::Adjust { .. } | Act::Dispatch { .. } = act {
            self.adjusted(number, &moved)
        } else if let Act::UndoReceipt = act {
            self.sent_back(number, &moved)
        } else {
            let taken = self.taken_by(number, &act, &moved);
            self.beyond_the_allotment(number, &taken);
            taken
        };
        self.spots[number].open = now_open;
        self.unseen(number, &act, Name { life, mark: now }, moved, taken);
        self.check()
    }

    /// What an act took from the allotments of its till.
    fn taken_by(&self, number: usize, act: &Act, moved: &[(StockKey, i64)]) -> Units {
        match act {
            Act::Sell { lines, .. } | Act::ShipHeld { lines, .. } | Act::Order { lines, .. } => {
                self.units(number, lines)
            }
            Act::CheckOut { .. } | Act::Count { .. } => {
                moved.iter().map(|(key, delta)| (*key, (-delta).max(0))).collect()
            }
            Act::BeginCart
            | Act::Add { .. }
            | Act::Take { .. }
            | Act::Remove { .. }
            | Act::Receive { .. }
            | Act::ReceiveOf { .. }
            | Act::UndoReceipt
            | Act::Adjust { .. }
            | Act::Dispatch { .. }
            | Act::Arrive { .. }
            | Act::Look { .. }
            | Act::GiveBack { .. }
            | Act::Ask { .. }
            | Act::Advance { .. }
            | Act::Cancel { .. }
            | Act::TakeBack { .. }
            | Act::GiveBackAll
            | Act::Leave
            | Act::Customer { .. } => Vec::new(),
        }
    }

    /// What happened though nobody saw it.
    fn unseen(&mut self, number: usize, act: &Act, name: Name, moved: Units, taken: Units) {
        if let Act::Advance { order, status } = act {
            return self.moved_on(number, name, (*order, *status), moved);
        }
        if let Act::UndoReceipt = act {
            return self.undid(number, name, moved, taken);
        }
        let is_count = if let Act::Count { product, .. } = act {
            self.counted(number, self.key(number, *product));
            true
        } else {
            false
        };
        let op = self.happened(number, Happened { name, moved, taken, is_count, hands_over: None, may_be_lost: false });
        match act {
            Act::Sell { .. } | Act::Order { .. } => self.ledger.unseen_sales += 1,
            Act::TakeBack { .. } => self.ledger.unseen_returns += 1,
            Act::ShipHeld { hold, .. } => {
                self.ledger.unseen_sales += 1;
                self.ledger.used.push((*hold, self.spots[number].card.warehouse_id, op));
            }
            Act::CheckOut { cart } => {
                self.ledger.unseen_sales += 1;
                let lines = self.ledger.filled.iter_mut().filter(|((of, _), _)| of == cart);
                lines.for_each(|(_, line)| line.is_lost = true);
            }
            Act::Cancel { order } => _ = self.ledger.owed.entry(*order).and_modify(|owed| owed.asks.push(op)),
            Act::Leave => self.spots[number].closings.push(op),
            Act::Customer { .. } => _ = self.ledger.explained.insert(ConcernKind::EmailTaken),
            Act::Dispatch { .. } => {
                // It left, and nobody knows under which code: it never comes.
                self.ledger.unread_codes += 1;
                self.ledger.explained.insert(ConcernKind::TransferExcess);
            }
            Act::Arrive { code, product, units, .. } => self.unloaded(op, code, *product, *units),
            Act::Count { .. } => self.cut(number, op, act),
            Act::Receive { product, units } => self.took_in(number, op, (*product, *units), None),
            Act::ReceiveOf { delivery, product, units } => {
                self.took_in(number, op, (*product, *units), Some(*delivery));
            }
            Act::BeginCart
            | Act::Add { .. }
            | Act::Take { .. }
            | Act::Remove { .. }
            | Act::Adjust { .. }
            | Act::UndoReceipt
            | Act::Look { .. }
            | Act::GiveBack { .. }
            | Act::GiveBackAll
            | Act::Ask { .. }
            | Act::Advance { .. } => {}
        }
    }

    /// Nobody puts a device back that is in a drawer, or on its way elsewhere.
    fn stays_whole(&self, number: usize) -> bool {
        self.is_retired(number) || self.spots[number].going.is_some()
    }

    fn copy(&mut self, till: usize) {
        let Some(number) = self.till(till) else { return };
        let stays_whole = self.stays_whole(number);
        let spot = &mut self.spots[number];
        if let Some(device) = spot.device.as_ref().filter(|device| !device.is_dark() && !stays_whole) {
            spot.image = Some((self.yard.copy(device), spot.disk.clone()));
        }
    }

    fn put_back(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let Some((image, disk)) = self.spots[number].image.take() else { return Ok(()) };
        self.tally.put_back += 1;
        let world = self.world_at(number);
        let spot = &mut self.spots[number];
        let device = self.yard.start_from(&image, spot.device.take(), &world);
        spot.device = Some(device);
        spot.world = world;
        let forgotten = std::mem::replace(&mut spot.disk, disk.clone());
        spot.doubt();
        spot.image = Some((image, disk));
        self.forgotten(number, forgotten)
    }

    /// A till is put back to what it was before it told the last, finds out, and begins another life.
    async fn reborn(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till).filter(|number| !self.stays_whole(*number)) else { return Ok(()) };
        self.calls(number).await?;
        self.copy(till);
        self.does(number, &Act::Ask { product: self.products[0], units: 1 }).await?;
        self.calls(number).await?;
        self.put_back(till)?;
        self.calls(number).await?;
        self.calls(number).await
    }

    /// Somebody takes the last receipt back at a till, which is then put back to before that; and somebody does so again.
    async fn undone_twice(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till).filter(|number| !self.stays_whole(*number)) else { return Ok(()) };
        self.calls(number).await?;
        self.copy(till);
        if let Some(act) = self.undo_receipt(number) {
            self.does(number, &act).await?;
        }
        self.calls(number).await?;
        self.put_back(till)?;
        if let Some(act) = self.undo_receipt(number) {
            self.does(number, &act).await?;
        }
        self.calls(number).await
    }

    /// Goods come from another place, the till begins another life, and head office, put back, is told all again.
    async fn told_again(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let sender = self.some_sender_to(number);
        if let Some((sender, act)) = sender.and_then(|other| Some((other, self.dispatch(other, till, 1, number)?))) {
            self.does(sender, &act).await?;
        }
        if let Some(act) = self.arrive(number, till, 1, (false, false)).filter(|_| !self.is_retired(number)) {
            self.does(number, &act).await?;
        }
        self.calls(number).await?;
        self.reborn(till).await?;
        self.back_up().await?;
        self.office_put_back().await?;
        for _ in 0..3 {
            self.calls(number).await?;
        }
        Ok(())
    }

    /// What an old copy may sell again, and what only its disk had.
    fn forgotten(&mut self, number: usize, forgotten: Disk) -> Check {
        let (life, mut before) = (self.spots[number].life, self.spots[number].open.clone());
        self.look(number);
        if self.spots[number].life != life {
            // What this life had, a later one may have been given since.
            before.clear();
        }
        let again: Units = self.spots[number]
            .open
            .iter()
            .map(|(key, units)| (*key, units - before.get(key).copied().unwrap_or(0)))
            .collect();
        self.ledger.allow(&again);
        self.lose(forgotten);
        self.carts_are_doubtful();
        self.ledger.explained.extend([ConcernKind::LifeBegun, ConcernKind::Fork]);
        self.check()
    }

    /// Ops that are on no disk and in no book may be lost.
    pub(super) fn lose(&mut self, ops: Disk) {
        let kept: BTreeSet<usize> = self.spots.iter().flat_map(|spot| spot.disk.iter().copied()).collect();
        let book = &self.book;
        self.ledger.lose(ops, |number, name| kept.contains(&number) || book.verdict(*name).is_some());
    }

    fn carts_are_doubtful(&mut self) {
        self.ledger.filled.values_mut().for_each(|line| line.is_lost = true);
        self.ledger.explained.extend([ConcernKind::CartNotBelievable, ConcernKind::CartSoldTwice]);
    }

    fn double(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let world = self.world_at(number);
        let Some((image, disk)) = &self.spots[number].image else { return Ok(()) };
        let (disk, card) = (disk.clone(), self.spots[number].card.clone());
        self.tally.clones += 1;
        let device = self.yard.start_from(image, None, &world);
        self.put(card, device, world, disk);
        let last = self.spots.len() - 1;
        for spot in [number, last] {
            self.spots[spot].doubt();
        }
        self.forgotten(last, Vec::new())
    }

    fn destroy(&mut self, till: usize) {
        let Some(number) = self.till(till) else { return };
        if self.spots.iter().filter(|spot| spot.device.is_some()).count() < 2 {
            return;
        }
        self.tally.destroyed += 1;
        let spot = &mut self.spots[number];
        if let Some(device) = spot.device.take() {
            self.yard.destroy(device);
        }
        spot.open.clear();
        spot.shown.clear();
        spot.under_way = None;
        let disk = std::mem::take(&mut spot.disk);
        self.lose(disk);
        self.carts_are_doubtful();
    }

    /// A write-off that head office forgot, and of which the device had heard, is only a reclaim to it: its units are
    /// nobody's, and what was sold of them is still to be told.
    fn forget_write_offs(&mut self, before: &BTreeMap<(IncarnationId, StockKey), i64>) {
        let forgotten: Units = before
            .iter()
            .map(|(at, units)| (at.1, units - self.book.written_off.get(at).copied().unwrap_or_default()))
            .collect();
        self.ledger.allow(&forgotten);
        let book = &self.book;
        self.ledger.written.retain(|at, _| book.written_off.contains_key(at));
        for (at, written) in &mut self.ledger.written {
            let own = book.allotments.get(at).copied().unwrap_or_default();
            *written = Written { taken: own.consumed + own.returned, units: book.written_off[at] };
        }
    }

    /// Head office forgets what came after its backup. What it had only told is told no more: a hold, and what
    /// an old copy of a till, whose word is no evidence, was granted.
    async fn office_put_back(&mut self) -> Check {
        let Some((backup, held)) = self.backup.take() else { return Ok(()) };
        self.tally.office_put_back += 1;
        self.book = self.office.book().await;
        let (held_before, missing_before) = (self.book.holds.clone(), self.book.written_off.clone());
        let left = self.who_left_home();
        self.office.put_back(&backup).await;
        self.laid.put_back();
        self.spots.iter_mut().for_each(|spot| spot.is_told_off = false);
        self.tear_up_cards();
        self.short.forget();
        self.book = self.office.book().await;
        let forgotten: Vec<_> = held_before.iter().filter(|(line, _)| !self.book.holds.contains_key(line)).collect();
        self.ledger.allow(&forgotten.iter().map(|((_, key), units)| (*key, **units)).collect::<Units>());
        for ((hold, key), _) in forgotten {
            self.ledger.end_lines(*hold, |of| of == *key);
        }
        self.forget_write_offs(&missing_before);
        self.forget_who_left_home(&left);
        self.forget_deliveries();
        self.forget_what_was_given_up();
        self.forget_confirmations();
        self.settled.forget(&self.book);
        // It may have forgotten as well that a hold lasts longer.
        let extended: Vec<_> =
            self.ledger.holds.values_mut().filter(|held| held.is_extended && !held.is_over).collect();
        let extended = extended.into_iter().flat_map(|held| {
            held.is_over = true;
            held.lines.clone()
        });
        let extended: Units = extended.collect();
        self.ledger.allow(&extended);
        let doubtful = self.spots.iter().filter(|spot| spot.is_doubtful);
        let unheard: Units = doubtful.flat_map(|spot| spot.open.iter().map(|(key, units)| (*key, *units))).collect();
        self.ledger.allow(&unheard);
        self.lose((0..self.ledger.ops.len()).collect());
        self.carts_are_doubtful();
        self.ledger.explained.extend([ConcernKind::ServerRestored, ConcernKind::JournalHole, ConcernKind::Unbacked]);
        self.backup = Some((backup, held));
        self.look_at_the_book().await
    }
}
