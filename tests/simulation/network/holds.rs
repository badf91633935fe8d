//! Holds: what somebody was promised over the line.

use std::collections::BTreeMap;

use outpost_schema::{
    id::{CartId, HoldId, OrderId},
    stock::StockKey,
    world::World as _,
};
use outpost_sync::wire::{Buyer, Caller};
use uuid::Uuid;

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::{Held, Units},
    office::{Answer, Book, Office as _},
    step::{Act, Deed},
};

impl<D: Depth> Network<D> {
    pub(super) async fn hold(&mut self, number: usize, product: usize, units: i64, seconds: u64) -> Check {
        let key = self.key(number, self.product(product));
        self.place_hold(number, vec![(key, units)], None, seconds).await
    }

    pub(super) async fn hold_several(
        &mut self,
        number: usize,
        lines: &[(usize, usize, i64)],
        buyer: usize,
        seconds: u64,
    ) -> Check {
        let key = |&(product, till, units): &(usize, usize, i64)| {
            (self.key(till % self.spots.len(), self.product(product)), units)
        };
        let lines: BTreeMap<StockKey, i64> = lines.iter().map(key).collect();
        self.place_hold(number, lines.into_iter().collect(), some_buyer(buyer), seconds).await
    }

    async fn place_hold(&mut self, number: usize, lines: Units, buyer: Option<Buyer>, seconds: u64) -> Check {
        let now = self.office_now();
        let hold = HoldId::new(now, self.office_world.id_chance());
        let deed = Deed::Hold { by: self.caller(number), hold, lines: lines.clone(), buyer, seconds };
        let until = now.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let has_room = lines.iter().all(|(key, units)| *units <= self.room(*key, buyer));
        match self.office.act(&deed).await {
            Answer::Done => {
                self.held(hold, Held { lines, buyer, since: now, until, is_extended: false, is_over: false })
            }
            Answer::Refused(code) => {
                self.tell(|| format!("    refused: {code}"));
                if code == "nothing_left" && has_room {
                    return Err(format!(
                        "a hold of {lines:?} was refused though as many are free, or held by this buyer or by holds that are over"
                    ));
                }
            }
        }
        self.look_at_the_book().await
    }

    /// Somebody was told of a hold. It takes the place of what its buyer held of the same rows.
    fn held(&mut self, hold: HoldId, held: Held) {
        let is_own = |other: &Held| other.buyer.is_some() && other.buyer == held.buyer;
        let own: Vec<HoldId> = self.ledger.holds.iter().filter(|(_, other)| is_own(other)).map(|(id, _)| *id).collect();
        for other in own {
            self.ledger.end_lines(other, |key| held.lines.iter().any(|(of, _)| *of == key));
        }
        self.ledger.holds.insert(hold, held);
    }

    /// Units that nobody has been promised, or only by a hold that is over or this buyer's own.
    fn room(&self, key: StockKey, buyer: Option<Buyer>) -> i64 {
        let now = self.office_now();
        let level = self.book.levels.get(&key).copied().unwrap_or_default();
        let is_in_nobody_s_way = |hold: &HoldId| {
            let held = self.ledger.holds.get(hold);
            held.is_some_and(|held| held.until < now || buyer.is_some() && held.buyer == buyer)
        };
        let held = self.book.holds.iter().filter(|((hold, of), _)| *of == key && is_in_nobody_s_way(hold));
        let over: i64 = held.map(|(_, units)| units).sum();
        level.quantity() - (level.promised - over).min(level.quantity())
    }

    /// A hold that somebody was once told of.
    fn some_hold(&self, nth: usize) -> Option<HoldId> {
        let count = self.ledger.holds.len();
        (count > 0).then(|| self.ledger.holds.keys().nth(nth % count).copied())?
    }

    pub(super) async fn end_hold(&mut self, number: usize, nth: usize, allot: bool) -> Check {
        let Some(hold) = self.some_hold(nth) else { return Ok(()) };
        let by = self.caller(number);
        let here = self.stands_at(number);
        if self.ledger.holds[&hold].lines.iter().any(|(key, _)| key.warehouse_id != here) {
            return if allot { self.allot_elsewhere(number, hold).await } else { Ok(()) };
        }
        let deed = if allot { Deed::Allot { by, hold } } else { Deed::Release { by, hold } };
        match self.office.act(&deed).await {
            Answer::Done => _ = self.ledger.holds.entry(hold).and_modify(|held| held.is_over = true),
            Answer::Refused(code) => self.tell(|| format!("    refused: {code}")),
        }
        if allot {
            // What a hold becomes was promised before, whatever is kept back.
            self.book = self.office.book().await;
        }
        self.look_at_the_book().await
    }

    /// A till wants what lies elsewhere too as its own to sell: it is refused all of it, and nothing changes.
    async fn allot_elsewhere(&mut self, number: usize, hold: HoldId) -> Check {
        let (before, here) = (self.office.book().await, self.stands_at(number));
        if !before.holds.keys().any(|(of, key)| *of == hold && key.warehouse_id != here) {
            return Ok(());
        }
        let answer = self.office.act(&Deed::Allot { by: self.caller(number), hold }).await;
        self.book = self.office.book().await;
        let figures = |book: &Book| (book.levels.clone(), book.holds.clone(), book.allotments.clone());
        if answer == Answer::Done || figures(&self.book) != figures(&before) {
            return Err(format!("hold {hold} lies elsewhere too, and became allotment in part: {answer:?}"));
        }
        self.tell(|| format!("    {answer:?}"));
        self.look_at_the_book().await
    }

    pub(super) async fn extend_hold(&mut self, number: usize, nth: usize, seconds: i64) -> Check {
        let Some(hold) = self.some_hold(nth) else { return Ok(()) };
        let until = self.office_now().plus_seconds(seconds);
        match self.office.act(&Deed::Extend { by: self.caller(number), hold, until }).await {
            Answer::Done => self.extended(hold, until).await?,
            Answer::Refused(code) => {
                self.tell(|| format!("    refused: {code}"));
                if code == "hold_closed" && !self.ledger.holds[&hold].is_over && !self.is_cut(hold) {
                    return Err(format!("hold {hold} was not extended though it stands"));
                }
            }
        }
        self.look_at_the_book().await
    }

    /// Somebody was told that a hold lasts longer: what the book then holds of it stands until then.
    async fn extended(&mut self, hold: HoldId, until: outpost_schema::clock::Timestamp) -> Check {
        self.book = self.office.book().await;
        let lines: Units =
            self.book.holds.iter().filter(|((of, _), _)| *of == hold).map(|((_, k), u)| (*k, *u)).collect();
        if lines.is_empty() {
            return Err(format!("hold {hold} lasts longer, and the book holds nothing of it"));
        }
        self.ledger.holds.entry(hold).and_modify(|held| {
            held.until = held.until.max(until);
            held.lines = lines;
            (held.is_extended, held.is_over) = (true, false);
        });
        Ok(())
    }

    /// An order of all that a hold has at this till's place.
    pub(super) fn ship_held(&self, number: usize, nth: usize) -> Option<Act> {
        let hold = self.some_hold(nth)?;
        let here = self.spots[number].card.warehouse_id;
        let held = self.ledger.holds[&hold].lines.iter().filter(|(key, _)| key.warehouse_id == here);
        let lines: Vec<_> = held.map(|(key, units)| (key.product_id, *units)).collect();
        (!lines.is_empty() && self.is_in_hand(number, &lines)).then_some(Act::ShipHeld { lines, hold })
    }

    fn caller(&self, number: usize) -> Caller {
        Caller { node_id: self.spots[number].card.node_id, incarnation_id: self.spots[number].life }
    }
}

/// One of a few carts and orders, or nobody.
fn some_buyer(nth: usize) -> Option<Buyer> {
    match nth % 5 {
        number @ (0 | 1) => Some(Buyer::Cart(CartId(Uuid::from_u128(number as u128)))),
        number @ (2 | 3) => Some(Buyer::Order(OrderId(Uuid::from_u128(number as u128)))),
        _ => None,
    }
}
