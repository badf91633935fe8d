//! Devices that leave in good order, as head office does it.

use outpost_schema::{
    device::IncarnationState,
    id::{NodeId, WarehouseId},
    leaving::{Leaving, Missing},
    settle::Raised,
    verdict::ConcernKind,
};
use serde_json::json;

use super::{feed::stands_at, ledger::Ledger};
use crate::wire::Problem;

impl Ledger {
    /// The device is closed once it has told all and given all back; as long as something is missing it is suspended.
    /// One that is lost will never say that it has told all.
    pub(super) fn retire(&mut self, node_id: NodeId, is_lost: bool) -> Result<(), Problem> {
        self.is_in_use(node_id)?;
        self.suspend(node_id);
        let is_closed = self.lives(node_id).max_by_key(|journal| journal.number).is_some_and(|newest| newest.is_closed);
        self.leaving(node_id).keeps_it_open(is_closed, is_lost).map_or(Ok(()), |missing| Err(problem(missing)))?;
        let (kind, subject) = (ConcernKind::Suspended, node_id.to_string());
        let detail = json!({ "node": node_id, "retired": true });
        self.open_concerns(vec![Raised { kind, subject: subject.clone(), detail, scope: node_id.0, seq: None }]);
        self.close_concerns(vec![(kind, subject)]);
        for journal in self.journals.values_mut().filter(|journal| journal.author.node_id == node_id) {
            if journal.is_suspended() || journal.state == IncarnationState::Active {
                journal.state = IncarnationState::Retired;
            }
            let left = std::mem::take(&mut journal.author.homes);
            journal.author.left_homes.extend(left);
            journal.author.is_closed = true;
        }
        self.homes.retain(|_, owner| *owner != node_id);
        self.retired.insert(node_id);
        Ok(())
    }

    /// The device goes on at another place, perhaps as its home, once it has given all back; if it was suspended it is
    /// so no longer.
    pub(super) fn relocate(&mut self, node_id: NodeId, to: WarehouseId, is_home: bool) -> Result<(), Problem> {
        self.is_in_use(node_id)?;
        let newest = self.lives(node_id).max_by_key(|journal| journal.number).map(|journal| &journal.author);
        if newest
            .is_some_and(|author| stands_at(author).any(|place| *place == to) && author.homes.contains(&to) != is_home)
        {
            return Err(Problem::new("stands_there", "it stands there already"));
        }
        self.leaving(node_id).keeps_it_here().map_or(Ok(()), |missing| Err(problem(missing)))?;
        if is_home && *self.homes.entry(to).or_insert(node_id) != node_id {
            return Err(Problem::new("home_taken", "another device sells from there alone"));
        }
        self.move_to(node_id, to, is_home);
        self.resume(node_id);
        Ok(())
    }

    /// It stands there from now on.
    pub(super) fn move_to(&mut self, node_id: NodeId, to: WarehouseId, is_home: bool) {
        for journal in self.journals.values_mut().filter(|journal| journal.author.node_id == node_id) {
            let author = &mut journal.author;
            author.former.extend(std::mem::take(&mut author.warehouses));
            author.former.remove(&to);
            author.warehouses = author.former.iter().copied().chain([to]).collect();
            author.left_homes.extend(std::mem::take(&mut author.homes));
            author.left_homes.remove(&to);
            author.homes.extend(is_home.then_some(to));
        }
        self.homes.retain(|_, owner| *owner != node_id);
        self.homes.extend(is_home.then_some((to, node_id)));
    }

    /// Nothing is done to a device that is closed.
    pub(super) fn is_in_use(&self, node_id: NodeId) -> Result<(), Problem> {
        let retired = || Problem::new("retired", "this device is retired");
        if self.retired.contains(&node_id) { Err(retired()) } else { Ok(()) }
    }

    /// What there still is of a device where it stands.
    pub(super) fn leaving(&self, node_id: NodeId) -> Leaving {
        let open = self.lives(node_id).map(|journal| journal.open_units()).sum();
        let waiting: usize = self.lives(node_id).map(|journal| journal.set_aside.len()).sum();
        let is_unheard = self.lives(node_id).any(|journal| journal.report_owed);
        Leaving { open, waiting: i64::try_from(waiting).unwrap_or(i64::MAX), is_unheard }
    }
}

pub(super) fn problem(missing: Missing) -> Problem {
    Problem::new(missing.code(), "the device is still in use")
}
