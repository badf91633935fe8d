//! Goods that come, turn out to be more or fewer, are given back, or are asked for.

use uuid::Uuid;

use super::{
    Touched,
    decide::{At, Batch, Decision, nothing_lacked},
};
use crate::{
    delivery::ReceiptUndone,
    id::{ProductId, WarehouseId},
    movement::{Adjusted, Received, Why},
    op::{Goods, Op},
    planted::{Bug, is_planted},
    quantity::Amount,
    stock::{Allotment, Reason, StockKey},
    verdict::{Grant, Refusal, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn received(&mut self, at: At, received: &Received) -> Decision {
        self.may_move(received.warehouse_id, received.lines.iter().map(|line| line.product_id))?;
        for (line, number) in received.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: received.warehouse_id };
            let why = Why { reason: Reason::Received, remark: received.remark.clone(), lot: line.lot.clone() };
            self.put_or_take(at, number, key, line.amount.units(), why);
        }
        self.count_delivered(received, 1);
        Ok(Verdict::Accepted)
    }

    /// The opposite of what a receipt did, once: of a device there may be two copies, both of which take the last one
    /// back.
    pub(super) fn receipt_undone(&mut self, at: At, undone: ReceiptUndone) -> Decision {
        let received = &undone.received;
        self.may_move(received.warehouse_id, received.lines.iter().map(|line| line.product_id))?;
        let receipt = (self.elder.unwrap_or(self.author.incarnation_id), undone.receipt());
        if self.known.undone.insert(receipt) {
            self.settled.undone.insert(receipt);
        } else if !is_planted(Bug::UndoneTwice) {
            self.tell_again(Touched::by([&Op::ReceiptUndone(undone)]));
            return Ok(Verdict::Accepted);
        }
        for (line, number) in received.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: received.warehouse_id };
            let why = Why { reason: Reason::Corrected, remark: received.remark.clone(), lot: line.lot.clone() };
            self.put_or_take(at, number, key, -line.amount.units(), why);
        }
        self.count_delivered(received, -1);
        Ok(Verdict::Accepted)
    }

    pub(super) fn count_delivered(&mut self, received: &Received, sign: i64) {
        let Some(delivery_id) = received.delivery_id else { return };
        for line in &received.lines {
            let came = self.settled.delivered.entry((delivery_id, line.product_id)).or_default();
            *came += sign * line.amount.units();
        }
    }

    pub(super) fn adjusted(&mut self, at: At, adjusted: &Adjusted) -> Decision {
        self.may_move(adjusted.warehouse_id, adjusted.lines.iter().map(|line| line.product_id))?;
        for (line, number) in adjusted.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: adjusted.warehouse_id };
            let reason = adjusted.cause.reason();
            let why = Why { reason, remark: adjusted.remark.clone(), lot: line.lot.clone() };
            self.put_or_take(at, number, key, line.delta, why);
        }
        Ok(Verdict::Accepted)
    }

    /// A movement that is no sale. At the author's home what it puts in is its own to sell, and what
    /// it takes out was.
    pub(super) fn put_or_take(&mut self, at: At, number: i32, key: StockKey, delta: i64, why: impl Into<Why>) {
        self.own_by(key, delta);
        self.move_stock(at, number, key, delta, why);
    }

    /// At the author's home, what it puts into the book or takes out of it is its own, or was.
    pub(super) fn own_by(&mut self, key: StockKey, delta: i64) {
        self.own(key, |own| if delta < 0 { own.consume(-delta) } else { own.receive(delta) });
    }

    /// What comes in at the author's home is its own, and what of it is damaged goes out again at once: the op took none
    /// of what had been there, so none of it had been written off.
    pub(super) fn own_what_came(&mut self, key: StockKey, came: i64, damaged: i64) {
        self.own(key, |own| own.receive(came).consume(damaged));
    }

    /// Changes what is the author's own at its home. At a home that it left, too: it may not have heard that it did, and
    /// gives back what is open before it goes. For a device that is closed nobody waits: what came is taken back at once,
    /// for whoever sells there now.
    fn own(&mut self, key: StockKey, change: impl FnOnce(Allotment) -> Allotment) {
        let has_left = self.author.left_homes.contains(&key.warehouse_id) && !is_planted(Bug::LeftHomeForgotten);
        if has_left && self.author.is_closed {
            self.change_allotment(key, |before| {
                let after = change(before);
                after.take_back((after.open() - before.open()).max(0))
            });
        } else if has_left || self.author.homes.contains(&key.warehouse_id) {
            self.change_allotment(key, change);
        }
    }

    pub(super) fn gave_back(&mut self, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        for line in &goods.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            self.change_allotment(key, |allotment| allotment.give_back(line.amount.units()));
            self.note_spared(key, line.amount.units());
        }
        Ok(Verdict::Accepted)
    }

    pub(super) fn allotment_asked(&mut self, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        if self.author.is_superseded {
            return Ok(Verdict::Refused(Refusal::LifeOver));
        }
        if self.known.is_suspended {
            return Ok(Verdict::Refused(Refusal::Suspended));
        }
        if self.author.former.contains(&goods.warehouse_id) {
            return Ok(Verdict::Refused(Refusal::NothingLeft));
        }
        if self.known.is_recovering && !is_planted(Bug::NoBarrier) {
            return Ok(Verdict::Refused(Refusal::Recovering));
        }
        let mut grants = Vec::new();
        for line in &goods.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            let available = self.known.levels.get(&key).copied().unwrap_or_default().available();
            self.note_asked(key, line.amount.units(), line.amount.units().min(available));
            if let Ok(amount) = Amount::new(line.amount.units().min(available)) {
                self.change_allotment(key, |allotment| allotment.grant(amount.units()));
                grants.push(Grant { product_id: line.product_id, amount });
            }
        }
        Ok(if grants.is_empty() { Verdict::Refused(Refusal::NothingLeft) } else { Verdict::Granted(grants) })
    }

    fn goods_may_move(&self, goods: &Goods) -> Result<(), SetAside> {
        self.may_move(goods.warehouse_id, goods.lines.iter().map(|line| line.product_id))
    }

    /// Whether the author may move these goods there, and all of them are known.
    pub(super) fn may_move(
        &self,
        warehouse_id: WarehouseId,
        products: impl Iterator<Item = ProductId> + Clone,
    ) -> Result<(), SetAside> {
        self.may_act_at(warehouse_id)?;
        nothing_lacked(self.lacked_goods(warehouse_id, products.clone()))?;
        self.has_room(warehouse_id, products)
    }

    pub(super) fn may_act_at(&self, warehouse_id: WarehouseId) -> Result<(), SetAside> {
        if self.author.warehouses.contains(&warehouse_id) { Ok(()) } else { Err(SetAside::NoRight) }
    }

    pub(super) fn lacked_goods(
        &self,
        warehouse_id: WarehouseId,
        products: impl Iterator<Item = ProductId>,
    ) -> Vec<Uuid> {
        let warehouse = (!self.known.warehouses.contains(&warehouse_id)).then_some(warehouse_id.0);
        products.filter(|id| !self.known.products.contains(id)).map(|id| id.0).chain(warehouse).collect()
    }
}
