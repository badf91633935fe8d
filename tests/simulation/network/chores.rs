//! What head office does.

use outpost_schema::{
    id::{IncarnationId, NodeId},
    money::{Money, PARTS},
    movement::Cause,
    stock::StockKey,
    verdict::ConcernKind,
};

use super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::{Units, Written},
    office::{Answer, Book, Office as _},
    step::{Chore, Deed},
};

impl<D: Depth> Network<D> {
    pub(super) async fn chore(&mut self, chore: &Chore) -> Check {
        let deed = match chore {
            Chore::Reprice { product, cents } => {
                let price = Money::from_parts(cents * (PARTS / 100)).map_err(|fault| fault.to_string())?;
                Deed::Reprice { product: self.product(*product), price }
            }
            Chore::BeginSlow { product } => Deed::BeginSlow { product: self.product(*product) },
            Chore::EndSlow { commit } => Deed::EndSlow { commit: *commit },
            Chore::Sweep => Deed::Sweep,
            Chore::Confirm => Deed::Confirm,
            Chore::Settle { concern, way, names_act } => return self.settles(*concern, *way, *names_act).await,
            Chore::SettleAgain { settlement } => return self.settles_again(*settlement).await,
            Chore::BackUp => return self.back_up().await,
            Chore::Suspend { till } => Deed::Suspend { node: self.node(*till) },
            Chore::Resume { till } => return self.resume(self.node(*till)).await,
            Chore::Interlude { till, product } => return self.interlude(*till, *product).await,
            Chore::WriteOff { till } => return self.take_away(self.node(*till), true).await,
            Chore::Move { till, to } => return self.relocate(*till, *to).await,
            Chore::Retire { till } => return self.retire(*till).await,
            Chore::RetireLost { till } => return self.retire_lost(*till).await,
            Chore::Reclaim { till } => return self.take_away(self.node(*till), false).await,
            Chore::Expect { till, lines } => return self.expect_delivery(*till, lines).await,
            Chore::GiveUpTransfer { transfer } => return self.give_up_transfer(*transfer).await,
            Chore::ComesLate { till } => return self.comes_late(*till).await,
            Chore::CloseDelivery { delivery } => return self.close_delivery(*delivery).await,
            Chore::Policy { product, kind, policy } => self.lays_down(*product, *kind, *policy),
            Chore::KeepBack { till, units } => self.keeps_back(*till, *units),
        };
        if let Deed::Suspend { .. } = deed {
            self.ledger.explained.insert(ConcernKind::Suspended);
        }
        self.do_with_a_device(&deed).await?;
        self.look_at_the_book().await
    }

    /// A device is suspended while all that is there is lost, of which the others of its place tell; then it goes on.
    async fn interlude(&mut self, till: usize, product: usize) -> Check {
        let Some(number) = self.till(till) else { return Ok(()) };
        let (node, here) = (self.spots[number].card.node_id, self.spots[number].card.warehouse_id);
        let near = |other: &usize| *other != number && self.spots[*other].card.warehouse_id == here;
        let others: Vec<usize> = (0..self.spots.len()).filter(near).collect();
        let Some(other) = others.iter().find_map(|other| self.till(*other)) else { return Ok(()) };
        self.calls(number).await?;
        self.ledger.explained.insert(ConcernKind::Suspended);
        self.do_with_a_device(&Deed::Suspend { node }).await?;
        self.look_at_the_book().await?;
        let there = self.ledger.there(self.key(other, self.product(product)));
        if let Some(act) =
            self.adjust(other, product, Cause::Lost, there).filter(|_| there > 0 && !self.is_retired(other))
        {
            self.does(other, &act).await?;
        }
        for _ in 0..3 {
            for caller in others.iter().copied().chain([number]) {
                self.calls(caller).await?;
            }
        }
        self.resume(node).await
    }

    /// It goes on, and is asked for what is short as the others are.
    async fn resume(&mut self, node: NodeId) -> Check {
        self.do_with_a_device(&Deed::Resume { node }).await?;
        self.look_at_the_book().await?;
        let lives: Vec<_> = self.spots.iter().filter(|spot| spot.card.node_id == node).map(|spot| spot.life).collect();
        let has_some = |key| {
            let open = |life: &IncarnationId| self.book.allotments.get(&(*life, key)).is_some_and(|own| own.open() > 0);
            lives.iter().any(open)
        };
        self.what_is_short_was_asked_for(has_some)
    }

    /// The device of a till, whether it is still there or not.
    pub(super) fn node(&self, nth: usize) -> NodeId {
        self.spots[nth % self.spots.len()].card.node_id
    }

    /// A restored head office may have forgotten the device; one that is closed is so; otherwise it refuses nothing.
    pub(super) async fn do_with_a_device(&mut self, deed: &Deed) -> Check {
        match self.office.act(deed).await {
            Answer::Done => Ok(()),
            Answer::Refused(code) if code == "retired" => Ok(()),
            Answer::Refused(code) => Err(format!("head office could not do {deed:?}: {code}")),
        }
    }

    /// What a device could sell is written off, or others get it: in that case so many are promised twice at most.
    pub(super) async fn take_away(&mut self, node: NodeId, is_lost: bool) -> Check {
        let before = self.office.book().await;
        // Nobody gives up a device that is still to be heard: it may hold more than head office knows.
        if before.is_recovering {
            return Ok(());
        }
        let deed = if is_lost { Deed::WriteOff { node } } else { Deed::Reclaim { node } };
        self.do_with_a_device(&deed).await?;
        let after = self.office.book().await;
        let is_taken = |at: &(IncarnationId, StockKey)| {
            before.allotments.get(at).map_or(0, |own| own.open()) - after.allotments.get(at).map_or(0, |own| own.open())
        };
        let raised = |at: &(IncarnationId, StockKey)| {
            let reclaimed = |book: &Book| book.allotments.get(at).map_or(0, |own| own.reclaimed);
            reclaimed(&after) > reclaimed(&before)
        };
        let taken: Vec<_> = before.allotments.keys().filter(|at| raised(at)).map(|at| (*at, is_taken(at))).collect();
        self.ledger.taken_from.insert(node);
        if is_lost {
            self.ledger.explained.extend([ConcernKind::Suspended, ConcernKind::WrittenOff]);
            for (at, units) in taken {
                let missing = before.written_off.get(&at).copied().unwrap_or_default();
                let own = before.allotments[&at];
                let written = Written { taken: own.consumed + own.returned, units: missing + units };
                self.ledger.written.insert(at, written);
            }
        } else {
            self.ledger.allow(&taken.into_iter().map(|((_, key), units)| (key, units)).collect::<Units>());
        }
        self.look_at_the_book().await
    }

    /// Does what head office never refuses.
    pub(super) async fn deed(&mut self, deed: &Deed) -> Check {
        match self.office.act(deed).await {
            Answer::Done => Ok(()),
            Answer::Refused(code) => Err(format!("head office could not do {deed:?}: {code}")),
        }
    }

    pub(super) async fn back_up(&mut self) -> Check {
        self.book = self.office.book().await;
        let backup = self.office.back_up().await;
        self.laid.back_up();
        let held = (0..self.ledger.ops.len()).filter(|op| self.is_told(&self.ledger.ops[*op])).collect();
        self.backup = Some((backup, held));
        Ok(())
    }

    /// Whether the book has this op, decided or set aside.
    pub(super) fn is_told(&self, op: &crate::ledger::Happened) -> bool {
        self.book.verdict(op.name).is_some()
    }
}
