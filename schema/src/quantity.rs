//! Counts of goods, in the product's smallest unit: pieces, grams, thousandths of a gallon.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// The largest amount one line or one op may name: a thousand tonnes in grams. What is larger is a
/// slip of the hand or an attack, and sums of 2^30 of them still fit 64 bits.
pub const AMOUNT_MAX: i64 = 1_000_000_000;

/// How much of a product an op names: from 1 to [`AMOUNT_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

impl Amount {
    /// One unit.
    pub const ONE: Self = Self(1);

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`Fault::AmountOutOfRange`] if `units` is below 1 or above [`AMOUNT_MAX`].
    pub fn new(units: i64) -> Result<Self, Fault> {
        if (1..=AMOUNT_MAX).contains(&units) { Ok(Self(units)) } else { Err(Fault::AmountOutOfRange { units }) }
    }

    /// The number of units.
    pub const fn units(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Amount {
    type Error = Fault;
    fn try_from(units: i64) -> Result<Self, Fault> {
        Self::new(units)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> i64 {
        amount.0
    }
}

/// The smallest unit a product is counted in, and how many of them its price buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Sold by the piece; the price buys 1.
    Each,
    /// Counted in grams; the price buys a kilogram.
    Gram,
    /// Counted in millilitres; the price buys a litre.
    Millilitre,
    /// Counted in thousandths of a gallon; the price buys a gallon.
    Milligallon,
}

impl Unit {
    /// How many of this unit the price of a product usually buys.
    pub const fn price_per(self) -> i64 {
        match self {
            Self::Each => 1,
            Self::Gram | Self::Millilitre | Self::Milligallon => 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_at_least_one_and_never_enormous() {
        for units in [i64::MIN, -1, 0, AMOUNT_MAX + 1, i64::MAX] {
            assert_eq!(Amount::new(units), Err(Fault::AmountOutOfRange { units }));
        }
        assert_eq!(Amount::new(AMOUNT_MAX).map(Amount::units), Ok(AMOUNT_MAX));
    }
}
