//! What people must look at of a transfer: it follows from the sums, and goes with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Totals, Transfer};
use crate::{id::ProductId, settle::named, verdict::ConcernKind};

/// Units of a transfer that are not as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// How.
    pub kind: ConcernKind,
    /// Units by product, each above 0; none if nothing of the kind is surprising.
    pub products: BTreeMap<ProductId, i64>,
}

impl Surprise {
    /// Units of all products.
    pub fn units(&self) -> i64 {
        self.products.values().copied().fold(0, i64::saturating_add)
    }
}

impl Transfer {
    /// Units that came though nobody sent them, and units that are missing of a complete transfer.
    pub fn surprises(&self) -> [Surprise; 2] {
        let totals = self.totals();
        let of = |kind, units: fn(Totals) -> i64| {
            let products = totals.iter().map(|(product_id, of)| (*product_id, units(*of)));
            Surprise { kind, products: products.filter(|(_, units)| *units > 0).collect() }
        };
        let missing = if self.complete { Totals::on_road } else { |_| 0 };
        [of(ConcernKind::TransferExcess, Totals::excess), of(ConcernKind::TransferShort, missing)]
    }

    /// What a concern about it is about, what it says, and whose feed tells of it.
    pub fn concern(&self, surprise: &Surprise) -> (String, Value, Uuid) {
        let id = self.transfer_id.0;
        let place = self.route.map(|route| route.to_id).or_else(|| self.places().first().copied());
        let detail = json!({
            "transfer": id, "code": self.code.to_string(), "route": self.route, "units": surprise.units(),
            "products": named(surprise.products.iter().map(|(product_id, units)| (*product_id, *units))),
        });
        (id.to_string(), detail, place.map_or(id, |place| place.0))
    }
}
