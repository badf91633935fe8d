//! Rules that head office lays down for its shops; each change is one transaction, and the feed tells it.

use outpost_schema::{
    fault::Fault,
    id::RuleId,
    rule::{Columns, Says},
};

use crate::{db::rules, error::Error, server::Server};

/// Rules laid down at once: a threshold for each product of a large catalogue, in one transaction, so that a file of them
/// counts whole or not at all.
pub const RULES_MAX: usize = 200_000;

/// Lays rules down, all of them or none; each takes the place of the one that was about the same. Says how many
/// changed.
///
/// # Errors
/// [`Error::NotFound`] for a product, category or warehouse; [`Error::TooMuch`] beyond [`RULES_MAX`]; the
/// [`Fault`] of one of them, or [`Fault::RuleTwice`] if two are about the same.
pub async fn lay_down(server: &Server, says: &[Says]) -> Result<u64, Error> {
    check(says)?;
    let at = server.now();
    let named: Vec<_> = says.iter().map(|says| (RuleId::new(at, server.world.id_chance()), says.clone())).collect();
    let named = &named;
    let changed = server.db.transaction(|tx| async move {
        if let Some((what, id)) = rules::missing(&tx, says).await? {
            return Err(Error::NotFound { what, name: id.to_string() });
        }
        rules::put(&tx, named, at).await
    });
    let changed = changed.await?;
    server.ring();
    Ok(changed)
}

fn check(says: &[Says]) -> Result<(), Error> {
    if says.len() > RULES_MAX {
        return Err(Error::TooMuch { what: "rules", count: says.len(), max: RULES_MAX });
    }
    says.iter().try_for_each(Says::check)?;
    let about = |says: &Says| Columns { value: String::new(), ..says.columns() };
    let mut seen: Vec<Columns> = says.iter().map(about).collect();
    seen.sort_unstable();
    if seen.is_sorted_by(|one, next| one < next) { Ok(()) } else { Err(Fault::RuleTwice.into()) }
}

/// Takes back the rules that are about the same as these. Says how many there were.
///
/// # Errors
/// What Postgres says.
pub async fn take_back(server: &Server, about: &[Says]) -> Result<u64, Error> {
    let removed = server.db.transaction(|tx| async move { rules::remove(&tx, about).await }).await?;
    server.ring();
    Ok(removed)
}

/// Takes back one rule.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn take_back_one(server: &Server, rule_id: RuleId) -> Result<(), Error> {
    let was_there = server.db.transaction(|tx| async move { rules::remove_one(&tx, rule_id).await }).await?;
    server.ring();
    if was_there { Ok(()) } else { Err(Error::NotFound { what: "rule", name: rule_id.to_string() }) }
}

#[cfg(test)]
mod tests;
