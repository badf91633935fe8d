//! What the server keeps in Postgres. All of its SQL is below this module.

pub mod databases;
pub mod migrations;

pub use migrations::{MIGRATIONS, MigrateError, migrate};
