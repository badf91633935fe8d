//! The lives of a device's journal. The next one inherits nothing: what the old one has open stays promised,
//! in doubt. At its home, where only it sells, the next life gets it as soon as everything of that is told.

use std::collections::BTreeSet;

use outpost_schema::{
    device::IncarnationState,
    id::IncarnationId,
    settle::{Author, Raised},
    stock::StockKey,
    verdict::ConcernKind,
};
use serde_json::json;

use super::{journal::Journal, ledger::Ledger};
use crate::{
    round::LIFE_TAKEN,
    wire::{Born, Caller, LifeWanted, Problem, Standing},
};

impl Ledger {
    pub(super) fn begin_life(
        &mut self,
        caller: Caller,
        standing: Standing,
        wanted: &LifeWanted,
    ) -> Result<Born, Problem> {
        let elder = self.journal(caller)?;
        let after = usize::try_from(standing.acked.seq).unwrap_or_default();
        let theirs = elder.ops.iter().skip(after).map(|(hash, _)| hash);
        let known = theirs.zip(&wanted.unsettled).take_while(|(had, told)| had == told).count();
        let prefix = match self.journals.get(&wanted.incarnation_id) {
            None => self.add_life(caller, wanted),
            Some(born) if born.after == Some(caller.incarnation_id) && born.ops.is_empty() => born.prefix.clone(),
            Some(_) => return Err(Problem::new(LIFE_TAKEN, "this life was begun otherwise; make a new id")),
        };
        Ok(Born { incarnation_id: wanted.incarnation_id, prefix, known })
    }

    fn add_life(&mut self, caller: Caller, wanted: &LifeWanted) -> String {
        let Caller { node_id, incarnation_id: elder } = caller;
        if self.journals.get(&elder).is_some_and(|journal| journal.report_owed) {
            self.follow(node_id, wanted.stands.as_ref());
        }
        let elders = self.lives(node_id).map(|journal| journal.author.incarnation_id).collect();
        let number = self.lives(node_id).map(|journal| journal.number).max().unwrap_or_default() + 1;
        // A suspended device stays suspended.
        let newest = self.lives(node_id).max_by_key(|journal| journal.number);
        let told_off = self.concerns.contains_key(&(ConcernKind::Suspended, node_id.to_string()));
        // Also where its newest life was frozen before it was.
        let is_suspended = told_off || newest.is_some_and(Journal::is_suspended);
        let Some(journal) = self.journals.get_mut(&elder) else { return String::new() };
        journal.supersede();
        let in_doubt = journal.open_units();
        let incarnation_id = wanted.incarnation_id;
        let author = Author { incarnation_id, elders, is_superseded: false, ..journal.author.clone() };
        let prefix = format!("M{}", self.fresh().as_u64_pair().1);
        let mut born = Journal::of(author, number, Some(elder), prefix.clone());
        if self.retired.contains(&node_id) {
            born.state = IncarnationState::Retired;
        } else if is_suspended {
            born.state = IncarnationState::Suspended;
        }
        self.journals.insert(incarnation_id, born);
        // One surprise, one concern: what was noticed as a fork is told by this one from now on.
        self.close_concerns(vec![(ConcernKind::Fork, elder.to_string())]);
        let (kind, subject) = (ConcernKind::LifeBegun, elder.to_string());
        let detail = json!({ "node": node_id, "reason": wanted.reason, "life": number, "in_doubt": in_doubt });
        self.open_concerns(vec![Raised { kind, subject, detail, scope: node_id.0, seq: None }]);
        prefix
    }

    /// Keeps earlier lives that the database forgot and a later one of the same device names, so that what is
    /// carried from them has its place.
    pub(super) fn remember_lives<'a>(&mut self, life: IncarnationId, named: impl Iterator<Item = &'a IncarnationId>) {
        for forgotten in named {
            let Some(journal) = self.journals.get(&life).filter(|_| !self.journals.contains_key(forgotten)) else {
                continue;
            };
            let (elders, node_id) = (BTreeSet::new(), journal.author.node_id);
            let author = Author { incarnation_id: *forgotten, elders, ..journal.author.clone() };
            let mut over = Journal::of(author, 0, None, String::new());
            over.supersede();
            self.journals.insert(*forgotten, over);
            for journal in self.journals.values_mut().filter(|journal| journal.author.node_id == node_id) {
                if journal.number > 0 {
                    journal.author.elders.insert(*forgotten);
                }
            }
        }
    }

    /// The device says that it has told all of these lives. Where nothing is left open, nothing is in doubt;
    /// but of a fork somebody must look for the second device.
    pub(super) fn end_lives(&mut self, life: IncarnationId, ended: &[IncarnationId]) -> Vec<StockKey> {
        let mut moved = Vec::new();
        for over in ended.iter().filter(|over| **over != life) {
            let homes = self.journals.get(&life).map(|journal| journal.author.homes.clone()).unwrap_or_default();
            for home in homes {
                moved.extend(self.reclaim(*over, home));
                self.top_up_warehouse(home);
            }
            let has_forked = |journal: &&Journal| journal.state == IncarnationState::Frozen;
            if self.journals.get(over).as_ref().is_none_or(has_forked) {
                continue;
            }
            self.let_go(*over);
            // It has told all that it ever will.
            self.journals.entry(*over).and_modify(|journal| journal.told_upto = usize::MAX);
            self.look_at_short_rows();
            if self.journals.get(over).is_some_and(|journal| journal.open_units() == 0) {
                self.close_concerns(vec![(ConcernKind::LifeBegun, over.to_string())]);
            }
        }
        moved
    }
}
