//! Makes values of the shop: sound ones, and others whose types allow what their checks do not. Ids come from a
//! few, so that values name each other.

mod fed;
mod ops;
mod people;

use outpost_schema::{
    clock::{Hlc, Timestamp},
    id::{
        AddressId, CartId, DeliveryId, EpochId, HoldId, IncarnationId, NodeId, OrderId, OrderItemId, PaymentId,
        ProductId, ReturnId, ReviewId, UserId, WarehouseId,
    },
    journal::{Hash, Mark},
    money::{Currency, Money},
    quantity::{AMOUNT_MAX, Amount},
};
use serde_json::{Map, Value};

pub use self::{
    fed::{aggregate, key, verdict},
    ops::{op, op_kind, order},
    people::{address, review, user},
};
use super::choices::Choices;

macro_rules! ids {
    ($($make:ident: $id:ident, $sort:literal, $most:literal;)*) => {$(
        pub fn $make(choices: &mut Choices<'_>) -> $id {
            $id(choices.id($sort, $most))
        }
    )*};
}

ids! {
    product_id: ProductId, 1, 3;
    warehouse_id: WarehouseId, 2, 3;
    address_id: AddressId, 4, 4;
    order_id: OrderId, 5, 5;
    order_item_id: OrderItemId, 6, 12;
    payment_id: PaymentId, 7, 6;
    review_id: ReviewId, 8, 3;
    cart_id: CartId, 9, 2;
    life: IncarnationId, 10, 4;
    node_id: NodeId, 11, 2;
    epoch_id: EpochId, 12, 2;
    delivery_id: DeliveryId, 15, 2;
    hold_id: HoldId, 16, 3;
}

pub fn user_id(choices: &mut Choices<'_>) -> UserId {
    if choices.once_in(2) { UserId::GUEST } else { UserId(choices.id(3, 4)) }
}

pub fn at(choices: &mut Choices<'_>) -> Timestamp {
    Timestamp::from_micros(if choices.once_in(3) { choices.number() } else { 1_770_000_000_000_000 })
}

pub fn hlc(choices: &mut Choices<'_>) -> Hlc {
    let tick = if choices.once_in(4) { u32::MAX } else { u32::try_from(choices.place(4)).unwrap_or(0) };
    Hlc { at: at(choices), tick }
}

pub fn hash(choices: &mut Choices<'_>) -> Hash {
    Hash([u8::try_from(choices.place(3)).unwrap_or(0); 32])
}

pub fn mark(choices: &mut Choices<'_>) -> Mark {
    Mark { seq: choices.number(), hash: hash(choices) }
}

/// One to a thousand million units, more often few.
pub fn amount(choices: &mut Choices<'_>) -> Amount {
    let units = if choices.once_in(4) { choices.within(1, AMOUNT_MAX) } else { choices.within(1, 9) };
    Amount::new(if choices.once_in(8) { AMOUNT_MAX } else { units }).expect("within its bounds")
}

pub fn money(choices: &mut Choices<'_>) -> Money {
    let parts = if choices.once_in(4) { choices.number() } else { choices.within(0, 100) * 10_000 };
    Money::from_parts(parts).unwrap_or(Money::ZERO)
}

pub fn currency(choices: &mut Choices<'_>) -> Currency {
    choices.one(&["USD", "USD", "USD", "JPY", "KWD"]).parse().expect("a currency")
}

/// Anything that JSON can say, as deep as `depth`.
pub fn json(choices: &mut Choices<'_>, depth: usize) -> Value {
    match choices.place(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => Value::Bool(choices.once_in(2)),
        2 => Value::from(choices.number()),
        3 => Value::from(f64::from_bits(choices.number().cast_unsigned())),
        4 => Value::String(choices.text(20)),
        5 => Value::Array(choices.some(3, |choices| json(choices, depth - 1))),
        _ => Value::Object(object(choices, depth - 1)),
    }
}

pub fn object(choices: &mut Choices<'_>, depth: usize) -> Map<String, Value> {
    choices.some(3, |choices| (choices.text(5), json(choices, depth))).into_iter().collect()
}
