//! A batch: op after op is decided, each sort in its own place, and what that does to the two sums of a stock row.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use super::{Author, Known, Moved, Raised, Settled, Touched, brought_up_to_date, carried, decode, write_off};
use crate::{
    clock::Timestamp,
    count::Told,
    id::IncarnationId,
    journal::Entry,
    movement::Why,
    op::Op,
    planted::{Bug, is_planted},
    stock::{Allotment, Level, Movement, Reason, StockKey},
    verdict::{ConcernKind, SetAside, Verdict},
};

/// Decides a run of entries in order. `known` ends as the database will be.
pub fn settle(known: &mut Known, author: &Author, entries: &[Entry]) -> Settled {
    let told = Told { life: Some(author.incarnation_id), seq: 0, at: None };
    let mut batch = Batch {
        at: At { seq: 0, at: known.now },
        known,
        author,
        elder: None,
        told,
        before: BTreeMap::new(),
        settled: Settled::default(),
    };
    for entry in entries {
        let verdict = batch.entry(entry).unwrap_or_else(Verdict::SetAside);
        batch.look_at_clock(entry);
        batch.answer(entry.seq, verdict);
    }
    batch.look_at_stock();
    batch.settled
}

/// When an op happened, and its place in the journal.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) seq: i64,
    pub(super) at: Timestamp,
}

pub(super) struct Batch<'a> {
    pub(super) known: &'a mut Known,
    pub(super) author: &'a Author,
    /// The earlier life of the author's device whose entry is decided, if it is carried.
    pub(super) elder: Option<IncarnationId>,
    /// The op that is decided, by the name it was first written under.
    pub(super) told: Told,
    /// The op that is decided.
    pub(super) at: At,
    /// Stock rows as they were before the batch, of those that it changed.
    before: BTreeMap<StockKey, Level>,
    pub(super) settled: Settled,
}

pub(super) type Decision = Result<Verdict, SetAside>;

impl Batch<'_> {
    pub(super) fn entry(&mut self, entry: &Entry) -> Decision {
        self.told = self.told_by(self.author.incarnation_id, entry);
        let op = decode(entry)?;
        match self.known.carried.contains(&entry.mark()) {
            true => {
                self.tell_again(Touched::by([&op]));
                Ok(carried::again(&op))
            }
            false => self.op(At { seq: entry.seq, at: entry.hlc.at }, op),
        }
    }

    pub(super) fn told_by(&self, life: IncarnationId, entry: &Entry) -> Told {
        Told { life: Some(life), seq: entry.seq, at: self.span(entry.hlc.at, entry.hlc.at) }
    }

    pub(super) fn op(&mut self, at: At, op: Op) -> Decision {
        self.at = at;
        match op {
            Op::Sale(sale) => self.sale(at, *sale),
            Op::CustomerAdded(customer) => self.customer(at, *customer),
            Op::AddressAdded(address) => self.address(*address),
            Op::Reviewed(review) => self.review(*review),
            Op::Received(goods) => self.received(at, &goods),
            Op::Adjusted(adjusted) => self.adjusted(at, &adjusted),
            Op::Counted(count) => self.counted(at, &count),
            Op::GaveBack(goods) => self.gave_back(&goods),
            Op::StatusTold(told) => self.status_told(at, told),
            Op::AllotmentAsked(goods) => self.allotment_asked(&goods),
            Op::CancelAsked(cancel) => self.cancel_asked(cancel),
            Op::Carried(carried) => self.carried(at, *carried),
            Op::LifeEnded(ended) => self.life_ended(ended),
            Op::Dispatched(told) => self.dispatched(at, &told),
            Op::Arrived(told) => self.arrived(at, &told),
            Op::ReceiptUndone(undone) => self.receipt_undone(at, undone),
            Op::Returned(back) => self.returned(at, *back),
        }
    }

    pub(super) fn answer(&mut self, seq: i64, verdict: Verdict) {
        if let Verdict::SetAside(reason) = &verdict {
            let subject = format!("{}/{seq}", self.author.incarnation_id);
            let detail = json!({ "seq": seq, "node": self.author.node_id, "reason": reason });
            self.raise(ConcernKind::SetAside, subject, detail, self.author.node_id.0, Some(seq));
        }
        self.settled.verdicts.push((seq, verdict));
    }

    // The two sums of a stock row.

    pub(super) fn level(&mut self, key: StockKey) -> &mut Level {
        let level = self.known.levels.entry(key).or_default();
        self.before.entry(key).or_insert(*level);
        self.settled.levels.insert(key);
        level
    }

    pub(super) fn move_stock(&mut self, at: At, line: i32, key: StockKey, delta: i64, why: impl Into<Why>) {
        if delta != 0 {
            self.level(key).balance += delta;
            let movement = Movement { key, delta, why: why.into() };
            let is_count = movement.why.reason == Reason::Counted;
            self.settled.movements.push(Moved { told: self.told, of: None, seq: at.seq, line, at: at.at, movement });
            if !is_count {
                self.answer_by_count(at, key, delta);
            }
        }
    }

    pub(super) fn promise(&mut self, key: StockKey, units: i64) {
        self.level(key).promised += units;
    }

    /// An op did nothing, because another had done it. Whoever wrote it may have laid it over images that had that
    /// already, and takes it away when they are told once more.
    pub(super) fn tell_rows_again(&mut self, rows: BTreeSet<StockKey>) {
        let known = &self.known.levels;
        self.settled.levels.extend(rows.into_iter().filter(|row| known.contains_key(row)));
    }

    /// The same of all that it names.
    pub(super) fn tell_again(&mut self, touched: Touched) {
        let transfers = touched.transfers.into_iter().filter(|id| self.known.transfers.contains_key(id));
        self.settled.transfers.extend(transfers);
        // One that lacked its product was set aside, and added nothing up.
        let lines = touched.delivered.into_iter().filter(|(_, product_id)| self.known.products.contains(product_id));
        lines.for_each(|line| _ = self.settled.delivered.entry(line).or_default());
        self.tell_rows_again(touched.stock);
    }

    /// Changes the allotment of the life that wrote the op; what it has open counts as promised, before
    /// and after. What it takes of units that were written off is not lost.
    pub(super) fn change_allotment(&mut self, key: StockKey, change: impl FnOnce(Allotment) -> Allotment) {
        let life = self.elder.unwrap_or(self.author.incarnation_id);
        let remaining = self.known.written_off.get(&(life, key)).copied().unwrap_or_default();
        let is_counted = self.known.counts.contains_key(&key);
        let allotment = match self.elder {
            None => {
                self.settled.allotments.insert(key);
                self.known.allotments.entry(key).or_default()
            }
            Some(life) => {
                self.settled.elder_allotments.insert((life, key));
                self.known.elders.entry(life).or_default().allotments.entry(key).or_default()
            }
        };
        let told = change(*allotment);
        let taken = write_off::given_back(remaining, *allotment, told);
        // Of a row that somebody counted the book says what was seen, and nothing comes back.
        let back = if is_counted { 0 } else { taken };
        // What it gives back although it was written off it does not get anew, as far as it had as much since: it would
        // be asked for it, and give it back, again and again.
        let spared = (told.returned - allotment.returned).min(allotment.open());
        let changed = Allotment { reclaimed: told.reclaimed - (back - spared).max(0), ..told };
        let opened = changed.open() - allotment.open();
        *allotment = changed;
        self.promise(key, opened);
        if taken > 0 {
            self.give_back_of_write_off(life, key, taken);
        }
    }

    // Concerns.

    pub(super) fn raise(
        &mut self,
        kind: ConcernKind,
        subject: String,
        detail: serde_json::Value,
        scope: Uuid,
        seq: Option<i64>,
    ) {
        let is_it = |raised: &Raised| raised.kind == kind && raised.subject == subject;
        let place = self.settled.opened.iter().position(is_it);
        let detail = match place.map(|place| self.settled.opened.remove(place)) {
            Some(told) => brought_up_to_date(&told.detail, detail),
            None => detail,
        };
        self.settled.opened.push(Raised { kind, subject, detail, scope, seq });
    }

    fn look_at_clock(&mut self, entry: &Entry) {
        let (_, was_capped) = entry.hlc.capped(self.known.now);
        if was_capped {
            let detail = json!({ "node": self.author.node_id, "clock": entry.hlc.at, "server": self.known.now });
            let subject = self.author.node_id.to_string();
            self.raise(ConcernKind::ClockAhead, subject, detail, self.author.node_id.0, Some(entry.seq));
        }
    }

    /// What the batch as a whole did to each stock row: whether units became available, and that `owed` and
    /// `unbacked` open a concern while they last, and close it by themselves.
    fn look_at_stock(&mut self) {
        for (key, before) in std::mem::take(&mut self.before) {
            let after = self.known.levels.get(&key).copied().unwrap_or_default();
            if after.available() > before.available() {
                self.settled.freed.insert(key);
            }
            let figures = [
                (ConcernKind::Owed, before.owed(), after.owed()),
                (ConcernKind::Unbacked, before.unbacked(), after.unbacked()),
            ];
            for (kind, was, is) in figures {
                let again = if is_planted(Bug::ConcernOpenedTwice) { format!("/{is}") } else { String::new() };
                let subject = || format!("{}/{}{again}", key.product_id, key.warehouse_id);
                if is > 0 && is != was {
                    let detail = json!({ "product": key.product_id, "warehouse": key.warehouse_id, "units": is });
                    self.raise(kind, subject(), detail, key.warehouse_id.0, None);
                } else if is == 0 && was > 0 {
                    self.settled.closed.push((kind, subject()));
                }
            }
        }
    }
}

pub(super) fn nothing_lacked(ids: Vec<Uuid>) -> Result<(), SetAside> {
    if ids.is_empty() { Ok(()) } else { Err(SetAside::Lacks { ids }) }
}
