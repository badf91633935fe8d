//! What an op does to stock rows and allotments, by the arithmetic that the server will use too: so
//! what is shown does not change when the op is acknowledged and its image arrives.

use std::collections::BTreeMap;

use outpost_schema::{
    clock::Timestamp,
    journal::Entry,
    movement::Why,
    planted::{Bug, is_planted},
    stock::{Allotment, Level, Movement, StockKey},
};

use crate::{
    db::{
        allotments,
        stock::{self, Place},
    },
    error::Error,
    node::Writing,
};

/// The effects of one op, gathered before anything is written.
#[derive(Default)]
pub(crate) struct Effects {
    levels: BTreeMap<StockKey, Level>,
    allotments: BTreeMap<StockKey, Allotment>,
    movements: Vec<(usize, Movement)>,
}

impl Effects {
    /// This node's allotment of a row, as it is after the effects so far.
    pub(crate) fn allotment(&self, writing: &Writing<'_>, key: StockKey) -> Result<Allotment, Error> {
        match self.allotments.get(&key) {
            Some(allotment) => Ok(*allotment),
            None => allotments::of(writing.conn(), writing.identity.incarnation_id(), key),
        }
    }

    /// Changes this node's allotment; what it has open counts as promised, before and after.
    pub(crate) fn allot(
        &mut self,
        writing: &Writing<'_>,
        key: StockKey,
        change: impl FnOnce(Allotment) -> Allotment,
    ) -> Result<(), Error> {
        let before = self.allotment(writing, key)?;
        let after = change(before);
        self.allotments.insert(key, after);
        self.promise(key, after.open() - before.open());
        Ok(())
    }

    /// Units of the row are promised, or no longer.
    pub(crate) fn promise(&mut self, key: StockKey, units: i64) {
        self.levels.entry(key).or_default().promised += units;
    }

    /// Units come into the book or leave it.
    pub(crate) fn move_stock(&mut self, line: usize, key: StockKey, delta: i64, why: impl Into<Why>) {
        if delta != 0 {
            self.levels.entry(key).or_default().balance += delta;
            self.movements.push((line, Movement { key, delta, why: why.into() }));
        }
    }

    /// A movement that is no sale. At this node's home what it puts in is its own to sell, and what
    /// it takes out was.
    pub(crate) fn put_or_take(
        &mut self,
        writing: &Writing<'_>,
        line: usize,
        key: StockKey,
        delta: i64,
        why: impl Into<Why>,
    ) -> Result<(), Error> {
        let stays_sellable = delta < 0 && is_planted(Bug::DamageStaysSellable);
        if writing.identity.card.is_home && !stays_sellable {
            self.allot(writing, key, |own| if delta < 0 { own.consume(-delta) } else { own.receive(delta) })?;
        }
        self.move_stock(line, key, delta, why);
        Ok(())
    }

    /// Writes the effects as those of `entry`.
    pub(crate) fn save(self, writing: &Writing<'_>, entry: &Entry) -> Result<(), Error> {
        let (conn, incarnation_id) = (writing.conn(), writing.identity.incarnation_id());
        let (place, at): (_, Timestamp) = (Place { incarnation_id, seq: entry.seq }, entry.hlc.at);
        for (key, allotment) in &self.allotments {
            allotments::save(conn, incarnation_id, *key, allotment)?;
        }
        for (line, movement) in &self.movements {
            stock::save_movement(conn, place, *line, movement, at)?;
        }
        self.levels.into_iter().try_for_each(|(key, change)| stock::lay_over(conn, place, key, change, at))
    }
}
