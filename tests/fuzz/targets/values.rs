//! Barcodes, money, amounts, ids and words: text that people and scanners give.

use outpost_schema::{
    barcode::Barcode,
    fault::Fault,
    id::OrderId,
    journal::Hash,
    money::{Currency, Money, line_total},
    op::OpKind,
    quantity::{AMOUNT_MAX, Amount},
    stock::Level,
    synonym::{Group, PHRASE_MAX, Phrase},
    text,
    word::Word as _,
};
use outpost_sync::speak::Range;

use super::{choices::Choices, damage::damaged, make};

/// A barcode is taken if and only if its check digit is the one that GS1's other rule gives: the weighted sum of
/// all digits, the check digit with weight 1, is a multiple of ten.
pub fn barcode(bytes: &[u8]) {
    let mut choices = Choices::of(bytes);
    let text = barcode_text(&mut choices);
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
    let digits = digits.filter(|digits| [8, 12, 13, 14].contains(&digits.len()));
    let sum = digits.as_ref().map(|digits| {
        let places = digits.iter().rev().enumerate();
        places.map(|(place, digit)| if place % 2 == 1 { 3 * digit } else { *digit }).sum::<u32>()
    });
    match (text.parse::<Barcode>(), sum) {
        (Ok(code), Some(sum)) => {
            assert_eq!(sum % 10, 0, "{text}");
            assert_eq!(code.digits().trim_start_matches('0'), text.trim_start_matches('0'));
            assert_ne!(code.digits().len(), 12, "{text}");
            assert_eq!(code.digits().parse(), Ok(code.clone()), "it reads back");
        }
        (Err(Fault::WrongCheckDigit), Some(sum)) => assert_ne!(sum % 10, 0, "{text}"),
        (Err(Fault::NotABarcode), None) => {}
        (read, _) => panic!("{text}: {read:?}"),
    }
    let number = choices.number().cast_unsigned();
    match Barcode::in_store(number) {
        Ok(code) => assert_eq!(code.digits()[1..12].parse(), Ok(number)),
        Err(fault) => assert!(number > 99_999_999_999, "{number}: {fault}"),
    }
}

fn barcode_text(choices: &mut Choices<'_>) -> String {
    let length = choices.one(&[8, 12, 13, 14]);
    let digits: String = (0..length).map(|_| choices.one(b"0123456789") as char).collect();
    String::from_utf8_lossy(&damaged(digits.as_bytes(), choices)).into_owned()
}

/// Money is read as what is written there, or not at all; and a line costs what whole numbers say.
pub fn money(bytes: &[u8]) {
    let mut choices = Choices::of(bytes);
    let known = make::money(&mut choices);
    assert_eq!(known.to_string().parse(), Ok(known));
    let json = serde_json::to_string(&known).expect("money is text there");
    assert_eq!(serde_json::from_str::<Money>(&json).expect("it reads back"), known);
    let text = String::from_utf8_lossy(&damaged(known.to_string().as_bytes(), &mut choices)).into_owned();
    if let Ok(read) = text.parse::<Money>() {
        assert_eq!(parts_of(&text), Some(i128::from(read.parts())), "{text}");
        assert_eq!(read.to_string().parse(), Ok(read));
    }
    let (amount, currency) = (make::amount(&mut choices), make::currency(&mut choices));
    line(known, amount, choices.number(), currency);
}

/// The parts that a plain decimal says, digit by digit.
fn parts_of(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<4}");
    let (kept, rest) = fraction.split_at(4);
    let is_exact = rest.bytes().all(|digit| digit == b'0');
    format!("{whole}{kept}").parse().ok().filter(|_| is_exact).map(|parts: i128| sign * parts)
}

fn line(price: Money, amount: Amount, price_per: i64, currency: Currency) {
    let Ok(total) = line_total(price, amount, price_per, currency) else { return };
    assert!(price_per >= 1);
    // Half away from zero, to the currency's digits, in whole numbers.
    let step = 10_i128.pow(4 - currency.digits()) * i128::from(price_per);
    let gross = i128::from(price.parts()) * i128::from(amount.units());
    let steps = (2 * gross.abs() + step) / (2 * step) * gross.signum();
    let expected = steps * 10_i128.pow(4 - currency.digits());
    assert_eq!(i128::from(total.parts()), expected, "{price} x {amount:?} / {price_per} {currency}");
}

/// Other short texts: what is read prints as what reads back, and limits are kept.
pub fn text(bytes: &[u8]) {
    let mut choices = Choices::of(bytes);
    amount(choices.number());
    level(Level { balance: choices.number(), promised: choices.number() });
    hash(&mut choices);
    let line = choices.text(text::LINE_MAX);
    if text::check("line", &line, text::LINE_MAX).is_ok() {
        assert!(line.len() <= text::LINE_MAX && !line.contains('\0'));
    }
    if text::email(&line).is_ok() {
        assert!(line.contains('@') && text::require("email", &line, text::LINE_MAX).is_ok());
    }
    for words in [choices.one(OpKind::WORDS).1.as_bytes(), line.as_bytes()] {
        let word = String::from_utf8_lossy(&damaged(words, &mut choices)).into_owned();
        match OpKind::of_word(&word) {
            Ok(kind) => assert_eq!(kind.word(), word),
            Err(fault) => assert_eq!(fault.code(), "unknown_word"),
        }
    }
    synonyms(&line);
    if let Ok(id) = line.parse::<OrderId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(currency) = line.parse::<Currency>() {
        assert_eq!(currency.code(), line);
    }
    let range = String::from_utf8_lossy(&damaged(b"1-2", &mut choices)).into_owned();
    if let Ok(range) = range.parse::<Range>() {
        assert_eq!(range.to_string().parse(), Ok(range));
        assert!(range.newest_with(Range::OURS).is_none_or(|newest| range.has(newest) && Range::OURS.has(newest)));
    }
}

fn amount(units: i64) {
    let is_within = (1..=AMOUNT_MAX).contains(&units);
    assert_eq!(Amount::new(units).map(Amount::units).ok(), is_within.then_some(units));
}

/// Synonyms read as they print, and are words whatever was written.
fn synonyms(line: &str) {
    if let Ok(phrase) = line.parse::<Phrase>() {
        assert!(phrase.text().len() <= PHRASE_MAX && !phrase.text().contains(char::is_control), "{line:?}");
        assert_eq!(phrase.text().parse(), Ok(phrase.clone()), "{line:?}");
    }
    for line in [line.to_owned(), format!("soda, {line}"), format!("{line} => soda, {line}")] {
        if let Ok(group) = line.parse::<Group>() {
            assert_eq!(group.to_string().parse(), Ok(group.clone()), "{line:?}");
        }
    }
}

/// What people read of any two sums is never negative.
fn level(level: Level) {
    assert!(level.quantity() >= 0 && level.owed() >= 0);
    assert_eq!(level.quantity() - level.owed(), level.balance.max(-i64::MAX));
    if level.promised >= 0 {
        assert!((0..=level.quantity()).contains(&level.reserved()) && level.available() >= 0);
        assert_eq!(level.reserved() + level.unbacked(), level.promised);
    }
}

/// A hash has one spelling but for the case of its letters.
fn hash(choices: &mut Choices<'_>) {
    let hash = Hash(choices.bytes());
    assert_eq!(hash.to_string().parse(), Ok(hash));
    let text = String::from_utf8_lossy(&damaged(hash.to_string().as_bytes(), choices)).into_owned();
    if let Ok(read) = text.parse::<Hash>() {
        assert_eq!(read.to_string(), text.to_lowercase());
    }
}
