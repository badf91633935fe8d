//! How much of it: "500 g", "500g", "0.5 kg" and "0,5kg" are one and the same.
//!
//! A number with a unit behind it becomes a whole number of the smallest unit of its sort. Sorts that have no exact
//! ratio to each other (ounces and grams) stay apart: nothing here is rounded.

use super::words::Word;

/// What a unit is called, its sort, and how many of the sort's smallest it is.
const UNITS: &[(&[&str], char, u64)] = &[
    (&["mg"], 'g', 1),
    (&["g", "gr", "gram", "grams", "gramme", "grammes", "gramm"], 'g', 1_000),
    (&["kg", "kilo", "kilos", "kilogram", "kilograms"], 'g', 1_000_000),
    (&["ml"], 'l', 1),
    (&["cl"], 'l', 10),
    (&["dl"], 'l', 100),
    (&["l", "lt", "ltr", "liter", "liters", "litre", "litres", "litro", "litros"], 'l', 1_000),
    (&["oz", "ounce", "ounces"], 'o', 100),
    (&["lb", "lbs", "pound", "pounds"], 'o', 1_600),
    (&["mm"], 'm', 1),
    (&["cm"], 'm', 10),
    (&["m", "meter", "meters", "metre", "metres"], 'm', 1_000),
    (&["inch", "inches"], 'i', 100),
    (&["ft", "foot", "feet"], 'i', 1_200),
    (&["mb"], 'b', 1),
    (&["gb"], 'b', 1_000),
    (&["tb"], 'b', 1_000_000),
    (&["w", "watt", "watts"], 'w', 10),
    (&["kw"], 'w', 10_000),
    (&["ct", "count", "pk", "pack", "pcs", "stk"], 'n', 1),
];

/// The term that stands for a measure in the index; no word begins with its sign.
const SIGN: char = '=';

/// The measure that begins at a word, and how many words it takes; none, if none begins there.
pub(crate) fn at(words: &[Word]) -> Option<(String, usize)> {
    let (first, second) = (words.first()?, words.get(1));
    if !first.is_code {
        return None;
    }
    let digits = first.text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = first.text.split_at(digits);
    if unit.is_empty() {
        return Some((term(number, &second?.text)?, 2));
    }
    Some((term(number, unit)?, 1))
}

fn term(number: &str, unit: &str) -> Option<String> {
    let (_, sort, smallest) = UNITS.iter().find(|(names, ..)| names.contains(&unit))?;
    Some(format!("{SIGN}{sort}{}", times(number, *smallest)?))
}

/// The number so many times; none, if that is no whole number that fits.
fn times(number: &str, smallest: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let ten = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let product = digits.checked_mul(smallest)?;
    (product % ten == 0).then(|| product / ten)
}

#[cfg(test)]
mod tests {
    use super::{super::words::words, *};

    fn measure(text: &str) -> Option<(String, usize)> {
        at(&words(text))
    }

    #[test]
    fn one_amount_is_one_term_however_it_is_written() {
        for text in ["500 g", "500g", "0.5kg", "0,5 kg", "500.0 grams"] {
            assert_eq!(measure(text).map(|(term, _)| term).as_deref(), Some("=g500000"), "{text}");
        }
        let cases = [
            ("1 lb", Some(("=o1600", 2))),
            ("16oz", Some(("=o1600", 1))),
            ("33cl", Some(("=l330", 1))),
            ("6 pack", Some(("=n6", 2))),
            ("500", None),
            ("g 500", None),
            ("0.0001 ml", None),
            ("1.2.3 g", None),
            ("99999999999999999999 kg", None),
            ("12 apples", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(term, words)| (term.to_owned(), words));
            assert_eq!(measure(text), expected, "{text}");
        }
    }
}
