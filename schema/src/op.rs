//! Ops: what happened at a node, or is wanted by it. A *fact* has happened and is always accepted; an
//! *ask* may be refused.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    cart::Sold,
    clock::Timestamp,
    count::Cut,
    delivery::ReceiptUndone,
    fault::Fault,
    id::{HoldId, IncarnationId, OrderId, ProductId, WarehouseId},
    journal::Entry,
    money::Money,
    movement::{Adjusted, Received, Remark},
    order::{Order, OrderStatus},
    people::{Address, Review, User},
    quantity::{AMOUNT_MAX, Amount},
    returned::Return,
    settle::decode,
    transfer::{Arrived, Dispatched},
    verdict::SetAside,
    word::Word as _,
};

/// The newest version of a body that this program reads. Each body says the oldest that has a word for all it says:
/// see [`Op::version`].
pub const VERSION: u16 = 3;

/// A body begins with this many random bytes, so that a person's data can be erased later although
/// its digest stays: nobody can guess the text back from the digest.
pub const SALT_BYTES: usize = 16;

/// A body is at most this long. The longest real order, of 1,114 lines, takes under 150 KB.
pub const BODY_MAX: usize = 512 * 1024;

/// What a carried entry may take beside its own body: hashes, words and the places it was decided at.
pub const ENVELOPE_MAX: usize = 64 * 1024;

/// An op about stock has at most this many lines.
pub const LINES_MAX: usize = 2_000;

/// An order uses up at most this many holds.
pub const HOLDS_MAX: usize = 100;

/// A product and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
}

/// Goods at a warehouse: given back, asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What and how much.
    pub lines: Vec<Line>,
}

/// "I saw 7" of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountLine {
    /// Of what.
    pub product_id: ProductId,
    /// How many were seen, with what the node itself moved between that and the op; at least 0.
    pub counted: i64,
    /// Counted less what the node's book says: the movement it writes.
    pub delta: i64,
}

/// A count of some products at a warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What was seen.
    pub lines: Vec<CountLine>,
    /// What had been done before; none in a count of the first version, where only the node changes anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Who counted.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
}

/// A finished sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The order with its items and payments.
    pub order: Order,
    /// The very units of the cart that were checked out, if it came from a cart.
    pub sold: Option<Sold>,
    /// The holds that it uses up: what they hold at the order's warehouse is the order's from then on. One that
    /// is over by then is passed over, for the sale has happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldId>,
    /// Whether an order to be handed over was taken although no allotment covered it, so that the customer was told
    /// to wait for head office's word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_be_confirmed: bool,
}

/// A new customer, with the default address if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The person.
    pub user: User,
    /// Where they live.
    pub address: Option<Address>,
}

/// An order moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTold {
    /// Which.
    pub order_id: OrderId,
    /// Where it stands now.
    pub status: OrderStatus,
    /// When that happened.
    pub at: Timestamp,
    /// Whether its till knew that the order had been called off. Goods that it hands over all the same were
    /// nobody's, so they count against the till; where it did not know, its own book says that they do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called_off: bool,
}

/// A wish to call an order off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which.
    pub order_id: OrderId,
    /// When it was wanted.
    pub at: Timestamp,
}

/// An entry of an earlier life of the same device, which that life can no longer tell itself. It keeps
/// its first identity, so that it counts once however often it is carried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The life that wrote it.
    pub incarnation_id: IncarnationId,
    /// The entry, as first written.
    pub entry: Entry,
}

/// An earlier life of the same device is over, and all that the device has of it was told before this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeEnded {
    /// Which life.
    pub incarnation_id: IncarnationId,
}

/// One thing that happened or is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fact: a sale was finished, or an order to be handed over was taken.
    Sale(Box<Sale>),
    /// Fact: a customer was written down.
    CustomerAdded(Box<Customer>),
    /// Fact: a customer's further address was written down.
    AddressAdded(Box<Address>),
    /// Fact: a customer said something of a product.
    Reviewed(Box<Review>),
    /// Fact: goods came in.
    Received(Received),
    /// Fact: there turned out to be more or fewer than the book says.
    Adjusted(Adjusted),
    /// Fact: somebody looked.
    Counted(Count),
    /// Fact: the node gave part of its allotment back.
    GaveBack(Goods),
    /// Fact: an order was processed, shipped or delivered.
    StatusTold(StatusTold),
    /// Ask: more allotment, please.
    AllotmentAsked(Goods),
    /// Ask: call an order off.
    CancelAsked(Cancel),
    /// Fact: what an earlier life of the device wrote down.
    Carried(Box<Carried>),
    /// Fact: an earlier life of the device is over.
    LifeEnded(LifeEnded),
    /// Fact: goods were put on the road to another warehouse.
    Dispatched(Dispatched),
    /// Fact: goods of a transfer came.
    Arrived(Arrived),
    /// Fact: a receipt was taken back.
    ReceiptUndone(ReceiptUndone),
    /// Fact: goods came back, and money was given for them.
    Returned(Box<Return>),
}

/// The sorts of op, by the word that travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpKind {
    /// [`Op::Sale`]
    Sale,
    /// [`Op::CustomerAdded`]
    CustomerAdded,
    /// [`Op::AddressAdded`]
    AddressAdded,
    /// [`Op::Reviewed`]
    Reviewed,
    /// [`Op::Received`]
    Received,
    /// [`Op::Adjusted`]
    Adjusted,
    /// [`Op::Counted`]
    Counted,
    /// [`Op::GaveBack`]
    GaveBack,
    /// [`Op::StatusTold`]
    StatusTold,
    /// [`Op::AllotmentAsked`]
    AllotmentAsked,
    /// [`Op::CancelAsked`]
    CancelAsked,
    /// [`Op::Carried`]
    Carried,
    /// [`Op::LifeEnded`]
    LifeEnded,
    /// [`Op::Dispatched`]
    Dispatched,
    /// [`Op::Arrived`]
    Arrived,
    /// [`Op::ReceiptUndone`]
    ReceiptUndone,
    /// [`Op::Returned`]
    Returned,
}

impl Op {
    /// Its kind.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Sale(_) => OpKind::Sale,
            Self::CustomerAdded(_) => OpKind::CustomerAdded,
            Self::AddressAdded(_) => OpKind::AddressAdded,
            Self::Reviewed(_) => OpKind::Reviewed,
            Self::Received(_) => OpKind::Received,
            Self::Adjusted(_) => OpKind::Adjusted,
            Self::Counted(_) => OpKind::Counted,
            Self::GaveBack(_) => OpKind::GaveBack,
            Self::StatusTold(_) => OpKind::StatusTold,
            Self::AllotmentAsked(_) => OpKind::AllotmentAsked,
            Self::CancelAsked(_) => OpKind::CancelAsked,
            Self::Carried(_) => OpKind::Carried,
            Self::LifeEnded(_) => OpKind::LifeEnded,
            Self::Dispatched(_) => OpKind::Dispatched,
            Self::Arrived(_) => OpKind::Arrived,
            Self::ReceiptUndone(_) => OpKind::ReceiptUndone,
            Self::Returned(_) => OpKind::Returned,
        }
    }

    /// What it is worth in money while it waits: the total of a sale.
    pub fn worth(&self) -> Money {
        match self {
            Self::Sale(sale) => sale.order.total_amount,
            Self::Carried(carried) => carried.op().map_or(Money::ZERO, |op| op.worth()),
            Self::CustomerAdded(_)
            | Self::AddressAdded(_)
            | Self::Reviewed(_)
            | Self::Received(_)
            | Self::Adjusted(_)
            | Self::Counted(_)
            | Self::GaveBack(_)
            | Self::StatusTold(_)
            | Self::AllotmentAsked(_)
            | Self::CancelAsked(_)
            | Self::LifeEnded(_)
            | Self::Dispatched(_)
            | Self::Arrived(_)
            | Self::ReceiptUndone(_)
            | Self::Returned(_) => Money::ZERO,
        }
    }

    /// The oldest version that has a word for all that it says, so that a server which would pass over a part of it
    /// sets it aside instead.
    pub fn version(&self) -> u16 {
        match self {
            Self::Sale(sale) if !sale.holds.is_empty() || sale.to_be_confirmed => 3,
            Self::Received(received) if received.says_more() => 2,
            // That a cut says when it ended needs no version: who passes it over doubts more, never less.
            Self::Counted(count) if count.cut.is_some() || !count.remark.is_empty() => 2,
            Self::Sale(_)
            | Self::CustomerAdded(_)
            | Self::AddressAdded(_)
            | Self::Reviewed(_)
            | Self::Received(_)
            | Self::Adjusted(_)
            | Self::Counted(_)
            | Self::GaveBack(_)
            | Self::StatusTold(_)
            | Self::AllotmentAsked(_)
            | Self::CancelAsked(_)
            | Self::Carried(_)
            | Self::LifeEnded(_)
            | Self::Dispatched(_)
            | Self::Arrived(_)
            | Self::ReceiptUndone(_)
            | Self::Returned(_) => 1,
        }
    }

    /// Checks the bounds that no op may break, whatever the shop's book says.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Sale(sale) => {
                sale.order.check_shape()?;
                check_holds(sale.holds.len())?;
                sale.sold.as_ref().map_or(Ok(()), Sold::check)
            }
            Self::CustomerAdded(customer) => {
                customer.user.check()?;
                customer.address.as_ref().map_or(Ok(()), Address::check)
            }
            Self::AddressAdded(address) => address.check(),
            Self::Reviewed(review) => review.check(),
            Self::GaveBack(goods) | Self::AllotmentAsked(goods) => check_lines(goods.lines.len()),
            Self::Received(received) => {
                check_lines(received.lines.len())?;
                received.check()
            }
            Self::Adjusted(adjusted) => {
                check_lines(adjusted.lines.len())?;
                adjusted.check()
            }
            Self::Counted(count) => {
                check_lines(count.lines.len())?;
                count.remark.check()?;
                count.cut.as_ref().map_or(Ok(()), Cut::check)?;
                count.lines.iter().try_for_each(CountLine::check)
            }
            Self::StatusTold(told) => told.check(),
            Self::Carried(carried) => carried.check(),
            Self::Dispatched(told) => told.check(),
            Self::Arrived(told) => told.check(),
            Self::ReceiptUndone(undone) => {
                check_lines(undone.received.lines.len())?;
                undone.received.check()
            }
            Self::Returned(back) => back.check(),
            Self::CancelAsked(_) | Self::LifeEnded(_) => Ok(()),
        }
    }

    /// The body as it will be kept for ever: salt, then MessagePack with named fields.
    pub fn to_body(&self, salt: [u8; SALT_BYTES]) -> Vec<u8> {
        let encoded = match self {
            Self::Sale(sale) => rmp_serde::to_vec_named(sale),
            Self::CustomerAdded(customer) => rmp_serde::to_vec_named(customer),
            Self::AddressAdded(address) => rmp_serde::to_vec_named(address),
            Self::Reviewed(review) => rmp_serde::to_vec_named(review),
            Self::Received(received) => rmp_serde::to_vec_named(received),
            Self::Adjusted(adjusted) => rmp_serde::to_vec_named(adjusted),
            Self::GaveBack(goods) | Self::AllotmentAsked(goods) => rmp_serde::to_vec_named(goods),
            Self::Counted(count) => rmp_serde::to_vec_named(count),
            Self::StatusTold(told) => rmp_serde::to_vec_named(told),
            Self::CancelAsked(cancel) => rmp_serde::to_vec_named(cancel),
            Self::Carried(carried) => rmp_serde::to_vec_named(carried),
            Self::LifeEnded(ended) => rmp_serde::to_vec_named(ended),
            Self::Dispatched(told) => rmp_serde::to_vec_named(told),
            Self::Arrived(told) => rmp_serde::to_vec_named(told),
            Self::ReceiptUndone(undone) => rmp_serde::to_vec_named(undone),
            Self::Returned(back) => rmp_serde::to_vec_named(back),
        };
        let mut body = salt.to_vec();
        body.extend(encoded.expect("our own types always encode into memory"));
        body
    }

    /// Reads a body of that kind.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] if the bytes are not such a body.
    pub fn from_body(kind: OpKind, body: &[u8]) -> Result<Self, Fault> {
        let unreadable = Fault::Unreadable { what: kind.word() };
        let bytes = body.get(SALT_BYTES..).ok_or_else(|| unreadable.clone())?;
        fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
            rmp_serde::from_slice(bytes)
        }
        match kind {
            OpKind::Sale => read(bytes).map(Self::Sale),
            OpKind::CustomerAdded => read(bytes).map(Self::CustomerAdded),
            OpKind::AddressAdded => read(bytes).map(Self::AddressAdded),
            OpKind::Reviewed => read(bytes).map(Self::Reviewed),
            OpKind::Received => read(bytes).map(Self::Received),
            OpKind::Adjusted => read(bytes).map(Self::Adjusted),
            OpKind::Counted => read(bytes).map(Self::Counted),
            OpKind::GaveBack => read(bytes).map(Self::GaveBack),
            OpKind::StatusTold => read(bytes).map(Self::StatusTold),
            OpKind::AllotmentAsked => read(bytes).map(Self::AllotmentAsked),
            OpKind::CancelAsked => read(bytes).map(Self::CancelAsked),
            OpKind::Carried => read(bytes).map(Self::Carried),
            OpKind::LifeEnded => read(bytes).map(Self::LifeEnded),
            OpKind::Dispatched => read(bytes).map(Self::Dispatched),
            OpKind::Arrived => read(bytes).map(Self::Arrived),
            OpKind::ReceiptUndone => read(bytes).map(Self::ReceiptUndone),
            OpKind::Returned => read(bytes).map(Self::Returned),
        }
        .map_err(|_| unreadable)
    }
}

impl CountLine {
    fn check(&self) -> Result<(), Fault> {
        let seen = (0..=AMOUNT_MAX).contains(&self.counted);
        let moved = (-AMOUNT_MAX..=AMOUNT_MAX).contains(&self.delta);
        let units = if seen { self.delta } else { self.counted };
        if seen && moved { Ok(()) } else { Err(Fault::AmountOutOfRange { units }) }
    }
}

impl Carried {
    /// The op that the entry tells.
    ///
    /// # Errors
    /// What [`crate::settle::decode`] says.
    pub fn op(&self) -> Result<Op, SetAside> {
        decode(&self.entry)
    }

    /// An entry is carried whole, and once: what was carried already is carried on as it was.
    fn check(&self) -> Result<(), Fault> {
        let is_whole = self.entry.is_whole(self.incarnation_id) && self.entry.kind != OpKind::Carried.word();
        if is_whole { Ok(()) } else { Err(Fault::Unreadable { what: "a carried entry" }) }
    }
}

impl StatusTold {
    /// A cancellation is asked for, never told; and nothing goes back to the beginning.
    fn check(&self) -> Result<(), Fault> {
        match self.status {
            OrderStatus::Processed | OrderStatus::Shipped | OrderStatus::Delivered => Ok(()),
            OrderStatus::Pending | OrderStatus::Cancelled => Err(Fault::UnknownWord {
                what: "status that can be told",
                value: self.status.word().to_owned(),
                choices: "processed, shipped, delivered",
            }),
        }
    }
}

fn check_holds(count: usize) -> Result<(), Fault> {
    if count > HOLDS_MAX { Err(Fault::TooManyLines { count, max: HOLDS_MAX }) } else { Ok(()) }
}

fn check_lines(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::NoLines),
        1..=LINES_MAX => Ok(()),
        _ => Err(Fault::TooManyLines { count, max: LINES_MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::order;

    fn sale() -> Op {
        Op::Sale(Box::new(Sale { order: order(&[(2, "1.25")]), sold: None, holds: Vec::new(), to_be_confirmed: false }))
    }

    #[test]
    fn a_body_reads_back_as_what_was_written() {
        let body = sale().to_body([7; SALT_BYTES]);
        assert_eq!(Op::from_body(OpKind::Sale, &body), Ok(sale()));
        assert_eq!(Op::from_body(OpKind::Counted, &body), Err(Fault::Unreadable { what: "counted" }));
        assert_eq!(Op::from_body(OpKind::Sale, &[1, 2, 3]), Err(Fault::Unreadable { what: "sale" }));
    }

    #[test]
    fn a_sale_that_uses_up_no_hold_is_written_as_it_always_was() {
        let body = sale().to_body([7; SALT_BYTES]);
        assert!(!body.windows(5).any(|word| word == b"holds"), "a node of before reads it as its own");
        let order = order(&[(2, "1.25")]);
        let using = |count: u128| {
            let holds = (0..count).map(|number| HoldId(uuid::Uuid::from_u128(number))).collect();
            Op::Sale(Box::new(Sale { order: order.clone(), sold: None, holds, to_be_confirmed: false }))
        };
        assert_eq!(Op::from_body(OpKind::Sale, &using(2).to_body([7; SALT_BYTES])), Ok(using(2)));
        let most = HOLDS_MAX as u128;
        assert_eq!(using(most).check(), Ok(()));
        assert!(matches!(using(most + 1).check(), Err(Fault::TooManyLines { .. })));
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for (kind, word) in OpKind::WORDS {
            assert_eq!(OpKind::of_word(word), Ok(*kind));
        }
        assert!(OpKind::of_word("teleported").is_err());
    }
}
