//! A sale at the till: from the lines on the counter to the moment it is surely on the disk.

use std::time::Duration;

use outpost_node::{
    Node,
    sell::{SaleWanted, Tendered, Terms, WantedLine},
};
use outpost_schema::{money::Money, quantity::Amount};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use crate::{
    disk::{self, Probe},
    environment,
    goods::{self, PRODUCTS},
    report::{Figure, Outcome, Report},
    till::{self, A_MOMENT, Pace, beside_disk},
};

/// See [`Figure`].
pub const FIGURE: Figure = Figure {
    name: "sale",
    tells: "A sale at a till with 100,000 products: order, payment, stock and journal durable in one transaction.",
    means: "Aim, with 3 lines and a moment between customers: p50 at most 2.5x and p99 at most 5x one fdatasync.",
    measure,
};

/// Sales of a round: enough for its p99 to be the second worst.
const TIMES: usize = 150;

/// What a till with 100,000 products is to take at rest.
const MEMORY_AIM_MB: f64 = 80.0;

fn measure(report: &mut Report) -> Outcome {
    let folder = disk::folder()?;
    let node = till::open(&folder.path().join("till"), usize::MAX)?;
    let mut probe = Probe::make(folder.path())?;
    let mut chance = goods::chance(3);
    environment::forget_peak();
    for lines in [1, 3, 10] {
        let case = format!("{lines} {}", if lines == 1 { "line" } else { "lines" });
        let pace = Pace { times: TIMES, pause: A_MOMENT };
        beside_disk(report, &mut probe, &case, pace, || sell(&node, lines, &mut chance))?;
    }
    let pace = Pace { times: TIMES, pause: Duration::ZERO };
    beside_disk(report, &mut probe, "3 lines, nobody pauses", pace, || sell(&node, 3, &mut chance))?;
    let case = format!("selling, {PRODUCTS} products");
    report.say("peak memory", &case, "MB", (environment::peak_mb(), MEMORY_AIM_MB), "aim at rest");
    report.note("Where nobody pauses, a sale may have to wait for the checkpoint that the 50 before it called for.");
    Ok(())
}

/// Sells this many lines for cash.
fn sell(node: &Node, lines: usize, chance: &mut ChaCha8Rng) -> Outcome {
    let lines = (0..lines).map(|_| line(chance)).collect::<Outcome<_>>()?;
    let given = Money::from_parts(100_000_000)?;
    let wanted = SaleWanted { lines, terms: Terms::carried_out(vec![Tendered::cash(given)]) };
    Ok(node.sell(&wanted).map(drop)?)
}

fn line(chance: &mut ChaCha8Rng) -> Outcome<WantedLine> {
    let product_id = goods::product_id(goods::drawn(chance));
    Ok(WantedLine { product_id, quantity: Amount::new(chance.random_range(1..4))?, unit_price: None })
}
