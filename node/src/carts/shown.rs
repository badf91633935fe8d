//! A cart as people see it: names, prices then and now, and a total.

use outpost_schema::{
    cart::{Cart, ShownLine},
    catalogue::Product,
    clock::Timestamp,
    fault::Fault,
    id::{CartId, ProductId, UserId, WarehouseId},
    money::{Currency, Money, line_total},
    quantity::{Amount, Unit},
};
use serde::{Deserialize, Serialize};

use super::Carts;
use crate::{
    db::{catalogue, identity},
    error::Error,
};

/// A cart with names and prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCart {
    /// Which.
    pub cart_id: CartId,
    /// Whose.
    pub owner: UserId,
    /// The shop it is in.
    pub home: WarehouseId,
    /// Whether it waits for its customer to come back.
    pub is_parked: bool,
    /// What the till calls it while it is parked.
    pub label: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Its lines, in the order they began.
    pub lines: Vec<PricedLine>,
    /// The sum of the lines that have a price.
    pub total: Money,
    /// In what.
    pub currency: Currency,
}

/// A line with the price it began at and the one that holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// What.
    pub product_id: ProductId,
    /// What the customer reads; none if the product is no longer known here.
    pub name: Option<String>,
    /// How much.
    pub quantity: Amount,
    /// In which unit.
    pub unit: Unit,
    /// How many units the price buys.
    pub price_per: i64,
    /// The price shown when it was added; none if the till must ask.
    pub unit_price: Option<Money>,
    /// The price now.
    pub price_now: Option<Money>,
    /// Whether the price changed since.
    pub price_changed: bool,
    /// What the line costs at the price shown.
    pub line_total: Option<Money>,
    /// When it began.
    pub added_at: Timestamp,
}

impl Carts {
    /// The cart with names and prices.
    ///
    /// # Errors
    /// `not_joined`, or a sum beyond what money can be.
    pub fn show(&self, cart: &Cart) -> Result<ShownCart, Error> {
        self.node.db().read(|conn| {
            let currency = identity::load(conn)?.card.currency;
            let price = |line: &ShownLine| priced(line, catalogue::find(conn, line.product_id)?.as_ref(), currency);
            let lines = cart.lines().iter().map(price).collect::<Result<Vec<_>, Error>>()?;
            Ok(ShownCart {
                cart_id: cart.cart_id(),
                owner: cart.owner(),
                home: cart.home(),
                is_parked: cart.is_parked(),
                label: cart.label().to_owned(),
                created_at: cart.created_at(),
                total: lines.iter().filter_map(|line| line.line_total).sum(),
                lines,
                currency,
            })
        })
    }
}

fn priced(line: &ShownLine, product: Option<&Product>, currency: Currency) -> Result<PricedLine, Error> {
    let price_per = product.map_or(1, |product| product.price_per);
    let price_now = product.and_then(|product| product.price);
    let total = |price: Money| -> Result<Money, Fault> { line_total(price, line.quantity, price_per, currency) };
    Ok(PricedLine {
        product_id: line.product_id,
        name: product.map(|product| product.name.clone()),
        quantity: line.quantity,
        unit: product.map_or(Unit::Each, |product| product.unit),
        price_per,
        unit_price: line.unit_price,
        price_now,
        // A price that was asked for at the till is not a change of the shop's.
        price_changed: price_now.is_some() && price_now != line.unit_price,
        line_total: line.unit_price.map(total).transpose()?,
        added_at: line.added_at,
    })
}
