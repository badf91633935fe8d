//! Deliveries as they were fed, and what own receipts that the images do not contain say over them.

use std::collections::BTreeSet;

use outpost_schema::{
    delivery::Delivery,
    feed::{Aggregate, Kind},
    id::{DeliveryId, IncarnationId, ProductId},
    journal::Mark,
    movement::Received,
    op::Op,
};

use super::{
    inbox::Contained,
    journal::op_of,
    tables::{Came, Tables},
};

impl Tables {
    pub(super) fn delivery(&self, id: DeliveryId) -> Option<Delivery> {
        let image = self.images.get(&(Kind::Delivery, id.0))?;
        let Aggregate::Delivery(image) = image else { return None };
        let mut shown = image.clone();
        self.came.iter().filter(|came| came.line.0 == id).for_each(|came| shown.receive(came.line.1, came.units));
        Some(*shown)
    }

    /// Lays an own op over the deliveries that it speaks of; again is the same as once.
    pub(super) fn lay_over_deliveries(&mut self, (life, seq): (IncarnationId, i64), op: &Op) {
        if !self.came.iter().any(|came| (came.life, came.seq) == (life, seq)) {
            self.came.extend(lines_of(op).into_iter().map(|(line, units)| Came { life, seq, line, units }));
        }
    }

    /// The last receipt of the present life that nobody took back, if it came in where the till stands.
    pub(super) fn last_receipt(&self) -> Option<(Mark, Received)> {
        let mut undone = BTreeSet::new();
        for written in self.own.after(0).iter().rev() {
            match op_of(&written.entry) {
                Some(Op::ReceiptUndone(told)) => _ = undone.insert(told.seq),
                Some(Op::Received(received)) if !undone.contains(&written.entry.seq) => {
                    let is_here = received.warehouse_id == self.card.warehouse_id;
                    return is_here.then(|| (written.entry.mark(), received));
                }
                Some(_) | None => {}
            }
        }
        None
    }

    /// An image of a delivery arrived: what it contains is no longer laid over it.
    pub(super) fn take_delivery(&mut self, id: DeliveryId, contained: &Contained<'_>) {
        self.came.retain(|came| came.line.0 != id || !contained.has(came.life, came.seq));
    }

    /// What uncontained ops of the present life say is laid over the images again.
    pub(super) fn lay_over_deliveries_anew(&mut self, contained: &Contained<'_>) {
        let life = self.life();
        let (upto, set_aside) = contained.of(life);
        let ops = self.own.uncontained(upto, set_aside).filter(|written| !contained.has_first_written(written));
        let ops: Vec<_> = ops.filter_map(|written| Some((written.entry.seq, op_of(&written.entry)?))).collect();
        ops.iter().for_each(|(seq, op)| self.lay_over_deliveries((life, *seq), op));
    }
}

/// What an op says to have come of which delivery.
fn lines_of(op: &Op) -> Vec<((DeliveryId, ProductId), i64)> {
    let of = |received: &Received, sign: i64| {
        let lines = received.lines.iter().filter_map(|line| Some((received.delivery_id?, line)));
        lines.map(|(id, line)| ((id, line.product_id), sign * line.amount.units())).collect()
    };
    match op {
        Op::Received(received) => of(received, 1),
        Op::ReceiptUndone(undone) => of(&undone.received, -1),
        Op::Carried(carried) => carried.op().iter().flat_map(lines_of).collect(),
        Op::Sale(_)
        | Op::CustomerAdded(_)
        | Op::AddressAdded(_)
        | Op::Reviewed(_)
        | Op::Adjusted(_)
        | Op::Counted(_)
        | Op::GaveBack(_)
        | Op::StatusTold(_)
        | Op::AllotmentAsked(_)
        | Op::CancelAsked(_)
        | Op::LifeEnded(_)
        | Op::Dispatched(_)
        | Op::Arrived(_)
        | Op::Returned(_) => Vec::new(),
    }
}
