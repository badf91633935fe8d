//! Holds: what somebody was promised over the line.

use outpost_schema::{id::HoldId, stock::StockKey, world::World as _};
use outpost_sync::wire::Caller;

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::Held,
    office::{Answer, Office as _},
    step::Deed,
};

impl<D: Depth> Network<D> {
    pub(super) async fn hold(&mut self, number: usize, product: usize, units: i64, seconds: u64) -> Check {
        let key = self.key(number, self.product(product));
        let now = self.office_now();
        let hold = HoldId::new(now, self.office_world.id_chance());
        let deed = Deed::Hold { by: self.caller(number), hold, key, units, seconds };
        let until = now.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let room = self.room(key);
        match self.office.act(&deed).await {
            Answer::Done => {
                self.ledger.holds.insert(hold, Held { key, units, until, is_over: false });
            }
            Answer::Refused(code) => {
                self.tell(|| format!("    refused: {code}"));
                if code == "nothing_left" && room >= units {
                    return Err(format!(
                        "a hold of {units} was refused though {room} are free or held by holds that are over"
                    ));
                }
            }
        }
        self.look_at_the_book().await
    }

    /// Units that nobody has been promised, or only by a hold that is over.
    fn room(&self, key: StockKey) -> i64 {
        let now = self.office_now();
        let level = self.book.levels.get(&key).copied().unwrap_or_default();
        let is_over = |hold: &HoldId| self.ledger.holds.get(hold).is_some_and(|held| held.until < now);
        let held = self.book.holds.iter().filter(|(hold, (of, _))| *of == key && is_over(hold));
        let over: i64 = held.map(|(_, (_, units))| units).sum();
        level.quantity() - (level.promised - over).min(level.quantity())
    }

    pub(super) async fn end_hold(&mut self, number: usize, nth: usize, allot: bool) -> Check {
        if self.ledger.holds.is_empty() {
            return Ok(());
        }
        let Some(hold) = self.ledger.holds.keys().nth(nth % self.ledger.holds.len()).copied() else { return Ok(()) };
        let by = self.caller(number);
        let here = self.spots[number].card.warehouse_id;
        if self.ledger.holds[&hold].key.warehouse_id != here {
            return Ok(());
        }
        let deed = if allot { Deed::Allot { by, hold } } else { Deed::Release { by, hold } };
        match self.office.act(&deed).await {
            Answer::Done => _ = self.ledger.holds.entry(hold).and_modify(|held| held.is_over = true),
            Answer::Refused(code) => self.tell(|| format!("    refused: {code}")),
        }
        self.look_at_the_book().await
    }

    fn caller(&self, number: usize) -> Caller {
        Caller { node_id: self.spots[number].card.node_id, incarnation_id: self.spots[number].life }
    }
}
