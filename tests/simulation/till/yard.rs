//! Where real tills are switched on and off, copied, put back and destroyed.

use std::sync::{Arc, atomic::Ordering};

use outpost_schema::{device::Card, world::Seeded};

use super::{
    RealTill,
    home::{Files, Home},
};
use crate::{
    chance::Chance,
    device::{Again, Damage, Device as _, Yard},
};

/// More changes than any till makes.
const NEVER: u64 = u64::MAX;

/// Real tills in one process.
#[derive(Debug, Default)]
pub struct RealYard {
    /// How many tills were put back so far: every other one keeps what only a whole copy would take back.
    put_back: usize,
    /// Whether a till was set up: the first one of a day keeps an index of the catalogue from then on.
    has_begun: bool,
}

/// A copy of what is on a till's disk: its database with its log, its witness.
#[derive(Clone, Debug)]
pub struct Image {
    card: Card,
    files: Files,
}

impl Yard for RealYard {
    type Device = RealTill;
    type Image = Image;

    fn start(&mut self, card: &Card, world: &Arc<Seeded>) -> RealTill {
        let till = RealTill::switch_on(Home::new(card), world);
        till.node.join(card).unwrap_or_else(|error| panic!("a new till does not join: {error}"));
        if !std::mem::replace(&mut self.has_begun, true) {
            till.index_the_catalogue();
        }
        till
    }

    fn arm(&mut self, device: &RealTill, changes: u64) {
        device.home.fail_after(changes);
        device.is_off.fetch_or(changes == 0, Ordering::Relaxed);
    }

    fn restart(
        &mut self,
        device: RealTill,
        how: Again,
        world: &Arc<Seeded>,
        chance: &mut Chance,
    ) -> (RealTill, Damage) {
        let is_cut = device.is_dark() || how == Again::AfterCut;
        if is_cut {
            // What closing would write must not reach the disk.
            device.home.fail_after(0);
        }
        let home = device.switch_off();
        // It may have gone out while the till was being switched off.
        let damage = if is_cut || home.is_out() { home.cut(chance) } else { Damage::default() };
        home.spoil_fast_copy(chance);
        switch_on_again(home, damage, world, chance)
    }

    fn copy(&mut self, device: &RealTill) -> Image {
        assert!(!device.is_dark(), "nobody can copy the disk of a till without power");
        Image { card: device.home.card().clone(), files: device.home.files() }
    }

    fn start_from(&mut self, image: &Image, device: Option<RealTill>, world: &Arc<Seeded>) -> RealTill {
        let home = Home::of(&image.card, &image.files);
        if let Some(device) = device {
            self.put_back += 1;
            let is_whole = self.put_back.is_multiple_of(2);
            if !is_whole {
                device.index_the_catalogue();
            }
            let former = device.switch_off();
            if is_whole {
                home.keep_witness_of(&former);
            } else {
                home.take_index_of(&former);
            }
        }
        RealTill::switch_on(home, world)
    }

    fn destroy(&mut self, device: RealTill) {
        drop(device.switch_off());
    }
}

/// Switches a till on, while now and then the power goes out again, as it does after a storm.
fn switch_on_again(mut home: Home, mut damage: Damage, world: &Arc<Seeded>, chance: &mut Chance) -> (RealTill, Damage) {
    loop {
        home.begin_again();
        let changes = if chance.in_a_hundred(20) { chance.below(40) as u64 } else { NEVER };
        home.fail_after(changes);
        home = match RealTill::try_on(home, world) {
            Ok(till) if !till.is_dark() => {
                till.home.fail_after(NEVER);
                return (till, damage);
            }
            Ok(till) => till.switch_off(),
            Err(failed) => {
                let (home, error) = *failed;
                assert!(home.is_out(), "a till with power does not start: {error}");
                home
            }
        };
        damage += home.cut(chance);
    }
}
