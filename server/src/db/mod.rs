//! What the server keeps in Postgres. All of its SQL is below this module.

pub mod databases;
