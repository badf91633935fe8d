//! Words from fixed lists: one spelling each, in bodies, databases and command lines alike.

use crate::{
    counting::CountingState,
    device::{IncarnationState, LifeReason, NodeKind},
    fault::Fault,
    movement::Cause,
    op::OpKind,
    order::{Fulfilment, OrderStatus, PaymentStatus, Tender},
    people::Role,
    quantity::Unit,
    returned::Condition,
    rule::RuleSort,
    settlement::Settlement,
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
    ($($type:ident, $what:literal: $first:ident = $head:literal $(, $value:ident = $word:literal)*;)*) => {$(
        impl Word for $type {
            const WHAT: &'static str = $what;
            const WORDS: &'static [(Self, &'static str)] = &[($type::$first, $head) $(, ($type::$value, $word))*];
            const CHOICES: &'static str = concat!($head $(, ", ", $word)*);
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
    Unit, "unit":
        Each = "each", Gram = "gram", Millilitre = "millilitre", Milligallon = "milligallon";
    Role, "role":
        Customer = "customer", Staff = "staff";
    OrderStatus, "order status":
        Pending = "pending", Processed = "processed", Cancelled = "cancelled", Shipped = "shipped",
        Delivered = "delivered";
    PaymentStatus, "payment status":
        Pending = "pending", Failed = "failed", Succeeded = "succeeded", Refunded = "refunded";
    Tender, "tender":
        Cash = "cash", Card = "card", Change = "change";
    Fulfilment, "fulfilment":
        CarryOut = "carry_out", Ship = "ship";
    Reason, "reason":
        Received = "received", Sold = "sold", Returned = "returned", Damaged = "damaged", Lost = "lost",
        Found = "found", Counted = "counted", Transferred = "transferred", Corrected = "corrected";
    Cause, "cause":
        Damaged = "damaged", Lost = "lost", Found = "found", Corrected = "corrected";
    SalePolicy, "sale policy":
        Strict = "strict", Physical = "physical";
    NodeKind, "node kind":
        Till = "till", Kiosk = "kiosk", Popup = "popup", Handheld = "handheld";
    IncarnationState, "incarnation state":
        Active = "active", Frozen = "frozen", Superseded = "superseded", Suspended = "suspended", Retired = "retired";
    LifeReason, "reason for another life":
        RolledBack = "rolled_back", Restored = "restored", Forked = "forked";
    Refusal, "refusal":
        NothingLeft = "nothing_left", AlreadyHandedOver = "already_handed_over",
        AlreadyCancelled = "already_cancelled", Recovering = "recovering", LifeOver = "life_over",
        Suspended = "suspended";
    OpKind, "op kind":
        Sale = "sale", CustomerAdded = "customer_added", AddressAdded = "address_added", Reviewed = "reviewed",
        Received = "received", Adjusted = "adjusted", Counted = "counted", GaveBack = "gave_back",
        StatusTold = "status_told", AllotmentAsked = "allotment_asked", CancelAsked = "cancel_asked",
        Carried = "carried", LifeEnded = "life_ended", Dispatched = "dispatched", Arrived = "arrived",
        ReceiptUndone = "receipt_undone", Returned = "returned";
    ConcernKind, "concern":
        Owed = "owed", Unbacked = "unbacked", TotalMismatch = "total_mismatch",
        PaymentsMismatch = "payments_mismatch", OtherCurrency = "other_currency", CartSoldTwice = "cart_sold_twice",
        EmailTaken = "email_taken", ClockAhead = "clock_ahead", SetAside = "set_aside", Fork = "fork",
        ShippedThoughCancelled = "shipped_though_cancelled", CartNotBelievable = "cart_not_believable",
        LifeBegun = "life_begun", JournalHole = "journal_hole", ImageMended = "image_mended",
        ServerRestored = "server_restored", RecountWanted = "recount_wanted", TransferExcess = "transfer_excess",
        TransferShort = "transfer_short", ReturnedTwice = "returned_twice", RefundedTooMuch = "refunded_too_much",
        Suspended = "suspended", WrittenOff = "written_off",
        HoldWithdrawn = "hold_withdrawn";
    Condition, "condition":
        Shelf = "shelf", Damaged = "damaged";
    Settlement, "settlement":
        Transfer = "transfer", Backorder = "backorder", Refund = "refund", AcceptLoss = "accept_loss",
        Recount = "recount", MergeCustomers = "merge_customers", KeepApart = "keep_apart",
        VoidDuplicate = "void_duplicate", Salvage = "salvage", Found = "found", Noted = "noted";
    CountingState, "state of a counting":
        Open = "open", Review = "review", Approved = "approved", Cancelled = "cancelled";
    RuleSort, "sort of rule":
        Labels = "labels", Policy = "policy", Low = "low";
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
