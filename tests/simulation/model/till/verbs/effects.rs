//! What an op does to stock rows and allotments, by the arithmetic that head office uses too.

use outpost_schema::stock::{Allotment, Level, StockKey};

use super::super::tables::Tables;

/// What an op does to rows.
#[derive(Default)]
pub(in super::super) struct Effects {
    pub(super) levels: Vec<(StockKey, Level)>,
    pub(super) allotments: Vec<(StockKey, Allotment)>,
}

impl Effects {
    pub(super) fn level(&mut self, key: StockKey) -> &mut Level {
        let place = self.levels.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.levels.push((key, Level::default()));
            self.levels.len() - 1
        });
        &mut self.levels[place].1
    }

    pub(super) fn allotment(&self, tables: &Tables, key: StockKey) -> Allotment {
        let known = self.allotments.iter().find(|(known, _)| *known == key);
        known.map_or_else(|| tables.allotment(key), |(_, allotment)| *allotment)
    }

    /// Changes the till's allotment; what it has open counts as promised, before and after.
    pub(super) fn allot(&mut self, tables: &Tables, key: StockKey, change: impl FnOnce(Allotment) -> Allotment) {
        let before = self.allotment(tables, key);
        let after = change(before);
        match self.allotments.iter_mut().find(|(known, _)| *known == key) {
            Some((_, allotment)) => *allotment = after,
            None => self.allotments.push((key, after)),
        }
        self.level(key).promised += after.open() - before.open();
    }

    /// A movement that is no sale. At the till's home what it puts in is its own to sell, and what it takes
    /// out was.
    pub(super) fn put_or_take(&mut self, tables: &Tables, key: StockKey, delta: i64) {
        if tables.card.is_home {
            self.allot(tables, key, |own| if delta < 0 { own.consume(-delta) } else { own.receive(delta) });
        }
        self.level(key).balance += delta;
    }
}
