//! Goods on the road between the places of tills.

use std::collections::BTreeMap;

use outpost_schema::{
    id::{ProductId, TransferId},
    stock::StockKey,
    transfer::{Transfer, TransferCode},
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::{Load, OfTransfer, Units},
    office::{Answer, Book, Office as _},
    step::{Act, Deed, Name},
};

/// Units that head office gave up, by transfer and product.
pub type GivenUp = BTreeMap<(TransferId, ProductId), i64>;

impl<D: Depth> Network<D> {
    /// Head office gives up what is on the road of a transfer. That was in no book, so no row changes; if it comes all
    /// the same, it is there.
    pub(super) async fn give_up_transfer(&mut self, nth: usize) -> Check {
        let before = self.office.book().await;
        let Some(code) = self.some_transfer(&before, nth) else { return Ok(()) };
        let known = before.transfers.get(&code.transfer_id());
        match self.office.act(&Deed::GiveUpTransfer { code: code.clone() }).await {
            Answer::Done => known.into_iter().for_each(|known| self.gives_up(known)),
            Answer::Refused(why) => {
                self.tell(|| format!("    refused: {why}"));
                if known.is_some_and(|known| known.complete) {
                    return Err(format!("{code} is complete, and what is missing of it was not given up: {why}"));
                }
            }
        }
        self.book = self.office.book().await;
        if self.book.levels != before.levels {
            return Err(format!("what was on the road of {code} was in no book, and giving it up changed one"));
        }
        self.look_at_the_book().await
    }

    /// A part of what another place sent comes, and is said to be all; it is given up, and then the rest comes.
    pub(super) async fn comes_late(&mut self, till: usize) -> Check {
        let Some(number) = self.till(till).filter(|number| !self.is_retired(*number)) else { return Ok(()) };
        let Some(sender) = self.some_sender_to(number) else { return Ok(()) };
        if let Some(act) = self.dispatch(sender, till, 2, number) {
            self.does(sender, &act).await?;
        }
        self.calls(sender).await?;
        if let Some(act) = self.arrive(number, till, 1, (false, true)) {
            self.does(number, &act).await?;
        }
        self.calls(number).await?;
        self.give_up_transfer(till).await?;
        if let Some(act) = self.arrive(number, till, 1, (false, false)) {
            self.does(number, &act).await?;
        }
        self.calls(number).await
    }

    /// A till at another place that may send something.
    pub(super) fn some_sender_to(&self, number: usize) -> Option<usize> {
        let here = self.spots[number].card.warehouse_id;
        let sends = |other: &usize| self.spots[*other].card.warehouse_id != here && !self.is_retired(*other);
        (0..self.spots.len()).filter(sends).find_map(|other| self.till(other))
    }

    /// What is on the road of a transfer is given up, by hand or with a settlement.
    pub(super) fn gives_up(&mut self, known: &Transfer) {
        for (product, of) in known.totals() {
            *self.given_up.entry((known.transfer_id, product)).or_default() += of.on_road();
        }
    }

    /// One of the transfers that lack something; rather one of which more came than head office heard; or any.
    fn some_transfer(&self, book: &Book, nth: usize) -> Option<TransferCode> {
        let lacks = |code: &&TransferCode| book.transfers.get(&code.transfer_id()).is_some_and(is_short);
        let (codes, short): (Vec<_>, Vec<_>) = self.ledger.transfers.keys().partition(|code| !lacks(code));
        let late: Vec<_> = short.iter().copied().filter(|code| self.is_arrival_untold(code)).collect();
        let meant = [late, short, codes].into_iter().find(|some| !some.is_empty())?;
        Some(meant[nth % meant.len()].clone())
    }

    fn is_arrival_untold(&self, code: &TransferCode) -> bool {
        let is_untold = |told: &OfTransfer| told.arrived > 0 && !self.is_told(&self.ledger.ops[told.op]);
        self.ledger.transfers[code].iter().any(is_untold)
    }

    /// Head office was put back: it may know no more of what it gave up.
    pub(super) fn forget_what_was_given_up(&mut self) {
        let known = self.book.transfers.iter().flat_map(|(id, known)| {
            let lost = known.totals().into_iter().map(|(product, of)| ((*id, product), of.lost));
            lost.collect::<Vec<_>>()
        });
        self.given_up = known.filter(|(_, lost)| *lost > 0).collect();
    }

    /// What head office gave up of a transfer is lost, whatever comes later, and nothing else is.
    pub fn what_was_given_up_is_lost(&self) -> Check {
        for (id, known) in &self.book.transfers {
            for (product, of) in known.totals() {
                let given_up = self.given_up.get(&(*id, product)).copied().unwrap_or_default();
                if of.lost != given_up {
                    return Err(format!("{given_up} of {} were given up, and the book has {of:?}", known.code));
                }
            }
        }
        Ok(())
    }

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

/// Whether nothing more is expected of a transfer, and something is missing.
fn is_short(known: &Transfer) -> bool {
    known.complete && !known.is_over()
}
