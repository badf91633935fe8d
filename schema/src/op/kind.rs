//! The sorts of op.

use super::Op;

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
    /// [`Op::Adjusted`]
    Adjusted,
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
    /// [`Op::Carried`]
    Carried,
    /// [`Op::LifeEnded`]
    LifeEnded,
    /// [`Op::Dispatched`]
    Dispatched,
    /// [`Op::Arrived`]
    Arrived,
    /// [`Op::ReceiptUndone`]
    ReceiptUndone,
    /// [`Op::Returned`]
    Returned,
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
            Self::Adjusted(_) => OpKind::Adjusted,
            Self::Counted(_) => OpKind::Counted,
            Self::GaveBack(_) => OpKind::GaveBack,
            Self::StatusTold(_) => OpKind::StatusTold,
            Self::AllotmentAsked(_) => OpKind::AllotmentAsked,
            Self::CancelAsked(_) => OpKind::CancelAsked,
            Self::Carried(_) => OpKind::Carried,
            Self::LifeEnded(_) => OpKind::LifeEnded,
            Self::Dispatched(_) => OpKind::Dispatched,
            Self::Arrived(_) => OpKind::Arrived,
            Self::ReceiptUndone(_) => OpKind::ReceiptUndone,
            Self::Returned(_) => OpKind::Returned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word as _;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for (kind, word) in OpKind::WORDS {
            assert_eq!(OpKind::of_word(word), Ok(*kind));
        }
        assert!(OpKind::of_word("teleported").is_err());
    }
}
