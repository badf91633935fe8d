//! `stock`: where a product is.

use super::{Failure, till::Till, wanted};
use crate::{config::Config, web::stock::StockShown};

/// Show where a product is, and how much may be sold here without asking
#[derive(Debug, clap::Args)]
pub struct Stock {
    /// Its barcode or sku
    #[arg(value_name = "CODE")]
    pub code: String,
}

/// Shows.
///
/// # Errors
/// If there is no such product, or the device cannot be read.
pub fn run(config: &Config, stock: &Stock) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let offer = wanted::product(&till, &stock.code)?;
    let id = offer.product.product_id.to_string();
    let places: Vec<StockShown> = till.get("/v1/stock", &[("product", &id)])?;
    say!("{}: {} may be sold here without asking", offer.product.name, offer.open);
    say!("{:<36} {:>10} {:>10}", "PLACE", "ON HAND", "SPOKEN FOR");
    for place in &places {
        let name = place.warehouse.clone().unwrap_or_else(|| place.warehouse_id.to_string());
        say!("{name:<36} {:>10} {:>10}", place.quantity, place.reserved_quantity);
    }
    Ok(())
}
