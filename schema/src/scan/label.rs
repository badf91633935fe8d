//! Labels that a shop's own scales print: an EAN-13 that begins with 02 or 20 to 29 and holds the product's own
//! number and a price, a weight or a number of pieces (General Specifications, 2.1.11: restricted circulation).
//!
//! What stands where is each network's own choice, one layout for each prefix.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Dimension, LabelPrice, Measured, Name, Scan, unread::Unread};
use crate::{
    barcode::{Barcode, check_digit},
    money::{Currency, Money, PARTS},
};

/// What a label's figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Figure {
    /// A price, in the currency's smallest coin.
    Price,
    /// A weight in grams.
    Weight,
    /// Pieces.
    Pieces,
}

/// How the labels with one prefix are laid out, written in 13 letters like `21IIIIIPPPPPC`: the prefix, `I` for the
/// product's own number, `P` for a price, `W` for grams or `N` for pieces, `V` for the price's check digit if the
/// scale prints one, `C` for the check digit of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    prefix: u8,
    item: usize,
    has_price_check: bool,
    figure: Figure,
    figures: usize,
}

/// Digits before the product's number.
const PREFIX: usize = 2;

/// Digits of the whole.
const ALL: usize = 13;

impl Layout {
    /// The two digits with which its labels begin.
    pub fn prefix(&self) -> String {
        format!("{:02}", self.prefix)
    }

    /// Whether this code is such a label.
    pub(super) fn is_of(&self, code: &Barcode) -> bool {
        code.digits().len() == ALL && code.digits().starts_with(&self.prefix())
    }

    /// What a label of this layout says.
    pub(super) fn read(&self, code: &Barcode, currency: Currency) -> Result<Scan, Unread> {
        let digits = code.digits();
        let from = PREFIX + self.item + usize::from(self.has_price_check);
        let (item, figure) = (&digits[PREFIX..PREFIX + self.item], &digits[from..from + self.figures]);
        if self.has_price_check && digits[from - 1..from] != price_check(figure).to_string() {
            return Err(Unread::PriceCheckDigit);
        }
        let units: i64 = figure.parse().map_err(|_| Unread::BadPrice)?;
        let mut scan = Scan { names: self.names(digits, item), is_own_label: true, ..Scan::default() };
        match self.figure {
            Figure::Price => scan.price = Some(LabelPrice { amount: coins(units, currency)?, currency: None }),
            Figure::Weight => scan.measures.push(Measured { dimension: Dimension::Weight, units }),
            Figure::Pieces => scan.count = Some(units),
        }
        Ok(scan)
    }

    /// The product's number as it stands there and without its leading zeros, and the code in which the figure is
    /// left at zero: so shops write a scale's products into their catalogues.
    fn names(&self, digits: &str, item: &str) -> Vec<Name> {
        let mut names = vec![Name::Sku(item.to_owned())];
        let short = item.trim_start_matches('0');
        if short != item && !short.is_empty() {
            names.push(Name::Sku(short.to_owned()));
        }
        let body = format!("{:0<12}", &digits[..PREFIX + self.item]);
        let code = format!("{body}{}", check_digit(body.as_bytes()));
        names.extend(code.parse().map(Name::Barcode));
        names
    }
}

/// An amount in the currency's smallest coins.
fn coins(units: i64, currency: Currency) -> Result<Money, Unread> {
    let parts = PARTS / 10_i64.pow(currency.digits());
    Money::from_parts(units * parts).map_err(|_| Unread::BadPrice)
}

/// Each digit's product under one of GS1's weights (General Specifications, 7.9.2): "2-" takes the tens of the
/// product away, "5-" too, "5+" adds them.
const TWO_MINUS: [u32; 10] = [0, 2, 4, 6, 8, 9, 1, 3, 5, 7];
const THREE: [u32; 10] = [0, 3, 6, 9, 2, 5, 8, 1, 4, 7];
const FIVE_PLUS: [u32; 10] = [0, 5, 1, 6, 2, 7, 3, 8, 4, 9];
const FIVE_MINUS: [u32; 10] = [0, 5, 9, 4, 8, 3, 7, 2, 6, 1];

/// The check digit of a price of four or five digits.
fn price_check(figure: &str) -> u32 {
    let weighted = |weights: &[[u32; 10]]| -> u32 {
        let pairs = figure.bytes().zip(weights);
        pairs.map(|(digit, weight)| weight[usize::from(digit.saturating_sub(b'0').min(9))]).sum()
    };
    if figure.len() == 4 {
        return weighted(&[TWO_MINUS, TWO_MINUS, THREE, FIVE_MINUS]) * 3 % 10;
    }
    let sum = weighted(&[FIVE_PLUS, TWO_MINUS, FIVE_MINUS, FIVE_PLUS, TWO_MINUS]);
    let wanted = (10 - sum % 10) % 10;
    // Each product under "5-" belongs to one digit.
    (0..10).zip(FIVE_MINUS).find(|(_, product)| *product == wanted).map_or(0, |(digit, _)| digit)
}

impl FromStr for Layout {
    type Err = Unread;

    fn from_str(text: &str) -> Result<Self, Unread> {
        let parsed = text.is_ascii().then(|| text.split_at_checked(PREFIX)).flatten();
        let (prefix, rest) = parsed.filter(|_| text.len() == ALL).ok_or(Unread::BadLayout)?;
        let prefix: u8 = if super::is_digits(prefix) { prefix.parse().unwrap_or(0) } else { 0 };
        let without_item = rest.trim_start_matches('I');
        let (has_price_check, figures) = match without_item.strip_prefix('V') {
            Some(figures) => (true, figures),
            None => (false, without_item),
        };
        let figures = figures.strip_suffix('C').ok_or(Unread::BadLayout)?;
        let (figure, letter) = match figures.chars().next() {
            Some('P') => (Figure::Price, 'P'),
            Some('W') => (Figure::Weight, 'W'),
            Some('N') => (Figure::Pieces, 'N'),
            Some(_) | None => return Err(Unread::BadLayout),
        };
        let item = rest.len() - without_item.len();
        let has_check_it_can = !has_price_check || (figure == Figure::Price && matches!(figures.len(), 4 | 5));
        let is_sound = matches!(prefix, 2 | 20..=29) && item > 0 && has_check_it_can;
        if !is_sound || figures.chars().any(|other| other != letter) {
            return Err(Unread::BadLayout);
        }
        Ok(Self { prefix, item, has_price_check, figure, figures: figures.len() })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.figure {
            Figure::Price => "P",
            Figure::Weight => "W",
            Figure::Pieces => "N",
        };
        let check = if self.has_price_check { "V" } else { "" };
        let (item, figures) = ("I".repeat(self.item), letter.repeat(self.figures));
        f.pad(&format!("{}{item}{check}{figures}C", self.prefix()))
    }
}

impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_written_in_thirteen_letters() {
        for text in ["21IIIIIPPPPPC", "02IIIIIVPPPPC", "22IIIIVPPPPPC", "20IIIIIWWWWWC", "29IIIIIINNNNC"] {
            assert_eq!(text.parse::<Layout>().map(|layout| layout.to_string()), Ok(text.to_owned()));
        }
        let wrong = [
            "",
            "21IIIIIPPPPP",
            "21IIIIIPPPPPX",
            "19IIIIIPPPPPC",
            "30IIIIIPPPPPC",
            "21PPPPPPPPPPC",
            "21IIIIIPPPWWC",
            "21IIIIVWWWWWC",
            "21IIIVPPPPPPC",
            "21IIIIIIIIIIC",
            "2éIIIIIPPPPC",
            "21IIIIIPPPPPCC",
            "+2IIIIIPPPPPC",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Layout>(), Err(Unread::BadLayout), "{text}");
        }
    }

    /// The examples of the General Specifications, 7.9.3 and 7.9.4, and sums done by hand.
    #[test]
    fn a_price_has_a_check_digit_of_its_own() {
        for (price, digit) in [("2875", 9), ("0000", 0), ("14685", 6), ("00000", 0), ("00199", 2)] {
            assert_eq!(price_check(price), digit, "{price}");
        }
        // Every single wrong digit is noticed.
        for right in ["2875", "14685"] {
            for place in 0..right.len() {
                for digit in 0..10 {
                    let mut wrong = right.to_owned();
                    wrong.replace_range(place..=place, &digit.to_string());
                    assert_eq!(price_check(&wrong) == price_check(right), wrong == right, "{wrong}");
                }
            }
        }
    }
}
