//! The journal: a node's own ops in order, numbered from 1 without gaps and chained by their hashes, so
//! that outbox, audit log and evidence are one thing.
//!
//! The bytes of a body are kept as first written and never encoded again: a newer reader may
//! understand more of them, and the hash must go on fitting.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use crate::{
    clock::Hlc,
    fault::Fault,
    id::IncarnationId,
    op::{Op, SALT_BYTES},
    word::Word as _,
};

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
        // Checked here, because a number may begin with a sign.
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
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

/// The largest number of an entry, exact in any JSON reader: a till that writes a thousand entries a second gets
/// there in three hundred thousand years, and one more can always be added.
pub const SEQ_MAX: i64 = 1 << 53;

/// A place in a journal: how far somebody knows it. Seq 0 is before the first entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The word of its [`crate::op::OpKind`]; a newer node may send words that this version does not know.
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
            version: op.version(),
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

    /// Whether its hash covers what it says, in the journal of `incarnation`.
    pub fn is_whole(&self, incarnation: IncarnationId) -> bool {
        self.hash == self.digest(incarnation)
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
    use crate::{op::Sale, order::tests::order};
    use uuid::Uuid;

    fn sale() -> Op {
        Op::Sale(Box::new(Sale { order: order(&[(2, "1.25")]), sold: None, holds: Vec::new(), to_be_confirmed: false }))
    }

    fn incarnation() -> IncarnationId {
        IncarnationId(Uuid::from_u128(77))
    }

    fn first() -> Entry {
        Entry::write(incarnation(), Mark::START, Hlc::ZERO, "1:1:".to_owned(), &sale(), [7; 16])
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
}
