//! `concerns`: what people must look at here, and what can be done about it.

use outpost_schema::settlement::{Settlement, possible};
use serde_json::json;

use super::{Failure, till::Till};
use crate::{config::Config, web::status::ConcernShown};

/// Show what people must look at here, and what head office can do about it
#[derive(Debug, clap::Args)]
pub struct Concerns {
    /// Those that are over, too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Shows.
///
/// # Errors
/// If the device cannot be read.
pub fn run(config: &Config, wanted: &Concerns) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let mut concerns: Vec<ConcernShown> = till.get("/v1/concerns", &[])?;
    concerns.retain(|shown| wanted.all || shown.concern.closed_at.is_none());
    if wanted.json {
        say!("{}", json!(concerns));
        return Ok(());
    }
    if concerns.is_empty() {
        say!("Nothing: all is well.");
    }
    for shown in &concerns {
        let over = if shown.concern.closed_at.is_some() { " (over)" } else { "" };
        say!("{}: {}{over}", shown.concern.kind, shown.sentence);
        say!("    {} {}", shown.concern.concern_id, shown.concern.detail);
        if shown.concern.closed_at.is_none() {
            let ways: Vec<&str> = possible(shown.concern.kind).into_iter().map(Settlement::sentence).collect();
            say!("    head office can: {}", ways.join("; "));
        }
    }
    Ok(())
}
