//! `join`: this folder becomes the device of a card.

use std::{fs, path::PathBuf, sync::Arc};

use outpost_schema::device::Card;

use super::Failure;
use crate::{config::Config, error::Error, node::Node, time::Real, uplink::check_address};

/// Join a network with the card that `outpost-server node add` printed
#[derive(Debug, clap::Args)]
pub struct Join {
    /// The card
    #[arg(value_name = "CARD.toml")]
    pub card: PathBuf,
}

/// Joins.
///
/// # Errors
/// If the card cannot be read, or the folder belongs to another device.
pub fn run(config: &Config, join: &Join) -> Result<(), Failure> {
    let shown = join.card.display();
    let text = fs::read_to_string(&join.card)
        .map_err(|error| Failure::usage("no_card", format!("the card {shown} cannot be read: {error}")))?;
    let card: Card = toml::from_str(&text).map_err(|error| {
        Failure::usage("bad_card", format!("{shown} is no card ({}); get a new one from head office", error.message()))
    })?;
    check_address(config.server.as_ref().unwrap_or(&card.server))?;
    let folder = &config.data;
    fs::create_dir_all(folder).map_err(|cause| Error::Files { what: folder.display().to_string(), cause })?;
    Node::open_with(folder, config.witness.as_deref(), Arc::new(Real))?.join(&card)?;
    say!("{} has joined; its folder is {}. Open it with `outpost-node serve`.", card.name, folder.display());
    Ok(())
}
