//! A hold that ends before its time, because the goods are no longer there.

use outpost_schema::{settle::Raised, verdict::ConcernKind, withdrawal::HeldLine};
use serde_json::json;

use super::Held;
use crate::wire::Buyer;

impl Held {
    /// As it stands among the holds of a row that is short.
    pub fn line(&self) -> HeldLine {
        HeldLine { hold_id: self.hold_id, units: self.amount.units(), created_at: self.created_at }
    }

    /// What people are told once it is withdrawn: whoever counted on it must hear of that.
    pub fn withdrawn(&self) -> Raised {
        let (product, warehouse) = (self.key.product_id, self.key.warehouse_id);
        let (cart, order) = (self.buyer.and_then(Buyer::cart), self.buyer.and_then(Buyer::order));
        Raised {
            kind: ConcernKind::HoldWithdrawn,
            subject: format!("{product}/{warehouse}/{}", self.hold_id),
            detail: json!({
                "product": product, "warehouse": warehouse, "hold": self.hold_id, "units": self.amount.units(),
                "cart": cart, "order": order,
            }),
            scope: warehouse.0,
            seq: None,
        }
    }
}
