//! Ops: what happened at a node, or is wanted by it. A *fact* has happened and is always accepted; an
//! *ask* may be refused.

mod body;
mod kind;
mod said;

pub use self::{
    body::SALT_BYTES,
    kind::OpKind,
    said::{Cancel, Carried, Count, CountLine, Customer, Goods, LifeEnded, Line, Sale, StatusTold},
};
use crate::{
    cart::Sold,
    count::Cut,
    delivery::ReceiptUndone,
    fault::Fault,
    money::Money,
    movement::{Adjusted, Received},
    people::{Address, Review},
    returned::Return,
    transfer::{Arrived, Dispatched},
};

/// The newest version of a body that this program reads. Each body says the oldest that has a word for all it says:
/// see [`Op::version`].
pub const VERSION: u16 = 3;

/// A body is at most this long. The longest real order, of 1,114 lines, takes under 150 KB.
pub const BODY_MAX: usize = 512 * 1024;

/// What a carried entry may take beside its own body: hashes, words and the places it was decided at.
pub const ENVELOPE_MAX: usize = 64 * 1024;

/// An op about stock has at most this many lines.
pub const LINES_MAX: usize = 2_000;

/// An order uses up at most this many holds.
pub const HOLDS_MAX: usize = 100;

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

impl Op {
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
pub(crate) mod tests {
    use super::*;
    use crate::{id::HoldId, order::tests::order};

    pub(crate) fn sale() -> Op {
        Op::Sale(Box::new(Sale { order: order(&[(2, "1.25")]), sold: None, holds: Vec::new(), to_be_confirmed: false }))
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
}
