//! Which aggregates are a node's own, so that head office may say otherwise of them.

use std::collections::BTreeSet;

use outpost_schema::{
    digest::{Ids, KeyRange, laid_over},
    feed::{Key, Kind},
    op::{Op, OpKind},
    word::Word as _,
};
use rusqlite::{Connection, params, params_from_iter};
use uuid::Uuid;

use super::read::{high, low};
use crate::{
    db::{identity, journal},
    error::Error,
};

/// The aggregates that something of this node's own is laid over, but for stock: ops that no image
/// contains yet, and carts that wait to be pushed.
pub(crate) struct Own(BTreeSet<Key>);

impl Own {
    /// All of them.
    pub(crate) fn load(conn: &Connection) -> Result<Self, Error> {
        let mut keys = BTreeSet::new();
        // What earlier lives left untold is carried by this one.
        let life = identity::load(conn)?.incarnation_id();
        let acked = journal::acked(conn, life)?.seq;
        lay(conn, "incarnation_id = ?1 and seq > ?2", params![life, acked], &mut keys)?;
        // The list of words repeats the index's, or SQLite would not know that it may use it.
        lay(conn, "verdict in ('refused', 'set_aside') and verdict = 'set_aside'", params![], &mut keys)?;
        let mut statement = conn.prepare_cached("select cart_id from cart_states where unsent > 0")?;
        let carts = statement.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
        for cart in carts {
            keys.insert(Key { kind: Kind::Cart, ids: vec![cart?] });
        }
        Ok(Self(keys))
    }

    /// Those in a range; of stock, the rows with something pending over them.
    pub(crate) fn within(&self, conn: &Connection, range: &KeyRange) -> Result<BTreeSet<Ids>, Error> {
        match range.kind {
            Kind::Stock => waiting_stock(conn, range),
            Kind::Warehouse
            | Kind::Category
            | Kind::Product
            | Kind::Allotment
            | Kind::User
            | Kind::Address
            | Kind::Order
            | Kind::Review
            | Kind::Cart
            | Kind::Concern
            | Kind::Transfer
            | Kind::Delivery
            | Kind::Return
            | Kind::Rule
            | Kind::Confirmation
            | Kind::Synonyms
            | Kind::Verdict => {
                let keys = self.0.iter().filter(|key| key.kind == range.kind && range.has(&key.ids));
                Ok(keys.map(|key| key.ids.clone()).collect())
            }
        }
    }
}

/// Everything that this node's own journal ever made, as far as the journal is there.
pub(crate) fn made_here(conn: &Connection) -> Result<BTreeSet<Key>, Error> {
    let mut keys = BTreeSet::new();
    lay(
        conn,
        "kind in ('sale', 'customer_added', 'address_added', 'reviewed', 'returned', 'carried')",
        params![],
        &mut keys,
    )?;
    Ok(keys)
}

fn lay(conn: &Connection, which: &str, params: impl rusqlite::Params, keys: &mut BTreeSet<Key>) -> Result<(), Error> {
    let mut statement = conn.prepare_cached(&format!("select kind, body from journal where {which}"))?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        // What cannot be read is looked at by whoever checks the journal's chain.
        let (kind, body) =
            (row.get_ref(0)?.as_str().unwrap_or_default(), row.get_ref(1)?.as_blob().unwrap_or_default());
        let op = OpKind::of_word(kind).and_then(|kind| Op::from_body(kind, body));
        keys.extend(op.iter().flat_map(laid_over));
    }
    Ok(())
}

fn waiting_stock(conn: &Connection, range: &KeyRange) -> Result<BTreeSet<Ids>, Error> {
    let mut statement = conn.prepare_cached(
        "select distinct product_id, warehouse_id from pending
         where (product_id, warehouse_id) > (?1, ?2) and (product_id, warehouse_id) <= (?3, ?4)",
    )?;
    let (low, high) = (low(range.after.as_ref(), 2), high(range.upto.as_ref(), 2));
    let rows = statement.query_map(params_from_iter(low.iter().chain(&high)), |row| {
        Ok(vec![Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?)])
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
