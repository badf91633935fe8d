//! Real baskets, read for replay: what was bought, when and where, and at which prices it can be
//! rung up so that every line costs exactly what it cost then.
//!
//! The files and their oddities are told in `examples/data/README.md`. Nothing here is rounded
//! away: a line of quantity 0 gives no lines to ring up, and whoever replays it counts it.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    iter::Peekable,
};

use outpost_schema::{
    clock::Timestamp,
    money::{Money, PARTS},
    quantity::{Amount, Unit},
};
use serde::{Deserialize, de::DeserializeOwned};

/// What one customer bought at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// The number on the real receipt.
    pub basket_id: u64,
    /// When; the data names no zone, so the shop's own time is read as if it were UTC.
    pub at: Timestamp,
    /// The shop's number.
    pub store: u32,
    /// The household's number.
    pub customer: u32,
    /// In the order of the file.
    pub lines: Vec<Line>,
}

/// One line of a real receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The catalogue's code; a few codes are in no catalogue.
    pub sku: String,
    /// Pieces, or thousandths of a gallon of petrol; sometimes 0.
    pub quantity: i64,
    /// What the whole line cost, in whole cents, never below nothing.
    pub amount: Money,
}

/// The baskets of a zstd-compressed CSV, one at a time.
///
/// # Errors
/// If the decompressor cannot start; a damaged line is an error of the basket it ends.
pub fn baskets(source: impl io::Read) -> io::Result<impl Iterator<Item = io::Result<Basket>>> {
    Ok(Baskets { rows: rows(source)?.peekable() })
}

/// The unit that each product of a zstd-compressed catalogue is sold in, by its code.
///
/// # Errors
/// If the file is damaged.
pub fn units(source: impl io::Read) -> io::Result<HashMap<String, Unit>> {
    rows(source)?.map(|product: io::Result<Product>| product.map(Product::unit)).collect()
}

/// The products of a zstd-compressed catalogue that have a price, by their codes.
///
/// # Errors
/// If the file is damaged.
pub fn with_price(source: impl io::Read) -> io::Result<BTreeSet<String>> {
    let has_price = |product: &Product| product.price.is_some_and(|price| price > Money::ZERO);
    let products = rows(source)?.collect::<io::Result<Vec<Product>>>()?;
    Ok(products.into_iter().filter(has_price).map(|product| product.source_id).collect())
}

/// Rings a line up: amounts of the product, each with the unit price at which their totals sum
/// exactly to `amount`, which is in whole cents. Empty if `quantity` is no [`Amount`].
///
/// # Panics
/// If a unit price leaves the range of money, which takes an amount of twelve digits before the point.
pub fn priced(amount: Money, quantity: i64, unit: Unit) -> Vec<(Amount, Money)> {
    let cents = amount.parts() / CENT;
    let sold = match unit {
        Unit::Each => by_the_piece(cents, quantity),
        Unit::Gram | Unit::Millilitre | Unit::Milligallon => by_measure(cents, quantity, unit.price_per()),
    };
    let money = |parts| Money::from_parts(parts).expect("the amount is below twelve digits before the point");
    sold.into_iter().filter_map(|(units, parts)| Some((Amount::new(units).ok()?, money(parts)))).collect()
}

/// Parts of money in a cent.
const CENT: i64 = PARTS / 100;

/// Pieces and what one costs in parts: all alike, or some a cent dearer than the others.
fn by_the_piece(cents: i64, quantity: i64) -> Vec<(i64, i64)> {
    if quantity < 1 {
        return Vec::new();
    }
    let (cheaper, dearer) = (cents / quantity, cents % quantity);
    vec![(quantity - dearer, cheaper * CENT), (dearer, (cheaper + 1) * CENT)]
}

/// Measured units and what `per` of them cost in parts. A price is exact to half a part, so the total of
/// fewer than `100 * per` units is off by less than half a cent, and rounds to the cent it was. What
/// is more (a tank of a hundred gallons) becomes several lines.
fn by_measure(mut cents: i64, mut quantity: i64, per: i64) -> Vec<(i64, i64)> {
    let most = 100 * per - 1;
    let mut lines = Vec::new();
    while quantity > 0 {
        let units = quantity.min(most);
        let share = scaled(cents, units, quantity);
        lines.push((units, scaled(share * CENT, per, units)));
        (cents, quantity) = (cents - share, quantity - units);
    }
    lines
}

/// `value * times / of`, rounded half up; `value` is not negative.
fn scaled(value: i64, times: i64, of: i64) -> i64 {
    let (value, times, of) = (i128::from(value), i128::from(times), i128::from(of));
    i64::try_from((2 * value * times + of) / (2 * of)).expect("the amount is below twelve digits before the point")
}

/// The columns of the catalogue that tell the unit.
#[derive(Deserialize)]
struct Product {
    source_id: String,
    price: Option<Money>,
}

impl Product {
    /// Petrol is what the catalogue prices at 0.00: its shelf price per thousandth of a gallon was rounded to nothing.
    fn unit(self) -> (String, Unit) {
        let unit = if self.price == Some(Money::ZERO) { Unit::Milligallon } else { Unit::Each };
        (self.source_id, unit)
    }
}

/// The columns of the transactions that are replayed.
#[derive(Deserialize)]
struct Row {
    basket_id: u64,
    ts: String,
    store_id: u32,
    customer_id: u32,
    product_id: String,
    quantity: i64,
    amount: Money,
}

impl Row {
    fn basket(&self) -> io::Result<Basket> {
        let at = moment(&self.ts).ok_or_else(|| bad(format!("{:?} is not a moment", self.ts)))?;
        Ok(Basket {
            basket_id: self.basket_id,
            at,
            store: self.store_id,
            customer: self.customer_id,
            lines: Vec::new(),
        })
    }

    fn line(self) -> io::Result<Line> {
        if self.amount.is_negative() || self.amount.parts() % CENT != 0 || self.quantity < 0 {
            return Err(bad(format!("basket {} has a line that nobody could have paid", self.basket_id)));
        }
        Ok(Line { sku: self.product_id, quantity: self.quantity, amount: self.amount })
    }
}

struct Baskets<Rows: Iterator> {
    rows: Peekable<Rows>,
}

impl<Rows: Iterator<Item = io::Result<Row>>> Baskets<Rows> {
    fn gather(&mut self, first: Row) -> io::Result<Basket> {
        let mut basket = first.basket()?;
        basket.lines.push(first.line()?);
        while let Some(row) = self.rows.next_if(|row| row.as_ref().is_ok_and(|row| row.basket_id == basket.basket_id)) {
            basket.lines.push(row?.line()?);
        }
        Ok(basket)
    }
}

impl<Rows: Iterator<Item = io::Result<Row>>> Iterator for Baskets<Rows> {
    type Item = io::Result<Basket>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.rows.next()?;
        Some(first.and_then(|row| self.gather(row)))
    }
}

fn rows<Record: DeserializeOwned>(source: impl io::Read) -> io::Result<impl Iterator<Item = io::Result<Record>>> {
    let plain = zstd::Decoder::new(source)?;
    Ok(csv::Reader::from_reader(plain).into_deserialize().map(|row| row.map_err(io::Error::from)))
}

fn bad(sentence: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

/// Reads `2017-05-28T15:19:55`.
fn moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000))
}

/// Three unsigned numbers with a mark between them.
fn numbers(text: &str, mark: char) -> Option<[i64; 3]> {
    let parts: Option<Vec<i64>> = text.split(mark).map(|part| part.parse::<u16>().ok().map(i64::from)).collect();
    parts?.try_into().ok()
}

/// Days of the Gregorian calendar; years begin in March, so that the leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use std::{fs::File, path::Path};

    use outpost_schema::{
        money::{Currency, line_total},
        word::Word as _,
    };
    use proptest::prelude::*;

    use super::*;

    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

    fn money(text: &str) -> Money {
        text.parse().expect("test money")
    }

    fn rung_up(lines: &[(Amount, Money)], unit: Unit) -> (i64, Money) {
        let usd: Currency = "USD".parse().expect("currency");
        let total =
            |(units, price): &(Amount, Money)| line_total(*price, *units, unit.price_per(), usd).expect("total");
        (lines.iter().map(|(units, _)| units.units()).sum(), lines.iter().map(total).sum())
    }

    #[test]
    fn a_line_is_rung_up_as_few_lines_as_its_cents_allow() {
        let cases = [
            ("10.00", 3, Unit::Each, vec![(2, "3.33"), (1, "3.34")]),
            ("10.00", 4, Unit::Each, vec![(4, "2.50")]),
            ("0.02", 3, Unit::Each, vec![(1, "0.00"), (2, "0.01")]),
            ("0.00", 2, Unit::Each, vec![(2, "0.00")]),
            ("0.57", 0, Unit::Each, vec![]),
            ("0.57", -1, Unit::Gram, vec![]),
            ("20.06", 8725, Unit::Milligallon, vec![(8725, "2.2991")]),
            ("300.00", 120_000, Unit::Milligallon, vec![(99_999, "2.5000"), (20_001, "2.4999")]),
        ];
        for (amount, quantity, unit, lines) in cases {
            let expected: Vec<_> =
                lines.into_iter().map(|(n, p)| (Amount::new(n).expect("amount"), money(p))).collect();
            assert_eq!(priced(money(amount), quantity, unit), expected, "{amount} for {quantity}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_paid_is_rung_up_to_the_cent(cents in 0..100_000_000_i64, quantity in 1..5_000_000_i64, unit in 0..4_usize) {
            let (amount, unit) = (Money::from_parts(cents * CENT).expect("money"), Unit::WORDS[unit].0);
            prop_assert_eq!(rung_up(&priced(amount, quantity, unit), unit), (quantity, amount));
        }
    }

    /// Lines and baskets of a file, after every line was rung up and compared; unsold are those of quantity 0.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Tally {
        baskets: usize,
        lines: usize,
        unsold: usize,
        unknown: usize,
        petrol: usize,
        longest: usize,
        takings: Money,
    }

    fn check(file: &Path) -> Tally {
        let units =
            units(File::open(format!("{DATA}/products-grocery.csv.zst")).expect("the catalogue")).expect("units");
        let mut tally = Tally::default();
        for basket in baskets(File::open(file).expect("the baskets")).expect("zstd") {
            let basket = basket.expect("a whole basket");
            tally.baskets += 1;
            tally.longest = tally.longest.max(basket.lines.len());
            basket.lines.iter().for_each(|line| check_line(line, units.get(&line.sku).copied(), &mut tally));
        }
        tally
    }

    fn check_line(line: &Line, known: Option<Unit>, tally: &mut Tally) {
        let unit = known.unwrap_or(Unit::Each);
        let (sold, total) = rung_up(&priced(line.amount, line.quantity, unit), unit);
        assert_eq!(sold, line.quantity, "{line:?}");
        assert!(total == line.amount || sold == 0, "{line:?} was rung up as {total}");
        tally.lines += 1;
        tally.unsold += usize::from(sold == 0);
        tally.unknown += usize::from(known.is_none());
        tally.petrol += usize::from(unit == Unit::Milligallon);
        tally.takings = [tally.takings, total].into_iter().sum();
    }

    #[test]
    fn every_line_of_the_slice_costs_what_it_cost() {
        let tally = check(&Path::new(DATA).join("baskets-grocery.csv.zst"));
        let expected = Tally {
            baskets: 7_974,
            lines: 68_547,
            unsold: 464,
            unknown: 259,
            petrol: 1_009,
            longest: 161,
            takings: money("233300.87"),
        };
        assert_eq!(tally, expected);
    }

    /// The whole year is too large to be kept here: `OUTPOST_DATA` names the folder it lies in, if there is one.
    #[test]
    fn every_line_of_the_whole_year_costs_what_it_cost() {
        let Some(folder) = std::env::var_os("OUTPOST_DATA") else { return };
        let file = Path::new(&folder).join("transactions-grocery.csv.zst");
        if file.exists() {
            let tally = check(&file);
            assert_eq!((tally.baskets, tally.lines, tally.unsold), (124_772, 1_173_244, 7_118));
        }
    }

    #[test]
    fn a_moment_is_read_or_refused() {
        let cases = [
            ("1970-01-01T00:00:00", Some(0)),
            ("2016-02-29T23:59:59", Some(1_456_790_399)),
            ("2017-05-28T15:19:55", Some(1_495_984_795)),
            ("2017-13-28T15:19:55", None),
            ("2017-05-28 15:19:55", None),
            ("2017-05T15:19:55", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(moment(text), seconds.map(|s: i64| Timestamp::from_micros(s * 1_000_000)), "{text}");
        }
    }

    #[test]
    fn a_line_that_nobody_could_have_paid_is_refused() {
        let head = "basket_id,ts,store_id,customer_id,product_id,quantity,amount\n";
        for line in
            ["1,2017-05-28T15:19:55,1,1,9,1,-1.00", "1,2017-05-28T15:19:55,1,1,9,1,0.001", "1,soon,1,1,9,1,1.00"]
        {
            let file = zstd::encode_all(format!("{head}{line}\n").as_bytes(), 1).expect("zstd");
            let read: Vec<_> = baskets(file.as_slice()).expect("zstd").collect();
            assert!(matches!(read.as_slice(), [Err(_)]), "{line}");
        }
    }
}
