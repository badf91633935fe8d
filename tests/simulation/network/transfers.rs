//! Goods on the road between the places of tills.

use outpost_schema::{id::ProductId, stock::StockKey, transfer::TransferCode};

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::{Load, OfTransfer, Units},
    step::{Act, Name},
};

impl<D: Depth> Network<D> {
    /// Nobody sends what is not there, or to where it is.
    pub(super) fn dispatch(&self, number: usize, product: usize, units: i64, to: usize) -> Option<Act> {
        let (product, to_id) = (self.product(product), self.spots[to % self.spots.len()].card.warehouse_id);
        let key = self.key(number, product);
        let can_go = units <= self.ledger.there(key) && to_id != key.warehouse_id;
        can_go.then_some(Act::Dispatch { product, units, to_id })
    }

    /// Of what is on the road to here, some comes.
    pub(super) fn arrive(
        &self,
        number: usize,
        nth: usize,
        units: i64,
        (is_damaged, complete): (bool, bool),
    ) -> Option<Act> {
        let here = self.spots[number].card.warehouse_id;
        let loads: Vec<&Load> = self.ledger.road.iter().filter(|load| load.to_id == here && load.left > 0).collect();
        let load = loads.get(nth % loads.len().max(1))?;
        let units = units.min(load.left);
        let damaged = if is_damaged { units.min(2) } else { 0 };
        Some(Act::Arrive { code: load.code.clone(), product: load.product_id, units, damaged, complete })
    }

    /// Goods left: whoever sends them may take what others were promised.
    pub(super) fn sent(
        &mut self,
        number: usize,
        name: Name,
        act: &Act,
        code: TransferCode,
        (key, units): (StockKey, i64),
    ) -> Check {
        let Act::Dispatch { product, units: wanted, to_id } = act else {
            return Err(format!("{act:?} put {code} on the road"));
        };
        if (key, units) != (self.key(number, *product), *wanted) {
            return Err(format!("{act:?} sent {units} of {key:?}"));
        }
        let moved: Units = vec![(key, -units)];
        let taken = self.adjusted(number, &moved);
        let op = self.write(number, name, moved.clone(), taken);
        let told = OfTransfer { op, product_id: *product, sent: units, arrived: 0 };
        self.ledger.told_of_transfer(&code, told);
        self.ledger.road.push(Load { code, to_id: *to_id, product_id: *product, left: units });
        self.expect(number, &moved)
    }

    /// Goods of a transfer came.
    pub(super) fn unloaded(&mut self, op: usize, code: &TransferCode, product_id: ProductId, units: i64) {
        self.ledger.told_of_transfer(code, OfTransfer { op, product_id, sent: 0, arrived: units });
        self.ledger.unload(code, product_id, units);
    }

    /// What head office knows of each transfer is what was told of it, each op once.
    pub(super) fn transfers_are_what_happened(&self) -> Check {
        for (code, told) in &self.ledger.transfers {
            let known = self.book.transfers.get(&code.transfer_id());
            for product in &self.products {
                let booked = told.iter().filter(|one| one.product_id == *product);
                let booked = booked.filter(|one| self.is_booked(&self.ledger.ops[one.op]));
                let (sent, arrived) = booked.fold((0, 0), |(s, a), one| (s + one.sent, a + one.arrived));
                let totals = known.map(|known| known.totals().get(product).copied().unwrap_or_default());
                let totals = totals.unwrap_or_default();
                // Of two devices with one journal, or where nobody read the code, there may be more under it.
                let is_right = if self.ledger.unread_codes > 0 {
                    totals.sent >= sent && totals.arrived >= arrived
                } else {
                    (totals.sent, totals.arrived) == (sent, arrived)
                };
                if !is_right {
                    return Err(format!("{code}: {sent} left and {arrived} came, and the book has {known:?}"));
                }
            }
        }
        Ok(())
    }
}
