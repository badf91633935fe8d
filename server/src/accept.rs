//! A push: what nodes say has happened or is wanted, taken into the book.

use outpost_sync::wire::{Caller, Push, Pushed, Standing};

use crate::{error::Error, server::Server};

/// Takes a push.
///
/// # Errors
/// [`Error::UnknownNode`], [`Error::BrokenChain`], or the database's.
pub async fn push(_server: &Server, _caller: Caller, _standing: Standing, _push: &Push) -> Result<Pushed, Error> {
    Err(Error::UnknownNode)
}

/// Decides again what was set aside and may now be taken. Called after every commit that made ids.
///
/// # Errors
/// The database's.
pub async fn retry_set_aside(_server: &Server) -> Result<(), Error> {
    Ok(())
}
