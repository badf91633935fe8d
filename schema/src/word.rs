//! Words from fixed lists: one spelling each, in bodies, databases and command lines alike.

use crate::{
    device::{IncarnationState, LifeReason, NodeKind},
    fault::Fault,
    op::OpKind,
    order::{Fulfilment, OrderStatus, PaymentStatus, Tender},
    people::Role,
    quantity::Unit,
    rule::RuleSort,
    stock::{Reason, SalePolicy},
    verdict::{ConcernKind, Refusal},
};

/// A value that is one of a few words.
pub trait Word: Copy + Eq + 'static {
    /// What the list is called in an error.
    const WHAT: &'static str;
    /// Every value with its word.
    const WORDS: &'static [(Self, &'static str)];
    /// The words, for people.
    const CHOICES: &'static str;

    /// Its word.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(value, _)| *value == self).map(|(_, word)| *word).expect("every value has a word")
    }

    /// The value of that word.
    ///
    /// # Errors
    /// [`Fault::UnknownWord`] with the words that may be used.
    fn of_word(word: &str) -> Result<Self, Fault> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(value, _)| *value).ok_or_else(|| {
            Fault::UnknownWord { what: Self::WHAT, value: word.chars().take(40).collect(), choices: Self::CHOICES }
        })
    }
}

macro_rules! words {
    ($($type:ident, $what:literal, $choices:literal: $($value:ident = $word:literal),+;)*) => {$(
        impl Word for $type {
            const WHAT: &'static str = $what;
            const WORDS: &'static [(Self, &'static str)] = &[$(($type::$value, $word)),+];
            const CHOICES: &'static str = $choices;
        }

        impl std::str::FromStr for $type {
            type Err = Fault;
            fn from_str(word: &str) -> Result<Self, Fault> {
                Self::of_word(word)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    )*};
}

words! {
    Unit, "unit", "each, gram, millilitre, milligallon":
        Each = "each", Gram = "gram", Millilitre = "millilitre", Milligallon = "milligallon";
    Role, "role", "customer, staff":
        Customer = "customer", Staff = "staff";
    OrderStatus, "order status", "pending, processed, cancelled, shipped, delivered":
        Pending = "pending", Processed = "processed", Cancelled = "cancelled", Shipped = "shipped", Delivered = "delivered";
    PaymentStatus, "payment status", "pending, failed, succeeded, refunded":
        Pending = "pending", Failed = "failed", Succeeded = "succeeded", Refunded = "refunded";
    Tender, "tender", "cash, card, change":
        Cash = "cash", Card = "card", Change = "change";
    Fulfilment, "fulfilment", "carry_out, ship":
        CarryOut = "carry_out", Ship = "ship";
    Reason, "reason", "received, sold, counted, corrected":
        Received = "received", Sold = "sold", Counted = "counted", Corrected = "corrected";
    SalePolicy, "sale policy", "strict, physical":
        Strict = "strict", Physical = "physical";
    RuleSort, "sort of rule", "labels, policy, low":
        Labels = "labels", Policy = "policy", Low = "low";
    NodeKind, "node kind", "till, kiosk, popup, handheld":
        Till = "till", Kiosk = "kiosk", Popup = "popup", Handheld = "handheld";
    IncarnationState, "incarnation state", "active, frozen, superseded":
        Active = "active", Frozen = "frozen", Superseded = "superseded";
    LifeReason, "reason for another life", "rolled_back, restored, forked":
        RolledBack = "rolled_back", Restored = "restored", Forked = "forked";
    Refusal, "refusal", "nothing_left, already_handed_over, already_cancelled, recovering, life_over":
        NothingLeft = "nothing_left", AlreadyHandedOver = "already_handed_over", AlreadyCancelled = "already_cancelled",
        Recovering = "recovering", LifeOver = "life_over";
    OpKind, "op kind", "sale, customer_added, address_added, reviewed, received, counted, gave_back, status_told, allotment_asked, cancel_asked, carried, life_ended":
        Sale = "sale", CustomerAdded = "customer_added", AddressAdded = "address_added", Reviewed = "reviewed",
        Received = "received", Counted = "counted", GaveBack = "gave_back", StatusTold = "status_told",
        AllotmentAsked = "allotment_asked", CancelAsked = "cancel_asked", Carried = "carried", LifeEnded = "life_ended";
    ConcernKind, "concern", "owed, unbacked, total_mismatch, payments_mismatch, other_currency, cart_sold_twice, email_taken, clock_ahead, set_aside, fork, shipped_though_cancelled, cart_not_believable, life_begun, journal_hole, image_mended, server_restored":
        Owed = "owed", Unbacked = "unbacked", TotalMismatch = "total_mismatch", PaymentsMismatch = "payments_mismatch",
        OtherCurrency = "other_currency", CartSoldTwice = "cart_sold_twice", EmailTaken = "email_taken",
        ClockAhead = "clock_ahead", SetAside = "set_aside", Fork = "fork",
        ShippedThoughCancelled = "shipped_though_cancelled", CartNotBelievable = "cart_not_believable",
        LifeBegun = "life_begun", JournalHole = "journal_hole", ImageMended = "image_mended",
        ServerRestored = "server_restored";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_in_the_list_is_answered_with_the_list() {
        assert_eq!(OrderStatus::of_word("shipped"), Ok(OrderStatus::Shipped));
        let fault = OrderStatus::of_word("teleported").expect_err("no such status");
        assert_eq!(
            fault.to_string(),
            r#""teleported" is no order status; use one of: pending, processed, cancelled, shipped, delivered"#
        );
    }

    #[test]
    fn bodies_spell_words_the_same_way() {
        for (value, word) in OpKind::WORDS {
            assert_eq!(OpKind::of_word(word), Ok(*value));
        }
        for (value, word) in ConcernKind::WORDS {
            assert_eq!(serde_json::to_value(value).expect("encodes"), *word);
        }
        for (value, word) in OrderStatus::WORDS {
            assert_eq!(serde_json::to_value(value).expect("encodes"), *word);
        }
    }
}
