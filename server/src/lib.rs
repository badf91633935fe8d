//! The server room of Outpost.

pub mod stage;
pub mod time;
