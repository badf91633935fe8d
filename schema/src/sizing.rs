//! How large an allotment should be, so that a till sells through a cut line and no unit lies where nobody wants it.
//!
//! It is the *base-stock policy* of inventory theory with a service level (Arrow, Harris, Marschak 1951; Scarf 1960
//! for the two marks): a till holds what it will sell until head office hears it again, and a margin for chance.
//! What it sells is a compound Poisson stream, so mean and variance of any time follow from two decayed sums, of
//! amounts and of their squares ([`Demand`]). How long it goes unheard is the longest wait of late ([`Waits`]).
//! From the two follow three [`Marks`]: it is topped up below *low* to *full*, and asked to give back only above
//! *high*, so that an allotment does not go to and fro with every sale. When units are short they are shared by
//! [`shares`], and [`plan`] says who is granted and who is asked. Each time is an argument, each number whole.

mod fair;
mod holding;
mod plan;
#[cfg(test)]
mod tests;

pub use self::{
    fair::{Claim, shares},
    holding::{Holding, Outlook, call_back, call_for, due_at_home, even_out, free, lacks_a_recall},
    plan::{Holder, Move, keep_while_short, plan},
};
use crate::{clock::Timestamp, stock::SUM_MAX};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What was sold a day ago counts for 19/20 of what is sold now: half after two weeks, and 20 days in all.
const MEMORY_DAYS: i64 = 20;

/// A till that has sold for less than two weeks is taken to have sold that in two.
const WARM_DAYS: i64 = 14;

/// Decayed sums are kept in parts of 1/1024, and shares of what is kept in parts of 2^-32.
const PARTS: i64 = 1 << 10;
const WHOLE: i128 = 1 << 32;

/// The safety factor: in 98 of 100 waits the margin is enough, by the normal approximation.
const SAFETY_TENTHS: i128 = 21;

/// A till is prepared for a cut of three days even if its line never failed, and for no more than a month.
const COVER_MIN: i64 = 3 * DAY;
const COVER_MAX: i64 = 30 * DAY;

/// Who was heard within twenty minutes is within reach: a device that waits for news is heard every five.
const NEAR_SECONDS: i64 = 20 * 60;

/// An ask that could not be met stands for a day: after that, whoever wanted the goods has gone.
pub const ASK_LASTS: i64 = DAY;

/// The share that is kept of a sum after some seconds, in parts of [`WHOLE`]: 19/20 of it each day.
fn kept(seconds: i64) -> i128 {
    let (seconds, memory) = (seconds.max(0), i128::from(MEMORY_DAYS));
    // A part of a day takes its part of what the day takes.
    let mut left = WHOLE - WHOLE * i128::from(seconds % DAY) / (i128::from(DAY) * memory);
    let (mut factor, mut days) = (WHOLE - WHOLE / memory, seconds / DAY);
    while days > 0 && left > 0 {
        if days % 2 == 1 {
            left = left * factor / WHOLE;
        }
        (factor, days) = (factor * factor / WHOLE, days / 2);
    }
    left
}

/// A sum after it has decayed.
fn decayed(sum: i64, seconds: i64) -> i64 {
    i64::try_from(i128::from(sum.max(0)) * kept(seconds) / WHOLE).unwrap_or(i64::MAX)
}

/// What a till has sold of a product of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The decayed sum of the amounts, in parts of 1/1024.
    pub units: i64,
    /// The decayed sum of their squares, likewise; it stays at the largest number that it can be.
    pub squares: i64,
    /// Since when it is counted.
    pub since: Timestamp,
    /// The moment to which the sums are decayed.
    pub at: Timestamp,
}

impl Demand {
    /// After a first sale.
    pub fn first(units: i64, at: Timestamp) -> Self {
        Self { units: 0, squares: 0, since: at, at }.sold(units, at)
    }

    /// After a sale, which may be told late and in any order.
    #[must_use]
    pub fn sold(self, units: i64, at: Timestamp) -> Self {
        let units = units.max(0);
        let (amount, square) = (units.saturating_mul(PARTS), units.saturating_mul(units).saturating_mul(PARTS));
        let (ahead, behind) = (at.seconds_since(self.at), self.at.seconds_since(at));
        let add = |sum: i64, more: i64| decayed(sum, ahead).saturating_add(decayed(more, behind));
        Self {
            units: add(self.units, amount).min(SUM_MAX),
            squares: add(self.squares, square),
            since: self.since.min(at),
            at: self.at.max(at),
        }
    }

    /// After a sale of a till that may have sold nothing before.
    #[must_use]
    pub fn after(before: Option<Self>, units: i64, at: Timestamp) -> Self {
        before.map_or_else(|| Self::first(units, at), |known| known.sold(units, at))
    }

    /// The mean of what is sold within `cover` seconds, and its variance, both in parts of 1/1024.
    fn within(self, cover: i64, now: Timestamp) -> (i128, i128) {
        let seen =
            (WHOLE - kept(now.seconds_since(self.since))).max(WHOLE * i128::from(WARM_DAYS) / i128::from(MEMORY_DAYS));
        let (seconds, age) = (seen * i128::from(MEMORY_DAYS * DAY), now.seconds_since(self.at));
        let of = |sum| i128::from(decayed(sum, age)) * i128::from(cover) * WHOLE / seconds;
        (of(self.units), of(self.squares))
    }

    /// What is wanted of units that lie ready for `cover` seconds: a weight for [`Claim`], at least 1.
    pub fn weight(self, cover: i64, now: Timestamp) -> i64 {
        i64::try_from(self.within(cover, now).0).unwrap_or(SUM_MAX).clamp(1, SUM_MAX)
    }
}

/// How long a device goes unheard: the longest wait of late, fading as [`Demand`] does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// In seconds.
    pub longest: i64,
    /// As of this moment; none before it was first heard.
    pub at: Option<Timestamp>,
}

impl Waits {
    /// After something was heard that had waited for so many seconds.
    #[must_use]
    pub fn heard(self, waited: i64, now: Timestamp) -> Self {
        Self { longest: self.faded(now).max(waited), at: Some(now) }
    }

    fn faded(self, now: Timestamp) -> i64 {
        decayed(self.longest, self.at.map_or(0, |at| now.seconds_since(at)))
    }

    /// The time for which the device is to be prepared, in seconds.
    pub fn cover(self, now: Timestamp) -> i64 {
        self.faded(now).clamp(COVER_MIN, COVER_MAX)
    }
}

/// How long the oldest op of a push had waited, in seconds: no longer than the device went unheard, whatever its
/// clock says.
pub fn waited(oldest: Timestamp, seen_at: Option<Timestamp>, now: Timestamp) -> i64 {
    now.seconds_since(oldest).min(seen_at.map_or(0, |seen| now.seconds_since(seen)))
}

/// Whether a device that was last heard then still counts as heard: a recall reaches it soon.
pub fn is_near(seen_at: Option<Timestamp>, now: Timestamp) -> bool {
    seen_at.is_some_and(|seen| now.seconds_since(seen) <= NEAR_SECONDS)
}

/// Between which marks an allotment is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Below this it is topped up, and low in the eyes of whoever looks.
    pub low: i64,
    /// Up to this.
    pub full: i64,
    /// Above this it is asked to give back, if others are short.
    pub high: i64,
}

impl Marks {
    /// Those of a till that sells so and is prepared for `cover` seconds without head office.
    pub fn of(demand: Option<Demand>, cover: i64, now: Timestamp) -> Self {
        let Some(demand) = demand else { return Self::default() };
        let (mean, variance) = demand.within(cover, now);
        let parts = i128::from(PARTS);
        let margin = (variance * parts).max(0).isqrt() * SAFETY_TENTHS / 10;
        // The nearest whole number is the quantile of so many of these small counts.
        let full = (mean + margin + parts / 2) / parts;
        Self::around(i64::try_from(full).unwrap_or(SUM_MAX).clamp(0, SUM_MAX))
    }

    /// Those around a level: a quarter less is low, half as much again is high.
    pub fn around(full: i64) -> Self {
        Self { low: full - full / 4, full, high: full + (full / 2).max(1) }
    }

    /// Whether somebody should see that little is left.
    pub fn is_low(self, open: i64) -> bool {
        open < self.low
    }

    /// What a till asks for that has `open` and is to sell `units`: those, and what it lacks to be full.
    pub fn ask(self, open: i64, units: i64) -> i64 {
        (units.max(self.full) - open.max(0)).max(0)
    }
}
