//! One row of a catalogue, as its columns say it. Pure: what the database knows is not asked here.

use csv::ByteRecord;
use outpost_schema::{
    barcode::Barcode,
    fault::Fault,
    money::{Currency, Money},
    quantity::Unit,
    text,
};
use serde_json::{Map, Value};

use super::{
    read::{Source, SourceError},
    report::Reason,
};

/// Levels of categories in one path; deeper than any shop's shelves.
pub(super) const LEVELS_MAX: usize = 10;

/// What stands between two levels of a category path.
const LEVELS_JOINED_BY: &str = " > ";

/// Words that say a product is fuel.
const FUEL: [&str; 5] = ["fuel", "gasoline", "petrol", "diesel", "unleaded"];

/// The columns that are read, optional ones too.
const KNOWN: [&str; 11] = [
    "sku",
    "barcode",
    "name",
    "brand",
    "manufacturer",
    "category_path",
    "price",
    "currency",
    "package_size",
    "description",
    "unit",
];

/// Columns that become attributes of the product.
const ATTRIBUTES: [&str; 3] = ["brand", "manufacturer", "package_size"];

/// Where each column stands.
pub(super) struct Columns {
    sku: Option<usize>,
    barcode: Option<usize>,
    name: usize,
    price: Option<usize>,
    currency: Option<usize>,
    category_path: Option<usize>,
    description: Option<usize>,
    unit: Option<usize>,
    attributes: Vec<(&'static str, usize)>,
    width: usize,
}

impl Columns {
    /// Finds the columns; those that are ignored are told apart.
    pub(super) fn find(source: &Source) -> Result<(Self, Vec<String>), SourceError> {
        let (sku, barcode, name) = (source.column("sku"), source.column("barcode"), source.column("name"));
        let missing = match (name, sku.or(barcode)) {
            (Some(_), Some(_)) => None,
            (Some(_), None) => Some("sku"),
            (None, Some(_)) => Some("name"),
            (None, None) => Some("sku, nor name"),
        };
        let (Some(name), None) = (name, missing) else {
            let needed = "name, and sku or barcode";
            return Err(SourceError::MissingColumns { missing: missing.unwrap_or("name").to_owned(), needed });
        };
        let columns = Self {
            sku,
            barcode,
            name,
            price: source.column("price"),
            currency: source.column("currency"),
            category_path: source.column("category_path"),
            description: source.column("description"),
            unit: source.column("unit"),
            attributes: ATTRIBUTES.into_iter().filter_map(|name| Some((name, source.column(name)?))).collect(),
            width: source.names().len(),
        };
        Ok((columns, source.ignored(&KNOWN)))
    }
}

/// What a row says. What is empty is unknown, and leaves a known product as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) sku: Option<String>,
    pub(super) barcode: Option<Barcode>,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) price: Option<Money>,
    pub(super) unit: Option<Unit>,
    /// Whether the unit was recognised: fuel priced 0.00.
    pub(super) is_fuel: bool,
    pub(super) category_path: Vec<String>,
    pub(super) attributes: Map<String, Value>,
}

impl Row {
    /// Reads a row of a network that counts in `currency`.
    pub(super) fn read(record: &ByteRecord, columns: &Columns, currency: Currency) -> Result<Self, Reason> {
        if record.len() != columns.width {
            return Err(Reason::WrongWidth { found: record.len(), expected: columns.width });
        }
        let line = |column, at| field(record, column, at, text::LINE_MAX);
        let mut row = Self {
            sku: line("sku", columns.sku)?,
            barcode: line("barcode", columns.barcode)?.map(|text| parsed("barcode", &text)).transpose()?,
            name: line("name", Some(columns.name))?.ok_or(fault("name")(Fault::Empty { field: "name" }))?,
            description: field(record, "description", columns.description, text::PROSE_MAX)?,
            price: line("price", columns.price)?.map(|text| price(&text)).transpose()?,
            unit: line("unit", columns.unit)?.map(|text| parsed("unit", &text)).transpose()?,
            is_fuel: false,
            category_path: field(record, "category_path", columns.category_path, text::PROSE_MAX)?
                .map_or(Ok(Vec::new()), |path| levels(&path))?,
            attributes: Map::new(),
        };
        for (name, at) in &columns.attributes {
            let value = line(name, Some(*at))?;
            row.attributes.extend(value.map(|value| ((*name).to_owned(), Value::String(value))));
        }
        same_currency(line("currency", columns.currency)?, currency)?;
        if row.sku.is_none() && row.barcode.is_none() {
            return Err(Reason::NoKey);
        }
        Ok(row.recognised())
    }

    /// Fuel priced 0.00 is sold in thousandths of a gallon: its price of one was rounded to nothing.
    /// What a gallon costs is not in the file, so the till asks.
    fn recognised(mut self) -> Self {
        let named = self.category_path.iter().chain([&self.name]).any(|text| says_fuel(text));
        if self.price == Some(Money::ZERO) && self.unit.is_none() && named {
            self.is_fuel = true;
            self.unit = Some(Unit::Milligallon);
            self.price = None;
        }
        self
    }

    /// By which column the row is known, and its value there.
    pub(super) fn key(&self) -> (&'static str, String) {
        match (&self.sku, &self.barcode) {
            (Some(sku), _) => ("sku", sku.clone()),
            (None, Some(barcode)) => ("barcode", barcode.to_string()),
            (None, None) => ("sku", String::new()),
        }
    }
}

/// A field's text, trimmed; none if the column is absent or the field empty.
pub(super) fn field(
    record: &ByteRecord,
    column: &'static str,
    at: Option<usize>,
    max: usize,
) -> Result<Option<String>, Reason> {
    let Some(bytes) = at.and_then(|at| record.get(at)) else { return Ok(None) };
    let value = str::from_utf8(bytes).map_err(|_| Reason::NotUtf8 { column })?.trim();
    text::check(column, value, max).map_err(fault(column))?;
    Ok(Some(value).filter(|value| !value.is_empty()).map(str::to_owned))
}

/// A field's value.
pub(super) fn parsed<T: std::str::FromStr<Err = Fault>>(column: &'static str, text: &str) -> Result<T, Reason> {
    text.parse().map_err(fault(column))
}

fn fault(column: &'static str) -> impl Fn(Fault) -> Reason {
    move |fault| Reason::Fault { column, fault }
}

fn price(text: &str) -> Result<Money, Reason> {
    let price: Money = parsed("price", text)?;
    if price.is_negative() { Err(fault("price")(Fault::NegativePrice)) } else { Ok(price) }
}

fn same_currency(given: Option<String>, ours: Currency) -> Result<(), Reason> {
    let Some(given) = given else { return Ok(()) };
    let given: Currency = parsed("currency", &given)?;
    if given == ours { Ok(()) } else { Err(fault("currency")(Fault::OtherCurrency)) }
}

/// The levels of a category path, the top first.
pub(crate) fn levels(path: &str) -> Result<Vec<String>, Reason> {
    let levels: Vec<String> = path.split(LEVELS_JOINED_BY).map(|level| level.trim().to_owned()).collect();
    if levels.len() > LEVELS_MAX {
        return Err(Reason::TooDeep { levels: levels.len(), max: LEVELS_MAX });
    }
    let column = "category_path";
    levels.iter().try_for_each(|level| text::require(column, level, text::LINE_MAX)).map_err(fault(column))?;
    Ok(levels)
}

fn says_fuel(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic()).any(|word| FUEL.iter().any(|fuel| word.eq_ignore_ascii_case(fuel)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, line: &str) -> Result<Row, Reason> {
        let source = Source::new(std::io::Cursor::new(format!("{header}\n"))).expect("a header");
        let (columns, _) = Columns::find(&source).expect("columns");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.byte_records().next().expect("a row").expect("readable");
        Row::read(&record, &columns, "USD".parse().expect("currency"))
    }

    #[test]
    fn two_columns_are_enough() {
        let row = read("name,sku", "Tea, TEA ").expect("a good row");
        assert_eq!((row.key(), row.name.as_str(), row.price), (("sku", "TEA".to_owned()), "Tea", None));
    }

    #[test]
    fn fuel_priced_at_nothing_is_sold_in_thousandths_of_a_gallon() {
        let unit = |path: &str, price: &str| {
            let row = read("sku,name,category_path,price", &format!("1,X,{path},{price}")).expect("a good row");
            (row.unit, row.is_fuel, row.price)
        };
        let zero = Some(Money::ZERO);
        assert_eq!(unit("FUEL > GASOLINE-REG UNLEADED", "0.0"), (Some(Unit::Milligallon), true, None));
        assert_eq!(unit("FUEL > GASOLINE-REG UNLEADED", "23.5"), (None, false, "23.5".parse().ok()));
        assert_eq!(unit("FUEL", ""), (None, false, None));
        assert_eq!(unit("LEAFLETS > REFUELLING", "0.00"), (None, false, zero));
    }

    #[test]
    fn every_bad_value_has_its_word() {
        let all = "sku,barcode,name,price,currency,category_path,unit";
        let deep = ["a"; LEVELS_MAX + 1].join(LEVELS_JOINED_BY);
        let cases = [
            ("1,,,,,,".to_owned(), "empty"),
            ("1,,X,twelve,,,".to_owned(), "not_money"),
            ("1,,X,1.23456,,,".to_owned(), "money_too_fine"),
            ("1,,X,999999999999999,,,".to_owned(), "money_out_of_range"),
            ("1,,X,-1,,,".to_owned(), "negative_price"),
            ("1,,X,1,EUR,,".to_owned(), "other_currency"),
            ("1,,X,1,dollars,,".to_owned(), "not_a_currency"),
            ("1,123,X,,,,".to_owned(), "not_a_barcode"),
            ("1,4006381333932,X,,,,".to_owned(), "wrong_check_digit"),
            (",,X,,,,".to_owned(), "no_key"),
            ("1,,X\0,,,,".to_owned(), "nul_character"),
            (format!("1,,{},,,,", "x".repeat(501)), "too_long"),
            (format!("1,,X,,,{deep},"), "too_deep"),
            ("1,,X,,,A >  > B,".to_owned(), "empty"),
            ("1,,X,,,,bushel".to_owned(), "unknown_word"),
            ("1,,X,,".to_owned(), "wrong_width"),
        ];
        for (line, code) in cases {
            assert_eq!(read(all, &line).map_err(|reason| reason.code()), Err(code), "{line}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_by_their_column() {
        let source = Source::new(&b"sku,name\n"[..]).expect("a header");
        let (columns, _) = Columns::find(&source).expect("columns");
        let record = ByteRecord::from(vec![&b"1"[..], b"Cr\xe8me"]);
        let read = Row::read(&record, &columns, "USD".parse().expect("currency"));
        assert_eq!(read, Err(Reason::NotUtf8 { column: "name" }));
    }

    #[test]
    fn a_file_without_its_columns_is_told_which() {
        let missing = |header: &str| {
            let source = Source::new(std::io::Cursor::new(header.to_owned())).expect("a header");
            Columns::find(&source).err().map(|error| error.to_string())
        };
        assert!(missing("sku,price").expect("refused").contains("no column name;"));
        assert!(missing("name,price").expect("refused").contains("no column sku;"));
        assert_eq!(missing("barcode,name"), None);
    }
}
