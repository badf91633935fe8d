//! What ops say about how large an allotment should be: what is sold, asked for in vain, and given back at a home.
//! None of it decides an op; it is kept for whoever sizes allotments ([`crate::sizing`]).

use super::decide::{At, Batch};
use crate::{sizing::Demand, stock::StockKey};

impl Batch<'_> {
    /// Somebody bought. What is sold at a home is no matter: all of it is its own already.
    pub(super) fn note_sold(&mut self, at: At, key: StockKey, units: i64) {
        if self.elder.is_none() && !self.is_home(key) {
            let (now, outlook) = (self.known.now, self.known.outlooks.entry(key).or_default());
            outlook.demand = Some(Demand::after(outlook.demand, units, at.at.min(now)));
        }
    }

    /// More was asked for than was there. At a home, what it gets is no longer spared.
    pub(super) fn note_asked(&mut self, key: StockKey, asked: i64, granted: i64) {
        if self.elder.is_some() {
            return;
        }
        let (now, is_home) = (self.known.now, self.is_home(key));
        let outlook = self.known.outlooks.entry(key).or_default();
        *outlook = outlook.asked_in_vain(if is_home { 0 } else { asked - granted }, now);
        outlook.spared = (outlook.spared - granted).max(0);
        self.known.allotments.entry(key).or_default();
        self.settled.allotments.insert(key);
    }

    /// What a home gives back is for others, until it asks for it again.
    pub(super) fn note_spared(&mut self, key: StockKey, units: i64) {
        if self.elder.is_none() && self.is_home(key) {
            self.known.outlooks.entry(key).or_default().spared += units;
        }
    }

    fn is_home(&self, key: StockKey) -> bool {
        self.author.homes.contains(&key.warehouse_id)
    }
}
