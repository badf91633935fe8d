//! What is sold, as it is looked up: by barcode, by sku, by the words of its name.

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Category, Product, Warehouse},
    clock::Timestamp,
    id::{CategoryId, ProductId},
    money::Currency,
    stock::{Level, StockKey},
};
use rusqlite::Connection;

use crate::{
    db::{
        allotments, catalogue,
        identity::{self, Identity},
        stock,
    },
    error::Error,
    node::Node,
    scan,
};

/// Products in one list.
pub const LIST_MAX: usize = 500;

/// Words of a search that are looked at; nobody types more.
const WORDS_MAX: usize = 10;

/// A product as this node can sell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The product with its price and barcodes.
    pub product: Product,
    /// Its stock where the node stands.
    pub level: Level,
    /// How much of it the node may sell without asking.
    pub open: i64,
}

impl Node {
    /// Products that a scan or some typed words mean: those with exactly this barcode or sku, or that a GS1 code or label names; if there
    /// are none, those whose name begins with the text, then those with all its words.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn find(&self, text: &str, limit: usize) -> Result<Vec<Offer>, Error> {
        let (limit, now) = (limit.min(LIST_MAX), self.world().now());
        self.db().read(|conn| {
            let identity = identity::find(conn)?;
            let currency = identity.as_ref().map_or(Currency::USD, |identity| identity.card.currency);
            let products = search(conn, text.trim(), limit, (currency, now))?;
            products.into_iter().map(|product| offer(conn, identity.as_ref(), product)).collect()
        })
    }

    /// The product.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn product(&self, product: ProductId) -> Result<Option<Offer>, Error> {
        self.db().read(|conn| {
            let identity = identity::find(conn)?;
            let product = catalogue::find(conn, product)?;
            product.map(|product| offer(conn, identity.as_ref(), product)).transpose()
        })
    }

    /// Products by name, of one category or of all; `after` is the last one of the page before.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn products(
        &self,
        category: Option<CategoryId>,
        after: Option<(&str, ProductId)>,
        limit: usize,
    ) -> Result<Vec<Offer>, Error> {
        self.db().read(|conn| {
            let identity = identity::find(conn)?;
            let products = catalogue::page(conn, category, after, limit.min(LIST_MAX) as i64)?;
            products.into_iter().map(|product| offer(conn, identity.as_ref(), product)).collect()
        })
    }

    /// A product's stock in every warehouse known here.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn stock_of(&self, product: ProductId) -> Result<Vec<(StockKey, Level)>, Error> {
        self.db().read(|conn| stock::of_product(conn, product))
    }

    /// Every category, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn categories(&self) -> Result<Vec<Category>, Error> {
        self.db().read(catalogue::categories)
    }

    /// Every warehouse, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn warehouses(&self) -> Result<Vec<Warehouse>, Error> {
        self.db().read(catalogue::warehouses)
    }
}

/// Products that have this very text as barcode or sku.
pub(crate) fn exact(conn: &Connection, text: &str) -> Result<Vec<Product>, Error> {
    let mut exact = text.parse::<Barcode>().map_or(Ok(Vec::new()), |code| catalogue::of_barcode(conn, &code))?;
    exact.extend(catalogue::of_sku(conn, text)?);
    Ok(exact)
}

/// Products that a code means: those that have it as barcode or sku, else those that a GS1 code or label names.
pub(crate) fn by_code(
    conn: &Connection,
    text: &str,
    (currency, now): (Currency, Timestamp),
) -> Result<Vec<Product>, Error> {
    let exact = exact(conn, text)?;
    if exact.is_empty() { scan::coded(conn, text, currency, now) } else { Ok(first_of_each(exact, LIST_MAX)) }
}

fn search(
    conn: &Connection,
    text: &str,
    limit: usize,
    (currency, now): (Currency, Timestamp),
) -> Result<Vec<Product>, Error> {
    if text.is_empty() {
        return catalogue::page(conn, None, None, limit as i64);
    }
    let coded = by_code(conn, text, (currency, now))?;
    if !coded.is_empty() {
        return Ok(first_of_each(coded, limit));
    }
    let mut found = catalogue::of_name(conn, text, limit as i64)?;
    if found.len() < limit {
        let words: Vec<&str> = text.split_whitespace().take(WORDS_MAX).collect();
        found.extend(catalogue::of_words(conn, &words, limit as i64)?);
    }
    Ok(first_of_each(found, limit))
}

pub(crate) fn first_of_each(products: Vec<Product>, limit: usize) -> Vec<Product> {
    let mut seen = std::collections::BTreeSet::new();
    products.into_iter().filter(|product| seen.insert(product.product_id)).take(limit).collect()
}

pub(crate) fn offer(conn: &Connection, identity: Option<&Identity>, product: Product) -> Result<Offer, Error> {
    let Some(identity) = identity else { return Ok(Offer { product, level: Level::default(), open: 0 }) };
    let key = identity.stock_of(product.product_id);
    let level = stock::level(conn, key)?;
    let open = allotments::of(conn, identity.incarnation_id(), key)?.open();
    Ok(Offer { product, level, open })
}
