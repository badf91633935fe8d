//! What will be sold where: real baskets of two shops, and the stock that a shop would have for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use outpost_schema::quantity::Unit;

use crate::baskets::{Basket, baskets, priced, units, with_price};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

/// Baskets each till sells while the line is up.
const WITH_LINE: usize = 150;
/// Baskets each till sells while the line is cut.
const WITHOUT_LINE: usize = 300;
/// Baskets each till sells in the bad evening.
const IN_THE_EVENING: usize = 20;
/// Baskets of the new till, and of the pop-up while it has forgotten its day.
const AT_LAST: usize = 3;
/// Baskets the kiosk may sell around the moment it loses power.
const AT_NIGHTFALL: usize = 30;
/// Units beyond what will be sold, so that the shelves are not bare at night.
const SPARE: i64 = 12;
/// Products of which one unit is left, and everybody wants it.
const LAST_UNITS: usize = 5;
/// Products that the handheld counts, and nobody sells.
const COUNTED: usize = 40;

/// One till's day.
pub struct Day {
    /// Sold while the line is up.
    pub morning: Vec<Basket>,
    /// Sold while it is cut.
    pub noon: Vec<Basket>,
    /// Begun when the power goes.
    pub nightfall: Vec<Basket>,
    /// Sold after head office was backed up.
    pub evening: Vec<Basket>,
    /// Sold at the very end: the kiosk's by a new till beside it.
    pub last: Vec<Basket>,
}

/// Everything that will happen.
pub struct Plan {
    /// The kiosk's day.
    pub kiosk: Day,
    /// The pop-up's day.
    pub popup: Day,
    /// Skus of which one unit is left.
    pub last_units: Vec<String>,
    /// Skus that the handheld counts.
    pub counted: Vec<String>,
    /// The unit each product is sold in.
    pub units: BTreeMap<String, Unit>,
    /// Products that have a price.
    priced: BTreeSet<String>,
}

impl Plan {
    /// Chooses the two busiest shops of the slice.
    ///
    /// # Errors
    /// If the data cannot be read.
    pub fn make() -> io::Result<Self> {
        let units: BTreeMap<String, Unit> = units(File::open(catalogue())?)?.into_iter().collect();
        let mut shops: BTreeMap<u32, Vec<Basket>> = BTreeMap::new();
        for basket in baskets(File::open(format!("{DATA}/baskets-grocery.csv.zst"))?)? {
            let basket = basket?;
            shops.entry(basket.store).or_default().push(basket);
        }
        let mut by_size: Vec<Vec<Basket>> = shops.into_values().collect();
        by_size.sort_by_key(|baskets| std::cmp::Reverse(baskets.len()));
        let mut days = by_size.into_iter().map(Day::of);
        let (kiosk, popup) =
            days.next().zip(days.next()).ok_or_else(|| io::Error::other("the slice has too few shops"))?;
        let sold: BTreeSet<&String> = kiosk.lines().chain(popup.lines()).map(|(sku, _)| sku).collect();
        let mut unsold = units.keys().filter(|sku| !sold.contains(sku)).cloned();
        let last_units = unsold.by_ref().take(LAST_UNITS).collect();
        let counted = unsold.take(COUNTED).collect();
        Ok(Self { kiosk, popup, last_units, counted, priced: with_price(File::open(catalogue())?)?, units })
    }

    /// Whether the catalogue has a price for it.
    pub fn has_price(&self, sku: &str) -> bool {
        self.priced.contains(sku)
    }

    /// The unit a product is sold in; pieces if the catalogue does not know it.
    pub fn unit(&self, sku: &str) -> Unit {
        self.units.get(sku).copied().unwrap_or(Unit::Each)
    }

    /// Writes the opening stock of shop, fair and stockroom as a person would export it.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn write_stock(&self, [shop, fair, stockroom]: [&Path; 3]) -> io::Result<()> {
        let mut in_shop = self.needed(&self.kiosk);
        in_shop.extend(self.last_units.iter().map(|sku| (sku.clone(), 1)));
        write(shop, &in_shop)?;
        write(fair, &self.needed(&self.popup))?;
        write(stockroom, &self.counted.iter().map(|sku| (sku.clone(), 24)).collect())
    }

    /// How much of each product of the catalogue a day needs, and some to spare.
    pub fn needed(&self, day: &Day) -> BTreeMap<String, i64> {
        let mut needed = BTreeMap::new();
        for (sku, quantity) in day.lines().filter(|(sku, _)| self.units.contains_key(*sku)) {
            *needed.entry(sku.clone()).or_insert(SPARE) += quantity;
        }
        needed
    }

    /// What of each product some baskets need, in whole units that can be sold.
    pub fn needs<'a>(&self, baskets: impl IntoIterator<Item = &'a Basket>) -> BTreeMap<String, i64> {
        let mut needs = BTreeMap::new();
        for line in baskets.into_iter().flat_map(|basket| &basket.lines) {
            if self.units.contains_key(&line.sku) {
                let lines = priced(line.amount, line.quantity, self.unit(&line.sku));
                *needs.entry(line.sku.clone()).or_default() +=
                    lines.iter().map(|(amount, _)| amount.units()).sum::<i64>();
            }
        }
        needs.retain(|_, units| *units > 0);
        needs
    }
}

impl Day {
    fn of(baskets: Vec<Basket>) -> Self {
        let mut baskets = baskets.into_iter();
        let morning = baskets.by_ref().take(WITH_LINE).collect();
        let noon = baskets.by_ref().take(WITHOUT_LINE).collect();
        let nightfall = baskets.by_ref().take(AT_NIGHTFALL).collect();
        let evening = baskets.by_ref().take(IN_THE_EVENING).collect();
        Self { morning, noon, nightfall, evening, last: baskets.take(AT_LAST).collect() }
    }

    fn lines(&self) -> impl Iterator<Item = (&String, i64)> {
        let baskets = self.morning.iter().chain(&self.noon).chain(&self.nightfall);
        let baskets = baskets.chain(&self.evening).chain(&self.last);
        baskets.flat_map(|basket| &basket.lines).map(|line| (&line.sku, line.quantity.max(0)))
    }
}

/// The real catalogue.
pub fn catalogue() -> String {
    format!("{DATA}/products-grocery.csv.zst")
}

fn write(path: &Path, stock: &BTreeMap<String, i64>) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(path)?);
    writeln!(file, "sku,quantity")?;
    for (sku, quantity) in stock {
        writeln!(file, "{sku},{quantity}")?;
    }
    file.flush()
}
