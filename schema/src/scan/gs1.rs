//! Element strings: identifier after identifier, each with its value, as a reader sends them or as they are
//! printed below the bars.

use rust_decimal::Decimal;

use super::{FNC1, LabelPrice, Name, Scan, Setting, date, elements, measure::measure, names_of, unread::Unread};
use crate::{barcode::Barcode, money::Money};

/// Reads what a reader sends. Elements of predefined length follow one another; any other ends with FNC1.
pub(super) fn elements(text: &str, setting: &Setting<'_>) -> Result<Scan, Unread> {
    let mut read = Reading::new(setting);
    let mut rest = text.trim_end_matches(FNC1);
    while !rest.is_empty() {
        let ai = identifier(rest)?;
        let end = match rest.get(..2).and_then(elements::predefined) {
            Some(length) => length,
            None => rest.find(FNC1).unwrap_or(rest.len()),
        };
        let value = rest.get(ai.len()..end).ok_or_else(|| Unread::BadElement { ai: ai.to_owned() })?;
        read.take(ai, value)?;
        let after = &rest[end..];
        // One behind an element of predefined length is allowed too.
        rest = after.strip_prefix(FNC1).unwrap_or(after);
    }
    Ok(read.scan)
}

/// Reads what is printed for people: `(01)04006381333931(10)A-7`. A bracket ends a value only where an
/// identifier follows.
pub(super) fn bracketed(text: &str, setting: &Setting<'_>) -> Result<Scan, Unread> {
    let mut read = Reading::new(setting);
    let mut rest = text;
    while let Some((ai, behind)) = opened(rest) {
        let end = behind.match_indices('(').map(|(at, _)| at).find(|at| opened(&behind[*at..]).is_some());
        let (value, next) = behind.split_at(end.unwrap_or(behind.len()));
        read.take(ai, value.trim())?;
        rest = next;
    }
    Ok(read.scan)
}

/// The identifier in brackets with which a text begins, and what is behind it.
fn opened(text: &str) -> Option<(&str, &str)> {
    let (ai, behind) = text.strip_prefix('(')?.split_once(')')?;
    let length = ai.get(..2).and_then(elements::length)?;
    (ai.len() == length && super::is_digits(ai)).then_some((ai, behind))
}

fn identifier(text: &str) -> Result<&str, Unread> {
    let unknown = || Unread::UnknownElement { ai: text.chars().take(4).collect() };
    let length = text.get(..2).and_then(elements::length).ok_or_else(unknown)?;
    text.get(..length).filter(|ai| super::is_digits(ai)).ok_or_else(unknown)
}

/// A scan that comes together element by element.
pub(super) struct Reading<'a> {
    setting: &'a Setting<'a>,
    pub(super) scan: Scan,
    seen: Vec<(String, String)>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(setting: &'a Setting<'a>) -> Self {
        Self { setting, scan: Scan::default(), seen: Vec::new() }
    }

    /// Takes one element in.
    pub(super) fn take(&mut self, ai: &str, value: &str) -> Result<(), Unread> {
        elements::check(ai, value)?;
        if let Some((_, before)) = self.seen.iter().find(|(known, _)| known == ai) {
            return if before == value { Ok(()) } else { Err(Unread::ElementTwice { ai: ai.to_owned() }) };
        }
        self.seen.push((ai.to_owned(), value.to_owned()));
        let text = || Some(value.to_owned());
        match ai {
            "00" => self.scan.sscc = text(),
            "01" => (self.scan.names, self.scan.is_content) = (gtin(value), false),
            // Of a box that has its own number, that one counts.
            "02" if self.scan.names.is_empty() => (self.scan.names, self.scan.is_content) = (gtin(value), true),
            "02" => {}
            "10" => self.scan.lot = text(),
            "11" => self.scan.produced = Some(self.date(ai, value)?),
            "12" => self.scan.due = Some(self.date(ai, value)?),
            "13" => self.scan.packed = Some(self.date(ai, value)?),
            "15" => self.scan.best_before = Some(self.date(ai, value)?),
            "16" => self.scan.sell_by = Some(self.date(ai, value)?),
            "17" => self.scan.expiry = Some(self.date(ai, value)?),
            "7003" => self.scan.expiry = Some(self.date(ai, &value[..6])?),
            "20" => self.scan.variant = text(),
            "21" => self.scan.serial = text(),
            "240" => self.scan.additional_id = text(),
            "30" | "37" => self.scan.count = value.parse().ok(),
            _ => self.take_figure(ai, value)?,
        }
        Ok(())
    }

    /// Measures and prices, whose identifier tells where the point is; and what means nothing here.
    fn take_figure(&mut self, ai: &str, value: &str) -> Result<(), Unread> {
        if let Some(measured) = measure(ai, value) {
            self.scan.measures.push(measured);
        } else if ai.starts_with("392") {
            self.scan.price = Some(LabelPrice { amount: money(ai, value)?, currency: None });
        } else if ai.starts_with("393") {
            let (currency, digits) = value.split_at(3);
            self.scan.price = Some(LabelPrice { amount: money(ai, digits)?, currency: currency.parse().ok() });
        } else {
            self.scan.other.push((ai.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    fn date(&self, ai: &str, value: &str) -> Result<String, Unread> {
        date::date(value, self.setting.year).ok_or_else(|| Unread::BadDate { ai: ai.to_owned() })
    }
}

/// A GTIN in 14 digits, as elements tell it, and the other ways in which it is written.
fn gtin(digits: &str) -> Vec<Name> {
    digits.parse::<Barcode>().map(|code| names_of(&code)).unwrap_or_default()
}

/// Digits as money; the identifier's last digit tells how many stand behind the point.
fn money(ai: &str, digits: &str) -> Result<Money, Unread> {
    let places = ai.get(3..).and_then(|places| places.parse().ok()).ok_or(Unread::BadPrice)?;
    let value = digits.parse().map_err(|_| Unread::BadPrice)?;
    Money::from_decimal(Decimal::new(value, places)).map_err(|_| Unread::BadPrice)
}
