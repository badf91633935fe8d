//! Set-aside ops are decided again when something that they lacked has arrived.

use outpost_schema::{
    feed::{Aggregate, Ruling},
    id::{AddressId, IncarnationId, OrderId, ProductId, UserId, WarehouseId},
    journal::Entry,
    settle::{Touched, decode},
    verdict::{ConcernKind, SetAside, Verdict},
};
use uuid::Uuid;

use super::{feed::Id, journal::Journal, ledger::Ledger};

/// The ids that a set-aside op lacks.
pub(super) fn lacked(verdict: &Verdict) -> &[Uuid] {
    match verdict {
        Verdict::SetAside(SetAside::Lacks { ids }) => ids,
        Verdict::SetAside(
            SetAside::Newer | SetAside::Malformed { .. } | SetAside::NoRight | SetAside::IdTaken { .. },
        )
        | Verdict::Accepted
        | Verdict::Granted(_)
        | Verdict::Refused(_) => &[],
    }
}

/// The set-aside ops of a journal, each with what it lacks.
fn waiting(journal: &Journal) -> impl Iterator<Item = (&Entry, &[Uuid])> {
    let of = |seq| journal.op(seq).map_or(&[] as &[Uuid], |(_, verdict)| lacked(verdict));
    journal.set_aside.values().map(move |entry| (entry, of(entry.seq)))
}

impl Ledger {
    /// Whether some set-aside op waits for one of these ids.
    pub(super) fn is_awaited(&self, ids: &[Uuid]) -> bool {
        let awaits = |(_, lacked): (&Entry, &[Uuid])| lacked.iter().any(|id| ids.contains(id));
        !ids.is_empty() && self.journals.values().any(|journal| waiting(journal).any(awaits))
    }

    fn is_there(&self, id: Uuid) -> bool {
        self.known.products.contains(&ProductId(id))
            || self.known.users.contains(&UserId(id))
            || self.known.addresses.contains(&AddressId(id))
            || self.known.warehouses.contains(&WarehouseId(id))
            || self.known.orders.contains_key(&OrderId(id))
            || self.known.receipts.contains_key(&OrderId(id))
    }

    /// Decides again what was set aside and of which something that it lacked has arrived, until nothing more
    /// moves.
    pub(super) fn retry_set_aside(&mut self) {
        let is_there = |ledger: &Self, lacked: &[Uuid]| lacked.iter().any(|id| ledger.is_there(*id));
        while self.retry_all(is_there) {}
    }

    /// Decides again what its author had no right to, which may have changed; then what waited for that.
    pub(super) fn retry_after_change(&mut self) {
        self.retry_all(|_, lacked| lacked.is_empty());
        self.retry_set_aside();
    }

    /// One turn over all that is set aside, by what each op lacks; says whether a verdict changed.
    fn retry_all(&mut self, is_worth_it: impl Fn(&Self, &[Uuid]) -> bool) -> bool {
        let worth = |(entry, lacked): (&Entry, &[Uuid])| is_worth_it(self, lacked).then(|| entry.clone());
        let again = self.journals.iter().map(|(life, journal)| {
            let entries: Vec<Entry> = waiting(journal).filter_map(worth).collect();
            (*life, entries)
        });
        let again: Vec<_> = again.filter(|(_, entries)| !entries.is_empty()).collect();
        again.into_iter().fold(false, |moved, (life, entries)| self.retry(life, &entries) | moved)
    }

    /// Says whether a verdict changed.
    fn retry(&mut self, life: IncarnationId, entries: &[Entry]) -> bool {
        let (mut settled, moved) = self.decide(life, entries);
        let mut has_moved = false;
        for (seq, verdict) in std::mem::take(&mut settled.verdicts) {
            if !verdict.is_set_aside() {
                settled.closed.push((ConcernKind::SetAside, format!("{life}/{seq}")));
            }
            has_moved |= self.rule(life, seq, verdict);
        }
        // What a node lays over these images has changed.
        let ops: Vec<_> = entries.iter().filter_map(|entry| decode(entry).ok()).collect();
        for key in Touched::by(&ops).stock {
            if self.known.levels.contains_key(&key) {
                self.tell_stock(key);
            }
        }
        self.open_concerns(settled.opened);
        self.close_concerns(settled.closed);
        moved.into_iter().for_each(|key| self.look_at_stock(key));
        has_moved
    }

    fn rule(&mut self, life: IncarnationId, seq: i64, verdict: Verdict) -> bool {
        let Some(journal) = self.journals.get_mut(&life) else { return false };
        let place = usize::try_from(seq - 1).unwrap_or_default();
        let Some((_, before)) = journal.ops.get_mut(place) else { return false };
        let (has_moved, has_another_word) = (*before != verdict, before.word() != verdict.word());
        before.clone_from(&verdict);
        if !verdict.is_set_aside() {
            journal.set_aside.remove(&seq);
        }
        if has_another_word {
            let node_id = journal.author.node_id;
            let ruling = Ruling { incarnation_id: life, seq, verdict };
            self.feed.tell(Id::ruling(life, seq), node_id.0, Aggregate::Verdict(Box::new(ruling)));
        }
        has_moved
    }
}
