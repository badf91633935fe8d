//! Two versions that talk: which protocol both speak, and how an answer is told in it.
//!
//! Each end speaks a range of protocols. The server names its range with every answer, in the
//! [`PROTOCOL_HEADER`](crate::wire::PROTOCOL_HEADER), and the node speaks the newest that both know:
//! at first its own newest, after the first answer what the server said. So an update of either end
//! takes effect with the next answer, and nobody ever asks in vain more than once.
//!
//! What a protocol has no word for is not told in it. Each word that travels has a version here since
//! which it is known; a new one is added with the protocol that begins with it. What was withheld is
//! told once both ends speak a newer protocol: a page says in which one it is told, and a node that
//! has been told in an older one reads the feed anew.

use std::{fmt, str::FromStr};

use outpost_schema::{
    feed::{Aggregate, Kind},
    verdict::{ConcernKind, Refusal, SetAside, Verdict},
};

use crate::wire::{PROTOCOL, PROTOCOL_OLDEST, Page, Problem, Pulled, Pushed};

/// The protocols that one end speaks: all from the oldest to the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    oldest: u16,
    newest: u16,
}

impl Range {
    /// What this program speaks.
    pub const OURS: Self = Self { oldest: PROTOCOL_OLDEST, newest: PROTOCOL };

    /// Whether it is spoken.
    pub const fn has(self, protocol: u16) -> bool {
        self.oldest <= protocol && protocol <= self.newest
    }

    /// The newest protocol that both speak, if there is one.
    pub fn newest_with(self, other: Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (self.has(newest) && other.has(newest)).then_some(newest)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.oldest == self.newest { self.newest.fmt(f) } else { write!(f, "{}-{}", self.oldest, self.newest) }
    }
}

/// Why a text names no protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("protocols are written like 2, or 1-2")]
pub struct NoRange;

impl FromStr for Range {
    type Err = NoRange;
    fn from_str(text: &str) -> Result<Self, NoRange> {
        let (oldest, newest) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse().map_err(|_| NoRange);
        let range = Self { oldest: number(oldest)?, newest: number(newest)? };
        if range.oldest <= range.newest { Ok(range) } else { Err(NoRange) }
    }
}

/// A word that travels.
pub trait Since {
    /// The first protocol that knows it.
    fn since(&self) -> u16;
}

impl Since for Kind {
    fn since(&self) -> u16 {
        match self {
            Self::Warehouse
            | Self::Category
            | Self::Product
            | Self::Stock
            | Self::Allotment
            | Self::User
            | Self::Address
            | Self::Order
            | Self::Review
            | Self::Cart
            | Self::Concern
            | Self::Verdict => 1,
            Self::Transfer | Self::Delivery => 3,
            Self::Return => 3,
            Self::Rule | Self::Confirmation => 4,
            Self::Synonyms => 5,
        }
    }
}

impl Since for ConcernKind {
    fn since(&self) -> u16 {
        match self {
            Self::Owed
            | Self::Unbacked
            | Self::TotalMismatch
            | Self::PaymentsMismatch
            | Self::OtherCurrency
            | Self::CartSoldTwice
            | Self::EmailTaken
            | Self::ClockAhead
            | Self::SetAside
            | Self::Fork
            | Self::ShippedThoughCancelled
            | Self::CartNotBelievable => 1,
            Self::LifeBegun | Self::JournalHole | Self::ImageMended | Self::ServerRestored => 2,
            Self::RecountWanted => 3,
            Self::TransferExcess | Self::TransferShort => 3,
            Self::ReturnedTwice | Self::RefundedTooMuch => 3,
            Self::Suspended | Self::WrittenOff => 3,
            Self::HoldWithdrawn => 4,
        }
    }
}

impl Since for Refusal {
    fn since(&self) -> u16 {
        match self {
            Self::NothingLeft | Self::AlreadyHandedOver | Self::AlreadyCancelled => 1,
            Self::Recovering | Self::LifeOver => 2,
            Self::Suspended => 3,
        }
    }
}

impl Since for SetAside {
    fn since(&self) -> u16 {
        match self {
            Self::Newer | Self::Malformed { .. } | Self::NoRight | Self::Lacks { .. } | Self::IdTaken { .. } => 1,
        }
    }
}

impl Since for Aggregate {
    fn since(&self) -> u16 {
        match self {
            Self::Warehouse(_) => Kind::Warehouse.since(),
            Self::Category(_) => Kind::Category.since(),
            Self::Product(_) => Kind::Product.since(),
            Self::Stock(_) => Kind::Stock.since(),
            Self::Allotment(_) => Kind::Allotment.since(),
            Self::User(_) => Kind::User.since(),
            Self::Address(_) => Kind::Address.since(),
            Self::Order(_) => Kind::Order.since(),
            Self::Review(_) => Kind::Review.since(),
            Self::Cart(_) => Kind::Cart.since(),
            Self::Concern(concern) => Kind::Concern.since().max(concern.kind.since()),
            Self::Verdict(_) => Kind::Verdict.since(),
            Self::Transfer(_) => Kind::Transfer.since(),
            Self::Delivery(_) => Kind::Delivery.since(),
            Self::Return(_) => Kind::Return.since(),
            Self::Rule(_) => Kind::Rule.since(),
            Self::Confirmation(_) => Kind::Confirmation.since(),
            Self::Synonyms(_) => Kind::Synonyms.since(),
            Self::Gone(key) => key.kind.since(),
        }
    }
}

/// A verdict in the words of a protocol: the nearest one that it knows. What the server keeps is the
/// true one, and it is told whole once the node speaks a newer protocol.
pub fn verdict(protocol: u16, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Refused(refusal) if refusal.since() > protocol => Verdict::Refused(Refusal::NothingLeft),
        Verdict::SetAside(reason) if reason.since() > protocol => Verdict::SetAside(SetAside::Newer),
        Verdict::Accepted | Verdict::Granted(_) | Verdict::Refused(_) | Verdict::SetAside(_) => verdict,
    }
}

/// The answer to a push in the words of a protocol.
pub fn pushed(protocol: u16, pushed: Pushed) -> Pushed {
    match pushed {
        Pushed::Settled { acked, verdicts, carts } => {
            let told = verdicts.into_iter().map(|(seq, answer)| (seq, verdict(protocol, answer))).collect();
            Pushed::Settled { acked, verdicts: told, carts }
        }
        // Another epoch is told only to who named one.
        Pushed::Elsewhere { .. } | Pushed::Frozen | Pushed::OtherEpoch { .. } => pushed,
    }
}

/// The answer to a pull in the words of a protocol.
///
/// # Errors
/// `too_long_away` where the protocol has only a problem for it.
pub fn pulled(protocol: u16, pulled: Pulled) -> Result<Pulled, Problem> {
    match pulled {
        Pulled::Page(told) => Ok(Pulled::Page(Box::new(page(protocol, *told)))),
        Pulled::TooLongAway if protocol < 2 => Err(Problem::new(
            "too_long_away",
            "this device was away too long for the changes to be told one by one; update its program, and it fills itself anew",
        )),
        Pulled::Elsewhere { .. } | Pulled::OtherEpoch { .. } | Pulled::TooLongAway => Ok(pulled),
    }
}

/// A page without what the protocol does not know; it says in which protocol it is told.
fn page(protocol: u16, mut page: Page) -> Page {
    page.aggregates.retain(|aggregate| aggregate.since() <= protocol);
    for aggregate in &mut page.aggregates {
        if let Aggregate::Verdict(ruling) = aggregate {
            ruling.verdict = verdict(protocol, ruling.verdict.clone());
        }
        // What a device needs, and what it is asked to give back.
        if let Aggregate::Allotment(granted) = aggregate
            && protocol < 4
        {
            *granted = granted.totals();
        }
    }
    page.protocol = protocol;
    page
}

#[cfg(test)]
mod tests {
    use outpost_schema::{
        clock::Timestamp,
        feed::Ruling,
        id::{ConcernId, EpochId, IncarnationId},
        journal::Mark,
        verdict::Concern,
        word::Word as _,
    };
    use uuid::Uuid;

    use super::*;

    fn range(text: &str) -> Range {
        text.parse().expect("a range")
    }

    #[test]
    fn the_newest_that_both_speak_is_spoken() {
        for (ours, theirs, spoken) in [
            ("1-2", "1", Some(1)),
            ("1-2", "1-2", Some(2)),
            ("1-2", "2-3", Some(2)),
            ("2-3", "1-2", Some(2)),
            ("1-2", "3-4", None),
            ("2-3", "1", None),
        ] {
            assert_eq!(range(ours).newest_with(range(theirs)), spoken, "{ours} with {theirs}");
        }
    }

    /// Every word, and the version that it was told in first. A line here never changes.
    #[test]
    fn every_word_is_known_since_a_version() {
        const FIRST: [&str; 15] = [
            "owed",
            "unbacked",
            "total_mismatch",
            "payments_mismatch",
            "other_currency",
            "cart_sold_twice",
            "email_taken",
            "clock_ahead",
            "set_aside",
            "fork",
            "shipped_though_cancelled",
            "cart_not_believable",
            "nothing_left",
            "already_handed_over",
            "already_cancelled",
        ];
        const SECOND: [&str; 6] =
            ["life_begun", "journal_hole", "image_mended", "server_restored", "recovering", "life_over"];
        const THIRD: [&str; 7] = [
            "recount_wanted",
            "transfer_excess",
            "transfer_short",
            "returned_twice",
            "refunded_too_much",
            "suspended",
            "written_off",
        ];
        const FOURTH: [&str; 1] = ["hold_withdrawn"];
        let concerns = ConcernKind::WORDS.iter().map(|(kind, word)| (*word, kind.since()));
        let refusals = Refusal::WORDS.iter().map(|(refusal, word)| (*word, refusal.since()));
        for (word, since) in concerns.chain(refusals) {
            let expected = if FIRST.contains(&word) {
                1
            } else if SECOND.contains(&word) {
                2
            } else if THIRD.contains(&word) {
                3
            } else if FOURTH.contains(&word) {
                4
            } else {
                PROTOCOL
            };
            assert_eq!(since, expected, "{word}");
            assert!(since <= PROTOCOL, "{word} needs a newer protocol than is spoken");
        }
        assert!(Kind::ALL.iter().all(|kind| kind.since() <= PROTOCOL));
    }

    #[test]
    fn version_1_is_told_nothing_that_it_has_no_word_for() {
        for (refusal, _) in Refusal::WORDS {
            let told = verdict(1, Verdict::Refused(*refusal));
            assert!(matches!(told, Verdict::Refused(told) if told.since() == 1), "{refusal}");
            assert_eq!(verdict(PROTOCOL, Verdict::Refused(*refusal)), Verdict::Refused(*refusal));
        }
        let pushed = |protocol| {
            let verdicts = vec![(1, Verdict::Accepted), (2, Verdict::Refused(Refusal::Recovering))];
            super::pushed(protocol, Pushed::Settled { acked: Mark::START, verdicts, carts: vec![] })
        };
        assert_ne!(pushed(1), pushed(2));
        let code = pulled(1, Pulled::TooLongAway).expect_err("a problem").code;
        assert_eq!((code.as_str(), pulled(2, Pulled::TooLongAway)), ("too_long_away", Ok(Pulled::TooLongAway)));
    }

    fn concern(kind: ConcernKind) -> Aggregate {
        let opened_at = Timestamp::from_micros(0);
        let (concern_id, subject, detail) = (ConcernId(Uuid::nil()), String::new(), serde_json::Value::Null);
        let concern = Concern { concern_id, kind, subject, detail, scope: Uuid::nil(), opened_at, closed_at: None };
        Aggregate::Concern(Box::new(concern))
    }

    #[test]
    fn a_page_leaves_out_what_a_protocol_does_not_know_and_says_in_which_it_is_told() {
        let (incarnation_id, seq) = (IncarnationId(Uuid::nil()), 7);
        let ruling = |verdict| Aggregate::Verdict(Box::new(Ruling { incarnation_id, seq, verdict }));
        let concerns = ConcernKind::WORDS.iter().map(|(kind, _)| concern(*kind));
        let aggregates: Vec<_> = concerns.chain([ruling(Verdict::Refused(Refusal::LifeOver))]).collect();
        let whole = Page {
            epoch: EpochId(Uuid::nil()),
            cursor: "next".to_owned(),
            level: true,
            seen: String::new(),
            aggregates: aggregates.clone(),
            acked: vec![],
            server_time: Timestamp::from_micros(0),
            protocol: 0,
            recovering: false,
            others: vec![],
        };
        let told = |protocol| match pulled(protocol, Pulled::Page(Box::new(whole.clone()))) {
            Ok(Pulled::Page(page)) => *page,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(PROTOCOL), Page { protocol: PROTOCOL, ..whole.clone() });
        let first = told(1);
        assert!(first.aggregates.iter().all(|aggregate| aggregate.since() == 1));
        assert_eq!(first.aggregates.last(), Some(&ruling(Verdict::Refused(Refusal::NothingLeft))));
        assert_eq!((first.cursor, first.protocol, first.aggregates.len()), (whole.cursor.clone(), 1, 13));
        let bytes = serde_json::to_value(told(1)).expect("encodes");
        assert!(bytes.get("protocol").is_none(), "version 1 is told what it always was");
    }

    #[test]
    fn a_range_reads_as_it_is_written() {
        for text in ["1", "1-2", "2-7"] {
            assert_eq!(range(text).to_string(), text);
        }
        for text in ["", "-", "2-1", "one", "1-", "-1", "1-2-3", "70000"] {
            assert_eq!(text.parse::<Range>(), Err(NoRange), "{text}");
        }
        assert_eq!(Range::OURS.to_string(), format!("{PROTOCOL_OLDEST}-{PROTOCOL}"));
    }
}
