//! What a day comes to, in words that do not depend on who kept the book: places, products and tills by their
//! number instead of ids.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    id::IncarnationId,
    order::OrderStatus,
    stock::{Level, StockKey},
    verdict::ConcernKind,
};

use super::{Broken, Network};
use crate::{
    depth::Depth,
    device::Device as _,
    office::{Office as _, Shelf},
    options::Options,
    step::Step,
};

/// What a day comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Balance and promised units of each place and product.
    levels: BTreeMap<(usize, usize), (i64, i64)>,
    /// Of each till its present allotments: granted, consumed, returned, received.
    allotments: BTreeMap<(usize, usize), [i64; 4]>,
    /// Of each till the words of its answers, life after life.
    answers: BTreeMap<usize, Vec<(usize, i64, String)>>,
    /// Orders by receipt, with the mark of the first life of its till: what they come to, and where they stand.
    orders: BTreeSet<(String, String, OrderStatus)>,
    /// What each cart shows of each product.
    carts: BTreeSet<(usize, usize, i64)>,
    /// Sorts of concern that ever were.
    concerns: BTreeSet<ConcernKind>,
}

/// Lives a day and says what it came to.
///
/// # Errors
/// The law that was broken.
pub async fn come_to<D: Depth>(options: &Options, steps: &[Step]) -> Result<Summary, Broken> {
    let mut network = Network::<D>::open(options).await;
    match network.day(steps).await {
        Ok(()) => Ok(network.summary().await),
        Err(law) => Err(Broken { law, story: network.story }),
    }
}

impl<D: Depth> Network<D> {
    async fn summary(&mut self) -> Summary {
        let shelf = self.office.shelf().await;
        let mut summary = self.of_orders_and_carts(&shelf);
        // A row with nothing in it may be there or not.
        for (key, level) in self.book.levels.iter().filter(|(_, level)| **level != Level::default()) {
            summary.levels.insert(self.place(*key), (level.balance, level.promised));
        }
        for number in 0..self.spots.len() {
            let Some(device) = &self.spots[number].device else { continue };
            for (nth, product) in self.products.iter().enumerate() {
                let own = device.allotment(self.key(number, *product));
                summary.allotments.insert((number, nth), [own.granted, own.consumed, own.returned, own.received]);
            }
            summary.answers.insert(number, numbered(device.verdicts()));
        }
        summary
    }

    fn of_orders_and_carts(&self, shelf: &Shelf) -> Summary {
        let cards = self.office.cards();
        let order = |order: &outpost_schema::order::Order| {
            // The mark of a further life each head office chooses as it likes.
            let is_first = |card: &&outpost_schema::device::Card| card.prefix == order.receipt.prefix;
            let receipt = match cards.iter().find(is_first) {
                Some(_) => order.receipt.to_string(),
                None => format!("{} of a further life", order.receipt.number),
            };
            (receipt, order.total_amount.to_string(), order.status)
        };
        let nth = |cart| self.ledger.carts.iter().position(|known| *known == cart).unwrap_or(usize::MAX);
        let shown = shelf.carts.iter().flat_map(|cart| {
            let line = move |(product, id)| (nth(cart.cart_id()), product, cart.quantity(id));
            self.products.iter().copied().enumerate().map(line)
        });
        Summary {
            orders: shelf.orders.values().map(order).collect(),
            carts: shown.collect(),
            concerns: shelf.concerns.clone(),
            ..Summary::default()
        }
    }

    /// A stock row by its numbers.
    fn place(&self, key: StockKey) -> (usize, usize) {
        let place = self.spots.iter().position(|spot| spot.card.warehouse_id == key.warehouse_id);
        let product = self.products.iter().position(|product| *product == key.product_id);
        (place.unwrap_or(usize::MAX), product.unwrap_or(usize::MAX))
    }
}

/// Lives by their order instead of their ids, which sort by the time at which they began.
fn numbered(verdicts: BTreeMap<(IncarnationId, i64), String>) -> Vec<(usize, i64, String)> {
    let lives: BTreeSet<IncarnationId> = verdicts.keys().map(|(life, _)| *life).collect();
    let nth = |life: IncarnationId| lives.iter().position(|known| *known == life).unwrap_or(usize::MAX);
    verdicts.into_iter().map(|((life, seq), word)| (nth(life), seq, word)).collect()
}
