//! What is withdrawn when more of a stock row is promised than is there: goods broke, were counted fewer, or an order
//! was taken for them elsewhere.
//!
//! Nothing at first. A row may only seem short: a device that sells from it may have received goods, and not told yet.
//! So nobody's promise is touched until everybody who could still explain it has been heard ([`is_explained`]): the
//! barrier of a distributed snapshot (Chandy, Lamport 1985), taken with the feed. A device that asks for news behind the
//! change, and whose journal is then in the book to its end, has told all that it did before it knew.
//!
//! Then unused promises go before used ones: holds, newest first ([`withdraw`]), and after them what devices in reach
//! have to spare, which they are asked to give back ([`crate::sizing::call_back`]). Orders are never touched: what is
//! left stays visible as unbacked, with a concern that names them.

use crate::{
    clock::Timestamp,
    id::HoldId,
    planted::{Bug, is_planted},
};

/// A life of a device, as it stands to a row that is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seller {
    /// What it may sell of the row without asking, as far as head office knows.
    pub open: i64,
    /// Whether somebody gave it up: nobody waits for it.
    pub is_given_up: bool,
    /// Whether all that it did before it knew that the row is short is in the book.
    pub has_told: bool,
}

/// Whether nobody is left who could still tell something that explains a row.
pub fn is_explained(sellers: impl IntoIterator<Item = Seller>) -> bool {
    let is_waited_for = |seller: &Seller| seller.open > 0 && !seller.is_given_up && !seller.has_told;
    is_planted(Bug::WithdrawnTooEarly) || !sellers.into_iter().any(|seller| is_waited_for(&seller))
}

/// An open line of a hold on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLine {
    /// Of which hold.
    pub hold_id: HoldId,
    /// Units.
    pub units: i64,
    /// Since when.
    pub created_at: Timestamp,
}

/// Which of these holds are withdrawn from a row that is short of so many units: the newest, as few as cover that, each
/// line whole, for half of what was promised is not what was promised. Of two of one moment the larger id is newer.
pub fn withdraw(short: i64, mut held: Vec<HeldLine>) -> Vec<HeldLine> {
    held.sort_unstable_by_key(|line| std::cmp::Reverse((line.created_at, line.hold_id)));
    if is_planted(Bug::OldestHoldWithdrawn) {
        held.reverse();
    }
    let mut short = short;
    held.into_iter()
        .take_while(|line| {
            let is_needed = short > 0;
            short -= line.units;
            is_needed
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn seller(open: i64, is_given_up: bool, has_told: bool) -> Seller {
        Seller { open, is_given_up, has_told }
    }

    #[test]
    fn a_row_is_explained_once_everybody_who_could_sell_of_it_has_told() {
        let (told, given_up, empty, silent) =
            (seller(3, false, true), seller(3, true, false), seller(0, false, false), seller(1, false, false));
        assert!(is_explained([]), "nobody sells there without asking");
        assert!(is_explained([told, given_up, empty]));
        assert!(!is_explained([told, silent]));
    }

    fn line(id: u128, units: i64, second: i64) -> HeldLine {
        let created_at = Timestamp::from_micros(0).plus_seconds(second);
        HeldLine { hold_id: HoldId(Uuid::from_u128(id)), units, created_at }
    }

    #[test]
    fn the_newest_holds_go_and_no_more_than_are_needed() {
        let held = [line(1, 2, 10), line(2, 5, 30), line(3, 1, 20), line(4, 1, 20)];
        let cases =
            [(0, vec![]), (1, vec![2]), (5, vec![2]), (6, vec![2, 4]), (7, vec![2, 4, 3]), (90, vec![2, 4, 3, 1])];
        for (short, expected) in cases {
            let gone = withdraw(short, held.to_vec()).into_iter().map(|line| line.hold_id.0.as_u128());
            assert_eq!(gone.collect::<Vec<_>>(), expected, "short of {short}");
        }
    }
}
