//! `restore`: a device is put back from a file, in quarantine.

use std::{path::PathBuf, sync::Arc};

use outpost_sync::wire::Problem;

use super::Failure;
use crate::{backup, config::Config, time::Real};

/// Put this device back from a file that `backup` wrote
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The file
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Move what is in the folder aside first; nothing is deleted
    #[arg(long)]
    pub replace: bool,
}

/// Restores.
///
/// # Errors
/// If the file is no sound backup, or the folder is not empty.
pub fn run(config: &Config, wanted: &Restore) -> Result<(), Failure> {
    let restored = backup::restore(&wanted.from, &config.data, wanted.replace, Arc::new(Real));
    let backup::Restored { header, aside } = restored.map_err(Problem::from)?;
    if let Some(aside) = aside {
        say!("What was there is now in {}; keep it until head office has everything.", aside.display());
    }
    say!("{} is back, as it was at entry {} of its journal.", header.name, header.head);
    say!("It does not know what it did after that, so it sells nothing from its allotments for now;");
    say!("it shows goods, keeps carts and counts. Open it with `outpost-node serve`: once it has");
    say!("heard head office it begins a new life by itself and sells again.");
    Ok(())
}
