//! Selling: order, items, payments, stock, allotment, journal entry and the cart's closing in one
//! transaction. When a verb here returns, the sale is on the disk; whatever it refuses left nothing.

mod pay;

use std::collections::BTreeMap;

use outpost_schema::{
    fault::Fault,
    feed::Confirmation,
    id::{AddressId, CartId, HoldId, OrderId, OrderItemId, ProductId, UserId},
    money::Money,
    op::{HOLDS_MAX, Op, Sale},
    order::{Fulfilment, LINES_MAX, Order, OrderItem, OrderStatus},
    planted::{Bug, is_planted},
    quantity::Amount,
    rule::policy_for,
    stock::{Reason, SalePolicy},
};

pub use self::pay::{Paying, Tendered};
use crate::{
    db::{carts, catalogue, confirmations, identity, orders, people, rules},
    error::{Error, Refused},
    goods::Effects,
    node::{Node, Writing},
    stage::{self, Moment, Work},
};

/// One line of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedLine {
    /// What.
    pub product_id: ProductId,
    /// How much, in the product's unit.
    pub quantity: Amount,
    /// The price agreed; none for the product's own.
    pub unit_price: Option<Money>,
}

/// How a sale ends: who buys, who pays how, and where the goods go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Who buys; none for the cart's owner if that is a known person, else the guest.
    pub customer: Option<UserId>,
    /// How it is paid. What a sale to be handed over later lacks is paid then.
    pub tenders: Vec<Tendered>,
    /// How the goods reach the customer.
    pub fulfilment: Fulfilment,
    /// Where the goods go.
    pub shipping_address_id: Option<AddressId>,
    /// Where the bill goes.
    pub billing_address_id: Option<AddressId>,
    /// Holds of the buyer that the order uses up, once head office has it. The sale itself rests on the allotment
    /// as any other; the units of the holds are then allotted in their place.
    pub holds: Vec<HoldId>,
    /// Whether the customer waits for head office's word, where an order to be handed over goes beyond what this
    /// device may sell.
    pub may_be_confirmed_later: bool,
}

impl Terms {
    /// The guest takes the goods along and pays like this.
    pub const fn carried_out(tenders: Vec<Tendered>) -> Self {
        Self {
            customer: None,
            tenders,
            fulfilment: Fulfilment::CarryOut,
            shipping_address_id: None,
            billing_address_id: None,
            holds: Vec::new(),
            may_be_confirmed_later: false,
        }
    }
}

/// A sale as it is wanted at the till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleWanted {
    /// What is sold.
    pub lines: Vec<WantedLine>,
    /// How it ends.
    pub terms: Terms,
}

/// A checkout as it is wanted at the till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutWanted {
    /// The cart whose shown lines are sold.
    pub cart_id: CartId,
    /// Prices for lines that have none.
    pub prices: BTreeMap<ProductId, Money>,
    /// How it ends.
    pub terms: Terms,
}

/// A sale that is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sold {
    /// The order with its receipt.
    pub order: Order,
    /// What the cashier gives back.
    pub change: Money,
    /// Whether the order awaits head office's word that the goods are there.
    pub to_be_confirmed: bool,
}

impl Node {
    /// Sells these lines. What a refused sale lacked is asked for with the next round.
    ///
    /// # Errors
    /// What is wrong with the lines, prices or tenders; `allotment_spent`, `rolled_back`, `suspended`,
    /// `not_joined`; or what the disk says.
    pub fn sell(&self, wanted: &SaleWanted) -> Result<Sold, Error> {
        self.write(Work::Sale, |writing| writing.sell(&wanted.lines, &wanted.terms, UserId::GUEST, None))
    }

    /// Sells what a cart shows, and clears it. Later and unseen adds stay in it.
    ///
    /// # Errors
    /// Those of [`Node::sell`], `unknown_cart`, and `no_lines` if the cart shows nothing.
    pub fn checkout(&self, wanted: &CheckoutWanted) -> Result<Sold, Error> {
        let sold = self.write(Work::Sale, |writing| writing.checkout(wanted))?;
        self.tell_carts(&[wanted.cart_id]);
        Ok(sold)
    }
}

impl Writing<'_> {
    fn checkout(&mut self, wanted: &CheckoutWanted) -> Result<Sold, Error> {
        let cart = carts::load(self.conn(), wanted.cart_id)?;
        let mut cart = cart.ok_or(Refused::UnknownCart { cart: wanted.cart_id })?;
        let units = cart.checkout()?;
        let lines: Vec<_> = units
            .lines
            .iter()
            .map(|line| WantedLine {
                product_id: line.product_id,
                quantity: line.quantity,
                unit_price: line.unit_price.or_else(|| wanted.prices.get(&line.product_id).copied()),
            })
            .collect();
        let owner = if people::exists(self.conn(), cart.owner())? { cart.owner() } else { UserId::GUEST };
        carts::save(self.conn(), &cart, self.now())?;
        carts::claim(self.conn(), &units)?;
        self.sell(&lines, &wanted.terms, owner, Some(units))
    }

    fn sell(
        &mut self,
        lines: &[WantedLine],
        terms: &Terms,
        buyer: UserId,
        units: Option<outpost_schema::cart::Sold>,
    ) -> Result<Sold, Error> {
        check_count(lines.len())?;
        if self.is_suspended()? && !is_planted(Bug::SuspendedSells) {
            return Err(Refused::Suspended.into());
        }
        self.check_terms(terms)?;
        let items = self.price(lines)?;
        let (order, change) = self.order(items, terms, buyer)?;
        let (effects, to_be_confirmed) = self.take_goods(&order, terms.may_be_confirmed_later)?;
        let sale = Sale { order: order.clone(), sold: units, holds: terms.holds.clone(), to_be_confirmed };
        let entry = self.append(&Op::Sale(Box::new(sale)))?;
        stage::reach(Work::Sale, Moment::Journaled);
        effects.save(self, &entry)?;
        orders::merge(self.conn(), &order)?;
        if to_be_confirmed {
            let Order { order_id, warehouse_id, created_at: asked_at, .. } = order;
            let awaited = Confirmation { order_id, warehouse_id, asked_at, confirmed_at: None };
            confirmations::save(self.conn(), &awaited)?;
        }
        Ok(Sold { order, change, to_be_confirmed })
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), Error> {
        if terms.holds.len() > HOLDS_MAX {
            return Err(Fault::TooManyLines { count: terms.holds.len(), max: HOLDS_MAX }.into());
        }
        if let Some(user) = terms.customer
            && user != UserId::GUEST
            && !people::exists(self.conn(), user)?
        {
            return Err(Refused::UnknownCustomer { user }.into());
        }
        for address in [terms.shipping_address_id, terms.billing_address_id].into_iter().flatten() {
            if !people::address_exists(self.conn(), address)? {
                return Err(Refused::UnknownAddress { address }.into());
            }
        }
        Ok(())
    }

    fn price(&self, lines: &[WantedLine]) -> Result<Vec<OrderItem>, Error> {
        let at = self.now();
        lines
            .iter()
            .map(|line| {
                let product = line.product_id;
                let known = catalogue::price(self.conn(), product)?.ok_or(Refused::UnknownProduct { product })?;
                Ok(OrderItem {
                    order_item_id: OrderItemId::new(at, self.world.id_chance()),
                    product_id: product,
                    quantity: line.quantity,
                    unit_price: line.unit_price.or(known.price).ok_or(Refused::NoPrice { product })?,
                    price_per: known.price_per,
                })
            })
            .collect()
    }

    fn order(&mut self, items: Vec<OrderItem>, terms: &Terms, buyer: UserId) -> Result<(Order, Money), Error> {
        let (at, currency) = (self.now(), self.identity.card.currency);
        let mut order = Order {
            order_id: OrderId::new(at, self.world.id_chance()),
            user_id: terms.customer.unwrap_or(buyer),
            total_amount: Money::ZERO,
            status: OrderStatus::Delivered,
            shipping_address_id: terms.shipping_address_id,
            billing_address_id: terms.billing_address_id,
            payment_id: None,
            created_at: at,
            updated_at: at,
            receipt: identity::next_receipt(self.tx, &mut self.identity)?,
            node_id: self.identity.node_id(),
            warehouse_id: self.identity.warehouse_id(),
            fulfilment: terms.fulfilment,
            items,
            payments: Vec::new(),
        };
        order.check_shape()?;
        order.total_amount = order.sum_of_lines(currency)?;
        let paid = pay::pay(order.total_amount, &terms.tenders, currency, at, self.world)?;
        order.status = match order.fulfilment {
            Fulfilment::CarryOut if paid.missing > Money::ZERO => {
                return Err(Refused::TenderShort { missing: paid.missing }.into());
            }
            Fulfilment::CarryOut => OrderStatus::Delivered,
            Fulfilment::Ship if paid.missing > Money::ZERO => OrderStatus::Pending,
            Fulfilment::Ship => OrderStatus::Processed,
        };
        order.payment_id = paid.payments.first().map(|payment| payment.payment_id);
        order.payments = paid.payments;
        Ok((order, paid.change))
    }

    /// Every unit leaves the allotment; it leaves the book too unless it is to be handed over. Says whether that is to
    /// be confirmed.
    fn take_goods(&self, order: &Order, may_wait: bool) -> Result<(Effects, bool), Error> {
        let mut effects = Effects::default();
        for (line, item) in order.items.iter().enumerate() {
            let (key, units) = (self.identity.stock_of(item.product_id), item.quantity.units());
            effects.allot(self, key, |allotment| allotment.consume(units))?;
            match order.fulfilment {
                Fulfilment::CarryOut => effects.move_stock(line, key, -units, Reason::Sold),
                Fulfilment::Ship => effects.promise(key, units),
            }
        }
        let to_be_confirmed = self.check_allotments(order, &effects, may_wait)?;
        Ok((effects, to_be_confirmed))
    }

    /// What the allotment does not cover is sold only where the goods are in the customer's hand; or it is an order
    /// that may be confirmed later. Says whether it is one.
    fn check_allotments(&self, order: &Order, effects: &Effects, may_wait: bool) -> Result<bool, Error> {
        let may_wait = may_wait && order.fulfilment == Fulfilment::Ship;
        // Only this node sells at its home: what it sells there is a fact, whatever it forgot.
        let is_forgetful = self.identity.state.is_old_image() && !self.identity.card.is_home;
        let mut to_be_confirmed = false;
        for item in &order.items {
            let key = self.identity.stock_of(item.product_id);
            let is_covered = !is_forgetful && effects.allotment(self, key)?.covers(0);
            if is_covered || is_planted(Bug::StrictnessForgotten) {
                continue;
            }
            match (self.policy(item.product_id)?, may_wait) {
                (SalePolicy::Physical, _) => {}
                (SalePolicy::Strict, _) if self.identity.state.is_old_image() && self.identity.card.is_home => {}
                (SalePolicy::Strict, true) => to_be_confirmed = true,
                (SalePolicy::Strict, false) if is_forgetful => return Err(Refused::RolledBack.into()),
                (SalePolicy::Strict, false) => {
                    let left = Effects::default().allotment(self, key)?.open();
                    let same = order.items.iter().filter(|same| same.product_id == item.product_id);
                    self.shortages.note(item.product_id, same.map(|same| same.quantity.units()).sum());
                    return Err(Refused::AllotmentSpent { product: item.product_id, left }.into());
                }
            }
        }
        Ok(to_be_confirmed)
    }

    /// What happens beyond the allotment, by what head office laid down and the device's own card.
    fn policy(&self, product_id: ProductId) -> Result<SalePolicy, Error> {
        let categories = rules::categories_of(self.conn(), product_id)?;
        let says = rules::policies(self.conn(), product_id, &categories)?;
        Ok(policy_for(&self.identity.card, &says, product_id, &categories))
    }
}

fn check_count(lines: usize) -> Result<(), Fault> {
    match lines {
        0 => Err(Fault::NoLines),
        1..=LINES_MAX => Ok(()),
        count => Err(Fault::TooManyLines { count, max: LINES_MAX }),
    }
}
