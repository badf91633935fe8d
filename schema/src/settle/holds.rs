//! Holds that an order uses up: what was promised to its buyer becomes the order's own promise.

use std::collections::BTreeMap;

use super::{UsedUp, decide::Batch};
use crate::{id::HoldId, order::Order, stock::StockKey};

impl Batch<'_> {
    /// Ends what these holds have open at the order's warehouse, and says how much that covers of each row. What
    /// they hold elsewhere stays for the order that is made there; what the order does not need is free again.
    ///
    /// Nothing is covered of a life that is granted nothing more, suspended or over, nor while the server may have
    /// forgotten what it granted: these take what they sold from their own allotment alone, or from what was written off
    /// with it.
    pub(super) fn use_up(&mut self, order: &Order, holds: &[HoldId]) -> BTreeMap<StockKey, i64> {
        let is_used =
            |(hold_id, key): &(HoldId, StockKey)| holds.contains(hold_id) && key.warehouse_id == order.warehouse_id;
        let used: Vec<_> = self.known.holds.iter().filter(|(line, _)| is_used(line)).map(|(l, u)| (*l, *u)).collect();
        let mut covered = BTreeMap::new();
        for ((hold_id, key), units) in used {
            self.known.holds.remove(&(hold_id, key));
            self.settled.used_up.push(UsedUp { hold_id, key, order_id: order.order_id });
            // One whose time came holds nothing, and ends here for good: nobody makes it last longer any more.
            if units > 0 {
                self.promise(key, -units);
                self.settled.freed.insert(key);
                *covered.entry(key).or_default() += units;
            }
        }
        let is_told_off = self.author.is_superseded || self.known.is_suspended;
        let is_granted = self.elder.is_none() && !is_told_off && !self.known.is_recovering;
        if is_granted { covered } else { BTreeMap::new() }
    }
}

/// Takes up to so many units out of what is left, and says how many.
pub(super) fn take(rest: &mut i64, units: i64) -> i64 {
    let taken = units.min(*rest);
    *rest -= taken;
    taken
}
