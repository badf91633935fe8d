//! The fields of a cart that are replaced as a whole (whose it is, where, whether it is parked): the
//! last writer wins, by (stamp, actor).

use serde::{Deserialize, Serialize};

use super::Cart;
use crate::{
    clock::{Hlc, Timestamp},
    fault::Fault,
    id::{IncarnationId, UserId, WarehouseId},
    text,
};

/// A value and who wrote it when. The order of the fields is the order of winning; the value comes
/// last, so that replicas agree even on a device that stamps two writes alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Register<T> {
    at: Hlc,
    by: IncarnationId,
    value: T,
}

impl<T: Ord + Clone> Register<T> {
    pub(super) const fn new(value: T, by: IncarnationId, at: Hlc) -> Self {
        Self { at, by, value }
    }

    pub(super) const fn value(&self) -> &T {
        &self.value
    }

    pub(super) const fn by(&self) -> IncarnationId {
        self.by
    }

    /// Writes a value over the one seen: its stamp is later than that one's, whatever the clock says.
    pub(super) fn write(&mut self, value: T, by: IncarnationId, at: Hlc) {
        let at = if at > self.at { at } else { self.at.tick(at.at) };
        *self = Self { at, by, value };
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other > self {
            self.clone_from(other);
        }
    }

    /// Takes in what the server keeps. What is written here and waits to be told wins by its stamp; but of what
    /// the server has, the server's stamp counts, which may be lower than the one that it was written with.
    pub(super) fn hear(&mut self, told: &Self, is_unsent: bool) {
        let is_the_same = self.by == told.by && self.value == told.value;
        if is_the_same || !is_unsent || told > self {
            self.clone_from(told);
        }
    }

    /// What somebody repeats of another's write counts with the stamp that it is kept with: the sender may have heard
    /// it before that was capped.
    fn repeat(&mut self, kept: &Self, is_own: &impl Fn(IncarnationId) -> bool) {
        if self.by == kept.by && self.value == kept.value && !is_own(self.by) {
            self.clone_from(kept);
        }
    }

    pub(super) fn cap(&mut self, wall: Timestamp) -> bool {
        let (at, was_capped) = self.at.capped(wall);
        self.at = at;
        was_capped
    }
}

impl Cart {
    /// Puts the cart aside under a label, so that the till can serve somebody else.
    ///
    /// # Errors
    /// Those of [`text::check`] for the label.
    pub fn park(&mut self, label: &str, actor: IncarnationId, at: Hlc) -> Result<(), Fault> {
        text::check("label", label, text::LINE_MAX)?;
        self.label.write(label.to_owned(), actor, at);
        self.parked.write(true, actor, at);
        Ok(())
    }

    /// Takes the cart up again.
    pub fn resume(&mut self, actor: IncarnationId, at: Hlc) {
        self.parked.write(false, actor, at);
    }

    /// Gives the cart to another owner, for instance when an anonymous customer signs in.
    pub fn give_to(&mut self, owner: UserId, actor: IncarnationId, at: Hlc) {
        self.owner.write(owner, actor, at);
    }

    /// Moves the cart to another shop.
    pub fn move_to(&mut self, home: WarehouseId, actor: IncarnationId, at: Hlc) {
        self.home.write(home, actor, at);
    }

    /// Takes in what the server keeps of this cart; `is_unsent` if something of it waits to be pushed. A
    /// device whose clock ran ahead hears so at which stamps its writes were capped; else they would go on
    /// winning there, and only there.
    pub fn hear(&mut self, told: &Self, is_unsent: bool) {
        self.owner.hear(&told.owner, is_unsent);
        self.home.hear(&told.home, is_unsent);
        self.parked.hear(&told.parked, is_unsent);
        self.label.hear(&told.label, is_unsent);
        self.merge(told);
    }

    /// Takes the stamps of what others wrote, and the sender repeats, as the server keeps them; `is_own` says for
    /// which lives the sender speaks itself.
    pub(super) fn repeat(&mut self, kept: &Self, is_own: impl Fn(IncarnationId) -> bool) {
        self.owner.repeat(&kept.owner, &is_own);
        self.home.repeat(&kept.home, &is_own);
        self.parked.repeat(&kept.parked, &is_own);
        self.label.repeat(&kept.label, &is_own);
    }

    /// Caps the stamps of owner, home, parking and label at `wall` and drift, and says whether one
    /// had to be. The server does this to what it is sent.
    pub fn cap(&mut self, wall: Timestamp) -> bool {
        let capped = [self.owner.cap(wall), self.home.cap(wall), self.parked.cap(wall), self.label.cap(wall)];
        capped.contains(&true)
    }
}
