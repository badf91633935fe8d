//! The whole network: real nodes, the real server on a real Postgres, and lines between them that are
//! cut, slow and forgetful. Each file is a chapter, each test a story.
//!
//! A story with chance in it runs over a few seeds and names the one that failed; `OUTPOST_SEEDS=500
//! cargo test --test shop` searches longer.

#[path = "../../examples/laptop/line.rs"]
mod cable;
#[path = "../../examples/figures/herd/device.rs"]
mod light;
mod support;

mod away;
mod backups;
mod bad_input;
mod carried;
mod carts;
mod catalogue;
mod clocks;
mod copies;
mod counting;
mod damaged;
mod examples;
mod facts;
mod filling;
mod found;
mod full_disk;
mod golden;
mod herd;
mod killed;
mod last_unit;
mod line;
mod migrating;
mod pages;
mod people;
mod postgres;
mod recovery_page;
mod restored;
mod resume;
mod set_aside;
mod shown;
mod surfaces;
mod synonyms;
mod texts;
mod transfers;
mod verify;
mod versions;
