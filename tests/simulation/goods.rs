//! What is sold, and held.

use outpost_schema::{
    catalogue::Product,
    clock::Timestamp,
    delivery::{Delivery, DeliveryLine},
    id::{DeliveryId, HoldId, ProductId, WarehouseId},
    money::Money,
    quantity::{Amount, Unit},
    stock::StockKey,
};
use outpost_sync::wire::{Buyer, HoldLine, HoldWanted, Problem};

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

/// Who does something at head office.
pub const SOMEBODY: &str = "somebody";

/// And why.
pub const WHY: &str = "no more will come";

/// A delivery of these goods.
pub fn delivery(
    delivery_id: DeliveryId,
    reference: &str,
    warehouse_id: WarehouseId,
    lines: &[(ProductId, i64)],
    created_at: Timestamp,
) -> Delivery {
    let line = |(product_id, expected): &(ProductId, i64)| DeliveryLine {
        product_id: *product_id,
        expected: *expected,
        received: 0,
    };
    let (supplier, reference) = (SOMEBODY.to_owned(), reference.to_owned());
    let lines = lines.iter().map(line).collect();
    Delivery { delivery_id, warehouse_id, supplier, reference, due_at: None, created_at, closing: None, lines }
}

/// A wish for a hold of these units.
///
/// # Errors
/// If an amount is none.
pub fn hold(
    hold_id: HoldId,
    lines: &[(StockKey, i64)],
    buyer: Option<Buyer>,
    seconds: u64,
) -> Result<HoldWanted, Problem> {
    let line = |(StockKey { product_id, warehouse_id }, units): &(StockKey, i64)| {
        Ok(HoldLine { product_id: *product_id, warehouse_id: *warehouse_id, amount: Amount::new(*units)? })
    };
    let lines = lines.iter().map(line).collect::<Result<_, Problem>>()?;
    Ok(HoldWanted { hold_id, lines, buyer, seconds: i64::try_from(seconds).unwrap_or(i64::MAX) })
}
