//! What head office does.

use outpost_schema::money::{Money, PARTS};

use super::{Check, Network};
use crate::{
    depth::Depth,
    office::{Answer, Office as _},
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
        };
        self.deed(&deed).await?;
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
