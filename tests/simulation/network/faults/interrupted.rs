//! What came of an act that a power cut ended.

use outpost_schema::{stock::StockKey, verdict::ConcernKind};

use super::super::{Check, Network, spots::UnderWay, verbs::standing};
use crate::{
    depth::Depth,
    device::Device as _,
    ledger::{Happened, Units},
    step::{Act, Name},
};

impl<D: Depth> Network<D> {
    /// Nobody was told what came of this: the journal tells.
    pub(super) fn came_of(&mut self, number: usize, UnderWay { act, life, head }: UnderWay) -> Check {
        let (before, open) = (self.spots[number].shown.clone(), self.spots[number].open.clone());
        self.look(number);
        let Some(device) = &self.spots[number].device else { return Ok(()) };
        let now = standing(device)?;
        let after = &self.spots[number].shown;
        let moved: Units = after
            .iter()
            .map(|(key, level)| (*key, level.balance - before.get(key).map_or(0, |was| was.balance)))
            .filter(|(_, delta)| *delta != 0)
            .collect();
        if let Act::Add { cart, product, .. } | Act::Take { cart, product, .. } | Act::Remove { cart, product } = &act {
            self.ledger.filled.entry((*cart, *product)).or_default().is_lost = true;
        }
        if now == head && moved.is_empty() {
            return self.check();
        }
        let ops = if matches!(act, Act::Leave) && now.seq == head.seq + 2 { 2 } else { 1 };
        if device.life() != life || now.seq != head.seq + ops {
            return Err(format!(
                "{act:?} was under way at {head:?}; now the journal ends at {now:?}, and {moved:?} moved"
            ));
        }
        self.tell(|| "    it had happened".to_owned());
        self.passed(number, &act);
        let now_open = std::mem::replace(&mut self.spots[number].open, open);
        let taken = if let Act::Adjust { .. } | Act::Dispatch { .. } = act {
            self.adjusted(number, &moved)
        } else if let Act::UndoReceipt = act {
            self.sent_back(number, &moved)
        } else {
            let taken = self.taken_by(number, &act, &moved);
            self.beyond_the_allotment(number, &taken);
            taken
        };
        self.spots[number].open = now_open;
        self.unseen(number, &act, Name { life, mark: now }, moved, taken);
        self.check()
    }

    /// What an act took from the allotments of its till.
    fn taken_by(&self, number: usize, act: &Act, moved: &[(StockKey, i64)]) -> Units {
        match act {
            Act::Sell { lines, .. } | Act::ShipHeld { lines, .. } | Act::Order { lines, .. } => {
                self.units(number, lines)
            }
            Act::CheckOut { .. } | Act::Count { .. } => {
                moved.iter().map(|(key, delta)| (*key, (-delta).max(0))).collect()
            }
            Act::BeginCart
            | Act::Add { .. }
            | Act::Take { .. }
            | Act::Remove { .. }
            | Act::Receive { .. }
            | Act::ReceiveOf { .. }
            | Act::UndoReceipt
            | Act::Adjust { .. }
            | Act::Dispatch { .. }
            | Act::Arrive { .. }
            | Act::Look { .. }
            | Act::GiveBack { .. }
            | Act::Ask { .. }
            | Act::Advance { .. }
            | Act::Cancel { .. }
            | Act::TakeBack { .. }
            | Act::GiveBackAll
            | Act::Leave
            | Act::Customer { .. } => Vec::new(),
        }
    }

    /// What happened though nobody saw it.
    fn unseen(&mut self, number: usize, act: &Act, name: Name, moved: Units, taken: Units) {
        if let Act::Advance { order, status } = act {
            return self.moved_on(number, name, (*order, *status), moved);
        }
        if let Act::UndoReceipt = act {
            return self.undid(number, name, moved, taken);
        }
        let is_count = if let Act::Count { product, .. } = act {
            self.counted(number, self.key(number, *product));
            true
        } else {
            false
        };
        let op = self.happened(number, Happened { name, moved, taken, is_count, hands_over: None, may_be_lost: false });
        match act {
            Act::Sell { .. } | Act::Order { .. } => self.ledger.unseen_sales += 1,
            Act::TakeBack { .. } => self.ledger.unseen_returns += 1,
            Act::ShipHeld { hold, .. } => {
                self.ledger.unseen_sales += 1;
                self.ledger.used.push((*hold, self.spots[number].card.warehouse_id, op));
            }
            Act::CheckOut { cart } => {
                self.ledger.unseen_sales += 1;
                let lines = self.ledger.filled.iter_mut().filter(|((of, _), _)| of == cart);
                lines.for_each(|(_, line)| line.is_lost = true);
            }
            Act::Cancel { order } => _ = self.ledger.owed.entry(*order).and_modify(|owed| owed.asks.push(op)),
            Act::Leave => self.spots[number].closings.push(op),
            Act::Customer { .. } => _ = self.ledger.explained.insert(ConcernKind::EmailTaken),
            Act::Dispatch { .. } => {
                // It left, and nobody knows under which code: it never comes.
                self.ledger.unread_codes += 1;
                self.ledger.explained.insert(ConcernKind::TransferExcess);
            }
            Act::Arrive { code, product, units, .. } => self.unloaded(op, code, *product, *units),
            Act::Count { .. } => self.cut(number, op, act),
            Act::Receive { product, units } => self.took_in(number, op, (*product, *units), None),
            Act::ReceiveOf { delivery, product, units } => {
                self.took_in(number, op, (*product, *units), Some(*delivery));
            }
            Act::BeginCart
            | Act::Add { .. }
            | Act::Take { .. }
            | Act::Remove { .. }
            | Act::Adjust { .. }
            | Act::UndoReceipt
            | Act::Look { .. }
            | Act::GiveBack { .. }
            | Act::GiveBackAll
            | Act::Ask { .. }
            | Act::Advance { .. } => {}
        }
    }
}
