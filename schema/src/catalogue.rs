//! What is sold, and where stock is held.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    barcode::Barcode,
    clock::Timestamp,
    fault::Fault,
    id::{CategoryId, NodeId, ProductId, UserId, WarehouseId},
    money::Money,
    quantity::{AMOUNT_MAX, Unit},
    text,
};

/// A product may carry this many barcodes: packs, countries and old codes, and room to spare.
pub const BARCODES_MAX: usize = 100;

/// A product may show this many images.
pub const IMAGES_MAX: usize = 50;

/// A place that holds stock; a shop is one too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warehouse {
    /// Its id.
    pub warehouse_id: WarehouseId,
    /// What people call it.
    pub name: String,
    /// The one node that sells from here, if only one does; all that is not kept back is its allotment.
    pub home_of: Option<NodeId>,
    /// When it was set up.
    pub created_at: Timestamp,
}

/// A category; those without a parent are the tops of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its id.
    pub category_id: CategoryId,
    /// Its own name, without its parents'.
    pub name: String,
    /// The category it lies in.
    pub parent_id: Option<CategoryId>,
}

/// A product with its barcodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub product_id: ProductId,
    /// The shop's own code, unique at the server.
    pub sku: Option<String>,
    /// What the customer reads.
    pub name: String,
    /// The long text.
    pub description: Option<String>,
    /// The price of `price_per` units; without one the till asks.
    pub price: Option<Money>,
    /// The smallest unit it is counted in.
    pub unit: Unit,
    /// How many units the price buys.
    pub price_per: i64,
    /// Where it lies in the tree.
    pub category_id: Option<CategoryId>,
    /// Who sells it, on a marketplace.
    pub seller_id: Option<UserId>,
    /// Where its pictures are.
    pub image_urls: Vec<String>,
    /// Size, colour, brand: whatever else is known.
    pub attributes: Map<String, Value>,
    /// Every GTIN it is scanned by.
    pub barcodes: Vec<Barcode>,
    /// When it was entered.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

impl Product {
    /// Checks what every product must satisfy, wherever it comes from.
    ///
    /// # Errors
    /// The first [`Fault`] found, in the order of the fields.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(sku) = &self.sku {
            text::require("sku", sku, text::LINE_MAX)?;
        }
        text::require("name", &self.name, text::LINE_MAX)?;
        text::check("description", self.description.as_deref().unwrap_or(""), text::PROSE_MAX)?;
        if self.price.is_some_and(Money::is_negative) {
            return Err(Fault::NegativePrice);
        }
        if !(1..=AMOUNT_MAX).contains(&self.price_per) {
            return Err(Fault::AmountOutOfRange { units: self.price_per });
        }
        at_most(self.image_urls.len(), IMAGES_MAX)?;
        self.image_urls.iter().try_for_each(|url| text::require("image_urls", url, text::PROSE_MAX))?;
        at_most(self.barcodes.len(), BARCODES_MAX)?;
        let attributes = Value::Object(self.attributes.clone()).to_string();
        if attributes.contains("\\u0000") {
            return Err(Fault::NulCharacter { field: "attributes" });
        }
        text::check("attributes", &attributes, 8 * text::PROSE_MAX)
    }
}

fn at_most(count: usize, max: usize) -> Result<(), Fault> {
    if count > max { Err(Fault::TooManyLines { count, max }) } else { Ok(()) }
}

/// An edit of a product by head office: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductEdit {
    /// A new sku.
    pub sku: Option<String>,
    /// A new name.
    pub name: Option<String>,
    /// A new description; empty text removes it.
    pub description: Option<String>,
    /// A new price.
    pub price: Option<Money>,
    /// Removes the price, so that the till asks.
    pub without_price: bool,
    /// Another category.
    pub category_id: Option<CategoryId>,
    /// All barcodes anew.
    pub barcodes: Option<Vec<Barcode>>,
    /// Attributes to set; null removes one.
    pub attributes: Option<Map<String, Value>>,
}

impl ProductEdit {
    /// The product after this edit at `at`.
    ///
    /// # Errors
    /// The [`Fault`] that the edited product would have.
    pub fn apply(self, mut product: Product, at: Timestamp) -> Result<Product, Fault> {
        product.sku = self.sku.or(product.sku);
        product.name = self.name.unwrap_or(product.name);
        product.description = self.description.or(product.description).filter(|text| !text.is_empty());
        product.price = if self.without_price { None } else { self.price.or(product.price) };
        product.category_id = self.category_id.or(product.category_id);
        product.barcodes = self.barcodes.unwrap_or(product.barcodes);
        for (name, value) in self.attributes.unwrap_or_default() {
            if value.is_null() {
                product.attributes.remove(&name);
            } else {
                product.attributes.insert(name, value);
            }
        }
        product.updated_at = at;
        product.check()?;
        Ok(product)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tea() -> Product {
        Product {
            product_id: ProductId(Uuid::from_u128(1)),
            sku: Some("TEA".to_owned()),
            name: "Tea".to_owned(),
            description: None,
            price: Some("2.50".parse().expect("money")),
            unit: Unit::Each,
            price_per: 1,
            category_id: None,
            seller_id: None,
            image_urls: vec![],
            attributes: Map::new(),
            barcodes: vec![],
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else() {
        let at = Timestamp::from_micros(7);
        let edit = ProductEdit { price: Some("3.00".parse().expect("money")), ..ProductEdit::default() };
        let edited = edit.apply(tea(), at).expect("a sound edit");
        assert_eq!(edited, Product { price: Some("3.00".parse().expect("money")), updated_at: at, ..tea() });
    }

    #[test]
    fn an_unsound_edit_is_refused_with_its_reason() {
        let at = Timestamp::from_micros(7);
        let blank = ProductEdit { name: Some("  ".to_owned()), ..ProductEdit::default() };
        assert_eq!(blank.apply(tea(), at), Err(Fault::Empty { field: "name" }));
        let negative = ProductEdit { price: Some("-1".parse().expect("money")), ..ProductEdit::default() };
        assert_eq!(negative.apply(tea(), at), Err(Fault::NegativePrice));
    }

    #[test]
    fn attributes_with_a_nul_are_refused() {
        let mut product = tea();
        product.attributes.insert("colour".to_owned(), Value::String("re\0d".to_owned()));
        assert_eq!(product.check(), Err(Fault::NulCharacter { field: "attributes" }));
    }
}
