//! Units booked as lost with a device, and what that device tells late all the same.
//!
//! Writing off is exact: what a life has open of a row is promised to it no longer (W), and leaves the book
//! as *lost*. If an op of that life comes after all, because the device was only offline or somebody saved
//! its journal, the units that it took were not lost: as many come back into the book as the op took, so many
//! fewer stay written off, and W is lowered by as many. It is the one total that ever falls, and only with ops that
//! its own device has told: so what that device knows of it may be too much, and never too little. To grant the
//! units once more instead would count them twice after a restore, when the grant is reported and the op comes again.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Raised, decide::Batch, named};
use crate::{
    id::{IncarnationId, NodeId, ProductId},
    op::CountLine,
    planted::{Bug, is_planted},
    stock::{Allotment, Level, Reason, StockKey},
    verdict::ConcernKind,
};

/// What is still written off with a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Whose.
    pub life: IncarnationId,
    /// The device.
    pub node_id: NodeId,
    /// Units of each product, over all places; each above 0.
    pub products: BTreeMap<ProductId, i64>,
}

impl Missing {
    /// Units of all products.
    pub fn units(&self) -> i64 {
        self.products.values().sum()
    }

    /// What people must look at as long as something is missing.
    pub fn concern(&self) -> Raised {
        let products = named(self.products.iter().map(|(product_id, units)| (*product_id, *units)));
        Raised {
            kind: ConcernKind::WrittenOff,
            subject: self.life.to_string(),
            detail: json!({ "node": self.node_id, "life": self.life, "units": self.units(), "products": products }),
            scope: self.node_id.0,
            seq: None,
        }
    }
}

/// A row after the open units of a life were written off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many: a movement *lost* of so many.
    pub units: i64,
    /// The row.
    pub level: Level,
    /// The allotment.
    pub allotment: Allotment,
}

/// Writes off what a life has open of a row; nothing is written off of nothing.
pub fn write_off(level: Level, allotment: Allotment) -> Option<Written> {
    let units = allotment.open();
    let level = Level { balance: level.balance - units, promised: level.promised - units };
    (units > 0).then_some(Written { units, level, allotment: allotment.take_back(units) })
}

/// How many of the units that are still written off an op took, which changed the allotment so: what it sold,
/// took out of the book or gave back, but for what came in by the op itself. The write-off is reduced first, before
/// anything the life got since.
pub fn given_back(remaining: i64, before: Allotment, after: Allotment) -> i64 {
    if is_planted(Bug::WriteOffKept) {
        return 0;
    }
    let taken = after.consumed - before.consumed + after.returned - before.returned;
    let taken = taken - (after.received - before.received);
    taken.clamp(0, remaining)
}

impl Batch<'_> {
    /// Somebody saw more than the book had: units that were written off with this life may be among them, and come
    /// back only once.
    pub(super) fn find_what_was_lost(&mut self, key: StockKey, found: i64) {
        let life = self.elder.unwrap_or(self.author.incarnation_id);
        if let Some(remaining) = self.known.written_off.get_mut(&(life, key)).filter(|_| found > 0) {
            *remaining -= found.min(*remaining);
            self.settled.given_back.insert((life, key));
        }
    }

    /// At its home a device saw more than its book had, which may know of more or fewer units that were written off than
    /// this one. Those of which it has not heard yet it had already, and did not find. Those that came back with ops that
    /// it told before, if it had not heard so, its difference has once more: they are written off again, and found.
    pub(super) fn find_what_was_lost_at_home(&mut self, key: StockKey, line: &CountLine) {
        let balance = self.known.levels.get(&key).map_or(0, |level| level.balance);
        let unheard = line.counted.saturating_sub(line.delta).saturating_sub(balance);
        self.lose_again(key, unheard.saturating_neg().min(line.delta));
        let life = self.elder.unwrap_or(self.author.incarnation_id);
        let lost = self.known.written_off.get(&(life, key)).copied().unwrap_or_default();
        self.find_what_was_lost(key, line.delta.min(lost - unheard.max(0)));
    }

    fn lose_again(&mut self, key: StockKey, units: i64) {
        let life = self.elder.unwrap_or(self.author.incarnation_id);
        let Some(remaining) = self.known.written_off.get_mut(&(life, key)).filter(|_| units > 0) else { return };
        *remaining += units;
        self.settled.given_back.insert((life, key));
        self.change_allotment(key, |own| own.take_back(units));
        self.move_what_was_lost(key, -units);
    }

    /// The op that is decided took so many units that had been written off with this life: they come back.
    pub(super) fn give_back_of_write_off(&mut self, life: IncarnationId, key: StockKey, units: i64) {
        self.known.written_off.entry((life, key)).and_modify(|remaining| *remaining -= units);
        self.settled.given_back.insert((life, key));
        let at = self.at;
        if let Some(count) = self.known.counts.get(&key).cloned() {
            // Somebody looked at this row since, or before: the book follows what was seen, and never says more.
            return self.want_recount(at.seq, key, &count, count.counted);
        }
        self.move_what_was_lost(key, units);
    }

    fn move_what_was_lost(&mut self, key: StockKey, delta: i64) {
        let at = self.at;
        let before = self.settled.movements.iter().filter(|moved| moved.seq == at.seq && moved.line < 0);
        let line = before.fold(-1, |line, _| line - 1);
        self.move_stock(at, line, key, delta, Reason::Lost);
    }
}
