//! What a scanner sends, and which products it means here.

use outpost_schema::{
    clock::Timestamp,
    money::Currency,
    rule::{RuleSort, Says},
    scan::{self, Layout, Line, Name, Scan, Setting, Sold, Unread},
};
use rusqlite::Connection;

use crate::{
    catalogue::{self, Offer},
    db::{catalogue as products, identity, rules},
    error::Error,
    node::Node,
};

/// A scan with the products that it may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// What it says.
    pub scan: Scan,
    /// The products of its name, each with the line of a sale that the scan makes of it.
    pub found: Vec<Found>,
}

/// A product that a scan may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The product as it is offered.
    pub offer: Offer,
    /// How much of it at which price; or why the label cannot be sold by.
    pub line: Result<Line, Unread>,
}

impl Node {
    /// Reads what a scanner sent and finds what it means. A code that some product has as it stands means that
    /// product, whatever else it might be.
    ///
    /// # Errors
    /// What is wrong with the code ([`Unread`]), or the database cannot be read.
    pub fn scan(&self, text: &str) -> Result<Scanned, Error> {
        let now = self.world().now();
        self.db().read(|conn| {
            let identity = identity::find(conn)?;
            let currency = identity.as_ref().map_or(Currency::USD, |identity| identity.card.currency);
            let text = text.trim();
            let exact = catalogue::exact(conn, text)?;
            let read = read(conn, text, currency, now);
            let (scan, products) = match (exact.is_empty(), read) {
                (false, read) => (read.unwrap_or_default(), exact),
                (true, Err(error)) => return Err(error),
                (true, Ok(scan)) => {
                    let named = named(conn, &scan.names)?;
                    (scan, named)
                }
            };
            let products = catalogue::first_of_each(products, catalogue::LIST_MAX);
            let found = products.into_iter().map(|product| {
                let sold = Sold { unit: product.unit, price: product.price, price_per: product.price_per, currency };
                let line = scan.line(&sold);
                Ok(Found { offer: catalogue::offer(conn, identity.as_ref(), product)?, line })
            });
            let found = found.collect::<Result<_, Error>>()?;
            Ok(Scanned { scan, found })
        })
    }
}

/// What a text says as a scan, by the network's own layouts.
fn read(conn: &Connection, text: &str, currency: Currency, now: Timestamp) -> Result<Scan, Error> {
    let layouts = layouts(conn)?;
    let setting = Setting { layouts: &layouts, currency, year: now.year() };
    scan::read(text, &setting).map_err(|unread| Error::Fault(unread.into()))
}

fn layouts(conn: &Connection) -> Result<Vec<Layout>, Error> {
    let says = rules::of_sort(conn, RuleSort::Labels)?;
    let layout = |says| match says {
        Says::Labels { layout } => Some(layout),
        Says::Policy { .. } | Says::LowAt { .. } => None,
    };
    Ok(says.into_iter().filter_map(layout).collect())
}

/// The products that a typed or scanned text names as a code of any sort; none if it is no code.
pub(crate) fn coded(
    conn: &Connection,
    text: &str,
    currency: Currency,
    now: Timestamp,
) -> Result<Vec<outpost_schema::catalogue::Product>, Error> {
    match read(conn, text, currency, now) {
        Ok(scan) => named(conn, &scan.names),
        Err(Error::Fault(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The products of the first name that any product has.
fn named(conn: &Connection, names: &[Name]) -> Result<Vec<outpost_schema::catalogue::Product>, Error> {
    for name in names {
        let found = match name {
            Name::Barcode(code) => products::of_barcode(conn, code)?,
            Name::Sku(sku) => products::of_sku(conn, sku)?,
        };
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
