//! The whole network: real nodes, the real server on a real Postgres, and lines between them that are
//! cut, slow and forgetful. Each file is a chapter, each test a story.
//!
//! A story with chance in it runs over a few seeds and names the one that failed; `OUTPOST_SEEDS=500
//! cargo test --test shop` searches longer.

#[path = "../../examples/laptop/line.rs"]
mod cable;
mod support;

mod backups;
mod bad_input;
mod carts;
mod catalogue;
mod copies;
mod examples;
mod facts;
mod golden;
mod killed;
mod last_unit;
mod line;
mod pages;
mod people;
mod recovery_page;
mod resume;
mod set_aside;
mod shown;
