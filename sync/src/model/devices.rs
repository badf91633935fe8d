//! Devices that are suspended, written off or reclaimed, as head office does it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    count::{Span, Told},
    device::IncarnationState,
    id::{IncarnationId, NodeId},
    planted::{Bug, is_planted},
    settle::{
        Past, Raised,
        write_off::{Missing, write_off},
    },
    stock::StockKey,
    verdict::ConcernKind,
};
use serde_json::json;

use super::ledger::Ledger;

impl Ledger {
    /// The device is granted nothing more, and is told so.
    pub(super) fn suspend(&mut self, node_id: NodeId) {
        self.set_state(node_id, IncarnationState::Active, IncarnationState::Suspended);
        let (kind, subject) = (ConcernKind::Suspended, node_id.to_string());
        let detail = json!({ "node": node_id, "retired": false });
        self.open_concerns(vec![Raised { kind, subject, detail, scope: node_id.0, seq: None }]);
    }

    /// It goes on as before.
    pub(super) fn resume(&mut self, node_id: NodeId) {
        self.set_state(node_id, IncarnationState::Suspended, IncarnationState::Active);
        self.close_concerns(vec![(ConcernKind::Suspended, node_id.to_string())]);
        // What it has to spare of rows that are short it is asked for from now on.
        if !is_planted(Bug::ResumedUnasked) {
            self.look_at_short_rows();
        }
        let homes = self.homes.iter().filter(|(_, of)| **of == node_id).map(|(home, _)| *home);
        homes.collect::<Vec<_>>().into_iter().for_each(|home| self.top_up_warehouse(home));
    }

    fn set_state(&mut self, node_id: NodeId, from: IncarnationState, to: IncarnationState) {
        let lives = self.journals.values_mut().filter(|journal| journal.author.node_id == node_id);
        let newest = lives.max_by_key(|journal| journal.number);
        if let Some(journal) = newest.filter(|journal| journal.state == from) {
            journal.state = to;
        }
    }

    /// What each life of a device has open of which row.
    fn open_of(&self, node_id: NodeId) -> Vec<(IncarnationId, StockKey)> {
        let open = self.lives(node_id).flat_map(|journal| {
            let rows = journal.allotments.iter().filter(|(_, own)| own.open() > 0);
            rows.map(|(key, _)| (journal.author.incarnation_id, *key))
        });
        open.collect()
    }

    /// What the device could sell is booked as lost, and it is suspended.
    pub(super) fn write_off(&mut self, node_id: NodeId) {
        self.stop_waiting(node_id);
        // One that is closed sells nothing as it is.
        if !self.retired.contains(&node_id) {
            self.suspend(node_id);
        }
        let open = self.open_of(node_id);
        for (life, key) in &open {
            self.lose(*life, *key);
        }
        let lives: BTreeSet<_> = open.iter().map(|(life, _)| *life).collect();
        for life in lives {
            let told = self.missing(life, node_id).concern();
            self.open_concerns(vec![told]);
        }
        self.after_taking(node_id, &open);
    }

    fn lose(&mut self, life: IncarnationId, key: StockKey) {
        let Some(own) = self.journals.get(&life).and_then(|journal| journal.allotments.get(&key)).copied() else {
            return;
        };
        let level = self.known.levels.get(&key).copied().unwrap_or_default();
        let Some(written) = write_off(level, own) else { return };
        self.known.levels.insert(key, written.level);
        self.journals.entry(life).and_modify(|journal| _ = journal.allotments.insert(key, written.allotment));
        *self.movements.entry(key).or_default() -= written.units;
        let told = Told { life: None, seq: 0, at: Some(Span::at(self.known.now)) };
        self.past.entry(key).or_default().push(Past { told, delta: -written.units, is_written_off: true });
        *self.lost.entry(key).or_default() += written.units;
        *self.known.written_off.entry((life, key)).or_default() += written.units;
        self.tell_stock(key);
        self.tell_allotment(life, key);
    }

    /// Others may sell what the device could.
    pub(super) fn reclaim_all(&mut self, node_id: NodeId) {
        self.stop_waiting(node_id);
        let open = self.open_of(node_id);
        for (life, key) in &open {
            self.change_allotment(*life, *key, |own| own.take_back(own.open()));
        }
        self.after_taking(node_id, &open);
    }

    /// Nothing is in doubt of it any more.
    fn after_taking(&mut self, node_id: NodeId, taken: &[(IncarnationId, StockKey)]) {
        self.end_if_all_heard();
        taken.iter().for_each(|(_, key)| self.after_change(*key));
        let over = self.lives(node_id).filter(|journal| journal.state == IncarnationState::Superseded);
        let over = over.map(|journal| (ConcernKind::LifeBegun, journal.author.incarnation_id.to_string()));
        self.close_concerns(over.collect());
    }

    fn missing(&self, life: IncarnationId, node_id: NodeId) -> Missing {
        let mut products = BTreeMap::new();
        for ((of, key), units) in &self.known.written_off {
            if *of == life && *units > 0 {
                *products.entry(key.product_id).or_default() += units;
            }
        }
        Missing { life, node_id, products }
    }

    /// Something that was written off came back: what is told of it follows, and is over once nothing is missing.
    pub(super) fn look_at_write_offs(&mut self, reduced: &BTreeSet<(IncarnationId, StockKey)>) {
        let lives: BTreeSet<_> = reduced.iter().map(|(life, _)| *life).collect();
        for life in lives {
            let subject = (ConcernKind::WrittenOff, life.to_string());
            let Some(node_id) = self.journals.get(&life).map(|journal| journal.author.node_id) else { continue };
            let missing = self.missing(life, node_id);
            if missing.units() == 0 {
                self.close_concerns(vec![subject]);
            } else if self.concerns.contains_key(&subject) {
                self.open_concerns(vec![missing.concern()]);
            }
        }
    }

    /// Units that are still written off, by life and row.
    pub fn written_off(&self) -> impl Iterator<Item = ((IncarnationId, StockKey), i64)> {
        self.known.written_off.iter().map(|(at, units)| (*at, *units))
    }

    /// Units of each row that are booked as lost, less those that came back.
    pub const fn lost(&self) -> &std::collections::BTreeMap<StockKey, i64> {
        &self.lost
    }
}
