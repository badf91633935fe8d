//! `backup`: the whole device in a file, while it sells.

use std::path::PathBuf;

use super::Failure;
use crate::{backup, config::Config, time::Real};

/// Write this whole device into a file, while it sells
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// The file, best on another disk; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Backs up.
///
/// # Errors
/// If the device cannot be read, or the file not be written.
pub fn run(config: &Config, wanted: &Backup) -> Result<(), Failure> {
    let header = backup::back_up(&config.data, &wanted.to, &Real).map_err(outpost_sync::wire::Problem::from)?;
    say!("{} is in {}, up to entry {} of its journal.", header.name, wanted.to.display(), header.head);
    say!("Whoever puts it back gets this moment; what is sold from now on is not in it.");
    Ok(())
}
