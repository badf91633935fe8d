//! Carts beside the journal: their mergeable states, which are ground, and what people read of them.

use std::collections::BTreeMap;

use outpost_schema::{
    cart::{Cart, Sold, SoldUnits},
    clock::Timestamp,
    id::{CartId, ProductId, UserId, WarehouseId},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Error;

/// Who changed a cart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// This node, so that it is to be pushed.
    Own,
    /// The feed told it.
    Told,
}

/// The cart, if it is known here.
pub(crate) fn load(conn: &Connection, cart_id: CartId) -> Result<Option<Cart>, Error> {
    let mut statement = conn.prepare_cached("select state from cart_states where cart_id = ?1")?;
    let state: Option<Vec<u8>> = statement.query_row([cart_id], |row| row.get(0)).optional()?;
    state.map(|state| decode(&state)).transpose()
}

/// Keeps a cart that was changed here: it waits to be pushed.
pub(crate) fn save(conn: &Connection, cart: &Cart, now: Timestamp) -> Result<(), Error> {
    keep(conn, cart, now, Change::Own)
}

/// Takes in what the feed tells of a cart.
pub(crate) fn merge(conn: &Connection, told: &Cart, now: Timestamp) -> Result<(), Error> {
    let merged = match load(conn, told.cart_id())? {
        None => told.clone(),
        Some(mut known) => {
            known.hear(told, is_unsent(conn, told.cart_id())?);
            known
        }
    };
    keep(conn, &merged, now, Change::Told)
}

/// Whether something of a cart waits to be pushed.
fn is_unsent(conn: &Connection, cart_id: CartId) -> Result<bool, Error> {
    let mut statement = conn.prepare_cached("select unsent > 0 from cart_states where cart_id = ?1")?;
    Ok(statement.query_row([cart_id], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// The feed says that a cart is gone: it goes, unless something of it waits to be pushed.
pub(crate) fn forget(conn: &Connection, cart_id: CartId) -> Result<(), Error> {
    let Some(owner) = owner_of(conn, cart_id)? else { return Ok(()) };
    conn.prepare_cached("delete from cart_states where cart_id = ?1 and unsent = 0")?.execute([cart_id])?;
    show_active(conn, owner)
}

/// How many carts wait to be pushed.
pub(crate) fn waiting(conn: &Connection) -> Result<i64, Error> {
    Ok(conn.query_row("select count(*) from cart_states where unsent > 0", [], |row| row.get(0))?)
}

/// The carts of every other place are no longer here. Says which these were.
pub(crate) fn leave_behind(conn: &Connection, here: WarehouseId) -> Result<Vec<CartId>, Error> {
    let mut left = states(conn, "select state from cart_states", [])?;
    left.retain(|cart| cart.home() != here);
    let left: Vec<CartId> = left.iter().map(Cart::cart_id).collect();
    left.iter().try_for_each(|cart_id| forget(conn, *cart_id))?;
    Ok(left)
}

/// Every cart that shows something, newest first; those that are empty live on unseen.
pub(crate) fn open(conn: &Connection) -> Result<Vec<Cart>, Error> {
    let mut carts = states(conn, "select state from cart_states order by updated_at desc", [])?;
    carts.retain(|cart| !cart.is_empty());
    Ok(carts)
}

/// How many units of each product are in open carts that are known here.
pub(crate) fn wanted(conn: &Connection) -> Result<BTreeMap<ProductId, i64>, Error> {
    let mut wanted: BTreeMap<_, i64> = BTreeMap::new();
    for line in open(conn)?.iter().flat_map(Cart::lines) {
        let units = wanted.entry(line.product_id).or_default();
        *units = units.saturating_add(line.quantity.units());
    }
    Ok(wanted)
}

/// Carts that wait to be pushed, in the order of their ids, those behind `after` only: at most `count` of
/// them and `bytes` of states; at least one if there is any and `bytes` is not 0.
pub(crate) fn unsent(conn: &Connection, after: Option<CartId>, count: usize, bytes: usize) -> Result<Vec<Cart>, Error> {
    let mut statement = conn.prepare_cached(
        "select state from cart_states where unsent > 0 and cart_id > coalesce(?1, x'') order by cart_id",
    )?;
    let mut rows = statement.query([after])?;
    let (mut carts, mut taken) = (Vec::new(), 0);
    while bytes > 0
        && carts.len() < count
        && let Some(row) = rows.next()?
    {
        let state: Vec<u8> = row.get(0)?;
        taken += state.len();
        if taken > bytes && !carts.is_empty() {
            break;
        }
        carts.push(decode(&state)?);
    }
    Ok(carts)
}

/// How many carts wait to be pushed.
pub(crate) fn count_unsent(conn: &Connection) -> Result<i64, Error> {
    let mut statement = conn.prepare_cached("select count(*) from cart_states where unsent > 0")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The server has `sent`: the cart waits no longer, unless it was changed meanwhile.
pub(crate) fn settle(conn: &Connection, sent: &Cart) -> Result<(), Error> {
    if load(conn, sent.cart_id())?.as_ref() == Some(sent) {
        conn.prepare_cached("update cart_states set unsent = 0 where cart_id = ?1")?.execute([sent.cart_id()])?;
    }
    Ok(())
}

/// The cart waits to be pushed, whoever told of it since.
pub(super) fn keep_unsent(conn: &Connection, cart_id: CartId) -> Result<(), Error> {
    conn.prepare_cached("update cart_states set unsent = unsent + 1 where cart_id = ?1")?.execute([cart_id])?;
    Ok(())
}

/// Shows every user's active cart, where states were filled in and nothing is shown yet.
pub(super) fn show_all(conn: &Connection) -> Result<(), Error> {
    let mut statement = conn.prepare("select distinct owner from cart_states")?;
    let owners: Vec<UserId> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    owners.into_iter().try_for_each(|owner| show_active(conn, owner))
}

/// Takes note of the units that a checkout sold.
pub(crate) fn claim(conn: &Connection, sold: &Sold) -> Result<(), Error> {
    let mut known = conn.prepare_cached("select units from cart_units where cart_id = ?1 and product_id = ?2")?;
    let mut kept = conn.prepare_cached(
        "insert into cart_units (cart_id, product_id, units) values (?1, ?2, ?3)
         on conflict (cart_id, product_id) do update set units = excluded.units",
    )?;
    for line in &sold.lines {
        let key = params![sold.cart_id, line.product_id];
        let bytes: Option<Vec<u8>> = known.query_row(key, |row| row.get(0)).optional()?;
        let units = bytes.map(|bytes| rmp_serde::from_slice(&bytes)).transpose().map_err(Error::damaged)?;
        let mut units: SoldUnits = units.unwrap_or_default();
        units.claim(line);
        kept.execute(params![sold.cart_id, line.product_id, encode(&units)])?;
    }
    Ok(())
}

fn keep(conn: &Connection, cart: &Cart, now: Timestamp, change: Change) -> Result<(), Error> {
    let former = owner_of(conn, cart.cart_id())?;
    conn.prepare_cached(
        "insert into cart_states (cart_id, owner, state, unsent, updated_at) values (?1, ?2, ?3, ?4, ?5)
         on conflict (cart_id) do update set owner = excluded.owner, state = excluded.state,
             unsent = unsent + excluded.unsent, updated_at = excluded.updated_at",
    )?
    .execute(params![cart.cart_id(), cart.owner(), encode(cart), i64::from(change == Change::Own), now])?;
    if let Some(former) = former.filter(|former| *former != cart.owner()) {
        show_active(conn, former)?;
    }
    if cart.is_parked() { show_active(conn, cart.owner()) } else { show(conn, cart.owner(), Some(cart)) }
}

fn owner_of(conn: &Connection, cart_id: CartId) -> Result<Option<UserId>, Error> {
    let mut statement = conn.prepare_cached("select owner from cart_states where cart_id = ?1")?;
    Ok(statement.query_row([cart_id], |row| row.get(0)).optional()?)
}

/// Shows a user's active cart: the one that was changed last, of those that are not parked.
fn show_active(conn: &Connection, owner: UserId) -> Result<(), Error> {
    let mut statement =
        conn.prepare_cached("select state from cart_states where owner = ?1 order by updated_at desc, cart_id")?;
    let mut rows = statement.query([owner])?;
    while let Some(row) = rows.next()? {
        let cart = decode(&row.get::<_, Vec<u8>>(0)?)?;
        if !cart.is_parked() {
            return show(conn, owner, Some(&cart));
        }
    }
    show(conn, owner, None)
}

/// Writes the rows of a user's active cart, of which most are there already.
fn show(conn: &Connection, owner: UserId, cart: Option<&Cart>) -> Result<(), Error> {
    let mut shown = shown(conn, owner)?;
    let mut put = conn.prepare_cached(
        "insert into carts (user_id, product_id, quantity, added_at) values (?1, ?2, ?3, ?4)
         on conflict (user_id, product_id) do update set quantity = excluded.quantity, added_at = excluded.added_at",
    )?;
    for line in cart.map(Cart::lines).unwrap_or_default() {
        let row = (line.quantity.units(), line.added_at);
        if shown.remove(&line.product_id) != Some(row) {
            put.execute(params![owner, line.product_id, row.0, row.1])?;
        }
    }
    let mut remove = conn.prepare_cached("delete from carts where user_id = ?1 and product_id = ?2")?;
    for product_id in shown.keys() {
        remove.execute(params![owner, product_id])?;
    }
    Ok(())
}

fn shown(conn: &Connection, owner: UserId) -> Result<BTreeMap<ProductId, (i64, Timestamp)>, Error> {
    let mut statement = conn.prepare_cached("select product_id, quantity, added_at from carts where user_id = ?1")?;
    let rows = statement.query_map([owner], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The carts whose states this query gives.
pub(super) fn states(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Cart>, Error> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|state| decode(&state?)).collect()
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("our own types always encode into memory")
}

fn decode(state: &[u8]) -> Result<Cart, Error> {
    rmp_serde::from_slice(state).map_err(Error::damaged)
}
