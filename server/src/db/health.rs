//! Whether Postgres answers.

use super::Db;
use crate::error::Error;

/// Returns once it has answered.
///
/// # Errors
/// If it does not.
pub async fn answers(db: &Db) -> Result<(), Error> {
    db.client().await?.batch_execute("select 1").await?;
    Ok(())
}
