//! The server room of Outpost.

pub mod cluster;
pub mod db;
pub mod stage;
pub mod testing;
pub mod time;
