//! Real catalogues, which are read where they lie and not part of this repository: `OUTPOST_DATA` names their folder.
//! A figure that needs one says so where there is none.

use std::{collections::HashMap, fs::File, path::PathBuf, sync::Arc};

use outpost_node::{Node, time::Real};
use outpost_schema::{
    catalogue::{Category, Product},
    feed::{Aggregate, Stock},
    id::{CategoryId, ProductId},
    quantity::Unit,
};
use outpost_sync::round::Local as _;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    goods::{THEN, page_of, warehouse_id},
    report::Outcome,
    till,
};

/// The variable that names the folder with the catalogues.
const FOLDER: &str = "OUTPOST_DATA";

/// Aggregates of a page of the feed.
const A_PAGE: usize = 500;

/// A row of a file, by its columns' names.
pub type Row = HashMap<String, String>;

/// The rows of a compressed file, with commas between values.
pub fn rows(name: &str) -> Outcome<impl Iterator<Item = Outcome<Row>>> {
    let folder = std::env::var_os(FOLDER).ok_or_else(|| format!("name the folder with {name} in {FOLDER}"))?;
    let path = PathBuf::from(folder).join(format!("{name}.csv.zst"));
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let reader = csv::Reader::from_reader(zstd::Decoder::new(file)?);
    Ok(reader.into_deserialize().map(|row| row.map_err(Into::into)))
}

/// A till's catalogue, made of rows.
#[derive(Default)]
pub struct Catalogue {
    /// The products, in the order of their rows.
    pub products: Vec<Product>,
    categories: HashMap<Vec<String>, Category>,
}

impl Catalogue {
    /// Adds a row with the columns of a catalogue.
    pub fn add(&mut self, row: &Row) {
        let said = |column: &str| row.get(column).filter(|text| !text.trim().is_empty()).cloned();
        let number = self.products.len();
        let path = said("category_path").unwrap_or_default();
        let attributes = ["brand", "manufacturer", "package_size"];
        let attributes = attributes.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(said(name)?))));
        let attributes: Map<String, Value> = attributes.collect();
        let category_id = self.category(path.split(" > ").filter(|name| !name.is_empty()).map(str::to_owned).collect());
        self.products.push(Product {
            product_id: product_id(number),
            sku: said("sku"),
            name: said("name").unwrap_or_else(|| "?".to_owned()),
            description: said("description"),
            price: said("price").and_then(|price| price.parse().ok()),
            unit: Unit::Each,
            price_per: 1,
            category_id,
            seller_id: None,
            image_urls: Vec::new(),
            attributes,
            barcodes: said("barcode").and_then(|code| code.parse().ok()).into_iter().collect(),
            created_at: THEN,
            updated_at: THEN,
        });
    }

    fn category(&mut self, path: Vec<String>) -> Option<CategoryId> {
        let name = path.last()?.clone();
        let parent_id = self.category(path[..path.len() - 1].to_vec());
        let next = self.categories.len() as u128 + 1;
        let made = || Category { category_id: CategoryId(Uuid::from_u128(next << 64 | next)), name, parent_id };
        Some(self.categories.entry(path).or_insert_with(made).category_id)
    }

    /// A till in a new folder that was told all of it, and that there is some of these products.
    pub fn told_to_till(&self, folder: &std::path::Path, in_stock: &[Product]) -> Outcome<Arc<Node>> {
        std::fs::create_dir_all(folder)?;
        let node = Node::open(folder, Arc::new(Real))?;
        node.join(&till::card()?)?;
        let categories = self.categories.values().cloned().map(Aggregate::Category);
        let products = self.products.iter().cloned().map(|product| Aggregate::Product(Box::new(product)));
        let stock = in_stock.iter().map(|product| Aggregate::Stock(some(product.product_id)));
        let all: Vec<Aggregate> = categories.chain(products).chain(stock).collect();
        for some in all.chunks(A_PAGE) {
            tell(&node, some.to_vec())?;
        }
        Ok(Arc::new(node))
    }
}

/// The id of the product of a row.
pub fn product_id(number: usize) -> ProductId {
    let number = number as u128;
    ProductId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | number << 80 | number))
}

fn some(product_id: ProductId) -> Stock {
    Stock { product_id, warehouse_id: warehouse_id(), balance: 5, promised: 0, updated_at: THEN }
}

/// The feed tells a till something.
pub fn tell(node: &Node, aggregates: Vec<Aggregate>) -> Outcome {
    let asked = node.cursor()?;
    let next = asked.as_deref().and_then(|cursor| cursor.parse::<u64>().ok()).unwrap_or(0) + 1;
    Ok(node.apply(asked.as_deref(), &page_of(aggregates, next.to_string(), false))?)
}
