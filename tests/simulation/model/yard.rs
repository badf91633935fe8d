//! Where model tills stand: a till's disk is its tables as they were last committed.

use std::sync::Arc;

use outpost_schema::{device::Card, world::Seeded};

use super::till::{Fell, ModelTill, Tables};
use crate::{
    chance::Chance,
    device::{Again, Damage, Yard},
};

/// A yard of model tills.
pub struct ModelYard;

/// A copy of all that is on a till's disk.
pub struct Image(Tables);

impl Yard for ModelYard {
    type Device = ModelTill;
    type Image = Image;

    fn start(&mut self, card: &Card, world: &Arc<Seeded>) -> ModelTill {
        ModelTill::new(Tables::new(card), world)
    }

    fn arm(&mut self, device: &ModelTill, changes: u64) {
        device.arm(changes);
    }

    fn restart(
        &mut self,
        device: ModelTill,
        _how: Again,
        world: &Arc<Seeded>,
        _chance: &mut Chance,
    ) -> (ModelTill, Damage) {
        let damage = match device.fell() {
            Some(Fell::Behind) => Damage { kept: 1, ..Damage::default() },
            Some(Fell::Before) => Damage { dropped: 1, ..Damage::default() },
            Some(Fell::Idle) | None => Damage::default(),
        };
        (ModelTill::new(device.into_tables(), world), damage)
    }

    fn copy(&mut self, device: &ModelTill) -> Image {
        Image(device.tables().clone())
    }

    fn start_from(&mut self, image: &Image, device: Option<ModelTill>, world: &Arc<Seeded>) -> ModelTill {
        drop(device);
        ModelTill::new(image.0.clone(), world)
    }

    fn destroy(&mut self, device: ModelTill) {
        drop(device);
    }
}
