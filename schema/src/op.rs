//! Ops: what happened at a node, or is wanted by it, and the journal entries that carry them.
//!
//! A *fact* has happened and is always accepted; an *ask* may be refused. Entries are numbered from 1
//! without gaps and chained by their hashes, so that outbox, audit log and evidence are one thing.
//! The bytes of a body are kept as first written and never encoded again: a newer reader may
//! understand more of them, and the hash must go on fitting.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _};
use sha2::{Digest, Sha256};

use crate::{
    cart::Sold,
    clock::{Hlc, Timestamp},
    fault::Fault,
    id::{IncarnationId, OrderId, ProductId, WarehouseId},
    money::Money,
    order::{Order, OrderStatus},
    people::{Address, Review, User},
    quantity::{AMOUNT_MAX, Amount},
    word::Word as _,
};

/// The version of every body this program writes.
pub const VERSION: u16 = 1;

/// A body begins with this many random bytes, so that a person's data can be erased later although
/// its digest stays: nobody can guess the text back from the digest.
pub const SALT_BYTES: usize = 16;

/// A body is at most this long. The longest real order, of 1,114 lines, takes under 150 KB.
pub const BODY_MAX: usize = 512 * 1024;

/// An op about stock has at most this many lines.
pub const LINES_MAX: usize = 2_000;

/// A product and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub product_id: ProductId,
    /// How much.
    pub amount: Amount,
}

/// Goods at a warehouse: received, given back, asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What and how much.
    pub lines: Vec<Line>,
}

/// "I saw 7" of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountLine {
    /// Of what.
    pub product_id: ProductId,
    /// How many were seen, at least 0.
    pub counted: i64,
    /// Counted less what the node's book said at that moment: the movement it writes.
    pub delta: i64,
}

/// A count of some products at a warehouse that only this node changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Where.
    pub warehouse_id: WarehouseId,
    /// What was seen.
    pub lines: Vec<CountLine>,
}

/// A finished sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The order with its items and payments.
    pub order: Order,
    /// The very units of the cart that were checked out, if it came from a cart.
    pub sold: Option<Sold>,
}

/// A new customer, with the default address if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The person.
    pub user: User,
    /// Where they live.
    pub address: Option<Address>,
}

/// An order moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTold {
    /// Which.
    pub order_id: OrderId,
    /// Where it stands now.
    pub status: OrderStatus,
    /// When that happened.
    pub at: Timestamp,
}

/// A wish to call an order off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which.
    pub order_id: OrderId,
    /// When it was wanted.
    pub at: Timestamp,
}

/// One thing that happened or is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fact: a sale was finished, or an order to be handed over was taken.
    Sale(Box<Sale>),
    /// Fact: a customer was written down.
    CustomerAdded(Box<Customer>),
    /// Fact: a customer's further address was written down.
    AddressAdded(Box<Address>),
    /// Fact: a customer said something of a product.
    Reviewed(Box<Review>),
    /// Fact: goods came in.
    Received(Goods),
    /// Fact: somebody looked.
    Counted(Count),
    /// Fact: the node gave part of its allotment back.
    GaveBack(Goods),
    /// Fact: an order was processed, shipped or delivered.
    StatusTold(StatusTold),
    /// Ask: more allotment, please.
    AllotmentAsked(Goods),
    /// Ask: call an order off.
    CancelAsked(Cancel),
}

/// The sorts of op, by the word that travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpKind {
    /// [`Op::Sale`]
    Sale,
    /// [`Op::CustomerAdded`]
    CustomerAdded,
    /// [`Op::AddressAdded`]
    AddressAdded,
    /// [`Op::Reviewed`]
    Reviewed,
    /// [`Op::Received`]
    Received,
    /// [`Op::Counted`]
    Counted,
    /// [`Op::GaveBack`]
    GaveBack,
    /// [`Op::StatusTold`]
    StatusTold,
    /// [`Op::AllotmentAsked`]
    AllotmentAsked,
    /// [`Op::CancelAsked`]
    CancelAsked,
}

impl Op {
    /// Its kind.
    pub fn kind(&self) -> OpKind {
        match self {
            Self::Sale(_) => OpKind::Sale,
            Self::CustomerAdded(_) => OpKind::CustomerAdded,
            Self::AddressAdded(_) => OpKind::AddressAdded,
            Self::Reviewed(_) => OpKind::Reviewed,
            Self::Received(_) => OpKind::Received,
            Self::Counted(_) => OpKind::Counted,
            Self::GaveBack(_) => OpKind::GaveBack,
            Self::StatusTold(_) => OpKind::StatusTold,
            Self::AllotmentAsked(_) => OpKind::AllotmentAsked,
            Self::CancelAsked(_) => OpKind::CancelAsked,
        }
    }

    /// What it is worth in money while it waits: the total of a sale.
    pub fn worth(&self) -> Money {
        match self {
            Self::Sale(sale) => sale.order.total_amount,
            Self::CustomerAdded(_)
            | Self::AddressAdded(_)
            | Self::Reviewed(_)
            | Self::Received(_)
            | Self::Counted(_)
            | Self::GaveBack(_)
            | Self::StatusTold(_)
            | Self::AllotmentAsked(_)
            | Self::CancelAsked(_) => Money::ZERO,
        }
    }

    /// Checks the bounds that no op may break, whatever the shop's book says.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Sale(sale) => {
                sale.order.check_shape()?;
                sale.sold.as_ref().map_or(Ok(()), Sold::check)
            }
            Self::CustomerAdded(customer) => {
                customer.user.check()?;
                customer.address.as_ref().map_or(Ok(()), Address::check)
            }
            Self::AddressAdded(address) => address.check(),
            Self::Reviewed(review) => review.check(),
            Self::Received(goods) | Self::GaveBack(goods) | Self::AllotmentAsked(goods) => {
                check_lines(goods.lines.len())
            }
            Self::Counted(count) => {
                check_lines(count.lines.len())?;
                count.lines.iter().try_for_each(CountLine::check)
            }
            Self::StatusTold(told) => told.check(),
            Self::CancelAsked(_) => Ok(()),
        }
    }

    /// The body as it will be kept for ever: salt, then MessagePack with named fields.
    pub fn to_body(&self, salt: [u8; SALT_BYTES]) -> Vec<u8> {
        let encoded = match self {
            Self::Sale(sale) => rmp_serde::to_vec_named(sale),
            Self::CustomerAdded(customer) => rmp_serde::to_vec_named(customer),
            Self::AddressAdded(address) => rmp_serde::to_vec_named(address),
            Self::Reviewed(review) => rmp_serde::to_vec_named(review),
            Self::Received(goods) | Self::GaveBack(goods) | Self::AllotmentAsked(goods) => {
                rmp_serde::to_vec_named(goods)
            }
            Self::Counted(count) => rmp_serde::to_vec_named(count),
            Self::StatusTold(told) => rmp_serde::to_vec_named(told),
            Self::CancelAsked(cancel) => rmp_serde::to_vec_named(cancel),
        };
        let mut body = salt.to_vec();
        body.extend(encoded.expect("our own types always encode into memory"));
        body
    }

    /// Reads a body of that kind.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] if the bytes are not such a body.
    pub fn from_body(kind: OpKind, body: &[u8]) -> Result<Self, Fault> {
        let unreadable = Fault::Unreadable { what: kind.word() };
        let bytes = body.get(SALT_BYTES..).ok_or_else(|| unreadable.clone())?;
        fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
            rmp_serde::from_slice(bytes)
        }
        match kind {
            OpKind::Sale => read(bytes).map(Self::Sale),
            OpKind::CustomerAdded => read(bytes).map(Self::CustomerAdded),
            OpKind::AddressAdded => read(bytes).map(Self::AddressAdded),
            OpKind::Reviewed => read(bytes).map(Self::Reviewed),
            OpKind::Received => read(bytes).map(Self::Received),
            OpKind::Counted => read(bytes).map(Self::Counted),
            OpKind::GaveBack => read(bytes).map(Self::GaveBack),
            OpKind::StatusTold => read(bytes).map(Self::StatusTold),
            OpKind::AllotmentAsked => read(bytes).map(Self::AllotmentAsked),
            OpKind::CancelAsked => read(bytes).map(Self::CancelAsked),
        }
        .map_err(|_| unreadable)
    }
}

impl CountLine {
    fn check(&self) -> Result<(), Fault> {
        let seen = (0..=AMOUNT_MAX).contains(&self.counted);
        let moved = (-AMOUNT_MAX..=AMOUNT_MAX).contains(&self.delta);
        let units = if seen { self.delta } else { self.counted };
        if seen && moved { Ok(()) } else { Err(Fault::AmountOutOfRange { units }) }
    }
}

impl StatusTold {
    /// A cancellation is asked for, never told; and nothing goes back to the beginning.
    fn check(&self) -> Result<(), Fault> {
        match self.status {
            OrderStatus::Processed | OrderStatus::Shipped | OrderStatus::Delivered => Ok(()),
            OrderStatus::Pending | OrderStatus::Cancelled => Err(Fault::UnknownWord {
                what: "status that can be told",
                value: self.status.word().to_owned(),
                choices: "processed, shipped, delivered",
            }),
        }
    }
}

fn check_lines(count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::NoLines),
        1..=LINES_MAX => Ok(()),
        _ => Err(Fault::TooManyLines { count, max: LINES_MAX }),
    }
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first entry of a journal follows.
    pub const START: Self = Self([0; 32]);

    /// Reads 32 bytes.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] for any other number of bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Fault> {
        bytes.try_into().map(Self).map_err(|_| Fault::Unreadable { what: "a hash" })
    }

    fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::str::FromStr for Hash {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        Self::from_hex(text).ok_or(Fault::Unreadable { what: "a hash" })
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
            Self::from_slice(&bytes).map_err(D::Error::custom)
        }
    }
}

/// The bytes of a body; base64 where a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        if deserializer.is_human_readable() {
            STANDARD.decode(String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
        } else {
            serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Self(bytes.into_vec()))
        }
    }
}

/// A place in a journal: how far somebody knows it. Seq 0 is before the first entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The last entry known.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

impl Mark {
    /// Before the first entry.
    pub const START: Self = Self { seq: 0, hash: Hash::START };
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the entries of one incarnation, dense from 1.
    pub seq: i64,
    /// When, by the node's hybrid clock.
    pub hlc: Hlc,
    /// The feed position it was decided at, kept as evidence.
    pub seen: String,
    /// The word of its [`OpKind`]; a newer node may send words that this version does not know.
    pub kind: String,
    /// The version of its body.
    pub version: u16,
    /// Its body, as first written.
    pub body: Body,
    /// The hash of the entry before it.
    pub prev_hash: Hash,
    /// Covers all of the above, the body by its digest.
    pub hash: Hash,
}

impl Entry {
    /// The entry that follows `head` in the journal of `incarnation`.
    pub fn write(
        incarnation: IncarnationId,
        head: Mark,
        hlc: Hlc,
        seen: String,
        op: &Op,
        salt: [u8; SALT_BYTES],
    ) -> Self {
        let mut entry = Self {
            seq: head.seq + 1,
            hlc,
            seen,
            kind: op.kind().word().to_owned(),
            version: VERSION,
            body: Body(op.to_body(salt)),
            prev_hash: head.hash,
            hash: Hash::START,
        };
        entry.hash = entry.digest(incarnation);
        entry
    }

    /// Its place in the journal.
    pub fn mark(&self) -> Mark {
        Mark { seq: self.seq, hash: self.hash }
    }

    /// Whether it follows `before` in the journal of `incarnation`, unaltered.
    pub fn follows(&self, incarnation: IncarnationId, before: Mark) -> bool {
        self.seq == before.seq + 1 && self.prev_hash == before.hash && self.hash == self.digest(incarnation)
    }

    fn digest(&self, incarnation: IncarnationId) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.prev_hash.0);
        hasher.update(incarnation.0.as_bytes());
        hasher.update(self.seq.to_be_bytes());
        hasher.update(self.hlc.at.micros().to_be_bytes());
        hasher.update(self.hlc.tick.to_be_bytes());
        for text in [&self.seen, &self.kind] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
        hasher.update(self.version.to_be_bytes());
        hasher.update(Sha256::digest(&self.body.0));
        Hash(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::order;
    use uuid::Uuid;

    fn sale() -> Op {
        Op::Sale(Box::new(Sale { order: order(&[(2, "1.25")]), sold: None }))
    }

    fn incarnation() -> IncarnationId {
        IncarnationId(Uuid::from_u128(77))
    }

    fn first() -> Entry {
        Entry::write(incarnation(), Mark::START, Hlc::ZERO, "1:1:".to_owned(), &sale(), [7; 16])
    }

    #[test]
    fn a_body_reads_back_as_what_was_written() {
        let entry = first();
        assert_eq!(Op::from_body(OpKind::Sale, &entry.body.0), Ok(sale()));
        assert_eq!(Op::from_body(OpKind::Counted, &entry.body.0), Err(Fault::Unreadable { what: "counted" }));
        assert_eq!(Op::from_body(OpKind::Sale, &[1, 2, 3]), Err(Fault::Unreadable { what: "sale" }));
    }

    #[test]
    fn a_chain_shows_any_change() {
        let one = first();
        let two = Entry::write(incarnation(), one.mark(), Hlc::ZERO, String::new(), &sale(), [8; 16]);
        assert!(one.follows(incarnation(), Mark::START) && two.follows(incarnation(), one.mark()));
        assert!(!two.follows(incarnation(), Mark::START), "a gap");
        assert!(!two.follows(IncarnationId(Uuid::from_u128(78)), one.mark()), "another journal");
        let changes: [fn(&mut Entry); 6] = [
            |entry| entry.body.0[20] ^= 1,
            |entry| entry.kind.push('x'),
            |entry| entry.seen.push('x'),
            |entry| entry.version += 1,
            |entry| entry.hlc.tick += 1,
            |entry| entry.seq += 1,
        ];
        for change in changes {
            let mut changed = two.clone();
            change(&mut changed);
            assert!(!changed.follows(incarnation(), one.mark()), "{changed:?}");
        }
    }

    #[test]
    fn an_entry_travels_in_both_encodings() {
        let entry = first();
        let binary = rmp_serde::to_vec_named(&entry).expect("encodes");
        assert_eq!(rmp_serde::from_slice::<Entry>(&binary).expect("reads"), entry);
        let json = serde_json::to_string(&entry).expect("encodes");
        assert_eq!(serde_json::from_str::<Entry>(&json).expect("reads"), entry);
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for (kind, word) in OpKind::WORDS {
            assert_eq!(OpKind::of_word(word), Ok(*kind));
        }
        assert!(OpKind::of_word("teleported").is_err());
    }
}
