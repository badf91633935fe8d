//! `low`: of what little may be sold here without asking.

use super::{Failure, till::Till};
use crate::{config::Config, web::stock::LowShown};

/// Shows.
///
/// # Errors
/// If the device cannot be read.
pub fn run(config: &Config) -> Result<(), Failure> {
    let low: Vec<LowShown> = Till::open(config)?.get("/v1/stock/low", &[])?;
    if low.is_empty() {
        say!("Nothing is low: of everything that was sized for this device enough may be sold without asking.");
        return Ok(());
    }
    say!("{:<40} {:>10} {:>10}", "PRODUCT", "MAY SELL", "NEEDS");
    for LowShown { name, open, full, .. } in &low {
        say!("{name:<40} {open:>10} {full:>10}");
    }
    say!("More comes by itself with the next rounds, as far as there is any; `outpost-node ask` asks for it at once.");
    Ok(())
}
