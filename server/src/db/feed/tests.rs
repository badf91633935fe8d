//! What the feed promises, on a real Postgres.

mod facts;
mod schemes;
mod shop;
mod stress;
