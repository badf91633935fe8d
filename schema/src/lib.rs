//! The words and rules of the shop. Pure: this crate reads no clock, file, socket or randomness.

#![forbid(unsafe_code)]

pub mod barcode;
pub mod cart;
pub mod catalogue;
pub mod clock;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod column;
pub mod confirm;
pub mod count;
pub mod counting;
pub mod delivery;
pub mod device;
pub mod digest;
pub mod fault;
pub mod feed;
pub mod foreign;
pub mod id;
pub mod journal;
pub mod leaving;
pub mod money;
pub mod movement;
pub mod op;
pub mod order;
pub mod people;
pub mod planted;
pub mod quantity;
pub mod returned;
pub mod rule;
pub mod scan;
pub mod settle;
pub mod settlement;
pub mod sizing;
pub mod stock;
pub mod synonym;
pub mod text;
pub mod transfer;
pub mod verdict;
pub mod withdrawal;
pub mod word;
pub mod world;
