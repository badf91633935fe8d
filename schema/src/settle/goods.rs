//! Goods that come, are counted, are given back, or are asked for.

use uuid::Uuid;

use super::decide::{At, Batch, Decision, nothing_lacked};
use crate::{
    id::{ProductId, WarehouseId},
    op::{Count, Goods},
    planted::{Bug, is_planted},
    quantity::Amount,
    stock::{Reason, StockKey},
    verdict::{Grant, Refusal, SetAside, Verdict},
};

impl Batch<'_> {
    pub(super) fn received(&mut self, at: At, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        for (line, number) in goods.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            self.put_or_take(at, number, key, line.amount.units(), Reason::Received);
        }
        Ok(Verdict::Accepted)
    }

    pub(super) fn counted(&mut self, at: At, count: &Count) -> Decision {
        self.may_act_at(count.warehouse_id)?;
        nothing_lacked(self.lacked_goods(count.warehouse_id, count.lines.iter().map(|line| line.product_id)))?;
        self.has_room(count.warehouse_id, count.lines.iter().map(|line| line.product_id))?;
        for (line, number) in count.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: count.warehouse_id };
            self.put_or_take(at, number, key, line.delta, Reason::Counted);
        }
        Ok(Verdict::Accepted)
    }

    /// A movement that is no sale. At the author's home what it puts in is its own to sell, and what
    /// it takes out was.
    fn put_or_take(&mut self, at: At, number: i32, key: StockKey, delta: i64, reason: Reason) {
        if self.author.homes.contains(&key.warehouse_id) {
            self.change_allotment(
                key,
                |allotment| if delta < 0 { allotment.consume(-delta) } else { allotment.receive(delta) },
            );
        }
        self.move_stock(at, number, key, delta, reason);
    }

    pub(super) fn gave_back(&mut self, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        for line in &goods.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            self.change_allotment(key, |allotment| allotment.give_back(line.amount.units()));
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
        if self.known.is_recovering && !is_planted(Bug::NoBarrier) {
            return Ok(Verdict::Refused(Refusal::Recovering));
        }
        let mut grants = Vec::new();
        for line in &goods.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            let available = self.known.levels.get(&key).copied().unwrap_or_default().available();
            if let Ok(amount) = Amount::new(line.amount.units().min(available)) {
                self.change_allotment(key, |allotment| allotment.grant(amount.units()));
                grants.push(Grant { product_id: line.product_id, amount });
            }
        }
        Ok(if grants.is_empty() { Verdict::Refused(Refusal::NothingLeft) } else { Verdict::Granted(grants) })
    }

    fn goods_may_move(&self, goods: &Goods) -> Result<(), SetAside> {
        self.may_act_at(goods.warehouse_id)?;
        nothing_lacked(self.lacked_goods(goods.warehouse_id, goods.lines.iter().map(|line| line.product_id)))?;
        self.has_room(goods.warehouse_id, goods.lines.iter().map(|line| line.product_id))
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
