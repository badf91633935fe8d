//! Head office's edits of the catalogue. Each is one transaction; the tables' triggers tell the feed.

use outpost_schema::{
    barcode::Barcode,
    catalogue::{Category, Product, ProductEdit},
    clock::Timestamp,
    fault::Fault,
    id::{CategoryId, ProductId},
    money::Money,
    quantity::Unit,
    text,
};
use outpost_sync::wire::Problem;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{
    accept,
    db::{
        Tx,
        catalogue::{self, Uses},
    },
    error::Error,
    import,
    server::Server,
};

/// Prices changed at once: a transaction of well under a second.
pub const PRICES_MAX: usize = 10_000;

/// A product to be made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductNew {
    /// The shop's own code.
    pub sku: Option<String>,
    /// What the customer reads.
    pub name: String,
    /// The long text.
    pub description: Option<String>,
    /// The price of as many units as is usual for the unit; without one the till asks.
    pub price: Option<Money>,
    /// The smallest unit it is counted in; by the piece if nothing is said.
    pub unit: Option<Unit>,
    /// Where it lies in the tree.
    pub category_id: Option<CategoryId>,
    /// Where its pictures are.
    pub image_urls: Vec<String>,
    /// Size, colour, brand: whatever else is known.
    pub attributes: Map<String, Value>,
    /// Every GTIN it is scanned by.
    pub barcodes: Vec<Barcode>,
}

impl ProductNew {
    fn product(self, product_id: ProductId, at: Timestamp) -> Product {
        let unit = self.unit.unwrap_or(Unit::Each);
        Product {
            product_id,
            sku: self.sku,
            name: self.name,
            description: self.description,
            price: self.price,
            unit,
            price_per: unit.price_per(),
            category_id: self.category_id,
            seller_id: None,
            image_urls: self.image_urls,
            attributes: self.attributes,
            barcodes: self.barcodes,
            created_at: at,
            updated_at: at,
        }
    }
}

/// Why an edit was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A value that cannot be taken.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// No such product.
    #[error("there is no product {0}; look at the list")]
    NoProduct(String),
    /// No such category.
    #[error("there is no category {0}; look at the list")]
    NoCategory(CategoryId),
    /// Another product has that sku.
    #[error("the sku {sku} belongs to {name:?} ({product_id}); choose another, or edit that product")]
    SkuTaken {
        /// The sku.
        sku: String,
        /// The product that has it.
        product_id: ProductId,
        /// Its name.
        name: String,
    },
    /// Another product has that barcode.
    #[error("the barcode {barcode} belongs to {name:?} ({product_id}); scan again, or take it from that product first")]
    BarcodeTaken {
        /// The barcode.
        barcode: Barcode,
        /// The product that has it.
        product_id: ProductId,
        /// Its name.
        name: String,
    },
    /// Not a path of categories.
    #[error("{0}; write the levels like Food > Hot drinks")]
    NotAPath(String),
    /// There is a category of that name beside it.
    #[error("there is already a category {name:?} there ({category_id}); use that one")]
    CategoryTaken {
        /// The name.
        name: String,
        /// The category that has it.
        category_id: CategoryId,
    },
    /// The product cannot be deleted.
    #[error("{name:?} cannot be deleted: {why}")]
    InUse {
        /// The product's name.
        name: String,
        /// What it is used by, and what can be done.
        why: String,
    },
}

impl Refusal {
    /// The stable code that programs match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::NoProduct(_) | Self::NoCategory(_) => "not_found",
            Self::SkuTaken { .. } => "sku_taken",
            Self::BarcodeTaken { .. } => "barcode_taken",
            Self::NotAPath(_) => "not_a_path",
            Self::CategoryTaken { .. } => "category_taken",
            Self::InUse { .. } => "product_in_use",
        }
    }
}

/// Why an edit did not happen.
#[derive(Debug, Error)]
pub enum PublishError {
    /// It was refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The machine failed.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused(refusal) => refusal.into(),
            PublishError::Failed(error) => error.into(),
        }
    }
}

/// What a decision within a transaction comes to: refused before anything was written, or done.
type Decided<T> = Result<Result<T, Refusal>, Error>;

/// Makes a product.
///
/// # Errors
/// [`PublishError`]: a fault, a sku or barcode that is taken, no such category.
pub async fn create(server: &Server, new: ProductNew) -> Result<Product, PublishError> {
    let at = server.now();
    let product = new.product(ProductId::new(at, server.world.id_chance()), at);
    let product = &product;
    let decided = server.db.transaction(|tx| async move { create_in(&tx, product.clone()).await }).await?;
    published(server, decided).await
}

async fn create_in(tx: &Tx, product: Product) -> Decided<Product> {
    catalogue::lock(tx).await?;
    if let Err(refusal) = check(tx, &product).await? {
        return Ok(Err(refusal));
    }
    catalogue::insert_products(tx, &[&product]).await?;
    catalogue::insert_barcodes(tx, &barcodes(&product, &[])).await?;
    Ok(Ok(product))
}

/// Edits a product. An edit that changes nothing writes nothing.
///
/// # Errors
/// [`PublishError`]: no such product, and those of [`create`].
pub async fn edit(server: &Server, product_id: ProductId, edit: ProductEdit) -> Result<Product, PublishError> {
    let (at, edit) = (server.now(), &edit);
    let work = |tx| async move { edit_in(&tx, product_id, edit.clone(), at).await };
    published(server, server.db.transaction(work).await?).await
}

async fn edit_in(tx: &Tx, product_id: ProductId, edit: ProductEdit, at: Timestamp) -> Decided<Product> {
    catalogue::lock(tx).await?;
    let Some(before) = catalogue::by_id_locked(tx, product_id).await? else {
        return Ok(Err(Refusal::NoProduct(product_id.to_string())));
    };
    let after = match edit.apply(before.clone(), at) {
        Ok(after) => after,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if (Product { updated_at: before.updated_at, ..after.clone() }) == before {
        return Ok(Ok(before));
    }
    if let Err(refusal) = check(tx, &after).await? {
        return Ok(Err(refusal));
    }
    catalogue::update_products(tx, &[&after]).await?;
    catalogue::keep_barcodes(tx, product_id, &after.barcodes).await?;
    catalogue::insert_barcodes(tx, &barcodes(&after, &before.barcodes)).await?;
    Ok(Ok(after))
}

/// Sets prices, all of them or none; without a price the till asks. Returns how many changed.
///
/// # Errors
/// [`PublishError`]: no such product, a price below nothing, more than [`PRICES_MAX`].
pub async fn reprice(server: &Server, prices: &[(ProductId, Option<Money>)]) -> Result<usize, PublishError> {
    if prices.len() > PRICES_MAX {
        return Err(Refusal::from(Fault::TooManyLines { count: prices.len(), max: PRICES_MAX }).into());
    }
    let at = server.now();
    let decided = server.db.transaction(|tx| async move { reprice_in(&tx, prices, at).await }).await?;
    published(server, decided).await
}

async fn reprice_in(tx: &Tx, prices: &[(ProductId, Option<Money>)], at: Timestamp) -> Decided<usize> {
    if prices.iter().any(|(_, price)| price.is_some_and(Money::is_negative)) {
        return Ok(Err(Fault::NegativePrice.into()));
    }
    catalogue::lock(tx).await?;
    let ids: Vec<ProductId> = prices.iter().map(|(product_id, _)| *product_id).collect();
    let known = catalogue::known_ids(tx, &ids).await?;
    if let Some(missing) = ids.iter().find(|product_id| !known.contains(product_id)) {
        return Ok(Err(Refusal::NoProduct(missing.to_string())));
    }
    Ok(Ok(catalogue::set_prices(tx, prices, at).await?))
}

/// Deletes a product that nothing refers to; nodes receive its tombstone.
///
/// # Errors
/// [`PublishError`]: no such product, or it has stock, promises, orders, reviews or a place in a cart.
pub async fn remove(server: &Server, product_id: ProductId) -> Result<(), PublishError> {
    let decided = server.db.transaction(|tx| async move { remove_in(&tx, product_id).await }).await?;
    published(server, decided).await
}

async fn remove_in(tx: &Tx, product_id: ProductId) -> Decided<()> {
    catalogue::lock(tx).await?;
    let Some(product) = catalogue::by_id_locked(tx, product_id).await? else {
        return Ok(Err(Refusal::NoProduct(product_id.to_string())));
    };
    if let Some(why) = why_in_use(catalogue::uses(tx, product_id).await?) {
        return Ok(Err(Refusal::InUse { name: product.name, why }));
    }
    catalogue::delete(tx, product_id).await?;
    Ok(Ok(()))
}

fn why_in_use(uses: Uses) -> Option<String> {
    if uses.quantity > 0 {
        return Some(format!("{} units of it are in stock; sell them or count them out first", uses.quantity));
    }
    if uses.promised > 0 {
        return Some(format!("{} units of it are promised; settle those promises first", uses.promised));
    }
    let kept = "rename it, or take its price and barcodes away, so that nobody sells it";
    if uses.is_ordered {
        return Some(format!("it is on receipts, which are kept; {kept}"));
    }
    if uses.has_book {
        return Some(format!("its stock book is kept; {kept}"));
    }
    if uses.is_delivered {
        return Some(format!("a delivery of it is or was expected, and that is kept; {kept}"));
    }
    if uses.is_reviewed {
        return Some(format!("customers reviewed it, and that is kept; {kept}"));
    }
    uses.is_in_cart.then(|| "it lies in a customer's cart; wait until that is checked out or emptied".to_owned())
}

/// Adds a category.
///
/// # Errors
/// [`PublishError`]: a name that is empty or taken there, no such parent.
pub async fn add_category(
    server: &Server,
    name: &str,
    parent_id: Option<CategoryId>,
) -> Result<Category, PublishError> {
    text::require("name", name, text::LINE_MAX).map_err(Refusal::from)?;
    let category_id = CategoryId::new(server.now(), server.world.id_chance());
    let category = &Category { category_id, name: name.trim().to_owned(), parent_id };
    let decided = server.db.transaction(|tx| async move { add_category_in(&tx, category).await }).await?;
    published(server, decided).await
}

async fn add_category_in(tx: &Tx, category: &Category) -> Decided<Category> {
    catalogue::lock(tx).await?;
    let tree = catalogue::categories(tx).await?;
    if let Some(parent_id) = category.parent_id.filter(|id| tree.iter().all(|one| one.category_id != *id)) {
        return Ok(Err(Refusal::NoCategory(parent_id)));
    }
    if let Some(same) = tree.iter().find(|one| one.parent_id == category.parent_id && one.name == category.name) {
        return Ok(Err(Refusal::CategoryTaken { name: same.name.clone(), category_id: same.category_id }));
    }
    catalogue::insert_categories(tx, std::slice::from_ref(category)).await?;
    Ok(Ok(category.clone()))
}

/// The category at the end of a path such as `Food > Hot drinks`; what the tree lacks of it is made.
///
/// # Errors
/// [`PublishError`]: a level without a name, or too many levels.
pub async fn category_at(server: &Server, path: &str) -> Result<CategoryId, PublishError> {
    let levels = &import::levels(path).map_err(|reason| Refusal::NotAPath(reason.to_string()))?;
    let at = server.now();
    let decided = server.db.transaction(|tx| async move {
        catalogue::lock(&tx).await?;
        let mut tree = import::Categories::of(catalogue::categories(&tx).await?);
        let placed = tree.place(levels, at, &*server.world);
        catalogue::insert_categories(&tx, &tree.take_made()).await?;
        Ok(placed.ok_or_else(|| Refusal::NotAPath("the path is empty".to_owned())))
    });
    published(server, decided.await?).await
}

/// Everything that a product must satisfy beside the others.
async fn check(tx: &Tx, product: &Product) -> Decided<()> {
    if let Err(fault) = product.check() {
        return Ok(Err(fault.into()));
    }
    if let Some(category_id) = product.category_id
        && !catalogue::is_category(tx, category_id).await?
    {
        return Ok(Err(Refusal::NoCategory(category_id)));
    }
    let skus: Vec<String> = product.sku.iter().cloned().collect();
    let others = catalogue::named_by(tx, &skus, &product.barcodes).await?;
    let taken = others.into_iter().find(|other| other.product_id != product.product_id);
    Ok(taken.map_or(Ok(()), |other| Err(taken_by(product, other))))
}

fn taken_by(product: &Product, other: Product) -> Refusal {
    let (product_id, name) = (other.product_id, other.name);
    match product.barcodes.iter().find(|barcode| other.barcodes.contains(barcode)) {
        Some(barcode) => Refusal::BarcodeTaken { barcode: barcode.clone(), product_id, name },
        None => Refusal::SkuTaken { sku: other.sku.unwrap_or_default(), product_id, name },
    }
}

fn barcodes(product: &Product, before: &[Barcode]) -> Vec<(Barcode, ProductId)> {
    let mut fresh: Vec<_> = product.barcodes.iter().filter(|barcode| !before.contains(barcode)).cloned().collect();
    fresh.sort();
    fresh.dedup();
    fresh.into_iter().map(|barcode| (barcode, product.product_id)).collect()
}

/// After the commit: nodes are woken, and ops that waited for what is there now are tried again.
async fn published<T>(server: &Server, decided: Result<T, Refusal>) -> Result<T, PublishError> {
    let done = decided?;
    server.ring();
    accept::retry_set_aside(server).await?;
    Ok(done)
}

#[cfg(test)]
mod tests;
