//! `round`: push and pull now.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Failure, till::Till};
use crate::{config::Config, fill::Progress, web::status::RoundShown};

/// Runs a round.
///
/// # Errors
/// Why the server could not be reached or would not answer; nothing is lost then.
pub fn run(config: &Config) -> Result<(), Failure> {
    let till = Till::open(config)?;
    // Drawn on a terminal only.
    let bar = ProgressBar::no_length().with_style(style());
    let done = till.post_watched("/v1/round", &json!({}), |status| show(&bar, status.filling.as_ref()));
    bar.finish_and_clear();
    let done: RoundShown = done?;
    let level = if done.is_level { "level with head office" } else { "not level yet, run it again" };
    say!("{} sent, {} received, {level}", done.pushed, done.received);
    Ok(())
}

fn style() -> ProgressStyle {
    let template = ProgressStyle::with_template("{msg} {wide_bar} {percent}%");
    template.unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How far the device is being filled.
fn show(bar: &ProgressBar, filling: Option<&Progress>) {
    if let Some(filling) = filling {
        bar.set_length(filling.of);
        bar.set_position(filling.done);
        bar.set_message(filling.sentence());
    }
}
