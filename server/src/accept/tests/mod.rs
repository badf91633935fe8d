#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod confirming;
mod holes;
mod journal;
mod network;
mod people;
mod recovery;
mod set_aside;
mod shop;
mod stock;
mod trolley;

use self::shop::{Shop, Till, sale};
