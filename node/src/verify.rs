//! The node's end of a comparison with head office: what it was fed, as prints by ranges of keys, and how
//! what differs is mended.

use std::collections::BTreeSet;

use outpost_schema::{
    digest::{COMPARED, Ids, KeyRange, Print, counts},
    feed::{Aggregate, Key, Kind},
};
use outpost_sync::{
    speak::Since as _,
    verify::{Compared, Held, Holder, Piece, ROUNDS_BETWEEN},
    wire::{DIGEST_EXCEPT_MAX, DIGEST_ROWS_MAX, Findings, Mended, Page},
};
use rusqlite::Connection;

pub use crate::db::checks::Checked;
use crate::{
    db::{
        checks,
        fed::{self, Fed, Own},
        identity, inbox, mend,
    },
    error::Error,
    node::Node,
    stage::Work,
};

impl Holder for Node {
    fn is_due(&self) -> Result<bool, Error> {
        Ok(self.db().read(checks::rounds)? >= ROUNDS_BETWEEN)
    }

    fn put_off(&self) -> Result<(), Error> {
        self.db().write_at(Work::PutOff, |tx| checks::put_off(tx))
    }

    fn held(&self, anew: bool, rows: usize) -> Result<Option<Held>, Error> {
        if anew {
            self.db().write_at(Work::Walk, |tx| checks::begin(tx))?;
        }
        self.db().read(|conn| {
            // What it was granted by now is not told to a life that is over, so it cannot be compared.
            if identity::load(conn)?.state.ending().is_some() {
                return Ok(None);
            }
            let Some(cursor) = inbox::position(conn)?.cursor else { return Ok(None) };
            let (pieces, next) = walk(conn, checks::place(conn)?, rows)?;
            Ok(Some(Held { cursor, pieces, next }))
        })
    }

    fn held_in(&self, ranges: &[KeyRange]) -> Result<Vec<Piece>, Error> {
        self.db().read(|conn| {
            let own = Own::load(conn)?;
            ranges
                .iter()
                .map(|range| Ok(piece(range.clone(), fed::rows(conn, range, usize::MAX)?, own.within(conn, range)?)))
                .collect()
        })
    }

    fn mend(&self, cursor: &str, covered: &KeyRange, page: &Page) -> Result<Option<Vec<Mended>>, Error> {
        let made_here = self.made_here(page)?;
        let done = self.db().write_at(Work::Mend, |tx| {
            let now = self.world().now();
            let done = mend::mend(tx, cursor, covered, page, &made_here, now)?;
            if let Some((mended, _)) = &done {
                checks::note_mended(tx, mended, now)?;
            }
            Ok(done)
        })?;
        let Some((mended, carts)) = done else { return Ok(None) };
        self.tell_carts(&carts);
        for Mended { key, damage } in &mended {
            tracing::warn!(?key, ?damage, "a row was not what it had been fed; it was fetched again");
        }
        Ok(Some(mended))
    }

    fn findings(&self) -> Result<Findings, Error> {
        self.db().read(checks::findings)
    }

    fn findings_heard(&self, report: &Findings) -> Result<(), Error> {
        if report.fresh.is_empty() {
            return Ok(());
        }
        self.db().write_at(Work::FindingsHeard, |tx| checks::findings_heard(tx, &report.fresh))
    }

    fn move_on(&self, held: &Held, compared: &Compared) -> Result<(), Error> {
        let rows = compared.rows.iter().map(|(_, rows)| rows).sum();
        self.db().write_at(Work::MoveOn, |tx| {
            checks::move_on(tx, &held.next, rows, compared.unexplained, self.world().now())
        })
    }
}

impl Node {
    /// How far this device has compared itself with head office, and what came of it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn checked(&self) -> Result<Checked, Error> {
        self.db().read(checks::checked)
    }

    /// What the journal made, if the page takes anything away that a journal can make. The journal may be
    /// long, and entries never change: it is read before anybody has to wait for it.
    fn made_here(&self, page: &Page) -> Result<BTreeSet<Key>, Error> {
        const MADE: [Kind; 6] =
            [Kind::Order, Kind::User, Kind::Address, Kind::Review, Kind::Return, Kind::Confirmation];
        let is_made = |told: &Aggregate| matches!(told, Aggregate::Gone(key) if MADE.contains(&key.kind));
        if page.aggregates.iter().any(is_made) { self.db().read(fed::made_here) } else { Ok(BTreeSet::new()) }
    }
}

/// The next slice from a place: pieces of one kind after another, until there are so many rows.
fn walk(conn: &Connection, place: checks::Place, rows: usize) -> Result<(Vec<Piece>, checks::Place), Error> {
    let all = Own::load(conn)?;
    let (first, mut after) = place.unwrap_or((COMPARED[0], None));
    // What head office had no word for when it told the feed it cannot be asked about.
    let told_in = inbox::told_in(conn)?;
    let kinds = COMPARED.into_iter().filter(|kind| kind.since() <= told_in).skip_while(|kind| *kind != first);
    let (mut pieces, mut left, mut own_left) = (Vec::new(), rows.clamp(1, DIGEST_ROWS_MAX), DIGEST_EXCEPT_MAX);
    for kind in kinds {
        if left == 0 {
            return Ok((pieces, Some((kind, None))));
        }
        let mut range = KeyRange { kind, after: after.take(), upto: None };
        let mut held = fed::rows(conn, &range, left)?;
        range.upto = held.upto.clone();
        let mut own = all.within(conn, &range)?;
        // More that is its own than one question may name: the slice ends before.
        if own.len() > own_left {
            let Some(last) = own.iter().take(own_left).next_back().cloned() else {
                return Ok((pieces, Some((kind, range.after))));
            };
            range.upto = Some(last);
            own.retain(|ids| range.has(ids));
            held.rows.retain(|ids, _| range.has(ids));
        }
        (left, own_left) = (left.saturating_sub(held.rows.len()), own_left.saturating_sub(own.len()));
        let upto = range.upto.clone();
        pieces.push(piece(range, held, own));
        if upto.is_some() {
            return Ok((pieces, Some((kind, upto))));
        }
    }
    Ok((pieces, None))
}

fn piece(range: KeyRange, held: Fed, own: BTreeSet<Ids>) -> Piece {
    let counted = held.rows.into_iter().filter(|(ids, row)| !own.contains(ids) && row.as_ref().is_none_or(counts));
    let print = |(ids, row): (Ids, Option<Aggregate>)| match row {
        Some(aggregate) => (ids, Print::of(aggregate)),
        None => {
            let print = Print::unreadable(&Key { kind: range.kind, ids: ids.clone() });
            (ids, print)
        }
    };
    Piece { rows: counted.map(print).collect(), own: own.into_iter().collect(), range }
}
