//! The elements of GS1: how long each identifier is, and what its value may be.

use super::unread::Unread;

/// What a value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Exactly so many digits, the last a check digit.
    Checked(usize),
    /// Exactly so many digits.
    Fixed(usize),
    /// From the first to the second number of digits.
    Digits(usize, usize),
    /// So many digits, then up to so many letters of GS1's set.
    Mixed(usize, usize),
}

/// How many digits an identifier has, by its first two (General Specifications, 3.2).
pub(super) fn length(first: &str) -> Option<usize> {
    match first.parse::<u8>().ok()? {
        0..=4 | 10..=22 | 30 | 37 | 90..=99 => Some(2),
        23..=25 | 40..=42 | 71 => Some(3),
        31..=36 | 39 | 43 | 70 | 72 | 80..=82 => Some(4),
        _ => None,
    }
}

/// Elements that need no FNC1 behind them, whatever follows: the length of identifier and value together, by the
/// first two digits (General Specifications, 7.8.5).
pub(super) fn predefined(first: &str) -> Option<usize> {
    match first {
        "00" => Some(20),
        "01" | "02" | "03" => Some(16),
        "04" => Some(18),
        "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" => Some(8),
        "20" => Some(4),
        "31" | "32" | "33" | "34" | "35" | "36" => Some(10),
        "41" => Some(16),
        _ => None,
    }
}

/// What the value of an identifier is. Those that nobody needs here are only bounded.
fn value(ai: &str) -> Value {
    match ai {
        "00" => Value::Checked(18),
        "01" | "02" | "03" => Value::Checked(14),
        "04" => Value::Fixed(16),
        "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" => Value::Fixed(6),
        "20" => Value::Fixed(2),
        "10" | "21" | "22" | "243" | "254" | "420" => Value::Mixed(0, 20),
        "235" => Value::Mixed(0, 28),
        "240" | "241" | "250" | "251" | "400" | "401" | "403" => Value::Mixed(0, 30),
        "242" => Value::Digits(1, 6),
        "253" => Value::Mixed(13, 17),
        "255" => Value::Digits(13, 25),
        "30" | "37" => Value::Digits(1, 8),
        "402" => Value::Fixed(17),
        "422" | "424" | "425" | "426" => Value::Digits(3, 15),
        "8005" => Value::Fixed(6),
        "7003" => Value::Fixed(10),
        _ => match ai.get(..2) {
            Some("31" | "32" | "33" | "34" | "35" | "36") => Value::Fixed(6),
            Some("41") => Value::Checked(13),
            Some("39") => price(ai),
            _ => Value::Mixed(0, 90),
        },
    }
}

fn price(ai: &str) -> Value {
    match ai.get(..3) {
        Some("391" | "393") => Value::Digits(4, 18),
        Some("394") => Value::Fixed(4),
        Some("395") => Value::Fixed(6),
        _ => Value::Digits(1, 15),
    }
}

/// Checks a value against its identifier.
pub(super) fn check(ai: &str, text: &str) -> Result<(), Unread> {
    let bad = || Unread::BadElement { ai: ai.to_owned() };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sound = match value(ai) {
        Value::Checked(length) | Value::Fixed(length) => text.len() == length && digits(text),
        Value::Digits(least, most) => (least..=most).contains(&text.len()) && digits(text),
        Value::Mixed(front, letters) => {
            let front_is_sound = text.get(..front).is_some_and(digits);
            front_is_sound && !text.is_empty() && text.len() <= front + letters && text.chars().all(is_letter)
        }
    };
    if !is_sound {
        return Err(bad());
    }
    match (value(ai), ai) {
        (Value::Checked(_), _) if crate::barcode::fits(text) => Ok(()),
        (Value::Checked(_), "00") => Err(Unread::CheckDigit { ai: "00" }),
        (Value::Checked(_), "01") => Err(Unread::CheckDigit { ai: "01" }),
        (Value::Checked(_), "02") => Err(Unread::CheckDigit { ai: "02" }),
        (Value::Checked(_), _) => Err(bad()),
        (Value::Fixed(_) | Value::Digits(..) | Value::Mixed(..), _) => Ok(()),
    }
}

/// GS1's set of 82 letters (General Specifications, 7.11), and the three more that companies' own elements and
/// some others may have.
fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!\"%&'()*+,-./_:;<=>?#@$ ".contains(letter)
}
