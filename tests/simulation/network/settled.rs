//! Concerns that people at head office settle: each settlement is kept with who made it, books exactly what it says, once,
//! and what it ended stays over.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    id::{ConcernId, HoldId, IncarnationId, TransferId},
    settlement::{self as rules, Ending, possible},
    stock::StockKey,
    verdict::ConcernKind,
    world::World as _,
};
use uuid::Uuid;

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::Units,
    office::{Answer, Book, Office as _, Settlement},
    step::{Deed, SettleDeed},
};

/// A settlement that somebody was told of.
#[derive(Clone, Debug)]
struct Kept {
    /// What was asked for.
    deed: SettleDeed,
    /// What it was about.
    kind: ConcernKind,
    /// Which of these.
    subject: String,
    /// Whether that was over with it.
    closed: bool,
}

/// What people did about concerns.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Settlements, in the order in which they were made.
    kept: Vec<Kept>,
    /// Units that they moved the book of each row by.
    units: BTreeMap<StockKey, i64>,
}

impl Settled {
    /// Head office was put back, and may have forgotten some.
    pub(super) fn forget(&mut self, book: &Book) {
        self.kept.retain(|kept| book.settlements.contains_key(&kept.deed.settlement_id));
    }

    /// Whether somebody ended a concern of this kind and subject.
    pub(super) fn has_ended(&self, (kind, subject): &(ConcernKind, String)) -> bool {
        self.kept.iter().any(|kept| kept.closed && (kept.kind, &kept.subject) == (*kind, subject))
    }

    /// Units that settlements moved the book of a row by.
    pub(super) fn units(&self, key: StockKey) -> i64 {
        self.units.get(&key).copied().unwrap_or(0)
    }
}

impl<D: Depth> Network<D> {
    /// Somebody settles a concern.
    pub(super) async fn settles(&mut self, nth: usize, way: usize, names_act: bool) -> Check {
        self.look_at_the_book().await?;
        let open = &self.book.concern_ids;
        let Some(((kind, subject), concern_id)) = open.iter().nth(nth % open.len().max(1)) else { return Ok(()) };
        let (kind, subject, concern_id) = (*kind, subject.clone(), *concern_id);
        let ways = possible(kind);
        let (settlement, act) = (ways[way % ways.len()], names_act.then(|| "what was done".to_owned()));
        let settlement_id = HoldId::new(self.office_now(), self.office_world.id_chance()).0;
        let by = format!("somebody {}", self.settled.kept.len());
        let deed = SettleDeed { concern_id, settlement_id, settlement, by, act };
        let (expected, closed) = (self.to_be_booked(kind, &subject, &deed), is_over_with_it(kind, &deed));
        self.tell(|| format!("    {kind:?} of {subject}: {settlement:?}"));
        let before = self.book.clone();
        match self.office.act(&Deed::Settle(deed.clone())).await {
            Answer::Done => {}
            Answer::Refused(code) if code == "in_doubt" && closed && self.is_in_doubt(kind, &subject) => return Ok(()),
            Answer::Refused(code) => return Err(format!("{kind:?} of {subject} was not settled by {deed:?}: {code}")),
        }
        self.book = self.office.book().await;
        if (kind, settlement) == (ConcernKind::TransferShort, rules::Settlement::AcceptLoss) {
            let short = before.transfers.values().filter(|known| known.transfer_id.to_string() == subject);
            short.for_each(|known| self.gives_up(known));
        }
        self.settled.kept.push(Kept { deed, kind, subject, closed });
        self.booked(&before, &expected)?;
        self.look_at_the_book().await
    }

    /// The answer was lost, and somebody asks again: nothing happens but the same answer.
    pub(super) async fn settles_again(&mut self, nth: usize) -> Check {
        let count = self.settled.kept.len();
        if count == 0 {
            return Ok(());
        }
        self.look_at_the_book().await?;
        let deed = self.settled.kept[nth % count].deed.clone();
        let before = self.book.clone();
        if let Answer::Refused(code) = self.office.act(&Deed::Settle(deed.clone())).await {
            return Err(format!("{deed:?} was done, and asked for again it is refused: {code}"));
        }
        self.book = self.office.book().await;
        if self.book != before {
            return Err(format!("{deed:?} was done, and asked for again it changed the book"));
        }
        Ok(())
    }

    /// By how much a settlement moves the book, row by row.
    fn to_be_booked(&self, kind: ConcernKind, subject: &str, deed: &SettleDeed) -> Units {
        match (kind, deed.settlement) {
            (ConcernKind::Owed, rules::Settlement::AcceptLoss) => {
                let is_it = |key: &&StockKey| format!("{}/{}", key.product_id, key.warehouse_id) == subject;
                let levels = self.book.levels.iter().filter(|(key, _)| is_it(key));
                levels.map(|(key, level)| (*key, level.owed())).collect()
            }
            (ConcernKind::WrittenOff, rules::Settlement::Found) => {
                let is_it = |life: IncarnationId| life.to_string() == subject;
                let missing = self.book.written_off.iter().filter(|((life, _), _)| is_it(*life));
                missing.map(|((_, key), units)| (*key, *units)).collect()
            }
            (_, _) => Units::new(),
        }
    }

    /// What a settlement booked is exactly what it says. It was said too early perhaps: what was taken for lost, or for
    /// found, may be explained by somebody who has not told yet.
    fn booked(&mut self, before: &Book, expected: &Units) -> Check {
        let moved = |book: &Book, key: StockKey| book.movements.get(&key).copied().unwrap_or(0);
        let keys: BTreeSet<StockKey> = before.movements.keys().chain(self.book.movements.keys()).copied().collect();
        for key in keys {
            let delta = moved(&self.book, key) - moved(before, key);
            let wanted: i64 = expected.iter().filter(|(of, _)| *of == key).map(|(_, units)| units).sum();
            if delta != wanted {
                return Err(format!("a settlement was to move {key:?} by {wanted}, and moved it by {delta}"));
            }
        }
        for (key, units) in expected {
            *self.settled.units.entry(*key).or_default() += units;
        }
        self.ledger.allow(expected);
        self.what_was_lost_on_the_road_is_over()
    }

    /// The loss of a transfer that was accepted is booked: nothing is missing of it any more.
    fn what_was_lost_on_the_road_is_over(&self) -> Check {
        let Some(Kept { deed, kind, subject, .. }) = self.settled.kept.last() else { return Ok(()) };
        if (*kind, deed.settlement) != (ConcernKind::TransferShort, rules::Settlement::AcceptLoss) {
            return Ok(());
        }
        let id = Uuid::try_parse(subject).map(TransferId).map_err(|_| format!("{subject} is no transfer"))?;
        let transfer = self.book.transfers.get(&id).ok_or_else(|| format!("transfer {subject} is gone"))?;
        match transfer.totals().values().all(|of| of.on_road() == 0) {
            true => Ok(()),
            false => Err(format!("the loss of {transfer:?} was accepted, and something is still on the road")),
        }
    }

    /// Whether a life of a device still has units of which nobody can say whether they are sold.
    fn is_in_doubt(&self, kind: ConcernKind, subject: &str) -> bool {
        let open = self.book.allotments.iter().filter(|((life, _), _)| life.to_string() == subject);
        kind == ConcernKind::LifeBegun && open.map(|(_, own)| own.open()).sum::<i64>() > 0
    }

    /// What people did is kept, with who did it; what is over with it is not open, and of the same thing another concern
    /// is opened only by something that was told since.
    pub(super) fn what_is_settled_stays_settled(&self, before: &Book) -> Check {
        let open: BTreeSet<ConcernId> = self.book.concern_ids.values().copied().collect();
        for Kept { deed, kind, subject, closed } in &self.settled.kept {
            let SettleDeed { concern_id, settlement, by, .. } = deed.clone();
            let wanted = Settlement { concern_id, settlement, by, closed: *closed };
            let kept = self.book.settlements.get(&deed.settlement_id);
            if kept != Some(&wanted) {
                return Err(format!("{deed:?} was done, and the book has {kept:?}"));
            }
            if *closed && open.contains(&concern_id) {
                return Err(format!("{kind:?} of {subject} was settled by {settlement:?}, and is still open"));
            }
            let about = (*kind, subject.clone());
            let is_new = |book: &Book| book.concern_ids.get(&about).copied();
            let reopened = *closed && is_new(&self.book).is_some() && is_new(&self.book) != is_new(before);
            if reopened && is_opened_by_an_op(*kind) && before.ops == self.book.ops {
                return Err(format!("{kind:?} of {subject} was settled, nothing was told, and it is open again"));
            }
        }
        Ok(())
    }
}

/// Whether a settlement ends a concern: figures go only with what they tell of, the rest when somebody looked, or names
/// what was done.
fn is_over_with_it(kind: ConcernKind, deed: &SettleDeed) -> bool {
    match rules::ending(kind, deed.settlement) {
        Some(Ending::Acts | Ending::Closes) => true,
        Some(Ending::Intends) => deed.act.is_some() && !rules::ends_by_itself(kind),
        None => false,
    }
}

/// Whether nothing but an op opens a concern of this kind.
const fn is_opened_by_an_op(kind: ConcernKind) -> bool {
    match kind {
        ConcernKind::TotalMismatch
        | ConcernKind::PaymentsMismatch
        | ConcernKind::OtherCurrency
        | ConcernKind::CartSoldTwice
        | ConcernKind::EmailTaken
        | ConcernKind::ShippedThoughCancelled
        | ConcernKind::ReturnedTwice
        | ConcernKind::RefundedTooMuch => true,
        ConcernKind::Owed
        | ConcernKind::Unbacked
        | ConcernKind::ClockAhead
        | ConcernKind::SetAside
        | ConcernKind::Fork
        | ConcernKind::CartNotBelievable
        | ConcernKind::LifeBegun
        | ConcernKind::JournalHole
        | ConcernKind::ImageMended
        | ConcernKind::ServerRestored
        | ConcernKind::RecountWanted
        | ConcernKind::TransferExcess
        | ConcernKind::TransferShort
        | ConcernKind::Suspended
        | ConcernKind::WrittenOff
        | ConcernKind::HoldWithdrawn => false,
    }
}
