//! The bytes of an op, as they are kept for ever.

use serde::de::DeserializeOwned;

use super::{Op, OpKind};
use crate::{fault::Fault, word::Word as _};

/// A body begins with this many random bytes, so that a person's data can be erased later although
/// its digest stays: nobody can guess the text back from the digest.
pub const SALT_BYTES: usize = 16;

impl Op {
    /// The body as it will be kept for ever: salt, then MessagePack with named fields.
    pub fn to_body(&self, salt: [u8; SALT_BYTES]) -> Vec<u8> {
        let encoded = match self {
            Self::Sale(sale) => rmp_serde::to_vec_named(sale),
            Self::CustomerAdded(customer) => rmp_serde::to_vec_named(customer),
            Self::AddressAdded(address) => rmp_serde::to_vec_named(address),
            Self::Reviewed(review) => rmp_serde::to_vec_named(review),
            Self::Received(received) => rmp_serde::to_vec_named(received),
            Self::Adjusted(adjusted) => rmp_serde::to_vec_named(adjusted),
            Self::GaveBack(goods) | Self::AllotmentAsked(goods) => rmp_serde::to_vec_named(goods),
            Self::Counted(count) => rmp_serde::to_vec_named(count),
            Self::StatusTold(told) => rmp_serde::to_vec_named(told),
            Self::CancelAsked(cancel) => rmp_serde::to_vec_named(cancel),
            Self::Carried(carried) => rmp_serde::to_vec_named(carried),
            Self::LifeEnded(ended) => rmp_serde::to_vec_named(ended),
            Self::Dispatched(told) => rmp_serde::to_vec_named(told),
            Self::Arrived(told) => rmp_serde::to_vec_named(told),
            Self::ReceiptUndone(undone) => rmp_serde::to_vec_named(undone),
            Self::Returned(back) => rmp_serde::to_vec_named(back),
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
            OpKind::Adjusted => read(bytes).map(Self::Adjusted),
            OpKind::Counted => read(bytes).map(Self::Counted),
            OpKind::GaveBack => read(bytes).map(Self::GaveBack),
            OpKind::StatusTold => read(bytes).map(Self::StatusTold),
            OpKind::AllotmentAsked => read(bytes).map(Self::AllotmentAsked),
            OpKind::CancelAsked => read(bytes).map(Self::CancelAsked),
            OpKind::Carried => read(bytes).map(Self::Carried),
            OpKind::LifeEnded => read(bytes).map(Self::LifeEnded),
            OpKind::Dispatched => read(bytes).map(Self::Dispatched),
            OpKind::Arrived => read(bytes).map(Self::Arrived),
            OpKind::ReceiptUndone => read(bytes).map(Self::ReceiptUndone),
            OpKind::Returned => read(bytes).map(Self::Returned),
        }
        .map_err(|_| unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::tests::sale;

    #[test]
    fn a_body_reads_back_as_what_was_written() {
        let body = sale().to_body([7; SALT_BYTES]);
        assert_eq!(Op::from_body(OpKind::Sale, &body), Ok(sale()));
        assert_eq!(Op::from_body(OpKind::Counted, &body), Err(Fault::Unreadable { what: "counted" }));
        assert_eq!(Op::from_body(OpKind::Sale, &[1, 2, 3]), Err(Fault::Unreadable { what: "sale" }));
    }
}
