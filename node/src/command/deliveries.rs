//! `deliveries`: what is expected here, and what came of it.

use outpost_schema::delivery::Delivery;

use super::{Failure, till::Till, wanted};
use crate::config::Config;

/// Show which deliveries are expected here
#[derive(Debug, clap::Args)]
pub struct Deliveries {
    /// Only this one, line by line: its reference
    #[arg(value_name = "REFERENCE")]
    pub name: Option<String>,
    /// Those that are over too
    #[arg(long)]
    pub all: bool,
}

/// Shows.
///
/// # Errors
/// If there is no such delivery, or the device cannot be read.
pub fn run(config: &Config, wanted: &Deliveries) -> Result<(), Failure> {
    let till = Till::open(config)?;
    match &wanted.name {
        Some(name) => show(&till, &find(&till, name)?),
        None => list(&till, wanted.all),
    }
}

/// The one delivery that somebody means.
pub(super) fn find(till: &Till, name: &str) -> Result<Delivery, Failure> {
    let mut found: Vec<Delivery> = till.get("/v1/deliveries", &[("name", name)])?;
    found.pop().ok_or_else(|| Failure::usage("unknown_delivery", format!("no delivery {name} is expected here")))
}

fn list(till: &Till, all: bool) -> Result<(), Failure> {
    let found: Vec<Delivery> = till.get("/v1/deliveries", &[("all", if all { "true" } else { "false" })])?;
    say!("{:<20} {:<24} {:>9} {:>9} {:>9}  STATE", "REFERENCE", "SUPPLIER", "EXPECTED", "CAME", "OPEN");
    for one in &found {
        let (mut expected, mut came, mut open) = (0, 0, 0);
        for line in &one.lines {
            (expected, came, open) = (expected + line.expected, came + line.received, open + line.open());
        }
        let state = one.state().word();
        say!("{:<20} {:<24} {expected:>9} {came:>9} {open:>9}  {state}", one.reference, one.supplier);
    }
    Ok(())
}

fn show(till: &Till, one: &Delivery) -> Result<(), Failure> {
    say!("{} from {}: {}", one.reference, one.supplier, one.state().word());
    say!("{:<36} {:>9} {:>9} {:>9} {:>9}", "PRODUCT", "EXPECTED", "CAME", "OPEN", "OVER");
    for line in &one.lines {
        let name = wanted::name(till, line.product_id);
        say!("{name:<36} {:>9} {:>9} {:>9} {:>9}", line.expected, line.received, line.open(), line.over());
    }
    Ok(())
}
