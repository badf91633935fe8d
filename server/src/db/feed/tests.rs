//! What the feed promises, on a real Postgres.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod facts;
mod schemes;
mod shop;
mod stress;
