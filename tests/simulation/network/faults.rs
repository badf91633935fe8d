//! What goes wrong, and what the limits then allow.

mod interrupted;
mod restored;

use std::collections::BTreeSet;

use outpost_schema::verdict::ConcernKind;

use super::{Check, Network};
use crate::{
    depth::Depth,
    device::{Again, Device as _, Yard as _},
    ledger::{Disk, Units},
    office::{Office as _, Weather as _},
    step::{Act, Fault},
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
}
