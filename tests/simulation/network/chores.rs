//! What head office does.

use outpost_schema::{
    id::{IncarnationId, NodeId},
    money::{Money, PARTS},
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
            Chore::BackUp => return self.back_up().await,
            Chore::Suspend { till } => Deed::Suspend { node: self.node(*till) },
            Chore::Resume { till } => Deed::Resume { node: self.node(*till) },
            Chore::WriteOff { till } => return self.take_away(self.node(*till), true).await,
            Chore::Reclaim { till } => return self.take_away(self.node(*till), false).await,
        };
        if let Deed::Suspend { .. } = deed {
            self.ledger.explained.insert(ConcernKind::Suspended);
        }
        self.do_with_a_device(&deed).await?;
        self.look_at_the_book().await
    }

    /// The device of a till, whether it is still there or not.
    fn node(&self, nth: usize) -> NodeId {
        self.spots[nth % self.spots.len()].card.node_id
    }

    /// A restored head office may have forgotten the device; otherwise it refuses nothing.
    async fn do_with_a_device(&mut self, deed: &Deed) -> Check {
        match self.office.act(deed).await {
            Answer::Done => Ok(()),
            Answer::Refused(code) => Err(format!("head office could not do {deed:?}: {code}")),
        }
    }

    /// What a device could sell is written off, or others get it: in that case so many are promised twice at most.
    async fn take_away(&mut self, node: NodeId, is_lost: bool) -> Check {
        let before = self.office.book().await;
        // Nobody gives up a device that is still to be heard: it may hold more than head office knows.
        if before.is_recovering {
            return Ok(());
        }
        let deed = if is_lost { Deed::WriteOff { node } } else { Deed::Reclaim { node } };
        self.do_with_a_device(&deed).await?;
        self.book = self.office.book().await;
        let is_taken = |at: &(IncarnationId, StockKey)| {
            before.allotments.get(at).map_or(0, |own| own.open())
                - self.book.allotments.get(at).map_or(0, |own| own.open())
        };
        let raised = |at: &(IncarnationId, StockKey)| {
            let reclaimed = |book: &Book| book.allotments.get(at).map_or(0, |own| own.reclaimed);
            reclaimed(&self.book) > reclaimed(&before)
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

    async fn back_up(&mut self) -> Check {
        self.book = self.office.book().await;
        let backup = self.office.back_up().await;
        let held = (0..self.ledger.ops.len()).filter(|op| self.is_told(&self.ledger.ops[*op])).collect();
        self.backup = Some((backup, held));
        Ok(())
    }

    /// Whether the book has this op, decided or set aside.
    pub(super) fn is_told(&self, op: &crate::ledger::Happened) -> bool {
        self.book.verdict(op.name).is_some()
    }
}
