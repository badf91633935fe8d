//! What people must look at: one open concern per kind and subject.

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::ConcernId,
    settle::{Raised, brought_up_to_date},
    stock::StockKey,
    verdict::{Concern, ConcernKind},
};
use serde_json::json;

use super::{feed::Id, ledger::Ledger};

impl Ledger {
    /// Opens concerns; one that is open already is brought up to date.
    pub(super) fn open_concerns(&mut self, raised: Vec<Raised>) {
        for Raised { kind, subject, detail, scope, .. } in raised {
            self.ever.insert(kind);
            let key = (kind, subject);
            let concern = match self.concerns.get_mut(&key) {
                Some(open) if open.detail == detail => continue,
                Some(open) => {
                    open.detail = brought_up_to_date(&open.detail, detail);
                    open.clone()
                }
                None => {
                    let (concern_id, opened_at) = (ConcernId(self.fresh()), self.known.now);
                    let subject = key.1.clone();
                    let concern = Concern { concern_id, kind, subject, detail, scope, opened_at, closed_at: None };
                    self.concerns.insert(key, concern.clone());
                    concern
                }
            };
            self.tell_concern(concern);
        }
    }

    /// Closes concerns that are over; those that are not open are left alone.
    pub(super) fn close_concerns(&mut self, over: Vec<(ConcernKind, String)>) {
        for key in over {
            if let Some(concern) = self.concerns.remove(&key) {
                self.tell_concern(Concern { closed_at: Some(self.known.now), ..concern });
            }
        }
    }

    fn tell_concern(&mut self, concern: Concern) {
        let id = Id::one(Kind::Concern, concern.concern_id.0);
        self.feed.tell(id, concern.scope, Aggregate::Concern(Box::new(concern)));
    }

    /// Opens and closes the concerns of a stock row, as its figures now ask. For every change of stock that
    /// no op made.
    pub(super) fn look_at_stock(&mut self, key: StockKey) {
        let level = self.known.levels.get(&key).copied().unwrap_or_default();
        for (kind, units) in [(ConcernKind::Owed, level.owed()), (ConcernKind::Unbacked, level.unbacked())] {
            if units == 0 && !self.concerns.keys().any(|(open, _)| *open == kind) {
                continue;
            }
            let subject = format!("{}/{}", key.product_id, key.warehouse_id);
            if units > 0 {
                let detail = json!({ "product": key.product_id, "warehouse": key.warehouse_id, "units": units });
                self.open_concerns(vec![Raised { kind, subject, detail, scope: key.warehouse_id.0, seq: None }]);
            } else {
                self.close_concerns(vec![(kind, subject)]);
            }
        }
    }
}
