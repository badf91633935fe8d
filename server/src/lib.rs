//! Head office: the authority on stock and reservations, and the feed that carries news between nodes.
//!
//! A push comes in by [`accept`]: it is loaded, decided by the schema's rules and written as one
//! transaction, and answered after its commit. What changed goes out by the feed. [`nodes`] knows the
//! devices, [`grants`] gives a home what it may sell, [`epoch`] hears from all devices again when the
//! database was restored, and [`digest`] lets a device compare what it was told. All SQL lies in [`db`].

#![forbid(unsafe_code)]

pub mod accept;
pub mod api;
pub mod backup;
pub mod bootstrap;
pub mod carried;
pub mod carts;
pub mod cluster;
pub mod command;
pub mod config;
pub mod confirm;
pub mod db;
pub mod deliveries;
pub mod devices;
pub mod digest;
pub mod epoch;
pub mod error;
pub mod feed;
pub mod give_up;
pub mod grants;
pub mod hold;
pub mod horizon;
pub mod import;
pub mod lives;
pub mod nodes;
pub mod output;
pub mod publish;
pub mod roll_call;
pub mod rules;
pub mod server;
pub mod settle;
pub mod stage;
pub mod synonyms;
pub mod testing;
pub mod time;
pub mod transfers;
pub mod wake;
pub mod web;
pub mod withdraw;
