//! What two machines compare to see whether they hold the same: the digest of each aggregate, and sums
//! of digests over a range of keys.
//!
//! An aggregate's [`Print`] is the SHA-256 of its canonical bytes, folded to 128 bits; a range's [`Sum`]
//! adds the prints up and counts them. Adding does not care for order, and a row that came or went is
//! one addition, so neither side has to sort or to keep anything. Nobody chooses what is compared to
//! deceive: a sum is against worn disks and mistakes in programs, not against an attacker.
//!
//! Canonical bytes are the form's number, then MessagePack with named fields of the schema's own type,
//! in which what the two databases may tell in another order is sorted: barcodes, payments, the keys of
//! JSON objects. Items keep their order, which is the receipt's.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    fault::Fault,
    feed::{Aggregate, Key, Kind},
    op::Op,
};

/// The form of the canonical bytes. It is raised whenever a type that is fed gains a field or changes
/// how it is written: two programs with different forms cannot compare, and say so instead of seeing
/// differences everywhere.
pub const FORM: u16 = 1;

/// What is compared, in the order of a walk. A late verdict is not: it is part of the node's own
/// journal, which has a chain of hashes, and no image of anything.
pub const COMPARED: [Kind; 17] = [
    Kind::Warehouse,
    Kind::Category,
    Kind::Product,
    Kind::Stock,
    Kind::Allotment,
    Kind::User,
    Kind::Address,
    Kind::Order,
    Kind::Review,
    Kind::Cart,
    Kind::Concern,
    Kind::Transfer,
    Kind::Delivery,
    Kind::Return,
    Kind::Rule,
    Kind::Confirmation,
    Kind::Synonyms,
];

/// The digest of one aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print(u128);

impl Print {
    /// The print of an aggregate, whose lists are brought into their order for it.
    pub fn of(aggregate: Aggregate) -> Self {
        Self::over("whole", &canonical(aggregate))
    }

    /// The print of something that is there under this key and cannot be read: unlike any aggregate's.
    pub fn unreadable(key: &Key) -> Self {
        Self::over("unreadable", key)
    }

    fn over(what: &str, content: &impl Serialize) -> Self {
        let mut bytes = FORM.to_be_bytes().to_vec();
        bytes.extend_from_slice(what.as_bytes());
        rmp_serde::encode::write_named(&mut bytes, content).expect("our own types always encode into memory");
        let hash = Sha256::digest(&bytes);
        let (mut high, mut low) = ([0; 16], [0; 16]);
        high.copy_from_slice(&hash[..16]);
        low.copy_from_slice(&hash[16..]);
        Self(u128::from_be_bytes(high) ^ u128::from_be_bytes(low))
    }
}

/// Whether an aggregate counts: an allotment whose totals are both 0 was never fed, and a node that has
/// one keeps its own sums in it.
pub const fn counts(aggregate: &Aggregate) -> bool {
    match aggregate {
        Aggregate::Allotment(granted) => granted.granted > 0 || granted.reclaimed > 0,
        Aggregate::Verdict(_) | Aggregate::Gone(_) => false,
        Aggregate::Warehouse(_)
        | Aggregate::Category(_)
        | Aggregate::Product(_)
        | Aggregate::Stock(_)
        | Aggregate::User(_)
        | Aggregate::Address(_)
        | Aggregate::Order(_)
        | Aggregate::Review(_)
        | Aggregate::Cart(_)
        | Aggregate::Concern(_)
        | Aggregate::Transfer(_)
        | Aggregate::Delivery(_)
        | Aggregate::Return(_)
        | Aggregate::Rule(_)
        | Aggregate::Confirmation(_)
        | Aggregate::Synonyms(_) => true,
    }
}

/// The prints of a range, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many aggregates.
    pub rows: u64,
    /// Their prints' sum.
    sum: Total,
}

impl FromIterator<Print> for Sum {
    fn from_iter<I: IntoIterator<Item = Print>>(prints: I) -> Self {
        prints.into_iter().fold(Self::default(), |sum, Print(print)| Self {
            rows: sum.rows + 1,
            sum: Total(sum.sum.0.wrapping_add(print)),
        })
    }
}

/// A sum modulo 2^128; as text, because few encodings carry such a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total(u128);

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(D::Error::custom)
    }
}

/// The ids of a key, without its kind.
pub type Ids = Vec<Uuid>;

/// Keys of one kind, in their order: those after one and up to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRange {
    /// Their kind.
    pub kind: Kind,
    /// The one before the first; none from the beginning.
    #[serde(default)]
    pub after: Option<Ids>,
    /// The last; none to the end.
    #[serde(default)]
    pub upto: Option<Ids>,
}

impl KeyRange {
    /// Every key of a kind.
    pub const fn all(kind: Kind) -> Self {
        Self { kind, after: None, upto: None }
    }

    /// Whether a key is in it.
    pub fn has(&self, ids: &Ids) -> bool {
        self.after.as_ref().is_none_or(|after| ids > after) && self.upto.as_ref().is_none_or(|upto| ids <= upto)
    }

    /// The part up to a key in it, and the part behind.
    #[must_use]
    pub fn split(&self, at: &Ids) -> (Self, Self) {
        let middle = Some(at.clone());
        (Self { upto: middle.clone(), ..self.clone() }, Self { after: middle, ..self.clone() })
    }

    /// Checks that its ends are keys of a kind that is compared.
    ///
    /// # Errors
    /// [`Fault::Unreadable`].
    pub fn check(&self) -> Result<(), Fault> {
        let ends = self.after.iter().chain(&self.upto);
        let is_sound = COMPARED.contains(&self.kind) && ends.into_iter().all(|ids| ids.len() == self.kind.width());
        if is_sound { Ok(()) } else { Err(Fault::Unreadable { what: "a range of keys" }) }
    }
}

/// The aggregates that an own op is laid over, until an image contains it: what is shown there is not
/// what was fed, and cannot be compared. Stock keeps the two apart in columns of their own, so that its
/// rows are known without their ops; an ask changes nothing before it is answered.
pub fn laid_over(op: &Op) -> Vec<Key> {
    let key = |kind, id| Key { kind, ids: vec![id] };
    match op {
        Op::Sale(sale) => {
            let cart = sale.sold.as_ref().map(|sold| key(Kind::Cart, sold.cart_id.0));
            let order_id = sale.order.order_id.0;
            let confirmation = sale.to_be_confirmed.then(|| key(Kind::Confirmation, order_id));
            [key(Kind::Order, order_id)].into_iter().chain(cart).chain(confirmation).collect()
        }
        Op::CustomerAdded(customer) => {
            let address = customer.address.as_ref().map(|address| key(Kind::Address, address.address_id.0));
            [key(Kind::User, customer.user.user_id.0)].into_iter().chain(address).collect()
        }
        Op::AddressAdded(address) => vec![key(Kind::Address, address.address_id.0)],
        Op::Reviewed(review) => vec![key(Kind::Review, review.review_id.0)],
        Op::StatusTold(told) => vec![key(Kind::Order, told.order_id.0)],
        Op::Returned(back) => vec![key(Kind::Return, back.return_id.0)],
        Op::Carried(carried) => carried.op().iter().flat_map(laid_over).collect(),
        Op::LifeEnded(_) => Vec::new(),
        Op::Received(_)
        | Op::Adjusted(_)
        | Op::Counted(_)
        | Op::GaveBack(_)
        | Op::AllotmentAsked(_)
        | Op::CancelAsked(_) => Vec::new(),
        // The image of a transfer or delivery stays as it was fed; what this node did to it is laid over when shown.
        Op::Dispatched(_) | Op::Arrived(_) | Op::ReceiptUndone(_) => Vec::new(),
    }
}

/// The fields in which two versions of an aggregate differ, for people.
pub fn differing(one: &Aggregate, other: &Aggregate) -> Vec<String> {
    let fields = |aggregate: &Aggregate| {
        let tagged = serde_json::to_value(canonical(aggregate.clone())).unwrap_or_default();
        let content = tagged.as_object().and_then(|tagged| tagged.values().next());
        content.and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (one, other) = (fields(one), fields(other));
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    names.filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

fn canonical(mut aggregate: Aggregate) -> Aggregate {
    match &mut aggregate {
        Aggregate::Product(product) => {
            product.barcodes.sort_by(|one, other| one.digits().cmp(other.digits()));
            product.attributes = sorted(std::mem::take(&mut product.attributes));
        }
        Aggregate::Order(order) => order.payments.sort_by_key(|payment| payment.payment_id),
        Aggregate::Return(back) => back.refunds.sort_by_key(|refund| refund.payment.payment_id),
        Aggregate::Concern(concern) => concern.detail = sorted_value(concern.detail.take()),
        // What head office thinks that a device needs is no amount of anything, and is told anew with the next grant.
        Aggregate::Allotment(granted) => *granted = granted.totals(),
        Aggregate::Warehouse(_)
        | Aggregate::Category(_)
        | Aggregate::Stock(_)
        | Aggregate::User(_)
        | Aggregate::Address(_)
        | Aggregate::Review(_)
        | Aggregate::Cart(_)
        | Aggregate::Verdict(_)
        | Aggregate::Transfer(_)
        | Aggregate::Delivery(_)
        | Aggregate::Rule(_)
        | Aggregate::Confirmation(_)
        | Aggregate::Synonyms(_)
        | Aggregate::Gone(_) => {}
    }
    aggregate
}

fn sorted(object: Map<String, Value>) -> Map<String, Value> {
    let ordered: BTreeMap<String, Value> =
        object.into_iter().map(|(name, value)| (name, sorted_value(value))).collect();
    ordered.into_iter().collect()
}

fn sorted_value(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(sorted(object)),
        Value::Array(values) => Value::Array(values.into_iter().map(sorted_value).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[cfg(test)]
mod tests;
