//! Money: exact, four digits after the point, never a float.
//!
//! Rounding happens in one place, [`line_total`]. Amounts in two currencies never add, because a
//! network has one currency and each payment names it.

use std::{fmt, iter::Sum, ops, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{fault::Fault, quantity::Amount};

/// One unit of money is kept as this many parts.
pub const PARTS: i64 = 10_000;

/// The largest amount of money in parts: `numeric(18,4)` has fourteen digits before the point.
const PARTS_MAX: i64 = 999_999_999_999_999_999;

/// An amount of money in 1/10,000 of the currency's unit; negative for what is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From parts of 1/10,000.
    ///
    /// # Errors
    /// [`Fault::MoneyOutOfRange`] beyond fourteen digits before the point.
    pub fn from_parts(parts: i64) -> Result<Self, Fault> {
        if (-PARTS_MAX..=PARTS_MAX).contains(&parts) { Ok(Self(parts)) } else { Err(Fault::MoneyOutOfRange) }
    }

    /// Parts of 1/10,000.
    pub const fn parts(self) -> i64 {
        self.0
    }

    /// From an exact decimal.
    ///
    /// # Errors
    /// [`Fault::MoneyTooFine`] with more than four digits after the point,
    /// [`Fault::MoneyOutOfRange`] beyond fourteen before it.
    pub fn from_decimal(value: Decimal) -> Result<Self, Fault> {
        let value = value.normalize();
        if value.scale() > 4 {
            return Err(Fault::MoneyTooFine);
        }
        let parts = value.checked_mul(Decimal::from(PARTS)).ok_or(Fault::MoneyOutOfRange)?;
        i64::try_from(parts).map_err(|_| Fault::MoneyOutOfRange).and_then(Self::from_parts)
    }

    /// As an exact decimal with four digits after the point.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 4)
    }

    /// Whether this is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, if it is still in range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(|parts| Self::from_parts(parts).ok())
    }
}

impl FromStr for Money {
    type Err = Fault;

    /// Reads plain decimals such as `12`, `-0.5` or `3.4900`; no exponent, sign word or thousands mark.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !plain || digits.starts_with('.') || digits.ends_with('.') {
            return Err(Fault::NotMoney);
        }
        if let Some((_, fraction)) = digits.split_once('.')
            && fraction.trim_end_matches('0').len() > 4
        {
            return Err(Fault::MoneyTooFine);
        }
        let value = Decimal::from_str_exact(text).map_err(|_| match digits.matches('.').count() {
            0 | 1 => Fault::MoneyOutOfRange,
            _ => Fault::NotMoney,
        })?;
        Self::from_decimal(value)
    }
}

impl fmt::Display for Money {
    /// At least two digits after the point, more only where they say something: `3.49`, `0.3333`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_decimal().normalize();
        let scale = value.scale().max(2);
        f.pad(&format!("{value:.*}", scale as usize))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::from_parts(i64::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}

impl ops::Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl ops::Sub for Money {
    type Output = Self;
    /// Both sides are within range, so the difference fits 64 bits.
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Money {
    /// Saturates at the end of the range; a total that large fails [`crate::order`]'s own check.
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, |total, next| Self(total.0.saturating_add(next.0).clamp(-PARTS_MAX, PARTS_MAX)))
    }
}

/// A currency by its ISO 4217 code, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The dollar, which a network has if nobody chose another.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only capital ASCII letters are let in")
    }

    /// Digits after the point that can be paid (ISO 4217, the exceptions that are in daily use).
    pub fn digits(&self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" | b"PYG" | b"UGX" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"KWD" | b"BHD" | b"OMR" | b"JOD" | b"TND" | b"IQD" | b"LYD" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = Fault;
    fn from_str(text: &str) -> Result<Self, Fault> {
        match text.as_bytes() {
            [a, b, c] if text.bytes().all(|letter| letter.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(Fault::NotACurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What `amount` costs at `unit_price`, where that price buys `price_per` units: rounded half away
/// from zero to what the currency can pay. Pieces at a payable price are always exact.
///
/// # Errors
/// [`Fault::MoneyOutOfRange`] if the total has more than fourteen digits before the point, and
/// [`Fault::AmountOutOfRange`] if `price_per` is below 1.
pub fn line_total(unit_price: Money, amount: Amount, price_per: i64, currency: Currency) -> Result<Money, Fault> {
    if price_per < 1 {
        return Err(Fault::AmountOutOfRange { units: price_per });
    }
    let gross = unit_price.to_decimal().checked_mul(Decimal::from(amount.units())).ok_or(Fault::MoneyOutOfRange)?;
    let total = gross / Decimal::from(price_per);
    Money::from_decimal(total.round_dp_with_strategy(currency.digits(), RoundingStrategy::MidpointAwayFromZero))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().expect("test money")
    }

    #[test]
    fn money_is_read_exactly_or_not_at_all() {
        assert_eq!(money("3.49").parts(), 34_900);
        assert_eq!(money("-0.5000").parts(), -5_000);
        assert_eq!(money("1.00000000").parts(), 10_000);
        let refused = [
            ("", Fault::NotMoney),
            ("1e400", Fault::NotMoney),
            ("NaN", Fault::NotMoney),
            (".5", Fault::NotMoney),
            ("1.2.3", Fault::NotMoney),
            ("0.00001", Fault::MoneyTooFine),
            ("0.1234567890123456789012345678901234567", Fault::MoneyTooFine),
            ("123456789012345", Fault::MoneyOutOfRange),
            ("99999999999999999999999999999999999999", Fault::MoneyOutOfRange),
        ];
        for (text, fault) in refused {
            assert_eq!(text.parse::<Money>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn money_shows_at_least_cents() {
        for (text, shown) in [("3", "3.00"), ("0.3333", "0.3333"), ("-12.5", "-12.50")] {
            assert_eq!(money(text).to_string(), shown);
        }
    }

    #[test]
    fn lines_round_once_to_what_can_be_paid() {
        let usd: Currency = "USD".parse().expect("currency");
        let yen: Currency = "JPY".parse().expect("currency");
        let cases = [
            ("3.49", 3, 1, usd, "10.47"),
            ("9.99", 1234, 1000, usd, "12.33"),
            ("2.50", 1, 1000, usd, "0.00"),
            ("5.00", 1, 1000, usd, "0.01"),
            ("199", 3, 1, yen, "597"),
            ("1.50", 1, 1, yen, "2"),
        ];
        for (price, amount, per, currency, total) in cases {
            let amount = Amount::new(amount).expect("amount");
            assert_eq!(line_total(money(price), amount, per, currency), Ok(money(total)), "{price} x {amount:?}/{per}");
        }
    }

    #[test]
    fn an_enormous_line_is_refused() {
        let usd: Currency = "USD".parse().expect("currency");
        let most = Amount::new(crate::quantity::AMOUNT_MAX).expect("amount");
        assert_eq!(line_total(money("99999999999999"), most, 1, usd), Err(Fault::MoneyOutOfRange));
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("eur".parse::<Currency>(), Err(Fault::NotACurrency));
        assert_eq!("EURO".parse::<Currency>(), Err(Fault::NotACurrency));
        assert_eq!("EUR".parse::<Currency>().map(|currency| currency.to_string()), Ok("EUR".to_owned()));
    }
}
