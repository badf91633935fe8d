//! The lives of a device's journal.
//!
//! A device that was put back to an old image cannot tell from its younger self, and neither can we tell
//! whether there are two of it by now. So its next life inherits nothing: what the old one has open stays
//! promised, *in doubt*, until somebody says that no second device sells from it. At its home, where only
//! it sells, the next life gets what the old one had as soon as everything of that has been told.

use std::collections::BTreeSet;

use outpost_schema::{
    clock::Timestamp,
    id::{EpochId, IncarnationId},
    planted::{Bug, is_planted},
    settle::{Author, Raised, Touched},
    stock::StockKey,
    verdict::ConcernKind,
};
use outpost_sync::wire::{Born, Caller, LifeWanted, Standing, UNSETTLED_MAX};
use serde_json::json;

use crate::{
    accept,
    db::{Tx, concerns, grants as promised, journals, lives as rows, ops},
    epoch::{self, stands},
    error::Error,
    grants,
    server::Server,
    stage::{self, Moment, Work},
    withdraw,
};

/// Begins the life that is wanted after the caller's. A repeat is answered as the first time.
///
/// # Errors
/// [`Error::UnknownNode`], [`Error::TooMuch`], [`Error::LifeTaken`], or the database's.
pub async fn begin(server: &Server, caller: Caller, standing: Standing, wanted: &LifeWanted) -> Result<Born, Error> {
    let count = wanted.unsettled.len();
    if count > UNSETTLED_MAX {
        return Err(Error::TooMuch { what: "hashes", count, max: UNSETTLED_MAX });
    }
    let work = |tx: Tx| async move {
        let begun = begin_within(server, &tx, caller, standing, wanted).await?;
        stage::reach(Work::Life, Moment::BeforeCommit);
        Ok(begun)
    };
    let (born, was_moved) = server.db.transaction(work).await?;
    stage::reach(Work::Life, Moment::AfterCommit);
    server.ring();
    if was_moved {
        accept::retry_after_change(server).await?;
    }
    Ok(born)
}

/// A life that is over does not report any more: where its device stands is asked of the next one.
async fn follow(tx: &Tx, caller: Caller, wanted: &LifeWanted) -> Result<bool, Error> {
    let elder = journals::lock(tx, caller.incarnation_id).await?;
    match elder
        .filter(|elder| elder.author.node_id == caller.node_id && elder.report_owed && !elder.author.is_superseded)
    {
        Some(mut elder) => stands::follow(tx, &mut elder.author, wanted.stands.as_ref()).await,
        None => Ok(false),
    }
}

async fn begin_within(
    server: &Server,
    tx: &Tx,
    caller: Caller,
    standing: Standing,
    wanted: &LifeWanted,
) -> Result<(Born, bool), Error> {
    let elder = rows::lock_elder(tx, caller).await?.ok_or(Error::UnknownNode)?;
    let mut was_moved = false;
    let prefix = match rows::prefix_of(tx, wanted.incarnation_id, caller).await? {
        Some(Ok(prefix)) => prefix,
        Some(Err(rows::Taken)) => return Err(Error::LifeTaken),
        None => {
            was_moved = follow(tx, caller, wanted).await?;
            add(server, tx, caller, &elder, wanted).await?
        }
    };
    let theirs = ops::hashes_after(tx, caller.incarnation_id, standing.acked.seq, wanted.unsettled.len()).await?;
    let known = theirs.iter().zip(&wanted.unsettled).take_while(|(had, told)| had == told).count();
    Ok((Born { incarnation_id: wanted.incarnation_id, prefix, known }, was_moved))
}

async fn add(
    server: &Server,
    tx: &Tx,
    caller: Caller,
    elder: &rows::Elder,
    wanted: &LifeWanted,
) -> Result<String, Error> {
    let now = server.now();
    let prefix = prefix(elder);
    rows::supersede(tx, caller.incarnation_id).await?;
    rows::insert(tx, caller, (elder.lives + 1, elder.next), &prefix, wanted, now).await?;
    if is_planted(Bug::LifeInherits) {
        rows::inherit(tx, caller.incarnation_id, wanted.incarnation_id).await?;
    }
    let begun = Raised {
        kind: ConcernKind::LifeBegun,
        subject: caller.incarnation_id.to_string(),
        detail: json!({
            "node": caller.node_id, "reason": wanted.reason, "life": elder.lives + 1, "after": caller.incarnation_id,
            "in_doubt": rows::open_units(tx, caller.incarnation_id).await?,
        }),
        scope: caller.node_id.0,
        seq: None,
    };
    // One surprise, one concern: what was noticed as a fork is told by this one from now on.
    concerns::close(tx, &[(ConcernKind::Fork, caller.incarnation_id.to_string())], now).await?;
    concerns::open(tx, &*server.world, None, &[begun], now).await?;
    Ok(prefix)
}

/// The author of a batch, with those of its earlier lives that only it remembers.
///
/// # Errors
/// If Postgres fails.
pub async fn with_forgotten(tx: &Tx, author: &Author, touched: &Touched, now: Timestamp) -> Result<Author, Error> {
    let mut author = author.clone();
    let is_unknown = |life: &&IncarnationId| **life != author.incarnation_id && !author.elders.contains(life);
    let named: Vec<_> = touched.elders.keys().filter(is_unknown).copied().collect();
    if !named.is_empty() {
        author.elders.extend(rows::remember(tx, author.node_id, &named, now).await?);
    }
    Ok(author)
}

/// The device says that it has told all of these lives: at its home, what they had open is the new one's.
/// Where nothing is left open, nothing is in doubt; but of a fork somebody must look for the second device.
/// Says which stock rows that moved.
///
/// # Errors
/// If Postgres fails.
pub async fn end(
    server: &Server,
    tx: &Tx,
    author: &Author,
    ended: &[IncarnationId],
) -> Result<BTreeSet<StockKey>, Error> {
    let mut moved = BTreeSet::new();
    for life in ended {
        let now = server.now();
        if *life == author.incarnation_id {
            // Its device closes it, to be retired; it is granted nothing meanwhile.
            rows::note_ended(tx, *life, now).await?;
            continue;
        }
        let homes: Vec<_> = author.homes.iter().copied().collect();
        moved.extend(promised::reclaim(tx, *life, Some(&homes), now).await?.keys);
        rows::note_ended(tx, *life, now).await?;
        for home in &homes {
            grants::top_up_warehouse(server, tx, *home).await?;
        }
        // Of a fork, the second device may still sell from what it was granted.
        if rows::has_forked(tx, *life).await? {
            continue;
        }
        epoch::let_go(server, tx, *life).await?;
        // It has told all that it ever will.
        withdraw::look_at(server, tx, Some(*life)).await?;
        if rows::open_units(tx, *life).await? == 0 {
            concerns::close(tx, &[(ConcernKind::LifeBegun, life.to_string())], now).await?;
        }
    }
    Ok(moved)
}

/// Marks the receipts of a device's next life. A database that was put back may have forgotten lives that counted
/// theirs under the next letters: the marks of another epoch are others.
fn prefix(elder: &rows::Elder) -> String {
    let epoch = elder.epoch.map_or_else(String::new, |EpochId(id)| {
        let [.., high, low] = *id.as_bytes();
        format!("{high:02X}{low:02X}")
    });
    format!("{}{}{epoch}", elder.node_prefix, letters(elder.lives))
}

/// The first further life is B, the 26th AA. A device's own prefix ends with a digit, so no two are alike.
fn letters(life: i32) -> String {
    let (mut rest, mut letters) = (u32::try_from(life).unwrap_or_default(), Vec::new());
    loop {
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or_default()));
        rest /= 26;
        if rest == 0 {
            return letters.into_iter().rev().collect();
        }
        rest -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn every_life_has_letters_of_its_own() {
        let cases = [(1, "B"), (25, "Z"), (26, "AA"), (27, "AB"), (701, "ZZ"), (702, "AAA")];
        for (life, expected) in cases {
            assert_eq!(letters(life), expected);
        }
    }
}
