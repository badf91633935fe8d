//! A counting: people walk along the bins of a place and write down what they see, and what they saw is booked once
//! somebody approves it. Until then it is one device's own; nothing of it is told.
//!
//! The bins of one product are not seen at one moment, and a bin is not counted in one. So what is seen has two moments,
//! between which the eyes looked ([`Look`]); [`sight`] makes one number of all looks at a product, with a cut that is
//! true of every one of them, and [`judge`] says whether that may be booked or somebody else counts again.

mod judge;
mod said;
mod sight;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use self::{
    judge::{Judged, Round, Standing, Why, judge},
    said::remark,
    sight::{Book, Moved, Sight, Stale, sight},
};
use crate::{
    clock::Timestamp,
    count::Upto,
    fault::Fault,
    id::IncarnationId,
    quantity::AMOUNT_MAX,
    text::{self, LINE_MAX},
};

/// Bins of a counting at most: more than a device's people walk along in a day.
pub const BINS_MAX: usize = 1_000;

/// Products of a counting at most: each is booked by an op of its own, all in one transaction.
pub const PRODUCTS_MAX: usize = 2_000;

/// Whole percent that a tolerance may have.
pub const PERCENT_MAX: i64 = 100;

/// Which counting of its device, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountingNumber(pub i64);

/// How far a counting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountingState {
    /// People count.
    Open,
    /// What was seen is looked at; only what is to be counted again is still counted.
    Review,
    /// All of it is booked.
    Approved,
    /// It was given up.
    Cancelled,
}

/// What may be booked without a second count, and what two counts may differ by: so many units, or so many hundredths
/// of what the book says, whichever is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolerance {
    /// In the product's smallest unit, at least 0.
    pub units: i64,
    /// From 0 to [`PERCENT_MAX`].
    pub percent: i64,
}

/// How a counting is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether those who count are not shown what the book says.
    pub blind: bool,
    /// What needs no second count.
    pub tolerance: Tolerance,
}

/// What had been done at a moment of counting, as far as the device knew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The device's own life.
    pub life: IncarnationId,
    /// The last entry of its journal.
    pub seq: i64,
    /// By its own clock.
    pub at: Timestamp,
    /// Microseconds that its clock was ahead of head office's when it was last level; none: it never was.
    pub ahead: Option<i64>,
    /// Up to when it had heard head office, by that one's clock.
    pub heard_at: Option<Timestamp>,
    /// How far it knew other journals to be: what they had done up to there was done before.
    pub known: Vec<Upto>,
    /// How far other journals were just then, as somebody read off their devices' screens.
    pub read: Vec<Upto>,
    /// How far they were right after, as their devices said when they were asked: what came after that was after.
    #[serde(default)]
    pub asked: Vec<Upto>,
}

/// How many of a product one person saw in one bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Where.
    pub bin: String,
    /// Who.
    pub person: String,
    /// How many, at least 0.
    pub units: i64,
    /// The eyes had not looked yet.
    pub from: Moment,
    /// They had.
    pub to: Moment,
}

impl Tolerance {
    /// What a counting has for which nothing else is said.
    pub const USUAL: Self = Self { units: 1, percent: 2 };

    /// Whether a difference is small, beside so many that should be there.
    pub fn allows(self, difference: i64, expected: i64) -> bool {
        let (difference, expected) = (i128::from(difference).abs(), i128::from(expected).abs());
        difference <= i128::from(self.units) || difference * 100 <= expected * i128::from(self.percent)
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`Fault::ToleranceOutOfRange`].
    pub fn check(self) -> Result<(), Fault> {
        let is_in_range = (0..=AMOUNT_MAX).contains(&self.units) && (0..=PERCENT_MAX).contains(&self.percent);
        if is_in_range { Ok(()) } else { Err(Fault::ToleranceOutOfRange) }
    }
}

impl CountingState {
    /// Whether bins still belong to it.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Open | Self::Review => false,
            Self::Approved | Self::Cancelled => true,
        }
    }
}

/// What is written on a bin, as it is compared and kept: in capitals, because people type it, too.
///
/// # Errors
/// Those of [`text::require`].
pub fn bin_named(text: &str) -> Result<String, Fault> {
    text::require("bin", text, LINE_MAX)?;
    Ok(text.trim().to_uppercase())
}

/// What a person is called, as it is kept.
///
/// # Errors
/// Those of [`text::require`].
pub fn person_named(text: &str) -> Result<String, Fault> {
    text::require("person", text, LINE_MAX)?;
    Ok(text.trim().to_owned())
}

/// Whether two names are one person's, however they were typed.
pub fn is_same_person(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// A person's name as it is compared.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

impl fmt::Display for CountingNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CountingNumber {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        text.parse().map(Self).map_err(|_| Fault::NotACounting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_small_by_units_or_by_what_should_be_there() {
        let tolerance = Tolerance { units: 1, percent: 2 };
        let cases = [(0, 0, true), (1, 0, true), (-1, 3, true), (2, 99, false), (2, 100, true), (-20, 1_000, true)];
        for (difference, expected, is_small) in cases {
            assert_eq!(tolerance.allows(difference, expected), is_small, "{difference} of {expected}");
        }
        let none = Tolerance { units: 0, percent: 0 };
        assert_eq!((none.allows(0, 7), none.allows(1, 7), none.allows(i64::MIN, i64::MIN)), (true, false, false));
        for wrong in [Tolerance { units: -1, percent: 0 }, Tolerance { units: 0, percent: 101 }] {
            assert_eq!(wrong.check(), Err(Fault::ToleranceOutOfRange));
        }
        assert_eq!(Tolerance::USUAL.check(), Ok(()));
    }

    #[test]
    fn a_person_is_one_person_however_the_name_is_typed() {
        assert!(is_same_person("Ada", " ada ") && !is_same_person("Ada", "Ben"));
        assert_eq!(person_named(" Ada "), Ok("Ada".to_owned()));
        assert_eq!(bin_named(" a1 "), Ok("A1".to_owned()));
        assert_eq!(bin_named("  "), Err(Fault::Empty { field: "bin" }));
    }
}
