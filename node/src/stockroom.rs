//! Warehouse work, all of it offline: receive, count, give back, ask, move orders on.

mod answers;

use std::collections::BTreeSet;

use outpost_schema::{
    count::{Cut, Upto},
    id::{DeliveryId, OrderId, ProductId},
    journal::Mark,
    movement::{Adjusted, Cause, Change, Received, ReceivedLine, Remark, Why},
    op::{Cancel, Count, CountLine, Goods, Line, Op, StatusTold},
    order::{Fulfilment, Order, OrderStatus},
    planted::{Bug, is_planted},
    stock::Reason,
};

pub use self::answers::Scarce;
pub(crate) use self::answers::Shortages;
use crate::{
    countings::NotCounted,
    db::{
        catalogue, heard, inbox, orders, outbox, pending_ops,
        stock::{self, Place},
    },
    error::{Error, Refused},
    goods::Effects,
    node::{Node, Writing},
    stage::Work,
};

/// "I saw 7" of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of what.
    pub product_id: ProductId,
    /// How many were seen, at least 0.
    pub counted: i64,
}

/// What is known of a count beside the numbers. Its goods were seen just now; counting that takes its time is opened
/// ([`Node::open_counting`]), which keeps what had been done whenever somebody began with a bin.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    /// How far other devices were meanwhile, as their screens or they themselves said.
    pub marks: Vec<Upto>,
    /// How far other devices were right after, as they said when they were asked.
    pub done: Vec<Upto>,
    /// Who counted.
    pub remark: Remark,
}

impl Node {
    /// Goods came in, and nobody says more of them.
    ///
    /// # Errors
    /// Those of [`Node::take_in`].
    pub fn receive(&self, lines: &[Line]) -> Result<Mark, Error> {
        let lines: Vec<_> = lines.iter().copied().map(ReceivedLine::from).collect();
        self.take_in(&lines, &Remark::default())
    }

    /// Goods came in: of which lots, and who took them in.
    ///
    /// # Errors
    /// `no_lines`, `too_many_lines`, `unknown_product`, those of texts that are too long or blank, or what the disk
    /// says.
    pub fn take_in(&self, lines: &[ReceivedLine], remark: &Remark) -> Result<Mark, Error> {
        self.write(Work::Receive, |writing| writing.take_in(lines, remark, None))
    }

    /// There are more or fewer than the book says, and this is why. What is promised of them stays promised: head
    /// office sees what is no longer there for it.
    ///
    /// # Errors
    /// `amount_out_of_range` if goods go the other way than their cause says, `empty` for a correction without a
    /// note, and those of [`Node::take_in`].
    pub fn adjust(&self, cause: Cause, lines: &[Change], remark: &Remark) -> Result<Mark, Error> {
        self.write(Work::Adjust, |writing| writing.adjust(cause, lines, remark))
    }

    /// Somebody looked: what was seen becomes what the book says. Answers with what each line moved here.
    ///
    /// # Errors
    /// Those of [`Node::count_as`].
    pub fn count(&self, seen: &[Seen]) -> Result<Vec<CountLine>, Error> {
        self.count_as(seen, &Counting::default())
    }

    /// Somebody looked, while others sold. How far those were is said as exactly as it is known; what is told later
    /// and was done before is then in the book once.
    ///
    /// # Errors
    /// `product_twice`, `amount_out_of_range`, `too_many_lines` for more marks than a cut may name, `not_heard` at a home
    /// whose book was not heard yet, and those of [`Node::take_in`].
    pub fn count_as(&self, seen: &[Seen], counting: &Counting) -> Result<Vec<CountLine>, Error> {
        self.write(Work::Count, |writing| writing.count(seen, counting))
    }

    /// How far this device's journal is: for another device's count, which reads it off the screen.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn mark(&self) -> Result<Upto, Error> {
        let standing = self.db().read(outbox::standing)?;
        Ok(Upto { incarnation_id: standing.incarnation_id, seq: standing.head.seq })
    }

    /// Gives part of this node's allotment back, so that others may sell it.
    ///
    /// # Errors
    /// `more_than_open`, `rolled_back`, and those of [`Node::receive`].
    pub fn give_back(&self, lines: &[Line]) -> Result<Mark, Error> {
        self.write(Work::GiveBack, |writing| writing.give_back(lines))
    }

    /// Asks for more allotment; nothing changes until it is granted.
    ///
    /// # Errors
    /// Those of [`Node::receive`].
    pub fn ask(&self, lines: &[Line]) -> Result<Mark, Error> {
        self.write(Work::Ask, |writing| writing.note_goods(lines, Effects::default(), Op::AllotmentAsked))
    }

    /// Moves an order on: processed, shipped or delivered. The goods of an order that was to be
    /// handed over leave the book with the first of the latter two.
    ///
    /// # Errors
    /// `unknown_order`, `other_warehouse`, `already_there`, `unknown_word` for a status that cannot
    /// be told, or what the disk says.
    pub fn advance(&self, order: OrderId, status: OrderStatus) -> Result<Order, Error> {
        self.write(Work::Advance, |writing| writing.advance(order, status))
    }

    /// Asks for an order to be called off; nothing changes until head office agrees.
    ///
    /// # Errors
    /// `unknown_order`, `other_warehouse`, `already_there`, or what the disk says.
    pub fn cancel(&self, order: OrderId) -> Result<Mark, Error> {
        self.write(Work::Cancel, |writing| {
            let order = writing.order_here(order)?;
            if !order.is_promised() {
                return Err(Refused::AlreadyThere { status: order.status }.into());
            }
            let op = Op::CancelAsked(Cancel { order_id: order.order_id, at: writing.now() });
            Ok(writing.append(&op)?.mark())
        })
    }
}

impl Writing<'_> {
    pub(crate) fn take_in(
        &mut self,
        lines: &[ReceivedLine],
        remark: &Remark,
        delivery_id: Option<DeliveryId>,
    ) -> Result<Mark, Error> {
        let mut effects = Effects::default();
        for (line, number) in lines.iter().zip(0..) {
            self.check_product(line.product_id)?;
            let why = Why { reason: Reason::Received, remark: remark.clone(), lot: line.lot.clone() };
            let key = self.identity.stock_of(line.product_id);
            effects.put_or_take(self, number, key, line.amount.units(), why)?;
        }
        let warehouse_id = self.identity.warehouse_id();
        let op = Op::Received(Received { warehouse_id, lines: lines.to_vec(), remark: remark.clone(), delivery_id });
        self.note_moved(&op, effects)
    }

    fn adjust(&mut self, cause: Cause, lines: &[Change], remark: &Remark) -> Result<Mark, Error> {
        let warehouse_id = self.identity.warehouse_id();
        let op = Op::Adjusted(Adjusted { warehouse_id, cause, lines: lines.to_vec(), remark: remark.clone() });
        // Before anything is reckoned: a number that is no amount may overflow.
        op.check()?;
        let mut effects = Effects::default();
        for (line, number) in lines.iter().zip(0..) {
            self.check_product(line.product_id)?;
            let why = Why { reason: cause.reason(), remark: remark.clone(), lot: line.lot.clone() };
            effects.put_or_take(self, number, self.identity.stock_of(line.product_id), line.delta, why)?;
        }
        self.note_moved(&op, effects)
    }

    pub(crate) fn note_moved(&mut self, op: &Op, effects: Effects) -> Result<Mark, Error> {
        let entry = self.append(op)?;
        effects.save(self, &entry)?;
        let place = Place { incarnation_id: self.identity.incarnation_id(), seq: entry.seq };
        pending_ops::lay_over(self.conn(), place, op)?;
        Ok(entry.mark())
    }

    fn note_goods(&mut self, lines: &[Line], effects: Effects, op: fn(Goods) -> Op) -> Result<Mark, Error> {
        lines.iter().try_for_each(|line| self.check_product(line.product_id))?;
        let goods = Goods { warehouse_id: self.identity.warehouse_id(), lines: lines.to_vec() };
        self.note_moved(&op(goods), effects)
    }

    /// At its home the difference to this device's book is booked, so there must be one.
    pub(crate) fn has_heard_the_book(&self) -> Result<(), Error> {
        let is_unheard = self.identity.card.is_home && inbox::position(self.conn())?.level_at.is_none();
        if is_unheard { Err(NotCounted::NotHeard.into()) } else { Ok(()) }
    }

    fn count(&mut self, seen: &[Seen], counting: &Counting) -> Result<Vec<CountLine>, Error> {
        self.has_heard_the_book()?;
        let mut effects = Effects::default();
        let (mut lines, mut products) = (Vec::with_capacity(seen.len()), BTreeSet::new());
        for (&Seen { product_id, counted }, number) in seen.iter().zip(0..) {
            self.check_product(product_id)?;
            if !products.insert(product_id) {
                return Err(Refused::ProductTwice { product: product_id }.into());
            }
            let key = self.identity.stock_of(product_id);
            let delta = counted.saturating_sub(stock::level(self.conn(), key)?.balance);
            effects.put_or_take(self, number, key, delta, Reason::Counted)?;
            lines.push(CountLine { product_id, counted, delta });
        }
        let own = self.identity.incarnation_id();
        let of_others =
            |marks: &[Upto]| marks.iter().filter(|upto| upto.incarnation_id != own).copied().collect::<Vec<_>>();
        let (read, done) = (of_others(&counting.marks), of_others(&counting.done));
        let (heard_at, heard) = (heard::at(self.conn())?, heard::of_others(self.conn())?);
        let cut = Cut { since: self.now(), until: None, heard_at, heard, read, done };
        let (warehouse_id, remark) = (self.identity.warehouse_id(), counting.remark.clone());
        let count = Count { warehouse_id, lines: lines.clone(), cut: Some(cut), remark };
        let entry = self.append(&Op::Counted(count))?;
        effects.save(self, &entry)?;
        Ok(lines)
    }

    pub(crate) fn give_back(&mut self, lines: &[Line]) -> Result<Mark, Error> {
        if self.identity.state.is_old_image() {
            return Err(Refused::RolledBack.into());
        }
        let mut effects = Effects::default();
        for line in lines {
            let key = self.identity.stock_of(line.product_id);
            let open = effects.allotment(self, key)?.open();
            if line.amount.units() > open {
                return Err(Refused::MoreThanOpen { product: line.product_id, left: open }.into());
            }
            effects.allot(self, key, |allotment| allotment.give_back(line.amount.units()))?;
        }
        let effects = if is_planted(Bug::ReturnToldBeforeCommit) { Effects::default() } else { effects };
        self.note_goods(lines, effects, Op::GaveBack)
    }

    fn advance(&mut self, order_id: OrderId, status: OrderStatus) -> Result<Order, Error> {
        let mut order = self.order_here(order_id)?;
        let called_off = order.status == OrderStatus::Cancelled;
        let told = StatusTold { order_id, status, at: self.now(), called_off };
        let op = Op::StatusTold(told);
        op.check()?;
        if status <= order.status {
            return Err(Refused::AlreadyThere { status: order.status }.into());
        }
        let effects = self.hand_over(&order, status)?;
        let entry = self.append(&op)?;
        effects.save(self, &entry)?;
        orders::raise_status(self.conn(), order_id, status, told.at)?;
        (order.status, order.updated_at) = (status, told.at);
        Ok(order)
    }

    /// The goods of an order leave the book. Its promise ends; if it had been called off, the units
    /// were nobody's, and count against this node, which took them out.
    fn hand_over(&self, order: &Order, status: OrderStatus) -> Result<Effects, Error> {
        let mut effects = Effects::default();
        let leaves = order.fulfilment == Fulfilment::Ship
            && order.status < OrderStatus::Shipped
            && status >= OrderStatus::Shipped;
        for (item, number) in order.items.iter().zip(0..).filter(|_| leaves) {
            let (key, units) = (self.identity.stock_of(item.product_id), item.quantity.units());
            if order.is_promised() {
                effects.promise(key, -units);
            } else {
                effects.allot(self, key, |allotment| allotment.consume(units))?;
            }
            effects.move_stock(number, key, -units, Reason::Sold);
        }
        Ok(effects)
    }

    fn order_here(&self, order_id: OrderId) -> Result<Order, Error> {
        let order = orders::find(self.conn(), order_id)?.ok_or(Refused::UnknownOrder { order: order_id })?;
        if order.warehouse_id == self.identity.warehouse_id() {
            Ok(order)
        } else {
            Err(Refused::OtherWarehouse { order: order_id }.into())
        }
    }

    pub(crate) fn check_product(&self, product: ProductId) -> Result<(), Error> {
        let is_known = catalogue::price(self.conn(), product)?.is_some();
        if is_known { Ok(()) } else { Err(Refused::UnknownProduct { product }.into()) }
    }
}
