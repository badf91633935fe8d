//! What is short is asked back from whoever is in reach and has some of it, once everybody who could explain it has told.

use std::collections::BTreeMap;

use outpost_schema::{
    clock::Timestamp,
    id::{IncarnationId, NodeId},
    stock::{Allotment, Level, StockKey},
    verdict::ConcernKind,
};

use super::{Check, Network, Spot};
use crate::{depth::Depth, ledger::Happened, step::Deed};

/// Whoever was heard so lately, in seconds, is in reach for sure.
const NEAR_SECONDS: i64 = 20 * 60;

/// Calls of a till after which it has told all that it did before it knew: the first one hears of it, the second asks for
/// what came behind that.
const CALLS: u32 = 2;

/// Who called since rows fell short.
#[derive(Debug, Default)]
pub struct Calls {
    /// When each device last called, by head office's clock.
    heard: BTreeMap<NodeId, Timestamp>,
    /// Each row that is short, as it was when it last changed.
    rows: BTreeMap<StockKey, Since>,
}

/// A row that is short, and what was heard since.
#[derive(Debug)]
struct Since {
    level: Level,
    /// Ops in the book that moved it.
    told: usize,
    /// Calls that ended level, by the till.
    calls: BTreeMap<usize, u32>,
}

impl<D: Depth> Network<D> {
    /// Time passed: head office looks once more at what is short.
    pub(super) async fn look_again(&mut self) -> Check {
        self.deed(&Deed::LookAgain).await?;
        self.look_at_the_book().await?;
        self.what_is_short_was_asked_for(|_| true)
    }

    /// A till called, and is level.
    pub(super) fn note_a_call(&mut self, number: usize) {
        let (node, now) = (self.spots[number].card.node_id, self.office_now());
        self.short.calls.heard.insert(node, now);
        for since in self.short.calls.rows.values_mut() {
            *since.calls.entry(number).or_default() += 1;
        }
    }

    /// A row that changes may wait for everybody anew.
    pub(super) fn note_who_has_called(&mut self) {
        let short = self.book.levels.iter().filter(|(_, level)| level.unbacked() > 0);
        let short: Vec<(StockKey, Level)> = short.map(|(key, level)| (*key, *level)).collect();
        self.short.calls.rows.retain(|key, _| short.iter().any(|(of, _)| of == key));
        for (key, level) in short {
            let told = self.told_of(key);
            let is_as_it_was = |since: &Since| (since.level, since.told) == (level, told);
            if !self.short.calls.rows.get(&key).is_some_and(is_as_it_was) {
                self.short.calls.rows.insert(key, Since { level, told, calls: BTreeMap::new() });
            }
        }
    }

    fn told_of(&self, key: StockKey) -> usize {
        let touches = |op: &&Happened| op.moved.iter().chain(&op.taken).any(|(of, _)| *of == key);
        self.ledger.ops.iter().filter(touches).filter(|op| self.is_told(op)).count()
    }

    /// Of rows that are short, and that nobody could explain any more, what is lacking was asked for, or all that is in
    /// reach.
    pub(super) fn what_is_short_was_asked_for(&self, looked_at: impl Fn(StockKey) -> bool) -> Check {
        let rows = self.short.calls.rows.iter().filter(|(key, _)| !self.book.is_recovering && looked_at(**key));
        for (key, since) in rows.filter(|(key, since)| self.has_everybody_told(**key, since)) {
            // An order that nobody confirmed was promised nothing, and no order takes anything back.
            let lacking = self.lacking(*key).min(since.level.unbacked() - self.ledger.owed(*key));
            let asked: i64 = self.open_of(*key).map(|(life, own)| own.open() - self.kept(life, *key, own)).sum();
            let near: i64 =
                self.open_of(*key).filter(|(life, _)| self.is_near(*life, *key)).map(|(_, own)| own.open()).sum();
            if asked < lacking.min(near) {
                return Err(format!(
                    "{key:?} lacks {lacking}, whoever is in reach has {near} of it, and {asked} are asked back"
                ));
            }
        }
        Ok(())
    }

    fn open_of(&self, key: StockKey) -> impl Iterator<Item = (IncarnationId, Allotment)> {
        let of_row = self.book.allotments.iter().filter(move |((_, of), own)| *of == key && own.open() > 0);
        of_row.map(|((life, _), own)| (*life, *own))
    }

    /// What a life was asked to keep; all of it if it was not asked.
    fn kept(&self, life: IncarnationId, key: StockKey, own: Allotment) -> i64 {
        self.book.keep.get(&(life, key)).map_or(own.open(), |keep| own.open().min(*keep))
    }

    /// Whether every life that may sell of a row is a till's that called often enough since it last changed.
    fn has_everybody_told(&self, key: StockKey, since: &Since) -> bool {
        let has_told = |life: IncarnationId| {
            let spot = self.sure_spot(life);
            spot.is_some_and(|(number, _)| since.calls.get(&number).is_some_and(|calls| *calls >= CALLS))
        };
        self.open_of(key).all(|(life, _)| has_told(life))
    }

    /// The till of a life, if there never were two of it.
    fn sure_spot(&self, life: IncarnationId) -> Option<(usize, &Spot<D>)> {
        let is_it = |(_, spot): &(usize, &Spot<D>)| spot.life == life && spot.device.is_some() && !spot.was_doubtful;
        self.spots.iter().enumerate().find(is_it)
    }

    /// Whether a life takes part in what goes to and fro there, and called lately.
    fn is_near(&self, life: IncarnationId, key: StockKey) -> bool {
        let Some((_, spot)) = self.sure_spot(life) else { return false };
        let node = spot.card.node_id;
        let is_suspended = self.book.concerns.contains(&(ConcernKind::Suspended, node.to_string()));
        let heard = self.short.calls.heard.get(&node);
        let is_in_reach = heard.is_some_and(|heard| self.office_now().seconds_since(*heard) <= NEAR_SECONDS);
        let stands_there = spot.card.warehouse_id == key.warehouse_id && spot.going.is_none();
        stands_there && is_in_reach && !is_suspended && !self.ledger.taken_from.contains(&node)
    }
}
