//! What is sold.

use outpost_schema::{catalogue::Product, clock::Timestamp, id::ProductId, money::Money, quantity::Unit};

/// A product of which only the name and the price matter.
pub fn product(product_id: ProductId, name: &str, cents: i64, at: Timestamp) -> Product {
    Product {
        product_id,
        sku: None,
        name: name.to_owned(),
        description: None,
        price: Some(Money::from_parts(cents * 100).expect("a price")),
        unit: Unit::Each,
        price_per: 1,
        category_id: None,
        seller_id: None,
        image_urls: Vec::new(),
        attributes: serde_json::Map::new(),
        barcodes: Vec::new(),
        created_at: at,
        updated_at: at,
    }
}
