#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod concerns;
mod confirming;
mod counts;
mod devices;
mod holds;
mod holes;
mod homes;
mod journal;
mod network;
mod people;
mod recovery;
mod returns;
mod set_aside;
mod shop;
mod sizing;
mod stands;
mod stock;
mod transfers;
mod trolley;
mod withdrawal;

use self::shop::{Shop, Till, sale};
