//! Taking goods back: what is left of the order, the money for it, and the rows of both in one transaction. When a
//! verb here returns, the return is on the disk; whatever it refuses left nothing.
//!
//! A node refuses what it knows is too much. What it cannot know, because another shop did not tell yet, is booked by
//! head office as what it is: it has happened, and people are told.

mod refund;

use std::collections::BTreeMap;

use outpost_schema::{
    fault::Fault,
    id::{OrderId, OrderItemId, ProductId, ReturnId, UserId},
    money::{Currency, Money, line_total},
    op::Op,
    order::{Order, OrderStatus, PaymentStatus, Receipt},
    planted::{Bug, is_planted},
    quantity::Amount,
    returned::{Bought, Condition, Refund, Return, ReturnLine},
    stock::Reason,
};

pub use self::refund::{Back, RefundWanted};
use crate::{
    db::{identity, inbox, orders, people, returns},
    error::{Error, Refused},
    goods::Effects,
    node::{Node, Writing},
    stage::Work,
};

/// Returns in one list.
pub const LIST_MAX: usize = 200;

/// What is given back at most where the order is not known here, so that nobody can say what was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// For one return.
    pub each: Money,
    /// For all since head office was last heard.
    pub since_contact: Money,
}

impl Caps {
    /// What is usual: the price of an everyday thing, and a few of them.
    pub fn usual() -> Self {
        let money = |units: i64| Money::from_parts(units * outpost_schema::money::PARTS).unwrap_or_default();
        Self { each: money(50), since_contact: money(200) }
    }
}

/// Which order goods come back of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Order(OrderId),
    /// By the number on the receipt that the customer shows, from whichever shop.
    Receipt(Receipt),
}

/// So much of a product comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineBack {
    /// What.
    pub product_id: ProductId,
    /// Which line of the order; none for those of the product, the first ones first.
    pub order_item_id: Option<OrderItemId>,
    /// How much, in the product's unit; none for all that is left.
    pub quantity: Option<Amount>,
    /// What is done with it.
    pub condition: Condition,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// All that is left of the order.
    Everything(Condition),
    /// These lines; none if only money is given back.
    Lines(Vec<LineBack>),
}

/// A return as it is wanted at the till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnWanted {
    /// Its id, chosen by whoever asks, so that a repeat is answered as the first time; none for a new one.
    pub return_id: Option<ReturnId>,
    /// Of which order.
    pub order: Named,
    /// What comes back.
    pub what: What,
    /// What is given for it.
    pub refund: RefundWanted,
    /// Who takes it back, if somebody says so.
    pub taken_by: Option<UserId>,
    /// Why, in words.
    pub reason: String,
}

/// An order and what came back of it, as far as this node has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The order; a payment of it is called refunded as soon as this node knows that it is.
    pub order: Order,
    /// What came back of it, the oldest first.
    pub returns: Vec<Return>,
    /// What is left.
    pub left: Bought,
}

impl Node {
    /// Takes goods back and gives money for them.
    ///
    /// # Errors
    /// `unknown_receipt`, `not_handed_over`, `more_than_bought`, `refund_too_much`, `other_tender`, `refund_unknown`,
    /// `refund_needs_line`, `unknown_customer`, those of a bound that no return may break, or what the disk says.
    pub fn take_back(&self, wanted: &ReturnWanted, caps: Caps) -> Result<Return, Error> {
        self.write(Work::TakeBack, |writing| writing.take_back(wanted, caps))
    }

    /// An order with what came back of it and what is left; none if it is not known here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn seen(&self, order_id: OrderId) -> Result<Option<Seen>, Error> {
        self.db().read(|conn| {
            let Some(mut order) = orders::find(conn, order_id)? else { return Ok(None) };
            let currency = identity::load(conn)?.card.currency;
            let returns = returns::of_order(conn, order_id, &order.receipt)?;
            let left = left(&order, &returns, currency);
            for payment in &mut order.payments {
                if left.refunded().any(|refunded| refunded == payment.payment_id) {
                    payment.status = PaymentStatus::Refunded;
                }
            }
            Ok(Some(Seen { order, returns, left }))
        })
    }

    /// A return, if known here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn returned(&self, return_id: ReturnId) -> Result<Option<Return>, Error> {
        self.db().read(|conn| returns::find(conn, return_id))
    }

    /// The newest returns that are known here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn returns(&self, limit: usize) -> Result<Vec<Return>, Error> {
        self.db().read(|conn| returns::list(conn, limit.min(LIST_MAX) as i64))
    }
}

/// What is left of an order after these returns.
fn left(order: &Order, returns: &[Return], currency: Currency) -> Bought {
    let mut left = Bought::of(order, currency);
    for back in returns {
        let mut named = back.clone();
        left.name_parts(&mut named);
        left.take_back(&named, currency);
    }
    left
}

impl Writing<'_> {
    fn take_back(&mut self, wanted: &ReturnWanted, caps: Caps) -> Result<Return, Error> {
        if let Some(known) = wanted.return_id.map(|id| returns::find(self.conn(), id)).transpose()?.flatten() {
            return Ok(known);
        }
        if let Some(user) = wanted.taken_by
            && !people::exists(self.conn(), user)?
        {
            return Err(Refused::UnknownCustomer { user }.into());
        }
        let found = match &wanted.order {
            Named::Order(order) => orders::find(self.conn(), *order)?,
            Named::Receipt(receipt) => orders::of_receipt(self.conn(), receipt)?,
        };
        let back = match (found, &wanted.order) {
            (Some(order), _) => self.of_known(wanted, &order)?,
            (None, Named::Receipt(receipt)) => self.of_unknown(wanted, receipt, caps)?,
            (None, Named::Order(order)) => return Err(Refused::UnknownOrder { order: *order }.into()),
        };
        self.keep(back)
    }

    /// One op, and all that it does.
    fn keep(&mut self, back: Return) -> Result<Return, Error> {
        let effects = self.goods_come_back(&back)?;
        let entry = self.append(&Op::Returned(Box::new(back.clone())))?;
        effects.save(self, &entry)?;
        returns::save(self.conn(), &back)?;
        Ok(back)
    }

    fn of_known(&mut self, wanted: &ReturnWanted, order: &Order) -> Result<Return, Error> {
        let currency = self.identity.card.currency;
        let returns = returns::of_order(self.conn(), order.order_id, &order.receipt)?;
        let left = left(order, &returns, currency);
        let lines = match &wanted.what {
            What::Everything(condition) => everything(&left, *condition),
            What::Lines(lines) => lines_back(&left, lines)?,
        };
        if !lines.is_empty() && (order.is_promised() || order.status == OrderStatus::Cancelled) {
            return Err(Refused::NotHandedOver { status: order.status }.into());
        }
        let worth = worth(order, &left, &lines, currency)?;
        let (now, world) = (self.now(), self.world);
        let refunds = wanted.refund.share(&left, worth, &wanted.reason, (order, now, world))?;
        self.written_down(wanted, (order.order_id, order.user_id, order.receipt.clone()), lines, refunds)
    }

    /// Nobody here can say what was sold and paid: the goods are here, and only so much is given for them.
    fn of_unknown(&mut self, wanted: &ReturnWanted, receipt: &Receipt, caps: Caps) -> Result<Return, Error> {
        let What::Lines(wanted_lines) = &wanted.what else {
            return Err(Refused::UnknownReceipt { receipt: receipt.to_string() }.into());
        };
        let line = |line: &LineBack| {
            let quantity = line.quantity.ok_or_else(|| Refused::UnknownReceipt { receipt: receipt.to_string() })?;
            let LineBack { product_id, condition, .. } = *line;
            Ok::<_, Refused>(ReturnLine { order_item_id: None, product_id, quantity, condition })
        };
        let lines = wanted_lines.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let amount = wanted.refund.blind_amount()?;
        let contact = inbox::position(self.conn())?.contact_at;
        let given = returns::given_blindly(self.conn(), self.identity.node_id(), contact)?;
        let room = caps.each.min(caps.since_contact - given).max(Money::ZERO);
        if amount > room {
            return Err(Refused::RefundNeedsLine { room }.into());
        }
        let currency = self.identity.card.currency;
        let (now, world) = (self.now(), self.world);
        let refunds = wanted.refund.blind(amount, currency, now, world);
        self.written_down(wanted, (receipt.stand_in(), UserId::GUEST, receipt.clone()), lines, refunds)
    }

    fn written_down(
        &mut self,
        wanted: &ReturnWanted,
        (order_id, user_id, order_receipt): (OrderId, UserId, Receipt),
        lines: Vec<ReturnLine>,
        refunds: Vec<Refund>,
    ) -> Result<Return, Error> {
        if lines.is_empty() && refunds.is_empty() {
            return Err(Refused::NothingLeft.into());
        }
        let now = self.now();
        let fresh = || ReturnId::new(now, self.world.id_chance());
        let return_id = wanted.return_id.unwrap_or_else(fresh);
        Ok(Return {
            return_id,
            order_id,
            user_id,
            order_receipt,
            receipt: identity::next_receipt(self.tx, &mut self.identity)?,
            node_id: self.identity.node_id(),
            warehouse_id: self.identity.warehouse_id(),
            taken_by: wanted.taken_by,
            reason: wanted.reason.clone(),
            created_at: now,
            lines,
            refunds,
        })
    }

    /// What comes back is in the building. What nobody can sell is taken out of the book at once.
    fn goods_come_back(&self, back: &Return) -> Result<Effects, Error> {
        let mut effects = Effects::default();
        for (line, number) in back.lines.iter().zip(0..) {
            self.check_product(line.product_id)?;
            let (key, units) = (self.identity.stock_of(line.product_id), line.quantity.units());
            effects.put_or_take(self, 2 * number, key, units, Reason::Returned)?;
            match line.condition {
                Condition::Damaged if !is_planted(Bug::DamagedPutOnShelf) => {
                    effects.put_or_take(self, 2 * number + 1, key, -units, Reason::Damaged)?;
                }
                Condition::Shelf | Condition::Damaged => {}
            }
        }
        Ok(effects)
    }
}

fn everything(left: &Bought, condition: Condition) -> Vec<ReturnLine> {
    let line = |line: &outpost_schema::returned::BoughtLine| {
        let quantity = Amount::new(line.left()).ok()?;
        let (order_item_id, product_id) = (Some(line.order_item_id), line.product_id);
        Some(ReturnLine { order_item_id, product_id, quantity, condition })
    };
    left.lines.iter().filter_map(line).collect()
}

/// The wanted lines as parts of the order's, the first ones first.
fn lines_back(left: &Bought, wanted: &[LineBack]) -> Result<Vec<ReturnLine>, Refused> {
    let mut left = left.clone();
    let mut lines = Vec::new();
    for back in wanted {
        let is_meant = |line: &&mut outpost_schema::returned::BoughtLine| {
            line.product_id == back.product_id && back.order_item_id.is_none_or(|id| id == line.order_item_id)
        };
        let all: i64 = left.lines.iter_mut().filter(is_meant).map(|line| line.left()).sum();
        let mut rest = back.quantity.map_or(all, Amount::units);
        if rest > all || all == 0 {
            return Err(Refused::MoreThanBought { product: back.product_id, left: all });
        }
        for line in left.lines.iter_mut().filter(is_meant) {
            let Ok(quantity) = Amount::new(line.left().min(rest)) else { continue };
            (line.returned, rest) = (line.returned + quantity.units(), rest - quantity.units());
            let (order_item_id, product_id) = (Some(line.order_item_id), line.product_id);
            lines.push(ReturnLine { order_item_id, product_id, quantity, condition: back.condition });
        }
    }
    Ok(lines)
}

/// What these lines cost. A line that comes back in parts is worth the same as one that comes back at once.
fn worth(order: &Order, left: &Bought, lines: &[ReturnLine], currency: Currency) -> Result<Money, Fault> {
    let mut back: BTreeMap<OrderItemId, i64> = BTreeMap::new();
    for line in lines {
        if let Some(id) = line.order_item_id {
            *back.entry(id).or_default() += line.quantity.units();
        }
    }
    let mut sum = Money::ZERO;
    for item in &order.items {
        let before = left.lines.iter().find(|line| line.order_item_id == item.order_item_id);
        let before = before.map_or(0, |line| line.returned.min(line.sold));
        let after = before + back.get(&item.order_item_id).copied().unwrap_or_default();
        let cost = |units: i64| match Amount::new(units) {
            Ok(amount) => line_total(item.unit_price, amount, item.price_per, currency),
            Err(_) => Ok(Money::ZERO),
        };
        sum = [sum, cost(after)? - cost(before)?].into_iter().sum();
    }
    Ok(sum)
}
