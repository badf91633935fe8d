//! The mergeable state of every cart, states that wait for others', and each user's active cart as
//! people read it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_schema::{
    cart::Cart,
    clock::Timestamp,
    fault::Fault,
    id::{CartId, IncarnationId, UserId},
};

use super::Tx;
use crate::error::Error;

/// A state as kept: MessagePack with named fields.
fn encode(cart: &Cart) -> Vec<u8> {
    rmp_serde::to_vec_named(cart).expect("our own types always encode into memory")
}

fn decode(kept: &[u8]) -> Result<Cart, Error> {
    rmp_serde::from_slice(kept).map_err(|_| Fault::Unreadable { what: "a kept cart" }.into())
}

/// The states of these carts, locked.
///
/// # Errors
/// If Postgres fails.
pub async fn lock(tx: &Tx, ids: &[CartId]) -> Result<BTreeMap<CartId, Cart>, Error> {
    let sql = "select cart_id, state from cart_states where cart_id = any($1) order by cart_id for no key update";
    let rows = tx.query(sql, &[&ids]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, decode(row.try_get(1)?)?))).collect()
}

/// The states of these carts that are kept aside, each with who sent it.
///
/// # Errors
/// If Postgres fails.
pub async fn aside(tx: &Tx, ids: &[CartId]) -> Result<BTreeMap<CartId, Vec<(IncarnationId, Cart)>>, Error> {
    let sql = "select cart_id, incarnation_id, state from cart_states_aside where cart_id = any($1)
               order by cart_id, incarnation_id";
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in tx.query(sql, &[&ids]).await? {
        found.entry(row.try_get(0)?).or_default().push((row.try_get(1)?, decode(row.try_get(2)?)?));
    }
    Ok(found)
}

/// Writes the states of carts: those in `before` are there and locked, others are new. A new one that
/// has come meanwhile breaks its key.
///
/// # Errors
/// If Postgres fails.
pub async fn write(tx: &Tx, carts: &[&Cart], before: &BTreeSet<CartId>, now: Timestamp) -> Result<(), Error> {
    let update = "update cart_states c
         set owner = s.owner, home = s.home, state = s.state, is_active = s.is_active, updated_at = $6
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::boolean[])
              as s (cart_id, owner, home, state, is_active)
         where c.cart_id = s.cart_id";
    let insert = "insert into cart_states (cart_id, owner, home, state, is_active, updated_at)
         select cart_id, owner, home, state, is_active, $6
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::boolean[])
              as s (cart_id, owner, home, state, is_active)";
    let (old, new): (Vec<&Cart>, Vec<&Cart>) = carts.iter().partition(|cart| before.contains(&cart.cart_id()));
    for (sql, carts) in [(update, old), (insert, new)] {
        if carts.is_empty() {
            continue;
        }
        let ids: Vec<_> = carts.iter().map(|cart| cart.cart_id()).collect();
        let owners: Vec<_> = carts.iter().map(|cart| cart.owner()).collect();
        let homes: Vec<_> = carts.iter().map(|cart| cart.home()).collect();
        let states: Vec<_> = carts.iter().map(|cart| encode(cart)).collect();
        let are_active: Vec<_> = carts.iter().map(|cart| !cart.is_parked() && !cart.is_empty()).collect();
        tx.execute(sql, &[&ids, &owners, &homes, &states, &are_active, &now]).await?;
    }
    Ok(())
}

/// Replaces what is kept aside of these carts.
///
/// # Errors
/// If Postgres fails.
pub async fn replace_aside(
    tx: &Tx,
    ids: &[CartId],
    kept: &[(CartId, IncarnationId, &Cart)],
    now: Timestamp,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.execute("delete from cart_states_aside where cart_id = any($1)", &[&ids]).await?;
    let carts: Vec<_> = kept.iter().map(|(cart_id, _, _)| *cart_id).collect();
    let authors: Vec<_> = kept.iter().map(|(_, author, _)| *author).collect();
    let states: Vec<_> = kept.iter().map(|(_, _, cart)| encode(cart)).collect();
    tx.execute(
        "insert into cart_states_aside (cart_id, incarnation_id, state, received_at)
         select cart_id, incarnation_id, state, $4
         from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as a (cart_id, incarnation_id, state)",
        &[&carts, &authors, &states, &now],
    )
    .await?;
    Ok(())
}

/// Writes the active carts of these owners as people read them: the newest that shows something and
/// is not parked. Products that the server does not know yet are left out.
///
/// # Errors
/// If Postgres fails.
pub async fn show_active(tx: &Tx, owners: &[UserId]) -> Result<(), Error> {
    let sql = "select distinct on (owner) owner, state from cart_states
               where owner = any($1) and is_active order by owner, cart_id desc";
    let (mut users, mut products, mut quantities, mut added) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in tx.query(sql, &[&owners]).await? {
        let owner: UserId = row.try_get(0)?;
        for line in decode(row.try_get(1)?)?.lines() {
            users.push(owner);
            products.push(line.product_id);
            quantities.push(line.quantity);
            added.push(line.added_at);
        }
    }
    tx.execute("delete from carts where user_id = any($1)", &[&owners]).await?;
    tx.execute(
        "insert into carts (user_id, product_id, quantity, added_at)
         select user_id, product_id, quantity, added_at
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
              as l (user_id, product_id, quantity, added_at)
         join products p using (product_id)",
        &[&users, &products, &quantities, &added],
    )
    .await?;
    Ok(())
}
