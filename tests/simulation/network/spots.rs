//! Where a till stands, and what is seen of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outpost_schema::{
    device::Card,
    id::{IncarnationId, ProductId, WarehouseId},
    journal::Mark,
    stock::{Level, StockKey},
    world::Seeded,
};

use super::{DeviceOf, ImageOf, LineOf, Network};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::{Disk, Units},
    step::Act,
};

/// What somebody was doing when the power went out.
pub struct UnderWay {
    /// What.
    pub act: Act,
    /// In which life of the journal.
    pub life: IncarnationId,
    /// The journal's last entry before.
    pub head: Mark,
}

/// Of a product, the second of two bins is still to be looked into.
#[derive(Clone, Copy)]
pub struct Half {
    /// What.
    pub product: ProductId,
    /// How many were there.
    pub there: i64,
    /// How many of them in the second bin.
    pub second: i64,
}

/// A place where a till stands.
pub struct Spot<D: Depth> {
    /// The till; none once it is destroyed.
    pub device: Option<DeviceOf<D>>,
    /// What it joined with.
    pub card: Card,
    /// Its line.
    pub line: LineOf<D>,
    /// Its clock and its chance.
    pub world: Arc<Seeded>,
    /// The last copy of its disk, and what is on that.
    pub image: Option<(ImageOf<D>, Disk)>,
    /// What is on its disk.
    pub disk: Disk,
    /// What was under way when its power went out.
    pub under_way: Option<UnderWay>,
    /// What was seen in the first of two bins.
    pub half: Option<Half>,
    /// Whether it was put back, or there are two of it, and head office has not given it another life since.
    pub is_doubtful: bool,
    /// Whether it ever was.
    pub was_doubtful: bool,
    /// The life of its journal in which that began: its receipts may be another one's too.
    pub doubtful_life: Option<IncarnationId>,
    /// Whether its clock was ever set, or head office's.
    pub clock_was_set: bool,
    /// Whether it has ever called, and heard all there was.
    pub has_called: bool,
    /// Where it stands and stood.
    pub stood: BTreeSet<WarehouseId>,
    /// The card with which it is to go on elsewhere.
    pub going: Option<Card>,
    /// Whether it has surely heard that head office suspended it, or closed it.
    pub is_told_off: bool,
    /// The ops with which its journal was closed: more than once, if one was not heard or people went on.
    pub closings: Vec<usize>,
    /// The life of its journal, as last seen.
    pub life: IncarnationId,
    /// The last that was seen of its rows.
    pub shown: BTreeMap<StockKey, Level>,
    /// What it may sell without asking.
    pub open: BTreeMap<StockKey, i64>,
    /// How much of what head office laid down it has surely heard.
    pub heard: usize,
}

impl<D: Depth> Spot<D> {
    /// From now on it may not know all that was done in its name, nor what it had heard.
    pub fn doubt(&mut self) {
        (self.is_doubtful, self.was_doubtful, self.is_told_off) = (true, true, false);
        self.heard = 0;
        self.doubtful_life = self.device.as_ref().map(crate::device::Device::life);
    }
}

impl<D: Depth> Network<D> {
    /// Looks at what a till shows, and may do.
    pub(super) fn look(&mut self, number: usize) {
        self.note_where_it_stands(number);
        let keys: Vec<StockKey> = self.products.iter().map(|product| self.key(number, *product)).collect();
        let spot = &mut self.spots[number];
        let Some(device) = spot.device.as_ref().filter(|device| !device.is_dark()) else { return };
        spot.life = device.life();
        spot.shown = keys.iter().map(|key| (*key, device.level(*key))).collect();
        let open = keys.iter().map(|key| (*key, device.allotment(*key).open())).collect();
        let before = std::mem::replace(&mut spot.open, open);
        let twice: Units = keys.iter().map(|key| (*key, self.granted_twice(number, *key, &before))).collect();
        self.ledger.allow(&twice);
    }

    /// What a till just heard that it may sell, and another device with its name may sell too, or has sold: what
    /// is granted to one journal both hear, and at a home the next life gets what the last one had.
    fn granted_twice(&self, number: usize, key: StockKey, before: &BTreeMap<StockKey, i64>) -> i64 {
        let spot = &self.spots[number];
        let is_second = |(other, of): (usize, &Spot<D>)| {
            let is_another = other != number && of.card.node_id == spot.card.node_id && of.device.is_some();
            is_another && (spot.card.is_home || (of.life == spot.life && other < number))
        };
        if !self.spots.iter().enumerate().any(is_second) {
            return 0;
        }
        spot.open.get(&key).copied().unwrap_or(0) - before.get(&key).copied().unwrap_or(0)
    }
}
