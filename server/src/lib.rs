//! The server room of Outpost.

pub mod cluster;
pub mod db;
pub mod testing;
