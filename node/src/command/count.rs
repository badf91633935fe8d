//! `count`: what was seen on the shelf.

use outpost_schema::op::CountLine;

use super::{Failure, status, till::Till, wanted};
use crate::{
    config::Config,
    web::stock::{CountSaid, SeenSaid},
};

/// Write down what was seen on the shelf
#[derive(Debug, clap::Args)]
pub struct Count {
    /// A barcode or sku, and how many were seen
    #[arg(required = true, value_name = "CODE=SEEN")]
    pub seen: Vec<String>,
}

/// Counts.
///
/// # Errors
/// What the shop says, or the machine.
pub fn run(config: &Config, count: &Count) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let (mut lines, mut names) = (Vec::new(), Vec::new());
    for text in &count.seen {
        let (code, counted) = wanted::split(text, '=')
            .ok_or_else(|| Failure::usage("bad_count", format!("{text:?} is no count; write it like TEA=7")))?;
        let product = wanted::product(&till, code)?.product;
        lines.push(SeenSaid { product_id: product.product_id, counted });
        names.push(product.name);
    }
    let moved: Vec<CountLine> = till.post("/v1/stock/count", &CountSaid { lines })?;
    for (line, name) in moved.iter().zip(names) {
        match line.delta {
            0 => say!("{name}: {} seen, as the book says", line.counted),
            delta => say!("{name}: {} seen, the book is corrected by {delta:+}", line.counted),
        }
    }
    say!("{}", status::waiting(&till)?);
    Ok(())
}
