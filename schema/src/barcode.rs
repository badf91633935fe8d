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
fn check_digit(body: &[u8]) -> u8 {
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
    fn in_store_codes_begin_with_two_and_read_back() {
        let code = Barcode::in_store(25_671).expect("fits");
        assert_eq!(code.digits(), "2000000256719");
        assert_eq!(code.digits().parse::<Barcode>(), Ok(code));
        assert_eq!(Barcode::in_store(100_000_000_000), Err(Fault::NotABarcode));
    }
}
