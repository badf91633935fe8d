//! Stock, both sides of the allotment arithmetic in one file, because the law spans them.
//!
//! Per (product, warehouse) there are two sums. *Balance* is the sum of movements; *promised* is the
//! sum of open promises: allotments, holds, orders to be handed over. All that people read follows
//! from the two ([`Level`]), so no fact can break a rule: what reality did beyond the book is a
//! visible number, `owed` or `unbacked`.
//!
//! An [`Allotment`] is the escrow of O'Neil (1986) and the bounded counter of Balegas et al. (2015),
//! kept as totals that only grow, so that a message may be lost, repeated or late. The side that
//! gives something up writes it down before it tells the other.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ProductId, WarehouseId},
    movement::Why,
    quantity::AMOUNT_MAX,
};

/// The largest sum of a stock row or total of an allotment: a thousand million of the largest amounts. Five of
/// them, and an op's worth more, still fit 64 bits.
pub const SUM_MAX: i64 = AMOUNT_MAX * 1_000_000_000;

/// The largest total of an allotment that a device is believed, of which a thousand still fit [`SUM_MAX`]: it is far
/// beyond what anybody was granted, and one damaged number must not use up what a row can hold.
pub const TOTAL_TOLD_MAX: i64 = AMOUNT_MAX * 1_000_000;

/// Names a stock row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StockKey {
    /// Of what.
    pub product_id: ProductId,
    /// Where.
    pub warehouse_id: WarehouseId,
}

/// Why a quantity changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Came in.
    Received,
    /// Left with a customer.
    Sold,
    /// Came back from a customer.
    Returned,
    /// Broken, spoilt, or past its date.
    Damaged,
    /// Gone, and nobody knows where to.
    Lost,
    /// There, and in no book.
    Found,
    /// The book was wrong: somebody looked.
    Counted,
    /// Went to another warehouse, or came from there.
    Transferred,
    /// Somebody set the book right.
    Corrected,
}

/// One signed change of a stock row's balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Where.
    pub key: StockKey,
    /// By how much; negative is out.
    pub delta: i64,
    /// Why, and what was said of it.
    pub why: Why,
}

/// The two sums of a stock row, and everything that follows from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The sum of movements; below 0 when more left the building than the book had.
    pub balance: i64,
    /// The sum of open promises, at least 0.
    pub promised: i64,
}

impl Level {
    /// Whether one of its sums is beyond [`SUM_MAX`].
    pub fn is_beyond(self) -> bool {
        self.balance.unsigned_abs() > SUM_MAX.unsigned_abs() || self.promised > SUM_MAX
    }

    /// Units on hand.
    pub fn quantity(self) -> i64 {
        self.balance.max(0)
    }

    /// Units on hand that are spoken for.
    pub fn reserved(self) -> i64 {
        self.promised.min(self.quantity())
    }

    /// Units that left although the book had none.
    pub fn owed(self) -> i64 {
        self.balance.min(0).saturating_neg()
    }

    /// Units promised that are no longer there.
    pub fn unbacked(self) -> i64 {
        self.promised - self.reserved()
    }

    /// Units that may still be promised to somebody.
    pub fn available(self) -> i64 {
        self.quantity().saturating_sub(self.reserved())
    }
}

/// What one incarnation may do with one stock row, as totals that only grow. G and W are raised by
/// the server alone; C, R and E are sums over the node's own journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allotment {
    /// G: granted by the server.
    pub granted: i64,
    /// W: taken back by the server without the node's word. Of what was written off, less what came back.
    pub reclaimed: i64,
    /// C: what the node sold or took out of the book, beyond its allotment too.
    pub consumed: i64,
    /// R: what the node gave back.
    pub returned: i64,
    /// E: what the node put into the book at its home.
    pub received: i64,
}

impl Allotment {
    /// Whether one of its totals is beyond [`SUM_MAX`].
    pub fn is_beyond(self) -> bool {
        [self.granted, self.reclaimed, self.consumed, self.returned, self.received].iter().any(|total| *total > SUM_MAX)
    }

    /// G + E - C - R - W; below 0 after physical sales beyond the allotment.
    pub fn rest(self) -> i64 {
        self.granted + self.received - self.consumed - self.returned - self.reclaimed
    }

    /// Units the node may still sell without asking: what the server keeps promised to it.
    pub fn open(self) -> i64 {
        self.rest().max(0)
    }

    /// Whether `units` more may be sold without asking.
    pub fn covers(self, units: i64) -> bool {
        self.rest() >= units
    }

    /// After the server grants `units`. An old excess never eats a new grant.
    #[must_use]
    pub fn grant(self, units: i64) -> Self {
        let floor = self.consumed + self.returned + self.reclaimed - self.received;
        Self { granted: self.granted.max(floor) + units, ..self }
    }

    /// After the node sold `units` or took them out of the book.
    #[must_use]
    pub fn consume(self, units: i64) -> Self {
        Self { consumed: self.consumed + units, ..self }
    }

    /// After the node put `units` into the book at its home.
    #[must_use]
    pub fn receive(self, units: i64) -> Self {
        Self { received: self.received + units, ..self }
    }

    /// After the node gave `units` back.
    #[must_use]
    pub fn give_back(self, units: i64) -> Self {
        Self { returned: self.returned + units, ..self }
    }

    /// After the server took `units` of it back, for others.
    #[must_use]
    pub fn take_back(self, units: i64) -> Self {
        Self { reclaimed: self.reclaimed + units, ..self }
    }

    /// What a page of the feed tells: it is the server's newest word, so W may have fallen. G never does; a page that
    /// knows less of G is older than what was heard before, and lowers nothing.
    #[must_use]
    pub fn told(self, granted: i64, reclaimed: i64) -> Self {
        if granted < self.granted { self.hear(granted, reclaimed) } else { Self { granted, reclaimed, ..self } }
    }

    /// What two ends know of the totals the server raises: larger wins.
    #[must_use]
    pub fn hear(self, granted: i64, reclaimed: i64) -> Self {
        Self { granted: self.granted.max(granted), reclaimed: self.reclaimed.max(reclaimed), ..self }
    }
}

/// What happens at a till whose allotment does not cover a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SalePolicy {
    /// The sale is refused; ask, or take an order to be confirmed.
    Strict,
    /// The goods are in the customer's hand: a fact.
    Physical,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_reality_does_the_checks_hold() {
        for balance in -3..=5 {
            for promised in 0..=5 {
                let level = Level { balance, promised };
                assert!(level.quantity() >= 0 && level.owed() >= 0 && level.unbacked() >= 0 && level.available() >= 0);
                assert!((0..=level.quantity()).contains(&level.reserved()), "{level:?}");
                assert_eq!(level.quantity() - level.owed(), balance);
                assert_eq!(level.reserved() + level.unbacked(), promised);
            }
        }
    }

    #[test]
    fn an_old_excess_never_eats_a_new_grant() {
        let oversold = Allotment::default().grant(2).consume(5);
        assert_eq!(oversold.open(), 0);
        assert_eq!(oversold.grant(3).open(), 3);
    }

    #[test]
    fn a_home_keeps_what_it_receives_and_loses_what_it_sells() {
        let home = Allotment::default().receive(10).consume(4);
        assert_eq!(home.open(), 6);
        assert!(home.covers(6) && !home.covers(7));
        assert_eq!(home.give_back(6).open(), 0);
    }

    #[test]
    fn totals_may_be_heard_late_and_twice() {
        let heard = Allotment::default().hear(5, 0).hear(3, 0).hear(5, 0);
        assert_eq!(heard.granted, 5);
    }

    #[test]
    fn a_page_may_lower_what_was_taken_back_and_an_older_one_does_not() {
        let cases = [((5, 3), (5, 3)), ((5, 1), (5, 1)), ((7, 0), (7, 0)), ((4, 0), (5, 2)), ((4, 6), (5, 6))];
        for (told, (granted, reclaimed)) in cases {
            let own = Allotment { granted: 5, reclaimed: 2, ..Allotment::default() }.told(told.0, told.1);
            assert_eq!((own.granted, own.reclaimed), (granted, reclaimed), "{told:?}");
        }
    }
}
