//! Goods that are put on the road, and goods that come from it.

use std::collections::BTreeMap;

use super::decide::{At, Batch, Decision, nothing_lacked};
use crate::{
    id::WarehouseId,
    movement::{Remark, Why},
    planted::{Bug, is_planted},
    stock::{Reason, StockKey},
    transfer::{Arrived, Dispatched, Transfer, TransferCode},
    verdict::{SetAside, Verdict},
};

/// What an op moves, by stock row and reason: each pair is one movement.
type Moves = BTreeMap<(StockKey, Reason), i64>;

impl Batch<'_> {
    pub(super) fn dispatched(&mut self, at: At, told: &Dispatched) -> Decision {
        self.may_act_at(told.from_id)?;
        let products = || told.lines.iter().map(|line| line.product_id);
        nothing_lacked(self.lacked_goods(told.to_id, [].into_iter()))?;
        nothing_lacked(self.lacked_goods(told.from_id, products()))?;
        self.has_room(told.from_id, products())?;
        let (before, mut after) = self.transfer(&told.code)?;
        after.send(told, at.at);
        let mut moves = Moves::new();
        for line in &told.lines {
            let (key, units) = (key(line.product_id, told.from_id), line.amount.units());
            self.own_by(key, -units);
            *moves.entry((key, Reason::Transferred)).or_default() -= units;
            if is_planted(Bug::RoadCounted) {
                self.level(self::key(line.product_id, told.to_id)).balance += units;
            }
        }
        self.rebook(at, moves, (told.from_id, &told.remark), (&before, after));
        Ok(Verdict::Accepted)
    }

    pub(super) fn arrived(&mut self, at: At, told: &Arrived) -> Decision {
        self.may_act_at(told.warehouse_id)?;
        let products = || told.lines.iter().map(|line| line.product_id);
        nothing_lacked(self.lacked_goods(told.warehouse_id, products()))?;
        self.has_room(told.warehouse_id, products())?;
        let (before, mut after) = self.transfer(&told.code)?;
        after.arrive(told);
        let mut moves = Moves::new();
        for line in &told.lines {
            let key = key(line.product_id, told.warehouse_id);
            self.own_what_came(key, line.came.units(), line.damaged);
            for (units, reason) in [(line.came.units(), Reason::Transferred), (-line.damaged, Reason::Damaged)] {
                *moves.entry((key, reason)).or_default() += units;
            }
        }
        self.rebook(at, moves, (told.warehouse_id, &told.remark), (&before, after));
        Ok(Verdict::Accepted)
    }

    /// A transfer as it is, twice: one to compare with and one to change.
    fn transfer(&self, code: &TransferCode) -> Result<(Transfer, Transfer), SetAside> {
        let known = self.known.transfers.get(&code.transfer_id()).cloned();
        let known = known.unwrap_or_else(|| Transfer::untold(code.clone()));
        if known.is_beyond() {
            return Err(Self::beyond_all_sums());
        }
        Ok((known.clone(), known))
    }

    /// Keeps a transfer as it is now, and writes what an op moved. Units that count as found by what is known now
    /// and did not before, or the other way round, change their reason, wherever they lie; nobody's sum changes.
    ///
    /// What was said of the op is said of what it moved where it was done.
    fn rebook(
        &mut self,
        at: At,
        mut moves: Moves,
        (here, remark): (WarehouseId, &Remark),
        (before, after): (&Transfer, Transfer),
    ) {
        let is_twice = is_planted(Bug::LateArrivalTwice) && after.rows.iter().any(|row| row.lost > 0);
        for (sign, found) in [(-1, before.found()), (1, after.found())] {
            for (key, units) in found {
                *moves.entry((key, Reason::Found)).or_default() += sign * units;
                *moves.entry((key, Reason::Transferred)).or_default() -= if is_twice { 0 } else { sign * units };
            }
        }
        let moves = moves.into_iter().filter(|(_, delta)| *delta != 0);
        for (((key, reason), delta), number) in moves.zip(0..) {
            let remark = if key.warehouse_id == here { remark.clone() } else { Remark::default() };
            self.move_stock(at, number, key, delta, Why { remark, ..reason.into() });
        }
        self.look_at_transfer(before, &after);
        self.settled.transfers.insert(after.transfer_id);
        if !self.known.transfers.contains_key(&after.transfer_id) {
            self.settled.new_transfers.insert(after.transfer_id);
        }
        self.known.transfers.insert(after.transfer_id, after);
    }

    fn look_at_transfer(&mut self, before: &Transfer, after: &Transfer) {
        for (was, is) in before.surprises().into_iter().zip(after.surprises()) {
            if is.units() > 0 {
                let (subject, detail, scope) = after.concern(&is);
                self.raise(is.kind, subject, detail, scope, None);
            } else if was.units() > 0 {
                self.settled.closed.push((is.kind, after.transfer_id.to_string()));
            }
        }
    }
}

const fn key(product_id: crate::id::ProductId, warehouse_id: crate::id::WarehouseId) -> StockKey {
    StockKey { product_id, warehouse_id }
}

#[cfg(test)]
mod tests;
