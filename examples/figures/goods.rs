//! A made-up shop: products, and which of them are sold. A few are sold often and most seldom.

use std::ops::Range;

use outpost_schema::{
    catalogue::{Product, Warehouse},
    clock::Timestamp,
    feed::{Aggregate, Granted, Stock},
    id::{EpochId, IncarnationId, NodeId, ProductId, WarehouseId},
    money::Money,
    quantity::Unit,
};
use outpost_sync::wire::Page;
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Map;
use uuid::Uuid;

/// Products of the made-up shop.
pub const PRODUCTS: usize = 100_000;

/// Units on hand of each product: more than any figure sells.
pub const UNITS: i64 = 100_000_000;

/// When everything was entered.
pub const THEN: Timestamp = Timestamp::from_micros(1_770_000_000_000_000);

const WORDS: [&str; 24] = [
    "apple", "basil", "brown", "cheese", "classic", "crisp", "dark", "family", "fresh", "garden", "golden", "honey",
    "house", "juice", "large", "lemon", "mild", "organic", "pepper", "roast", "salted", "sweet", "tomato", "white",
];

/// The id of a product, by its number.
pub fn product_id(number: usize) -> ProductId {
    ProductId(spread(1, number))
}

/// The one warehouse.
pub fn warehouse_id() -> WarehouseId {
    WarehouseId(spread(2, 0))
}

/// Its one till.
pub fn node_id() -> NodeId {
    NodeId(spread(3, 0))
}

/// The life of the till's journal.
pub fn incarnation_id() -> IncarnationId {
    IncarnationId(spread(4, 0))
}

/// A UUIDv7 whose random part is scattered, as real ones are.
fn spread(kind: u64, number: usize) -> Uuid {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (kind << 56);
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&mixed.to_be_bytes());
    let millis = u64::try_from(THEN.micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis + number as u64, &chance).into_uuid()
}

/// The price of a product.
pub fn price(number: usize) -> Money {
    let cents = 99 + i64::try_from(number % 1900).unwrap_or(0);
    Money::from_parts(cents * 100).unwrap_or(Money::ZERO)
}

/// Chance that repeats.
pub fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A product that somebody buys: half of all draws fall on the first eighth of the products.
pub fn drawn(chance: &mut ChaCha8Rng) -> usize {
    let draw: f64 = chance.random();
    ((draw.powi(3) * PRODUCTS as f64) as usize).min(PRODUCTS - 1)
}

fn words(chance: &mut ChaCha8Rng, count: Range<usize>) -> String {
    let count = chance.random_range(count);
    let drawn: Vec<&str> = (0..count).filter_map(|_| WORDS.choose(chance).copied()).collect();
    drawn.join(" ")
}

fn product(number: usize, chance: &mut ChaCha8Rng) -> Product {
    Product {
        product_id: product_id(number),
        sku: Some(format!("S{number:06}")),
        name: words(chance, 4..7),
        description: Some(words(chance, 22..39)),
        price: Some(price(number)),
        unit: Unit::Each,
        price_per: 1,
        category_id: None,
        seller_id: None,
        image_urls: Vec::new(),
        attributes: Map::new(),
        barcodes: Vec::new(),
        created_at: THEN,
        updated_at: THEN,
    }
}

/// What the feed tells a till of a product: the product, its stock, and that the till may sell all of it.
fn aggregates(number: usize, chance: &mut ChaCha8Rng) -> [Aggregate; 3] {
    let (product_id, warehouse_id, incarnation_id) = (product_id(number), warehouse_id(), incarnation_id());
    let stock = Stock { product_id, warehouse_id, balance: UNITS, promised: UNITS, updated_at: THEN };
    let granted =
        Granted { incarnation_id, product_id, warehouse_id, granted: UNITS, reclaimed: 0, full: 0, keep: None };
    [Aggregate::Product(Box::new(product(number, chance))), Aggregate::Stock(stock), Aggregate::Allotment(granted)]
}

/// The whole shop as pages of the feed, each with the cursor that it is asked with.
pub fn pages() -> impl Iterator<Item = (Option<String>, Page)> {
    const A_PAGE: usize = 600;
    let mut chance = chance(7);
    (0..PRODUCTS.div_ceil(A_PAGE)).map(move |page| {
        let numbers = page * A_PAGE..PRODUCTS.min((page + 1) * A_PAGE);
        let warehouse = Warehouse {
            warehouse_id: warehouse_id(),
            name: "Shop".to_owned(),
            home_of: Some(node_id()),
            created_at: THEN,
        };
        let mut told = vec![Aggregate::Warehouse(warehouse)];
        told.extend(numbers.flat_map(|number| aggregates(number, &mut chance)));
        let asked = (page > 0).then(|| format!("page {page}"));
        (asked, page_of(told, format!("page {}", page + 1), (page + 1) * A_PAGE >= PRODUCTS))
    })
}

/// A page of these.
pub fn page_of(aggregates: Vec<Aggregate>, cursor: String, level: bool) -> Page {
    Page {
        epoch: EpochId(spread(5, 0)),
        cursor,
        level,
        seen: "1:1:".to_owned(),
        aggregates,
        acked: Vec::new(),
        others: Vec::new(),
        server_time: THEN,
        protocol: outpost_sync::wire::PROTOCOL,
        recovering: false,
    }
}
