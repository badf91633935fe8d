//! Holds as they cross the line: promises made online.

use outpost_schema::{
    clock::Timestamp,
    id::{CartId, HoldId, OrderId, ProductId, WarehouseId},
    quantity::Amount,
    stock::StockKey,
};
use serde::{Deserialize, Serialize};

/// A hold lasts at most a day, counted from when it is placed or extended.
pub const HOLD_SECONDS_MAX: i64 = 24 * 60 * 60;

/// Lines of one hold: a large basket, and a few milliseconds for whoever stands behind it in the lane.
pub const HOLD_LINES_MAX: usize = 100;

/// For whom units are held. What a buyer holds already never stands in that buyer's own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Buyer {
    /// A cart.
    Cart(CartId),
    /// An order.
    Order(OrderId),
}

impl Buyer {
    /// The cart, if it is one.
    pub const fn cart(self) -> Option<CartId> {
        match self {
            Self::Cart(cart) => Some(cart),
            Self::Order(_) => None,
        }
    }

    /// The order, if it is one.
    pub const fn order(self) -> Option<OrderId> {
        match self {
            Self::Order(order) => Some(order),
            Self::Cart(_) => None,
        }
    }
}

/// So many of a product at a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldLine {
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// How much.
    pub amount: Amount,
}

impl HoldLine {
    /// Which stock row it is about.
    pub const fn key(&self) -> StockKey {
        StockKey { product_id: self.product_id, warehouse_id: self.warehouse_id }
    }
}

/// A wish for a hold, online: all of its lines, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HoldSaid", into = "HoldSaid")]
pub struct HoldWanted {
    /// Made by the caller, so that a repeat is recognised.
    pub hold_id: HoldId,
    /// Of what, where and how much: from 1 to [`HOLD_LINES_MAX`], each stock row once.
    pub lines: Vec<HoldLine>,
    /// For whom; none for nobody in particular.
    pub buyer: Option<Buyer>,
    /// For how long, from 1 to [`HOLD_SECONDS_MAX`].
    pub seconds: i64,
}

impl HoldWanted {
    /// A hold of one line, for nobody in particular.
    pub fn of_one(hold_id: HoldId, key: StockKey, amount: Amount, seconds: i64) -> Self {
        let StockKey { product_id, warehouse_id } = key;
        Self { hold_id, lines: vec![HoldLine { product_id, warehouse_id, amount }], buyer: None, seconds }
    }
}

/// A wish as it is written. A hold of one line says it beside the other fields, as it did before there were
/// holds of several; so either end may be the older one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldSaid {
    hold_id: HoldId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product_id: Option<ProductId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warehouse_id: Option<WarehouseId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<HoldLine>,
    #[serde(default)]
    cart_id: Option<CartId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    seconds: i64,
}

/// Why what was written is no wish for a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NoWish {
    #[error("a line names product_id, warehouse_id and amount")]
    HalfALine,
    #[error("a hold is for a cart or for an order, not for both")]
    TwoBuyers,
}

impl TryFrom<HoldSaid> for HoldWanted {
    type Error = NoWish;

    fn try_from(said: HoldSaid) -> Result<Self, NoWish> {
        let mut lines = said.lines;
        match (said.product_id, said.warehouse_id, said.amount) {
            (Some(product_id), Some(warehouse_id), Some(amount)) => {
                lines.push(HoldLine { product_id, warehouse_id, amount });
            }
            (None, None, None) if !lines.is_empty() => {}
            (_, _, _) => return Err(NoWish::HalfALine),
        }
        let buyer = match (said.cart_id, said.order_id) {
            (Some(_), Some(_)) => return Err(NoWish::TwoBuyers),
            (Some(cart), None) => Some(Buyer::Cart(cart)),
            (None, order) => order.map(Buyer::Order),
        };
        Ok(Self { hold_id: said.hold_id, lines, buyer, seconds: said.seconds })
    }
}

impl From<HoldWanted> for HoldSaid {
    fn from(wanted: HoldWanted) -> Self {
        let (only, lines) = match wanted.lines[..] {
            [only] => (Some(only), Vec::new()),
            _ => (None, wanted.lines),
        };
        Self {
            hold_id: wanted.hold_id,
            product_id: only.map(|line| line.product_id),
            warehouse_id: only.map(|line| line.warehouse_id),
            amount: only.map(|line| line.amount),
            lines,
            cart_id: wanted.buyer.and_then(Buyer::cart),
            order_id: wanted.buyer.and_then(Buyer::order),
            seconds: wanted.seconds,
        }
    }
}

/// A hold that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// Which.
    pub hold_id: HoldId,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A wish that a hold lasts longer. A moment, not a span, so that a repeat asks for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldExtended {
    /// Until then, at most [`HOLD_SECONDS_MAX`] from now. A hold that lasts longer already stays as it is.
    pub expires_at: Timestamp,
}

/// How much of a line could be held when a hold was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Available {
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
    /// How much was wanted.
    pub wanted: i64,
    /// How much there is for this buyer, at least 0.
    pub available: i64,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ONE: &str = r#"{"hold_id":"00000000-0000-0000-0000-000000000001","product_id":"00000000-0000-0000-0000-000000000002","warehouse_id":"00000000-0000-0000-0000-000000000003","amount":4,"cart_id":null,"seconds":60}"#;

    fn line(product: u128) -> HoldLine {
        let (product_id, warehouse_id) = (ProductId(Uuid::from_u128(product)), WarehouseId(Uuid::from_u128(3)));
        HoldLine { product_id, warehouse_id, amount: Amount::new(4).unwrap() }
    }

    fn wanted(lines: Vec<HoldLine>, buyer: Option<Buyer>) -> HoldWanted {
        HoldWanted { hold_id: HoldId(Uuid::from_u128(1)), lines, buyer, seconds: 60 }
    }

    #[test]
    fn a_hold_of_one_line_is_written_as_it_always_was() {
        let one = wanted(vec![line(2)], None);
        assert_eq!(serde_json::to_string(&one).unwrap(), ONE);
        assert_eq!(serde_json::from_str::<HoldWanted>(ONE).unwrap(), one);
    }

    #[test]
    fn several_lines_for_a_cart_or_an_order_read_back() {
        for buyer in [None, Some(Buyer::Cart(CartId(Uuid::nil()))), Some(Buyer::Order(OrderId(Uuid::nil())))] {
            for lines in [vec![line(2)], vec![line(2), line(5)]] {
                let said = wanted(lines, buyer);
                let binary = rmp_serde::to_vec_named(&said).unwrap();
                assert_eq!(rmp_serde::from_slice::<HoldWanted>(&binary).unwrap(), said);
            }
        }
    }

    #[test]
    fn half_a_line_and_two_buyers_are_no_wish() {
        let id = Uuid::nil();
        for (altered, why) in [
            (ONE.replace(r#""amount":4,"#, ""), "a line names"),
            (ONE.replace("null", &format!(r#""{id}","order_id":"{id}""#)), "not for both"),
            (format!(r#"{{"hold_id":"{id}","seconds":60}}"#), "a line names"),
        ] {
            let error = serde_json::from_str::<HoldWanted>(&altered).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
