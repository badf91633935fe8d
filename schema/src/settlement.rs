//! What people can do about a concern: a pure answer per kind.
//!
//! A concern that follows from figures (more left than the book had) or from an op that waits ends when those
//! do, never because somebody says so. The others end when somebody looked, or names the act that put it right.

use serde::{Deserialize, Serialize};

use crate::{
    planted::{Bug, is_planted},
    stock::Level,
    verdict::ConcernKind,
    word::Word as _,
};

/// What somebody does about a concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Goods are brought from another place.
    Transfer,
    /// The customer waits until goods come.
    Backorder,
    /// The money is given back.
    Refund,
    /// The loss is taken: the book follows what is.
    AcceptLoss,
    /// Somebody counts again.
    Recount,
    /// The two people are one.
    MergeCustomers,
    /// The two people are two; the second one's e-mail is to be asked for.
    KeepApart,
    /// One of two orders is void.
    VoidDuplicate,
    /// What is on the device's disk is saved.
    Salvage,
    /// What was written off is there after all.
    Found,
    /// Somebody looked, and says what they found.
    Noted,
}

/// What comes of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody looked: the concern is over.
    Closes,
    /// Head office books it now, and the concern is over with that.
    Acts,
    /// It is written down what will be done. The concern ends when the figures do, or, where no figure can, when the
    /// act that did it is named.
    Intends,
}

/// Whether concerns of this kind end only with what they tell of, never by hand.
pub const fn ends_by_itself(kind: ConcernKind) -> bool {
    match kind {
        ConcernKind::Owed
        | ConcernKind::Unbacked
        | ConcernKind::SetAside
        | ConcernKind::Suspended
        | ConcernKind::RecountWanted
        | ConcernKind::TransferExcess
        | ConcernKind::TransferShort => true,
        ConcernKind::TotalMismatch
        | ConcernKind::PaymentsMismatch
        | ConcernKind::OtherCurrency
        | ConcernKind::CartSoldTwice
        | ConcernKind::EmailTaken
        | ConcernKind::ClockAhead
        | ConcernKind::Fork
        | ConcernKind::ShippedThoughCancelled
        | ConcernKind::CartNotBelievable
        | ConcernKind::LifeBegun
        | ConcernKind::JournalHole
        | ConcernKind::ImageMended
        | ConcernKind::ServerRestored
        | ConcernKind::WrittenOff
        | ConcernKind::ReturnedTwice
        | ConcernKind::RefundedTooMuch
        | ConcernKind::HoldWithdrawn => false,
    }
}

/// What comes of it if a concern of this kind is settled so; none if it cannot be.
pub fn ending(kind: ConcernKind, settlement: Settlement) -> Option<Ending> {
    use Settlement as S;
    match settlement {
        S::Noted if ends_by_itself(kind) => Some(Ending::Intends),
        S::Noted => Some(Ending::Closes),
        S::Transfer | S::Backorder | S::Refund | S::Recount | S::VoidDuplicate | S::Salvage => {
            others_do_it(kind).contains(&settlement).then_some(Ending::Intends)
        }
        S::AcceptLoss => accepting(kind),
        S::MergeCustomers | S::KeepApart => (kind == ConcernKind::EmailTaken).then_some(Ending::Acts),
        S::Found => (kind == ConcernKind::WrittenOff).then_some(Ending::Acts),
    }
}

/// A concern that somebody wants to settle, as far as it matters for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its sort.
    pub kind: ConcernKind,
    /// How.
    pub settlement: Settlement,
    /// Whether the act that put it right is named.
    pub names_act: bool,
    /// Whether the concern is over.
    pub is_over: bool,
    /// If a settlement with this id was made already: whether it was this one.
    pub made: Option<bool>,
    /// Units of a device's old life that are still promised to it.
    pub in_doubt: i64,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is done.
    Now {
        /// Whether head office books something.
        books: bool,
        /// Whether the concern is over with that.
        closes: bool,
    },
    /// It was done before: the same is answered again, and nothing is done.
    Again,
    /// Another settlement has this id.
    IdTaken,
    /// The concern is over.
    Over,
    /// Concerns of its kind are settled otherwise.
    NotPossible,
    /// Nobody can say whether these units are sold.
    InDoubt(i64),
}

/// Decides it.
pub fn decide(asked: &Asked) -> Decided {
    let is_again = is_planted(Bug::SettledAgain) && asked.made == Some(true);
    match asked.made {
        _ if is_again => {}
        Some(true) => return Decided::Again,
        Some(false) => return Decided::IdTaken,
        None if asked.is_over => return Decided::Over,
        None => {}
    }
    let Some(ending) = ending(asked.kind, asked.settlement) else { return Decided::NotPossible };
    let closes = match ending {
        Ending::Acts | Ending::Closes => true,
        Ending::Intends => asked.names_act && !ends_by_itself(asked.kind),
    };
    match closes && asked.in_doubt > 0 {
        true => Decided::InDoubt(asked.in_doubt),
        false => Decided::Now { books: ending == Ending::Acts, closes },
    }
}

/// The units by which an accepted loss puts the book of a row right: it begins again at nothing.
pub fn loss(level: Level) -> i64 {
    level.owed() * if is_planted(Bug::LossBookedTwice) { 2 } else { 1 }
}

/// What is done elsewhere, by hands or by another act.
const fn others_do_it(kind: ConcernKind) -> &'static [Settlement] {
    use Settlement as S;
    match kind {
        ConcernKind::Owed => &[S::Recount, S::Transfer],
        ConcernKind::Unbacked => &[S::Transfer, S::Backorder, S::Refund, S::Recount],
        ConcernKind::HoldWithdrawn => &[S::Transfer, S::Backorder],
        ConcernKind::TotalMismatch | ConcernKind::PaymentsMismatch | ConcernKind::OtherCurrency => &[S::Refund],
        ConcernKind::CartSoldTwice => &[S::VoidDuplicate, S::Refund],
        ConcernKind::ShippedThoughCancelled => &[S::Refund],
        ConcernKind::RecountWanted | ConcernKind::TransferExcess | ConcernKind::ReturnedTwice => &[S::Recount],
        ConcernKind::SetAside | ConcernKind::Fork | ConcernKind::LifeBegun | ConcernKind::JournalHole => &[S::Salvage],
        ConcernKind::EmailTaken
        | ConcernKind::ClockAhead
        | ConcernKind::CartNotBelievable
        | ConcernKind::ImageMended
        | ConcernKind::ServerRestored
        | ConcernKind::Suspended
        | ConcernKind::WrittenOff
        | ConcernKind::TransferShort
        | ConcernKind::RefundedTooMuch => &[],
    }
}

/// A loss of goods is booked; one of money, or one that is booked already, is only accepted.
const fn accepting(kind: ConcernKind) -> Option<Ending> {
    match kind {
        ConcernKind::Owed | ConcernKind::TransferShort => Some(Ending::Acts),
        ConcernKind::TotalMismatch
        | ConcernKind::PaymentsMismatch
        | ConcernKind::OtherCurrency
        | ConcernKind::CartSoldTwice
        | ConcernKind::ShippedThoughCancelled
        | ConcernKind::JournalHole
        | ConcernKind::WrittenOff
        | ConcernKind::ReturnedTwice
        | ConcernKind::RefundedTooMuch => Some(Ending::Closes),
        ConcernKind::Unbacked
        | ConcernKind::EmailTaken
        | ConcernKind::ClockAhead
        | ConcernKind::SetAside
        | ConcernKind::Fork
        | ConcernKind::CartNotBelievable
        | ConcernKind::LifeBegun
        | ConcernKind::ImageMended
        | ConcernKind::ServerRestored
        | ConcernKind::Suspended
        | ConcernKind::RecountWanted
        | ConcernKind::TransferExcess
        | ConcernKind::HoldWithdrawn => None,
    }
}

/// How concerns of this kind can be settled.
pub fn possible(kind: ConcernKind) -> Vec<Settlement> {
    let all = Settlement::WORDS.iter().map(|(settlement, _)| *settlement);
    all.filter(|settlement| ending(kind, *settlement).is_some()).collect()
}

impl Settlement {
    /// What it means, for whoever chooses.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Transfer => "bring goods from another place",
            Self::Backorder => "let the customer wait until goods come",
            Self::Refund => "give the money back",
            Self::AcceptLoss => "accept the loss",
            Self::Recount => "count again",
            Self::MergeCustomers => "the two are one person",
            Self::KeepApart => "they are two people; ask the second for another e-mail",
            Self::VoidDuplicate => "void one of the two orders",
            Self::Salvage => "save what is on the device's disk (outpost-node salvage)",
            Self::Found => "it is there after all",
            Self::Noted => "somebody looked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_people_must_look_at_can_be_settled() {
        for (kind, word) in ConcernKind::WORDS {
            assert!(possible(*kind).contains(&Settlement::Noted), "{word}");
        }
        for (settlement, word) in Settlement::WORDS {
            let kinds = ConcernKind::WORDS.iter().filter(|(kind, _)| possible(*kind).contains(settlement));
            assert!(kinds.count() > 0, "{word} settles nothing");
            assert_eq!(serde_json::to_value(settlement).expect("encodes"), *word);
        }
    }

    #[test]
    fn what_ends_by_itself_is_closed_by_an_act_or_not_at_all() {
        for (kind, word) in ConcernKind::WORDS.iter().filter(|(kind, _)| ends_by_itself(*kind)) {
            for settlement in possible(*kind) {
                assert_ne!(ending(*kind, settlement), Some(Ending::Closes), "{word} by {settlement}");
            }
        }
    }

    #[test]
    fn it_is_done_once_and_only_while_there_is_something_to_settle() {
        use Settlement as S;
        let fresh =
            |kind, settlement| Asked { kind, settlement, names_act: false, is_over: false, made: None, in_doubt: 0 };
        let loss = fresh(ConcernKind::Owed, S::AcceptLoss);
        let refund = fresh(ConcernKind::TotalMismatch, S::Refund);
        let begun = Asked { in_doubt: 3, ..fresh(ConcernKind::LifeBegun, S::Noted) };
        let now = |books, closes| Decided::Now { books, closes };
        let cases = [
            (loss, now(true, true)),
            (Asked { is_over: true, ..loss }, Decided::Over),
            (Asked { is_over: true, made: Some(true), ..loss }, Decided::Again),
            (Asked { made: Some(false), ..loss }, Decided::IdTaken),
            (Asked { settlement: S::Found, ..loss }, Decided::NotPossible),
            (refund, now(false, false)),
            (Asked { names_act: true, ..refund }, now(false, true)),
            (Asked { names_act: true, ..fresh(ConcernKind::Unbacked, S::Refund) }, now(false, false)),
            (begun, Decided::InDoubt(3)),
            (Asked { settlement: S::Salvage, ..begun }, now(false, false)),
            (Asked { in_doubt: 0, ..begun }, now(false, true)),
        ];
        for (asked, expected) in cases {
            assert_eq!(decide(&asked), expected, "{asked:?}");
        }
    }

    #[test]
    fn each_kind_has_its_own() {
        use Settlement as S;
        let cases = [
            (ConcernKind::Owed, vec![S::Transfer, S::AcceptLoss, S::Recount, S::Noted]),
            (ConcernKind::Unbacked, vec![S::Transfer, S::Backorder, S::Refund, S::Recount, S::Noted]),
            (ConcernKind::EmailTaken, vec![S::MergeCustomers, S::KeepApart, S::Noted]),
            (ConcernKind::CartSoldTwice, vec![S::Refund, S::AcceptLoss, S::VoidDuplicate, S::Noted]),
            (ConcernKind::WrittenOff, vec![S::AcceptLoss, S::Found, S::Noted]),
            (ConcernKind::HoldWithdrawn, vec![S::Transfer, S::Backorder, S::Noted]),
            (ConcernKind::TransferShort, vec![S::AcceptLoss, S::Noted]),
            (ConcernKind::ClockAhead, vec![S::Noted]),
        ];
        for (kind, expected) in cases {
            assert_eq!(possible(kind), expected, "{kind}");
        }
        for kind in [ConcernKind::Owed, ConcernKind::TransferShort] {
            assert_eq!(ending(kind, S::AcceptLoss), Some(Ending::Acts), "{kind}");
        }
        assert_eq!(ending(ConcernKind::ClockAhead, S::Refund), None);
    }
}
