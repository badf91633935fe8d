//! Reads the real baskets and tells what there is to sell; the shops that sell them are still to come.

mod baskets;

use std::{collections::HashMap, fs::File, io};

use outpost_schema::{money::Money, quantity::Unit};

use baskets::{Basket, baskets, priced, units};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

fn main() -> io::Result<()> {
    let units = units(File::open(format!("{DATA}/products-grocery.csv.zst"))?)?;
    let mut seen = 0_usize;
    let mut takings = Money::ZERO;
    for basket in baskets(File::open(format!("{DATA}/baskets-grocery.csv.zst"))?)? {
        takings = [takings, paid(&basket?, &units)].into_iter().sum();
        seen += 1;
    }
    println!("{seen} baskets, {takings} in all");
    Ok(())
}

/// What the lines that can be rung up cost together.
fn paid(basket: &Basket, units: &HashMap<String, Unit>) -> Money {
    let unit = |sku| units.get(sku).copied().unwrap_or(Unit::Each);
    let sold = basket.lines.iter().filter(|l| !priced(l.amount, l.quantity, unit(&l.sku)).is_empty());
    sold.map(|line| line.amount).sum()
}
