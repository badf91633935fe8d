//! The laws, each a function that says where it is broken. To add one, write it here and name it in the list.

use outpost_schema::{stock::StockKey, verdict::ConcernKind};

use crate::{
    depth::Depth,
    device::Device as _,
    network::{Check, Network},
    office::Book,
};

/// Looks at the book alone.
type OfBook = fn(&Book) -> Option<String>;

const OF_THE_BOOK: [OfBook; 5] =
    [own_laws, balance_is_the_sum_of_movements, promised_is_the_sum_of_promises, what_is_short_has_its_concern, sound];

/// Checks every law that can be checked at any moment.
///
/// # Errors
/// The first that is broken.
pub fn check<D: Depth>(network: &Network<D>) -> Check {
    OF_THE_BOOK.iter().find_map(|law| law(&network.book)).map_or(Ok(()), Err)?;
    for key in network.ledger.rows.keys() {
        no_unit_is_promised_twice(network, *key)?;
    }
    what_is_written_off_was_not_told_since(network)?;
    what_was_held_is_held(network)?;
    nothing_is_held_untold(network)?;
    network.deliveries_are_what_came()?;
    network.what_was_given_up_is_lost()?;
    head_office_never_knows_less(network)
}

fn own_laws(book: &Book) -> Option<String> {
    book.broken.first().map(|law| format!("the book says of itself: {law}"))
}

fn balance_is_the_sum_of_movements(book: &Book) -> Option<String> {
    let wrong = |(key, level): (&StockKey, &outpost_schema::stock::Level)| {
        let moved = book.movements.get(key).copied().unwrap_or(0);
        (moved != level.balance).then(|| format!("movements of {key:?} sum to {moved}, and the book says {level:?}"))
    };
    book.levels.iter().find_map(wrong)
}

fn promised_is_the_sum_of_promises(book: &Book) -> Option<String> {
    let wrong = |(key, level): (&StockKey, &outpost_schema::stock::Level)| {
        let promised = book.promises.get(key).copied().unwrap_or(0);
        (promised != level.promised)
            .then(|| format!("promises of {key:?} sum to {promised}, and the book says {level:?}"))
    };
    book.levels.iter().find_map(wrong)
}

fn what_is_short_has_its_concern(book: &Book) -> Option<String> {
    let is_short = |level: &outpost_schema::stock::Level| level.owed() > 0 || level.unbacked() > 0;
    let rows = book.levels.iter().filter(|(_, level)| is_short(level) || !book.concerns.is_empty());
    rows.into_iter().find_map(|(key, level)| {
        let subject = format!("{}/{}", key.product_id, key.warehouse_id);
        let figures = [(ConcernKind::Owed, level.owed()), (ConcernKind::Unbacked, level.unbacked())];
        let wrong =
            figures.into_iter().find(|(kind, units)| (*units > 0) != book.concerns.contains(&(*kind, subject.clone())));
        wrong.map(|(kind, units)| format!("{key:?} has {units} {kind:?}, and the concern says otherwise"))
    })
}

fn sound(book: &Book) -> Option<String> {
    let negative = |(key, level): (&StockKey, &outpost_schema::stock::Level)| {
        (level.promised < 0).then(|| format!("{key:?} has {level:?}"))
    };
    book.levels.iter().find_map(negative)
}

/// What all tills may sell without asking, what is held and what is owed is there, up to what a limit allows.
fn no_unit_is_promised_twice<D: Depth>(network: &Network<D>, key: StockKey) -> Check {
    let Some(row) = network.ledger.rows.get(&key) else { return Ok(()) };
    // What a till that is dark may sell is seen when it is switched on again, in the same step, and looked at then: until
    // then it sells nothing, and nobody knows what it gave back in the call in which its power went out.
    let is_lit = |spot: &&crate::network::Spot<D>| spot.device.as_ref().is_none_or(|device| !device.is_dark());
    let open: i64 = network.spots.iter().filter(is_lit).filter_map(|spot| spot.open.get(&key)).sum();
    let held = network.ledger.held(key);
    let owed = network.ledger.owed(key);
    let promised = open + held + owed;
    if promised <= row.there + row.excess || promised <= row.there + row.excess + network.unsure(key) {
        return Ok(());
    }
    Err(format!(
        "{key:?}: {open} may be sold without asking, {held} are held, {owed} are owed, and there are {} (a limit allows {} more)",
        row.there, row.excess
    ))
}

/// Of what was written off with a device no more is missing than it has not told of since.
fn what_is_written_off_was_not_told_since<D: Depth>(network: &Network<D>) -> Check {
    for (at, missing) in &network.book.written_off {
        let Some(written) = network.ledger.written.get(at) else { continue };
        let own = network.book.allotments.get(at).copied().unwrap_or_default();
        // What came in damaged never was among what is lost.
        let passed = network.ledger.passed.get(at).copied().unwrap_or_default();
        let told = own.consumed + own.returned - written.taken - passed;
        if *missing > (written.units - told).max(0) {
            return Err(format!("{missing} of {at:?} are missing, of {} lost {told} were told since", written.units));
        }
    }
    Ok(())
}

/// A hold that somebody was told of stands until it is over.
fn what_was_held_is_held<D: Depth>(network: &Network<D>) -> Check {
    for (hold_id, held) in network.ledger.holds.iter().filter(|(_, held)| !held.is_over) {
        for (key, units) in &held.lines {
            let kept = network.book.holds.get(&(*hold_id, *key));
            if kept != Some(units) {
                return Err(format!(
                    "somebody was told of hold {hold_id} of {units} units of {key:?}, and the book has {kept:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Nothing is held of which nobody was told: units that nobody knows of are sold to nobody.
fn nothing_is_held_untold<D: Depth>(network: &Network<D>) -> Check {
    let untold = network.book.holds.keys().find(|(hold_id, _)| !network.ledger.holds.contains_key(hold_id));
    untold.map_or(Ok(()), |line| Err(format!("the book holds {line:?}, and nobody was told")))
}

/// Head office has granted at least what a till heard, and knows of at most what it sold and gave back: so it keeps
/// promised at least what the till may sell, but for goods that came in there and of which it has not heard.
fn head_office_never_knows_less<D: Depth>(network: &Network<D>) -> Check {
    let is_settled = |spot: &&crate::network::Spot<D>| !spot.is_doubtful && !network.book.is_recovering;
    for spot in network.spots.iter().filter(is_settled) {
        let Some(device) = spot.device.as_ref().filter(|device| !device.is_dark()) else { continue };
        let life = spot.life;
        for key in spot.open.keys() {
            let ours = device.allotment(*key);
            let theirs = network.book.allotments.get(&(life, *key)).copied().unwrap_or_default();
            let is_sound = theirs.granted >= ours.granted
                && theirs.consumed <= ours.consumed
                && theirs.returned <= ours.returned
                && theirs.received <= ours.received
                && theirs.granted - theirs.consumed - theirs.returned >= ours.granted - ours.consumed - ours.returned;
            if ours.reclaimed > 0 && !network.ledger.taken_from.contains(&spot.card.node_id) {
                return Err(format!("{} lost {ours:?} of {key:?} to nobody who asked for it", spot.card.name));
            }
            if !is_sound {
                return Err(format!("{} has {ours:?} of {key:?}, and head office {theirs:?}", spot.card.name));
            }
        }
    }
    Ok(())
}
