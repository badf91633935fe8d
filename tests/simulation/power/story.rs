//! One seed, from cut to cut.

use std::{fs, path::Path, sync::Arc};

use outpost_node::{
    Error, Node,
    carts::{self, Carts},
    witness,
};
use outpost_schema::{op::Op, world::Seeded};
use tempfile::TempDir;

use super::{
    CUTS, Tally,
    act::{Act, Done, Till},
    book::Book,
    network::{Image, Network},
    stored::{self, Fate, Stored},
};
use crate::{
    chance::Chance,
    disk::{Drive, folder},
};

/// Acts between two cuts, if the power lasts as long.
const ACTS_MAX: usize = 5;

/// Changing calls of an act, roughly: the power goes somewhere in the acts, and sometimes after them.
const CALLS_OF_AN_ACT: usize = 20;

/// Changing calls of a refill, of which the power is to meet any.
const CALLS_OF_A_REFILL: usize = 400;

/// A till, its disk, head office, and what was acknowledged.
pub struct Story {
    chance: Chance,
    world: Arc<Seeded>,
    network: Network,
    book: Book,
    drive: Drive,
    folder: TempDir,
}

impl Story {
    /// The story of this seed, over a copy of this till.
    pub fn begin(seed: u64, image: &Image) -> Result<Self, String> {
        let folder = folder();
        let files = |error: std::io::Error| error.to_string();
        image.copy_to(folder.path()).map_err(files)?;
        let drive = Drive::watch(folder.path()).map_err(files)?;
        let (chance, world) = (Chance::of(seed), Arc::new(Seeded::new(seed)));
        Ok(Self { chance, world, network: image.network(), book: image.book(), drive, folder })
    }

    /// Tells it.
    ///
    /// # Errors
    /// What was lost, or made up.
    pub fn tell(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut till = self.open()?;
        for _ in 0..CUTS {
            let flying = self.act_until_dark(till, tally)?;
            tally.count(self.drive.cut(&mut self.chance).map_err(|error| error.to_string())?);
            self.harm_what_may_be_lost().map_err(|error| error.to_string())?;
            till = self.open()?;
            self.compare(&till, flying.as_ref(), tally)?;
        }
        let calls = self.drive.calls();
        tally.writes += calls.writes;
        tally.syncs += calls.syncs;
        Ok(())
    }

    /// Acts until the power goes or a few acts are done; says which act was under way.
    fn act_until_dark(&mut self, mut till: Till, tally: &mut Tally) -> Result<Option<Act>, String> {
        let acts = 1 + self.chance.below(ACTS_MAX);
        if self.chance.in_a_hundred(30) {
            self.drive.fail_at_sync(self.chance.below(acts) as u64);
        } else {
            self.drive.fail_after(self.chance.below(acts * CALLS_OF_AN_ACT) as u64);
        }
        for _ in 0..acts {
            let act = Act::choose(&self.book, &mut self.chance);
            if act == Act::Refill {
                self.drive.fail_after(self.chance.below(CALLS_OF_A_REFILL) as u64);
            }
            let performed = if act == Act::Restart {
                drop(till);
                till = match self.open_once() {
                    Ok(till) => till,
                    Err(_) if self.drive.is_out() => return Ok(self.dark(act, tally)),
                    Err(error) => return Err(format!("it does not open again: {error}")),
                };
                Ok(Done::Heard)
            } else {
                act.perform(&till, &self.network, &self.book)
            };
            match performed {
                Ok(done) => self.acknowledge(done, tally),
                Err(_) if self.drive.is_out() => return Ok(self.dark(act, tally)),
                Err(Error::Refused(_) | Error::Fault(_)) => tally.refused += 1,
                Err(error) => return Err(format!("{act:?} failed while there was power: {error}")),
            }
        }
        Ok(None)
    }

    fn dark(&self, act: Act, tally: &mut Tally) -> Option<Act> {
        tally.cuts_midway += 1;
        Some(act)
    }

    fn acknowledge(&mut self, done: Done, tally: &mut Tally) {
        tally.acts += 1;
        match done {
            Done::Journaled(op, mark) => {
                tally.sales += u64::from(matches!(op, Op::Sale(_)));
                self.book.hashes.extend(mark.map(|mark| (mark.seq, mark.hash)));
                self.book.ops.push(op);
            }
            Done::Cart(cart) => _ = self.book.carts.insert(cart.cart_id(), *cart),
            Done::CheckedOut(op, cart) => {
                tally.sales += 1;
                self.book.ops.push(op);
                self.book.carts.insert(cart.cart_id(), *cart);
            }
            Done::Heard => {}
        }
    }

    /// What is written without waiting for the disk may be anything afterwards.
    fn harm_what_may_be_lost(&mut self) -> std::io::Result<()> {
        let (witness, copy) = (self.folder.path().join(witness::FILE), self.folder.path().join(carts::FOLDER));
        match self.chance.below(4) {
            0 => fs::remove_file(witness)?,
            1 => cut_short(&witness, &mut self.chance)?,
            _ => {}
        }
        match self.chance.below(4) {
            0 if copy.is_dir() => fs::remove_dir_all(copy)?,
            1 if copy.is_dir() => cut_short(&copy.join("db"), &mut self.chance)?,
            _ => {}
        }
        Ok(())
    }

    fn open(&self) -> Result<Till, String> {
        self.open_once().map_err(|error| format!("it does not open again: {error}"))
    }

    fn open_once(&self) -> Result<Till, Error> {
        let node = Arc::new(Node::open(self.folder.path(), Arc::clone(&self.world) as _)?);
        let carts = Carts::open(Arc::clone(&node), self.folder.path())?;
        Ok(Till { carts, node })
    }

    fn compare(&mut self, till: &Till, flying: Option<&Act>, tally: &mut Tally) -> Result<(), String> {
        let stored = Stored::read(&till.node).map_err(|error| format!("it cannot be read: {error}"))?;
        tally.half_filled += u64::from(stored.is_filling());
        tally.looked_for += (self.book.ops.len() + self.book.carts.len()) as u64;
        let fate = stored.compare(&mut self.book, flying, &self.network)?;
        match (flying.is_some(), fate) {
            (true, Fate::Landed) => tally.landed += 1,
            (true, Fate::Vanished) => tally.vanished += 1,
            (false, _) => {}
        }
        stored::compare_copy(till, &self.book)
    }
}

fn cut_short(path: &Path, chance: &mut Chance) -> std::io::Result<()> {
    let file = fs::File::options().write(true).open(path)?;
    let length = file.metadata()?.len();
    file.set_len(chance.below(length as usize) as u64)
}
