//! Concerns that people settle: what they chose is written down, and what head office can book itself is booked.

use std::collections::BTreeMap;

use outpost_schema::{
    count::{Span, Told},
    feed::{Aggregate, Kind},
    id::{ConcernId, IncarnationId, TransferId, UserId},
    people::User,
    planted::{Bug, is_planted},
    settle::{Past, Raised},
    settlement::{Asked, Decided, Settlement, decide, loss},
    stock::StockKey,
    verdict::{Concern, ConcernKind},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{feed::Id, ledger::Ledger};
use crate::wire::Problem;

/// What somebody wants to do about a concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementWanted {
    /// Made by whoever asks: asked for again, it is done once.
    pub settlement_id: Uuid,
    /// What.
    pub settlement: Settlement,
    /// Who.
    pub by: String,
    /// What put it right, where that was done elsewhere.
    pub act: Option<String>,
}

/// What somebody did about a concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementMade {
    /// About which.
    pub concern_id: ConcernId,
    /// What.
    pub settlement: Settlement,
    /// Who.
    pub by: String,
    /// Whether the concern was over with it.
    pub closed: bool,
}

impl Ledger {
    pub(super) fn settle_concern(
        &mut self,
        concern_id: ConcernId,
        wanted: &SettlementWanted,
    ) -> Result<SettlementMade, Problem> {
        let Some(Aggregate::Concern(concern)) = self.feed.image(Id::one(Kind::Concern, concern_id.0)) else {
            return Err(Problem::new("not_found", "there is no such concern"));
        };
        let concern = concern.clone();
        let made = self.settlements.get(&wanted.settlement_id).cloned();
        let is_this = |made: &SettlementMade| made.concern_id == concern_id && made.settlement == wanted.settlement;
        let asked = Asked {
            kind: concern.kind,
            settlement: wanted.settlement,
            names_act: wanted.act.is_some(),
            is_over: concern.closed_at.is_some(),
            made: made.as_ref().map(is_this),
            in_doubt: self.in_doubt(&concern),
        };
        let (books, closed) = match (decide(&asked), made) {
            (Decided::Now { books, closes }, _) => (books, closes),
            (Decided::Again, Some(made)) => return Ok(made),
            (Decided::Again | Decided::IdTaken, _) => return Err(unsettled("settlement_taken")),
            (Decided::Over, _) => return Err(unsettled("concern_over")),
            (Decided::NotPossible, _) => return Err(unsettled("not_possible")),
            (Decided::InDoubt(_), _) => return Err(unsettled("in_doubt")),
        };
        if books {
            self.book_settlement(&concern, wanted.settlement);
        }
        if closed && !is_planted(Bug::SettledStaysOpen) {
            self.close_concerns(vec![(concern.kind, concern.subject)]);
        }
        let made = SettlementMade { concern_id, settlement: wanted.settlement, by: wanted.by.clone(), closed };
        self.settlements.insert(wanted.settlement_id, made.clone());
        Ok(made)
    }

    /// Units that a device's old life still has promised.
    fn in_doubt(&self, concern: &Concern) -> i64 {
        let life = (concern.kind == ConcernKind::LifeBegun).then(|| named(concern)).flatten().map(IncarnationId);
        let journal = life.and_then(|life| self.journals.get(&life));
        journal.map_or(0, |journal| journal.allotments.values().map(|own| own.open()).sum())
    }

    fn book_settlement(&mut self, concern: &Concern, settlement: Settlement) {
        match settlement {
            Settlement::AcceptLoss if concern.kind == ConcernKind::TransferShort => self.lose_transfer(concern),
            Settlement::AcceptLoss => self.accept_loss(concern),
            Settlement::MergeCustomers => self.change_alias(concern, |user, keeper| {
                (user.alias_of, user.email) = (Some(keeper), None);
            }),
            Settlement::KeepApart => self.change_alias(concern, |user, keeper| {
                user.alias_of = user.alias_of.filter(|of| *of != keeper);
            }),
            Settlement::Found => self.find_written_off(concern),
            Settlement::Transfer
            | Settlement::Backorder
            | Settlement::Refund
            | Settlement::Recount
            | Settlement::VoidDuplicate
            | Settlement::Salvage
            | Settlement::Noted => {}
        }
    }

    /// What left beyond the book is gone: the book begins again at nothing.
    fn accept_loss(&mut self, concern: &Concern) {
        let (Some(product_id), Some(warehouse_id)) = (field(concern, "product"), field(concern, "warehouse")) else {
            return;
        };
        let key = StockKey { product_id, warehouse_id };
        let lost = loss(self.known.levels.get(&key).copied().unwrap_or_default());
        *self.corrected.entry(key).or_default() += lost;
        self.put_right(key, lost);
        self.after_change(key);
    }

    /// The book of a row changes by so many units, because somebody at head office says so.
    fn put_right(&mut self, key: StockKey, units: i64) {
        if units == 0 {
            return;
        }
        self.known.levels.entry(key).or_default().balance += units;
        *self.movements.entry(key).or_default() += units;
        let told = Told { life: None, seq: 0, at: Some(Span::at(self.known.now)) };
        self.past.entry(key).or_default().push(Past { told, delta: units, is_written_off: false });
        self.tell_stock(key);
    }

    /// What never came of a transfer is lost: what had left its book as transferred has left it for good.
    fn lose_transfer(&mut self, concern: &Concern) {
        let transfer = named(concern).and_then(|id| self.known.transfers.get_mut(&TransferId(id)));
        let Some(transfer) = transfer.filter(|transfer| transfer.complete) else { return };
        for (key, units) in transfer.write_off() {
            *self.transferred.entry(key.product_id).or_default() += units;
        }
        let transfer = transfer.clone();
        for surprise in transfer.surprises() {
            let (kind, (subject, detail, scope)) = (surprise.kind, transfer.concern(&surprise));
            match surprise.units() {
                0 => self.close_concerns(vec![(kind, subject)]),
                _ => self.open_concerns(vec![Raised { kind, subject, detail, scope, seq: None }]),
            }
        }
        self.tell_transfer(&transfer);
    }

    /// The second of two people with one e-mail.
    fn change_alias(&mut self, concern: &Concern, change: impl FnOnce(&mut User, UserId)) {
        let ids: Option<(UserId, UserId)> = field(concern, "keeper").zip(field(concern, "alias"));
        let Some((keeper, alias)) = ids else { return };
        if is_planted(Bug::MergedAway) {
            self.known.users.remove(&alias);
        }
        let id = Id::one(Kind::User, alias.0);
        if let Some(Aggregate::User(user)) = self.feed.image(id) {
            let mut user = user.clone();
            change(&mut user, keeper);
            self.feed.tell(id, user.home.0, Aggregate::User(user));
        }
    }

    /// What is still written off with a life is there after all: it comes back into the book, for everybody.
    fn find_written_off(&mut self, concern: &Concern) {
        let Some(life) = named(concern).map(IncarnationId) else { return };
        let missing = self.known.written_off.iter_mut().filter(|((of, _), units)| *of == life && **units > 0);
        let found: Vec<(StockKey, i64)> = missing.map(|((_, key), units)| (*key, std::mem::take(units))).collect();
        for (key, units) in &found {
            *self.lost.entry(*key).or_default() -= units;
            self.put_right(*key, *units);
        }
        found.into_iter().for_each(|(key, _)| self.after_change(key));
    }

    /// What people did about concerns.
    pub const fn settlements(&self) -> &BTreeMap<Uuid, SettlementMade> {
        &self.settlements
    }

    /// Open concerns by what they are, with their ids.
    pub fn concern_ids(&self) -> impl Iterator<Item = (&(ConcernKind, String), ConcernId)> {
        self.concerns.iter().map(|(key, concern)| (key, concern.concern_id))
    }

    /// Units by which accepted losses put the book of each row right.
    pub const fn corrected(&self) -> &BTreeMap<StockKey, i64> {
        &self.corrected
    }
}

/// An id that the concern's figures name.
fn field<T: DeserializeOwned>(concern: &Concern, name: &str) -> Option<T> {
    concern.detail.get(name).and_then(|value| T::deserialize(value).ok())
}

/// The id that is the concern's subject.
fn named(concern: &Concern) -> Option<Uuid> {
    Uuid::try_parse(&concern.subject).ok()
}

fn unsettled(code: &'static str) -> Problem {
    Problem::new(code, "this concern is not settled so")
}
