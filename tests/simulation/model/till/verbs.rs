//! What people do at a till: planned over the tables as they are, and refused or carried out in one commit.

mod awaited;
mod effects;
mod leaving;
mod returns;
mod stockroom;

use outpost_schema::{
    cart::{Cart, Sold},
    fault::Fault,
    feed::Aggregate,
    id::{CartId, HoldId, OrderId, OrderItemId, PaymentId, ProductId, UserId},
    money::Money,
    op::{Op, Sale, StatusTold},
    order::{Fulfilment, Order, OrderItem, OrderStatus, Payment, PaymentStatus, Receipt, Tender},
    planted::{Bug, is_planted},
    quantity::Amount,
    rule::{Says, policy_for},
    stock::{SalePolicy, StockKey},
    world::{Seeded, World as _},
};

use self::effects::Effects;
use super::tables::{KeptCart, Tables};
use crate::step::{Act, Done};

/// Why something is refused, by its stable code.
type Code = &'static str;

/// What is to be written in one commit.
pub(super) enum Plan {
    /// An op with what it does to rows, and a cart that it clears.
    Write { op: Op, effects: Effects, cart: Option<Box<Cart>>, told: Told },
    /// A cart that is begun: its clock's stamp is taken when it is written.
    Begin { cart_id: CartId, owner: UserId },
    /// A cart that was changed.
    Keep(Cart),
    /// There is nothing to do.
    Nothing,
    /// What is given back, and then that the journal is over.
    Leave { back: Option<Box<Plan>>, over: Box<Plan> },
}

/// What the person is told.
pub(super) enum Told {
    Sold,
    Noted { key: Option<StockKey>, delta: i64 },
    Customer,
    Advanced,
    Returned,
}

impl Tables {
    /// What an act would write.
    pub(super) fn plan(&self, act: &Act, world: &Seeded) -> Result<Plan, Code> {
        match act {
            Act::Sell { lines, ship, customer } => self.sell(lines, *ship, *customer, world),
            Act::ShipHeld { lines, hold } => self.ship_held(lines, *hold, world),
            Act::Order { lines, customer } => self.take_order(lines, *customer, world),
            Act::BeginCart => {
                let now = world.now();
                let (cart_id, owner) = (CartId::new(now, world.id_chance()), UserId::new(now, world.id_chance()));
                Ok(Plan::Begin { cart_id, owner })
            }
            Act::Add { cart, product, units } => {
                let price = self.product(*product).ok_or("unknown_product")?.price;
                let (mut cart, amount) = (self.cart(*cart)?, amount(*units)?);
                cart.add(self.life(), *product, amount, price, world.now()).map_err(code)?;
                Ok(Plan::Keep(cart))
            }
            Act::Take { cart, product, units } => {
                let (mut cart, amount) = (self.cart(*cart)?, amount(*units)?);
                cart.take(self.life(), *product, amount).map_err(code)?;
                Ok(Plan::Keep(cart))
            }
            Act::Remove { cart, product } => {
                let mut cart = self.cart(*cart)?;
                cart.remove(*product);
                Ok(Plan::Keep(cart))
            }
            Act::CheckOut { cart } => self.check_out(*cart, world),
            Act::Receive { product, units } => self.receive(*product, *units),
            Act::ReceiveOf { delivery, product, units } => self.receive_of(*delivery, *product, *units),
            Act::UndoReceipt => self.undo_receipt(),
            Act::Adjust { product, cause, delta } => self.adjust(*product, *cause, *delta),
            Act::Dispatch { product, units, to_id } => self.dispatch(*product, *units, *to_id),
            Act::Arrive { code, product, units, damaged, complete } => {
                self.arrive(code, *product, (*units, *damaged), *complete)
            }
            Act::Look { .. } => Err("no_bins"),
            Act::Count { product, seen, marks, done, .. } => self.count(*product, *seen, (marks, done), world.now()),
            Act::GiveBack { product, units } => self.give_back(*product, *units),
            Act::Ask { product, units } => self.note_goods(*product, *units, Effects::default(), 0, Op::AllotmentAsked),
            Act::Advance { order, status } => self.advance(*order, *status, world.now()),
            Act::Cancel { order } => self.cancel(*order, world.now()),
            Act::TakeBack { order, receipt, product, units, damaged, paid } => {
                let line = (*product, *units, *damaged);
                self.take_back(*order, receipt, line, *paid, world)
            }
            Act::Customer { email } => self.customer(email, world),
            Act::GiveBackAll => Ok(self.all_back()?.unwrap_or(Plan::Nothing)),
            Act::Leave => self.leave(),
        }
    }

    /// Writes what was planned.
    pub(super) fn carry_out(&mut self, plan: Plan, world: &Seeded) -> Done {
        match plan {
            Plan::Write { op, effects, cart, told } => {
                self.append(&op, &effects.levels, world);
                let life = self.life();
                self.allotments.extend(effects.allotments.into_iter().map(|(key, own)| ((life, key), own)));
                if let Some(cart) = cart {
                    self.keep_cart(*cart);
                }
                self.keep_op(op, told)
            }
            Plan::Begin { cart_id, owner } => {
                self.hlc = self.hlc.tick(world.now());
                let cart = Cart::open(cart_id, owner, self.card.warehouse_id, self.life(), self.hlc);
                self.keep_cart(cart)
            }
            Plan::Keep(cart) => self.keep_cart(cart),
            Plan::Nothing => Done::Nothing,
            Plan::Leave { back, over } => {
                back.into_iter().for_each(|back| drop(self.carry_out(*back, world)));
                self.carry_out(*over, world)
            }
        }
    }

    fn keep_cart(&mut self, cart: Cart) -> Done {
        let shown = cart.lines().into_iter().map(|line| (line.product_id, line.quantity.units())).collect();
        let cart_id = cart.cart_id();
        self.carts.insert(cart_id, KeptCart { cart, is_unsent: true });
        Done::Cart(cart_id, shown)
    }

    /// Keeps what an op made, and says what the person is told.
    fn keep_op(&mut self, op: Op, told: Told) -> Done {
        match (op, told) {
            (Op::Sale(sale), _) => {
                self.receipts = sale.order.receipt.number;
                self.orders.insert(sale.order.order_id, sale.order.clone());
                if sale.to_be_confirmed {
                    self.note_awaited(&sale.order);
                    return Done::Ordered(Box::new(sale.order));
                }
                Done::Sold(Box::new(sale.order))
            }
            (Op::Returned(back), _) => {
                self.receipts = back.receipt.number;
                let key = (outpost_schema::feed::Kind::Return, back.return_id.0);
                self.images.insert(key, outpost_schema::feed::Aggregate::Return(back.clone()));
                Done::Returned(back)
            }
            (Op::CustomerAdded(customer), _) => {
                let user = customer.user;
                let user_id = user.user_id;
                let key = (outpost_schema::feed::Kind::User, user_id.0);
                self.images.insert(key, outpost_schema::feed::Aggregate::User(Box::new(user)));
                Done::Customer(user_id)
            }
            (Op::StatusTold(StatusTold { order_id, status, at, .. }), told) => {
                let order = self.orders.get_mut(&order_id).map(|order| {
                    (order.status, order.updated_at) = (status, at);
                    Box::new(order.clone())
                });
                order.map_or_else(|| noted(&told), Done::Advanced)
            }
            (Op::Dispatched(told), _) => {
                self.transfers = told.code.number;
                let line = told.lines[0];
                Done::Sent { code: told.code, key: self.row_of(line.product_id), units: line.amount.units() }
            }
            (_, told) => noted(&told),
        }
    }

    fn cart(&self, cart_id: CartId) -> Result<Cart, Code> {
        self.carts.get(&cart_id).map(|kept| kept.cart.clone()).ok_or("unknown_cart")
    }

    // Selling.

    fn sell(
        &self,
        lines: &[(ProductId, i64)],
        ship: bool,
        customer: Option<UserId>,
        world: &Seeded,
    ) -> Result<Plan, Code> {
        let lines = lines.iter().map(|(product, units)| Ok((*product, amount(*units)?, None)));
        let lines: Vec<_> = lines.collect::<Result<_, Code>>()?;
        let buyer = customer.unwrap_or(UserId::GUEST);
        if !self.knows_person(buyer) {
            return Err("unknown_customer");
        }
        let fulfilment = if ship { Fulfilment::Ship } else { Fulfilment::CarryOut };
        self.sale(&lines, (fulfilment, buyer, Vec::new()), None, false, world)
    }

    fn ship_held(&self, lines: &[(ProductId, i64)], hold: HoldId, world: &Seeded) -> Result<Plan, Code> {
        let lines = lines.iter().map(|(product, units)| Ok((*product, amount(*units)?, None)));
        let lines: Vec<_> = lines.collect::<Result<_, Code>>()?;
        self.sale(&lines, (Fulfilment::Ship, UserId::GUEST, vec![hold]), None, false, world)
    }

    fn check_out(&self, cart_id: CartId, world: &Seeded) -> Result<Plan, Code> {
        let mut cart = self.cart(cart_id)?;
        let units = cart.checkout().map_err(code)?;
        let lines: Vec<_> = units.lines.iter().map(|line| (line.product_id, line.quantity, line.unit_price)).collect();
        let owner = cart.owner();
        let buyer = if self.knows_person(owner) { owner } else { UserId::GUEST };
        self.sale(&lines, (Fulfilment::CarryOut, buyer, Vec::new()), Some((cart, units)), false, world)
    }

    fn sale(
        &self,
        lines: &[(ProductId, Amount, Option<Money>)],
        (fulfilment, buyer, holds): (Fulfilment, UserId, Vec<HoldId>),
        cart: Option<(Cart, Sold)>,
        may_wait: bool,
        world: &Seeded,
    ) -> Result<Plan, Code> {
        if self.is_suspended() {
            return Err("suspended");
        }
        let order = self.order(lines, fulfilment, buyer, world)?;
        let mut effects = Effects::default();
        for item in &order.items {
            let (key, units) = (self.row_of(item.product_id), item.quantity.units());
            effects.allot(self, key, |own| own.consume(units));
            match fulfilment {
                Fulfilment::CarryOut => effects.level(key).balance -= units,
                Fulfilment::Ship => effects.level(key).promised += units,
            }
        }
        let to_be_confirmed = self.check_allotments(&order, &effects, may_wait)?;
        let (cart, sold) = cart.unzip();
        let op = Op::Sale(Box::new(Sale { order, sold, holds, to_be_confirmed }));
        op.check().map_err(code)?;
        let cart = cart.map(Box::new);
        Ok(Plan::Write { op, effects, cart, told: Told::Sold })
    }

    fn order(
        &self,
        lines: &[(ProductId, Amount, Option<Money>)],
        fulfilment: Fulfilment,
        buyer: UserId,
        world: &Seeded,
    ) -> Result<Order, Code> {
        let (at, currency) = (world.now(), self.card.currency);
        let item = |&(product_id, quantity, agreed): &(ProductId, Amount, Option<Money>)| {
            let product = self.product(product_id).ok_or("unknown_product")?;
            let unit_price = agreed.or(product.price).ok_or("no_price")?;
            let order_item_id = OrderItemId::new(at, world.id_chance());
            Ok(OrderItem { order_item_id, product_id, quantity, unit_price, price_per: product.price_per })
        };
        let mut order = Order {
            order_id: OrderId::new(at, world.id_chance()),
            user_id: buyer,
            total_amount: Money::ZERO,
            status: OrderStatus::Pending,
            shipping_address_id: None,
            billing_address_id: None,
            payment_id: None,
            created_at: at,
            updated_at: at,
            receipt: Receipt { prefix: self.card.prefix.clone(), number: self.receipts + 1 },
            node_id: self.card.node_id,
            warehouse_id: self.card.warehouse_id,
            fulfilment,
            items: lines.iter().map(item).collect::<Result<_, Code>>()?,
            payments: Vec::new(),
        };
        order.total_amount = order.sum_of_lines(currency).map_err(code)?;
        // What is carried out is paid in cash; what is to be handed over is paid then.
        if fulfilment == Fulfilment::CarryOut {
            order.status = OrderStatus::Delivered;
            order.payments.extend((order.total_amount > Money::ZERO).then(|| Payment {
                payment_id: PaymentId::new(at, world.id_chance()),
                amount: order.total_amount,
                currency,
                tender: Tender::Cash,
                status: PaymentStatus::Succeeded,
                transaction_ref: None,
                created_at: at,
                updated_at: at,
            }));
            order.payment_id = order.payments.first().map(|payment| payment.payment_id);
        }
        Ok(order)
    }

    /// Says whether it is an order to be confirmed.
    fn check_allotments(&self, order: &Order, effects: &Effects, may_wait: bool) -> Result<bool, Code> {
        // Only this till sells at its home: what it sells there is a fact, whatever it forgot.
        let (is_old, is_home) = (self.state.is_old_image(), self.card.is_home);
        let mut to_be_confirmed = false;
        for item in &order.items {
            let is_covered = effects.allotment(self, self.row_of(item.product_id)).covers(0);
            let passes = if is_old { is_home } else { is_covered };
            if passes || is_planted(Bug::StrictnessForgotten) || self.policy(item.product_id) == SalePolicy::Physical {
                continue;
            }
            if !may_wait {
                return Err(if is_old { "rolled_back" } else { "allotment_spent" });
            }
            to_be_confirmed = true;
        }
        Ok(to_be_confirmed)
    }

    /// What happens beyond the allotment, as far as the till has heard.
    fn policy(&self, product: ProductId) -> SalePolicy {
        let says = |told: &Aggregate| if let Aggregate::Rule(rule) = told { Some(rule.says.clone()) } else { None };
        let rules: Vec<Says> = self.images.values().filter_map(says).collect();
        policy_for(&self.card, &rules, product, &[])
    }
}

fn noted(told: &Told) -> Done {
    match told {
        Told::Noted { key, delta } => Done::Noted { key: *key, delta: *delta },
        Told::Sold | Told::Customer | Told::Advanced | Told::Returned => Done::Noted { key: None, delta: 0 },
    }
}

fn amount(units: i64) -> Result<Amount, Code> {
    Amount::new(units).map_err(code)
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn code(fault: Fault) -> Code {
    fault.code()
}
