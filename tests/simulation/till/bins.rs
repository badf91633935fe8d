//! Counting in two bins, as people are told to: what is in doubt is counted again at one moment.

use outpost_node::{
    Error,
    countings::{Approval, At, Opening, Typed},
    stockroom::Seen,
};
use outpost_schema::{
    count::Upto,
    counting::{CountingNumber, CountingState, Standing, Terms, Tolerance, Why},
    id::ProductId,
};

use super::RealTill;
use crate::{device::Device as _, step::Bins};

const FIRST: &str = "A1";
const SECOND: &str = "A2";

/// Nothing is near enough: whatever differs is looked at.
const TERMS: Terms = Terms { blind: true, tolerance: Tolerance { units: 0, percent: 0 } };

/// Somebody looks into the first bin; what was begun before is given up.
pub fn look(till: &RealTill, product: ProductId, units: i64, marks: &[Upto]) -> Result<(), Error> {
    let number = open(till)?;
    see(till, number, (FIRST, "Ada"), (product, units), marks)
}

/// Somebody looks into the second one, and all of it is booked: by how much.
pub fn count(till: &RealTill, product: ProductId, bins: Bins, marks: &[Upto]) -> Result<i64, Error> {
    let number = match under_way(till, product)? {
        Some(number) => number,
        None => {
            // The device is an older copy of itself, or another one.
            let number = open(till)?;
            see(till, number, (FIRST, "Ada"), (product, bins.first), marks)?;
            number
        }
    };
    see(till, number, (SECOND, "Ben"), (product, bins.second), marks)?;
    let (_, tallies) = till.node.review_counting(number)?;
    let standing = tallies.into_iter().find_map(|tally| tally.judged).map(|judged| judged.standing);
    if let Some(Standing::Recount(Why::MovedMeanwhile | Why::Stale(_))) = standing {
        till.node.recount(number, &[product])?;
        see(till, number, (FIRST, "Ben"), (product, bins.first), marks)?;
        see(till, number, (SECOND, "Ada"), (product, bins.second), marks)?;
        till.node.review_counting(number)?;
    }
    let reason = Some("looked twice".to_owned());
    let lines = till.node.approve(number, &Approval { person: "Dee".to_owned(), products: Vec::new(), reason })?;
    Ok(lines.iter().map(|line| line.delta).sum())
}

fn open(till: &RealTill) -> Result<CountingNumber, Error> {
    for counting in till.node.countings(false)? {
        till.node.cancel_counting(counting.number, "Dee")?;
    }
    let bins = [FIRST, SECOND].map(str::to_owned).to_vec();
    Ok(till.node.open_counting(&Opening { person: "Dee".to_owned(), bins, terms: TERMS })?.number)
}

/// The counting in which the first bin was looked into and nothing else.
fn under_way(till: &RealTill, product: ProductId) -> Result<Option<CountingNumber>, Error> {
    let here = till.card().warehouse_id;
    for counting in till.node.countings(false)? {
        let (counting, tallies) = till.node.counting(counting.number)?;
        let is_half = tallies.iter().any(|tally| tally.product_id == product && tally.looks.len() == 1);
        if is_half && counting.state == CountingState::Open && counting.warehouse_id == here {
            return Ok(Some(counting.number));
        }
    }
    Ok(None)
}

fn see(
    till: &RealTill,
    number: CountingNumber,
    (bin, person): (&str, &str),
    (product_id, counted): (ProductId, i64),
    marks: &[Upto],
) -> Result<(), Error> {
    let at = At { bin: bin.to_owned(), person: person.to_owned(), marks: marks.to_vec(), done: Vec::new() };
    let lines = vec![Seen { product_id, counted }];
    till.node.count_in(number, &Typed { at, lines, again: false, alone: true }).map(drop)
}
