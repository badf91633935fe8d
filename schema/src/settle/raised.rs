//! A concern that is to be opened, and what becomes of one that is open already.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{id::ProductId, verdict::ConcernKind};

/// Where the figures of a concern list what happened one after the other: a further part is added to those that are
/// told already, never put in their place.
pub const PARTS: &str = "parts";

/// Products that a concern names; of more those with the most units. A person reads it, and a feed carries it.
const NAMED_MAX: usize = 100;

/// A concern to open, or to bring up to date if one of its kind and subject is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// Its sort.
    pub kind: ConcernKind,
    /// What it is about.
    pub subject: String,
    /// Its figures.
    pub detail: Value,
    /// Whose feed tells of it.
    pub scope: Uuid,
    /// The op that raised it.
    pub seq: Option<i64>,
}

/// What an open concern says once more of it is told: the newer figures, with the parts of both. `db/concerns.rs`
/// of the server says the same in SQL.
pub fn brought_up_to_date(told: &Value, mut newer: Value) -> Value {
    if let Some(more) = newer.get_mut(PARTS).and_then(Value::as_array_mut) {
        let mut parts = match told.get(PARTS).and_then(Value::as_array) {
            Some(parts) => parts.clone(),
            // It was opened when a concern told of one part only.
            None => vec![told.clone()],
        };
        parts.append(more);
        *more = parts;
    }
    newer
}

/// Raised in a row, each kind and subject once.
pub fn each_once(raised: &[Raised]) -> Vec<Raised> {
    let mut once: BTreeMap<(ConcernKind, &str), Raised> = BTreeMap::new();
    for newer in raised {
        let told = once.entry((newer.kind, &newer.subject));
        told.and_modify(|told| told.detail = brought_up_to_date(&told.detail, newer.detail.clone()))
            .or_insert_with(|| newer.clone());
    }
    once.into_values().collect()
}

/// Units by product, as a concern names them.
pub fn named(units: impl IntoIterator<Item = (ProductId, i64)>) -> Value {
    let mut sums: BTreeMap<ProductId, i64> = BTreeMap::new();
    for (product_id, units) in units {
        *sums.entry(product_id).or_default() += units;
    }
    let mut most: Vec<_> = sums.into_iter().filter(|(_, units)| *units != 0).collect();
    most.sort_by_key(|(_, units)| -units);
    most.truncate(NAMED_MAX);
    json!(BTreeMap::from_iter(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(detail: Value) -> Raised {
        Raised { kind: ConcernKind::ReturnedTwice, subject: "it".to_owned(), detail, scope: Uuid::nil(), seq: None }
    }

    #[test]
    fn parts_are_added_to_parts() {
        let cases = [
            (json!({ "units": 1 }), json!({ "units": 2 }), json!({ "units": 2 })),
            (json!({ "parts": [1] }), json!({ "of": 1, "parts": [2, 3] }), json!({ "of": 1, "parts": [1, 2, 3] })),
            (json!({ "units": 1 }), json!({ "parts": [2] }), json!({ "parts": [{ "units": 1 }, 2] })),
        ];
        for (told, newer, expected) in cases {
            assert_eq!(brought_up_to_date(&told, newer), expected);
        }
        let once = each_once(&[raised(json!({ "parts": [1] })), raised(json!({ "parts": [2] }))]);
        assert_eq!(once, [raised(json!({ "parts": [1, 2] }))]);
    }

    #[test]
    fn the_products_with_the_most_units_are_named() {
        let product = |n: u128| ProductId(Uuid::from_u128(n));
        let all = (0..200).map(|n| (product(n), i64::try_from(n).expect("small")));
        let named = named(all.chain([(product(150), 1_000), (product(7), -7)]));
        let of = |n: u128| named[product(n).to_string()].as_i64();
        assert_eq!((of(150), of(199), of(7), of(20)), (Some(1_150), Some(199), None, None));
        assert_eq!(named.as_object().map(serde_json::Map::len), Some(NAMED_MAX));
    }
}
