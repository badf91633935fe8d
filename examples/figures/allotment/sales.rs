//! What the shops really sold, product by product.

use std::{collections::HashMap, io};

use outpost_schema::clock::Timestamp;

#[path = "../../laptop/baskets.rs"]
#[expect(dead_code, reason = "the laptop rings up prices, and here only goods count")]
mod baskets;

/// More units in a line are thousandths of a gallon from a shop's own tank, and no shared stock.
const UNITS_MAX: i64 = 100;

/// Somebody wanted so many at a shop.
#[derive(Clone, Copy, Debug)]
pub struct Sale {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub shop: usize,
    /// How many.
    pub units: i64,
}

/// All that was sold at some shops.
pub struct Sales {
    /// The sales of each product, in order of time.
    pub products: Vec<Vec<Sale>>,
    /// The first moment.
    pub from: Timestamp,
    /// The last.
    pub upto: Timestamp,
}

impl Sales {
    /// Reads what the shops with most lines sold in the first weeks.
    pub fn read(file: impl io::Read, shops: usize, weeks: i64) -> io::Result<Self> {
        let (mut read, mut busy) = (Vec::new(), HashMap::<u32, usize>::new());
        let mut from = None;
        for basket in baskets::baskets(file)? {
            let basket = basket?;
            let end = from.get_or_insert(basket.at).plus_seconds(weeks * 7 * 86_400);
            if basket.at >= end {
                break;
            }
            for line in basket.lines.into_iter().filter(|line| (1..=UNITS_MAX).contains(&line.quantity)) {
                *busy.entry(basket.store).or_default() += 1;
                read.push((basket.store, line.sku, Sale { at: basket.at, shop: 0, units: line.quantity }));
            }
        }
        let from = from.ok_or_else(|| io::Error::other("there is no basket in it"))?;
        let chosen = busiest(busy, shops);
        let mut products: HashMap<String, Vec<Sale>> = HashMap::new();
        for (store, sku, sale) in read {
            if let Some(shop) = chosen.get(&store) {
                products.entry(sku).or_default().push(Sale { shop: *shop, ..sale });
            }
        }
        let mut products: Vec<_> = products.into_iter().collect();
        products.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let products = products.into_iter().map(|(_, sales)| sales).collect();
        Ok(Self { products, from, upto: from.plus_seconds(weeks * 7 * 86_400) })
    }

    /// Only the products of which at least so many lines were sold.
    pub fn regulars(&self, lines: usize) -> Self {
        let products = self.products.iter().filter(|sales| sales.len() >= lines).cloned().collect();
        Self { products, ..*self }
    }

    /// Lines.
    pub fn count(&self) -> usize {
        self.products.iter().map(Vec::len).sum()
    }

    /// Units.
    pub fn units(&self) -> i64 {
        self.products.iter().flatten().map(|sale| sale.units).sum()
    }
}

/// The shops with most lines, numbered from 0.
fn busiest(busy: HashMap<u32, usize>, shops: usize) -> HashMap<u32, usize> {
    let mut order: Vec<_> = busy.into_iter().map(|(store, lines)| (std::cmp::Reverse(lines), store)).collect();
    order.sort_unstable();
    order.into_iter().take(shops).zip(0..).map(|((_, store), shop)| (store, shop)).collect()
}
