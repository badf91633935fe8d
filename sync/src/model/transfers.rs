//! What head office does about goods on the road: it writes off what will not come.

use outpost_schema::{
    feed::{Aggregate, Kind},
    id::TransferId,
    settle::Raised,
    transfer::Transfer,
};

use super::{feed::Id, ledger::Ledger};
use crate::wire::Problem;

impl Ledger {
    /// Gives up what is on the road of a transfer: at the sender it comes back from there, and is lost.
    pub(super) fn write_off_transfer(&mut self, id: TransferId) -> Result<(), Problem> {
        let unknown = || Problem::new("not_found", "there is no such transfer");
        let transfer = self.known.transfers.get_mut(&id).ok_or_else(unknown)?;
        if !transfer.complete {
            return Err(Problem::new("still_open", "more of this transfer may come"));
        }
        let lost = transfer.write_off();
        let transfer = transfer.clone();
        for (key, units) in lost {
            *self.transferred.entry(key.product_id).or_default() += units;
        }
        self.look_at_transfer(&transfer);
        self.tell_transfer(&transfer);
        Ok(())
    }

    /// Opens and closes the concerns of a transfer, as its sums now ask.
    fn look_at_transfer(&mut self, transfer: &Transfer) {
        for surprise in transfer.surprises() {
            let (kind, (subject, detail, scope)) = (surprise.kind, transfer.concern(&surprise));
            match surprise.units() {
                0 => self.close_concerns(vec![(kind, subject)]),
                _ => self.open_concerns(vec![Raised { kind, subject, detail, scope, seq: None }]),
            }
        }
    }

    /// A transfer is told wherever it left, goes or came.
    pub(super) fn tell_transfer(&mut self, transfer: &Transfer) {
        let mut places = transfer.places().into_iter().map(|place| place.0);
        if let Some(place) = places.next() {
            let (id, aggregate) = (transfer.transfer_id.0, Aggregate::Transfer(Box::new(transfer.clone())));
            self.feed.tell_all(Id::one(Kind::Transfer, id), place, places.collect(), aggregate);
        }
    }
}
