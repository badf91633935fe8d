//! `find`: products by barcode, sku or words.

use super::{Failure, till::Till};
use crate::{config::Config, web::products::OfferShown};

/// Rows, if nobody says how many.
const ROWS: usize = 20;

/// Find products by barcode, sku or the words of their name
#[derive(Debug, clap::Args)]
pub struct Find {
    /// What to look for; everything, if left out
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,
    /// Rows at most
    #[arg(long, default_value_t = ROWS)]
    pub limit: usize,
}

/// Finds.
///
/// # Errors
/// If the device cannot be read.
pub fn run(config: &Config, find: &Find) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let (text, limit) = (find.text.join(" "), find.limit.to_string());
    let found: Vec<OfferShown> = till.get("/v1/products", &[("find", &text), ("limit", &limit)])?;
    if found.is_empty() {
        say!("Nothing here is called that.");
        return Ok(());
    }
    say!("{:<14} {:<36} {:>10} {:>8} {:>10}", "CODE", "NAME", "PRICE", "HERE", "MAY SELL");
    found.iter().for_each(row);
    Ok(())
}

fn row(offer: &OfferShown) {
    let product = &offer.product;
    let code = product.sku.as_deref().or_else(|| product.barcodes.first().map(|barcode| barcode.digits()));
    let name: String = product.name.chars().take(36).collect();
    let price = product.price.map_or_else(|| "ask".to_owned(), |price| price.to_string());
    say!("{:<14} {name:<36} {price:>10} {:>8} {:>10}", code.unwrap_or("-"), offer.quantity, offer.open);
}
