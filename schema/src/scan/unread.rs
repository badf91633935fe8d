//! Why a scan could not be read, or a label not be sold by: a stable code and a sentence with the cure.

use thiserror::Error;

use crate::money::Money;

/// What is wrong with a scan. `ai` is the GS1 application identifier that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unread {
    /// More than a code can hold.
    #[error("this is longer than any code; scan one code at a time")]
    TooLong,
    /// A symbology that holds a GTIN holds something else.
    #[error("this is no GTIN; scan it again")]
    NotAGtin,
    /// The last digit does not belong to the others.
    #[error("the last digit of ({ai}) does not fit the others; scan it again or check the digits")]
    CheckDigit {
        /// Where.
        ai: &'static str,
    },
    /// An identifier that GS1 does not know.
    #[error("({ai}) is no application identifier; scan it again, or type the product's own code")]
    UnknownElement {
        /// Which.
        ai: String,
    },
    /// A value that is cut, too long, or has letters where it must not.
    #[error("the value of ({ai}) is not as GS1 has it; scan it again, it may be damaged")]
    BadElement {
        /// Which.
        ai: String,
    },
    /// One identifier with two values.
    #[error("({ai}) is there twice with different values; scan one code at a time")]
    ElementTwice {
        /// Which.
        ai: String,
    },
    /// A day that there is not.
    #[error("the date of ({ai}) is no day; read it from the label and type it")]
    BadDate {
        /// Which.
        ai: String,
    },
    /// A link that names no product.
    #[error("this link names no product; scan the product's barcode")]
    NotALink,
    /// Text that is not well formed where a label is laid out.
    #[error(
        "a label is laid out in 13 letters like 21IIIIIPPPPPC: two digits (02 or 20 to 29), I the product's own number, P price, W grams or N pieces, V before a price of 4 or 5 digits for its check digit, C at the end"
    )]
    BadLayout,
    /// A price's own check digit does not fit.
    #[error("the price on the label does not fit its check digit; scan it again, or type the price")]
    PriceCheckDigit,
    /// A price that cannot be money.
    #[error("the price on the label cannot be read; type it")]
    BadPrice,
    /// A price in another currency.
    #[error("the label's price is in another currency than the network's; print the label anew")]
    OtherCurrency,
    /// An amount of nothing, or beyond all bounds.
    #[error("the label tells an amount of {units}, which cannot be sold; print the label anew")]
    BadAmount {
        /// What it tells.
        units: i64,
    },
    /// The label tells a weight of what is sold by the piece, or the like.
    #[error("the label tells an amount in another unit than this product is sold in; print it anew, or type how many")]
    OtherUnit,
    /// The product has no price by which the amount could be found.
    #[error("the label tells a price and this product has none to find the amount by; weigh it, and type the amount")]
    NoPrice,
    /// No amount costs that much.
    #[error(
        "no amount of this product costs {price} at today's price; the label is from another day, so weigh it again"
    )]
    PriceNotMet {
        /// What the label says.
        price: Money,
    },
}

impl Unread {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "scan_too_long",
            Self::NotAGtin => "not_a_barcode",
            Self::CheckDigit { .. } => "wrong_check_digit",
            Self::UnknownElement { .. } => "unknown_element",
            Self::BadElement { .. } => "bad_element",
            Self::ElementTwice { .. } => "element_twice",
            Self::BadDate { .. } => "bad_date",
            Self::NotALink => "not_a_product_link",
            Self::BadLayout => "bad_layout",
            Self::PriceCheckDigit => "price_check_digit",
            Self::BadPrice => "bad_label_price",
            Self::OtherCurrency => "label_currency",
            Self::BadAmount { .. } => "bad_label_amount",
            Self::OtherUnit => "label_unit",
            Self::NoPrice => "label_without_price",
            Self::PriceNotMet { .. } => "label_price_not_met",
        }
    }
}
