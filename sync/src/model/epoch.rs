//! A database that was restored has forgotten what it told since. It begins another epoch, and until each
//! journal that may hold units has reported or is given up, nothing is granted and nothing is held.

use std::collections::BTreeSet;

use outpost_schema::{
    device::IncarnationState,
    feed::NOBODY,
    id::{EpochId, IncarnationId, NodeId, WarehouseId},
    planted::{Bug, is_planted},
    settle::{Author, Raised},
    stock::{Allotment, StockKey},
    verdict::ConcernKind,
};
use serde_json::json;

use super::{
    journal::Journal,
    ledger::{Backup, Ledger},
};
use crate::wire::{Caller, Problem, Report, Reported, Standing, Stands};

impl Ledger {
    /// A copy, after which all that is in it counts as archived.
    pub(super) fn backup(&mut self) -> Backup {
        let backup = Backup(Box::new(self.clone()));
        self.journals.values_mut().for_each(|journal| journal.archived = journal.acked().seq);
        backup
    }

    /// Goes on from a copy, in another epoch: every active journal owes a report.
    pub(super) fn restore(&mut self, Backup(copy): Backup, epoch: EpochId) {
        let (ids, now) = (self.ids, self.known.now);
        *self = *copy;
        (self.ids, self.known.now) = (self.ids.max(ids), now);
        (self.epoch, self.epoch_text) = (epoch, epoch.to_string());
        for journal in self.journals.values_mut() {
            if journal.state == IncarnationState::Active || journal.is_suspended() || journal.report_owed {
                (journal.report_owed, journal.report_head) = (true, None);
                // One that was given up may have been heard again since the copy.
                journal.is_given_up &= !(journal.state == IncarnationState::Active || journal.is_suspended());
            }
        }
        self.is_recovering = self.awaits_somebody();
        let (kind, subject) = (ConcernKind::ServerRestored, epoch.to_string());
        self.open_concerns(vec![Raised { kind, subject, detail: json!({}), scope: NOBODY, seq: None }]);
    }

    fn awaits_somebody(&self) -> bool {
        self.journals.values().any(|journal| journal.report_owed && !journal.is_given_up)
    }

    /// Ends the recovery once nobody is waited for: homes get what became available meanwhile.
    pub(super) fn end_if_all_heard(&mut self) {
        if self.is_recovering && !self.awaits_somebody() {
            self.is_recovering = false;
            let homes: Vec<_> = self.homes.keys().copied().collect();
            homes.into_iter().for_each(|home| self.top_up_warehouse(home));
            self.look_at_short_rows();
        }
    }

    /// The larger totals are kept, and what they open is promised; whatever that makes of the stock row.
    pub(super) fn report(&mut self, caller: Caller, standing: Standing, report: &Report) -> Result<Reported, Problem> {
        let life = caller.incarnation_id;
        if report.granted.iter().any(|told| told.incarnation_id != life) {
            return Err(Problem::new("not_yours", "a journal reports only what was granted to itself"));
        }
        let acked = self.journal(caller)?.acked();
        if report.epoch != self.epoch {
            return Ok(Reported::OtherEpoch { epoch: self.epoch });
        }
        // A journal that ends before what the server has was set back: it has forgotten grants too.
        if standing.head.seq < acked.seq || (standing.head.seq == acked.seq && standing.head.hash != acked.hash) {
            return Ok(Reported::Elsewhere { acked });
        }
        for told in &report.granted {
            let key = StockKey { product_id: told.product_id, warehouse_id: told.warehouse_id };
            if self.known.products.contains(&key.product_id) && self.known.warehouses.contains(&key.warehouse_id) {
                self.change_allotment(life, key, |own| own.hear(told.granted.max(0), told.reclaimed.max(0)));
                self.look_at_stock(key);
            }
        }
        if report.last && self.journals.get(&life).is_some_and(|journal| journal.report_owed) {
            self.follow(caller.node_id, report.stands.as_ref());
            self.journals.entry(life).and_modify(|journal| journal.report_head = Some(standing.head.seq));
            self.finish_report(life);
        }
        Ok(Reported::Taken { acked })
    }

    /// A device that was moved in the time that this forgot stands where its card says.
    pub(super) fn follow(&mut self, node_id: NodeId, stands: Option<&Stands>) {
        let Some(stands) = stands.filter(|_| !is_planted(Bug::MoveForgotten)) else { return };
        let Stands { warehouse_id, is_home, former } = stands.clone();
        let newest = self.lives(node_id).max_by_key(|journal| journal.number);
        // One that was closed before is closed for good, and stands in nobody's way.
        let author = newest.map(|journal| &journal.author).filter(|_| !self.retired.contains(&node_id));
        let is_there = |author: &Author| {
            let stood = author.warehouses.difference(&author.former).any(|place| *place == warehouse_id);
            stood && author.homes.contains(&warehouse_id) == is_home
        };
        if self.known.warehouses.contains(&warehouse_id) && author.is_some_and(|author| !is_there(author)) {
            if is_home {
                // Whoever the book has there moved out in that time, too.
                self.leave_home(warehouse_id);
            }
            self.move_to(node_id, warehouse_id, is_home);
            self.call_all_back(node_id, warehouse_id);
        }
        for journal in self.journals.values_mut().filter(|journal| journal.author.node_id == node_id) {
            let author = &mut journal.author;
            let new = former.iter().filter(|place| self.known.warehouses.contains(place));
            let new: Vec<_> = new.filter(|place| !author.warehouses.contains(place)).copied().collect();
            author.former.extend(&new);
            author.warehouses.extend(new);
        }
        self.retry_after_change();
    }

    /// A device keeps nothing of what it was granted where the book had it: it never stood there, or has left.
    fn call_all_back(&mut self, node_id: NodeId, but: WarehouseId) {
        let mut recalled = Vec::new();
        for journal in self.journals.values_mut().filter(|journal| journal.author.node_id == node_id) {
            let open = |(key, own): &(&StockKey, &Allotment)| key.warehouse_id != but && own.open() > 0;
            for (key, own) in journal.allotments.iter().filter(open) {
                journal.outlooks.entry(*key).or_default().recall = Some((0, own.granted));
                recalled.push((journal.author.incarnation_id, *key));
            }
        }
        recalled.into_iter().for_each(|(life, key)| self.tell_allotment(life, key));
    }

    /// All that it gave back itself is told by now: what is left of it elsewhere is free.
    fn take_what_it_left(&mut self, life: IncarnationId) {
        let Some(journal) = self.journals.get(&life) else { return };
        let places = journal.author.warehouses.difference(&journal.author.former);
        let places: BTreeSet<_> = places.copied().collect();
        let is_left = |(key, own): &(&StockKey, &Allotment)| {
            let keep = journal.outlooks.get(key).and_then(|outlook| outlook.keep(own.granted));
            keep == Some(0) && own.open() > 0 && !places.contains(&key.warehouse_id)
        };
        let left: Vec<_> = journal.allotments.iter().filter(is_left).map(|(key, _)| *key).collect();
        for key in left {
            self.change_allotment(life, key, |own| own.take_back(own.open()));
            self.after_change(key);
        }
    }

    fn leave_home(&mut self, home: WarehouseId) {
        self.homes.remove(&home);
        self.journals.values_mut().for_each(|journal| journal.author.homes.retain(|of| *of != home));
    }

    /// Ends a report if the server has the journal up to the head that it named.
    pub(super) fn finish_report(&mut self, life: IncarnationId) {
        let Some(journal) = self.journals.get(&life).filter(|journal| journal.report_owed) else { return };
        if journal.report_head.is_some_and(|head| head <= journal.acked().seq) {
            let homes = journal.author.homes.clone();
            self.let_go(life);
            self.take_what_it_left(life);
            // One that had been given up comes when the others are done: what is free at its home is its own.
            homes.into_iter().for_each(|home| self.top_up_warehouse(home));
        }
    }

    /// A life is no longer waited for: it has reported, or it is over and told.
    pub(super) fn let_go(&mut self, life: IncarnationId) {
        self.journals.entry(life).and_modify(|journal| (journal.report_owed, journal.is_given_up) = (false, false));
        self.end_if_all_heard();
    }

    pub(super) fn give_up(&mut self, node_id: NodeId) {
        self.stop_waiting(node_id);
        self.end_if_all_heard();
        self.look_at_short_rows();
    }

    /// A device is no longer waited for; whoever says so then takes what it has open, or looks at what is short.
    pub(super) fn stop_waiting(&mut self, node_id: NodeId) {
        let lives = self.journals.values_mut().filter(|journal| journal.author.node_id == node_id);
        lives.for_each(|journal| journal.is_given_up = true);
    }

    pub(super) fn readmit(&mut self, author: Author) {
        let life = author.incarnation_id;
        if self.journals.contains_key(&life) {
            return;
        }
        let newest = self.lives(author.node_id).max_by_key(|journal| journal.number);
        let (number, after) = newest.map_or((0, None), |journal| (journal.number, Some(journal.author.incarnation_id)));
        let told_off = self.concerns.contains_key(&(ConcernKind::Suspended, author.node_id.to_string()));
        let mut state = if told_off { IncarnationState::Suspended } else { IncarnationState::Active };
        if let Some(elder) = after.and_then(|elder| self.journals.get_mut(&elder)) {
            if elder.is_suspended() {
                state = IncarnationState::Suspended;
            }
            elder.supersede();
        }
        if self.retired.contains(&author.node_id) {
            state = IncarnationState::Retired;
        }
        let elders = self.lives(author.node_id).map(|journal| journal.author.incarnation_id).collect();
        // Where a device stands that is known says the book, until it reports.
        let known = after.and_then(|elder| self.journals.get(&elder)).map(|journal| journal.author.clone());
        let author = Author { incarnation_id: life, elders, is_superseded: false, ..known.unwrap_or(author) };
        self.homes.extend(author.homes.iter().map(|home| (*home, author.node_id)));
        let journal = Journal { report_owed: true, state, ..Journal::of(author, number + 1, after, String::new()) };
        self.journals.insert(life, journal);
        self.retry_set_aside();
    }
}
