//! What a row does to the catalogue. Pure: the products that a chunk touches are given.

use std::collections::{HashMap, HashSet};

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Category, Product},
    clock::Timestamp,
    id::{CategoryId, ProductId},
    quantity::Unit,
    world::World,
};
use serde_json::Map;

use super::{report::Reason, row::Row};

/// The tree of categories, and those that this import adds to it.
#[derive(Default)]
pub(crate) struct Categories {
    known: HashMap<(Option<CategoryId>, String), CategoryId>,
    made: Vec<Category>,
}

impl Categories {
    pub(crate) fn of(tree: Vec<Category>) -> Self {
        let known = tree.into_iter().map(|one| ((one.parent_id, one.name), one.category_id)).collect();
        Self { known, made: Vec::new() }
    }

    /// Those made since this was last asked, parents first.
    pub(crate) fn take_made(&mut self) -> Vec<Category> {
        std::mem::take(&mut self.made)
    }

    /// The category at the end of a path; what the tree lacks of it is made.
    pub(crate) fn place(&mut self, path: &[String], at: Timestamp, world: &dyn World) -> Option<CategoryId> {
        path.iter().fold(None, |parent_id, name| {
            let made = &mut self.made;
            let id = self.known.entry((parent_id, name.clone())).or_insert_with(|| {
                let category_id = CategoryId::new(at, world.id_chance());
                made.push(Category { category_id, name: name.clone(), parent_id });
                category_id
            });
            Some(*id)
        })
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    New,
    Changed,
    Unchanged,
}

/// What a row did, beside the product itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) done: Done,
    pub(super) has_price: bool,
    pub(super) is_fuel: bool,
    /// Whether an in-store barcode was made, if one was wanted.
    pub(super) barcode_made: Option<bool>,
}

/// The products that a chunk touches: as they are in the book, and as the rows leave them.
#[derive(Default)]
pub(super) struct Shelf {
    products: Vec<Product>,
    by_sku: HashMap<String, usize>,
    by_barcode: HashMap<Barcode, usize>,
    /// What is to be written.
    pub(super) new: HashSet<usize>,
    pub(super) changed: HashSet<usize>,
    pub(super) barcodes: Vec<(Barcode, ProductId)>,
}

/// What stays the same over all rows of an import.
pub(super) struct Deciding<'a> {
    pub(super) at: Timestamp,
    pub(super) world: &'a dyn World,
    pub(super) in_store_barcodes: bool,
    pub(super) categories: Categories,
    /// Products that a row of this file has named: at 16 bytes a row, all that is remembered of it.
    pub(super) seen: HashSet<ProductId>,
}

impl Shelf {
    pub(super) fn of(products: Vec<Product>) -> Self {
        let mut shelf = Self::default();
        products.into_iter().for_each(|product| {
            shelf.put(product);
        });
        shelf
    }

    /// The products to be written, of those at `places`.
    pub(super) fn at(&self, places: &HashSet<usize>) -> Vec<&Product> {
        let mut places: Vec<usize> = places.iter().copied().collect();
        places.sort_unstable();
        places.into_iter().map(|place| &self.products[place]).collect()
    }

    fn put(&mut self, product: Product) -> usize {
        let place = self.products.len();
        self.by_sku.extend(product.sku.clone().map(|sku| (sku, place)));
        self.by_barcode.extend(product.barcodes.iter().map(|barcode| (barcode.clone(), place)));
        self.products.push(product);
        place
    }

    /// Lets a row do what it does.
    pub(super) fn take(&mut self, row: Row, deciding: &mut Deciding<'_>) -> Result<Told, Reason> {
        let place = self.find(&row);
        self.check(&row, place, deciding)?;
        let known = place.map(|place| &self.products[place]);
        let fresh = known.is_none();
        let before = known.cloned().unwrap_or_else(|| blank(&row, deciding));
        let barcode = self.barcode_for(&row, &before, deciding);
        let is_fuel = row.is_fuel;
        let after = told(row, &before, barcode.clone(), deciding)?;
        let has_price = after.price.is_some();
        deciding.seen.insert(after.product_id);
        let barcode_made = barcode.as_ref().ok().map(|made| made.is_some());
        let done = if fresh {
            self.keep_new(after)
        } else {
            self.keep_known(place.unwrap_or_default(), &before, after, deciding.at)
        };
        Ok(Told { done, has_price, is_fuel, barcode_made })
    }

    fn find(&self, row: &Row) -> Option<usize> {
        match (&row.sku, &row.barcode) {
            (Some(sku), _) => self.by_sku.get(sku).copied(),
            (None, Some(barcode)) => self.by_barcode.get(barcode).copied(),
            (None, None) => None,
        }
    }

    fn check(&self, row: &Row, place: Option<usize>, deciding: &Deciding<'_>) -> Result<(), Reason> {
        let known = place.map(|place| &self.products[place]);
        if known.is_some_and(|product| deciding.seen.contains(&product.product_id)) {
            let (column, key) = row.key();
            return Err(Reason::Repeated { column, key });
        }
        if let Some(barcode) = &row.barcode
            && let Some(owner) = self.by_barcode.get(barcode).copied().filter(|owner| Some(*owner) != place)
        {
            let owner = &self.products[owner];
            let owner = owner.sku.as_ref().unwrap_or(&owner.name).clone();
            return Err(Reason::BarcodeTaken { barcode: barcode.to_string(), owner });
        }
        match (known, row.unit) {
            (Some(product), Some(given)) if product.unit != given && !row.is_fuel => {
                Err(Reason::OtherUnit { kept: product.unit, given })
            }
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// The barcode that the row adds. An error if none was wanted.
    fn barcode_for(&self, row: &Row, product: &Product, deciding: &Deciding<'_>) -> Result<Option<Barcode>, ()> {
        if row.barcode.is_some() || !deciding.in_store_barcodes || !product.barcodes.is_empty() {
            return Err(());
        }
        Ok(in_store(row).filter(|barcode| !self.by_barcode.contains_key(barcode)))
    }

    fn keep_new(&mut self, product: Product) -> Done {
        self.barcodes.extend(product.barcodes.iter().map(|barcode| (barcode.clone(), product.product_id)));
        let place = self.put(product);
        self.new.insert(place);
        Done::New
    }

    fn keep_known(&mut self, place: usize, before: &Product, after: Product, at: Timestamp) -> Done {
        if after == *before {
            return Done::Unchanged;
        }
        for barcode in after.barcodes.iter().filter(|barcode| !before.barcodes.contains(barcode)) {
            self.barcodes.push((barcode.clone(), after.product_id));
            self.by_barcode.insert(barcode.clone(), place);
        }
        self.products[place] = Product { updated_at: at, ..after };
        self.changed.insert(place);
        Done::Changed
    }
}

/// The in-store code that a row's sku makes.
pub(super) fn in_store(row: &Row) -> Option<Barcode> {
    let number = row.sku.as_ref().filter(|sku| sku.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    Barcode::in_store(number).ok()
}

fn blank(row: &Row, deciding: &Deciding<'_>) -> Product {
    let unit = row.unit.unwrap_or(Unit::Each);
    Product {
        product_id: ProductId::new(deciding.at, deciding.world.id_chance()),
        sku: row.sku.clone(),
        name: String::new(),
        description: None,
        price: None,
        unit,
        price_per: unit.price_per(),
        category_id: None,
        seller_id: None,
        image_urls: Vec::new(),
        attributes: Map::new(),
        barcodes: Vec::new(),
        created_at: deciding.at,
        updated_at: deciding.at,
    }
}

/// The product after the row was said of it: what the row leaves empty stays.
fn told(
    row: Row,
    before: &Product,
    made: Result<Option<Barcode>, ()>,
    deciding: &mut Deciding<'_>,
) -> Result<Product, Reason> {
    let mut product = before.clone();
    product.name = row.name;
    product.description = row.description.or(product.description);
    product.price = row.price.or(product.price);
    product.attributes.extend(row.attributes);
    let more = row.barcode.or(made.unwrap_or_default());
    product.barcodes.extend(more.filter(|barcode| !before.barcodes.contains(barcode)));
    product.check().map_err(|fault| Reason::Fault { column: "product", fault })?;
    let category_id = deciding.categories.place(&row.category_path, deciding.at, deciding.world);
    product.category_id = category_id.or(product.category_id);
    Ok(product)
}
