//! A till as a scenario needs it, and the yard that tills are switched on and off in: the real node over
//! a disk that forgets, or a model of it.

use std::{collections::BTreeMap, fmt::Display, sync::Arc};

use outpost_schema::{
    cart::Cart,
    delivery::Delivery,
    device::Card,
    id::{DeliveryId, IncarnationId, OrderId},
    order::Order,
    stock::{Allotment, Level, StockKey},
    world::Seeded,
};
use outpost_sync::round::Local;

use crate::{
    chance::Chance,
    step::{Act, Done, Name, Undone},
};

/// One till.
pub trait Device: Local<Error: Display> {
    /// Does what a person wants. `Ok` is what that person was told, for good.
    ///
    /// # Errors
    /// [`Undone`].
    fn act(&self, act: &Act) -> Result<Done, Undone>;

    /// Takes the card of another place.
    ///
    /// # Errors
    /// [`Undone`].
    fn move_to(&self, card: &Card) -> Result<(), Undone>;

    /// Whether it can keep what was seen in a bin until the next one is counted.
    fn has_bins(&self) -> bool;

    /// Whether the power went out: nothing more happens here before a restart.
    fn is_dark(&self) -> bool;

    /// What it is, with its present life.
    fn card(&self) -> Card;

    /// The life of its journal.
    fn life(&self) -> IncarnationId;

    /// The two sums that it shows of a row.
    fn level(&self, key: StockKey) -> Level;

    /// What its present life may do with a row.
    fn allotment(&self, key: StockKey) -> Allotment;

    /// Whether it sells nothing from its allotments because it knows itself to be an old copy.
    fn is_old_image(&self) -> bool;

    /// Entries of its present life that are unanswered, and carts that wait.
    fn waiting(&self) -> usize;

    /// Whether its journals still hold this entry, byte for byte, or rightly forgot it as archived.
    fn has(&self, name: Name) -> bool;

    /// The answers in its journals, of every life that it has of itself, by the word; unanswered ones are
    /// not here.
    fn verdicts(&self) -> BTreeMap<(IncarnationId, i64), String>;

    /// An order that it knows.
    fn order(&self, order: OrderId) -> Option<Order>;

    /// A delivery that it knows, with what came here since.
    fn delivery(&self, delivery: DeliveryId) -> Option<Delivery>;

    /// Whether it shows an order as confirmed; none if it shows nothing of the kind.
    fn is_confirmed(&self, order: OrderId) -> Option<bool>;

    /// The carts that it knows, shown or not.
    fn carts(&self) -> Vec<Cart>;

    /// Forgets what every backup holds.
    ///
    /// # Errors
    /// If the power goes out.
    fn tidy(&self) -> Result<(), Undone>;

    /// Whether its journal's chain and its database are whole.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    fn examine(&self) -> Result<(), String>;
}

/// How a till comes to be switched on again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It was switched off in order.
    InOrder,
    /// Its power went out: of what was not on the disk some is there, some is not, some is torn.
    AfterCut,
}

/// What power cuts did to disks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Writes that were not synced and are there all the same.
    pub kept: u64,
    /// Writes that are gone.
    pub dropped: u64,
    /// Writes of which a part is there.
    pub torn: u64,
}

impl std::ops::AddAssign for Damage {
    fn add_assign(&mut self, other: Self) {
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.torn += other.torn;
    }
}

/// Where tills stand.
pub trait Yard {
    /// The tills.
    type Device: Device;
    /// A copy of all that is on a till's disk.
    type Image;

    /// Switches a new till on, which joins with its card.
    fn start(&mut self, card: &Card, world: &Arc<Seeded>) -> Self::Device;

    /// The power goes out after so many more changes of the till's disk.
    fn arm(&mut self, device: &Self::Device, changes: u64);

    /// Switches a till off, if it is not dark already, and on again.
    fn restart(
        &mut self,
        device: Self::Device,
        how: Again,
        world: &Arc<Seeded>,
        chance: &mut Chance,
    ) -> (Self::Device, Damage);

    /// Copies a till's disk, as a backup program would between two of its transactions.
    fn copy(&mut self, device: &Self::Device) -> Self::Image;

    /// Switches a device on that has this image, in the place of `device` if there is one.
    fn start_from(&mut self, image: &Self::Image, device: Option<Self::Device>, world: &Arc<Seeded>) -> Self::Device;

    /// A till is gone for good.
    fn destroy(&mut self, device: Self::Device);
}
