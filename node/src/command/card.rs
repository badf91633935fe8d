//! `card`: this device's card as it is now, for a head office that forgot it.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, sync::Arc};

use super::Failure;
use crate::{config::Config, error::Error, node::Node, time::Real};

/// Print this device's card, for a head office that forgot it (`outpost-server node readmit`)
#[derive(Debug, clap::Args)]
pub struct Card {
    /// Write it to this file instead; it must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prints or writes the card.
///
/// # Errors
/// If the folder has joined no network, another process works on it, or the file cannot be written.
pub fn run(config: &Config, wanted: &Card) -> Result<(), Failure> {
    let node = Node::open_with(&config.data, config.witness.as_deref(), Arc::new(Real))?;
    let identity = node.identity()?.ok_or(Error::NotJoined)?;
    let text = toml::to_string(&identity.card).map_err(|error| Failure::usage("bad_card", error.to_string()))?;
    let Some(file) = &wanted.out else {
        say!("{}", text.trim_end());
        return Ok(());
    };
    // A card lets whoever has it speak as this device, so it is nobody else's to read.
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|cause| Error::files(file, cause))?;
    out.write_all(text.as_bytes()).map_err(|cause| Error::files(file, cause))?;
    say!("The card is in {}. Carry it to head office: `outpost-server node readmit`.", file.display());
    Ok(())
}
