//! Carts that ride beside a push: judged, merged under the lock of their row, or kept aside until the
//! states they repeat have arrived themselves.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::{Cart, Shelf},
    clock::Timestamp,
    id::{CartId, IncarnationId, UserId},
    settle::{Author, Raised},
    verdict::ConcernKind,
};
use serde_json::json;

use crate::{
    db::{Tx, carts as kept},
    error::Error,
};

/// Takes in the carts of a push; tells what people must look at.
///
/// # Errors
/// If Postgres fails.
pub async fn take(tx: &Tx, author: &Author, sent: &[Cart], now: Timestamp) -> Result<Vec<Raised>, Error> {
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let ids: BTreeSet<CartId> = sent.iter().map(Cart::cart_id).collect();
    let ids: Vec<CartId> = ids.into_iter().collect();
    let known = kept::lock(tx, &ids).await?;
    let before: BTreeSet<CartId> = known.keys().copied().collect();
    let mut owners: BTreeSet<UserId> = known.values().map(Cart::owner).collect();
    let mut shelves = shelves(known, kept::aside(tx, &ids).await?);
    let is_clock_ahead = sort_in(&mut shelves, author, sent, now);

    let merged: Vec<&Cart> =
        shelves.values().filter(|shelf| shelf.is_merged).filter_map(|shelf| shelf.known.as_ref()).collect();
    owners.extend(merged.iter().map(|cart| cart.owner()));
    kept::write(tx, &merged, &before, now).await?;
    keep_aside(tx, &shelves, now).await?;
    if !merged.is_empty() {
        kept::show_active(tx, &owners.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok(raised(&shelves, author, is_clock_ahead, now))
}

fn shelves(
    known: BTreeMap<CartId, Cart>,
    mut aside: BTreeMap<CartId, Vec<(IncarnationId, Cart)>>,
) -> BTreeMap<CartId, Shelf> {
    let mut shelves: BTreeMap<CartId, Shelf> = known
        .into_iter()
        .map(|(id, cart)| {
            (id, Shelf { known: Some(cart), aside: aside.remove(&id).unwrap_or_default(), ..Shelf::default() })
        })
        .collect();
    shelves.extend(aside.into_iter().map(|(id, aside)| (id, Shelf { aside, ..Shelf::default() })));
    shelves
}

/// Says whether a stamp lay ahead and was capped.
fn sort_in(shelves: &mut BTreeMap<CartId, Shelf>, author: &Author, sent: &[Cart], now: Timestamp) -> bool {
    let mut was_capped = false;
    for cart in sent {
        let mut cart = cart.clone();
        was_capped |= cart.cap(now);
        shelves.entry(cart.cart_id()).or_default().take_in(author.incarnation_id, &author.elders, cart);
    }
    was_capped
}

async fn keep_aside(tx: &Tx, shelves: &BTreeMap<CartId, Shelf>, now: Timestamp) -> Result<(), Error> {
    let changed: Vec<_> = shelves.iter().filter(|(_, shelf)| shelf.is_aside_changed).collect();
    let ids: Vec<CartId> = changed.iter().map(|(id, _)| **id).collect();
    let kept: Vec<_> =
        changed.iter().flat_map(|(id, shelf)| shelf.aside.iter().map(|(author, cart)| (**id, *author, cart))).collect();
    kept::replace_aside(tx, &ids, &kept, now).await
}

fn raised(shelves: &BTreeMap<CartId, Shelf>, author: &Author, is_clock_ahead: bool, now: Timestamp) -> Vec<Raised> {
    let clock = is_clock_ahead.then(|| Raised {
        kind: ConcernKind::ClockAhead,
        subject: author.node_id.to_string(),
        detail: json!({ "node": author.node_id, "what": "a cart", "server": now }),
        scope: author.node_id.0,
        seq: None,
    });
    let refused = shelves.iter().flat_map(|(id, shelf)| {
        shelf.refused.iter().map(move |(sender, fault)| Raised {
            kind: ConcernKind::CartNotBelievable,
            subject: format!("{id}/{sender}"),
            detail: json!({ "cart": id, "incarnation": sender, "code": fault.code(), "reason": fault.to_string() }),
            scope: author.node_id.0,
            seq: None,
        })
    });
    clock.into_iter().chain(refused).collect()
}
