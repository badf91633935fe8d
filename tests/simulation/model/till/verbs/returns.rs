//! Taking goods back: what is left of an order that is known here, or as much as a stranger is given.

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::{OrderId, PaymentId, ProductId, ReturnId, UserId},
    money::{Money, PARTS, line_total},
    op::Op,
    order::{Order, OrderStatus, Payment, PaymentStatus, Receipt, Tender},
    planted::{Bug, is_planted},
    quantity::Amount,
    returned::{Bought, Condition, Refund, Return, ReturnLine},
    world::{Seeded, World as _},
};
use uuid::Uuid;

use super::{super::tables::Tables, Code, Effects, Plan, Told, amount, code};

/// What is given at most for a receipt that is not known here.
const CAP: i64 = 50 * PARTS;

impl Tables {
    pub(super) fn take_back(
        &self,
        order_id: OrderId,
        receipt: &Receipt,
        (product, units, damaged): (ProductId, i64, bool),
        paid: Money,
        world: &Seeded,
    ) -> Result<Plan, Code> {
        self.product(product).ok_or("unknown_product")?;
        let condition = if damaged { Condition::Damaged } else { Condition::Shelf };
        let line = ReturnLine { order_item_id: None, product_id: product, quantity: amount(units)?, condition };
        let (of, lines, refunds) = match self.orders.get(&order_id) {
            Some(order) => self.of_known(order, line)?,
            None if paid.parts() > CAP => return Err("refund_needs_line"),
            None => ((receipt.stand_in(), UserId::GUEST), vec![line], vec![(None, paid)]),
        };
        let at = world.now();
        let refund = |(refunds, given): (Option<PaymentId>, Money)| Refund {
            refunds,
            payment: Payment {
                payment_id: PaymentId::new(at, world.id_chance()),
                amount: -given,
                currency: self.card.currency,
                tender: Tender::Cash,
                status: PaymentStatus::Succeeded,
                transaction_ref: None,
                created_at: at,
                updated_at: at,
            },
        };
        let back = Return {
            return_id: ReturnId::new(at, world.id_chance()),
            order_id: of.0,
            user_id: of.1,
            order_receipt: receipt.clone(),
            receipt: Receipt { prefix: self.card.prefix.clone(), number: self.receipts + 1 },
            node_id: self.card.node_id,
            warehouse_id: self.card.warehouse_id,
            taken_by: None,
            reason: String::new(),
            created_at: at,
            lines,
            refunds: refunds.into_iter().filter(|(_, given)| *given > Money::ZERO).map(refund).collect(),
        };
        let mut effects = Effects::default();
        for line in &back.lines {
            let (key, units) = (self.row_of(line.product_id), line.quantity.units());
            effects.put_or_take(self, key, units);
            if line.condition == Condition::Damaged && !is_planted(Bug::DamagedPutOnShelf) {
                effects.put_or_take(self, key, -units);
            }
        }
        let op = Op::Returned(Box::new(back));
        op.check().map_err(code)?;
        Ok(Plan::Write { op, effects, cart: None, told: Told::Returned })
    }

    /// Of an order that is known here: who bought, its lines, and what is given of which payment.
    #[expect(clippy::type_complexity, reason = "the three parts of a return")]
    fn of_known(
        &self,
        order: &Order,
        line: ReturnLine,
    ) -> Result<((OrderId, UserId), Vec<ReturnLine>, Vec<(Option<PaymentId>, Money)>), Code> {
        let currency = self.card.currency;
        let mut left = Bought::of(order, currency);
        for back in self.returns_of(order) {
            let mut back = back.clone();
            left.name_parts(&mut back);
            left.take_back(&back, currency);
        }
        let (mut rest, mut lines, mut worth) = (line.quantity.units(), Vec::new(), Money::ZERO);
        for known in left.lines.iter().filter(|known| known.product_id == line.product_id) {
            let Ok(quantity) = Amount::new(known.left().min(rest)) else { continue };
            rest -= quantity.units();
            let item =
                order.items.iter().find(|item| item.order_item_id == known.order_item_id).ok_or("unknown_order")?;
            let cost = line_total(item.unit_price, quantity, item.price_per, currency).map_err(code)?;
            worth = worth.checked_add(cost).ok_or("money_out_of_range")?;
            lines.push(ReturnLine { order_item_id: Some(known.order_item_id), quantity, ..line });
        }
        if rest > 0 {
            return Err("more_than_bought");
        }
        if order.is_promised() || order.status == OrderStatus::Cancelled {
            return Err("not_handed_over");
        }
        let given = worth.min(left.refundable());
        let refunds = left.payments.first().map(|paid| (Some(paid.payment_id), given)).into_iter().collect();
        Ok(((order.order_id, order.user_id), lines, refunds))
    }

    fn returns_of(&self, order: &Order) -> impl Iterator<Item = &Return> {
        let ids = [order.order_id, order.receipt.stand_in()];
        let told = self.images.range((Kind::Return, Uuid::nil())..=(Kind::Return, Uuid::max()));
        told.filter_map(|(_, told)| if let Aggregate::Return(back) = told { Some(&**back) } else { None })
            .filter(move |back| ids.contains(&back.order_id))
    }
}
