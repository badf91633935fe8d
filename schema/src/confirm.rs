//! Which orders are confirmed of those that were taken although no allotment covered them.
//!
//! Such an order opens a promise like any other, so that its units are promised to nobody else once they are there. Until
//! it is confirmed it was promised nothing itself: what a row lacks is lacked by the orders there that nobody confirmed,
//! first by those that were taken last. So an earlier order is confirmed although a later one is not, what others were
//! promised is never taken for either, and an order that is confirmed is a promise like any other from then on.

use std::collections::BTreeMap;

use crate::{
    clock::Timestamp,
    id::OrderId,
    planted::{Bug, is_planted},
    stock::{Level, StockKey},
};

/// An order that nobody confirmed yet, and that is still to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaiting {
    /// Which.
    pub order_id: OrderId,
    /// When it was taken.
    pub asked_at: Timestamp,
    /// Its units, by row.
    pub lines: BTreeMap<StockKey, i64>,
}

/// Which of these are confirmed, the latest first. They are all that await it at the rows they name, of which so many
/// units more are promised than are there. None is while head office hears from its devices: it may have forgotten
/// whose the goods are.
pub fn confirmed(mut awaiting: Vec<Awaiting>, unbacked: &BTreeMap<StockKey, i64>, is_recovering: bool) -> Vec<OrderId> {
    if is_recovering && !is_planted(Bug::ConfirmedUnheard) {
        return Vec::new();
    }
    awaiting.sort_unstable_by_key(|order| std::cmp::Reverse((order.asked_at, order.order_id)));
    let (mut later, mut confirmed): (BTreeMap<StockKey, i64>, _) = (BTreeMap::new(), Vec::new());
    for order in awaiting {
        if order.is_there(unbacked, &later) {
            confirmed.push(order.order_id);
        }
        order.lines.into_iter().for_each(|(key, units)| *later.entry(key).or_default() += units);
    }
    confirmed
}

impl Awaiting {
    /// Whether all that its rows lack is lacked by orders that were taken later.
    fn is_there(&self, unbacked: &BTreeMap<StockKey, i64>, later: &BTreeMap<StockKey, i64>) -> bool {
        let of = |sums: &BTreeMap<StockKey, i64>, key: StockKey| sums.get(&key).copied().unwrap_or(0);
        let is_there = |(key, units): (&StockKey, &i64)| {
            let own = if is_planted(Bug::ConfirmedBeyond) { *units } else { 0 };
            of(unbacked, *key) <= of(later, *key) + own
        };
        match is_planted(Bug::ConfirmedInPart) {
            true => self.lines.iter().any(is_there),
            false => self.lines.iter().all(is_there),
        }
    }
}

/// What a row lacks for whoever was promised something, where so many of its units belong to orders that nobody
/// confirmed yet: those were promised nothing, so nobody loses anything to them.
pub fn lacking(level: Level, unconfirmed: i64) -> i64 {
    let unconfirmed = if is_planted(Bug::UnconfirmedPromised) { 0 } else { unconfirmed };
    (level.unbacked() - unconfirmed).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ProductId, WarehouseId};
    use uuid::Uuid;

    fn row(product: u128) -> StockKey {
        StockKey { product_id: ProductId(Uuid::from_u128(product)), warehouse_id: WarehouseId(Uuid::nil()) }
    }

    fn order(id: u128, second: i64, lines: &[(u128, i64)]) -> Awaiting {
        Awaiting {
            order_id: OrderId(Uuid::from_u128(id)),
            asked_at: Timestamp::from_micros(0).plus_seconds(second),
            lines: lines.iter().map(|(product, units)| (row(*product), *units)).collect(),
        }
    }

    /// Orders that wait, what the rows of which products lack, and who is confirmed.
    type Case<'a> = (&'a [Awaiting], &'a [(u128, i64)], &'a [u128]);

    #[test]
    fn what_is_there_is_the_earliest_orders() {
        let two = [order(1, 20, &[(1, 3)]), order(2, 10, &[(1, 2)])];
        let both = [order(1, 10, &[(1, 2), (2, 1)]), order(2, 20, &[(2, 4)]), order(3, 20, &[(1, 5)])];
        let cases: [Case<'_>; 8] = [
            (&two, &[], &[1, 2]),
            (&two, &[(1, 1)], &[2]),
            (&two, &[(1, 3)], &[2]),
            (&two, &[(1, 4)], &[]),
            // One line that is not there keeps the order waiting, and no other that has nothing to do with it.
            (&both, &[(2, 5)], &[3]),
            (&both, &[(2, 4)], &[3, 1]),
            (&both, &[(1, 6), (2, 4)], &[]),
            // Of two of one moment the larger id is later.
            (&[order(2, 10, &[(1, 1)]), order(1, 10, &[(1, 1)])], &[(1, 1)], &[1]),
        ];
        for (awaiting, unbacked, expected) in cases {
            let unbacked: BTreeMap<_, _> = unbacked.iter().map(|(product, units)| (row(*product), *units)).collect();
            let named = |ids: Vec<OrderId>| ids.into_iter().map(|id| id.0.as_u128()).collect::<Vec<_>>();
            assert_eq!(named(confirmed(awaiting.to_vec(), &unbacked, false)), expected, "{awaiting:?} {unbacked:?}");
            assert_eq!(named(confirmed(awaiting.to_vec(), &unbacked, true)), [0_u128; 0]);
        }
    }

    #[test]
    fn orders_that_nobody_confirmed_take_nothing_from_others() {
        let level = |balance, promised| Level { balance, promised };
        let cases = [(level(5, 5), 3, 0), (level(5, 8), 3, 0), (level(5, 9), 3, 1), (level(-2, 4), 0, 4)];
        for (level, unconfirmed, expected) in cases {
            assert_eq!(lacking(level, unconfirmed), expected, "{level:?}");
        }
    }
}
