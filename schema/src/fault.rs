//! What can be wrong with a value that somebody gave us: a stable code and a sentence with the cure.

use thiserror::Error;

/// A value that cannot be taken. Its sentence is fit for the person who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not a UUID.
    #[error("this is not an id; give the 36-character id that the list shows")]
    NotAnId,
    /// One id on two things.
    #[error("two lines or payments have the same id; make a new id for each")]
    IdTwice,
    /// An amount below 1 or above [`crate::quantity::AMOUNT_MAX`].
    #[error("the amount {units} is out of range; give a whole number from 1 to 1,000,000,000")]
    AmountOutOfRange {
        /// What was given.
        units: i64,
    },
    /// Not a decimal number.
    #[error("this is not an amount of money; write it like 12.50")]
    NotMoney,
    /// More than four digits after the point.
    #[error("money has at most four digits after the point; round it first")]
    MoneyTooFine,
    /// More than fourteen digits before the point.
    #[error("this amount of money is out of range; it has at most fourteen digits before the point")]
    MoneyOutOfRange,
    /// Not an ISO 4217 code.
    #[error("this is not a currency; give its three capital letters, such as EUR")]
    NotACurrency,
    /// Two currencies where there must be one.
    #[error("this amount is in another currency than the network's; exchange it first")]
    OtherCurrency,
    /// Not 8, 12, 13 or 14 digits.
    #[error("this is not a barcode; a GTIN has 8, 12, 13 or 14 digits")]
    NotABarcode,
    /// The last digit does not belong to the others.
    #[error("the barcode's last digit does not fit the others; scan it again or check the digits")]
    WrongCheckDigit,
    /// A scan that cannot be read, or a label that cannot be sold by.
    #[error(transparent)]
    Unread(#[from] crate::scan::Unread),
    /// A synonym that is a number or a code, or has one in it.
    #[error("{phrase:?} has a digit; a number or a code means itself alone, so leave it out")]
    SynonymWithDigits {
        /// What was given.
        phrase: String,
    },
    /// A group in which nothing means the same as anything.
    #[error(
        "synonyms are two words or more, such as `soft drink, soda, pop`; or one way, such as `trainers => sneakers`"
    )]
    NotSynonyms,
    /// One phrase twice in a group.
    #[error("{phrase:?} stands in this group twice; say it once")]
    SynonymTwice {
        /// Which.
        phrase: String,
    },
    /// One phrase in more groups than a search looks at.
    #[error(
        "{phrase:?} would stand in more than {max} groups of synonyms; take it out of one first, or join two of them"
    )]
    SynonymTooOften {
        /// Which.
        phrase: String,
        /// How many there may be.
        max: usize,
    },
    /// More of something than there may be.
    #[error("there are {count} {what}; the limit is {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many were given.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// Two rules about the same thing.
    #[error("two of these rules are about the same; say it once")]
    RuleTwice,
    /// Text that is missing where it is needed.
    #[error("{field} is empty; it needs a value")]
    Empty {
        /// Which field.
        field: &'static str,
    },
    /// Text longer than its limit.
    #[error("{field} is too long; it takes at most {max} bytes")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Its limit in bytes of UTF-8.
        max: usize,
    },
    /// A NUL character, which Postgres cannot keep.
    #[error("{field} contains a NUL character; remove it")]
    NulCharacter {
        /// Which field.
        field: &'static str,
    },
    /// Not an e-mail address.
    #[error("this is not an e-mail address; write it like name@example.com")]
    NotAnEmail,
    /// A rating outside 1 to 5.
    #[error("a rating is a whole number from 1 to 5")]
    RatingOutOfRange,
    /// A price below nothing.
    #[error("a price is never negative; give 0 or more")]
    NegativePrice,
    /// More lines than an order or a cart may have.
    #[error("there are {count} lines; the limit is {max}")]
    TooManyLines {
        /// How many were given.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// Nothing in a list that needs something.
    #[error("there is nothing in it; add at least one line")]
    NoLines,
    /// The total does not equal the sum of the lines.
    #[error("the total does not equal the sum of the lines; compute it again")]
    TotalMismatch,
    /// The payments do not cover the total, or exceed it.
    #[error("the payments do not equal the total; the tenders less the change must sum to it")]
    PaymentsMismatch,
    /// A refund that gives nothing back, or that has not been given.
    #[error("a refund is a payment of a negative amount that has been made; check its amount and status")]
    NoRefund,
    /// A word from a fixed list that is not in the list.
    #[error("{value:?} is no {what}; use one of: {choices}")]
    UnknownWord {
        /// What kind of word was expected.
        what: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        choices: &'static str,
    },
    /// Bytes that do not decode.
    #[error("these bytes cannot be read as {what}; they are damaged or from another version")]
    Unreadable {
        /// What they should have been.
        what: &'static str,
    },
    /// A transfer that goes nowhere.
    #[error("a transfer goes from one warehouse to another; name another one")]
    SameWarehouse,
    /// More came damaged than came at all.
    #[error("more came damaged than came; the damaged ones are a part of those that came")]
    MoreDamagedThanCame,
    /// A tolerance below nothing, or beyond everything.
    #[error("a tolerance is a number of units from 0, and a whole number of percent from 0 to 100")]
    ToleranceOutOfRange,
    /// Text that is no counting's number.
    #[error("this is not a counting's number; give the one that `outpost-node counting list` shows")]
    NotACounting,
    /// Text that is no transfer's code.
    #[error("this is not a transfer's code; write it like K1-T17-O, as it stands on the box")]
    NotATransferCode,
    /// The last character does not belong to the others.
    #[error("the code's last character does not fit the others; read the box again")]
    WrongTransferCode,
    /// A cart state that claims what it cannot know.
    #[error("the cart's state is not believable ({why}); nothing of it was taken, check the device that sent it")]
    UnbelievableCart {
        /// Which rule it breaks.
        why: &'static str,
    },
}

impl Fault {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnId => "not_an_id",
            Self::IdTwice => "id_twice",
            Self::AmountOutOfRange { .. } => "amount_out_of_range",
            Self::NotMoney => "not_money",
            Self::MoneyTooFine => "money_too_fine",
            Self::MoneyOutOfRange => "money_out_of_range",
            Self::NotACurrency => "not_a_currency",
            Self::OtherCurrency => "other_currency",
            Self::NotABarcode => "not_a_barcode",
            Self::WrongCheckDigit => "wrong_check_digit",
            Self::Unread(unread) => unread.code(),
            Self::SynonymWithDigits { .. } => "synonym_with_digits",
            Self::NotSynonyms => "not_synonyms",
            Self::SynonymTwice { .. } => "synonym_twice",
            Self::SynonymTooOften { .. } => "synonym_too_often",
            Self::TooMany { .. } => "too_many",
            Self::RuleTwice => "rule_twice",
            Self::Empty { .. } => "empty",
            Self::TooLong { .. } => "too_long",
            Self::NulCharacter { .. } => "nul_character",
            Self::NotAnEmail => "not_an_email",
            Self::RatingOutOfRange => "rating_out_of_range",
            Self::NegativePrice => "negative_price",
            Self::TooManyLines { .. } => "too_many_lines",
            Self::NoLines => "no_lines",
            Self::TotalMismatch => "total_mismatch",
            Self::PaymentsMismatch => "payments_mismatch",
            Self::NoRefund => "no_refund",
            Self::UnknownWord { .. } => "unknown_word",
            Self::Unreadable { .. } => "unreadable",
            Self::SameWarehouse => "same_warehouse",
            Self::MoreDamagedThanCame => "more_damaged_than_came",
            Self::ToleranceOutOfRange => "tolerance_out_of_range",
            Self::NotACounting => "not_a_counting",
            Self::NotATransferCode => "not_a_transfer_code",
            Self::WrongTransferCode => "wrong_transfer_code",
            Self::UnbelievableCart { .. } => "unbelievable_cart",
        }
    }
}
