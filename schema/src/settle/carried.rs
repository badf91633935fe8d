//! What an earlier life of the same device wrote down and could not tell itself.
//!
//! A device that was put back to an old image goes on under a new life, which inherits nothing. What it
//! had written since the image is carried over, entry by entry, each under its first identity: it counts
//! against the allotment of the life that wrote it, and once, whichever life tells it first: of a disk there may
//! be two, one of which lives on as it was.

use super::decide::{At, Batch, Decision};
use crate::{
    op::{Carried, LifeEnded, Op},
    planted::{Bug, is_planted},
    settle::{Brought, Touched, decode},
    verdict::{Refusal, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn carried(&mut self, at: At, carried: Carried) -> Decision {
        let Carried { incarnation_id: life, entry } = carried;
        let mark = entry.mark();
        // A life that was not loaded is not one of this device's.
        let elder = self.known.elders.get(&life).ok_or(SetAside::NoRight)?;
        let (is_told, op) = (elder.told.contains(&mark), decode(&entry));
        if is_told && !repeats(&op) {
            self.tell_again(Touched::by(op.iter()));
            if let (Ok(Op::Received(received)), true) = (&op, is_planted(Bug::DeliveredTwice)) {
                self.count_delivered(received, 1);
            }
            return Ok(Verdict::Accepted);
        }
        let op = op?;
        let kind = op.kind();
        let verdict = match op {
            // Whoever asked is no longer the one who would get it.
            Op::AllotmentAsked(_) | Op::CancelAsked(_) => Verdict::Refused(Refusal::LifeOver),
            // One carries another life's entry as it was written, never one that is carried already.
            Op::Carried(_) | Op::LifeEnded(_) => Verdict::Accepted,
            op @ (Op::Sale(_)
            | Op::CustomerAdded(_)
            | Op::AddressAdded(_)
            | Op::Reviewed(_)
            | Op::Received(_)
            | Op::Adjusted(_)
            | Op::Counted(_)
            | Op::GaveBack(_)
            | Op::StatusTold(_)
            | Op::Returned(_)
            | Op::Dispatched(_)
            | Op::Arrived(_)
            | Op::ReceiptUndone(_)) => {
                self.elder = Some(life);
                self.told = self.told_by(life, &entry);
                let decision = self.op(At { seq: at.seq, at: entry.hlc.at }, op);
                self.elder = None;
                decision?
            }
        };
        self.known.elders.entry(life).or_default().told.insert(mark);
        self.settled.carried.push(Brought { seq: at.seq, life, mark, kind });
        Ok(verdict)
    }

    /// An earlier life is told, or this one is: its device closes its journal to be retired.
    pub(super) fn life_ended(&mut self, ended: LifeEnded) -> Decision {
        let is_own = ended.incarnation_id == self.author.incarnation_id;
        if !is_own && !self.known.elders.contains_key(&ended.incarnation_id) {
            return Err(SetAside::NoRight);
        }
        self.settled.ended.push(ended.incarnation_id);
        Ok(Verdict::Accepted)
    }
}

/// Whether an op that has been told counts again: none does.
fn repeats(op: &Result<Op, SetAside>) -> bool {
    matches!(op, Ok(Op::Arrived(_))) && is_planted(Bug::ArrivedTwice)
}

/// The answer to an op of a life that another one carried before this one told it: what it did, it has done.
pub(super) fn again(op: &Op) -> Verdict {
    match op {
        Op::AllotmentAsked(_) | Op::CancelAsked(_) => Verdict::Refused(Refusal::LifeOver),
        Op::Sale(_)
        | Op::CustomerAdded(_)
        | Op::AddressAdded(_)
        | Op::Reviewed(_)
        | Op::Received(_)
        | Op::Adjusted(_)
        | Op::Counted(_)
        | Op::GaveBack(_)
        | Op::StatusTold(_)
        | Op::Carried(_)
        | Op::LifeEnded(_)
        | Op::Dispatched(_)
        | Op::Arrived(_)
        | Op::ReceiptUndone(_)
        | Op::Returned(_) => Verdict::Accepted,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        clock::{Hlc, Timestamp},
        delivery::ReceiptUndone,
        id::{IncarnationId, NodeId, ProductId, UserId, WarehouseId},
        journal::{Entry, Mark},
        movement::Received,
        op::{Goods, Line, Sale},
        order::tests::order,
        quantity::Amount,
        settle::{Author, Elder, Known, Settled, settle},
        stock::{Allotment, Level, StockKey},
    };
    use uuid::Uuid;

    const OLD: IncarnationId = IncarnationId(Uuid::from_u128(1));
    const NEW: IncarnationId = IncarnationId(Uuid::from_u128(2));
    const NOW: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

    /// A sale of two, as the old life wrote it, and where it took them from.
    fn sale() -> (Op, StockKey, NodeId) {
        let order = order(&[(2, "1.25")]);
        let key = StockKey { product_id: order.items[0].product_id, warehouse_id: order.warehouse_id };
        let node = order.node_id;
        (Op::Sale(Box::new(Sale { order, sold: None, holds: Vec::new(), to_be_confirmed: false })), key, node)
    }

    fn by(life: IncarnationId, head: Mark, op: &Op) -> Entry {
        Entry::write(life, head, Hlc { at: NOW, tick: 0 }, String::new(), op, [3; 16])
    }

    fn carried(entry: &Entry) -> Op {
        Op::Carried(Box::new(Carried { incarnation_id: OLD, entry: entry.clone() }))
    }

    /// Ten in the book, five of them the old life's.
    fn shop(warehouse_id: WarehouseId, product_id: ProductId) -> Known {
        let key = StockKey { product_id, warehouse_id };
        let mut known = Known::empty("EUR".parse().expect("a currency"), NOW);
        known.products.insert(product_id);
        known.warehouses.insert(warehouse_id);
        known.users.insert(UserId::GUEST);
        known.levels.insert(key, Level { balance: 10, promised: 5 });
        let allotments = [(key, Allotment::default().grant(5))].into();
        known.elders.insert(OLD, Elder { told: BTreeSet::new(), allotments });
        known
    }

    fn author(warehouse_id: WarehouseId, node_id: NodeId) -> Author {
        Author {
            node_id,
            incarnation_id: NEW,
            warehouses: [warehouse_id].into(),
            former: BTreeSet::new(),
            homes: BTreeSet::new(),
            left_homes: BTreeSet::new(),
            is_closed: false,
            elders: [OLD].into(),
            is_superseded: false,
            skew: None,
        }
    }

    fn told(known: &mut Known, ops: &[Op]) -> Settled {
        let (_, key, node_id) = sale();
        let mut head = Mark::START;
        let mut write = |op: &Op| {
            let entry = by(NEW, head, op);
            head = entry.mark();
            entry
        };
        settle(known, &author(key.warehouse_id, node_id), &ops.iter().map(&mut write).collect::<Vec<_>>())
    }

    fn verdicts(settled: &Settled) -> Vec<Verdict> {
        settled.verdicts.iter().map(|(_, verdict)| verdict.clone()).collect()
    }

    #[test]
    fn a_carried_sale_counts_once_and_against_the_life_that_made_it() {
        let (op, key, _) = sale();
        let mut known = shop(key.warehouse_id, key.product_id);
        let entry = by(OLD, Mark::START, &op);
        let settled = told(&mut known, &[carried(&entry), carried(&entry)]);
        assert_eq!(verdicts(&settled), [Verdict::Accepted, Verdict::Accepted]);
        assert_eq!((settled.orders.len(), settled.movements.len(), settled.carried.len()), (1, 1, 1));
        assert_eq!(known.levels[&key], Level { balance: 8, promised: 3 });
        assert_eq!(known.elders[&OLD].allotments[&key].open(), 3);
        assert!(settled.allotments.is_empty(), "the new life took nothing");
        assert_eq!(settled.orders[0].0, 1, "it hangs on the op that carried it");
    }

    #[test]
    fn what_the_old_life_told_itself_is_known() {
        let (op, key, _) = sale();
        let mut known = shop(key.warehouse_id, key.product_id);
        let entry = by(OLD, Mark::START, &op);
        known.elders.entry(OLD).or_default().told.insert(entry.mark());
        let settled = told(&mut known, &[carried(&entry)]);
        assert_eq!((verdicts(&settled), settled.orders.len()), (vec![Verdict::Accepted], 0));
        assert_eq!(known.levels[&key], Level { balance: 10, promised: 5 });
    }

    #[test]
    fn what_another_life_carried_the_one_that_wrote_it_may_tell_too() {
        let (sale, key, node_id) = sale();
        let line = Line { product_id: key.product_id, amount: Amount::new(1).expect("an amount") };
        let goods = Goods { warehouse_id: key.warehouse_id, lines: vec![line] };
        let sale = by(NEW, Mark::START, &sale);
        let ask = by(NEW, sale.mark(), &Op::AllotmentAsked(goods.clone()));
        let received = by(NEW, ask.mark(), &Op::Received(goods.into()));
        let mut known = shop(key.warehouse_id, key.product_id);
        known.carried = [sale.mark(), ask.mark()].into();
        let settled = settle(&mut known, &author(key.warehouse_id, node_id), &[sale, ask, received]);
        assert_eq!(verdicts(&settled), [Verdict::Accepted, Verdict::Refused(Refusal::LifeOver), Verdict::Accepted]);
        assert_eq!((settled.orders.len(), known.levels[&key]), (0, Level { balance: 11, promised: 5 }));
    }

    #[test]
    fn a_receipt_that_two_copies_of_a_device_take_back_leaves_the_book_once() {
        let (_, key, _) = sale();
        let mut known = shop(key.warehouse_id, key.product_id);
        let line = Line { product_id: key.product_id, amount: Amount::new(3).expect("an amount") };
        let received = Received::from(Goods { warehouse_id: key.warehouse_id, lines: vec![line] });
        let receipt = by(OLD, Mark::START, &Op::Received(received.clone()));
        let undone = ReceiptUndone { seq: 1, received: received.clone(), hash: Some(receipt.hash) };
        let one = by(OLD, receipt.mark(), &Op::ReceiptUndone(undone.clone()));
        // The other copy took something else in before.
        let another = by(OLD, receipt.mark(), &Op::Received(received));
        let other = by(OLD, another.mark(), &Op::ReceiptUndone(undone));
        let entries = [receipt, one, another, other];
        let settled = told(&mut known, &entries.each_ref().map(carried));
        assert_eq!(verdicts(&settled), [const { Verdict::Accepted }; 4]);
        assert_eq!((known.levels[&key].balance, settled.movements.len(), settled.undone.len()), (13, 3, 1));
    }

    #[test]
    fn nobody_carries_for_another_device_and_nobody_asks_in_the_name_of_the_dead() {
        let (_, key, _) = sale();
        let mut known = shop(key.warehouse_id, key.product_id);
        let line = Line { product_id: key.product_id, amount: Amount::new(1).expect("an amount") };
        let ask = Op::AllotmentAsked(Goods { warehouse_id: key.warehouse_id, lines: vec![line] });
        let stranger = IncarnationId(Uuid::from_u128(9));
        let theirs = by(stranger, Mark::START, &ask);
        let foreign = Op::Carried(Box::new(Carried { incarnation_id: stranger, entry: theirs }));
        let ended = Op::LifeEnded(LifeEnded { incarnation_id: stranger });
        let settled = told(&mut known, &[foreign, carried(&by(OLD, Mark::START, &ask)), ended]);
        let no_right = Verdict::SetAside(SetAside::NoRight);
        assert_eq!(verdicts(&settled), [no_right.clone(), Verdict::Refused(Refusal::LifeOver), no_right]);
        assert_eq!((settled.ended.len(), known.levels[&key].promised), (0, 5));
    }

    #[test]
    fn an_altered_entry_or_one_carried_twice_over_is_not_taken() {
        let (op, key, _) = sale();
        let mut known = shop(key.warehouse_id, key.product_id);
        let mut altered = by(OLD, Mark::START, &op);
        altered.body.0[20] ^= 1;
        let twice = by(OLD, Mark::START, &carried(&by(OLD, Mark::START, &op)));
        let settled = told(&mut known, &[carried(&altered), carried(&twice)]);
        assert!(verdicts(&settled).iter().all(Verdict::is_set_aside), "{settled:?}");
        assert_eq!(known.levels[&key], Level { balance: 10, promised: 5 });
    }
}
