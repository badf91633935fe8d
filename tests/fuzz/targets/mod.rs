//! The targets. Each takes any bytes and panics if what must hold does not; nothing else is asked of it, so
//! that a test and a fuzzer can drive the same ones.

mod carried;
pub mod cart;
pub mod choices;
mod config;
mod csv;
mod cursor;
pub mod damage;
mod entries;
pub mod make;
mod scans;
mod settle;
mod values;
pub mod wire;

/// Something that reads what came from elsewhere.
#[derive(Clone, Copy)]
pub struct Target {
    /// Names it, and the folder of its kept cases.
    pub name: &'static str,
    /// Reads any bytes.
    pub run: fn(&[u8]),
    /// How many inputs the suite makes for it.
    pub inputs: u32,
}

/// All of them.
pub const ALL: [Target; 15] = [
    Target { name: "barcode", run: values::barcode, inputs: 40_000 },
    Target { name: "scan", run: scans::scan, inputs: 20_000 },
    Target { name: "money", run: values::money, inputs: 20_000 },
    Target { name: "text", run: values::text, inputs: 20_000 },
    Target { name: "cursor", run: cursor::cursor, inputs: 10_000 },
    Target { name: "entry", run: entries::entry, inputs: 6_000 },
    Target { name: "bodies", run: wire::bodies, inputs: 3_000 },
    Target { name: "page", run: wire::page, inputs: 3_000 },
    Target { name: "frame", run: wire::frame, inputs: 4_000 },
    Target { name: "carried", run: carried::carried, inputs: 2_000 },
    Target { name: "settle", run: settle::settle, inputs: 6_000 },
    Target { name: "cart", run: cart::forged, inputs: 6_000 },
    Target { name: "replicas", run: cart::replicas, inputs: 4_000 },
    Target { name: "csv", run: csv::csv, inputs: 4_000 },
    Target { name: "config", run: config::config, inputs: 4_000 },
];
