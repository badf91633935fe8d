//! One decision per sort of op.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use super::{Author, Known, KnownOrder, Moved, Raised, Settled, Touched, carried, decode};
use crate::{
    cart::Sold,
    clock::Timestamp,
    fault::Fault,
    id::{IncarnationId, ProductId, UserId, WarehouseId},
    journal::Entry,
    op::{Cancel, Count, Customer, Goods, Line, Op, Sale, StatusTold},
    order::{Fulfilment, Order, OrderStatus, is_promised},
    people::{Address, Review},
    planted::{Bug, is_planted},
    quantity::Amount,
    stock::{Allotment, Level, Movement, Reason, StockKey},
    verdict::{ConcernKind, Grant, Refusal, SetAside, Verdict},
};

/// Decides a run of entries in order. `known` ends as the database will be.
pub fn settle(known: &mut Known, author: &Author, entries: &[Entry]) -> Settled {
    let mut batch = Batch { known, author, elder: None, before: BTreeMap::new(), settled: Settled::default() };
    for entry in entries {
        let verdict = batch.entry(entry).unwrap_or_else(Verdict::SetAside);
        batch.look_at_clock(entry);
        batch.answer(entry.seq, verdict);
    }
    batch.look_at_stock();
    batch.settled
}

/// When an op happened, and its place in the journal.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) seq: i64,
    pub(super) at: Timestamp,
}

pub(super) struct Batch<'a> {
    pub(super) known: &'a mut Known,
    pub(super) author: &'a Author,
    /// The earlier life of the author's device whose entry is decided, if it is carried.
    pub(super) elder: Option<IncarnationId>,
    /// Stock rows as they were before the batch, of those that it changed.
    before: BTreeMap<StockKey, Level>,
    pub(super) settled: Settled,
}

pub(super) type Decision = Result<Verdict, SetAside>;

impl Batch<'_> {
    fn entry(&mut self, entry: &Entry) -> Decision {
        let op = decode(entry)?;
        match self.known.carried.contains(&entry.mark()) {
            true => {
                self.tell_rows_again(Touched::by([&op]).stock);
                Ok(carried::again(&op))
            }
            false => self.op(At { seq: entry.seq, at: entry.hlc.at }, op),
        }
    }

    pub(super) fn op(&mut self, at: At, op: Op) -> Decision {
        match op {
            Op::Sale(sale) => self.sale(at, *sale),
            Op::CustomerAdded(customer) => self.customer(at, *customer),
            Op::AddressAdded(address) => self.address(*address),
            Op::Reviewed(review) => self.review(*review),
            Op::Received(goods) => self.received(at, &goods),
            Op::Counted(count) => self.counted(at, &count),
            Op::GaveBack(goods) => self.gave_back(&goods),
            Op::StatusTold(told) => self.status_told(at, told),
            Op::AllotmentAsked(goods) => self.allotment_asked(&goods),
            Op::CancelAsked(cancel) => self.cancel_asked(cancel),
            Op::Carried(carried) => self.carried(at, *carried),
            Op::LifeEnded(ended) => self.life_ended(ended),
        }
    }

    fn answer(&mut self, seq: i64, verdict: Verdict) {
        if let Verdict::SetAside(reason) = &verdict {
            let subject = format!("{}/{seq}", self.author.incarnation_id);
            let detail = json!({ "seq": seq, "node": self.author.node_id, "reason": reason });
            self.raise(ConcernKind::SetAside, subject, detail, self.author.node_id.0, Some(seq));
        }
        self.settled.verdicts.push((seq, verdict));
    }

    // Sales and what becomes of their orders.

    fn sale(&mut self, at: At, sale: Sale) -> Decision {
        let Sale { order, sold } = sale;
        self.may_act_at(order.warehouse_id)?;
        if order.node_id != self.author.node_id {
            return Err(SetAside::NoRight);
        }
        if self.known.orders.contains_key(&order.order_id) {
            return Err(SetAside::IdTaken { id: order.order_id.0 });
        }
        let mut lacks = self.lacked_goods(order.warehouse_id, order.items.iter().map(|item| item.product_id));
        lacks.extend((!self.known.users.contains(&order.user_id)).then_some(order.user_id.0));
        let addresses = order.shipping_address_id.iter().chain(&order.billing_address_id);
        lacks.extend(addresses.filter(|id| !self.known.addresses.contains(id)).map(|id| id.0));
        let lines =
            order.items.iter().map(|item| Line { product_id: item.product_id, amount: item.quantity }).collect();
        let known =
            KnownOrder { warehouse_id: order.warehouse_id, fulfilment: order.fulfilment, status: order.status, lines };
        if is_planted(Bug::LostSavepoint) && !lacks.is_empty() {
            self.take_goods(at, &known);
        }
        nothing_lacked(lacks)?;
        self.has_room(order.warehouse_id, order.items.iter().map(|item| item.product_id))?;
        self.take_goods(at, &known);
        self.known.orders.insert(order.order_id, known);
        self.look_at_sums(at.seq, &order);
        if let Some(sold) = sold {
            self.claim_units(at.seq, &order, &sold);
        }
        self.settled.orders.push((at.seq, order));
        Ok(Verdict::Accepted)
    }

    /// Every unit of a new order leaves the allotment; it leaves the book too unless it is promised.
    fn take_goods(&mut self, at: At, order: &KnownOrder) {
        let has_left = order.fulfilment == Fulfilment::CarryOut || order.status >= OrderStatus::Shipped;
        for (line, number) in order.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            let units = line.amount.units();
            self.change_allotment(key, |allotment| allotment.consume(units));
            if has_left {
                self.move_stock(at, number, key, -units, Reason::Sold);
            } else if is_promised(order.fulfilment, order.status) {
                self.promise(key, units);
            }
        }
    }

    fn status_told(&mut self, at: At, told: StatusTold) -> Decision {
        let mut order = self.order(told.order_id.0, told.order_id)?;
        let hands_over = order.fulfilment == Fulfilment::Ship && told.status >= OrderStatus::Shipped;
        let leaves = hands_over && order.status < OrderStatus::Shipped;
        if hands_over && !leaves {
            let key = |line: &Line| StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            self.tell_rows_again(order.lines.iter().map(key).collect());
        }
        if told.status <= order.status && !is_planted(Bug::LatestStatusWins) {
            return Ok(Verdict::Accepted);
        }
        if leaves {
            self.hand_over(at, &order, told.called_off);
        }
        if leaves && order.status == OrderStatus::Cancelled {
            let detail = json!({ "order": told.order_id, "node": self.author.node_id });
            let scope = order.warehouse_id.0;
            self.raise(ConcernKind::ShippedThoughCancelled, told.order_id.to_string(), detail, scope, Some(at.seq));
        }
        order.status = told.status;
        self.settled.statuses.insert(told.order_id, (told.status, told.at));
        self.known.orders.insert(told.order_id, order);
        Ok(Verdict::Accepted)
    }

    /// An op did nothing, because another had done it. Whoever wrote it may have laid it over images that had that
    /// already, and takes it away when they are told once more.
    pub(super) fn tell_rows_again(&mut self, rows: BTreeSet<StockKey>) {
        let known = &self.known.levels;
        self.settled.levels.extend(rows.into_iter().filter(|row| known.contains_key(row)));
    }

    /// The goods of an order leave the book, and its promise ends. If the till knew that it had been called
    /// off, the units were nobody's and count against it, in its own book and so in this one: what it may still
    /// sell is never less here than there.
    fn hand_over(&mut self, at: At, order: &KnownOrder, was_known_called_off: bool) {
        let was_promised = is_promised(order.fulfilment, order.status);
        for (line, number) in order.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            let units = line.amount.units();
            if was_promised {
                self.promise(key, -units);
            }
            if was_known_called_off {
                self.change_allotment(key, |allotment| allotment.consume(units));
            }
            self.move_stock(at, number, key, -units, Reason::Sold);
        }
    }

    fn cancel_asked(&mut self, cancel: Cancel) -> Decision {
        let mut order = self.order(cancel.order_id.0, cancel.order_id)?;
        if order.status == OrderStatus::Cancelled {
            return Ok(Verdict::Refused(Refusal::AlreadyCancelled));
        }
        if !is_promised(order.fulfilment, order.status) {
            return Ok(Verdict::Refused(Refusal::AlreadyHandedOver));
        }
        for line in &order.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: order.warehouse_id };
            self.promise(key, -line.amount.units());
            self.settled.freed.insert(key);
        }
        order.status = OrderStatus::Cancelled;
        self.settled.statuses.insert(cancel.order_id, (OrderStatus::Cancelled, cancel.at));
        self.known.orders.insert(cancel.order_id, order);
        Ok(Verdict::Accepted)
    }

    fn order(&self, id: Uuid, order_id: crate::id::OrderId) -> Result<KnownOrder, SetAside> {
        let order = self.known.orders.get(&order_id).ok_or_else(|| SetAside::Lacks { ids: vec![id] })?;
        self.may_act_at(order.warehouse_id)?;
        self.has_room(order.warehouse_id, order.lines.iter().map(|line| line.product_id))?;
        Ok(order.clone())
    }

    fn look_at_sums(&mut self, seq: i64, order: &Order) {
        let kind = match order.check_sums(self.known.currency) {
            Ok(()) => return,
            Err(Fault::OtherCurrency) => ConcernKind::OtherCurrency,
            Err(Fault::PaymentsMismatch) => ConcernKind::PaymentsMismatch,
            Err(_) => ConcernKind::TotalMismatch,
        };
        let detail = json!({
            "order": order.order_id, "receipt": order.receipt.to_string(), "total": order.total_amount,
            "lines": order.sum_of_lines(self.known.currency).ok(), "paid": order.paid(),
        });
        self.raise(kind, order.order_id.to_string(), detail, order.warehouse_id.0, Some(seq));
    }

    fn claim_units(&mut self, seq: i64, order: &Order, sold: &Sold) {
        let mut twice = BTreeMap::new();
        for line in &sold.lines {
            let key = (sold.cart_id, line.product_id);
            let overlap = self.known.sold.entry(key).or_default().claim(line);
            self.settled.sold.insert(key);
            if overlap.units() > 0 {
                twice.insert(line.product_id.to_string(), overlap.units());
            }
        }
        if !twice.is_empty() {
            let detail = json!({ "cart": sold.cart_id, "order": order.order_id, "units": twice });
            let scope = order.warehouse_id.0;
            self.raise(ConcernKind::CartSoldTwice, sold.cart_id.to_string(), detail, scope, Some(seq));
        }
    }

    // People.

    fn customer(&mut self, at: At, customer: Customer) -> Decision {
        let Customer { mut user, address } = customer;
        self.may_act_at(user.home)?;
        if self.known.users.contains(&user.user_id) {
            return Err(SetAside::IdTaken { id: user.user_id.0 });
        }
        let own_address = address.as_ref().map(|address| address.address_id);
        let known_address = |id| own_address == Some(id) || self.known.addresses.contains(&id);
        nothing_lacked(user.address_id.filter(|id| !known_address(*id)).map(|id| id.0).into_iter().collect())?;
        if let Some(address) = &address {
            self.address_may_come(address, Some(user.user_id))?;
        }

        user.email = user.email.map(|email| email.to_lowercase());
        user.alias_of = None;
        if let Some(email) = user.email.clone() {
            match self.known.emails.get(&email).copied() {
                None => _ = self.known.emails.insert(email, user.user_id),
                Some(other) if user.user_id < other => {
                    self.known.emails.insert(email, user.user_id);
                    self.demote(other, user.user_id);
                    self.email_taken(at.seq, user.user_id, other, user.home);
                }
                Some(other) => {
                    user.email = None;
                    user.alias_of = Some(other);
                    self.email_taken(at.seq, other, user.user_id, user.home);
                }
            }
        }
        self.known.users.insert(user.user_id);
        self.settled.users.push(user);
        self.keep_address(address);
        Ok(Verdict::Accepted)
    }

    fn demote(&mut self, loser: UserId, keeper: UserId) {
        for user in self.settled.users.iter_mut().filter(|user| user.alias_of == Some(loser)) {
            user.alias_of = Some(keeper);
        }
        match self.settled.users.iter_mut().find(|user| user.user_id == loser) {
            Some(user) => {
                user.email = None;
                user.alias_of = Some(keeper);
            }
            None => self.settled.demoted.push((loser, keeper)),
        }
    }

    fn email_taken(&mut self, seq: i64, keeper: UserId, alias: UserId, scope: WarehouseId) {
        let detail = json!({ "keeper": keeper, "alias": alias });
        self.raise(ConcernKind::EmailTaken, format!("{keeper}/{alias}"), detail, scope.0, Some(seq));
    }

    fn address(&mut self, address: Address) -> Decision {
        self.address_may_come(&address, None)?;
        self.keep_address(Some(address));
        Ok(Verdict::Accepted)
    }

    fn address_may_come(&self, address: &Address, with: Option<UserId>) -> Result<(), SetAside> {
        self.may_act_at(address.home)?;
        if self.known.addresses.contains(&address.address_id) {
            return Err(SetAside::IdTaken { id: address.address_id.0 });
        }
        let is_known = with == Some(address.user_id) || self.known.users.contains(&address.user_id);
        nothing_lacked((!is_known).then_some(address.user_id.0).into_iter().collect())
    }

    fn keep_address(&mut self, address: Option<Address>) {
        self.known.addresses.extend(address.iter().map(|address| address.address_id));
        self.settled.addresses.extend(address);
    }

    fn review(&mut self, review: Review) -> Decision {
        if self.known.reviews.contains(&review.review_id) {
            return Err(SetAside::IdTaken { id: review.review_id.0 });
        }
        let product = (!self.known.products.contains(&review.product_id)).then_some(review.product_id.0);
        let user = (!self.known.users.contains(&review.user_id)).then_some(review.user_id.0);
        nothing_lacked(product.into_iter().chain(user).collect())?;
        self.known.reviews.insert(review.review_id);
        self.settled.reviews.push(review);
        Ok(Verdict::Accepted)
    }

    // Stock.

    fn received(&mut self, at: At, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        for (line, number) in goods.lines.iter().zip(0..) {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            self.put_or_take(at, number, key, line.amount.units(), Reason::Received);
        }
        Ok(Verdict::Accepted)
    }

    fn counted(&mut self, at: At, count: &Count) -> Decision {
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

    fn gave_back(&mut self, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        for line in &goods.lines {
            let key = StockKey { product_id: line.product_id, warehouse_id: goods.warehouse_id };
            self.change_allotment(key, |allotment| allotment.give_back(line.amount.units()));
        }
        Ok(Verdict::Accepted)
    }

    fn allotment_asked(&mut self, goods: &Goods) -> Decision {
        self.goods_may_move(goods)?;
        if self.author.is_superseded {
            return Ok(Verdict::Refused(Refusal::LifeOver));
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

    fn may_act_at(&self, warehouse_id: WarehouseId) -> Result<(), SetAside> {
        if self.author.warehouses.contains(&warehouse_id) { Ok(()) } else { Err(SetAside::NoRight) }
    }

    fn lacked_goods(&self, warehouse_id: WarehouseId, products: impl Iterator<Item = ProductId>) -> Vec<Uuid> {
        let warehouse = (!self.known.warehouses.contains(&warehouse_id)).then_some(warehouse_id.0);
        products.filter(|id| !self.known.products.contains(id)).map(|id| id.0).chain(warehouse).collect()
    }

    // The two sums of a stock row.

    fn level(&mut self, key: StockKey) -> &mut Level {
        let level = self.known.levels.entry(key).or_default();
        self.before.entry(key).or_insert(*level);
        self.settled.levels.insert(key);
        level
    }

    fn move_stock(&mut self, at: At, line: i32, key: StockKey, delta: i64, reason: Reason) {
        if delta != 0 {
            self.level(key).balance += delta;
            let movement = Movement { key, delta, reason };
            self.settled.movements.push(Moved { seq: at.seq, line, at: at.at, movement });
        }
    }

    fn promise(&mut self, key: StockKey, units: i64) {
        self.level(key).promised += units;
    }

    /// Changes the allotment of the life that wrote the op; what it has open counts as promised, before
    /// and after.
    fn change_allotment(&mut self, key: StockKey, change: impl FnOnce(Allotment) -> Allotment) {
        let allotment = match self.elder {
            None => {
                self.settled.allotments.insert(key);
                self.known.allotments.entry(key).or_default()
            }
            Some(life) => {
                self.settled.elder_allotments.insert((life, key));
                self.known.elders.entry(life).or_default().allotments.entry(key).or_default()
            }
        };
        let changed = change(*allotment);
        let opened = changed.open() - allotment.open();
        *allotment = changed;
        self.promise(key, opened);
        if opened < 0 {
            self.settled.freed.insert(key);
        }
    }

    // Concerns.

    fn raise(&mut self, kind: ConcernKind, subject: String, detail: serde_json::Value, scope: Uuid, seq: Option<i64>) {
        self.settled.opened.retain(|raised| raised.kind != kind || raised.subject != subject);
        self.settled.opened.push(Raised { kind, subject, detail, scope, seq });
    }

    fn look_at_clock(&mut self, entry: &Entry) {
        let (_, was_capped) = entry.hlc.capped(self.known.now);
        if was_capped {
            let detail = json!({ "node": self.author.node_id, "clock": entry.hlc.at, "server": self.known.now });
            let subject = self.author.node_id.to_string();
            self.raise(ConcernKind::ClockAhead, subject, detail, self.author.node_id.0, Some(entry.seq));
        }
    }

    /// What the batch as a whole did to each stock row: `owed` and `unbacked` open a concern while
    /// they last, and close it by themselves.
    fn look_at_stock(&mut self) {
        for (key, before) in std::mem::take(&mut self.before) {
            let after = self.known.levels.get(&key).copied().unwrap_or_default();
            let figures = [
                (ConcernKind::Owed, before.owed(), after.owed()),
                (ConcernKind::Unbacked, before.unbacked(), after.unbacked()),
            ];
            for (kind, was, is) in figures {
                let subject = || format!("{}/{}", key.product_id, key.warehouse_id);
                if is > 0 && is != was {
                    let detail = json!({ "product": key.product_id, "warehouse": key.warehouse_id, "units": is });
                    self.raise(kind, subject(), detail, key.warehouse_id.0, None);
                } else if is == 0 && was > 0 {
                    self.settled.closed.push((kind, subject()));
                }
            }
        }
    }
}

fn nothing_lacked(ids: Vec<Uuid>) -> Result<(), SetAside> {
    if ids.is_empty() { Ok(()) } else { Err(SetAside::Lacks { ids }) }
}
