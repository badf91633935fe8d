//! Deliveries that head office expects, and what comes of them, at whichever device takes it in.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    id::{DeliveryId, ProductId, WarehouseId},
    stock::StockKey,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::{Happened, Units},
    office::Office as _,
    step::{Act, Deed, Name},
};

/// A line of a delivery.
type Line = (DeliveryId, ProductId);

/// What came in, and what was expected.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// How many were ever announced.
    announced: usize,
    /// Those that head office knows.
    expected: BTreeMap<DeliveryId, Expected>,
    /// What came in, by the op that tells of it.
    receipts: BTreeMap<usize, TakenIn>,
    /// Receipts that were taken back, by the op that tells of it.
    undone: BTreeMap<usize, usize>,
}

/// A delivery that was announced.
#[derive(Clone, Debug)]
struct Expected {
    at: WarehouseId,
    lines: BTreeMap<ProductId, i64>,
    is_closed: bool,
}

/// Goods that came in.
#[derive(Clone, Copy, Debug)]
struct TakenIn {
    key: StockKey,
    units: i64,
    of: Option<DeliveryId>,
}

impl<D: Depth> Network<D> {
    /// Head office expects a delivery at the place of a till.
    pub(super) async fn expect_delivery(&mut self, till: usize, lines: &[(usize, i64)]) -> Check {
        let at = self.spots[till % self.spots.len()].card.warehouse_id;
        let lines: BTreeMap<ProductId, i64> =
            lines.iter().map(|(product, units)| (self.product(*product), *units)).collect();
        let before = self.office.book().await.deliveries;
        self.deliveries.announced += 1;
        let reference = format!("D{}", self.deliveries.announced);
        self.deed(&Deed::Expect { reference, at, lines: lines.iter().map(|(id, units)| (*id, *units)).collect() })
            .await?;
        let book = self.office.book().await;
        let mut new = book.deliveries.keys().filter(|id| !before.contains_key(id));
        let (Some(delivery), None) = (new.next(), new.next()) else {
            return Err("a delivery was announced, and the book does not expect exactly one more".to_owned());
        };
        self.deliveries.expected.insert(*delivery, Expected { at, lines, is_closed: false });
        self.look_at_the_book().await
    }

    pub(super) async fn close_delivery(&mut self, nth: usize) -> Check {
        // Rather one of which more came than head office heard.
        let late = self.some_delivery(nth, |delivery, _| self.is_receipt_untold(delivery));
        let Some(delivery) = late.or_else(|| self.some_delivery(nth, |_, _| true)) else { return Ok(()) };
        self.deed(&Deed::CloseDelivery { delivery }).await?;
        self.deliveries.expected.entry(delivery).and_modify(|known| known.is_closed = true);
        self.look_at_the_book().await
    }

    /// One of the deliveries that head office knows.
    fn some_delivery(&self, nth: usize, is_meant: impl Fn(DeliveryId, &Expected) -> bool) -> Option<DeliveryId> {
        let known = self.deliveries.expected.iter();
        let known: Vec<_> = known.filter(|(delivery, known)| is_meant(**delivery, known)).collect();
        known.get(nth % known.len().max(1)).map(|(delivery, _)| **delivery)
    }

    fn is_receipt_untold(&self, delivery: DeliveryId) -> bool {
        let is_untold = |op: &usize| !self.is_told(&self.ledger.ops[*op]);
        self.deliveries.receipts.iter().any(|(op, taken)| taken.of == Some(delivery) && is_untold(op))
    }

    /// Goods came of a delivery that is expected at this till's place, those that were expected or others.
    pub(super) fn receive_of(&self, number: usize, nth: usize, product: usize, units: i64) -> Option<Act> {
        let here = self.spots[number].card.warehouse_id;
        let delivery = self.some_delivery(nth, |_, known| known.at == here)?;
        Some(Act::ReceiveOf { delivery, product: self.product(product), units })
    }

    /// Goods came in, by this op.
    pub(super) fn took_in(
        &mut self,
        number: usize,
        op: usize,
        (product, units): (ProductId, i64),
        of: Option<DeliveryId>,
    ) {
        self.deliveries.receipts.insert(op, TakenIn { key: self.key(number, product), units, of });
    }

    /// Head office was put back: what it knows no more of is expected no more, and what it had closed may be open.
    pub(super) fn forget_deliveries(&mut self) {
        let book = &self.book.deliveries;
        self.deliveries.expected.retain(|delivery, _| book.contains_key(delivery));
        let known = self.deliveries.expected.iter_mut();
        known.for_each(|(delivery, known)| known.is_closed = book[delivery]);
    }

    /// Whatever a delivery says: what came of it is booked once, and so is how many were expected.
    pub fn deliveries_are_what_came(&self) -> Check {
        let came = self.came(|op| self.is_booked(&self.ledger.ops[op]));
        let lines: BTreeSet<&Line> = came.keys().chain(self.book.delivered.keys()).collect();
        for line in lines {
            let expected = self.deliveries.expected.get(&line.0).and_then(|known| known.lines.get(&line.1));
            let right = (expected.copied().unwrap_or_default(), came.get(line).copied().unwrap_or_default());
            let told = self.book.delivered.get(line).copied().unwrap_or_default();
            if told != right {
                return Err(format!("of {line:?} {right:?} were expected and came, and the book has {told:?}"));
            }
        }
        self.expected_is_what_was_announced()
    }

    fn expected_is_what_was_announced(&self) -> Check {
        for (delivery, known) in &self.deliveries.expected {
            if self.book.deliveries.get(delivery) != Some(&known.is_closed) {
                return Err(format!("{delivery} is closed: {}, and the book says otherwise", known.is_closed));
            }
            if let Some(product) = known.lines.keys().find(|id| !self.book.delivered.contains_key(&(*delivery, **id))) {
                return Err(format!("{delivery} was to bring {product}, and the book expects none"));
            }
        }
        Ok(())
    }

    /// Units that came of each line of a delivery, less what was taken back, by the ops that count.
    fn came(&self, counts: impl Fn(usize) -> bool) -> BTreeMap<Line, i64> {
        let Deliveries { receipts, undone, .. } = &self.deliveries;
        let mut came: BTreeMap<Line, i64> = BTreeMap::new();
        let mut add = |taken: &TakenIn, sign: i64| {
            taken
                .of
                .into_iter()
                .for_each(|of| *came.entry((of, taken.key.product_id)).or_default() += sign * taken.units);
        };
        receipts.iter().filter(|(op, _)| counts(**op)).for_each(|(_, taken)| add(taken, 1));
        let undone: BTreeSet<usize> =
            undone.iter().filter(|(op, _)| counts(**op)).map(|(_, receipt)| *receipt).collect();
        undone.iter().for_each(|receipt| add(&receipts[receipt], -1));
        came
    }

    /// The last receipt that a till may take back, and what it said: of its present life, not taken back there, and where
    /// it stands.
    pub(super) fn last_receipt(&self, number: usize) -> Option<(usize, StockKey, i64)> {
        let (spot, Deliveries { receipts, undone, .. }) = (&self.spots[number], &self.deliveries);
        let undone: BTreeSet<_> = spot.disk.iter().filter_map(|op| undone.get(op)).collect();
        let of_this_life = |op: &&usize| self.ledger.ops[**op].name.life == spot.life && !undone.contains(op);
        let last = spot.disk.iter().rev().filter(of_this_life).find_map(|op| Some((*op, receipts.get(op)?)));
        let here = last.filter(|(_, taken)| taken.key.warehouse_id == spot.card.warehouse_id);
        here.map(|(op, taken)| (op, taken.key, taken.units))
    }

    /// Somebody takes the last receipt back, and the goods leave with whoever brought them; unless they have left
    /// already, because somebody said so at another copy of the device.
    pub(super) fn undo_receipt(&self, number: usize) -> Option<Act> {
        let can_go = |(op, key, units)| self.is_undone(op) || units <= self.ledger.there(key);
        self.last_receipt(number).is_none_or(can_go).then_some(Act::UndoReceipt)
    }

    fn is_undone(&self, receipt: usize) -> bool {
        self.deliveries.undone.values().any(|known| *known == receipt)
    }

    /// What taking the last receipt back takes from the till's allotment; it was promised to others perhaps.
    pub(super) fn sent_back(&mut self, number: usize, moved: &[(StockKey, i64)]) -> Units {
        let has_left = self.last_receipt(number).is_some_and(|(receipt, ..)| self.is_undone(receipt));
        if has_left { Vec::new() } else { self.adjusted(number, moved) }
    }

    /// The last receipt was taken back. The goods left once, whatever two copies of a device say.
    pub(super) fn undid(&mut self, number: usize, name: Name, moved: Units, taken: Units) {
        let Some((receipt, ..)) = self.last_receipt(number) else { return };
        let is_count = self.is_undone(receipt);
        let op = self.happened(number, Happened { name, moved, taken, is_count, hands_over: None, may_be_lost: false });
        self.deliveries.undone.insert(op, receipt);
    }

    /// The receipt that an op takes back.
    pub(super) fn undoes(&self, op: usize) -> Option<usize> {
        self.deliveries.undone.get(&op).copied()
    }

    /// Whether another op takes the same receipt back as well.
    pub(super) fn is_undone_twice(&self, op: usize) -> bool {
        let is_same = |receipt| self.deliveries.undone.values().filter(|known| **known == receipt).count() > 1;
        self.undoes(op).is_some_and(is_same)
    }

    /// A till that is level shows of each delivery what the book has, and over it what the book does not have yet.
    pub(super) fn deliveries_equal_the_book(&self, number: usize) -> Check {
        let (spot, ledger) = (&self.spots[number], &self.ledger);
        let Some(device) = &spot.device else { return Ok(()) };
        let here = self.deliveries.expected.iter().filter(|(_, known)| known.at == spot.card.warehouse_id);
        for (delivery, _) in here {
            let own = self.came(|op| spot.disk.contains(&op) && !self.is_booked(&ledger.ops[op]));
            let shown = device.delivery(*delivery).map(|shown| shown.lines).unwrap_or_default();
            for product in &self.products {
                let line = (*delivery, *product);
                let came = shown.iter().find(|line| line.product_id == *product).map_or(0, |line| line.received);
                let booked = self.book.delivered.get(&line).map_or(0, |(_, came)| *came);
                let own = own.get(&line).copied().unwrap_or_default();
                if came != booked + own {
                    let name = &spot.card.name;
                    return Err(format!("{name} shows {came} of {line:?}; {booked} are booked, and {own} not yet"));
                }
            }
        }
        Ok(())
    }
}
