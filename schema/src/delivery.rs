//! Deliveries that head office expects from a supplier. They promise nobody anything: what comes is a fact,
//! expected or not, and what is expected is only there to compare it with.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    fault::Fault,
    id::{DeliveryId, ProductId, WarehouseId},
    journal::{Hash, Mark},
    movement::Received,
    op::LINES_MAX,
    quantity::AMOUNT_MAX,
    text,
};

/// A receipt was taken back before anybody relied on it: scanned twice, or the wrong thing. It is no deletion, but
/// an op of its own that means the opposite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptUndone {
    /// The place of the receipt in the journal of the device that took it in.
    pub seq: i64,
    /// What it said.
    pub received: Received,
    /// The hash of its entry: of a journal that went on in two ways two entries have one place. Devices of before say
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
}

impl ReceiptUndone {
    /// The entry of the receipt, as far as it is named.
    pub fn receipt(&self) -> Mark {
        Mark { seq: self.seq, hash: self.hash.unwrap_or(Hash::START) }
    }
}

/// One product of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryLine {
    /// What.
    pub product_id: ProductId,
    /// How many are expected; 0 of what came unasked.
    pub expected: i64,
    /// How many came so far, less what was undone.
    pub received: i64,
}

impl DeliveryLine {
    /// Units that are still to come.
    pub fn open(self) -> i64 {
        (self.expected - self.received).max(0)
    }

    /// Units that came beyond what was expected.
    pub fn over(self) -> i64 {
        (self.received - self.expected).max(0)
    }
}

/// How a delivery was closed by hand, though something may still have been open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// By whom, in their own words.
    pub by: String,
    /// Why, such as what became of what is short.
    pub note: String,
}

/// A delivery that is expected at a warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// Where it is expected.
    pub warehouse_id: WarehouseId,
    /// From whom.
    pub supplier: String,
    /// What is written on its papers: an order's number, a waybill's.
    pub reference: String,
    /// When it is due, if that is known.
    pub due_at: Option<Timestamp>,
    /// Since when it is expected.
    pub created_at: Timestamp,
    /// How it was closed by hand, if it was.
    pub closing: Option<Closing>,
    /// In the order of products, each once.
    pub lines: Vec<DeliveryLine>,
}

/// Where a delivery stands. It closes by itself when all has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Nothing came yet.
    Expected,
    /// A part came.
    Partial,
    /// All came, or more.
    Complete,
    /// Closed by hand with something short.
    ClosedShort,
}

impl DeliveryState {
    /// Its word, for people and pages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Partial => "partial",
            Self::Complete => "complete",
            Self::ClosedShort => "closed_short",
        }
    }

    /// Whether nothing more is waited for.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Complete | Self::ClosedShort => true,
            Self::Expected | Self::Partial => false,
        }
    }
}

impl Delivery {
    /// Where it stands.
    pub fn state(&self) -> DeliveryState {
        let is_all_here = self.lines.iter().all(|line| line.open() == 0);
        match (&self.closing, is_all_here) {
            (_, true) => DeliveryState::Complete,
            (Some(_), false) => DeliveryState::ClosedShort,
            (None, false) if self.lines.iter().all(|line| line.received == 0) => DeliveryState::Expected,
            (None, false) => DeliveryState::Partial,
        }
    }

    /// More of a product came; fewer, if a receipt was undone.
    pub fn receive(&mut self, product_id: ProductId, units: i64) {
        let place = self.lines.binary_search_by_key(&product_id, |line| line.product_id).unwrap_or_else(|place| {
            self.lines.insert(place, DeliveryLine { product_id, expected: 0, received: 0 });
            place
        });
        self.lines[place].received += units;
    }

    /// Checks what no delivery may be.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        text::require("the supplier", &self.supplier, text::LINE_MAX)?;
        text::require("the reference", &self.reference, text::LINE_MAX)?;
        match self.lines.len() {
            0 => return Err(Fault::NoLines),
            1..=LINES_MAX => {}
            count => return Err(Fault::TooManyLines { count, max: LINES_MAX }),
        }
        let out_of_range = self.lines.iter().find(|line| !(1..=AMOUNT_MAX).contains(&line.expected));
        out_of_range.map_or(Ok(()), |line| Err(Fault::AmountOutOfRange { units: line.expected }))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const TEA: ProductId = ProductId(Uuid::from_u128(1));
    const JAM: ProductId = ProductId(Uuid::from_u128(2));

    fn delivery(expected: &[(ProductId, i64)]) -> Delivery {
        Delivery {
            delivery_id: DeliveryId(Uuid::from_u128(9)),
            warehouse_id: WarehouseId(Uuid::from_u128(8)),
            supplier: "Ahmad".to_owned(),
            reference: "PO-17".to_owned(),
            due_at: None,
            created_at: Timestamp::from_micros(0),
            closing: None,
            lines: expected
                .iter()
                .map(|(product_id, expected)| DeliveryLine {
                    product_id: *product_id,
                    expected: *expected,
                    received: 0,
                })
                .collect(),
        }
    }

    #[test]
    fn it_closes_by_itself_when_all_came_and_opens_when_that_is_undone() {
        let mut one = delivery(&[(TEA, 10), (JAM, 2)]);
        let mut states = vec![one.state()];
        for (product_id, units) in [(TEA, 4), (TEA, 6), (JAM, 3), (JAM, -2)] {
            one.receive(product_id, units);
            states.push(one.state());
        }
        use DeliveryState::{Complete, Expected, Partial};
        assert_eq!(states, [Expected, Partial, Partial, Complete, Partial]);
        assert_eq!(one.lines[1], DeliveryLine { product_id: JAM, expected: 2, received: 1 });
    }

    #[test]
    fn what_comes_unasked_is_shown_and_closes_nothing() {
        let mut one = delivery(&[(JAM, 2)]);
        one.receive(TEA, 5);
        assert_eq!((one.lines[0].over(), one.lines[0].open()), (5, 0));
        assert_eq!(one.state(), DeliveryState::Partial);
        one.closing =
            Some(Closing { at: Timestamp::from_micros(1), by: "Ann".to_owned(), note: "two jars broke".to_owned() });
        assert_eq!(one.state(), DeliveryState::ClosedShort);
        one.receive(JAM, 2);
        assert_eq!(one.state(), DeliveryState::Complete);
    }

    #[test]
    fn nobody_expects_nothing() {
        assert_eq!(delivery(&[]).check(), Err(Fault::NoLines));
        assert_eq!(delivery(&[(TEA, 0)]).check(), Err(Fault::AmountOutOfRange { units: 0 }));
        assert_eq!(
            Delivery { supplier: " ".to_owned(), ..delivery(&[(TEA, 1)]) }.check(),
            Err(Fault::Empty { field: "the supplier" })
        );
        assert_eq!(delivery(&[(TEA, 1)]).check(), Ok(()));
    }
}
