//! Barcodes: a GTIN (GS1 General Specifications, section 7.9) is parsed once, check digit included;
//! after that it is a [`Barcode`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::fault::Fault;

/// A GTIN-8, -12, -13 or -14 with a valid check digit. GTIN-12 is kept as the GTIN-13 that means the
/// same, with a leading zero, so that a scanner's setting does not split a product in two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Barcode(String);

impl Barcode {
    /// An in-store EAN-13 for goods that came without one: prefix 2, then `number` in eleven
    /// digits, then the check digit.
    ///
    /// # Errors
    /// [`Fault::NotABarcode`] if `number` has more than eleven digits.
    pub fn in_store(number: u64) -> Result<Self, Fault> {
        if number > 99_999_999_999 {
            return Err(Fault::NotABarcode);
        }
        let body = format!("2{number:011}");
        let check = check_digit(body.as_bytes());
        Ok(Self(format!("{body}{check}")))
    }

    /// The digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// This code and the others that mean the same: a GTIN may be written with zeros in front, up to fourteen
    /// digits, and catalogues have it either way. Leading zeros weigh nothing, so each has the same check digit.
    /// This one comes first.
    pub fn spellings(&self) -> Vec<Self> {
        let short = self.0.trim_start_matches('0');
        let lengths = [8, 13, 14].into_iter().filter(|length| *length >= short.len());
        let mut all: Vec<Self> = lengths.map(|length| Self(format!("{short:0>length$}"))).collect();
        all.sort_by_key(|code| code.0.len().abs_diff(self.0.len()));
        all
    }
}

/// Whether text is digits of which the last is the check digit of the others.
pub(crate) fn fits(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && text.len() > 1
        && check_digit(&text.as_bytes()[..text.len() - 1]) == text.as_bytes()[text.len() - 1] - b'0'
}

/// The GTIN-12 of a short UPC-E: six digits, seven with the number system in front, or eight with the check digit
/// behind (General Specifications, 5.2.2.4.2). None if it is no such code, or its check digit does not fit.
pub fn upc_e(text: &str) -> Option<Barcode> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (system, six, check) = match text.len() {
        6 => ("0", text, None),
        7 => (&text[..1], &text[1..], None),
        8 => (&text[..1], &text[1..7], Some(&text[7..])),
        _ => return None,
    };
    if !matches!(system, "0" | "1") {
        return None;
    }
    let body = match six.as_bytes()[5] {
        b'0'..=b'2' => format!("{system}{}{}0000{}", &six[..2], &six[5..], &six[2..5]),
        b'3' => format!("{system}{}00000{}", &six[..3], &six[3..5]),
        b'4' => format!("{system}{}00000{}", &six[..4], &six[4..5]),
        _ => format!("{system}{}0000{}", &six[..5], &six[5..]),
    };
    let digit = check_digit(body.as_bytes());
    let fits = check.is_none_or(|check| check == digit.to_string());
    fits.then(|| Barcode(format!("0{body}{digit}")))
}

impl FromStr for Barcode {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::NotABarcode);
        }
        let (body, check) = text.as_bytes().split_at(text.len() - 1);
        if check_digit(body) != check[0] - b'0' {
            return Err(Fault::WrongCheckDigit);
        }
        Ok(Self(if text.len() == 12 { format!("0{text}") } else { text.to_owned() }))
    }
}

/// Weights 3 and 1 in turn, from the right (GS1 General Specifications, 7.9.1).
pub(crate) fn check_digit(body: &[u8]) -> u8 {
    let sum: u32 =
        body.iter().rev().zip([3, 1].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    u8::try_from((10 - sum % 10) % 10).expect("below ten")
}

impl fmt::Display for Barcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Barcode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Barcode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_is_read_with_its_check_digit() {
        let cases = [
            ("4006381333931", Ok("4006381333931")),
            ("036000291452", Ok("0036000291452")),
            ("96385074", Ok("96385074")),
            ("4006381333932", Err(Fault::WrongCheckDigit)),
            ("40063813339", Err(Fault::NotABarcode)),
            ("400638133393X", Err(Fault::NotABarcode)),
            ("", Err(Fault::NotABarcode)),
        ];
        for (text, expected) in cases {
            let read = text.parse::<Barcode>();
            assert_eq!(read.as_ref().map(Barcode::digits), expected.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn a_code_is_known_by_its_other_lengths() {
        let spelled = |text: &str| -> Vec<String> {
            let code: Barcode = text.parse().expect("a barcode");
            code.spellings().iter().map(ToString::to_string).collect()
        };
        assert_eq!(spelled("4006381333931"), ["4006381333931", "04006381333931"]);
        assert_eq!(spelled("04006381333931"), ["04006381333931", "4006381333931"]);
        assert_eq!(spelled("96385074"), ["96385074", "0000096385074", "00000096385074"]);
        assert_eq!(spelled("14006381333938"), ["14006381333938"]);
    }

    /// One of each rule, with the check digits that scanners show.
    #[test]
    fn a_short_upc_is_the_long_one_without_its_zeros() {
        let cases = [
            ("04252614", Some("0042100005264")),
            ("425261", Some("0042100005264")),
            ("0425261", Some("0042100005264")),
            ("01234505", Some("0012000003455")),
            ("01234531", Some("0012300000451")),
            ("01234536", None),
            ("04252615", None),
            ("24252614", None),
            ("4252", None),
            ("4252é1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(upc_e(text).as_ref().map(Barcode::digits), expected, "{text}");
        }
        let bodies = [
            ("123453", "001230000045"),
            ("123454", "001234000005"),
            ("123455", "001234500005"),
            ("123459", "001234500009"),
        ];
        for (six, body) in bodies {
            assert_eq!(upc_e(six).map(|code| code.digits()[..12].to_owned()).as_deref(), Some(body), "{six}");
        }
    }

    #[test]
    fn in_store_codes_begin_with_two_and_read_back() {
        let code = Barcode::in_store(25_671).expect("fits");
        assert_eq!(code.digits(), "2000000256719");
        assert_eq!(code.digits().parse::<Barcode>(), Ok(code));
        assert_eq!(Barcode::in_store(100_000_000_000), Err(Fault::NotABarcode));
    }
}
