//! When the feed is read anew, the tables are made equal to it: what is not told goes, and what is this
//! till's own stays: what its uncontained ops made, its carts and allotments.

use std::collections::BTreeSet;

use outpost_schema::{feed::Kind, op::Op, settle::Touched, stock::Level};
use uuid::Uuid;

use super::{
    inbox::Contained,
    journal::{Written, op_of},
    tables::{Laid, Tables},
};

impl Contained<'_> {
    /// Whether the images contain what an entry carries, as it was told by the life that wrote it.
    pub(super) fn has_first_written(&self, written: &Written) -> bool {
        let Some(Op::Carried(carried)) = op_of(&written.entry) else { return false };
        self.has(carried.incarnation_id, carried.entry.seq)
    }
}

impl Tables {
    /// What uncontained own ops did is laid over the images again, if an image that contained them is replaced by
    /// one that does not.
    pub(super) fn lay_anew(&mut self, contained: &Contained<'_>) {
        self.lay_over_deliveries_anew(contained);
        let life = self.life();
        let (upto, set_aside) = contained.of(life);
        let Self { own, stock, .. } = self;
        for written in own.uncontained(upto, set_aside).filter(|written| !contained.has_first_written(written)) {
            let seq = written.entry.seq;
            for (key, change) in written.changed.iter().filter(|(_, change)| *change != Level::default()) {
                let row = stock.entry(*key).or_default();
                if !row.laid.iter().any(|laid| (laid.life, laid.seq) == (life, seq)) {
                    row.laid.push(Laid { life, seq, change: *change });
                }
            }
        }
    }

    /// The feed was read to its end: what it did not tell is not there.
    pub(super) fn end_filling(&mut self, contained: &Contained<'_>) {
        let Some(told) = self.told.take() else { return };
        let own = self.named(contained);
        let stays = |kind, id: Uuid| told.ids.contains(&(kind, id)) || own.contains(&id);
        self.images.retain(|(kind, id), _| stays(*kind, *id));
        self.orders.retain(|id, _| stays(Kind::Order, id.0));
        for (_, row) in self.stock.iter_mut().filter(|(key, _)| !told.stock.contains(key)) {
            row.fed = None;
        }
        self.stock.retain(|_, row| row.fed.is_some() || !row.laid.is_empty());
    }

    /// The ids that uncontained ops of this till name.
    fn named(&self, contained: &Contained<'_>) -> BTreeSet<Uuid> {
        let ops = self.journals().flat_map(|(life, journal)| {
            let (upto, set_aside) = contained.of(life);
            journal.uncontained(upto, set_aside).filter_map(|written| op_of(&written.entry))
        });
        let touched = Touched::by(&ops.collect::<Vec<_>>());
        let people = touched.users.iter().map(|id| id.0).chain(touched.addresses.iter().map(|id| id.0));
        people
            .chain(touched.reviews.iter().map(|id| id.0))
            .chain(touched.orders.iter().map(|id| id.0))
            .chain(touched.returns.iter().map(|id| id.0))
            .collect()
    }
}
