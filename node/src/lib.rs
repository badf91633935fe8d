//! One device in a shop. It sells, counts and looks up without a network, and tells head office when
//! it can.
//!
//! Another program embeds it: [`Node::open`] a folder, [`Node::join`] with a card, then
//! [`Node::sell`]. Whatever a verb returned `Ok` for is on the disk.
//!
//! - [`node`]: what a node owns, and how it is opened
//! - [`sell`], [`stockroom`], [`countings`], [`people`]: verbs that write
//! - [`catalogue`], [`orders`], [`status`]: what is looked up
//! - [`search`]: all of the catalogue by what somebody types
//! - [`mod@line`]: the node's end of a round; [`fill`]: how it is filled from nothing or anew
//! - [`backup`]: the whole device in a file, and back
//! - [`db`]: the database, beneath all of these

#![forbid(unsafe_code)]

pub mod backup;
pub mod carried;
pub mod carts;
pub mod catalogue;
pub mod command;
pub mod config;
pub mod countings;
pub mod courier;
pub mod db;
pub mod deliveries;
pub mod disk;
pub mod error;
pub mod fill;
pub(crate) mod goods;
pub mod leave;
pub mod line;
pub mod lookup;
pub mod node;
pub mod orders;
pub mod people;
pub mod returns;
pub mod salvage;
pub mod scan;
pub mod search;
pub mod sell;
pub mod shortage;
pub mod stage;
pub mod status;
pub mod stockroom;
pub mod time;
pub mod transfers;
pub mod uplink;
pub mod verify;
pub mod web;
pub mod witness;

pub use crate::{
    db::identity::{Identity, State},
    error::{Error, Refused},
    node::Node,
};

#[cfg(test)]
mod testing;
