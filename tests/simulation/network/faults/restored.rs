//! Head office goes on from its backup.

use std::collections::BTreeMap;

use outpost_schema::{id::IncarnationId, stock::StockKey, verdict::ConcernKind};

use super::super::{Check, Network};
use crate::{
    depth::Depth,
    ledger::{Units, Written},
    office::Office as _,
};

impl<D: Depth> Network<D> {
    /// A write-off that head office forgot, and of which the device had heard, is only a reclaim to it: its units are
    /// nobody's, and what was sold of them is still to be told.
    fn forget_write_offs(&mut self, before: &BTreeMap<(IncarnationId, StockKey), i64>) {
        let forgotten: Units = before
            .iter()
            .map(|(at, units)| (at.1, units - self.book.written_off.get(at).copied().unwrap_or_default()))
            .collect();
        self.ledger.allow(&forgotten);
        let book = &self.book;
        self.ledger.written.retain(|at, _| book.written_off.contains_key(at));
        for (at, written) in &mut self.ledger.written {
            let own = book.allotments.get(at).copied().unwrap_or_default();
            *written = Written { taken: own.consumed + own.returned, units: book.written_off[at] };
        }
    }

    /// Head office forgets what came after its backup. What it had only told is told no more: a hold, and what
    /// an old copy of a till, whose word is no evidence, was granted.
    pub(super) async fn office_put_back(&mut self) -> Check {
        let Some((backup, held)) = self.backup.take() else { return Ok(()) };
        self.tally.office_put_back += 1;
        self.book = self.office.book().await;
        let (held_before, missing_before) = (self.book.holds.clone(), self.book.written_off.clone());
        let left = self.who_left_home();
        self.office.put_back(&backup).await;
        self.laid.put_back();
        self.spots.iter_mut().for_each(|spot| spot.is_told_off = false);
        self.tear_up_cards();
        self.short.forget();
        self.book = self.office.book().await;
        let forgotten: Vec<_> = held_before.iter().filter(|(line, _)| !self.book.holds.contains_key(line)).collect();
        self.ledger.allow(&forgotten.iter().map(|((_, key), units)| (*key, **units)).collect::<Units>());
        for ((hold, key), _) in forgotten {
            self.ledger.end_lines(*hold, |of| of == *key);
        }
        self.forget_write_offs(&missing_before);
        self.forget_who_left_home(&left);
        self.forget_deliveries();
        self.forget_what_was_given_up();
        self.forget_confirmations();
        self.settled.forget(&self.book);
        // It may have forgotten as well that a hold lasts longer.
        let extended: Vec<_> =
            self.ledger.holds.values_mut().filter(|held| held.is_extended && !held.is_over).collect();
        let extended = extended.into_iter().flat_map(|held| {
            held.is_over = true;
            held.lines.clone()
        });
        let extended: Units = extended.collect();
        self.ledger.allow(&extended);
        let doubtful = self.spots.iter().filter(|spot| spot.is_doubtful);
        let unheard: Units = doubtful.flat_map(|spot| spot.open.iter().map(|(key, units)| (*key, *units))).collect();
        self.ledger.allow(&unheard);
        self.lose((0..self.ledger.ops.len()).collect());
        self.carts_are_doubtful();
        self.ledger.explained.extend([ConcernKind::ServerRestored, ConcernKind::JournalHole, ConcernKind::Unbacked]);
        self.backup = Some((backup, held));
        self.look_at_the_book().await
    }
}
