//! `scarce`: of what little may be sold here without asking.

use super::{Failure, till::Till};
use crate::{config::Config, web::stock::ScarceShown};

/// Shows.
///
/// # Errors
/// If the device cannot be read.
pub fn run(config: &Config) -> Result<(), Failure> {
    let scarce: Vec<ScarceShown> = Till::open(config)?.get("/v1/stock/scarce", &[])?;
    if scarce.is_empty() {
        say!("Nothing is scarce: of everything that was sized for this device enough may be sold without asking.");
        return Ok(());
    }
    say!("{:<40} {:>10} {:>10}", "PRODUCT", "MAY SELL", "NEEDS");
    for ScarceShown { name, open, full, .. } in &scarce {
        say!("{name:<40} {open:>10} {full:>10}");
    }
    say!("More comes by itself with the next rounds, as far as there is any; `outpost-node ask` asks for it at once.");
    Ok(())
}
