//! The words and rules of the shop. Pure: this crate reads no clock, file, socket or randomness.

pub mod barcode;
pub mod cart;
pub mod clock;
pub mod fault;
pub mod id;
pub mod money;
pub mod quantity;
pub mod text;
