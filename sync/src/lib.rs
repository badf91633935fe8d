//! The conversation between a node and its server.

pub mod wire;
