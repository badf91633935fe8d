//! A label as a line of a sale: how much of the product, and at which price.
//!
//! A price on a label is what the customer was told, so the line's total is that price or there is no line.

use serde::{Deserialize, Serialize};

use super::{Dimension, LabelPrice, Scan, unread::Unread};
use crate::{
    money::{Currency, Money, line_total},
    quantity::{Amount, Unit},
};

/// How a product is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sold {
    /// Its smallest unit.
    pub unit: Unit,
    /// What `price_per` units cost; none if the till asks.
    pub price: Option<Money>,
    /// How many units that price buys.
    pub price_per: i64,
    /// The network's currency.
    pub currency: Currency,
}

/// What is sold by a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How much, in the product's unit.
    pub quantity: Amount,
    /// The price of `price_per` units that makes the line cost what the label says; none for the product's own.
    pub price: Option<Money>,
}

/// The currencies whose numbers labels are likely to bear (ISO 4217).
const NUMBERS: [(&str, u16); 24] = [
    ("AUD", 36),
    ("BRL", 986),
    ("CAD", 124),
    ("CHF", 756),
    ("CNY", 156),
    ("CZK", 203),
    ("DKK", 208),
    ("EUR", 978),
    ("GBP", 826),
    ("HKD", 344),
    ("HUF", 348),
    ("INR", 356),
    ("JPY", 392),
    ("KRW", 410),
    ("MXN", 484),
    ("NOK", 578),
    ("NZD", 554),
    ("PLN", 985),
    ("RON", 946),
    ("SEK", 752),
    ("SGD", 702),
    ("TRY", 949),
    ("USD", 840),
    ("ZAR", 710),
];

impl Scan {
    /// The line of a sale that this scan makes of the product that it names.
    ///
    /// A count is that many pieces, a weight or volume that much of what is sold so; without either it is one piece.
    /// A price without an amount is that of one piece, or of as much as costs exactly that today.
    ///
    /// # Errors
    /// [`Unread`]: what the label tells cannot be sold so.
    pub fn line(&self, sold: &Sold) -> Result<Line, Unread> {
        let told = self.amount(sold.unit)?;
        let Some(label) = self.price else {
            return Ok(Line { quantity: told.unwrap_or(Amount::ONE), price: None });
        };
        let total = payable(label, sold.currency)?;
        match (told, sold.unit) {
            (Some(quantity), _) => at_total(quantity, total, sold),
            (None, Unit::Each) => at_total(Amount::ONE, total, sold),
            (None, Unit::Gram | Unit::Millilitre | Unit::Milligallon) => as_much_as_costs(total, sold),
        }
    }

    /// How much the label tells, in a product's unit.
    fn amount(&self, unit: Unit) -> Result<Option<Amount>, Unread> {
        let of = |dimension| self.measures.iter().find(|one| one.dimension == dimension).map(|one| one.units);
        let units = match unit {
            Unit::Each => self.count,
            Unit::Gram => of(Dimension::Weight),
            Unit::Millilitre => of(Dimension::Volume),
            Unit::Milligallon => None,
        };
        // A maker's label may tell anything beside; the shop's own scale tells what is sold.
        let tells_other = self.is_own_label && (self.count.is_some() || !self.measures.is_empty());
        match units {
            Some(units) => Amount::new(units).map(Some).map_err(|_| Unread::BadAmount { units }),
            None if tells_other => Err(Unread::OtherUnit),
            None => Ok(None),
        }
    }
}

/// What the label costs in the network's currency, in coins that there are.
fn payable(label: LabelPrice, currency: Currency) -> Result<Money, Unread> {
    let own = NUMBERS.iter().find(|(code, _)| *code == currency.code()).map(|(_, number)| *number);
    if label.currency.is_some() && label.currency != own {
        return Err(Unread::OtherCurrency);
    }
    let is_payable = line_total(label.amount, Amount::ONE, 1, currency) == Ok(label.amount);
    if is_payable && !label.amount.is_negative() { Ok(label.amount) } else { Err(Unread::BadPrice) }
}

/// So much for that: at the product's own price if it comes to the same, else at the one that does.
fn at_total(quantity: Amount, total: Money, sold: &Sold) -> Result<Line, Unread> {
    let costs = |price| line_total(price, quantity, sold.price_per, sold.currency) == Ok(total);
    if sold.price.is_some_and(costs) {
        return Ok(Line { quantity, price: None });
    }
    let parts = divided(i128::from(total.parts()) * i128::from(sold.price_per), i128::from(quantity.units()));
    let price = i64::try_from(parts).ok().and_then(|parts| Money::from_parts(parts).ok());
    let price = price.filter(|price| costs(*price)).ok_or(Unread::BadPrice)?;
    Ok(Line { quantity, price: Some(price) })
}

/// As much as costs exactly that at the product's own price.
fn as_much_as_costs(total: Money, sold: &Sold) -> Result<Line, Unread> {
    let price = sold.price.filter(|price| price.parts() > 0).ok_or(Unread::NoPrice)?;
    let nearest = divided(i128::from(total.parts()) * i128::from(sold.price_per), i128::from(price.parts()));
    // Rounding to coins may shift it to a neighbour.
    let near = [0, -1, 1].into_iter().filter_map(|step| i64::try_from(nearest + step).ok());
    let amounts = near.filter_map(|units| Amount::new(units).ok());
    let costs = |amount: &Amount| line_total(price, *amount, sold.price_per, sold.currency) == Ok(total);
    let quantity = amounts.into_iter().find(costs).ok_or(Unread::PriceNotMet { price: total })?;
    Ok(Line { quantity, price: None })
}

/// The nearest whole number, halves up; both are at least 0, and none is divided by 0.
const fn divided(by: i128, into: i128) -> i128 {
    (2 * by + into) / (2 * into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Measured;

    fn money(text: &str) -> Money {
        text.parse().expect("money")
    }

    fn sold(unit: Unit, price: Option<&str>) -> Sold {
        let currency = "EUR".parse().expect("currency");
        Sold { unit, price: price.map(money), price_per: unit.price_per(), currency }
    }

    fn label(weight: Option<i64>, count: Option<i64>, price: Option<&str>) -> Scan {
        let measures = weight.map(|units| Measured { dimension: Dimension::Weight, units }).into_iter().collect();
        let price = price.map(|price| LabelPrice { amount: money(price), currency: None });
        Scan { is_own_label: true, measures, count, price, ..Scan::default() }
    }

    fn line(units: i64, price: Option<&str>) -> Line {
        Line { quantity: Amount::new(units).expect("amount"), price: price.map(money) }
    }

    #[test]
    fn a_label_is_a_line_that_costs_what_it_says() {
        let (each, gram) = (Unit::Each, Unit::Gram);
        let cases = [
            (label(None, None, None), sold(each, Some("2.50")), Ok(line(1, None))),
            (label(None, Some(6), None), sold(each, Some("2.50")), Ok(line(6, None))),
            (label(Some(250), None, None), sold(gram, Some("19.90")), Ok(line(250, None))),
            // A price of one piece.
            (label(None, None, Some("2.50")), sold(each, Some("2.50")), Ok(line(1, None))),
            (label(None, None, Some("1.99")), sold(each, Some("2.50")), Ok(line(1, Some("1.99")))),
            (label(None, None, Some("1.99")), sold(each, None), Ok(line(1, Some("1.99")))),
            // A price of so much as costs that.
            (label(None, None, Some("4.98")), sold(gram, Some("19.90")), Ok(line(250, None))),
            (label(None, None, Some("0.02")), sold(gram, Some("19.90")), Ok(line(1, None))),
            (
                label(None, None, Some("0.05")),
                sold(gram, Some("19.90")),
                Err(Unread::PriceNotMet { price: money("0.05") }),
            ),
            (label(None, None, Some("4.98")), sold(gram, None), Err(Unread::NoPrice)),
            (
                label(None, None, Some("0.00")),
                sold(gram, Some("19.90")),
                Err(Unread::PriceNotMet { price: Money::ZERO }),
            ),
            // Both.
            (label(Some(250), None, Some("4.98")), sold(gram, Some("19.90")), Ok(line(250, None))),
            (label(Some(250), None, Some("3.99")), sold(gram, Some("19.90")), Ok(line(250, Some("15.96")))),
            (label(Some(333), None, Some("3.99")), sold(gram, None), Ok(line(333, Some("11.982")))),
            (label(None, Some(3), Some("10.00")), sold(each, None), Ok(line(3, Some("3.3333")))),
            // What cannot be.
            (label(Some(250), None, None), sold(each, Some("2.50")), Err(Unread::OtherUnit)),
            (label(None, Some(2), None), sold(gram, Some("2.50")), Err(Unread::OtherUnit)),
            (label(Some(0), None, None), sold(gram, Some("2.50")), Err(Unread::BadAmount { units: 0 })),
            (label(None, None, Some("1.999")), sold(each, None), Err(Unread::BadPrice)),
        ];
        for (scan, sold, expected) in cases {
            assert_eq!(scan.line(&sold), expected, "{scan:?} {sold:?}");
        }
    }

    #[test]
    fn a_makers_label_may_tell_more_than_is_sold_by() {
        let scan = Scan { is_own_label: false, ..label(Some(250), None, None) };
        assert_eq!(scan.line(&sold(Unit::Each, Some("2.50"))), Ok(line(1, None)));
    }

    #[test]
    fn a_price_in_another_currency_is_not_taken() {
        let priced = |number| Scan {
            price: Some(LabelPrice { amount: money("2.50"), currency: Some(number) }),
            ..Scan::default()
        };
        assert_eq!(priced(978).line(&sold(Unit::Each, None)), Ok(line(1, Some("2.50"))));
        assert_eq!(priced(840).line(&sold(Unit::Each, None)), Err(Unread::OtherCurrency));
    }

    /// Whatever a scale prints at today's price is sold for exactly that.
    #[test]
    fn every_weight_that_a_scale_prints_is_met() {
        for price in ["0.99", "3.49", "19.90", "129.00"] {
            let sold = sold(Unit::Gram, Some(price));
            for grams in 1..3_000 {
                let amount = Amount::new(grams).expect("amount");
                let total = line_total(money(price), amount, 1_000, sold.currency).expect("a total");
                if total == Money::ZERO {
                    continue;
                }
                let line = label(None, None, Some(&total.to_string())).line(&sold).expect("a line");
                let meets = line_total(money(price), line.quantity, 1_000, sold.currency);
                assert_eq!((meets, line.price), (Ok(total), None), "{grams} g at {price}");
            }
        }
    }
}
