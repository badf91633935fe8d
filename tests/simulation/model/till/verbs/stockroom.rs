//! Warehouse work, orders that move on, and customers.

use outpost_schema::{
    clock::Timestamp,
    count::{Cut, Upto},
    delivery::ReceiptUndone,
    feed::Kind,
    id::{DeliveryId, IncarnationId, OrderId, ProductId, UserId, WarehouseId},
    journal::Mark,
    movement::{Adjusted, Cause, Change, Lot, Received, ReceivedLine, Remark},
    op::{Cancel, Count, CountLine, Customer, Goods, Line, Op, StatusTold},
    order::{Fulfilment, Order, OrderStatus},
    people::{Role, User},
    stock::StockKey,
    text,
    transfer::{Arrived, CameLine, Dispatched, TransferCode},
    world::{Seeded, World as _},
};

use super::{super::tables::Tables, Code, Effects, Plan, Told, amount, code};

impl Tables {
    pub(super) fn receive(&self, product: ProductId, units: i64) -> Result<Plan, Code> {
        let mut effects = Effects::default();
        effects.put_or_take(self, self.row_of(product), amount(units)?.units());
        self.note_goods(product, units, effects, units, |goods| Op::Received(goods.into()))
    }

    pub(super) fn receive_of(&self, delivery_id: DeliveryId, product_id: ProductId, units: i64) -> Result<Plan, Code> {
        self.delivery(delivery_id).ok_or("unknown_delivery")?;
        self.product(product_id).ok_or("unknown_product")?;
        let (key, mut effects) = (self.row_of(product_id), Effects::default());
        effects.put_or_take(self, key, units);
        let lines = vec![ReceivedLine { product_id, amount: amount(units)?, lot: Lot::default() }];
        let (warehouse_id, remark, delivery_id) = (key.warehouse_id, Remark::default(), Some(delivery_id));
        let op = Op::Received(Received { warehouse_id, lines, remark, delivery_id });
        Ok(Plan::Write { op, effects, cart: None, told: Told::Noted { key: Some(key), delta: units } })
    }

    pub(super) fn undo_receipt(&self) -> Result<Plan, Code> {
        let (Mark { seq, hash }, received) = self.last_receipt().ok_or("nothing_to_undo")?;
        let line = received.lines.first().ok_or("nothing_to_undo")?;
        let (key, delta, mut effects) = (self.row_of(line.product_id), -line.amount.units(), Effects::default());
        effects.put_or_take(self, key, delta);
        let op = Op::ReceiptUndone(ReceiptUndone { seq, received, hash: Some(hash) });
        Ok(Plan::Write { op, effects, cart: None, told: Told::Noted { key: Some(key), delta } })
    }

    pub(super) fn adjust(&self, product_id: ProductId, cause: Cause, delta: i64) -> Result<Plan, Code> {
        let (key, mut effects) = (self.row_of(product_id), Effects::default());
        let lines = vec![Change { product_id, delta, lot: Lot::default() }];
        let remark = Remark::default();
        let op = Op::Adjusted(Adjusted { warehouse_id: key.warehouse_id, cause, lines, remark });
        op.check().map_err(code)?;
        self.product(product_id).ok_or("unknown_product")?;
        effects.put_or_take(self, key, delta);
        Ok(Plan::Write { op, effects, cart: None, told: Told::Noted { key: Some(key), delta } })
    }

    pub(super) fn dispatch(&self, product_id: ProductId, units: i64, to_id: WarehouseId) -> Result<Plan, Code> {
        if !self.images.contains_key(&(Kind::Warehouse, to_id.0)) {
            return Err("unknown_warehouse");
        }
        let (key, mut effects) = (self.row_of(product_id), Effects::default());
        let lines = vec![Line { product_id, amount: amount(units)? }];
        self.product(product_id).ok_or("unknown_product")?;
        let code = TransferCode { prefix: self.card.prefix.clone(), number: self.transfers + 1 };
        let (from_id, remark) = (key.warehouse_id, Remark::default());
        let op = Op::Dispatched(Dispatched { code, from_id, to_id, lines, remark });
        op.check().map_err(super::code)?;
        effects.put_or_take(self, key, -units);
        Ok(Plan::Write { op, effects, cart: None, told: Told::Noted { key: Some(key), delta: -units } })
    }

    pub(super) fn arrive(
        &self,
        code: &TransferCode,
        product_id: ProductId,
        (units, damaged): (i64, i64),
        complete: bool,
    ) -> Result<Plan, Code> {
        let (key, mut effects) = (self.row_of(product_id), Effects::default());
        let lines = vec![CameLine { product_id, came: amount(units)?, damaged }];
        let (code, warehouse_id, remark) = (code.clone(), key.warehouse_id, Remark::default());
        let op = Op::Arrived(Arrived { code, warehouse_id, lines, complete, remark });
        op.check().map_err(super::code)?;
        self.product(product_id).ok_or("unknown_product")?;
        effects.put_or_take(self, key, units);
        effects.put_or_take(self, key, -damaged);
        let told = Told::Noted { key: Some(key), delta: units - damaged };
        Ok(Plan::Write { op, effects, cart: None, told })
    }

    pub(super) fn give_back(&self, product: ProductId, units: i64) -> Result<Plan, Code> {
        if self.state.is_old_image() {
            return Err("rolled_back");
        }
        let (key, mut effects) = (self.row_of(product), Effects::default());
        if units > self.allotment(key).open() {
            return Err("more_than_open");
        }
        effects.allot(self, key, |own| own.give_back(units));
        self.note_goods(product, units, effects, 0, Op::GaveBack)
    }

    /// What the till gives back because it was asked to, but for what open carts may need.
    pub(in super::super) fn answers(&self) -> Vec<Plan> {
        let (life, is_active) = (self.life(), self.state.ending().is_none());
        let here = |key: &StockKey| is_active && key.warehouse_id == self.card.warehouse_id;
        let recalled = self.beside.iter().filter(|((of, key), (_, keep))| here(key) && *of == life && keep.is_some());
        let plan = |((_, key), (_, keep)): (&(IncarnationId, StockKey), &(i64, Option<i64>))| {
            let carts = self.carts.values().map(|kept| kept.cart.quantity(key.product_id));
            let spare = self.allotment(*key).open() - keep.unwrap_or(0).max(carts.sum());
            (spare > 0).then(|| self.give_back(key.product_id, spare).ok()).flatten()
        };
        recalled.filter_map(plan).collect()
    }

    pub(super) fn note_goods(
        &self,
        product_id: ProductId,
        units: i64,
        effects: Effects,
        delta: i64,
        op: fn(Goods) -> Op,
    ) -> Result<Plan, Code> {
        let amount = amount(units)?;
        self.product(product_id).ok_or("unknown_product")?;
        let key = self.row_of(product_id);
        let op = op(Goods { warehouse_id: key.warehouse_id, lines: vec![Line { product_id, amount }] });
        Ok(Plan::Write { op, effects, cart: None, told: Told::Noted { key: Some(key), delta } })
    }

    pub(super) fn count(
        &self,
        product_id: ProductId,
        counted: i64,
        (marks, done): (&[Upto], &[Upto]),
        now: Timestamp,
    ) -> Result<Plan, Code> {
        self.product(product_id).ok_or("unknown_product")?;
        // At its home the difference to this till's book is booked, so there must be one.
        if self.card.is_home && self.heard_at.is_none() {
            return Err("not_heard");
        }
        let (key, mut effects) = (self.row_of(product_id), Effects::default());
        let delta = counted.saturating_sub(self.level(key).balance);
        effects.put_or_take(self, key, delta);
        let lines = vec![CountLine { product_id, counted, delta }];
        let heard = self.heard.iter().map(|(life, seq)| Upto { incarnation_id: *life, seq: *seq }).collect();
        let of_others =
            |marks: &[Upto]| marks.iter().filter(|upto| upto.incarnation_id != self.life()).copied().collect();
        let (read, done) = (of_others(marks), of_others(done));
        let cut = Some(Cut { since: now, until: None, heard_at: self.heard_at, heard, read, done });
        let op = Op::Counted(Count { warehouse_id: key.warehouse_id, lines, cut, remark: Remark::default() });
        op.check().map_err(code)?;
        Ok(Plan::Write { op, effects, cart: None, told: Told::Noted { key: Some(key), delta } })
    }

    fn order_here(&self, order_id: OrderId) -> Result<&Order, Code> {
        let order = self.orders.get(&order_id).ok_or("unknown_order")?;
        if order.warehouse_id == self.card.warehouse_id { Ok(order) } else { Err("other_warehouse") }
    }

    pub(super) fn advance(&self, order_id: OrderId, status: OrderStatus, at: Timestamp) -> Result<Plan, Code> {
        let order = self.order_here(order_id)?;
        let called_off = order.status == OrderStatus::Cancelled;
        let op = Op::StatusTold(StatusTold { order_id, status, at, called_off });
        op.check().map_err(code)?;
        if status <= order.status {
            return Err("already_there");
        }
        let leaves = order.fulfilment == Fulfilment::Ship
            && order.status < OrderStatus::Shipped
            && status >= OrderStatus::Shipped;
        let mut effects = Effects::default();
        for item in order.items.iter().filter(|_| leaves) {
            let (key, units) = (self.row_of(item.product_id), item.quantity.units());
            if order.is_promised() {
                effects.level(key).promised -= units;
            } else {
                effects.allot(self, key, |own| own.consume(units));
            }
            effects.level(key).balance -= units;
        }
        Ok(Plan::Write { op, effects, cart: None, told: Told::Advanced })
    }

    pub(super) fn cancel(&self, order_id: OrderId, at: Timestamp) -> Result<Plan, Code> {
        if !self.order_here(order_id)?.is_promised() {
            return Err("already_there");
        }
        let op = Op::CancelAsked(Cancel { order_id, at });
        Ok(Plan::Write { op, effects: Effects::default(), cart: None, told: Told::Noted { key: None, delta: 0 } })
    }

    pub(super) fn customer(&self, email: &str, world: &Seeded) -> Result<Plan, Code> {
        let email = email.trim().to_lowercase();
        text::email(&email).map_err(code)?;
        if self.people().any(|known| known.email.as_ref() == Some(&email)) {
            return Err("email_known");
        }
        let now = world.now();
        let user = User {
            user_id: UserId::new(now, world.id_chance()),
            email: Some(email),
            first_name: None,
            last_name: None,
            created_at: now,
            address_id: None,
            role: Role::Customer,
            home: self.card.warehouse_id,
            alias_of: None,
        };
        let op = Op::CustomerAdded(Box::new(Customer { user, address: None }));
        Ok(Plan::Write { op, effects: Effects::default(), cart: None, told: Told::Customer })
    }
}
