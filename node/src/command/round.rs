//! `round`: push and pull now.

use serde_json::json;

use super::{Failure, till::Till};
use crate::{config::Config, web::status::RoundShown};

/// Runs a round.
///
/// # Errors
/// Why the server could not be reached or would not answer; nothing is lost then.
pub fn run(config: &Config) -> Result<(), Failure> {
    let till = Till::open(config)?;
    let done: RoundShown = till.post("/v1/round", &json!({}))?;
    let level = if done.is_level { "level with head office" } else { "not level yet, run it again" };
    say!("{} sent, {} received, {level}", done.pushed, done.received);
    Ok(())
}
