//! What the server keeps in Postgres. All of its SQL is below this module.

pub mod databases;
pub mod migrations;

pub use migrations::{MIGRATIONS, MigrateError, migrate};

/// What Postgres said, in full: an error of the client alone reads "db error", and the cause lies
/// below it.
pub fn said(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
