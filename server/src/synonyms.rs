//! Synonyms that head office keeps for the search at its tills; each change is one transaction, and the feed tells it.

use outpost_schema::{
    id::SynonymsId,
    synonym::{Group, change},
};
use serde::Serialize;

use crate::{db::synonyms, error::Error, server::Server};

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Groups that are new.
    pub added: usize,
    /// Groups that are gone.
    pub removed: usize,
}

/// Adds groups, all of them or none; those that are there already stay.
///
/// # Errors
/// The [`Fault`](outpost_schema::fault::Fault) of [`change`].
pub async fn add(server: &Server, groups: &[Group]) -> Result<Changed, Error> {
    put(server, groups, false).await
}

/// Makes these all groups that there are.
///
/// # Errors
/// Those of [`add`].
pub async fn replace(server: &Server, groups: &[Group]) -> Result<Changed, Error> {
    put(server, groups, true).await
}

async fn put(server: &Server, groups: &[Group], is_all: bool) -> Result<Changed, Error> {
    let at = server.now();
    let ids: Vec<SynonymsId> = groups.iter().map(|_| SynonymsId::new(at, server.world.id_chance())).collect();
    let ids = &ids;
    let changed = server.db.transaction(|tx| async move {
        let change = change(&synonyms::locked(&tx).await?, groups, is_all)?;
        let added: Vec<_> = ids.iter().copied().zip(&change.added).collect();
        synonyms::add(&tx, &added, at).await?;
        synonyms::remove(&tx, &change.removed).await?;
        Ok(Changed { added: added.len(), removed: change.removed.len() })
    });
    let changed = changed.await?;
    server.ring();
    Ok(changed)
}

/// Takes a group out.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn remove(server: &Server, synonyms_id: SynonymsId) -> Result<(), Error> {
    let removed = server.db.transaction(|tx| async move { synonyms::remove(&tx, &[synonyms_id]).await }).await?;
    server.ring();
    if removed > 0 { Ok(()) } else { Err(Error::NotFound { what: "group of synonyms", name: synonyms_id.to_string() }) }
}

#[cfg(test)]
mod tests;
