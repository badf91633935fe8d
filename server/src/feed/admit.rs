//! Whether a reader may be told anything, and from where on: the two must agree first where its journal and its feed stand.

use outpost_schema::{
    device::IncarnationState,
    planted::{Bug, is_planted},
};
use outpost_sync::wire::{Pulled, Standing};

use super::{
    Unserved,
    cursor::{Cursor, Places, Position, Snapshot},
};
use crate::{db::feed::Opening, epoch::Claim};

/// What a pull is answered with.
pub(super) enum Admitted {
    /// No page: the two must agree first.
    Told(Pulled),
    /// No page: the caller was told more than the database knows.
    Ahead(Claim),
    /// The next page of this run.
    Go(Step),
}

/// Whether a reader that says it stands at `cursor`, between two runs, and the server agree on where its
/// journal and its feed stand. What else is wrong with the cursor is an error, as for a pull.
pub(crate) fn is_agreed(opening: &Opening, standing: Standing, cursor: &Cursor) -> Result<bool, Unserved> {
    match admit(opening, standing, Some(cursor))? {
        Admitted::Go(step) => Ok(step.is_first),
        Admitted::Told(_) | Admitted::Ahead(_) => Ok(false),
    }
}

/// One page of a run.
pub(super) struct Step {
    pub(super) since: Snapshot,
    pub(super) upto: Snapshot,
    pub(super) after: Position,
    pub(super) is_first: bool,
}

/// Whether the caller may have a page, and which. Pure.
pub(super) fn admit(opening: &Opening, standing: Standing, cursor: Option<&Cursor>) -> Result<Admitted, Unserved> {
    if cursor.is_some_and(|cursor| cursor.epoch != opening.epoch) {
        return Ok(Admitted::Told(Pulled::OtherEpoch { epoch: opening.epoch }));
    }
    if cursor.is_some() && standing.acked.seq > opening.acked.seq {
        return Ok(Admitted::Ahead(Claim::Acknowledged(standing.acked.seq)));
    }
    if !agrees(opening, standing) {
        return Ok(Admitted::Told(Pulled::Elsewhere { acked: opening.acked }));
    }
    let places = Places::of(&opening.scopes.warehouses);
    if cursor.and_then(|cursor| cursor.places).is_some_and(|told_for| told_for != places) {
        return Err(Unserved::OtherPlaces);
    }
    let since = cursor.map_or_else(Snapshot::nothing, |cursor| cursor.since.clone());
    let run = cursor.and_then(|cursor| cursor.run.as_ref());
    for snapshot in [Some(&since), run.map(|run| &run.upto)].into_iter().flatten() {
        if snapshot.xmax() > opening.snapshot.xmax() {
            return Ok(Admitted::Ahead(Claim::Read(snapshot.xmax())));
        }
        // Who has been told nothing yet misses no note of what is gone.
        if *snapshot != Snapshot::nothing() && snapshot.xmin() <= opening.dropped {
            return Err(Unserved::TooLongAway);
        }
    }
    let (upto, after) = match run {
        Some(run) => (run.upto.clone(), run.after.clone()),
        None if is_planted(Bug::WatermarkAsCursor) => (opening.snapshot.all_before_xmin(), Position::start(&since)),
        None => (opening.snapshot.clone(), Position::start(&since)),
    };
    Ok(Admitted::Go(Step { since, upto, after, is_first: run.is_none() }))
}

/// Whether the caller and the book know the same of its journal, so that it may be told what is its own.
pub(crate) fn agrees(opening: &Opening, standing: Standing) -> bool {
    standing.acked == opening.acked || is_known_fork(opening, standing)
}

/// Of a frozen journal two devices tell different ends, and both still hear the news. One whose journal
/// ends before what the book has was set back to an old image, and must hear that first.
fn is_known_fork(opening: &Opening, standing: Standing) -> bool {
    opening.state == IncarnationState::Frozen && standing.head.seq >= opening.acked.seq
}
