//! A push: what is known is answered as the first time, the rest is decided and booked. A journal that goes
//! on in two ways is frozen; what comes of it from then on is evidence.

use std::collections::BTreeSet;

use outpost_schema::{
    count::Skew,
    device::IncarnationState,
    feed::{Aggregate, Kind},
    id::IncarnationId,
    journal::{Entry, Mark},
    op::{Op, OpKind},
    order::PaymentStatus,
    settle::{Elder, Past, Raised, Settled, Touched, decode, settle},
    sizing,
    stock::{Movement, Reason, StockKey},
    verdict::ConcernKind,
    word::Word as _,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    feed::Id,
    journal::Journal,
    ledger::{Heard, Ledger},
};
use crate::wire::{Caller, Problem, Push, Pushed, Standing};

/// How a push stands to the journal that the server has.
enum Stand {
    /// It goes on from there, perhaps after so many entries that are known.
    Here(usize),
    /// It does not: there is a gap, or the two ends do not agree on what was acknowledged.
    Elsewhere,
    /// An entry contradicts one that is known.
    Forked(i64),
}

impl Ledger {
    pub(super) fn push(&mut self, caller: Caller, standing: Standing, push: &Push) -> Result<Pushed, Problem> {
        check_chain(caller.incarnation_id, &push.entries)?;
        let (epoch, journal) = (self.epoch, self.journal(caller)?);
        if push.epoch.is_some_and(|said| said != epoch) {
            return Ok(Pushed::OtherEpoch { epoch });
        }
        if journal.state == IncarnationState::Frozen {
            return Ok(self.keep_evidence(caller.incarnation_id, &push.entries));
        }
        match compare(journal, standing, &push.entries) {
            Stand::Here(known) => Ok(self.book(caller.incarnation_id, push, known)),
            Stand::Elsewhere => Ok(Pushed::Elsewhere { acked: journal.acked() }),
            Stand::Forked(seq) => Ok(self.freeze(caller, seq, &push.entries)),
        }
    }

    fn keep_evidence(&mut self, life: IncarnationId, entries: &[Entry]) -> Pushed {
        if let Some(journal) = self.journals.get_mut(&life) {
            journal.evidence.extend(entries.iter().map(|entry| (entry.mark(), entry.clone())));
        }
        Pushed::Frozen
    }

    fn freeze(&mut self, Caller { node_id, incarnation_id }: Caller, seq: i64, entries: &[Entry]) -> Pushed {
        self.journals.entry(incarnation_id).and_modify(|journal| journal.state = IncarnationState::Frozen);
        let (kind, subject) = (ConcernKind::Fork, incarnation_id.to_string());
        let detail = json!({ "node": node_id, "incarnation": incarnation_id, "seq": seq });
        self.open_concerns(vec![Raised { kind, subject, detail, scope: node_id.0, seq: Some(seq) }]);
        self.keep_evidence(incarnation_id, entries)
    }

    /// Books what is new, and answers for all that was sent.
    fn book(&mut self, life: IncarnationId, push: &Push, known: usize) -> Pushed {
        let (repeats, new) = push.entries.split_at(known);
        let answers = repeats.iter().filter_map(|entry| Some((entry.seq, self.journals.get(&life)?.op(entry.seq)?)));
        let mut verdicts: Vec<_> = answers.map(|(seq, (_, verdict))| (seq, verdict.clone())).collect();
        self.hear(life, new);
        let now = self.known.now;
        if let Some(journal) = self.journals.get_mut(&life) {
            let before = journal.author.skew;
            journal.author.skew = push.clock.map(|theirs| Skew::measured(before, theirs, now));
        }
        let (mut settled, moved) = self.decide(life, new);
        settled.opened.extend(self.take_carts(life, &push.carts));
        self.open_concerns(std::mem::take(&mut settled.opened));
        self.close_concerns(std::mem::take(&mut settled.closed));
        moved.into_iter().for_each(|key| self.look_at_stock(key));
        let ids = ids_made(&settled);
        let Some(journal) = self.journals.get_mut(&life) else { return Pushed::Frozen };
        for (entry, (seq, verdict)) in new.iter().zip(&settled.verdicts) {
            journal.ops.push((entry.hash, verdict.clone()));
            if verdict.is_set_aside() {
                journal.set_aside.insert(*seq, entry.clone());
            }
        }
        if let Some(last) = new.last() {
            journal.is_closed =
                decode(last).is_ok_and(|op| matches!(op, Op::LifeEnded(ended) if ended.incarnation_id == life));
        }
        // Who is heard is no longer given up, unless its report is still owed.
        journal.is_given_up &= journal.report_owed;
        let acked = journal.acked();
        self.finish_report(life);
        verdicts.extend(settled.verdicts);
        if self.is_awaited(&ids) {
            self.retry_set_aside();
        }
        Pushed::Settled { acked, verdicts, carts: push.carts.iter().map(|cart| cart.cart_id()).collect() }
    }

    /// The device is heard, and what it tells has waited.
    fn hear(&mut self, life: IncarnationId, new: &[Entry]) {
        let (now, node_id) = (self.known.now, self.journals.get(&life).map(|journal| journal.author.node_id));
        let (Some(node_id), Some(first)) = (node_id, new.first()) else { return };
        let heard = self.heard.entry(node_id).or_default();
        let waits = heard.waits.heard(sizing::waited(first.hlc.at, heard.seen_at, now), now);
        *heard = Heard { seen_at: Some(now), waits };
    }

    /// Decides ops and books them: everything but their verdicts, concerns and marks. Names the stock rows that
    /// moved by more than the ops say: their concerns are looked at when those of the ops are kept.
    pub(super) fn decide(&mut self, life: IncarnationId, entries: &[Entry]) -> (Settled, BTreeSet<StockKey>) {
        if entries.is_empty() {
            return Default::default();
        }
        let mut moved = self.load(life, entries);
        self.know_used_holds(entries);
        let Some(journal) = self.journals.get_mut(&life) else { return Default::default() };
        let carried = entries.iter().map(Entry::mark).filter(|mark| journal.carried.contains_key(mark));
        self.known.carried = carried.collect();
        self.known.is_recovering = self.is_recovering || journal.report_owed;
        self.known.is_suspended = journal.is_told_off();
        // What is known holds one author's allotments at a time.
        std::mem::swap(&mut self.known.allotments, &mut journal.allotments);
        std::mem::swap(&mut self.known.outlooks, &mut journal.outlooks);
        let mut settled = settle(&mut self.known, &journal.author, entries);
        std::mem::swap(&mut self.known.allotments, &mut journal.allotments);
        std::mem::swap(&mut self.known.outlooks, &mut journal.outlooks);
        for (elder, known) in std::mem::take(&mut self.known.elders) {
            self.journals.entry(elder).and_modify(|journal| journal.allotments = known.allotments);
        }
        self.keep(life, &mut settled);
        // What ops say of a row that was short is looked at again once more or less of it is promised.
        let short: Vec<_> = settled.levels.iter().filter(|key| self.is_short(**key)).copied().collect();
        moved.extend(self.end_lives(life, &settled.ended));
        let touched: BTreeSet<_> = settled.levels.union(&moved).copied().collect();
        moved.extend(short);
        for key in touched {
            self.withdraw(key);
            self.top_up(key);
        }
        let due = settled.allotments.iter().filter(|key| self.is_due(life, **key));
        let due: BTreeSet<_> = due.chain(&settled.freed).chain(&moved).copied().collect();
        due.into_iter().for_each(|key| self.even_out(key));
        (settled, moved)
    }

    /// Most ops are decided over what is known at any time. An ask first releases expired holds, so that nobody
    /// is refused for their sake; what is carried needs what earlier lives of the device have told.
    fn load(&mut self, life: IncarnationId, entries: &[Entry]) -> BTreeSet<StockKey> {
        const NEEDY: [OpKind; 4] = [OpKind::AllotmentAsked, OpKind::Carried, OpKind::Counted, OpKind::LifeEnded];
        if !entries.iter().any(|entry| NEEDY.iter().any(|kind| kind.word() == entry.kind)) {
            return BTreeSet::new();
        }
        let ops: Vec<_> = entries.iter().filter_map(|entry| decode(entry).ok()).collect();
        let touched = Touched::by(&ops);
        for counted in &touched.cuts {
            let row = |product_id: &_| StockKey { product_id: *product_id, warehouse_id: counted.warehouse_id };
            for key in counted.products.iter().map(row) {
                self.known.moved.insert(key, self.past.get(&key).cloned().unwrap_or_default());
            }
        }
        self.remember_lives(life, touched.elders.keys());
        let elders = self.journals.get(&life).map(|journal| journal.author.elders.clone()).unwrap_or_default();
        for (elder, marks) in touched.elders.into_iter().filter(|(elder, _)| elders.contains(elder)) {
            let Some(journal) = self.journals.get_mut(&elder) else { continue };
            let told = marks.into_iter().filter(|mark| journal.has_decided(*mark)).collect();
            let allotments = std::mem::take(&mut journal.allotments);
            self.known.elders.insert(elder, Elder { told, allotments });
        }
        if touched.asks { self.release_expired(&touched.stock) } else { BTreeSet::new() }
    }

    /// Few sales use up a hold, so it is not looked for where nobody holds anything.
    fn know_used_holds(&mut self, entries: &[Entry]) {
        if !self.holds.is_empty() {
            let ops: Vec<_> = entries.iter().filter_map(|entry| decode(entry).ok()).collect();
            self.know_holds(&Touched::by(&ops).holds);
        }
    }

    /// Keeps and tells what was settled.
    fn keep(&mut self, life: IncarnationId, settled: &mut Settled) {
        self.known.moved.clear();
        for moved in &settled.movements {
            let Movement { key, delta, why } = &moved.movement;
            *self.movements.entry(*key).or_default() += delta;
            if why.reason != Reason::Counted {
                self.past.entry(*key).or_default().push(Past {
                    told: moved.told,
                    delta: *delta,
                    is_written_off: false,
                });
            }
            if why.reason == Reason::Transferred {
                *self.transferred.entry(key.product_id).or_default() += delta;
            }
            // What comes back of a write-off; what somebody says to have lost is an op's like any other.
            if why.reason == Reason::Lost && moved.line < 0 {
                *self.lost.entry(*key).or_default() -= delta;
            }
        }
        self.look_at_write_offs(&settled.given_back);
        self.keep_people(settled);
        self.keep_orders(settled);
        self.keep_transfers(settled);
        self.keep_delivered(settled);
        self.keep_returns(settled);
        self.use_up(&settled.used_up);
        for key in &settled.levels {
            self.tell_stock(*key);
        }
        for key in &settled.allotments {
            self.tell_allotment(life, *key);
        }
        for brought in &settled.carried {
            let by = (life, brought.seq);
            self.journals.entry(brought.life).and_modify(|journal| _ = journal.carried.insert(brought.mark, by));
        }
    }

    fn keep_people(&mut self, settled: &Settled) {
        for (user_id, keeper) in &settled.demoted {
            let id = Id::one(Kind::User, user_id.0);
            if let Some(Aggregate::User(user)) = self.feed.image(id) {
                let mut user = user.clone();
                (user.email, user.alias_of) = (None, Some(*keeper));
                self.feed.tell(id, user.home.0, Aggregate::User(user));
            }
        }
        for user in &settled.users {
            let id = Id::one(Kind::User, user.user_id.0);
            self.feed.tell(id, user.home.0, Aggregate::User(Box::new(user.clone())));
        }
        for address in &settled.addresses {
            let id = Id::one(Kind::Address, address.address_id.0);
            self.feed.tell(id, address.home.0, Aggregate::Address(Box::new(address.clone())));
        }
        for review in &settled.reviews {
            let id = Id::one(Kind::Review, review.review_id.0);
            self.feed.tell(id, outpost_schema::feed::EVERYONE, Aggregate::Review(Box::new(review.clone())));
        }
    }

    fn keep_transfers(&mut self, settled: &Settled) {
        let transfers = settled.transfers.iter().filter_map(|id| self.known.transfers.get(id)).cloned();
        transfers.collect::<Vec<_>>().iter().for_each(|transfer| self.tell_transfer(transfer));
    }

    fn keep_orders(&mut self, settled: &Settled) {
        for (_, order) in &settled.orders {
            let id = Id::one(Kind::Order, order.order_id.0);
            self.feed.tell(id, order.warehouse_id.0, Aggregate::Order(Box::new(order.clone())));
        }
        settled.awaited.iter().for_each(|awaited| self.note_confirmation(*awaited));
        for (order_id, (status, at)) in &settled.statuses {
            let id = Id::one(Kind::Order, order_id.0);
            if let Some(Aggregate::Order(order)) = self.feed.image(id) {
                let mut order = order.clone();
                (order.status, order.updated_at) = (*status, *at);
                self.feed.tell(id, order.warehouse_id.0, Aggregate::Order(order));
            }
        }
    }

    /// A return is told where the goods are now, and where the order is.
    fn keep_returns(&mut self, settled: &Settled) {
        for (_, back) in &settled.returns {
            let sold_at = self.known.bought.get(&back.order_id).map(|bought| bought.warehouse_id);
            let (id, told) = (Id::one(Kind::Return, back.return_id.0), Aggregate::Return(Box::new(back.clone())));
            let more = sold_at.map(|place| place.0).into_iter().collect();
            self.feed.tell_all(id, back.warehouse_id.0, more, told);
        }
        for ((order_id, payment_id), at) in &settled.refunded {
            let id = Id::one(Kind::Order, order_id.0);
            if let Some(Aggregate::Order(order)) = self.feed.image(id) {
                let mut order = order.clone();
                for payment in order.payments.iter_mut().filter(|payment| payment.payment_id == *payment_id) {
                    (payment.status, payment.updated_at) = (PaymentStatus::Refunded, *at);
                }
                self.feed.tell(id, order.warehouse_id.0, Aggregate::Order(order));
            }
        }
    }
}

/// Ids that ops made or lack: set-aside ops may wait for them.
fn ids_made(settled: &Settled) -> Vec<Uuid> {
    let users = settled.users.iter().map(|user| user.user_id.0);
    let addresses = settled.addresses.iter().map(|address| address.address_id.0);
    let orders = settled.orders.iter().flat_map(|(_, order)| [order.order_id.0, order.receipt.stand_in().0]);
    let lacked = settled.verdicts.iter().flat_map(|(_, verdict)| super::retry::lacked(verdict)).copied();
    users.chain(addresses).chain(orders).chain(lacked).collect()
}

/// Each entry's hash covers what it says, and each follows the one before it in the push.
fn check_chain(life: IncarnationId, entries: &[Entry]) -> Result<(), Problem> {
    let Some(first) = entries.first() else { return Ok(()) };
    let mut before = Mark { seq: first.seq - 1, hash: first.prev_hash };
    for entry in entries {
        if entry.seq < 1 || !entry.follows(life, before) {
            return Err(Problem::new("broken_chain", "these entries are not a chain as it was written"));
        }
        before = entry.mark();
    }
    Ok(())
}

fn compare(journal: &Journal, standing: Standing, entries: &[Entry]) -> Stand {
    let acked = journal.acked();
    let known = entries.iter().take_while(|entry| entry.seq <= acked.seq).count();
    let contradicts = |entry: &&Entry| journal.op(entry.seq).is_some_and(|(hash, _)| *hash != entry.hash);
    if let Some(entry) = entries[..known].iter().find(contradicts) {
        return Stand::Forked(entry.seq);
    }
    if standing.acked.seq > acked.seq || standing.head.seq < acked.seq {
        return Stand::Elsewhere;
    }
    match (entries, &entries[known..]) {
        ([], _) if standing.acked != acked => Stand::Elsewhere,
        (_, [first, ..]) if first.seq != acked.seq + 1 || first.prev_hash != acked.hash => Stand::Elsewhere,
        (_, _) => Stand::Here(known),
    }
}
