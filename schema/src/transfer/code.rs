//! What is written on the boxes of a transfer: short enough for a pen, and safe against a slip of it.

use std::{fmt, str::FromStr};

use crate::{fault::Fault, id::TransferId, text};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A device's prefix is at most this long here; those that head office gives are far shorter.
const PREFIX_MAX: usize = 40;

/// The highest number: fifteen digits, as few as nobody will ever count to.
const NUMBER_MAX: i64 = 999_999_999_999_999;

/// Names a transfer for people, like `K1-T17-O`: the sending device's prefix, its count of transfers, and a check
/// character over both. The id follows from it, so that a device which never heard of the transfer, and has nothing
/// but the box, tells of the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransferCode {
    /// The device's prefix, unique in the network.
    pub prefix: String,
    /// Counts the device's transfers from 1.
    pub number: i64,
}

impl TransferCode {
    /// The id of the transfer: one of version 8, made of the first bytes of a SHA-256 of the code.
    pub fn transfer_id(&self) -> TransferId {
        let digest = Sha256::digest(format!("outpost transfer {}-{}", self.prefix, self.number));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        TransferId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The check character of ISO 7064, MOD 37,36: it finds every wrong character and every two that were swapped.
    fn check_character(&self) -> char {
        let text = format!("{}{}", self.prefix, self.number);
        let product = text.chars().filter_map(|char| char.to_digit(36)).fold(36, |product, value| {
            let sum = (product + value) % 36;
            (if sum == 0 { 36 } else { sum }) * 2 % 37
        });
        char::from_digit((37 - product) % 36, 36).map_or('0', |char| char.to_ascii_uppercase())
    }

    /// Checks its bounds.
    ///
    /// # Errors
    /// [`Fault::NotATransferCode`], or what is wrong with the prefix.
    pub fn check(&self) -> Result<(), Fault> {
        text::require("the prefix", &self.prefix, PREFIX_MAX)?;
        if (1..=NUMBER_MAX).contains(&self.number) { Ok(()) } else { Err(Fault::NotATransferCode) }
    }
}

impl fmt::Display for TransferCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-T{}-{}", self.prefix, self.number, self.check_character()))
    }
}

impl FromStr for TransferCode {
    type Err = Fault;

    /// Reads a code as it is written, in small letters or capitals.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let text = text.trim().to_uppercase();
        let (rest, check) = text.rsplit_once('-').ok_or(Fault::NotATransferCode)?;
        let (prefix, number) = rest.rsplit_once("-T").ok_or(Fault::NotATransferCode)?;
        let number = number.parse().map_err(|_| Fault::NotATransferCode)?;
        let code = Self { prefix: prefix.to_owned(), number };
        code.check()?;
        let is_right = check.chars().map(as_written).eq([as_written(code.check_character())]);
        if is_right { Ok(code) } else { Err(Fault::WrongTransferCode) }
    }
}

/// Letters and digits that a pen writes alike.
const fn as_written(char: char) -> char {
    match char {
        'O' => '0',
        'I' => '1',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(prefix: &str, number: i64) -> TransferCode {
        TransferCode { prefix: prefix.to_owned(), number }
    }

    #[test]
    fn a_code_reads_as_it_is_written_and_names_one_transfer_everywhere() {
        for code in [code("K1", 1), code("P12", 4711), code("K1RA0FF", 90)] {
            let written = code.to_string();
            assert_eq!(written.parse(), Ok(code.clone()));
            assert_eq!(format!(" {} ", written.to_lowercase()).parse(), Ok(code.clone()));
        }
        assert_eq!(code("K1", 17).to_string(), "K1-T17-O");
        assert_eq!("K1-T17-0".parse(), Ok(code("K1", 17)), "a pen writes both alike");
        assert_eq!(code("K1", 17).transfer_id().0.get_version_num(), 8);
        assert_ne!(code("K1", 17).transfer_id(), code("K11", 7).transfer_id());
    }

    #[test]
    fn a_slip_of_the_pen_names_no_transfer() {
        let right = "K1-T4711-".to_owned() + &code("K1", 4711).check_character().to_string();
        assert_eq!(right.parse(), Ok(code("K1", 4711)));
        for wrong in ["K1-T4171", "K1-T4712", "K2-T4711", "K1-T471", "1K-T4711"] {
            let written = format!("{wrong}-{}", code("K1", 4711).check_character());
            assert_eq!(written.parse::<TransferCode>(), Err(Fault::WrongTransferCode), "{written}");
        }
        for none in ["", "K1-000017", "K1-T17", "K1-T-O", "K1-T0-0", "-T17-O", "K1-T17-OO", "K1-T9999999999999999999-A"]
        {
            assert!(none.parse::<TransferCode>().is_err(), "{none}");
        }
    }
}
