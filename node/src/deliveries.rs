//! Deliveries that are expected here, and what comes of them: one transaction a scan, certain before it is confirmed.

use outpost_schema::{
    delivery::{Delivery, ReceiptUndone},
    feed::Kind,
    id::DeliveryId,
    journal::Mark,
    movement::{Received, ReceivedLine, Remark, Why},
    op::Op,
    stock::Reason,
};
use rusqlite::Connection;

use crate::{
    db::{deliveries, pending_ops},
    error::{Error, Refused},
    goods::Effects,
    node::{Node, Writing},
    stage::Work,
};

impl Node {
    /// Goods came in of a delivery that is expected; more than that, or others, may come too.
    ///
    /// # Errors
    /// `unknown_delivery`, and those of [`Node::take_in`].
    pub fn take_in_of(&self, delivery_id: DeliveryId, lines: &[ReceivedLine], remark: &Remark) -> Result<Mark, Error> {
        self.write(Work::Receive, |writing| {
            if shown(writing.conn(), delivery_id)?.is_none() {
                return Err(Refused::UnknownDelivery { name: delivery_id.to_string() }.into());
            }
            writing.take_in(lines, remark, Some(delivery_id))
        })
    }

    /// Takes back the last receipt that was not taken back: scanned twice, or the wrong thing. Answers with what it
    /// said.
    ///
    /// # Errors
    /// `nothing_to_undo`, or what the disk says.
    pub fn undo_receipt(&self, remark: &Remark) -> Result<Received, Error> {
        self.write(Work::UndoReceipt, |writing| writing.undo_receipt(remark))
    }

    /// A delivery as it is known here, with what came here since.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, Error> {
        self.db().read(|conn| shown(conn, id))
    }

    /// The one delivery here that somebody means by its reference or its id.
    ///
    /// # Errors
    /// `unknown_delivery` if there is none, or several; or if the database cannot be read.
    pub fn delivery_named(&self, name: &str) -> Result<Delivery, Error> {
        let unknown = || Refused::UnknownDelivery { name: name.to_owned() };
        self.db().read(|conn| {
            let found = match name.parse() {
                Ok(id) => vec![id],
                Err(_) => deliveries::of_reference(conn, name.trim())?,
            };
            let &[id] = found.as_slice() else { return Err(unknown().into()) };
            shown(conn, id)?.ok_or_else(|| unknown().into())
        })
    }

    /// Deliveries that wait for something, or all: the one that is due first first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn deliveries(&self, all: bool) -> Result<Vec<Delivery>, Error> {
        self.db().read(|conn| {
            let ids = deliveries::ids(conn)?;
            let shown = ids.into_iter().map(|id| shown(conn, id)).collect::<Result<Vec<_>, _>>()?;
            Ok(shown.into_iter().flatten().filter(|one| all || !one.state().is_over()).collect())
        })
    }
}

/// The image of a delivery, and what own ops that it does not contain say over it.
fn shown(conn: &Connection, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let Some(mut shown) = deliveries::find(conn, id)? else { return Ok(None) };
    for (_, op) in pending_ops::over(conn, Kind::Delivery, id.0)? {
        // Nothing else is laid over a delivery.
        let (lines, sign) = if let Op::Received(received) = op {
            (received.lines, 1)
        } else if let Op::ReceiptUndone(undone) = op {
            (undone.received.lines, -1)
        } else {
            continue;
        };
        lines.iter().for_each(|line| shown.receive(line.product_id, sign * line.amount.units()));
    }
    Ok(Some(shown))
}

impl Writing<'_> {
    fn undo_receipt(&mut self, remark: &Remark) -> Result<Received, Error> {
        let life = self.identity.incarnation_id();
        // What came in at another place, before the device was moved, is not here to be sent back.
        let is_here = |received: &Received| received.warehouse_id == self.identity.warehouse_id();
        let last = deliveries::last_receipt(self.conn(), life)?.filter(|(_, received)| is_here(received));
        let (Mark { seq, hash }, received) = last.ok_or(Refused::NothingToUndo)?;
        let received = Received { remark: remark.clone(), ..received };
        let mut effects = Effects::default();
        for (line, number) in received.lines.iter().zip(0..) {
            let key = self.identity.stock_of(line.product_id);
            let why = Why { reason: Reason::Corrected, remark: remark.clone(), lot: line.lot.clone() };
            effects.put_or_take(self, number, key, -line.amount.units(), why)?;
        }
        self.note_moved(
            &Op::ReceiptUndone(ReceiptUndone { seq, received: received.clone(), hash: Some(hash) }),
            effects,
        )?;
        Ok(received)
    }
}
