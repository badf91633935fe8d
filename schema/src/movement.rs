//! Goods that come in, or of which there turn out to be more or fewer than the book says; and what people say of it.
//!
//! Sales, counts, returns and transfers have words of their own. What is here changes a balance and nothing else.

use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    id::{DeliveryId, ProductId, WarehouseId},
    op::{Goods, Line},
    quantity::{AMOUNT_MAX, Amount},
    stock::Reason,
    text::{self, LINE_MAX, PROSE_MAX},
};

/// What somebody says of an op that moved goods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Who did it, as people at the shop know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Why, or what else there is to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Which of the goods it was, as their label says. Nothing is reckoned by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// The maker's lot or batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Until when it is good, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// Why goods moved, and what was said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The reason.
    pub reason: Reason,
    /// What somebody said of it.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
    /// Which of the goods it was.
    #[serde(default, skip_serializing_if = "Lot::is_empty")]
    pub lot: Lot,
}

/// A product that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedLine {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
    /// Of which lot.
    #[serde(default, skip_serializing_if = "Lot::is_empty")]
    pub lot: Lot,
}

/// Goods that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What and how much.
    pub lines: Vec<ReceivedLine>,
    /// Who took them in.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
    /// The delivery that they are of, if it was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<DeliveryId>,
}

/// Why there are more or fewer than the book says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Broken, spoilt, or past its date: nobody can buy it any more.
    Damaged,
    /// Gone, and nobody knows where to.
    Lost,
    /// There, and in no book.
    Found,
    /// The book was wrong; a note says how.
    Corrected,
}

/// By how much a product's balance changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of what.
    pub product_id: ProductId,
    /// By how much; negative is out.
    pub delta: i64,
    /// Of which lot.
    #[serde(default, skip_serializing_if = "Lot::is_empty")]
    pub lot: Lot,
}

/// There are more or fewer than the book says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjusted {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// Why.
    pub cause: Cause,
    /// Of what, and by how much.
    pub lines: Vec<Change>,
    /// Who says so, and what else.
    #[serde(default, skip_serializing_if = "Remark::is_empty")]
    pub remark: Remark,
}

impl Remark {
    /// Whether nobody said anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        optional("person", self.person.as_deref(), LINE_MAX)?;
        optional("note", self.note.as_deref(), PROSE_MAX)
    }
}

impl Lot {
    /// Whether the label said nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn check(&self) -> Result<(), Fault> {
        optional("lot", self.lot.as_deref(), LINE_MAX)?;
        optional("expiry", self.expires.as_deref(), LINE_MAX)
    }
}

impl From<Reason> for Why {
    /// Nobody said anything of it.
    fn from(reason: Reason) -> Self {
        Self { reason, remark: Remark::default(), lot: Lot::default() }
    }
}

impl Received {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.remark.check()?;
        self.lines.iter().try_for_each(|line| line.lot.check())
    }

    /// Whether it says more than goods and amounts, which a reader of the first version would pass over.
    pub(crate) fn says_more(&self) -> bool {
        self.delivery_id.is_some() || !self.remark.is_empty() || self.lines.iter().any(|line| !line.lot.is_empty())
    }
}

impl From<Goods> for Received {
    fn from(goods: Goods) -> Self {
        let lines = goods.lines.into_iter().map(ReceivedLine::from).collect();
        Self { warehouse_id: goods.warehouse_id, lines, remark: Remark::default(), delivery_id: None }
    }
}

impl From<Line> for ReceivedLine {
    fn from(line: Line) -> Self {
        Self { product_id: line.product_id, amount: line.amount, lot: Lot::default() }
    }
}

impl Cause {
    /// The reason of the movements that it makes.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Damaged => Reason::Damaged,
            Self::Lost => Reason::Lost,
            Self::Found => Reason::Found,
            Self::Corrected => Reason::Corrected,
        }
    }

    /// Which way goods go; either, if the book was wrong.
    pub const fn sign(self) -> Option<i64> {
        match self {
            Self::Damaged | Self::Lost => Some(-1),
            Self::Found => Some(1),
            Self::Corrected => None,
        }
    }

    fn check(self, units: i64) -> Result<(), Fault> {
        let is_amount = units != 0 && (-AMOUNT_MAX..=AMOUNT_MAX).contains(&units);
        let goes_its_way = self.sign().is_none_or(|sign| sign == units.signum());
        if is_amount && goes_its_way { Ok(()) } else { Err(Fault::AmountOutOfRange { units }) }
    }
}

impl Adjusted {
    /// A book that was wrong is set right only with a word on how that came.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.remark.check()?;
        if self.cause == Cause::Corrected {
            text::require("note", self.remark.note.as_deref().unwrap_or_default(), PROSE_MAX)?;
        }
        self.lines.iter().try_for_each(|line| {
            line.lot.check()?;
            self.cause.check(line.delta)
        })
    }
}

fn optional(field: &'static str, text: Option<&str>, max: usize) -> Result<(), Fault> {
    text.map_or(Ok(()), |text| text::require(field, text, max))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn adjusted(cause: Cause, delta: i64, note: Option<&str>) -> Adjusted {
        let line = Change { product_id: ProductId(Uuid::from_u128(1)), delta, lot: Lot::default() };
        let remark = Remark { person: None, note: note.map(str::to_owned) };
        Adjusted { warehouse_id: WarehouseId(Uuid::from_u128(2)), cause, lines: vec![line], remark }
    }

    #[test]
    fn goods_go_the_way_that_their_cause_says() {
        let out_of_range = |units| Err(Fault::AmountOutOfRange { units });
        let cases = [
            (Cause::Damaged, -2, None, Ok(())),
            (Cause::Damaged, 2, None, out_of_range(2)),
            (Cause::Lost, -1, None, Ok(())),
            (Cause::Lost, 0, None, out_of_range(0)),
            (Cause::Found, 3, None, Ok(())),
            (Cause::Found, -3, None, out_of_range(-3)),
            (Cause::Found, AMOUNT_MAX + 1, None, out_of_range(AMOUNT_MAX + 1)),
            (Cause::Lost, i64::MIN, None, out_of_range(i64::MIN)),
            (Cause::Corrected, -5, Some("typed twice"), Ok(())),
            (Cause::Corrected, 5, Some("typed twice"), Ok(())),
            (Cause::Corrected, 5, None, Err(Fault::Empty { field: "note" })),
            (Cause::Corrected, 5, Some(" "), Err(Fault::Empty { field: "note" })),
            (Cause::Damaged, -1, Some("a\0b"), Err(Fault::NulCharacter { field: "note" })),
        ];
        for (cause, delta, note, expected) in cases {
            assert_eq!(adjusted(cause, delta, note).check(), expected, "{cause:?} {delta} {note:?}");
        }
    }

    #[test]
    fn what_is_not_said_leaves_the_first_version_as_it_was() {
        let line = Line { product_id: ProductId(Uuid::from_u128(1)), amount: Amount::ONE };
        let goods = Goods { warehouse_id: WarehouseId(Uuid::from_u128(2)), lines: vec![line] };
        let received = Received::from(goods.clone());
        let old = rmp_serde::to_vec_named(&goods).expect("our own types always encode into memory");
        assert_eq!(rmp_serde::to_vec_named(&received).expect("our own types always encode into memory"), old);
        assert_eq!(rmp_serde::from_slice::<Received>(&old).expect("decodes"), received);
    }
}
