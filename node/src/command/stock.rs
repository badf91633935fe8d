//! `stock`: where a product is, and what runs low.

use super::{Failure, till::Till, wanted};
use crate::{config::Config, web::stock::StockShown};

/// Show where a product is and how much may be sold here without asking; or, with `low`, what runs low
#[derive(Debug, clap::Args)]
pub struct Stock {
    /// Its barcode, sku, label or name; or `low`
    #[arg(value_name = "CODE|low")]
    pub code: String,
    /// With `low`: in every place known here, not only where the device stands
    #[arg(long)]
    pub everywhere: bool,
}

/// Shows.
///
/// # Errors
/// If there is no such product, or the device cannot be read.
pub fn run(config: &Config, stock: &Stock) -> Result<(), Failure> {
    let till = Till::open(config)?;
    if stock.code == "low" {
        return low(&till, stock.everywhere);
    }
    let offer = wanted::product(&till, &stock.code)?;
    let id = offer.product.product_id.to_string();
    let places: Vec<StockShown> = till.get("/v1/stock", &[("product", &id)])?;
    let elsewhere: i64 = places.iter().filter(|place| !place.is_here).map(|place| place.available).sum();
    say!("{}: {} may be sold here without asking", offer.product.name, offer.open);
    say!("{:<36} {:>10} {:>10} {:>10} {:>10}", "PLACE", "ON HAND", "SPOKEN FOR", "FREE", "LOW AT");
    for place in &places {
        let low_at = place.low_at.map_or_else(String::new, |units| units.to_string());
        let [on_hand, promised, free] = [place.quantity, place.reserved_quantity, place.available];
        say!("{:<36} {on_hand:>10} {promised:>10} {free:>10} {low_at:>10}", name(place));
    }
    say!("Elsewhere {elsewhere} are free. {}", age(&places));
    Ok(())
}

fn low(till: &Till, everywhere: bool) -> Result<(), Failure> {
    let (mut all, mut after): (Vec<StockShown>, Option<(String, String)>) = (Vec::new(), None);
    loop {
        let mut asked = vec![("everywhere", if everywhere { "true" } else { "false" })];
        if let Some((product, warehouse)) = &after {
            asked.extend([("after_product", product.as_str()), ("after_warehouse", warehouse.as_str())]);
        }
        let page: Vec<StockShown> = till.get("/v1/stock/low", &asked)?;
        let Some(last) = page.last() else { break };
        after = Some((last.product_id.to_string(), last.warehouse_id.to_string()));
        all.extend(page);
    }
    if all.is_empty() {
        say!("Nothing runs low.");
        return Ok(());
    }
    say!("{:<14} {:<36} {:<20} {:>8} {:>8}", "CODE", "NAME", "PLACE", "ON HAND", "LOW AT");
    for row in &all {
        let title: String = row.name.as_deref().unwrap_or("no longer known here").chars().take(36).collect();
        let (code, low_at) = (row.sku.as_deref().unwrap_or("-"), row.low_at.unwrap_or_default());
        say!("{code:<14} {title:<36} {:<20} {:>8} {low_at:>8}", name(row), row.quantity);
    }
    say!("{} run low. {}", all.len(), age(&all));
    Ok(())
}

fn name(row: &StockShown) -> String {
    let name = row.warehouse.clone().unwrap_or_else(|| row.warehouse_id.to_string());
    if row.is_here { format!("{name} (here)") } else { name }
}

/// How old what is shown is.
fn age(rows: &[StockShown]) -> String {
    match rows.first().and_then(|row| row.age_seconds) {
        None => "This device has never equalled head office: it may know only a part.".to_owned(),
        Some(0..=59) => "As head office had it less than a minute ago.".to_owned(),
        Some(seconds @ 60..=7_199) => format!("As head office had it {} minutes ago.", seconds / 60),
        Some(seconds) => format!("As head office had it {} hours ago.", seconds / 3_600),
    }
}
